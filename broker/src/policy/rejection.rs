//! Rejections: why a candidate did not become active. The active generation is untouched.

use super::fault::Fault;
use serde::Serialize;

/// Why a candidate did not become active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    /// Stable, for programs: one of those below.
    pub code: &'static str,
    /// Lower case, the offending value in backticks, the cause after a colon.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The component's bytes are over the operator's limit.
pub const COMPONENT_TOO_LARGE: &str = "component-too-large";
/// The component's file cannot be read.
pub const COMPONENT_UNREADABLE: &str = "component-unreadable";
/// The bytes are no valid WebAssembly component.
pub const COMPONENT_INVALID: &str = "component-invalid";
/// The component's machine code would be absurdly large.
pub const COMPILE_OUTPUT: &str = "compile-output";
/// The compiler used up its time on a core.
pub const COMPILE_CPU: &str = "compile-cpu";
/// The compiler used up its memory.
pub const COMPILE_MEMORY: &str = "compile-memory";
/// The compiler got no core for too long: nothing is known about the component.
pub const COMPILE_TIME: &str = "compile-time";
/// The compiler could not be run, or ended otherwise.
pub const COMPILE_FAILED: &str = "compile-failed";
/// The component wants something from the host.
pub const IMPORTS_NOT_EMPTY: &str = "imports-not-empty";
/// The component does not speak the contract at all.
pub const CONTRACT_MISSING: &str = "contract-missing";
/// The component speaks a version of the contract that this host does not.
pub const CONTRACT_VERSION: &str = "contract-version";
/// A function of the contract is missing or has another type.
pub const EXPORTS_MISMATCH: &str = "exports-mismatch";
/// A document cannot be read or is over a limit.
pub const DOCUMENTS_UNREADABLE: &str = "documents-unreadable";
/// The policy found problems in its documents.
pub const CONFIGURE_FAILED: &str = "configure-failed";
/// What the policy asks of the host cannot be done.
pub const SETUP_INVALID: &str = "setup-invalid";
/// A table case does not come out as it should.
pub const CASES_FAILED: &str = "cases-failed";
/// Another candidate took its place, or it was taken back.
pub const SUPERSEDED: &str = "superseded";
/// An operator discarded it.
pub const DISCARDED: &str = "discarded";
/// It faulted too often on probation or in a canary.
pub const FAULTED: &str = "faulted";
/// It disagreed too often with the active generation.
pub const SHADOW_DISAGREED: &str = "shadow-disagreed";
/// A canary has other inboxes than the active generation.
pub const INBOXES_DIFFER: &str = "inboxes-differ";
/// An operator rolled it back.
pub const ROLLED_BACK: &str = "rolled-back";
/// There is no generation to go back to.
pub const NOTHING_BEFORE: &str = "nothing-before";
/// There is no candidate on trial.
pub const NOTHING_ON_TRIAL: &str = "nothing-on-trial";
/// What shall outlive the process cannot be stored or read.
pub const SHELF_FAILED: &str = "shelf-failed";
/// The component is another one than the pinned one.
pub const PIN_MISMATCH: &str = "pin-mismatch";
/// The component has no signature and needs one.
pub const SIGNATURE_MISSING: &str = "signature-missing";
/// The signature is malformed, of another key, or of other bytes.
pub const SIGNATURE_INVALID: &str = "signature-invalid";
/// The signature does not say which revision this is.
pub const SIGNATURE_WITHOUT_REVISION: &str = "signature-without-revision";
/// A newer revision was accepted before, or another component under the same one.
pub const REVISION_REPLAYED: &str = "revision-replayed";
/// The host itself cannot run policies.
pub const HOST_FAILED: &str = "host-failed";

// The component faulted while it was tried: `fault-` and the kind of the fault.

/// [`Fault::Busy`].
pub const FAULT_BUSY: &str = "fault-busy";
/// [`Fault::Configure`].
pub const FAULT_CONFIGURE: &str = "fault-configure";
/// [`Fault::Deadline`].
pub const FAULT_DEADLINE: &str = "fault-deadline";
/// [`Fault::Host`].
pub const FAULT_HOST: &str = "fault-host";
/// [`Fault::Memory`].
pub const FAULT_MEMORY: &str = "fault-memory";
/// [`Fault::Parts`].
pub const FAULT_PARTS: &str = "fault-parts";
/// [`Fault::Stack`].
pub const FAULT_STACK: &str = "fault-stack";
/// [`Fault::Table`].
pub const FAULT_TABLE: &str = "fault-table";
/// [`Fault::TooLarge`] and [`Fault::Returned`].
pub const FAULT_TOO_LARGE: &str = "fault-too-large";
/// [`Fault::Trap`].
pub const FAULT_TRAP: &str = "fault-trap";
/// [`Fault::Value`].
pub const FAULT_VALUE: &str = "fault-value";

