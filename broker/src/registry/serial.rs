//! Serial numbers of certificates as people write them, in the one form in which the registry and the contract have them: upper-case hex
//! without leading zeros.

use super::{Error, Registry, client, rule};
use crate::contract::Credential;

/// A serial number from hex in any case, with or without colons, `0x` and leading zeros: as `openssl x509 -serial` and cloud consoles print it.
///
/// # Errors
///
/// [`Error::Malformed`] unless it has 1 to 40 hex digits, one of them not zero.
pub fn parse_serial(text: &str) -> Result<String, Error> {
    let digits = text.trim();
    let digits = digits.strip_prefix("serial=").unwrap_or(digits);
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let digits: String = digits.chars().filter(|letter| *letter != ':').collect();
    let number = digits.trim_start_matches('0').to_ascii_uppercase();
    rule::serial(&number).map_err(|_| Error::Malformed {
        what: "serial number",
        value: text.chars().take(100).collect(),
        rule: "1 to 40 hex digits are needed, not all of them zero; see `openssl x509 -serial -noout -in FILE`".into(),
    })?;
    Ok(number)
}

impl Registry {
    /// Binds the device to a certificate by authority and serial number, instead of whatever proved it before.
    ///
    /// # Errors
    ///
    /// The device or the authority is missing, the number malformed, or bound to another device.
    pub fn reset_serial(&self, id: &str, authority: &str, serial: &str) -> Result<(), Error> {
        self.authority(authority)?;
        self.connections.write(|transaction| {
            let mut device = client::existing(transaction, false, id)?;
            device.credential = Credential::Serial((authority.to_owned(), serial.to_owned()));
            rule::client(&device)?;
            client::refuse_if_bound(transaction, &device)?;
            client::put(transaction, &device)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_it_is_one_number() {
        for text in [
            "3476BFA870CC99",
            "34:76:bf:a8:70:cc:99",
            "0x003476bfa870cc99",
            "serial=3476BFA870CC99\n",
        ] {
            assert_eq!(parse_serial(text).unwrap(), "3476BFA870CC99", "{text}");
        }
        for text in ["", "0", "0x", "12G4", "-1", &"1".repeat(41)] {
            let error = parse_serial(text).unwrap_err().to_string();
            assert!(error.contains("hex digits"), "{error}");
        }
    }
}
