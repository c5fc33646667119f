//! The contract's records as cases write them: fields in snake case, each with a default.
//!
//! What a case gives is laid over the defaults, and a field that the defaults do not have is an error, because a misspelt one would prove nothing.
//! Enumerations and variants may be written in any case, with or without dashes. Bytes are an array of numbers, or `text:…` for UTF-8, or `hex:…`;
//! without a prefix, text is UTF-8 in passwords and secrets and hex in fingerprints. `now` may be RFC 3339, a certificate `{"pem": "…", "authority": "…"}`.

use super::convert::{Converted, hex_bytes, instant, optional, record, text_bytes, typed, variant};
use crate::contract::{Connect, Lookup, Subject};
use serde_json::{Map, Value, json};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// A CONNECT; `null` is the default one.
pub(super) fn connect(given: Value) -> Result<Connect, String> {
    let defaults = json!({
        "client_id": "", "client_id_assigned": false, "username": null, "password": null, "certificate": null, "protocol": "mqtt311",
        "keep_alive": 120, "clean_start": true, "session_expiry": 0, "will": null, "listener": "mqtts", "encrypted": true,
        "server_name": null, "peer": "127.0.0.1:1", "authentication_method": null, "user_properties": [],
        "now": "2026-11-21T22:30:00Z", "extra": [],
    });
    let record = record("connect", given, &defaults, |field, value| match field {
        "certificate" => optional(value, certificate),
        "now" => instant(value),
        "password" => optional(value, text_bytes),
        "protocol" => variant("protocol", value, &["Mqtt31", "Mqtt311", "Mqtt5"]),
        "will" => optional(value, will),
        _ => Ok(value),
    })?;
    typed("connect", record)
}

/// What the registry knows; `null` is the empty subject.
pub(super) fn subject(given: Value) -> Result<Subject, String> {
    let defaults = json!({ "client": null, "product": null });
    let record = record("subject", given, &defaults, |field, value| match field {
        "client" => optional(value, client),
        _ => optional(value, product),
    })?;
    typed("subject", record)
}

/// What `identify` asks for, such as `{"client": "…"}`.
pub(super) fn lookup(given: Value) -> Result<Lookup, String> {
    let names = [
        "Client",
        "Node",
        "ProductNode",
        "Fingerprint",
        "Serial",
        "Application",
    ];
    let mut lookup = variant("lookup", given, &names)?;
    if let Some(fingerprint) = lookup.get_mut("Fingerprint") {
        *fingerprint = hex_bytes(fingerprint.take())?;
    }
    typed("lookup", lookup)
}

fn will(given: Value) -> Converted {
    let defaults =
        json!({ "topic": "", "qos": 0, "retain": false, "payload_length": 0, "delay": 0 });
    record("will", given, &defaults, |field, value| {
        match (field, value.as_u64()) {
            ("qos", Some(0)) => Ok("AtMostOnce".into()),
            ("qos", Some(1)) => Ok("AtLeastOnce".into()),
            ("qos", Some(2)) => Ok("ExactlyOnce".into()),
            ("qos", _) => variant("qos", value, &["AtMostOnce", "AtLeastOnce", "ExactlyOnce"]),
            _ => Ok(value),
        }
    })
}

fn certificate(given: Value) -> Converted {
    let defaults = json!({ "pem": null, "chain": [], "authority": null });
    let mut certificate = record("certificate", given, &defaults, |_, value| Ok(value))?;
    let pem = certificate
        .as_object_mut()
        .and_then(|fields| fields.remove("pem"));
    if let Some(Value::String(pem)) = pem {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let chain = chain.map_err(|error| format!("`pem` is no certificate: {error}"))?;
        if chain.is_empty() {
            return Err("`pem` has no certificate in it".into());
        }
        let bytes: Vec<&[u8]> = chain.iter().map(AsRef::as_ref).collect();
        if let Some(fields) = certificate.as_object_mut() {
            fields.insert("chain".into(), json!(bytes));
        }
    }
    Ok(certificate)
}

fn client(given: Value) -> Converted {
    let defaults = json!({
        "id": "", "node": "", "product": "", "gateway": null, "application": false, "status": "active", "encrypted_only": false,
        "credential": "none", "policies": [], "attributes": [], "children": [],
    });
    record("client", given, &defaults, |field, value| match field {
        "credential" => credential(value),
        "status" => variant("status", value, &["Active", "Inactive", "Frozen"]),
        _ => Ok(value),
    })
}

