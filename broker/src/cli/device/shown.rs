//! A device's record for people and scripts.

use crate::{
    contract::{Client, Credential, Extra, Status},
    registry::fingerprint_hex,
};
use serde_json::{Map, Value, json};

/// In the vendor's words, without secrets.
pub(super) fn shown(device: &Client) -> Value {
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

pub(in crate::cli) fn map(attributes: &Extra) -> Value {
    let pair = |(key, value): &(String, String)| (key.clone(), Value::from(value.as_str()));
    Value::Object(attributes.iter().map(pair).collect::<Map<_, _>>())
}
