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
/// The component wants something from the host.
pub const IMPORTS_NOT_EMPTY: &str = "imports-not-empty";
/// The component does not speak the contract at all.
pub const CONTRACT_MISSING: &str = "contract-missing";
/// The component speaks a version of the contract that this host does not.
pub const CONTRACT_VERSION: &str = "contract-version";
/// A function of the contract is missing or has another type.
pub const EXPORTS_MISMATCH: &str = "exports-mismatch";
/// The component faulted while it was tried.
pub const POLICY_FAULT: &str = "policy-fault";
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
/// The host itself cannot run policies.
pub const HOST_FAILED: &str = "host-failed";

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

impl From<Fault> for Rejection {
    fn from(fault: Fault) -> Self {
        Self::new(
            POLICY_FAULT,
            fault.to_string(),
            "mend the policy; `iotda-broker policy test` runs it under the same limits",
        )
    }
}
