//! The record of a case: without secrets, or with a credential that waits for its first certificate.

use crate::contract::{Credential, Fingerprints, Secrets, Subject};
use crate::registry::fingerprint_hex;
use serde_json::{Value, json};

/// In place of what is secret. Each its own word, and none of them what stands for a password.
const PRIMARY: &str = "the primary secret is not logged";
const SECONDARY: &str = "the secondary secret is not logged";
const TOKEN: &str = "the token is not logged";

/// The record with words in place of what is secret. Fingerprints and serial numbers are public.
pub(super) fn redacted(mut subject: Subject) -> Value {
    let credential = subject.client.as_mut().map(|client| {
        // Taken out before anything is written: what is not named below cannot be written by mistake.
        std::mem::replace(&mut client.credential, Credential::None)
    });
    with(&subject, credential.as_ref().map(public))
}

/// The record with a credential that any certificate of a verified authority proves.
pub(super) fn enrolling(mut subject: Subject) -> Value {
    if let Some(client) = subject.client.as_mut() {
        client.credential = Credential::None;
    }
    let waits = json!({ "Certificate": { "enrol": true } });
    let credential = subject.client.is_some().then_some(waits);
    with(&subject, credential)
}

fn with(subject: &Subject, credential: Option<Value>) -> Value {
    let mut written = json!(subject);
    if let (Some(credential), Some(place)) = (credential, written.pointer_mut("/client/credential"))
    {
        *place = credential;
    }
    written
}

fn public(credential: &Credential) -> Value {
    match credential {
        Credential::Secret(Secrets { primary, secondary }) => json!({ "Secret": {
            "primary": primary.as_ref().map(|_| format!("text:{PRIMARY}")),
            "secondary": secondary.as_ref().map(|_| format!("text:{SECONDARY}")),
        } }),
        Credential::Token(_) => json!({ "Token": format!("text:{TOKEN}") }),
        Credential::Certificate(Fingerprints {
            primary,
            secondary,
            enrol,
        }) => json!({ "Certificate": {
            "primary": primary.as_deref().map(fingerprint_hex),
            "secondary": secondary.as_deref().map(fingerprint_hex),
            "enrol": enrol,
        } }),
        Credential::Serial(serial) => json!({ "Serial": serial }),
        Credential::None => json!("None"),
    }
}
