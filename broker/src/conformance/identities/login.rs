//! What an identity writes into a CONNECT. Pure: the hour comes in.
//!
//! IoTDA's scheme: client id `{device}_0_{signature type}_{hour}`; the password is the HMAC of the secret with the hour as its key, in lower-case
//! hex: of SHA-256, and of SM3 in signature type 2.

use super::{Identity, Login};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sm3::Sm3;
use time::{OffsetDateTime, macros::format_description};

/// What a device's login is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// 0: the server does not check the hour; 1: it does; 2: it does, and the HMAC is of SM3.
    pub kind: u8,
    /// The hour in the client id, which is the password's key.
    pub stamp: String,
}

/// `YYYYMMDDHH` in UTC, as the scheme wants it.
pub fn hour(time: OffsetDateTime) -> String {
    let hour = format_description!("[year][month][day][hour]");
    // Fails only for a clock outside the years 0 to 9999.
    time.format(hour).unwrap_or_default()
}

impl Identity {
    /// The client id. One that logs in with a user name has none of its own, and takes `free`.
    pub fn client_id(&self, signature: &Signature, free: &str) -> String {
        match &self.login {
            Login::Secret(_) | Login::Certificate => {
                format!("{}_0_{}_{}", self.id, signature.kind, signature.stamp)
            }
            Login::Password { .. } | Login::Anonymous => free.to_owned(),
        }
    }

    /// The user name.
    pub fn username(&self) -> Option<&str> {
        match &self.login {
            Login::Secret(_) | Login::Certificate => Some(&self.id),
            Login::Password { username, .. } => Some(username),
            Login::Anonymous => None,
        }
    }

    /// The password.
    pub fn password(&self, signature: &Signature) -> Option<String> {
        match &self.login {
            Login::Secret(secret) => Some(signed(secret, signature)),
            Login::Password { password, .. } => Some(password.clone()),
            Login::Certificate | Login::Anonymous => None,
        }
    }

    /// The secret, for cases that sign by themselves.
    pub fn secret(&self) -> Option<&str> {
        match &self.login {
            Login::Secret(secret) => Some(secret),
            _ => None,
        }
    }
}

const SM3: u8 = 2;

fn signed(secret: &str, signature: &Signature) -> String {
    let stamp = signature.stamp.as_bytes();
    // An HMAC takes a key of any length.
    let mac = if signature.kind == SM3 {
        Hmac::<Sm3>::new_from_slice(stamp).map(|mac| code(mac, secret))
    } else {
        Hmac::<Sha256>::new_from_slice(stamp).map(|mac| code(mac, secret))
    };
    mac.unwrap_or_default()
}

fn code<M: Mac>(mac: M, secret: &str) -> String {
    let code = mac.chain_update(secret.as_bytes()).finalize();
    crate::registry::fingerprint_hex(&code.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_vendors_own_example() {
        // The vendor's page ocsmartcampus_04_0030, what his SDKs send, and `openssl dgst -sm3 -hmac 2026112122`.
        for (kind, stamp, password) in [
            (
                0,
                "2025041401",
                "c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a",
            ),
            (
                1,
                "2026112122",
                "e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6",
            ),
            (
                2,
                "2026112122",
                "50a181e4761e29bf09f3d1c9d9ddb9cc0ab3dad813a4fed275d20c0f2804fb5f",
            ),
        ] {
            let signature = Signature {
                kind,
                stamp: stamp.into(),
            };
            assert_eq!(signed("12345678", &signature), password);
        }
    }
}
