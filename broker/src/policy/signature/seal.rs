//! What a signature file says of itself before anybody has verified it: for authors' tools, never for trust. Pure.

use super::header::decode_base64;
use super::minisign::{PublicKey, read, revision_in};
use crate::policy::Rejection;

/// Where the key's id stands in the second line: after two letters for the algorithm.
const KEY_ID: std::ops::Range<usize> = 2..10;

/// A signature as its file tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The id of the key that it says it was made with, as minisign prints it: 16 hex digits.
    pub key_id: String,
    /// The revision that its trusted comment says, or why it says none.
    pub revision: Result<u64, Rejection>,
}

impl Seal {
    /// `signature`: the text of a `.minisig` file.
    ///
    /// # Errors
    ///
    /// Code `signature-invalid`: it is none, or of the legacy format, or over 4096 bytes.
    pub fn read(signature: &str) -> Result<Self, Rejection> {
        let decoded = read(signature)?;
        let key_id = signature.lines().nth(1).and_then(key_id);
        Ok(Self {
            key_id: key_id.unwrap_or_default(),
            revision: revision_in(decoded.trusted_comment()),
        })
    }
}

/// The id of the key in the base64 line of a signature or a public key, as minisign prints it.
pub fn key_id(line: &str) -> Option<String> {
    let bytes = decode_base64(line.trim())?;
    let id: [u8; 8] = bytes.get(KEY_ID)?.try_into().ok()?;
    Some(format!("{:016X}", u64::from_le_bytes(id)))
}

/// The key in the text of a `minisign.pub`, or its second line alone.
///
/// # Errors
///
/// It is none: what was read is shown, and what is needed.
pub fn public_key(text: &str) -> Result<PublicKey, String> {
    let line = text.lines().rfind(|line| !line.trim().is_empty());
    PublicKey::try_from(line.unwrap_or_default().to_owned())
}
