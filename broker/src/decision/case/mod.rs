//! A line of the decision log as a table case, in the format of `policies/<name>/cases/*.json`, so that `policy test` can replay it. Pure.
//!
//! The case holds the claim and the client's record as it now is, without anything secret: passwords, secrets and tokens are replaced by
//! words. What is refused before the client has proven itself stays refused so. Where the decision needs a client that has proven itself
//! (everything that is allowed, accesses, refusals of `authorize` and of wills), the case lets it prove itself by trust on first use instead,
//! with a certificate that nobody has the key of (`STAND_IN`).
//!
//! Not every line can be a case: see [`NoCase`].

mod connect;
mod pem;
mod subject;
#[cfg(test)]
mod tests;

use super::line::{Kept, Line, instant};
use super::{Action, Source, Stage, Verdict};
use crate::contract::{Client, Credential, Subject};
use serde_json::{Value, json};

/// A certificate of ours, valid from 2020 to 2120. Its key was thrown away.
pub(crate) const STAND_IN: &str = include_str!("stand_in.pem");

/// The contract's codes.
const UNKNOWN: u16 = 200;
const NOT_AUTHORIZED: u16 = 300;
const FROZEN: u16 = 301;
const REPLACED: u16 = 306;

/// Why a line cannot be a table case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCase {
    /// The policy or the host failed: nothing was decided.
    #[error("decision {0} is a fault: nobody was judged")]
    Fault(u64),
    /// The policy was not asked.
    #[error("decision {0} is the host's own: the policy was not asked")]
    Host(u64),
    /// A case begins with a CONNECT, and at that the client would be let in.
    #[error(
        "decision {0} ended a session because its credential was replaced: a case begins with a CONNECT, which has no older credential"
    )]
    Replaced(u64),
    /// Its client id or topic is longer than a line holds, or its claim larger than what is kept.
    #[error("decision {0} is about something too large to be kept as a whole")]
    TooLarge(u64),
    /// The client is not registered any more.
    #[error("the record `{record}` of decision {number} is gone")]
    Gone {
        /// The line.
        number: u64,
        /// The record's id.
        record: String,
    },
}

impl NoCase {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fault(_) => "fault",
            Self::Host(_) => "host-decision",
            Self::Replaced(_) => "credential-replaced",
            Self::TooLarge(_) => "too-large",
            Self::Gone { .. } => "record-gone",
        }
    }
}

/// The line as an array of one case. `subject`: what the registry now knows of [`Line::record`].
pub fn of(kept: &Kept, subject: Subject) -> Result<Value, NoCase> {
    let line = &kept.line;
    check(kept)?;
    let proof = Proof::of(kept, &subject)?;
    let connect = match (proof, &kept.claim) {
        (Proof::AsClaimed, Some(claim)) => connect::as_claimed(claim),
        (Proof::StandIn, Some(claim)) => connect::proven(claim),
        (_, None) => connect::of_session(kept),
    };
    let subject = match proof {
        Proof::AsClaimed => subject::redacted(subject),
        Proof::StandIn => subject::enrolling(subject),
    };
    Ok(json!([{
        "name": name(line),
        "source": source(line),
        "connect": connect,
        "subject": subject,
        "expect": expect(line),
    }]))
}

fn check(kept: &Kept) -> Result<(), NoCase> {
    let line = &kept.line;
    if line.verdict == Verdict::Fault {
        return Err(NoCase::Fault(line.n));
    }
    if line.source == Source::Host {
        return Err(NoCase::Host(line.n));
    }
    if line.action == Action::Judge && line.code == Some(REPLACED) {
        return Err(NoCase::Replaced(line.n));
    }
    // A claim holds the client's id whole.
    let lacks_claim = line.action == Action::Connect && kept.claim.is_none();
    if lacks_claim || (kept.is_cut && kept.claim.is_none()) {
        return Err(NoCase::TooLarge(line.n));
    }
    Ok(())
}

/// How the client of the case proves itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Proof {
    /// As it did, or did not.
    AsClaimed,
    /// By trust on first use.
    StandIn,
}

impl Proof {
    fn of(kept: &Kept, subject: &Subject) -> Result<Self, NoCase> {
        let line = &kept.line;
        let client = subject.client.as_ref();
        if line.stage == Some(Stage::Identify) {
            return Ok(Self::AsClaimed);
        }
        // A device without a record is refused in the same words at its next CONNECT.
        let is_unknown = line.code == Some(UNKNOWN) && line.product.is_some();
        match (&line.record, client) {
            (Some(record), None) if !is_unknown => Err(NoCase::Gone {
                number: line.n,
                record: record.to_string(),
            }),
            (_, Some(client)) if line.stage == Some(Stage::Authenticate) => {
                Ok(Self::at_authenticate(line, client))
            }
            (_, None) if line.stage == Some(Stage::Authenticate) => Ok(Self::AsClaimed),
            _ => Ok(Self::StandIn),
        }
    }

    /// A certificate is public, so whoever claims to have one does so again. A password is not: what was refused after it had been found
    /// right needs a stand-in.
    fn at_authenticate(line: &Line, client: &Client) -> Self {
        let by_password = matches!(
            (&client.credential, client.application),
            (Credential::Secret(_), false) | (Credential::Token(_), true)
        );
        let was_proven = matches!(line.code, Some(NOT_AUTHORIZED | FROZEN | REPLACED..));
        if by_password && was_proven {
            Self::StandIn
        } else {
            Self::AsClaimed
        }
    }
}

fn expect(line: &Line) -> Value {
    match (line.action, line.verdict) {
        (Action::Connect | Action::Judge, Verdict::Deny) => refusal(line),
        (Action::Connect | Action::Judge, _) => {
            json!({ "grant": { "client_id": line.client } })
        }
        _ => json!({ "grant": { "client_id": line.client }, "access": [access(line)] }),
    }
}

/// The host gives a forbidden will's rule, and the runner of the cases does not.
fn refusal(line: &Line) -> Value {
    match &line.rule {
        Some(rule) if line.source == Source::Policy => {
            json!({ "refusal": line.code, "rule": rule })
        }
        _ => json!({ "refusal": line.code }),
    }
}

/// What a rule says of the topic. What `inspect` said of a message cannot be told without the message: that it was asked can.
fn access(line: &Line) -> Value {
    let action = match line.action {
        Action::Subscribe => "subscribe",
        Action::Receive => "receive",
        _ => "publish",
    };
    if line.source == Source::Inspect {
        return json!({ (action): line.topic, "qos": line.qos, "verdict": "inspect" });
    }
    match &line.rule {
        Some(rule) => {
            json!({ (action): line.topic, "qos": line.qos, "verdict": line.verdict, "rule": rule })
        }
        None => json!({ (action): line.topic, "qos": line.qos, "verdict": line.verdict }),
    }
}

fn name(line: &Line) -> String {
    let (action, verdict) = (line.action.name(), line.verdict.name());
    let who = line.client.as_deref().or(line.raw_client.as_deref());
    let who = who.unwrap_or_default();
    let topic = line.topic.as_deref().map(|topic| format!(", `{topic}`"));
    let detail = line.detail.as_deref().map(|detail| format!(": {detail}"));
    let (topic, detail) = (topic.unwrap_or_default(), detail.unwrap_or_default());
    format!(
        "decision {}: {verdict} {action} of `{who}`{topic}{detail}",
        line.n
    )
}

fn source(line: &Line) -> String {
    let generation = line.generation.unwrap_or_default();
    let time = instant(line.time);
    format!("decision log, {time}, generation {generation}")
}
