//! What happens on a connection, and how it is told to people. Pure.

use super::properties::Carried;
use crate::session::wire::client::{Answer, Codes, FromServer, Received};
use crate::session::wire::{ConnAck, Qos};
use bytes::Bytes;
use std::fmt::Write as _;

/// What comes from the server, or does not.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// A packet, as it came and as it reads.
    Packet { raw: Bytes, packet: FromServer },
    /// A packet that breaks the specification.
    Malformed { raw: Bytes, cause: String },
    /// The server has closed the connection.
    Closed,
    /// Nothing, for as long as was waited.
    Silence,
}

/// Longer payloads and packets are cut in reports.
const SHOWN: usize = 200;

impl Event {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Packet { packet, .. } => describe(packet),
            Self::Malformed { raw, cause } => format!("a malformed packet ({cause}): {}", hex(raw)),
            Self::Closed => "the connection closed".to_owned(),
            Self::Silence => "nothing in time".to_owned(),
        }
    }
}

fn describe(packet: &FromServer) -> String {
    match packet {
        FromServer::ConnAck(connack) => connack_text(connack),
        FromServer::Publish(received) => publish_text(received),
        FromServer::PubAck(answer) => answer_text("PUBACK", answer),
        FromServer::PubRec(answer) => answer_text("PUBREC", answer),
        FromServer::PubRel(answer) => answer_text("PUBREL", answer),
        FromServer::PubComp(answer) => answer_text("PUBCOMP", answer),
        FromServer::SubAck(codes) => codes_text("SUBACK", codes),
        FromServer::UnsubAck(codes) => codes_text("UNSUBACK", codes),
        FromServer::PingResp => "PINGRESP".to_owned(),
        FromServer::Disconnect { code, reason } => {
            format!(
                "DISCONNECT {}{}",
                self::code(*code),
                reason_text(reason.as_deref())
            )
        }
        FromServer::Auth { code } => format!("AUTH {}", self::code(*code)),
    }
}

/// One code, as the specification writes it.
pub(super) fn code(code: u8) -> String {
    format!("{code:#04x}")
}

/// Several, any of which will do.
pub(super) fn codes(codes: &[u8]) -> String {
    let shown: Vec<_> = codes.iter().copied().map(code).collect();
    shown.join(" or ")
}

fn connack_text(connack: &ConnAck) -> String {
    let present = if connack.session_present {
        " with a session"
    } else {
        ""
    };
    format!(
        "CONNACK {}{present}{}",
        code(connack.code),
        reason_text(connack.reason.as_deref())
    )
}

fn answer_text(name: &str, answer: &Answer) -> String {
    let id = answer.ack.packet_id;
    format!(
        "{name} of packet {id}, {}{}",
        code(answer.ack.code),
        reason_text(answer.reason.as_deref())
    )
}

fn codes_text(name: &str, answer: &Codes) -> String {
    let codes: Vec<_> = answer.codes.iter().copied().map(code).collect();
    let reason = reason_text(answer.reason.as_deref());
    format!(
        "{name} of packet {}, [{}]{reason}",
        answer.packet_id,
        codes.join(", ")
    )
}

fn reason_text(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!(" («{reason}»)"))
        .unwrap_or_default()
}

fn publish_text(received: &Received) -> String {
    let publish = &received.publish;
    let mut text = format!(
        "PUBLISH on `{}` at QoS {}",
        publish.topic, publish.qos as u8
    );
    if publish.dup {
        text.push_str(", DUP");
    }
    if publish.retain {
        text.push_str(", RETAIN");
    }
    if publish.qos != Qos::AtMostOnce {
        // Writing to a string cannot fail.
        let _ = write!(text, ", packet {}", publish.packet_id);
    }
    let carried = Carried::read(publish.properties.clone());
    if carried != Carried::default() {
        let _ = write!(text, ", {carried:?}");
    }
    if let Some(expiry) = publish.expiry {
        let _ = write!(text, ", expiry {expiry}");
    }
    if !received.subscription_ids.is_empty() {
        let _ = write!(text, ", subscription ids {:?}", received.subscription_ids);
    }
    let _ = write!(text, ", payload {}", payload(&publish.payload));
    text
}

/// A payload as text where it is one, else in hex.
pub(super) fn payload(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.len() <= SHOWN => format!("`{text}`"),
        Ok(text) => {
            let start: String = text.chars().take(SHOWN).collect();
            format!("`{start}…` ({} bytes)", text.len())
        }
        Err(_) => format!("hex {}", hex(bytes)),
    }
}

/// Bytes in hex, cut where they are many.
pub(super) fn hex(bytes: &[u8]) -> String {
    let shown: Vec<_> = bytes
        .iter()
        .take(SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let more = if bytes.len() > SHOWN { " …" } else { "" };
    shown.join(" ") + more
}
