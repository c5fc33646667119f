//! The policy host: wasmtime, generations, swap, calls. (STUB: signatures only)
//!
//! A CONNECT takes one [`Generation`] and makes all its calls on it; a session never mixes two.

use crate::contract::{
    Access, Connect, Description, Document, Grant as WireGrant, Lookup, Principal, Refusal,
    Subject, UtcMs, Verdict,
};
use crate::grant::inbox::Inboxes;
use std::sync::Arc;
use tokio::sync::watch;

/// Immutable: component + documents + revision, compiled, configured, ready to be called.
pub struct Generation {/* … */}
impl Generation {
    /// Counts up from 1 in this process.
    pub fn revision(&self) -> u64 {
        unimplemented!()
    }
    /// SHA-256 of the component, lower-case hex.
    pub fn component_digest(&self) -> &str {
        unimplemented!()
    }
    /// SHA-256 over names and texts of the documents, lower-case hex.
    pub fn documents_digest(&self) -> &str {
        unimplemented!()
    }
    pub fn description(&self) -> &Description {
        unimplemented!()
    }
    pub fn inboxes(&self) -> &Arc<Inboxes> {
        unimplemented!()
    }

    // Calls. Async: they run on a bounded set of blocking threads, so a component that loops stalls no other client. Err = fault.
    pub async fn identify(
        self: &Arc<Self>,
        connect: &Arc<Connect>,
    ) -> Result<Result<Lookup, Refusal>, Fault> {
        let _ = connect;
        unimplemented!()
    }
    pub async fn authenticate(
        self: &Arc<Self>,
        connect: &Arc<Connect>,
        subject: &Subject,
    ) -> Result<Result<Principal, Refusal>, Fault> {
        let _ = (connect, subject);
        unimplemented!()
    }
    pub async fn authorize(
        self: &Arc<Self>,
        principal: &Principal,
        subject: &Subject,
        now: UtcMs,
    ) -> Result<Result<WireGrant, Refusal>, Fault> {
        let _ = (principal, subject, now);
        unimplemented!()
    }
    pub async fn inspect(self: &Arc<Self>, access: Access) -> Result<Verdict, Fault> {
        let _ = access;
        unimplemented!()
    }
}

/// A component as it came in, with the documents of its generation.
pub struct Candidate {
    pub component: Vec<u8>,
    pub documents: Vec<Document>,
}

/// The active generation of one policy. Clone is cheap.
#[derive(Clone)]
pub struct Policy {/* Arc … */}
impl Policy {
    /// Compiles, checks and activates the first generation.
    pub fn start(settings: Settings, candidate: Candidate) -> Result<Self, Rejection> {
        let _ = (settings, candidate);
        unimplemented!()
    }
    /// Readers never wait for a swap.
    pub fn active(&self) -> Arc<Generation> {
        unimplemented!()
    }
    /// Sees every new revision; sessions await it to be judged again.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        unimplemented!()
    }
    /// The whole ladder: size, compile, imports, contract version, instantiate, configure, then one pointer store.
    pub async fn offer(&self, candidate: Candidate) -> Result<Arc<Generation>, Rejection> {
        let _ = candidate;
        unimplemented!()
    }
}

/// Limits of calls and values; defaults are those of `wit/policy.wit`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {/* deadlines, memory, stack, component-size-max … */}
impl Default for Settings {
    fn default() -> Self {
        unimplemented!()
    }
}

/// The policy failed; never a denial. The session answers with the fault codes (3.1.1 CONNACK 3, MQTT 5 0x88).
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    #[error("the policy trapped in `{call}`: {cause}")]
    Trap { call: &'static str, cause: String }, /* deadline, memory, too large, … */
}

/// Why a candidate did not become active. `code` is stable (`component-invalid`, `imports-not-empty`, `configure-failed` …).
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Rejection {
    pub code: &'static str,
    pub message: String,
    pub help: String,
}
