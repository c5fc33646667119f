//! `iotda-broker device …`

use super::{Answer, Error, attribute, secret};
use crate::{
    contract::{Client, Credential, Extra, Fingerprints, Secrets, Status},
    registry::{Page, Registry, Slot, fingerprint_hex, parse_fingerprint, random_secret},
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Register a device. Prints its id; a secret that was made up is printed, too, once.
    Add(Box<Add>),
    /// Show one device, without its secrets.
    Show { device: String },
    /// List devices.
    List {
        /// Only those of this product.
        #[arg(long)]
        product: Option<String>,
        /// Only ids that sort after this one.
        #[arg(long, default_value = "", hide_default_value = true)]
        after: String,
        /// At most so many.
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// Remove a device; its session ends.
    Remove { device: String },
    /// Close the device's session and let it connect no more.
    Freeze { device: String },
    /// Let a frozen device connect again.
    Unfreeze { device: String },
    /// Replace the certificate's fingerprint. Without one, the next certificate that connects is adopted; with `--secondary` and
    /// without one, the secondary is taken away.
    ResetFingerprint {
        device: String,
        /// SHA-256 (64 digits) or SHA-1 (40 digits) in hex, colons and any case allowed.
        fingerprint: Option<String>,
        /// The one that is tried second.
        #[arg(long)]
        secondary: bool,
    },
    /// Replace the secret. Without one, a new one is made up and printed once.
    ResetSecret {
        device: String,
        /// 8 to 32 of the letters A-Z a-z 0-9 _ - ; `-` reads it from stdin.
        #[arg(allow_hyphen_values = true)]
        secret: Option<String>,
        /// The one that is tried second.
        #[arg(long)]
        secondary: bool,
        /// Take the secondary secret away.
        #[arg(long, requires = "secondary", conflicts_with = "secret")]
        remove: bool,
    },
    /// Bind a rule document to the device.
    Bind { device: String, policy: String },
    /// Take a rule document off the device.
    Unbind { device: String, policy: String },
}

/// Without `--fingerprint`, `--secret`, `--serial` and `--auth`, the device gets a secret that is made up, as on the vendor's platform;
/// behind a gateway it gets none, because it has no connection of its own.
#[derive(Args)]
pub(super) struct Add {
    /// 1 to 64 of the letters A-Z a-z 0-9 _ -
    #[arg(long, value_name = "N")]
    node_id: String,
    /// The id of its product.
    #[arg(long, value_name = "P")]
    product: String,
    /// The device id [default: PRODUCT_NODE].
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
    /// The certificate's serial number: upper-case hex without leading zeros.
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

impl Verb {
    pub(super) fn run(self, registry: &Registry) -> Result<Answer, Error> {
        match self {
            Self::Add(add) => add.run(registry),
            Self::Show { device } => Ok(Answer::record(shown(&registry.client(false, &device)?))),
            Self::List {
                product,
                after,
                limit,
            } => {
                let page = Page { after, limit };
                let devices = registry.clients(false, product.as_deref(), &page)?;
                let columns = ["device_id", "status", "auth_type", "gateway_id"];
                let devices = devices.iter().map(shown).collect();
                Ok(Answer::list("devices", &columns, devices))
            }
            Self::Remove { device } => {
                registry.remove_client(false, &device)?;
                Ok(id(&device, None))
            }
            Self::Freeze { device } => {
                registry.freeze(&device, true)?;
                Ok(id(&device, None))
            }
            Self::Unfreeze { device } => {
                registry.freeze(&device, false)?;
                Ok(id(&device, None))
            }
            Self::ResetFingerprint {
                device,
                fingerprint,
                secondary,
            } => {
                let fingerprint = fingerprint.as_deref().map(parse_fingerprint).transpose()?;
                registry.reset_fingerprint(&device, slot(secondary), fingerprint)?;
                Ok(id(&device, None))
            }
            Self::ResetSecret {
                device,
                secret: given,
                secondary,
                remove,
            } => reset_secret(registry, &device, given, slot(secondary), remove),
            Self::Bind { device, policy } => {
                registry.bind_client(false, &device, &policy, true)?;
                Ok(id(&device, None))
            }
            Self::Unbind { device, policy } => {
                registry.bind_client(false, &device, &policy, false)?;
                Ok(id(&device, None))
            }
        }
    }
}

fn reset_secret(
    registry: &Registry,
    device: &str,
    given: Option<String>,
    slot: Slot,
    remove: bool,
) -> Result<Answer, Error> {
    if remove {
        registry.reset_secret(device, slot, None)?;
        return Ok(id(device, None));
    }
    let made_up = if given.is_none() {
        Some(random_secret()?)
    } else {
        None
    };
    let value = match given {
        Some(given) => Some(secret(given)?),
        None => made_up.clone(),
    };
    registry.reset_secret(device, slot, value.as_deref())?;
    Ok(id(device, made_up))
}

impl Add {
    fn run(self, registry: &Registry) -> Result<Answer, Error> {
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
        Ok(id(&added, made_up))
    }

    /// The credential, and the secret if it was made up.
    fn credential(&self) -> Result<(Credential, Option<String>), Error> {
        if let Some(hex) = &self.fingerprint {
            return Ok((certificate(Some(parse_fingerprint(hex)?)), None));
        }
        if let (Some(authority), Some(serial)) = (&self.authority, &self.serial) {
            return Ok((
                Credential::Serial((authority.clone(), serial.clone())),
                None,
            ));
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

fn slot(secondary: bool) -> Slot {
    if secondary {
        Slot::Secondary
    } else {
        Slot::Primary
    }
}

fn id(device: &str, made_up: Option<String>) -> Answer {
    let mut json = json!({ "device_id": device });
    let mut lines = vec![device.to_owned()];
    if let (Some(secret), Some(fields)) = (made_up, json.as_object_mut()) {
        lines.push(format!("secret: {secret}"));
        fields.insert("secret".into(), secret.into());
    }
    Answer::new(json, lines)
}

/// In the vendor's words, without secrets.
fn shown(device: &Client) -> Value {
    let mut fields = json!({
        "device_id": device.id,
        "node_id": device.node,
        "product_id": device.product,
        "gateway_id": device.gateway,
        "status": match device.status {
            Status::Active => "ACTIVE",
            Status::Inactive => "INACTIVE",
            Status::Frozen => "FROZEN",
        },
        "secure_access": device.encrypted_only,
        "policies": device.policies,
        "attributes": map(&device.attributes),
    });
    if let (Some(fields), Value::Object(auth)) = (fields.as_object_mut(), auth(&device.credential))
    {
        fields.extend(auth);
    }
    fields
}

fn auth(credential: &Credential) -> Value {
    let is_set = |secret: &Option<Vec<u8>>| if secret.is_some() { "set" } else { "none" };
    let hex = |print: &Option<Vec<u8>>| print.as_deref().map(fingerprint_hex);
    match credential {
        Credential::Secret(secrets) => json!({
            "auth_type": "SECRET",
            "secret": is_set(&secrets.primary),
            "secondary_secret": is_set(&secrets.secondary),
        }),
        Credential::Certificate(prints) => json!({
            "auth_type": "CERTIFICATES",
            "fingerprint": hex(&prints.primary),
            "secondary_fingerprint": hex(&prints.secondary),
            "enrol": prints.enrol,
        }),
        Credential::Serial((authority, serial)) => json!({
            "auth_type": "SERIAL",
            "certificate_id": authority,
            "serial": serial,
        }),
        Credential::Token(_) => json!({ "auth_type": "PASSWORD" }),
        Credential::None => json!({ "auth_type": "NONE" }),
    }
}

pub(super) fn map(attributes: &Extra) -> Value {
    let pair = |(key, value): &(String, String)| (key.clone(), Value::from(value.as_str()));
    Value::Object(attributes.iter().map(pair).collect::<Map<_, _>>())
}
