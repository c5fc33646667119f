//! What a record may hold: the vendor's limits where it has some. Pure.

use super::Error;
use crate::contract::{Client, Credential, Fingerprints, Secrets};

/// The vendor's device id.
const DEVICE_ID: usize = 128;
const NODE_ID: usize = 64;
const PRODUCT_ID: usize = 36;
const POLICY_NAME: usize = 128;
/// The vendor's «at most 5 policies per device or product».
const POLICIES: usize = 5;
const SECRET: std::ops::RangeInclusive<usize> = 8..=32;
const TOKEN: std::ops::RangeInclusive<usize> = 8..=256;
/// An X.509 serial number has at most 20 bytes.
const SERIAL: usize = 40;
/// Attributes travel with every call of the policy.
const ATTRIBUTES: usize = 4096;

pub(super) fn client(client: &Client) -> Result<(), Error> {
    if client.application {
        name("application name", &client.id, DEVICE_ID)?;
    } else {
        // The id last: where none was chosen it is made of the other two.
        name("node id", &client.node, NODE_ID)?;
        name("product id", &client.product, PRODUCT_ID)?;
        name("device id", &client.id, DEVICE_ID)?;
    }
    credential(&client.credential)?;
    policies(&client.policies)?;
    attributes(&client.attributes)
}

pub(super) fn product(id: &str, bound: &[String], extra: &[(String, String)]) -> Result<(), Error> {
    name("product id", id, PRODUCT_ID)?;
    policies(bound)?;
    attributes(extra)
}

pub(super) fn policies(names: &[String]) -> Result<(), Error> {
    if names.len() > POLICIES {
        let value = names.join(",");
        return Err(malformed(
            "list of policies",
            value,
            &format!("at most {POLICIES} may be bound"),
        ));
    }
    names
        .iter()
        .try_for_each(|policy| name("policy name", policy, POLICY_NAME))
}

fn name(what: &'static str, value: &str, longest: usize) -> Result<(), Error> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if (1..=longest).contains(&value.len()) && value.chars().all(is_letter) {
        return Ok(());
    }
    let rule = format!("1 to {longest} of the letters A-Z a-z 0-9 _ - are needed");
    Err(malformed(what, value.chars().take(200).collect(), &rule))
}

fn credential(credential: &Credential) -> Result<(), Error> {
    match credential {
        Credential::Secret(secrets) => both_secrets(secrets),
        Credential::Certificate(prints) => both_fingerprints(prints),
        Credential::Serial((authority, number)) => {
            name("authority id", authority, PRODUCT_ID)?;
            serial(number)
        }
        Credential::Token(value) => token(value),
        Credential::None => Ok(()),
    }
}

fn both_secrets(secrets: &Secrets) -> Result<(), Error> {
    let both = [&secrets.primary, &secrets.secondary];
    both.into_iter()
        .flatten()
        .try_for_each(|value| secret(value))
}

pub(super) fn secret(value: &[u8]) -> Result<(), Error> {
    let is_letter = |letter: &u8| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-');
    if SECRET.contains(&value.len()) && value.iter().all(is_letter) {
        return Ok(());
    }
    let rule = "8 to 32 of the letters A-Z a-z 0-9 _ - are needed";
    Err(malformed("secret", "…".into(), rule))
}

fn both_fingerprints(prints: &Fingerprints) -> Result<(), Error> {
    let both = [&prints.primary, &prints.secondary];
    both.into_iter()
        .flatten()
        .try_for_each(|value| fingerprint(value))
}

pub(super) fn fingerprint(value: &[u8]) -> Result<(), Error> {
    if matches!(value.len(), 20 | 32) {
        return Ok(());
    }
    let rule = "20 bytes (SHA-1) or 32 bytes (SHA-256) are needed";
    Err(malformed(
        "fingerprint",
        super::fingerprint_hex(value),
        rule,
    ))
}

pub(super) fn serial(number: &str) -> Result<(), Error> {
    let is_digit = |digit: char| digit.is_ascii_digit() || ('A'..='F').contains(&digit);
    if (1..=SERIAL).contains(&number.len())
        && number.chars().all(is_digit)
        && !number.starts_with('0')
    {
        return Ok(());
    }
    let rule = "1 to 40 hex digits in upper case without leading zeros are needed";
    Err(malformed(
        "serial number",
        number.chars().take(100).collect(),
        rule,
    ))
}

fn token(value: &[u8]) -> Result<(), Error> {
    if TOKEN.contains(&value.len()) {
        return Ok(());
    }
    Err(malformed(
        "password",
        "…".into(),
        "8 to 256 bytes are needed",
    ))
}

fn attributes(extra: &[(String, String)]) -> Result<(), Error> {
    let size: usize = extra
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if size <= ATTRIBUTES && extra.iter().all(|(key, _)| !key.is_empty()) {
        return Ok(());
    }
    let rule = format!("keys may not be empty, and all together may take {ATTRIBUTES} bytes");
    Err(malformed("attributes", format!("{size} bytes"), &rule))
}

fn malformed(what: &'static str, value: String, rule: &str) -> Error {
    let rule = rule.to_owned();
    Error::Malformed { what, value, rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_vendors_letters_and_lengths() {
        let long = "a".repeat(64);
        for good in ["a", "A-Z_09", long.as_str()] {
            assert!(name("node id", good, NODE_ID).is_ok(), "{good}");
        }
        let longer = "a".repeat(65);
        for bad in ["", "a b", "a/b", "é", "a+", "#", "a\0", longer.as_str()] {
            assert!(name("node id", bad, NODE_ID).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        for bad in ["1234567", "with space", &"a".repeat(33)] {
            let error = secret(bad.as_bytes()).unwrap_err().to_string();
            assert!(!error.contains(bad), "{error}");
        }
        assert!(secret(b"12345678").is_ok());
        assert!(!token(b"short").unwrap_err().to_string().contains("short"));
    }

    #[test]
    fn serials_have_one_form() {
        assert!(serial("1F").is_ok());
        for bad in ["", "0", "01", "1f", "G", &"1".repeat(41)] {
            assert!(serial(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn attributes_are_bounded() {
        let one = |value: &str| vec![("k".to_owned(), value.to_owned())];
        assert!(attributes(&one(&"v".repeat(4095))).is_ok());
        assert!(attributes(&one(&"v".repeat(4096))).is_err());
        assert!(attributes(&[(String::new(), String::new())]).is_err());
    }
}
