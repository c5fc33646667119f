//! Faults: the policy failed to decide. Never a denial: the session answers with the fault codes (3.1.1 CONNACK 3, MQTT 5 0x88), and the
//! instance that faulted is dropped.

use crate::grant::{TooLarge, Unusable};
use std::time::Duration;

/// The policy failed; never a denial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// All instances were busy for too long.
    #[error("no instance of the policy was free for `{call}` within {waited:?}")]
    Busy {
        /// The call.
        call: &'static str,
        /// The setting `wait_max`.
        waited: Duration,
    },
    /// A component that took these documents once has refused them for another instance.
    #[error("a new instance of the policy refused its documents: {cause}")]
    Configure {
        /// Its first problem.
        cause: String,
    },
    /// The call took too long and was stopped.
    #[error("the policy did not answer `{call}` within {limit:?}")]
    Deadline {
        /// The call.
        call: &'static str,
        /// The setting `call_deadline` or `configure_deadline`.
        limit: Duration,
    },
    /// The host itself failed in the call: a bug.
    #[error("the host failed in `{call}`: {cause}")]
    Host {
        /// The call.
        call: &'static str,
        /// What the runtime says.
        cause: String,
    },
    /// The component asked for more memory than it may have.
    #[error("the policy wanted {wanted} bytes of memory in `{call}`, over the limit of {limit}")]
    Memory {
        /// The call.
        call: &'static str,
        /// Bytes of all its memories, with those that it asked for.
        wanted: usize,
        /// The setting `memory_max`.
        limit: usize,
    },
    /// The component consists of more parts than any tool chain makes.
    #[error("the policy has more than {limit} core instances, memories or tables: {cause}")]
    Parts {
        /// Of each.
        limit: usize,
        /// Which of them, and how many.
        cause: String,
    },
    /// What came back does not fit into what one call may return.
    #[error("the policy returned more than {limit} bytes from `{call}`")]
    Returned {
        /// The call.
        call: &'static str,
        /// The setting `returned_max`.
        limit: usize,
    },
    /// The component called itself too deeply.
    #[error("the policy used more than {limit} bytes of stack in `{call}`")]
    Stack {
        /// The call.
        call: &'static str,
        /// The setting `stack_max`.
        limit: usize,
    },
    /// The component asked for larger tables than it may have.
    #[error("the policy wanted {wanted} table elements in `{call}`, over the limit of {limit}")]
    Table {
        /// The call.
        call: &'static str,
        /// Elements of all its tables, with those that it asked for.
        wanted: usize,
        /// The setting `table_max`.
        limit: usize,
    },
    /// A value that came back is over a limit of the contract.
    #[error("the policy returned too much from `{call}`: {source}")]
    TooLarge {
        /// The call.
        call: &'static str,
        /// What, how much, and the limit.
        source: TooLarge,
    },
    /// The component ended the call by a trap.
    #[error("the policy trapped in `{call}`: {cause}")]
    Trap {
        /// The call.
        call: &'static str,
        /// The trap.
        cause: String,
    },
    /// A value that came back cannot be read or makes no sense.
    #[error("the policy returned a value that the contract does not allow from `{call}`: {cause}")]
    Value {
        /// The call.
        call: &'static str,
        /// What is wrong with it.
        cause: String,
    },
}

impl Fault {
    /// A stable name for metrics and the decision log.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Configure { .. } => "configure",
            Self::Deadline { .. } => "deadline",
            Self::Host { .. } => "host",
            Self::Memory { .. } => "memory",
            Self::Parts { .. } => "parts",
            Self::Returned { .. } | Self::TooLarge { .. } => "too-large",
            Self::Stack { .. } => "stack",
            Self::Table { .. } => "table",
            Self::Trap { .. } => "trap",
            Self::Value { .. } => "value",
        }
    }
}

/// A grant that does not compile is a fault of `authorize`.
impl From<Unusable> for Fault {
    fn from(unusable: Unusable) -> Self {
        let call = "authorize";
        match unusable {
            Unusable::TooLarge(source) => Self::TooLarge { call, source },
            other => Self::Value {
                call,
                cause: other.to_string(),
            },
        }
    }
}
