//! `iotda-broker device add`: flags to a record.

use super::super::{Answer, Error, attribute, secret};
use crate::{
    contract::{Client, Credential, Fingerprints, Secrets, Status},
    registry::{Registry, parse_fingerprint, parse_serial, random_secret},
};
use clap::{Args, ValueEnum};

/// Without `--fingerprint`, `--secret`, `--serial` and `--auth`, the device gets a secret that is made up, as on the vendor's platform;
/// behind a gateway it gets none, because it has no connection of its own.
#[derive(Args)]
pub(in crate::cli) struct Add {
    /// 1 to 64 of the letters A-Z a-z 0-9 _ -
    #[arg(long, value_name = "N")]
    node_id: String,
    /// The id of its product.
    #[arg(long, value_name = "P")]
    product: String,
    /// The device id [default: `PRODUCT_NODE`].
    #[arg(long)]
    id: Option<String>,
    /// The certificate's SHA-256 (64 digits) or SHA-1 (40 digits) in hex, colons and any case allowed.
    #[arg(long, value_name = "HEX", conflicts_with_all = ["secret", "serial"])]
    fingerprint: Option<String>,
    /// 8 to 32 of the letters A-Z a-z 0-9 _ - ; `-` reads it from stdin.
    #[arg(
        long,
        value_name = "S",
        allow_hyphen_values = true,
        conflicts_with = "serial"
    )]
    secret: Option<String>,
    /// `certificate` without a fingerprint: the first certificate that connects is adopted. `secret` without one: it is made up.
    #[arg(long, value_enum, conflicts_with_all = ["fingerprint", "secret", "serial"])]
    auth: Option<Auth>,
    /// The certificate's serial number in hex, colons, leading zeros and any case allowed.
    #[arg(long, requires = "authority")]
    serial: Option<String>,
    /// The id of the authority that the serial number belongs to.
    #[arg(long, requires = "serial")]
    authority: Option<String>,
    /// The id of the gateway that it hangs behind.
    #[arg(long)]
    gateway: Option<String>,
    /// May connect over TLS only.
    #[arg(long)]
    encrypted_only: bool,
    /// Bind a rule document, by its name; may be given five times.
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// An attribute that the policy sees.
    #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    Secret,
    Certificate,
}

impl Add {
    pub(super) fn run(self, registry: &Registry) -> Result<Answer, Error> {
        let (credential, made_up) = self.credential()?;
        let added = registry.add_client(Client {
            id: self.id.unwrap_or_default(),
            node: self.node_id,
            product: self.product,
            gateway: self.gateway,
            application: false,
            status: Status::Active,
            encrypted_only: self.encrypted_only,
            credential,
            policies: self.policies,
            attributes: self.attributes,
            children: Vec::new(),
        })?;
        Ok(super::id(&added, made_up))
    }

    /// The credential, and the secret if it was made up.
    fn credential(&self) -> Result<(Credential, Option<String>), Error> {
        if let Some(hex) = &self.fingerprint {
            return Ok((certificate(Some(parse_fingerprint(hex)?)), None));
        }
        if let (Some(authority), Some(serial)) = (&self.authority, &self.serial) {
            let serial = parse_serial(serial)?;
            return Ok((Credential::Serial((authority.clone(), serial)), None));
        }
        if let Some(given) = &self.secret {
            return Ok((shared(&secret(given.clone())?), None));
        }
        match (self.auth, &self.gateway) {
            (Some(Auth::Certificate), _) => Ok((certificate(None), None)),
            (None, Some(_)) => Ok((Credential::None, None)),
            (Some(Auth::Secret) | None, _) => {
                let made_up = random_secret()?;
                Ok((shared(&made_up), Some(made_up)))
            }
        }
    }
}

fn certificate(fingerprint: Option<Vec<u8>>) -> Credential {
    Credential::Certificate(Fingerprints {
        enrol: fingerprint.is_none(),
        primary: fingerprint,
        secondary: None,
    })
}

fn shared(secret: &str) -> Credential {
    Credential::Secret(Secrets {
        primary: Some(secret.as_bytes().to_vec()),
        secondary: None,
    })
}
