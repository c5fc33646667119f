//! A pinned component: the one digest that the operator lets in. Pure.

use crate::policy::Rejection;
use crate::policy::rejection::PIN_MISMATCH;
use serde::Deserialize;

/// Hex digits of a SHA-256.
const DIGITS: usize = 64;

/// The SHA-256 of the only component that may come into force, from the setting `component_sha256`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pin(String);

impl Pin {
    /// `digest`: the component's SHA-256 in lower-case hex.
    ///
    /// # Errors
    ///
    /// Code `pin-mismatch`: it is another component.
    pub fn check(&self, digest: &str) -> Result<(), Rejection> {
        if digest == self.0 {
            return Ok(());
        }
        Err(Rejection::new(
            PIN_MISMATCH,
            format!(
                "the component's SHA-256 is `{digest}`: `component_sha256` pins `{}`",
                self.0
            ),
            "deploy the pinned component, or set `component_sha256` to the digest of this one if you trust it, and restart",
        ))
    }
}

/// 64 hex digits in any case; colons do not count.
impl TryFrom<String> for Pin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits: String = text.chars().filter(|letter| *letter != ':').collect();
        if digits.len() == DIGITS && digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
            return Ok(Self(digits.to_ascii_lowercase()));
        }
        let shown: String = text.chars().take(100).collect();
        Err(format!(
            "`{shown}` is no SHA-256: {DIGITS} hex digits are needed, as `sha256sum FILE` prints them"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str) -> Result<Pin, String> {
        Pin::try_from(text.to_owned())
    }

    #[test]
    fn any_case_and_colons_are_one_pin() {
        let digest = "00ff".repeat(16);
        for text in [
            digest.clone(),
            digest.to_uppercase(),
            vec!["00:FF"; 16].join(":"),
        ] {
            assert_eq!(pin(&text).unwrap().check(&digest), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_no_sha256_is_shown() {
        for text in [
            "",
            "ab",
            &"ab".repeat(20),
            &"xy".repeat(32),
            &"é".repeat(32),
        ] {
            let told = pin(text).unwrap_err();
            assert!(
                told.starts_with(&format!("`{text}` is no SHA-256")),
                "{told}"
            );
        }
        assert!(pin(&"a".repeat(1000)).unwrap_err().len() < 250);
    }

    #[test]
    fn another_component_is_refused_with_both_digests() {
        let (pinned, other) = ("ab".repeat(32), "cd".repeat(32));
        let rejection = pin(&pinned).unwrap().check(&other).unwrap_err();
        assert_eq!(rejection.code, "pin-mismatch");
        assert!(rejection.message.contains(&pinned) && rejection.message.contains(&other));
    }
}
