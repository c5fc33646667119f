//! The entries of `clients.json` and the records that they stand for. Pure; checked by `rule` afterwards.

use super::super::{Error, application, parse_fingerprint, parse_serial};
use crate::contract::{self, Client, Credential, Fingerprints, Secrets, Status};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A secret. One of another type is refused without its value, which an error would otherwise repeat.
#[derive(Deserialize, Serialize)]
#[serde(try_from = "serde_json::Value")]
struct Hidden(String);

impl TryFrom<serde_json::Value> for Hidden {
    type Error = &'static str;

    fn try_from(value: serde_json::Value) -> Result<Self, Self::Error> {
        match value {
            serde_json::Value::String(text) => Ok(Self(text)),
            _ => Err("a secret or password must be a string"),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default)]
    pub(super) products: Vec<Product>,
    #[serde(default)]
    pub(super) devices: Vec<Device>,
    #[serde(default)]
    pub(super) applications: Vec<Application>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Product {
    pub(super) id: String,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Device {
    product: String,
    node: String,
    id: Option<String>,
    gateway: Option<String>,
    secret: Option<Hidden>,
    secondary_secret: Option<Hidden>,
    fingerprint: Option<String>,
    secondary_fingerprint: Option<String>,
    #[serde(default)]
    enrol: bool,
    serial: Option<(String, String)>,
    #[serde(default)]
    encrypted_only: bool,
    #[serde(default)]
    status: State,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Active,
    Inactive,
    Frozen,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Application {
    pub(super) name: String,
    password: Hidden,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

impl Product {
    pub(super) fn record(&self) -> contract::Product {
        contract::Product {
            id: self.id.clone(),
            policies: self.policies.clone(),
            attributes: pairs(&self.attributes),
        }
    }
}

impl Device {
    pub(super) fn record(&self) -> Result<Client, Error> {
        let default_id = || format!("{}_{}", self.product, self.node);
        let id = self.id.clone().unwrap_or_else(default_id);
        Ok(Client {
            credential: credential(self, &id)?,
            id,
            node: self.node.clone(),
            product: self.product.clone(),
            gateway: self.gateway.clone(),
            application: false,
            status: match self.status {
                State::Active => Status::Active,
                State::Inactive => Status::Inactive,
                State::Frozen => Status::Frozen,
            },
            encrypted_only: self.encrypted_only,
            policies: self.policies.clone(),
            attributes: pairs(&self.attributes),
            children: Vec::new(),
        })
    }
}

impl Application {
    pub(super) fn record(&self) -> Client {
        Client {
            policies: self.policies.clone(),
            attributes: pairs(&self.attributes),
            ..application(&self.name, &self.password.0)
        }
    }
}

fn credential(entry: &Device, id: &str) -> Result<Credential, Error> {
    let secret = entry.secret.is_some() || entry.secondary_secret.is_some();
    let certificate = entry.fingerprint.is_some() || entry.secondary_fingerprint.is_some();
    match (secret, certificate || entry.enrol, &entry.serial) {
        (false, false, None) => Ok(Credential::None),
        (true, false, None) => Ok(Credential::Secret(secrets(entry))),
        (false, true, None) => Ok(Credential::Certificate(fingerprints(entry)?)),
        (false, false, Some((authority, serial))) => Ok(Credential::Serial((
            authority.clone(),
            parse_serial(serial)?,
        ))),
        _ => Err(Error::Malformed {
            what: "device",
            value: id.to_owned(),
            rule: "secret, fingerprint (or enrol) and serial exclude each other".into(),
        }),
    }
}

fn secrets(entry: &Device) -> Secrets {
    let bytes = |secret: &Option<Hidden>| secret.as_ref().map(|text| text.0.as_bytes().to_vec());
    Secrets {
        primary: bytes(&entry.secret),
        secondary: bytes(&entry.secondary_secret),
    }
}

fn fingerprints(entry: &Device) -> Result<Fingerprints, Error> {
    let parse = |print: &Option<String>| print.as_deref().map(parse_fingerprint).transpose();
    let primary = parse(&entry.fingerprint)?;
    Ok(Fingerprints {
        enrol: entry.enrol && primary.is_none(),
        primary,
        secondary: parse(&entry.secondary_fingerprint)?,
    })
}

fn pairs(attributes: &BTreeMap<String, String>) -> contract::Extra {
    let own = |(key, value): (&String, &String)| (key.clone(), value.clone());
    attributes.iter().map(own).collect()
}
