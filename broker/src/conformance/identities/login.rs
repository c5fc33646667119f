//! What an identity writes into a CONNECT. Pure: the hour comes in.
//!
//! IoTDA's scheme: client id `{device}_0_{signature type}_{hour}`; the password is the HMAC-SHA256 of the secret with the hour as its key, in
//! lower-case hex.

use super::{Identity, Login};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::{OffsetDateTime, macros::format_description};

/// What a device's login is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// 0: the server does not check the hour; 1: it does.
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
            Login::Secret(secret) => Some(signed(secret, &signature.stamp)),
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

fn signed(secret: &str, stamp: &str) -> String {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(stamp.as_bytes()) else {
        return String::new();
    };
    mac.update(secret.as_bytes());
    crate::registry::fingerprint_hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_vendors_own_example() {
        // The vendor's page ocsmartcampus_04_0030, and what his SDKs send.
        for (stamp, password) in [
            (
                "2025041401",
                "c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a",
            ),
            (
                "2026112122",
                "e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6",
            ),
        ] {
            assert_eq!(signed("12345678", stamp), password);
        }
    }
}
