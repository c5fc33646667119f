//! `iotda-broker device …`

mod add;
mod shown;

pub(super) use shown::map;

use super::{Answer, Error, secret};
use crate::registry::{Page, Registry, Slot, parse_fingerprint, parse_serial, random_secret};
use add::Add;
use clap::Subcommand;
use serde_json::json;
use shown::shown;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Register a device. Prints its id; a secret that was made up is printed, too, once.
    Add(Box<Add>),
    /// Show one device, without its secrets.
    Show {
        /// The device id.
        device: String,
    },
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
    Remove {
        /// The device id.
        device: String,
    },
    /// Close the device's session and let it connect no more.
    Freeze {
        /// The device id.
        device: String,
    },
    /// Let a frozen device connect again.
    Unfreeze {
        /// The device id.
        device: String,
    },
    /// Replace the certificate's fingerprint. Without one, the next certificate that connects is adopted; with `--secondary` and
    /// without one, the secondary is taken away.
    ResetFingerprint {
        /// The device id.
        device: String,
        /// SHA-256 (64 digits) or SHA-1 (40 digits) in hex, colons and any case allowed.
        fingerprint: Option<String>,
        /// The one that is tried second.
        #[arg(long)]
        secondary: bool,
    },
    /// Bind the device to another certificate, by its authority and serial number; the session of the former one ends.
    ResetSerial {
        /// The device id.
        device: String,
        /// The id of the authority that issued the certificate.
        #[arg(long)]
        authority: String,
        /// In hex; colons, leading zeros and any case allowed.
        #[arg(long)]
        serial: String,
    },
    /// Replace the secret. Without one, a new one is made up and printed once.
    ResetSecret {
        /// The device id.
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
    Bind {
        /// The device id.
        device: String,
        /// The document's name without `.json`.
        policy: String,
    },
    /// Take a rule document off the device.
    Unbind {
        /// The device id.
        device: String,
        /// The document's name without `.json`.
        policy: String,
    },
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
            Self::ResetSerial {
                device,
                authority,
                serial,
            } => {
                registry.reset_serial(&device, &authority, &parse_serial(&serial)?)?;
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
