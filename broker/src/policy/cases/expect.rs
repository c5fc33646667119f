//! What a case may expect, and how it is written.
//!
//! | `expect` | what |
//! |---|---|
//! | `{"lookup": {"client": "…"}}` | whom `identify` asks for; nothing else is asked unless more is expected |
//! | `{"refusal": 201, "rule": "…", "detail": "…"}` | refused with this code, by this rule and with these words in its sentence, where they are named |
//! | `{"grant": {…}, "access": […], "later": […]}` | let in, and what the grant says |
//! | `{"inbox": {"template": "…", "keep_messages": 20, "keep_seconds": 86400, "max_qos": 1}}` | what the generation asks of the host; no CONNECT is judged |
//!
//! `grant` may name `client_id`, `unsolicited`, `suffix_mark`, `valid_until` (RFC 3339), `greetings` (`topic`, `qos`, `payload` as text), `enrols` (a fingerprint, or null) and `limits`.
//! An `access` is one of `publish`, `subscribe` and `receive` with a topic, a `qos` (0), the `verdict` and perhaps `rule` and `code`, and `detail`
//! (words of the sentence) where it is denied or remarked. With a `payload`
//! (an object is written as compact JSON; text may be `text:…` or `hex:…`; `pad_to` fills it up with spaces) whoever is to inspect it is asked, and
//! the verdict is what came out: `allow`, `deny`, or `remark`, with the payload that is `routed`. A `later` asks `authorize` again for the live session,
//! with a `subject` laid over the case's and another `now`, and expects a `refusal` or a `grant`.

use super::convert::{hex_bytes, instant, laid_over, text_bytes, typed};
use super::records;
use crate::contract::{Lookup, Qos, Subject, UtcMs};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;

#[derive(Default)]
pub(super) struct Expect {
    pub(super) lookup: Option<Lookup>,
    pub(super) refusal: Option<u16>,
    pub(super) rule: Option<String>,
    /// Words of the refusal's sentence.
    pub(super) detail: Option<String>,
    pub(super) grant: Option<ExpectedGrant>,
    pub(super) access: Vec<Access>,
    pub(super) later: Vec<Later>,
    pub(super) inbox: Option<ExpectedInbox>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedGrant {
    pub(super) client_id: Option<String>,
    pub(super) unsolicited: Option<bool>,
    pub(super) suffix_mark: Option<char>,
    pub(super) greetings: Option<Vec<ExpectedGreeting>>,
    #[serde(default, deserialize_with = "as_it_is")]
    valid_until: Option<Value>,
    #[serde(default, deserialize_with = "as_it_is")]
    enrols: Option<Value>,
    #[serde(default)]
    pub(super) limits: Map<String, Value>,
    #[serde(skip)]
    pub(super) ends: Option<Named<UtcMs>>,
    #[serde(skip)]
    pub(super) enrolled: Option<Named<Vec<u8>>>,
}

/// A message right after CONNACK.
#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedGreeting {
    pub(super) topic: String,
    pub(super) qos: u8,
    pub(super) payload: String,
}

/// What a case names, which may be that there is none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named<T>(pub(super) Option<T>);

/// `null` is a value, too.
fn as_it_is<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedInbox {
    pub(super) template: String,
    pub(super) keep_messages: u32,
    pub(super) keep_seconds: u32,
    pub(super) max_qos: u8,
    #[serde(default)]
    pub(super) unsolicited: bool,
}

/// The live session is judged again.
pub(super) struct Later {
    pub(super) subject: Subject,
    pub(super) now: Option<UtcMs>,
    pub(super) expect: Expect,
}

