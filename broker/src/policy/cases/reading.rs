//! The format of a file of cases: a JSON array of
//!
//! ```json
//! { "name": "…", "source": "vendor page or clause",
//!   "connect": { "client_id": "…", "password": "…" }, "subject": { "client": { … }, "product": { … } },
//!   "expect": { "refusal": 201, "rule": "…" } }
//! ```
//!
//! `expect` is `{"lookup": {"client": "…"}}` (only `identify` is asked, unless more is expected), `{"refusal": code}` or
//! `{"grant": {"client_id": "…"}, "access": [{"publish": "topic", "qos": 0, "verdict": "allow", "rule": "…"}]}`; instead of `publish`,
//! `subscribe` and `receive`. Records: [`records`](super::records).

use super::records;
use crate::contract::{Connect, Lookup, Qos, Subject};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;

/// A case with its name, or why it cannot be read.
pub(super) struct Named {
    pub(super) name: String,
    pub(super) case: Result<Case, String>,
}

pub(super) struct Case {
    pub(super) connect: Connect,
    pub(super) subject: Subject,
    pub(super) expect: Expect,
}

pub(super) struct Expect {
    pub(super) lookup: Option<Lookup>,
    pub(super) refusal: Option<u16>,
    pub(super) rule: Option<String>,
    pub(super) grant: Option<ExpectedGrant>,
    pub(super) access: Vec<Access>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectedGrant {
    pub(super) client_id: Option<String>,
}

pub(super) struct Access {
    pub(super) action: Action,
    pub(super) topic: String,
    pub(super) qos: Qos,
    pub(super) verdict: String,
    pub(super) rule: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Publish,
    Subscribe,
    Receive,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(default, rename = "source")]
    _source: Option<String>,
    #[serde(default)]
    connect: Value,
    #[serde(default)]
    subject: Value,
    expect: RawExpect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    lookup: Option<Value>,
    refusal: Option<u16>,
    rule: Option<String>,
    grant: Option<ExpectedGrant>,
    #[serde(default)]
    access: Vec<RawAccess>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccess {
    publish: Option<String>,
    subscribe: Option<String>,
    receive: Option<String>,
    #[serde(default)]
    qos: u8,
    verdict: String,
    rule: Option<String>,
}

/// The cases of one file; the error is of the file as a whole.
pub(super) fn cases(text: &str) -> Result<Vec<Named>, String> {
    let cases: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| format!("this is no JSON array of cases: {error}"))?;
    Ok((1..)
        .zip(cases)
        .map(|(number, case)| named(number, case))
        .collect())
}

fn named(number: usize, case: Value) -> Named {
    let name = case.get("name").and_then(Value::as_str);
    Named {
        name: name.map_or_else(|| format!("case {number}"), str::to_owned),
        case: read(case),
    }
}

fn read(case: Value) -> Result<Case, String> {
    let raw: RawCase = serde_json::from_value(case).map_err(|error| error.to_string())?;

    Ok(Case {
        connect: records::connect(raw.connect)?,
        subject: records::subject(raw.subject)?,
        expect: expect(raw.expect)?,
    })
}

fn expect(raw: RawExpect) -> Result<Expect, String> {
    match (&raw.lookup, raw.refusal, &raw.grant) {
        (_, Some(_), Some(_)) => return Err("`expect` has both `refusal` and `grant`".into()),
        (None, None, None) => {
            return Err("`expect` has neither `lookup` nor `refusal` nor `grant`".into());
        }
        (_, _, None) if !raw.access.is_empty() => return Err("`access` needs `grant`".into()),
        (_, None, _) if raw.rule.is_some() => return Err("`rule` needs `refusal`".into()),
        _ => {}
    }
    Ok(Expect {
        lookup: raw.lookup.map(records::lookup).transpose()?,
        refusal: raw.refusal,
        rule: raw.rule,
        grant: raw.grant,
        access: raw
            .access
            .into_iter()
            .map(access)
            .collect::<Result<_, _>>()?,
    })
}

fn access(raw: RawAccess) -> Result<Access, String> {
    let (action, topic) = match (raw.publish, raw.subscribe, raw.receive) {
        (Some(topic), None, None) => (Action::Publish, topic),
        (None, Some(topic), None) => (Action::Subscribe, topic),
        (None, None, Some(topic)) => (Action::Receive, topic),
        _ => return Err("an access has one of `publish`, `subscribe` and `receive`".into()),
    };
    if !["allow", "deny", "inspect"].contains(&raw.verdict.as_str()) {
        return Err(format!(
            "the verdict `{}` is none of `allow`, `deny` and `inspect`",
            raw.verdict
        ));
    }
    Ok(Access {
        action,
        topic,
        qos: qos(raw.qos)?,
        verdict: raw.verdict,
        rule: raw.rule,
    })
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
        match (self.refusal, &self.rule, &self.grant) {
            (Some(code), Some(rule), _) => write!(f, "refusal {code} by `{rule}`"),
            (Some(code), None, _) => write!(f, "refusal {code}"),
            (
                None,
                _,
                Some(ExpectedGrant {
                    client_id: Some(id),
                }),
            ) => {
                write!(f, "a grant for `{id}`")
            }
            _ => f.write_str("a grant"),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action,
            topic,
            qos,
            verdict,
            rule,
        } = self;
        let qos = *qos as u8;
        let action = match action {
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
            Action::Receive => "receive",
        };
        write!(f, "{verdict} of {action} `{topic}` at QoS {qos}")?;
        match rule {
            Some(rule) => write!(f, " by the rule `{rule}`"),
            None => Ok(()),
        }
    }
}
