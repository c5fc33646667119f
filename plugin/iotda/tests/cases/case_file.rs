//! Case files: what may be left out or written readably is filled in, so that the rest is plain serde of the contract's records.
//!
//! Knows the contract's field names only, not its bindings: a host reads the same files with its own.
//!
//! * A text `text:…` stands for its UTF-8 bytes, `hex:…` for the bytes; `connect.password` needs no prefix.
//! * `connect.certificate` may be `{"pem": "…", "authority": "…"}`; `connect.now` may be RFC 3339 text.
//! * Missing fields take the defaults below; a missing client or product stays missing.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use x509_parser::pem::Pem;

/// 2026-11-21T22:30:00Z, in the hour of the wire vectors.
const NOW: u64 = 1_795_300_200_000;

type Fields = Map<String, Value>;

/// Fills in one case: `{name, source, connect, subject, expect}` with complete records in `connect` and `subject`.
pub(crate) fn filled(case: &Value) -> Result<Value, String> {
    let mut case = with_defaults(Some(&bytes_for_texts(case)?), &json!({}));
    let connect = filled_connect(case.get("connect"))?;
    let subject = filled_subject(case.get("subject"));
    case.insert("connect".to_owned(), connect);
    case.insert("subject".to_owned(), subject);
    Ok(Value::Object(case))
}

fn filled_connect(given: Option<&Value>) -> Result<Value, String> {
    let mut connect = with_defaults(given, &connect_defaults());
    if let Some(Value::String(password)) = connect.get("password") {
        let bytes = json!(password.as_bytes());
        connect.insert("password".to_owned(), bytes);
    }
    if let Some(Value::String(now)) = connect.get("now") {
        let now = json!(milliseconds(now)?);
        connect.insert("now".to_owned(), now);
    }
    if let Some(Value::Object(certificate)) = connect.get_mut("certificate") {
        fill_chain(certificate)?;
    }
    Ok(Value::Object(connect))
}

fn fill_chain(certificate: &mut Fields) -> Result<(), String> {
    if let Some(Value::String(pem)) = certificate.remove("pem") {
        certificate.insert("chain".to_owned(), json!(chain(&pem)?));
    }
    Ok(())
}

fn filled_subject(subject: Option<&Value>) -> Value {
    let part = |name| {
        subject
            .and_then(|subject| subject.get(name))
            .filter(|part| !part.is_null())
    };
    let product = part("product").map(|given| with_defaults(Some(given), &product_defaults()));
    json!({"client": part("client").map(filled_client), "product": product})
}

fn filled_client(given: &Value) -> Fields {
    let mut client = with_defaults(Some(given), &client_defaults());
    let known = client
        .get("credential")
        .and_then(|credential| credential.get("Certificate"));
    if let Some(known) = known {
        let known = with_defaults(Some(known), &json!({"enrol": false}));
        client.insert("credential".to_owned(), json!({"Certificate": known}));
    }
    client
}

fn product_defaults() -> Value {
    json!({"policies": [], "attributes": []})
}

fn connect_defaults() -> Value {
    json!({
        "client_id": "", "client_id_assigned": false, "username": null, "password": null, "certificate": null,
        "protocol": "Mqtt311", "keep_alive": 120, "clean_start": true, "session_expiry": 0, "will": null,
        "listener": "mqtts", "encrypted": true, "server_name": null, "peer": "127.0.0.1:1",
        "authentication_method": null, "user_properties": [], "now": NOW, "extra": [],
    })
}

fn client_defaults() -> Value {
    json!({
        "node": "", "product": "", "gateway": null, "application": false, "status": "Active",
        "encrypted_only": false, "credential": "None", "policies": [], "attributes": [], "children": [],
    })
}

fn with_defaults(given: Option<&Value>, defaults: &Value) -> Fields {
    let mut all = defaults.as_object().cloned().unwrap_or_default();
    all.extend(
        given
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    );
    all
}

fn bytes_for_texts(value: &Value) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => match (text.strip_prefix("text:"), text.strip_prefix("hex:")) {
            (Some(text), _) => json!(text.as_bytes()),
            (_, Some(hex)) => json!(decode_hex(hex)?),
            _ => value.clone(),
        },
        Value::Array(items) => items
            .iter()
            .map(bytes_for_texts)
            .collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), bytes_for_texts(value)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        _ => value.clone(),
    })
}

fn decode_hex(hex: &str) -> Result<Vec<u8>, String> {
    let byte = |at| {
        hex.get(at..at + 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    (0..hex.len())
        .step_by(2)
        .map(|at| byte(at).ok_or_else(|| format!("`{hex}` is no hex")))
        .collect()
}

fn milliseconds(text: &str) -> Result<i128, String> {
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|cause| format!("`{text}` is no time: {cause}"))?;
    Ok(moment.unix_timestamp_nanos() / 1_000_000)
}

fn chain(pem: &str) -> Result<Vec<Vec<u8>>, String> {
    let read = Pem::iter_from_buffer(pem.as_bytes()).map(|pem| pem.map(|pem| pem.contents));
    read.collect::<Result<_, _>>()
        .map_err(|cause| format!("the certificate is no PEM: {cause}"))
}
