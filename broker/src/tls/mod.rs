//! TLS of the listeners: one server certificate, optional client certificates, judged against the verified authorities of the moment.
//!
//! ```text
//!   registry ── authorities ──> TrustStore <── verifier (one per handshake: chain, then proof of possession) <── Acceptor
//! ```
//!
//! What a client certificate leads to:
//!
//! | the certificate | result |
//! |---|---|
//! | none | the handshake completes, the chain is empty |
//! | chains to a verified authority, key proven | completes, [`Proof::authority`] names the authority |
//! | well-formed, in time, key proven, but of no verified authority (or itself a CA) | completes without an authority, so that the policy refuses with a CONNACK code that a device engineer can read |
//! | malformed, expired, badly signed in the name of a known authority, of an unsupported algorithm or version | TLS alert |
//! | key not proven | TLS alert |
//!
//! Version 1 leaves, which the vendor's own openssl steps make, are taken as narrowly as `version1` says.
//!
//! Bounds: nothing is remembered between handshakes (no session resumption); the caller bounds a handshake in time and number.

mod acceptor;
pub mod authority;
mod certificate;
mod error;
pub mod issue;
pub mod pem;
mod trust;
mod verifier;
mod version1;

#[cfg(test)]
mod tests;

pub use acceptor::{Acceptor, Proof};
pub use error::Error;
pub use trust::TrustStore;

use std::sync::{Arc, LazyLock};
use tokio_rustls::rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};

/// Named here and nowhere else, so that no process-wide default decides.
static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));

/// What may sign a certificate or a handshake: for version 1 leaves as for all others.
fn algorithms() -> WebPkiSupportedAlgorithms {
    PROVIDER.signature_verification_algorithms
}
