//! Whose components are taken: the operator's digest pin and signing key. Pure.
//!
//! Without either, everybody's who can write the component's file or holds the admin token. On failure nothing is trusted: every doubt
//! is a [`Rejection`]. Bounds are those of [`minisign`].

mod header;
mod minisign;
mod pin;
mod seal;

#[cfg(test)]
mod tests;

pub use header::{decode_base64, decode_signature};
pub use minisign::PublicKey;
pub use pin::Pin;
pub use seal::{Seal, key_id, public_key};

use super::rejection::{Rejection, SIGNATURE_MISSING};

/// What a component must show before it is compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// The only component.
    pub pin: Option<Pin>,
    /// Who signs components; without it, a signature that is there is not looked at.
    pub key: Option<PublicKey>,
}

impl Trust {
    /// Checks the pin, then the signature, then that its revision is not an older one; returns that revision, where a key is set. Takes
    /// milliseconds for a component of megabytes.
    ///
    /// `digest`: the SHA-256 of `component` in lower-case hex. `signature`: the text of the `.minisig` file that came with it. `highest`: the
    /// highest revision that was accepted so far, with the digest it was accepted for; remember what is returned here with `digest` as the
    /// next one once the component is in force.
    ///
    /// # Errors
    ///
    /// Codes `pin-mismatch`, `signature-missing`, `signature-invalid`, `signature-without-revision`, `revision-replayed`.
    pub fn check(
        &self,
        component: &[u8],
        digest: &str,
        signature: Option<&str>,
        highest: Option<(u64, String)>,
    ) -> Result<Option<u64>, Rejection> {
        if let Some(pin) = &self.pin {
            pin.check(digest)?;
        }
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let revision = minisign::verify(component, signature.ok_or_else(missing)?, key)?;
        minisign::check_revision(revision, digest, highest)?;
        Ok(Some(revision))
    }
}

fn missing() -> Rejection {
    Rejection::new(
        SIGNATURE_MISSING,
        "the component has no signature: the policy's `public_key` asks for one",
        "sign it, `minisign -Sm FILE -t revision:N`; then put `FILE.minisig` beside the file, or send it in base64 in the header `X-Policy-Signature`",
    )
}
