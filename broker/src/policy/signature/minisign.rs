//! Signed components: minisign signatures, and the revision in them that keeps an older policy from coming back. Pure.
//!
//! `minisign -Sm FILE -t revision:N` signs. What it writes is the file `FILE.minisig` beside a component, or, in base64, the header of an
//! upload. `N` is in the trusted comment, which is signed, too; whoever holds the key chooses it, higher with every release.
//!
//! Only minisign's present format is taken, a signature of the BLAKE2b-512 digest (minisign's default since 0.10), not the legacy one of the
//! whole file: one format is one thing fewer to get wrong. Bounds: a signature has [`LARGEST`] bytes. On failure nothing is trusted:
//! every doubt is a [`Rejection`].

use crate::policy::Rejection;
use crate::policy::rejection::{REVISION_REPLAYED, SIGNATURE_INVALID, SIGNATURE_WITHOUT_REVISION};
use minisign_verify::{Error, Signature};
use serde::Deserialize;

/// Bytes of a signature file; usual ones have some 300.
pub(super) const LARGEST: usize = 4096;

/// Who may sign components, from the setting `public_key`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PublicKey(minisign_verify::PublicKey);

/// The second line of `minisign.pub`.
impl TryFrom<String> for PublicKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let key = minisign_verify::PublicKey::from_base64(text.trim());
        key.map(Self).map_err(|_| {
            let shown: String = text.chars().take(100).collect();
            format!(
                "`{shown}` is no public key of minisign: give the second line of `minisign.pub`, which starts with RW"
            )
        })
    }
}

/// The revision as which the holder of the key has signed these bytes. `signature`: the text of a `.minisig` file.
///
/// # Errors
///
/// Code `signature-invalid`: malformed, of another key, or of other bytes. Code `signature-without-revision`: its trusted comment does not
/// say which revision this is, or says several.
pub(super) fn verify(component: &[u8], signature: &str, key: &PublicKey) -> Result<u64, Rejection> {
    let signature = read(signature)?;
    key.0
        .verify(component, &signature, false)
        .map_err(|error| invalid(cause_of(&error)))?;
    // Not before: the comment of an unverified signature is anybody's.
    revision_in(signature.trusted_comment())
}

/// A signature that nobody has verified yet.
pub(super) fn read(signature: &str) -> Result<Signature, Rejection> {
    if signature.len() > LARGEST {
        let cause = format!(
            "it has {} bytes, and at most {LARGEST} are allowed",
            signature.len()
        );
        return Err(invalid(&cause));
    }
    Signature::decode(signature).map_err(|error| invalid(cause_of(&error)))
}

/// Whether a signed component is newer than what came into force before, or the same again.
///
/// `digest`: the component's. `highest`: the highest revision that was accepted, and the digest that it was accepted for.
///
/// # Errors
///
/// Code `revision-replayed`.
pub(super) fn check_revision(
    revision: u64,
    digest: &str,
    highest: Option<(u64, String)>,
) -> Result<(), Rejection> {
    let Some((highest, accepted)) = highest else {
        return Ok(());
    };
    if revision > highest || revision == highest && digest == accepted {
        return Ok(());
    }
    let message = if revision < highest {
        format!(
            "the component is signed as revision `{revision}`: revision `{highest}` was accepted before"
        )
    } else {
        format!(
            "the component `{digest}` is signed as revision `{revision}`: that revision was accepted for `{accepted}` before"
        )
    };
    let next = highest.saturating_add(1);
    let help = format!(
        "an older signature may not come back: sign what shall be in force anew, `minisign -Sm FILE -t revision:{next}`"
    );
    Err(Rejection::new(REVISION_REPLAYED, message, help))
}

/// The only word `revision:N` of a trusted comment. Two would be two revisions.
pub(super) fn revision_in(comment: &str) -> Result<u64, Rejection> {
    let mut words = comment
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("revision:"));
    match (words.next(), words.next()) {
        (Some(digits), None) => number(digits).ok_or_else(|| {
            without_revision(&format!(
                "`revision:{digits}` in its trusted comment holds no whole number below 2^64"
            ))
        }),
        (None, _) => Err(without_revision(
            "its trusted comment has no word `revision:N`",
        )),
        (Some(_), Some(_)) => Err(without_revision(
            "its trusted comment has several words `revision:N`",
        )),
    }
}

/// Digits alone: `parse` would take a plus sign.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

fn cause_of(error: &Error) -> &'static str {
    match error {
        Error::UnexpectedKeyId => "it was made with another key than `public_key` of the policy",
        Error::InvalidSignature => {
            "it is not that of these bytes: component, signature or trusted comment were altered"
        }
        Error::UnexpectedAlgorithm | Error::UnsupportedLegacyMode => {
            "it has minisign's legacy format: sign without `-l`, with minisign 0.10 or newer"
        }
        Error::UnsupportedAlgorithm => "it is of an algorithm that minisign does not have",
        Error::InvalidEncoding | Error::IoError(_) => {
            "it is no signature file of minisign: four lines are needed, comments and base64 in turn"
        }
    }
}

fn invalid(cause: &str) -> Rejection {
    Rejection::new(
        SIGNATURE_INVALID,
        format!("the component's signature is not valid: {cause}"),
        "sign the component as it is deployed, `minisign -Sm FILE -t revision:N`, and give both together; `minisign -Vm FILE -P KEY` checks them",
    )
}

fn without_revision(cause: &str) -> Rejection {
    Rejection::new(
        SIGNATURE_WITHOUT_REVISION,
        format!("the component's signature says no revision: {cause}"),
        "sign it again with the next revision, `minisign -Sm FILE -t revision:N`",
    )
}
