//! The workbench of policy authors: what a policy decides and why, without a broker, without traffic and without a client's password.
//!
//! ```text
//!   cases ── shape ──> stand_in ──> principal, grant ──> access ──┬─> explain   one access: who decided, where it is written
//!   registry ── record ──^                                        ├─> diff      two policies over clients x topics
//!                                                                 └─> replay    another policy over what was decided
//!                                decision log ── logged ──> diff, line by line ──> replay
//! ```
//!
//! Everything is decided by the component itself and by the host's own matcher, under the limits of a broker. What is added: a client
//! proves itself by a stand-in ([`stand_in`]), since passwords are the policy's own business and nobody types them here. Bounded by the
//! registry, by the corpus ([`diff`]) and by the log, which [`replay`] reads one line at a time. A fault of a component ends a tool with an error: it is no answer.

pub mod access;
pub mod diff;
pub mod difference;
pub mod explain;
pub mod logged;
pub mod replay;
pub mod shape;
pub mod stand_in;

use crate::policy::Fault;
use stand_in::NoPrincipal;

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The component fails.
    #[error("the component failed: {0}")]
    Fault(#[from] Fault),
    /// Nobody proves the client.
    #[error(transparent)]
    NoPrincipal(#[from] NoPrincipal),
}

impl From<crate::grant::Unusable> for Failure {
    fn from(unusable: crate::grant::Unusable) -> Self {
        Self::Fault(Fault::from(unusable))
    }
}
