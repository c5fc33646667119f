//! Passwords of secret devices: hex of an HMAC, with the secret as key, over the names and values of what was sent, sorted by name and put together without
//! any separator: `clientId{base}deviceName{…}productKey{…}timestamp{…}`.
//!
//! Either case of hex is taken: the C SDKs send upper, the others lower. The comparison takes the same time wherever it fails. An empty secret proves
//! nothing: everyone can compute its password, and the C SDK does so for every device with a certificate. The time stamp is signed, and not checked:
//! SDKs send a constant, seconds or milliseconds.

use crate::client_id::{ClientId, SignMethod};
use crate::contract::Secrets;
use crate::names::Names;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// Bytes of an HMAC-SHA256.
pub const MAC_LENGTH: usize = 32;

/// The secret that the password proves, the primary one tried first.
pub fn proven<'s>(
    secrets: &'s Secrets,
    id: &ClientId,
    names: &Names,
    password: &[u8],
) -> Option<&'s [u8]> {
    [&secrets.primary, &secrets.secondary]
        .into_iter()
        .flatten()
        .map(Vec::as_slice)
        .find(|secret| !secret.is_empty() && is_proven(secret, id, names, password))
}

/// The work of a real check without a record, so that an unknown device is answered no sooner than a known one.
pub fn refuse_unknown(id: &ClientId, names: &Names, password: &[u8]) {
    std::hint::black_box(is_proven(b"no device has it", id, names, password));
}

/// HMAC-SHA256; it takes keys of every length, so there is always one.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Option<[u8; MAC_LENGTH]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().into())
}

/// Equal, in a time that depends on the lengths only.
pub fn is_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn is_proven(secret: &[u8], id: &ClientId, names: &Names, password: &[u8]) -> bool {
    let content = content(id, names);
    match (
        decode_hex(password),
        signed(secret, id.sign_method, &content),
    ) {
        (Some(claimed), Some(computed)) => is_equal(&claimed, &computed),
        _ => false,
    }
}

fn content(id: &ClientId, names: &Names) -> String {
    let stamp = id.timestamp.map(|stamp| ["timestamp", stamp].concat());
    [
        "clientId",
        id.base,
        "deviceName",
        names.device_name,
        "productKey",
        names.product_key,
        &stamp.unwrap_or_default(),
    ]
    .concat()
}

fn signed(secret: &[u8], method: SignMethod, content: &str) -> Option<Vec<u8>> {
    let content = content.as_bytes();
    match method {
        SignMethod::HmacMd5 => {
            let mut mac = Hmac::<Md5>::new_from_slice(secret).ok()?;
            mac.update(content);
            Some(mac.finalize().into_bytes().to_vec())
        }
        SignMethod::HmacSha1 => {
            let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
            mac.update(content);
            Some(mac.finalize().into_bytes().to_vec())
        }
        SignMethod::HmacSha256 => hmac_sha256(secret, content).map(|mac| mac.to_vec()),
        SignMethod::Unknown => None,
    }
}

fn decode_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?))
        .collect();
    bytes.filter(|_| rest.is_empty())
}

fn hex_digit(character: u8) -> Option<u8> {
    let digit = char::from(character).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_id;
    use proptest::prelude::*;

    const NAMES: Names<'_> = Names {
        product_key: "pk",
        device_name: "device",
    };

    fn secrets(primary: Option<&str>, secondary: Option<&str>) -> Secrets {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Secrets {
            primary: primary.map(bytes),
            secondary: secondary.map(bytes),
        }
    }

    fn proves(secrets: &Secrets, client_id: &str, password: &str) -> bool {
        let id = client_id::parse(client_id).unwrap();
        proven(secrets, &id, &NAMES, password.as_bytes()).is_some()
    }

    /// The first is the vendor's example; the others are OpenSSL's.
    const VECTORS: [(&str, &str); 5] = [
        (
            "12345|signmethod=hmacsha1,timestamp=789|",
            "FAFD82A3D602B37FB0FA8B7892F24A477F851A14",
        ),
        (
            "12345|signmethod=hmacmd5,timestamp=789|",
            "14B198324FE55E1D3C88F2E705E201EE",
        ),
        ("12345|timestamp=789|", "14B198324FE55E1D3C88F2E705E201EE"),
        (
            "12345|signmethod=hmacsha256,timestamp=789|",
            "6074A46A91B1EBB2CC4EA42790AD0E80202C9843859FC292E57C4EB19FAD9E57",
        ),
        (
            "12345|signmethod=hmacsha256|",
            "C8CB3DCB7159682438E5FD9A9C34F398E41BB8EDB6F222795E307BAFEE151090",
        ),
    ];

    #[test]
    fn published_vectors() {
        let known = secrets(Some("secret"), None);
        for (client_id, password) in VECTORS {
            assert!(proves(&known, client_id, password), "{client_id}");
            assert!(proves(&known, client_id, &password.to_lowercase()));
            assert!(proves(&secrets(None, Some("secret")), client_id, password));
            for wrong in [
                "",
                "00",
                &password[2..],
                &format!("{password}00"),
                &format!("{password}0"),
            ] {
                assert!(!proves(&known, client_id, wrong), "{client_id} {wrong}");
            }
            assert!(!proves(&secrets(Some("secreT"), None), client_id, password));
        }
    }

    /// The constant that the C SDKs send for every device with a certificate: a MAC under the empty key.
    #[test]
    fn the_empty_secret_proves_nothing() {
        let id = "12345|signmethod=hmacsha256|";
        let parsed = client_id::parse(id).unwrap();
        let password = hmac_sha256(b"", content(&parsed, &NAMES).as_bytes()).unwrap();
        let password = password
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        for known in [
            secrets(Some(""), None),
            secrets(Some(""), Some("")),
            secrets(None, None),
        ] {
            assert!(!proves(&known, id, &password));
        }
    }

    proptest! {
        #[test]
        fn any_password_is_judged(password in proptest::collection::vec(any::<u8>(), 0..80), secret in proptest::collection::vec(any::<u8>(), 0..200)) {
            let id = client_id::parse("12345").unwrap();
            let known = Secrets { primary: Some(secret), secondary: None };
            prop_assert_eq!(proven(&known, &id, &NAMES, &password), None);
        }
    }
}
