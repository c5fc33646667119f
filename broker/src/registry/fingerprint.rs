//! Fingerprints as people write them: hex in any case, with or without colons, as `openssl x509 -fingerprint` prints it.

use super::Error;
use std::fmt::Write;

/// SHA-1 or SHA-256 of a certificate from hex.
///
/// # Errors
///
/// [`Error::Malformed`] unless it has 40 or 64 hex digits.
pub fn parse_fingerprint(text: &str) -> Result<Vec<u8>, Error> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|letter| *letter != ':')
        .map(|letter| letter.to_digit(16))
        .collect::<Option<_>>()
        .filter(|digits: &Vec<u32>| matches!(digits.len(), 40 | 64))
        .ok_or_else(|| malformed(text))?;
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high << 4 | low).ok(),
        _ => None,
    };
    digits
        .chunks(2)
        .map(byte)
        .collect::<Option<_>>()
        .ok_or_else(|| malformed(text))
}

/// Bytes in lower-case hex.
pub fn fingerprint_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn malformed(text: &str) -> Error {
    Error::Malformed {
        what: "fingerprint",
        value: text.chars().take(100).collect(),
        rule: "40 (SHA-1) or 64 (SHA-256) hex digits are needed, colons are ignored; see `openssl x509 -fingerprint -sha256 -in FILE`".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_and_colons_are_one_fingerprint() {
        let plain = "00ff".repeat(16);
        let bytes = parse_fingerprint(&plain).unwrap();
        assert_eq!(bytes.len(), 32);
        assert_eq!(fingerprint_hex(&bytes), plain);
        assert_eq!(parse_fingerprint(&plain.to_uppercase()).unwrap(), bytes);
        let colons = vec!["00:FF"; 16].join(":");
        assert_eq!(parse_fingerprint(&colons).unwrap(), bytes);
        assert_eq!(parse_fingerprint(&"ab".repeat(20)).unwrap().len(), 20);
    }

    #[test]
    fn other_lengths_and_letters_are_refused() {
        for text in [
            "",
            "ab",
            &"ab".repeat(21),
            &"xy".repeat(20),
            &"ab".repeat(33),
            &"é".repeat(40),
        ] {
            assert!(parse_fingerprint(text).is_err(), "{text}");
        }
    }
}