impl Rejection {
    /// A rejection of the caller's own.
    pub(crate) fn new(
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            help: help.into(),
        }
    }

    pub(super) fn host(cause: impl std::fmt::Display) -> Self {
        Self::new(
            HOST_FAILED,
            format!("the host cannot run policies: {cause}"),
            "this is not the policy's fault: check the limits of the process, and report it if they are sane",
        )
    }
}

/// A fault of a candidate, with the limit that it met.
impl From<Fault> for Rejection {
    fn from(fault: Fault) -> Self {
        let (code, help) = match fault {
            Fault::Busy { .. } => (FAULT_BUSY, "offer it again, or raise `wait_max`"),
            Fault::Configure { .. } => (
                FAULT_CONFIGURE,
                "mend the policy: the same documents must give the same answer, whatever was configured before",
            ),
            Fault::Deadline { .. } => (
                FAULT_DEADLINE,
                "find the loop in the policy, or raise `call_deadline` or `configure_deadline`",
            ),
            Fault::Host { .. } => (
                FAULT_HOST,
                "this is not the policy's fault: check the limits of the process, and report it if they are sane",
            ),
            Fault::Memory { .. } => (
                FAULT_MEMORY,
                "let the policy keep less in memory, or raise `memory_max`",
            ),
            Fault::Parts { .. } => (
                FAULT_PARTS,
                "link the component's modules into fewer: no tool chain needs so many",
            ),
            Fault::Stack { .. } => (
                FAULT_STACK,
                "find the endless recursion in the policy, or raise `stack_max`",
            ),
            Fault::Table { .. } => (FAULT_TABLE, "use a smaller table, or raise `table_max`"),
            Fault::Returned { .. } => (
                FAULT_TOO_LARGE,
                "let the policy return less, or raise `returned_max`",
            ),
            Fault::TooLarge { .. } => (
                FAULT_TOO_LARGE,
                "let the policy return less: `wit/policy.wit` lists the limits of the contract",
            ),
            Fault::Trap { .. } => (
                FAULT_TRAP,
                "mend the policy: a panic, an index out of range and an arithmetic error are traps",
            ),
            Fault::Value { .. } => (
                FAULT_VALUE,
                "mend the policy: `wit/policy.wit` says what each value may be",
            ),
        };
        let help = format!("{help}; `iotda-broker policy test` runs it under the same limits");
        Self::new(code, fault.to_string(), help)
    }
}

/// An error of the runtime with its causes, as one line.
pub(super) fn one_line(error: &wasmtime::Error) -> String {
    let line = format!("{error:#}");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::TooLarge;
    use std::time::Duration;

    #[test]
    fn a_fault_is_rejected_by_its_kind_with_its_words() {
        let (call, cause, limit, wanted) = ("identify", "c".to_owned(), 1, 2);
        let source = TooLarge {
            what: "w",
            value: 2,
            limit,
        };
        let time = Duration::from_secs(1);
        for fault in [
            Fault::Busy { call, waited: time },
            Fault::Configure {
                cause: cause.clone(),
            },
            Fault::Deadline { call, limit: time },
            Fault::Host {
                call,
                cause: cause.clone(),
            },
            Fault::Memory {
                call,
                wanted,
                limit,
            },
            Fault::Parts {
                limit,
                cause: cause.clone(),
            },
            Fault::Returned { call, limit },
            Fault::Stack { call, limit },
            Fault::Table {
                call,
                wanted,
                limit,
            },
            Fault::TooLarge { call, source },
            Fault::Trap {
                call,
                cause: cause.clone(),
            },
            Fault::Value { call, cause },
        ] {
            let rejection = Rejection::from(fault.clone());
            assert_eq!(rejection.code, format!("fault-{}", fault.kind()));
            assert_eq!(rejection.message, fault.to_string());
            assert!(!rejection.help.is_empty());
        }
    }
}
