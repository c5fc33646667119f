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
    #[error("the policy wanted more than {limit} bytes of memory in `{call}`")]
    Memory {
        /// The call.
        call: &'static str,
        /// The setting `memory_max`.
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
            Self::TooLarge { .. } => "too-large",
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
