//! What proves a client: resets by an operator, and trust on first use.
//!
//! Each reset is one transaction; the sessions that relied on the old value are judged again through the change feed.

use super::{Changed, Error, Registry, change, rule};
use crate::contract::{Credential, Fingerprints, Secrets};
use rusqlite::params;

/// Which of a credential's two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Tried first.
    Primary,
    /// Tried where the first one fails: for a change of credentials without an outage.
    Secondary,
}

impl Registry {
    /// Replaces a fingerprint. Without one, the primary is enrolled again from the next certificate that connects (trust on first
    /// use), and the secondary is taken away. Turns a device with a secret into one with a certificate, as the vendor does.
    ///
    /// # Errors
    ///
    /// The device is missing, the fingerprint malformed, or no certificate could prove the device any more.
    pub fn reset_fingerprint(
        &self,
        id: &str,
        slot: Slot,
        fingerprint: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        self.change_client(false, id, |device| {
            let mut prints = match &device.credential {
                Credential::Certificate(prints) => prints.clone(),
                _ => nothing_enrolled(),
            };
            match slot {
                Slot::Primary => {
                    prints.enrol = fingerprint.is_none();
                    prints.primary = fingerprint;
                }
                Slot::Secondary => prints.secondary = fingerprint,
            }
            if !prints.enrol && prints.primary.is_none() && prints.secondary.is_none() {
                return Err(Error::State {
                    id: id.to_owned(),
                    cause: "would be left without a fingerprint: reset the primary one first",
                });
            }
            device.credential = Credential::Certificate(prints);
            Ok(())
        })
    }

    /// Replaces a secret; without one, the secondary is taken away. Turns a device with a certificate into one with a secret.
    ///
    /// # Errors
    ///
    /// The device is missing, the secret malformed, or no primary secret would be left.
    pub fn reset_secret(&self, id: &str, slot: Slot, secret: Option<&str>) -> Result<(), Error> {
        self.change_client(false, id, |device| {
            let mut secrets = match &device.credential {
                Credential::Secret(secrets) => secrets.clone(),
                _ => Secrets {
                    primary: None,
                    secondary: None,
                },
            };
            let secret = secret.map(|secret| secret.as_bytes().to_vec());
            match slot {
                Slot::Primary => secrets.primary = secret,
                Slot::Secondary => secrets.secondary = secret,
            }
            if secrets.primary.is_none() {
                return Err(Error::State {
                    id: id.to_owned(),
                    cause: "would be left without a primary secret: set that one first",
                });
            }
            device.credential = Credential::Secret(secrets);
            Ok(())
        })
    }

    /// Replaces the password of an application.
    ///
    /// # Errors
    ///
    /// It is missing or the password malformed.
    pub fn reset_token(&self, application: &str, token: &str) -> Result<(), Error> {
        self.change_client(true, application, |record| {
            record.credential = Credential::Token(token.as_bytes().to_vec());
            Ok(())
        })
    }

    /// Trust on first use: stores the fingerprint as the primary one if the record still waits for one; false if another was faster.
    ///
    /// # Errors
    ///
    /// The fingerprint is malformed, or the registry cannot be written.
    pub fn enrol(&self, id: &str, fingerprint: &[u8]) -> Result<bool, Error> {
        rule::fingerprint(fingerprint)?;
        self.connections.write(|transaction| {
            let enrolled = transaction
                .prepare_cached(
                    "UPDATE client SET fingerprint_primary = ?2, enrol = 0
                     WHERE id = ?1 AND credential = 'certificate' AND enrol = 1 AND fingerprint_primary IS NULL",
                )?
                .execute(params![id, fingerprint])?;
            if enrolled == 1 {
                change::append(transaction, &Changed::Client(id.to_owned()))?;
            }
            Ok(enrolled == 1)
        })
    }
}

fn nothing_enrolled() -> Fingerprints {
    Fingerprints {
        primary: None,
        secondary: None,
        enrol: false,
    }
}