pub(super) struct Access {
    pub(super) action: Action,
    pub(super) topic: String,
    pub(super) qos: Qos,
    pub(super) payload: Option<Vec<u8>>,
    pub(super) routed: Option<Vec<u8>>,
    pub(super) verdict: String,
    pub(super) rule: Option<String>,
    pub(super) code: Option<u16>,
    /// Words of the denial's or the remark's sentence.
    pub(super) detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Publish,
    Subscribe,
    Receive,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    lookup: Option<Value>,
    refusal: Option<u16>,
    rule: Option<String>,
    detail: Option<String>,
    grant: Option<ExpectedGrant>,
    #[serde(default)]
    access: Vec<RawAccess>,
    #[serde(default)]
    later: Vec<RawLater>,
    inbox: Option<ExpectedInbox>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLater {
    #[serde(default)]
    subject: Value,
    #[serde(default)]
    now: Option<Value>,
    refusal: Option<u16>,
    rule: Option<String>,
    detail: Option<String>,
    grant: Option<ExpectedGrant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccess {
    publish: Option<String>,
    subscribe: Option<String>,
    receive: Option<String>,
    #[serde(default)]
    qos: u8,
    payload: Option<Value>,
    #[serde(default)]
    pad_to: usize,
    routed: Option<Value>,
    verdict: String,
    rule: Option<String>,
    code: Option<u16>,
    detail: Option<String>,
}

const VERDICTS: [&str; 4] = ["allow", "deny", "inspect", "remark"];
/// Bytes that a payload may be padded to: more than any limit of the contract.
const PAD_MAX: usize = 4 << 20;

/// `{"problem": "…"}`: words that one of the problems must have.
pub(super) fn problem(written: Value) -> Result<String, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        problem: String,
    }
    let told = |error| format!("a case with `documents` expects a `problem`: {error}");
    let raw: Raw = serde_json::from_value(written).map_err(told)?;
    Ok(raw.problem)
}

/// `subject`: the case's own, over which a later one is laid.
pub(super) fn parse(written: Value, subject: &Value) -> Result<Expect, String> {
    let raw = serde_json::from_value(written).map_err(|error| format!("`expect`: {error}"))?;
    read(raw, subject)
}

fn read(raw: RawExpect, subject: &Value) -> Result<Expect, String> {
    check(&raw)?;
    let later = raw.later.into_iter().map(|one| later(one, subject));
    Ok(Expect {
        lookup: raw.lookup.map(records::lookup).transpose()?,
        refusal: raw.refusal,
        rule: raw.rule,
        detail: raw.detail.map(words).transpose()?,
        grant: raw.grant.map(grant).transpose()?,
        access: raw
            .access
            .into_iter()
            .map(access)
            .collect::<Result<_, _>>()?,
        later: later.collect::<Result<_, _>>()?,
        inbox: raw.inbox,
    })
}

fn check(raw: &RawExpect) -> Result<(), String> {
    let needs_grant = !raw.access.is_empty() || !raw.later.is_empty();
    let has_other = raw.lookup.is_some() || raw.refusal.is_some() || raw.grant.is_some();
    let cause = match (raw.refusal.is_some(), raw.grant.is_some()) {
        _ if raw.inbox.is_some() && has_other => "`inbox` stands alone",
        _ if raw.inbox.is_none() && !has_other => {
            "`expect` has neither `lookup` nor `refusal` nor `grant` nor `inbox`"
        }
        (true, true) => "`expect` has both `refusal` and `grant`",
        (_, false) if needs_grant => "`access` and `later` need `grant`",
        (false, _) if raw.rule.is_some() || raw.detail.is_some() => {
            "`rule` and `detail` need `refusal`"
        }
        _ => return Ok(()),
    };
    Err(cause.to_owned())
}

/// No words are in every sentence, and would prove nothing.
fn words(detail: String) -> Result<String, String> {
    if detail.trim().is_empty() {
        return Err("`detail` is empty: write words of the sentence, or leave it out".into());
    }
    Ok(detail)
}

fn grant(mut raw: ExpectedGrant) -> Result<ExpectedGrant, String> {
    raw.ends = raw.valid_until.take().map(time).transpose()?;
    raw.enrolled = raw.enrols.take().map(fingerprint).transpose()?;
    Ok(raw)
}

fn time(value: Value) -> Result<Named<UtcMs>, String> {
    if value.is_null() {
        return Ok(Named(None));
    }
    typed("valid_until", instant(value)?).map(|time| Named(Some(time)))
}

fn fingerprint(value: Value) -> Result<Named<Vec<u8>>, String> {
    if value.is_null() {
        return Ok(Named(None));
    }
    typed("enrols", hex_bytes(value)?).map(|print| Named(Some(print)))
}

