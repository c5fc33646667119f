//! One line of the decision log: what is kept of a decision, and what a reader sees of it.
//!
//! Every line has every field, in this order; `null` stands for «does not apply». Bounded: of each text 512 bytes are kept, as many as a
//! canonical client id may have; a line whose subject was cut by that says so, since no case can be made of it.

use super::record::Record;
use super::{Action, Claim, Source, Stage, Verdict};
use crate::contract::UtcMs;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Bytes of a text in a line.
const SHOWN_MAX: usize = 512;
/// What a line takes beside its texts, about: itself, its place, and the boxes' own cost.
const OVERHEAD: usize = size_of::<Kept>() + 160;

/// One decision, owned. `peer`, `listener` and `protocol` are those of the client's connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Counts up by 1 from the start of the process; a number that is missing is a line that was lost.
    pub n: u64,
    /// When it was decided.
    #[serde(serialize_with = "rfc3339")]
    pub time: UtcMs,
    /// The policy that decided, by its name in the configuration.
    pub policy: Option<Box<str>>,
    /// The revision of its generation.
    pub generation: Option<u64>,
    /// What was asked for.
    pub action: Action,
    /// The canonical client id.
    pub client: Option<Box<str>>,
    /// The client id as the client sent it.
    pub raw_client: Option<Box<str>>,
    /// The id of the registry's record: that of the claimed client where nothing was proven.
    pub record: Option<Box<str>>,
    /// The product of that record.
    pub product: Option<Box<str>>,
    /// Address and port of the client.
    pub peer: Option<Box<str>>,
    /// The configured name of the listener.
    pub listener: Option<Box<str>>,
    /// `3.1.1` or `5`.
    pub protocol: Option<&'static str>,
    /// SHA-256 of the client's certificate, lower-case hex.
    pub fingerprint: Option<Box<str>>,
    /// The topic or filter in question.
    pub topic: Option<Box<str>>,
    /// The QoS in question.
    pub qos: Option<u8>,
    /// What was decided.
    pub verdict: Verdict,
    /// The contract's code.
    pub code: Option<u16>,
    /// One human sentence.
    pub detail: Option<Box<str>>,
    /// The rule, document or field that decided.
    pub rule: Option<Box<str>>,
    /// The code that the client was told, in its own version: CONNACK, SUBACK, PUBACK or DISCONNECT.
    pub mqtt_code: Option<u8>,
    /// How long the calls of the component took, with their wait for an instance; 0 for what is decided natively.
    pub micros: u32,
    /// The decision was remembered.
    pub cached: bool,
    /// Who decided.
    pub source: Source,
    /// The step of a CONNECT or of a judgement.
    pub stage: Option<Stage>,
}

/// A line with what its table case needs besides, which no reader sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// What a reader sees.
    pub line: Line,
    /// The name that the client gave.
    pub username: Option<Box<str>>,
    /// What a CONNECT claimed; `None` for other actions, and where it was too large to keep.
    pub claim: Option<Box<Claim>>,
    /// A text of the line is not whole.
    pub is_cut: bool,
}

impl Kept {
    /// Takes what is to be kept. Its number is given by the ring.
    pub(super) fn new(record: &Record<'_>, claim: Option<Box<Claim>>) -> Self {
        let said = [record.client, record.raw_client, record.topic];
        let username = record.username;
        Self {
            line: line(record),
            username: username.map(|name| shown(name).into()),
            claim,
            is_cut: said
                .into_iter()
                .chain(username)
                .any(|text| text.len() > SHOWN_MAX),
        }
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let line = &self.line;
        let texts = [
            &line.policy,
            &line.client,
            &line.raw_client,
            &line.record,
            &line.product,
            &line.peer,
            &line.listener,
            &line.fingerprint,
            &line.topic,
            &line.detail,
            &line.rule,
            &self.username,
        ];
        let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
        let claim = self.claim.as_deref().map_or(0, Claim::bytes);
        OVERHEAD + texts + claim
    }
}

fn line(record: &Record<'_>) -> Line {
    Line {
        n: 0,
        time: record.at,
        policy: None,
        generation: Some(record.generation).filter(|revision| *revision > 0),
        action: record.action,
        client: owned(record.client),
        raw_client: owned(record.raw_client),
        record: owned(record.record),
        product: owned(record.product),
        peer: record.peer.map(|peer| peer.to_string().into()),
        listener: owned(record.listener),
        protocol: record.level.map(super::Level::name),
        fingerprint: fingerprint(record.leaf),
        topic: owned(record.topic),
        qos: record.qos,
        verdict: record.verdict,
        code: Some(record.code).filter(|code| *code > 0),
        detail: owned(record.detail),
        rule: owned(record.rule),
        mqtt_code: record.told,
        micros: record.micros,
        cached: record.source == Source::Cache,
        source: record.source,
        stage: record.stage,
    }
}

fn owned(text: &str) -> Option<Box<str>> {
    Some(shown(text))
        .filter(|text| !text.is_empty())
        .map(Into::into)
}

/// As much of a text as a line shows.
pub(super) fn shown(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN_MAX))
        .unwrap_or_default()
}

fn fingerprint(leaf: &[u8]) -> Option<Box<str>> {
    if leaf.is_empty() {
        return None;
    }
    let digest = Sha256::digest(leaf);
    Some(crate::registry::fingerprint_hex(&digest).into())
}

/// RFC 3339 in UTC, always with three digits of a second.
pub(super) fn instant(at: UtcMs) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let nanoseconds = i128::from(at) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds);
    // Beyond the year 9999 there is no such text.
    let text = time.ok().and_then(|time| time.format(FORMAT).ok());
    text.unwrap_or_else(|| at.to_string())
}

// Serde hands over a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn rfc3339<S: Serializer>(at: &UtcMs, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&instant(*at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Level;

    #[test]
    fn a_line_has_every_field_in_one_order() {
        let mut record = Record::new(1_795_300_200_007, Action::Connect).at_stage(Stage::Identify);
        record.raw_client = "a\n\"b";
        record.peer = Some(([192, 0, 2, 7], 40_312).into());
        record.level = Some(Level::V5);
        record.leaf = b"abc";
        record.verdict = Verdict::Deny;
        record.code = 100;
        record.told = Some(0x85);
        record.micros = 7;
        let text = serde_json::to_string(&Kept::new(&record, None).line).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"n":0,"time":"2026-11-21T22:30:00.007Z","policy":null,"generation":null,"action":"connect","client":null,"raw_client":"a\n\"b","#,
                r#""record":null,"product":null,"peer":"192.0.2.7:40312","listener":null,"protocol":"5","#,
                r#""fingerprint":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","topic":null,"qos":null,"verdict":"deny","#,
                r#""code":100,"detail":null,"rule":null,"mqtt_code":133,"micros":7,"cached":false,"source":"policy","stage":"identify"}"#
            )
        );
    }

    #[test]
    fn texts_are_cut_at_a_character_and_that_is_told() {
        let long = "é".repeat(600);
        let mut record = Record::new(0, Action::Publish);
        record.detail = &long;
        let kept = Kept::new(&record, None);
        assert_eq!(kept.line.detail.as_deref(), Some(&*"é".repeat(256)));
        assert!(!kept.is_cut, "a detail is for people");
        record.topic = &long;
        assert!(Kept::new(&record, None).is_cut);
    }

    #[test]
    fn any_time_has_a_text() {
        assert_eq!(instant(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(instant(u64::MAX), u64::MAX.to_string());
    }
}
