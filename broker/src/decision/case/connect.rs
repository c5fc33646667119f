//! The CONNECT of a case: as it was claimed, or with the stand-in certificate.

use super::super::claim::{Claim, Will};
use super::super::line::{Kept, instant};
use super::{STAND_IN, pem};
use crate::contract::{Protocol, Qos};
use serde_json::{Map, Value, json};

/// In place of a password that was sent. Not the word that stands for a secret, lest one proves the other.
const PASSWORD: &str = "text:the password is not logged";
/// The stand-in's authority: any will do.
const AUTHORITY: &str = "stand-in";

/// What the client sent, but for the password.
pub(super) fn as_claimed(claim: &Claim) -> Value {
    let mut connect = common(claim);
    connect.insert("encrypted".into(), json!(claim.encrypted));
    if claim.password_sent {
        connect.insert("password".into(), json!(PASSWORD));
    }
    if !claim.chain.is_empty() {
        let certificate = json!({ "pem": pem::chain(&claim.chain), "authority": claim.authority });
        connect.insert("certificate".into(), certificate);
    }
    connect.into()
}

/// The same with the stand-in as its proof.
pub(super) fn proven(claim: &Claim) -> Value {
    let mut connect = common(claim);
    connect.extend(stand_in());
    connect.into()
}

/// The CONNECT of a live session: what is still known of it.
pub(super) fn of_session(kept: &Kept) -> Value {
    let line = &kept.line;
    let mut connect = stand_in();
    let known = [
        ("client_id", json!(line.raw_client)),
        ("username", json!(kept.username)),
        ("protocol", json!(protocol(line.protocol == Some("5")))),
        ("listener", json!(line.listener)),
        ("peer", json!(line.peer)),
        ("now", json!(instant(line.time))),
    ];
    connect.extend(given(known));
    connect.into()
}

fn stand_in() -> Map<String, Value> {
    given([
        ("encrypted", json!(true)),
        (
            "certificate",
            json!({ "pem": STAND_IN, "authority": AUTHORITY }),
        ),
    ])
}

fn common(claim: &Claim) -> Map<String, Value> {
    given([
        ("client_id", json!(claim.client_id)),
        ("client_id_assigned", json!(claim.client_id_assigned)),
        ("username", json!(claim.username)),
        (
            "protocol",
            json!(protocol(claim.protocol == Protocol::Mqtt5)),
        ),
        ("keep_alive", json!(claim.keep_alive)),
        ("clean_start", json!(claim.clean_start)),
        ("session_expiry", json!(claim.session_expiry)),
        (
            "will",
            json!(claim.will.as_ref().map(|one| will(one, claim.protocol))),
        ),
        ("listener", json!(claim.listener)),
        ("server_name", json!(claim.server_name)),
        ("peer", json!(claim.peer)),
        ("now", json!(instant(claim.now))),
    ])
}

/// What is unknown or empty is left to the case's defaults.
fn given<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    let known = fields.into_iter().filter(|(_, value)| !value.is_null());
    known
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn protocol(is_v5: bool) -> &'static str {
    if is_v5 { "Mqtt5" } else { "Mqtt311" }
}

/// A QoS 2 will of 3.1.1 is taken at QoS 1, and judged so.
fn will(will: &Will, protocol: Protocol) -> Value {
    let qos = match (will.qos, protocol) {
        (Qos::ExactlyOnce, Protocol::Mqtt311) => Qos::AtLeastOnce,
        (qos, _) => qos,
    };
    json!({
        "topic": will.topic,
        "qos": qos as u8,
        "retain": will.retain,
        "payload_length": will.payload_length,
        "delay": will.delay,
    })
}