fn later(raw: RawLater, subject: &Value) -> Result<Later, String> {
    let now = raw.now.map(instant).transpose()?;
    let expect = RawExpect {
        lookup: None,
        refusal: raw.refusal,
        rule: raw.rule,
        detail: raw.detail,
        grant: raw.grant,
        access: Vec::new(),
        later: Vec::new(),
        inbox: None,
    };
    Ok(Later {
        subject: records::subject(laid_over(subject.clone(), raw.subject))?,
        now: now.map(|now| typed("now", now)).transpose()?,
        expect: read(expect, subject)?,
    })
}

fn access(raw: RawAccess) -> Result<Access, String> {
    let (action, topic) = match (raw.publish, raw.subscribe, raw.receive) {
        (Some(topic), None, None) => (Action::Publish, topic),
        (None, Some(topic), None) => (Action::Subscribe, topic),
        (None, None, Some(topic)) => (Action::Receive, topic),
        _ => return Err("an access has one of `publish`, `subscribe` and `receive`".into()),
    };
    if !VERDICTS.contains(&raw.verdict.as_str()) {
        let verdict = raw.verdict;
        return Err(format!(
            "the verdict `{verdict}` is none of `allow`, `deny`, `inspect` and `remark`"
        ));
    }
    if raw.payload.is_none() && (raw.routed.is_some() || raw.verdict == "remark") {
        return Err("`routed` and the verdict `remark` need a `payload`".into());
    }
    if raw.detail.is_some() && !matches!(raw.verdict.as_str(), "deny" | "remark") {
        return Err("`detail` needs the verdict `deny` or `remark`".into());
    }
    if raw.pad_to > PAD_MAX {
        return Err(format!("`pad_to` is over {PAD_MAX} bytes"));
    }
    Ok(Access {
        action,
        topic,
        qos: qos(raw.qos)?,
        payload: raw
            .payload
            .map(|payload| padded(payload, raw.pad_to))
            .transpose()?,
        routed: raw.routed.map(payload).transpose()?,
        verdict: raw.verdict,
        rule: raw.rule,
        code: raw.code,
        detail: raw.detail.map(words).transpose()?,
    })
}

fn padded(written: Value, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = payload(written)?;
    if bytes.len() < length {
        bytes.resize(length, b' ');
    }
    Ok(bytes)
}

fn payload(written: Value) -> Result<Vec<u8>, String> {
    match written {
        Value::String(_) => typed("payload", text_bytes(written)?),
        other => Ok(other.to_string().into_bytes()),
    }
}

fn qos(level: u8) -> Result<Qos, String> {
    match level {
        0 => Ok(Qos::AtMostOnce),
        1 => Ok(Qos::AtLeastOnce),
        2 => Ok(Qos::ExactlyOnce),
        _ => Err(format!("the QoS `{level}` is none of 0, 1 and 2")),
    }
}

impl Expect {
    pub(super) fn is_lookup_only(&self) -> bool {
        self.refusal.is_none() && self.grant.is_none()
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self
            .grant
            .as_ref()
            .and_then(|grant| grant.client_id.as_ref());
        match (self.refusal, &self.rule, id) {
            (Some(code), Some(rule), _) => write!(f, "refusal {code} by `{rule}`"),
            (Some(code), None, _) => write!(f, "refusal {code}"),
            (None, _, Some(id)) => write!(f, "a grant for `{id}`"),
            (None, _, None) => f.write_str("a grant"),
        }?;
        saying(f, self.detail.as_deref())
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
            Action::Receive => "receive",
        };
        let (verdict, topic, qos) = (&self.verdict, &self.topic, self.qos as u8);
        write!(f, "{verdict} of {action} `{topic}` at QoS {qos}")?;
        if let Some(code) = self.code {
            write!(f, " with code {code}")?;
        }
        if let Some(payload) = &self.routed {
            write!(f, " as `{}`", String::from_utf8_lossy(payload))?;
        }
        if let Some(rule) = &self.rule {
            write!(f, " by the rule `{rule}`")?;
        }
        saying(f, self.detail.as_deref())
    }
}

fn saying(f: &mut fmt::Formatter<'_>, detail: Option<&str>) -> fmt::Result {
    match detail {
        Some(words) => write!(f, " saying «{words}»"),
        None => Ok(()),
    }
}