fn credential(given: Value) -> Converted {
    let names = ["Secret", "Certificate", "Serial", "Token", "None"];
    let credential = variant("credential", given, &names)?;
    let Value::Object(fields) = credential else {
        return Ok(credential);
    };
    let converted = fields.into_iter().map(|(kind, value)| {
        let value = match kind.as_str() {
            "Secret" => pair(
                value,
                &json!({ "primary": null, "secondary": null }),
                text_bytes,
            ),
            "Certificate" => {
                let defaults = json!({ "primary": null, "secondary": null, "enrol": false });
                pair(value, &defaults, hex_bytes)
            }
            "Token" => text_bytes(value),
            _ => Ok(value),
        };
        Ok((kind, value?))
    });
    converted
        .collect::<Result<Map<_, _>, _>>()
        .map(Value::Object)
}

fn pair(given: Value, defaults: &Value, bytes: fn(Value) -> Converted) -> Converted {
    record("credential", given, defaults, |field, value| match field {
        "primary" | "secondary" => optional(value, bytes),
        _ => Ok(value),
    })
}

fn product(given: Value) -> Converted {
    let defaults = json!({ "id": "", "policies": [], "attributes": [] });
    record("product", given, &defaults, |_, value| Ok(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Credential, Protocol, Status};

    #[test]
    fn a_connect_has_defaults_and_readable_fields() {
        let read = connect(
            json!({ "client_id": "a", "password": "secret", "will": { "topic": "t", "qos": 1 } }),
        )
        .unwrap();
        assert_eq!(read.protocol, Protocol::Mqtt311);
        assert_eq!((read.keep_alive, read.listener.as_str()), (120, "mqtts"));
        assert_eq!(read.password.as_deref(), Some(b"secret".as_slice()));
        assert_eq!(read.now, 1_795_300_200_000);
        assert_eq!(read.will.unwrap().qos as u8, 1);
        let other = connect(json!({ "protocol": "Mqtt5", "now": 7, "password": [1, 2] })).unwrap();
        assert_eq!(
            (other.protocol, other.now, other.password),
            (Protocol::Mqtt5, 7, Some(vec![1, 2]))
        );
        assert_eq!(connect(Value::Null).unwrap().client_id, "");
        for (written, bytes) in [("text:a:b", "a:b"), ("hex:61:62", "ab"), ("te", "te")] {
            let read = connect(json!({ "password": written })).unwrap();
            assert_eq!(read.password.as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn a_subject_is_written_in_words() {
        let client = json!({
            "id": "d", "status": "frozen",
            "credential": { "certificate": { "primary": "00:fF:10" } },
        });
        let client = subject(json!({ "client": client }))
            .unwrap()
            .client
            .unwrap();
        assert_eq!(client.status, Status::Frozen);
        let Credential::Certificate(prints) = client.credential else {
            panic!("{:?}", client.credential);
        };
        assert_eq!(
            (prints.primary, prints.enrol),
            (Some(vec![0, 255, 16]), false)
        );
        let secret = json!({ "client": { "credential": { "Secret": { "primary": "12345678" } } } });
        let Credential::Secret(secrets) = subject(secret).unwrap().client.unwrap().credential
        else {
            panic!("no secret");
        };
        assert_eq!(secrets.primary.as_deref(), Some(b"12345678".as_slice()));
        assert_eq!(
            subject(Value::Null).unwrap(),
            Subject {
                client: None,
                product: None
            }
        );
    }

    #[test]
    fn a_lookup_is_a_variant_by_any_spelling() {
        let pair = Lookup::ProductNode(("p".into(), "n".into()));
        for name in ["product-node", "product_node", "ProductNode"] {
            assert_eq!(lookup(json!({ name: ["p", "n"] })).unwrap(), pair);
        }
        assert_eq!(
            lookup(json!({ "fingerprint": "0aff" })).unwrap(),
            Lookup::Fingerprint(vec![10, 255])
        );
    }

    #[test]
    fn what_is_misspelt_is_told() {
        for (given, told) in [
            (json!({ "client": "a" }), "`connect` has no field `client`"),
            (
                json!({ "protocol": "mqtt4" }),
                "`protocol` cannot be `mqtt4`",
            ),
            (json!({ "now": "yesterday" }), "`now` is no RFC 3339 time"),
            (
                json!({ "certificate": { "pem": "-----BEGIN CERTIFICATE-----\n!" } }),
                "`pem` is no certificate",
            ),
            (json!([]), "`connect` is no object"),
            (json!({ "keep_alive": -1 }), "`connect`: "),
        ] {
            let error = connect(given).unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
        assert_eq!(
            lookup(json!({ "fingerprint": "abc" })).unwrap_err(),
            "`abc` is no hex text"
        );
        assert_eq!(
            subject(json!({ "clients": null })).unwrap_err(),
            "`subject` has no field `clients`"
        );
    }
}
