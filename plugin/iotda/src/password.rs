//! Passwords: lower-case hex of HMAC-SHA256, or HMAC-SM3 for sign type 2, with the time stamp as **key** and the secret as **message** (the
//! vendor's order).
//!
//! Upper-case hex is taken too: the vendor is silent, and case carries nothing. The comparison takes the same time wherever it fails.
//! An empty secret proves nothing, since everyone can compute its password.

use crate::client_id::Sign;
use crate::contract::Secrets;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sm3::Sm3;
use subtle::ConstantTimeEq;

/// Bytes of either HMAC.
pub const MAC_LENGTH: usize = 32;

/// The secret that the password proves, the primary one tried first.
pub fn proven<'s>(
    secrets: &'s Secrets,
    sign: Sign,
    timestamp: &str,
    password: &[u8],
) -> Option<&'s [u8]> {
    [&secrets.primary, &secrets.secondary]
        .into_iter()
        .flatten()
        .map(Vec::as_slice)
        .find(|secret| !secret.is_empty() && is_proven(secret, sign, timestamp, password))
}

/// The work of a real check without a record, so that an unknown client is answered no sooner than a known one.
pub fn refuse_unknown(sign: Sign, timestamp: &str, password: &[u8]) {
    std::hint::black_box(is_proven(b"no client has it", sign, timestamp, password));
}

/// HMAC-SHA256; it takes keys of every length, so there is always one.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Option<[u8; MAC_LENGTH]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().into())
}

/// HMAC-SM3, of GM/T 0004 and RFC 2104.
fn hmac_sm3(key: &[u8], message: &[u8]) -> Option<[u8; MAC_LENGTH]> {
    let mut mac = Hmac::<Sm3>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().into())
}

/// Equal, in a time that depends on the lengths only.
pub fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn is_proven(secret: &[u8], sign: Sign, timestamp: &str, password: &[u8]) -> bool {
    let claimed = decode_hex(password);
    let computed = match sign {
        Sign::Unchecked | Sign::Checked => hmac_sha256(timestamp.as_bytes(), secret),
        Sign::CheckedSm3 => hmac_sm3(timestamp.as_bytes(), secret),
    };
    match (claimed, computed) {
        (Some(claimed), Some(computed)) => is_equal(&claimed, &computed),
        _ => false,
    }
}

fn decode_hex(text: &[u8]) -> Option<[u8; MAC_LENGTH]> {
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes: Vec<u8> = pairs
        .iter()
        .map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?))
        .collect::<Option<_>>()?;
    bytes.try_into().ok().filter(|_| rest.is_empty())
}

fn hex_digit(character: u8) -> Option<u8> {
    let digit = char::from(character).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn secrets(primary: Option<&str>, secondary: Option<&str>) -> Secrets {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Secrets {
            primary: primary.map(bytes),
            secondary: secondary.map(bytes),
        }
    }

    fn password(secret: &str, timestamp: &str) -> String {
        hex(&hmac_sha256(timestamp.as_bytes(), secret.as_bytes()).unwrap())
    }

    fn hex(bytes: &[u8]) -> String {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap();
        let pair = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
        bytes.iter().flat_map(pair).collect()
    }

    /// A: the vendor's guide. B: a community SDK's test. C: three vendor SDKs on the wire.
    #[test]
    fn published_vectors() {
        for (secret, timestamp, expected) in [
            (
                "12345678",
                "2025041401",
                "c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a",
            ),
            (
                "123456789",
                "202012222200",
                "c0fefa1341fb0647290e93f641a9bcea74cd32111668cdc5f7418553640a55cc",
            ),
            (
                "12345678",
                "2026112122",
                "e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6",
            ),
        ] {
            let known = secrets(Some(secret), None);
            assert_eq!(password(secret, timestamp), expected);
            let upper = expected.to_uppercase();
            for sent in [expected, upper.as_str()] {
                assert!(proven(&known, Sign::Unchecked, timestamp, sent.as_bytes()).is_some());
            }
        }
    }

    /// Computed by OpenSSL 3: `printf 12345678 | openssl dgst -sm3 -hmac 2026112122`.
    #[test]
    fn sm3_vectors() {
        let known = secrets(Some("12345678"), None);
        for (timestamp, expected) in [
            (
                "2026112122",
                "50a181e4761e29bf09f3d1c9d9ddb9cc0ab3dad813a4fed275d20c0f2804fb5f",
            ),
            (
                "2025041401",
                "a110c9e1536980a2ca572e7d5b82542a20a04e144937385f224d587fa1d0e862",
            ),
        ] {
            let computed = hmac_sm3(timestamp.as_bytes(), b"12345678").unwrap();
            assert_eq!(hex(&computed), expected);
            let sent = expected.as_bytes();
            assert!(proven(&known, Sign::CheckedSm3, timestamp, sent).is_some());
            assert!(proven(&known, Sign::Checked, timestamp, sent).is_none());
            let sha256 = password("12345678", timestamp);
            assert!(proven(&known, Sign::CheckedSm3, timestamp, sha256.as_bytes()).is_none());
        }
    }

    #[test]
    fn the_primary_is_tried_first_and_the_secondary_counts_as_much() {
        let known = secrets(Some("new-secret"), Some("old-secret"));
        for secret in ["new-secret", "old-secret"] {
            let sent = password(secret, "2026112122");
            assert_eq!(
                proven(&known, Sign::Unchecked, "2026112122", sent.as_bytes()),
                Some(secret.as_bytes())
            );
        }
        let only_secondary = secrets(None, Some("old-secret"));
        let sent = password("old-secret", "2026112122");
        assert!(
            proven(
                &only_secondary,
                Sign::Unchecked,
                "2026112122",
                sent.as_bytes()
            )
            .is_some()
        );
    }

    #[test]
    fn what_is_not_the_password_proves_nothing() {
        let known = secrets(Some("12345678"), None);
        let right = password("12345678", "2026112122");
        let reversed = hex(&hmac_sha256(b"12345678", b"2026112122").unwrap());
        for sent in [
            "",
            "12345678",
            &right[..63],
            &right[..62],
            &format!("{right}0"),
            &format!("{right}00"),
            &right.replacen('e', "g", 1),
            &password("12345678", "2026112121"),
            &reversed,
        ] {
            assert_eq!(
                proven(&known, Sign::Unchecked, "2026112122", sent.as_bytes()),
                None,
                "{sent}"
            );
        }
    }

    #[test]
    fn an_empty_or_missing_secret_proves_nothing() {
        let sent = password("", "2026112122");
        for known in [secrets(Some(""), Some("")), secrets(None, None)] {
            assert_eq!(
                proven(&known, Sign::Unchecked, "2026112122", sent.as_bytes()),
                None
            );
        }
    }

    proptest! {
        #[test]
        fn only_the_right_secret_and_stamp_prove(
            secret in "[A-Za-z0-9_-]{8,32}", other in "[A-Za-z0-9_-]{8,32}", stamp in "[0-9]{10}",
        ) {
            let sent = password(&secret, &stamp);
            prop_assert!(proven(&secrets(Some(&secret), None), Sign::Unchecked, &stamp, sent.as_bytes()).is_some());
            prop_assert_eq!(proven(&secrets(Some(&other), None), Sign::Unchecked, &stamp, sent.as_bytes()).is_some(), secret == other);
        }

        #[test]
        fn random_bytes_prove_nothing(sent in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(proven(&secrets(Some("12345678"), None), Sign::Unchecked, "2026112122", &sent).is_none());
        }
    }
}
