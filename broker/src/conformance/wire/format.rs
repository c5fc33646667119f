//! What a wire case says: the steps as they stand in a file. Plain data; the reference with examples is `conformance/README.md`.
//!
//! Texts may hold templates such as `{topic}` or `{device.id}`. Every table refuses fields that it does not know.

#![allow(
    clippy::struct_excessive_bools,
    reason = "the fields are MQTT's flags, one by one"
)]

use super::codes::{FilterCodes, Version, Versions};
use serde::Deserialize;
use std::time::Duration;

/// What a server may offer or not; a CONNACK of MQTT 5 says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Feature {
    Qos2,
    NoQos2,
    Retain,
    NoRetain,
    Shared,
    NoShared,
    SubscriptionIds,
    NoSubscriptionIds,
    TopicAlias,
    NoTopicAlias,
    MaximumPacketSize,
    ReceiveMaximum,
}

/// One case, for one version.
#[derive(Clone, Debug)]
pub(super) struct WireCase {
    pub(super) version: Version,
    /// Roles.
    pub(super) needs: Vec<String>,
    pub(super) when: Vec<Feature>,
    pub(super) limit: Duration,
    pub(super) steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) verb: String,
    pub(super) only: Option<Versions>,
    pub(super) action: Action,
}

/// What is done.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Open(Open),
    Connect(Box<Connect>),
    Publish(Box<Publish>),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    Ping(On),
    Ack(Ack),
    Expect(Box<Expect>),
    ExpectAll(ExpectAll),
    ExpectAny(ExpectAny),
    ExpectNothing(ExpectNothing),
    ExpectClose(ExpectClose),
    ExpectRaw(Raw),
    SendRaw(SendRaw),
    Disconnect(Disconnect),
    Drop(On),
    Drain(Drain),
    Wait(Wait),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct On {
    pub(super) on: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Open {
    #[serde(rename = "as")]
    pub(super) role: Option<String>,
    pub(super) on: Option<String>,
    #[serde(default = "yes")]
    pub(super) certificate: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Connect {
    #[serde(rename = "as")]
    pub(super) role: String,
    pub(super) on: Option<String>,
    pub(super) version: Option<Version>,
    pub(super) client_id: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    #[serde(default = "yes")]
    pub(super) send_username: bool,
    #[serde(default = "yes")]
    pub(super) send_password: bool,
    #[serde(default = "yes")]
    pub(super) certificate: bool,
    /// Shows this role's certificate instead.
    pub(super) certificate_of: Option<String>,
    pub(super) sign: Option<u8>,
    pub(super) stamp: Option<String>,
    /// Hours from now.
    pub(super) hours: Option<i64>,
    #[serde(default = "yes")]
    pub(super) clean: bool,
    #[serde(default = "a_minute")]
    pub(super) keep_alive: u16,
    pub(super) will: Option<Will>,
    pub(super) session_expiry: Option<u32>,
    pub(super) receive_maximum: Option<u16>,
    pub(super) maximum_packet_size: Option<u32>,
    pub(super) topic_alias_maximum: Option<u16>,
    pub(super) request_problem_information: Option<bool>,
    pub(super) request_response_information: Option<bool>,
    pub(super) authentication_method: Option<String>,
    #[serde(default)]
    pub(super) user: Vec<(String, String)>,
    /// Of the CONNACK; any of them will do.
    pub(super) codes: Option<Vec<u8>>,
    /// The server may close instead of answering.
    #[serde(default)]
    pub(super) or_close: bool,
    /// False: nothing is waited for.
    #[serde(default = "yes")]
    pub(super) answer: bool,
    pub(super) session_present: Option<bool>,
    pub(super) connack: Option<ConnAck>,
}

/// What a CONNACK of MQTT 5 has to say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnAck {
    pub(super) session_expiry: Option<u32>,
    pub(super) receive_maximum: Option<u16>,
    pub(super) maximum_qos: Option<u8>,
    pub(super) retain_available: Option<bool>,
    pub(super) maximum_packet_size: Option<u32>,
    pub(super) topic_alias_maximum: Option<u16>,
    pub(super) shared_available: Option<bool>,
    pub(super) server_keep_alive: Option<u16>,
    /// Whether there is one.
    pub(super) assigned_client_id: Option<bool>,
    /// Whether there is one.
    pub(super) reason: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Will {
    pub(super) topic: String,
    #[serde(default)]
    pub(super) payload: String,
    #[serde(default)]
    pub(super) qos: u8,
    #[serde(default)]
    pub(super) retain: bool,
    #[serde(default)]
    pub(super) delay: u32,
    pub(super) expiry: Option<u32>,
    pub(super) payload_format: Option<u8>,
    pub(super) content_type: Option<String>,
    pub(super) response_topic: Option<String>,
    pub(super) correlation: Option<String>,
    #[serde(default)]
    pub(super) user: Vec<(String, String)>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publish {
    pub(super) on: Option<String>,
    pub(super) topic: String,
    pub(super) payload: Option<String>,
    pub(super) hex: Option<String>,
    /// So many bytes of `x`.
    pub(super) bytes: Option<usize>,
    #[serde(default)]
    pub(super) qos: u8,
    #[serde(default)]
    pub(super) retain: bool,
    #[serde(default)]
    pub(super) dup: bool,
    pub(super) id: Option<u16>,
    pub(super) alias: Option<u16>,
    pub(super) expiry: Option<u32>,
    pub(super) payload_format: Option<u8>,
    pub(super) content_type: Option<String>,
    pub(super) response_topic: Option<String>,
    pub(super) correlation: Option<String>,
    #[serde(default)]
    pub(super) user: Vec<(String, String)>,
    /// So many messages; `{n}` counts them from 1.
    #[serde(default = "one")]
    pub(super) count: u32,
    /// Of the acknowledgement, in MQTT 5.
    pub(super) codes: Option<Vec<u8>>,
    #[serde(default = "yes")]
    pub(super) answer: bool,
    #[serde(default)]
    pub(super) or_close: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscribe {
    pub(super) on: Option<String>,
    pub(super) filters: Vec<String>,
    #[serde(default = "one_qos")]
    pub(super) qos: u8,
    #[serde(default)]
    pub(super) no_local: bool,
    #[serde(default)]
    pub(super) retain_as_published: bool,
    #[serde(default)]
    pub(super) retain_handling: u8,
    pub(super) subscription_id: Option<u32>,
    pub(super) id: Option<u16>,
    /// One for each filter.
    pub(super) codes: Option<Vec<FilterCodes>>,
    #[serde(default = "yes")]
    pub(super) answer: bool,
    #[serde(default)]
    pub(super) or_close: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unsubscribe {
    pub(super) on: Option<String>,
    pub(super) filters: Vec<String>,
    pub(super) id: Option<u16>,
    /// One for each filter, in MQTT 5.
    pub(super) codes: Option<Vec<FilterCodes>>,
    #[serde(default)]
    pub(super) or_close: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ack {
    pub(super) on: Option<String>,
    #[serde(default)]
    pub(super) code: u8,
}

/// A PUBLISH of the server; what is not said is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) on: Option<String>,
    pub(super) within: Option<Milliseconds>,
    pub(super) topic: Option<String>,
    pub(super) payload: Option<String>,
    /// Equal as JSON.
    pub(super) json: Option<String>,
    /// JSON that holds at least this.
    pub(super) json_has: Option<String>,
    pub(super) hex: Option<String>,
    /// So many bytes.
    pub(super) bytes: Option<usize>,
    pub(super) qos: Option<u8>,
    pub(super) dup: Option<bool>,
    pub(super) retain: Option<bool>,
    /// Seconds left: at most this, and at most five less.
    pub(super) expiry: Option<u32>,
    pub(super) payload_format: Option<u8>,
    pub(super) content_type: Option<String>,
    pub(super) response_topic: Option<String>,
    pub(super) correlation: Option<String>,
    pub(super) user: Option<Vec<(String, String)>>,
    /// All of them, in any order.
    pub(super) subscription_ids: Option<Vec<u32>>,
    /// The packet id is that of the oldest message that was not acknowledged.
    pub(super) same_id: bool,
    /// So many messages, one after the other; `{n}` counts them from `first`.
    pub(super) count: Option<u32>,
    pub(super) first: Option<u32>,
    /// False: it is not acknowledged.
    pub(super) ack: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectAll {
    pub(super) on: Option<String>,
    pub(super) of: Vec<Expect>,
    pub(super) within: Option<Milliseconds>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectAny {
    pub(super) on: Option<String>,
    pub(super) of: Vec<Pattern>,
    pub(super) within: Option<Milliseconds>,
}

/// One of several things that may happen next.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pattern {
    Publish(Box<Expect>),
    Connack(Coded),
    Puback(Coded),
    Pubrec(Coded),
    Pubcomp(Coded),
    Suback(Coded),
    Unsuback(Coded),
    Disconnect(Coded),
    Pingresp(Plain),
    Close(Plain),
    Nothing(Plain),
}

/// Any of these codes; any code at all where there is none.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Coded {
    pub(super) codes: Option<Vec<u8>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plain {}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectNothing {
    pub(super) on: Option<String>,
    /// How long is listened, where there is no sentinel.
    pub(super) within: Option<Milliseconds>,
    pub(super) sentinel: Option<Sentinel>,
}

/// A message that takes the same way and has to come first.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sentinel {
    pub(super) from: String,
    pub(super) topic: String,
    /// QoS 0 cannot be fenced by a PUBACK.
    #[serde(default = "one_qos")]
    pub(super) qos: u8,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectClose {
    pub(super) on: Option<String>,
    pub(super) within: Option<Milliseconds>,
    /// Of the DISCONNECT (MQTT 5) or of the CONNACK, if there is one.
    pub(super) codes: Option<Vec<u8>>,
    /// MQTT 5: there has to be a DISCONNECT.
    #[serde(default)]
    pub(super) told: bool,
    /// Not before so much time.
    pub(super) not_before: Option<Milliseconds>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) on: Option<String>,
    pub(super) bytes: String,
    pub(super) within: Option<Milliseconds>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SendRaw {
    pub(super) on: Option<String>,
    /// The packet as it is.
    pub(super) bytes: Option<String>,
    /// The first byte; the length is worked out of `body`.
    pub(super) first: Option<u8>,
    pub(super) body: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disconnect {
    pub(super) on: Option<String>,
    #[serde(default)]
    pub(super) code: u8,
    pub(super) session_expiry: Option<u32>,
    /// The server has to close; else the harness does.
    #[serde(default)]
    pub(super) keep: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drain {
    pub(super) on: Option<String>,
    /// Until nothing has come for so long.
    pub(super) quiet: Option<Milliseconds>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    pub(super) ms: Milliseconds,
}

/// A time in milliseconds; at most two minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Milliseconds(pub(super) Duration);

impl TryFrom<u64> for Milliseconds {
    type Error = String;

    fn try_from(ms: u64) -> Result<Self, String> {
        if ms > 120_000 {
            return Err(format!(
                "`{ms}` ms is longer than the 120000 that a wait may take"
            ));
        }
        Ok(Self(Duration::from_millis(ms)))
    }
}

const fn yes() -> bool {
    true
}

const fn one() -> u32 {
    1
}

const fn one_qos() -> u8 {
    1
}

const fn a_minute() -> u16 {
    60
}
