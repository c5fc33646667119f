//! What a CONNECT that is let in gets, beside its rules: all that the client or the host could notice at once. Pure.
//!
//! The rules themselves decide accesses, and are compared by these. Greetings are compared by their number, topics and `QoS`.

use crate::contract::{Connect, Limits, Principal, Qos, UtcMs};
use crate::grant::{Decision, Grant};
use std::fmt::Write;
use std::sync::Arc;

/// What is compared of a grant and its principal.
#[derive(Clone, Debug, PartialEq)]
pub struct Granted {
    client: Arc<str>,
    record: String,
    limits: Limits,
    unsolicited: bool,
    greetings: Vec<(String, Qos)>,
    valid_until: Option<UtcMs>,
    suffix_mark: Option<char>,
    enrol: Option<Vec<u8>>,
    /// What the rules say of the CONNECT's will, where it has one.
    will: Option<&'static str>,
}

impl Granted {
    /// Of one CONNECT. The principal is that of `authenticate`: its wish to enrol is still in it.
    pub fn of(principal: &Principal, grant: &Grant, connect: &Connect) -> Self {
        let greetings = grant.greetings.iter();
        Self {
            client: Arc::clone(&grant.client_id),
            record: principal.id.clone(),
            limits: grant.limits,
            unsolicited: grant.unsolicited,
            greetings: greetings.map(|one| (one.topic.clone(), one.qos)).collect(),
            valid_until: grant.valid_until,
            suffix_mark: grant.suffix_mark,
            enrol: principal.enrol.clone(),
            will: will(grant, connect),
        }
    }

    /// The canonical client id.
    pub fn client(&self) -> &Arc<str> {
        &self.client
    }

    /// What is not the same in both, in words: what this says, and what the other says. `None`: nothing.
    pub(crate) fn unlike(&self, other: &Self) -> Option<(String, String)> {
        if self == other {
            return None;
        }
        let (mut own, mut others) = (String::new(), String::new());
        let fields = self.fields().into_iter().zip(other.fields());
        for ((name, value), (_, other)) in fields.filter(|(own, other)| own != other) {
            tell(&mut own, name, &value);
            tell(&mut others, name, &other);
        }
        Some((own, others))
    }

    /// By the contract's names.
    fn fields(&self) -> [(&'static str, String); 18] {
        let limits = &self.limits;
        [
            ("client-id", format!("`{}`", self.client)),
            ("record", format!("`{}`", self.record)),
            ("unsolicited", self.unsolicited.to_string()),
            ("greetings", greetings(&self.greetings)),
            ("valid-until", or_none(self.valid_until)),
            ("suffix-mark", or_none(self.suffix_mark)),
            ("enrol", or_none(self.enrol.as_deref().map(hex))),
            ("will", or_none(self.will)),
            ("keep-alive-max", limits.keep_alive_max.to_string()),
            ("session-expiry-max", limits.session_expiry_max.to_string()),
            ("payload-max", limits.payload_max.to_string()),
            ("topic-max", limits.topic_max.to_string()),
            ("subscriptions-max", limits.subscriptions_max.to_string()),
            ("filters-max", limits.filters_max.to_string()),
            ("publish-rate", limits.publish_rate.to_string()),
            (
                "publish-rate-acknowledged",
                limits.publish_rate_acknowledged.to_string(),
            ),
            ("publish-bytes", limits.publish_bytes.to_string()),
            ("limits.will", limits.will.to_string()),
        ]
    }
}

/// As the host asks it: a will above `QoS` 1 is lowered or refused whatever the rules say.
fn will(grant: &Grant, connect: &Connect) -> Option<&'static str> {
    let will = connect.will.as_ref()?;
    let qos = will.qos.min(Qos::AtLeastOnce);
    Some(match grant.publish(grant.routed(&will.topic), qos) {
        Decision::Allow { .. } => "allow",
        Decision::Inspect { .. } => "inspect",
        Decision::Deny { .. } => "deny",
    })
}

fn tell(text: &mut String, name: &str, value: &str) {
    let comma = if text.is_empty() { "" } else { ", " };
    // A string takes everything.
    let _ = write!(text, "{comma}{name} {value}");
}

fn greetings(greetings: &[(String, Qos)]) -> String {
    let mut text = greetings.len().to_string();
    for (topic, qos) in greetings {
        let _ = write!(text, " `{topic}` at qos {}", *qos as u8);
    }
    text
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// Of a fingerprint or a look-up.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
