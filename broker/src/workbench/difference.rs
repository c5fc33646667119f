//! One decision on which two policies differ; in the words of the shadow's report. Values only: nothing secret can be
//! in it by type.

use super::access::Effect;
use crate::contract::Refusal;
use crate::policy::shadow::Said;
use serde::Serialize;

/// What a difference is; in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Denied before, allowed now.
    NewlyAllowed,
    /// Allowed before, denied now.
    NewlyDenied,
    /// Allowed at another `QoS`, inspected or not, denied with another code.
    Other,
    /// The client is let in by both, with other limits, another canonical id, other greetings, …
    Grant,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// What it is.
    pub kind: Kind,
    /// The id of the record.
    pub client: String,
    /// `connect`, `publish`, `subscribe` or `receive`.
    pub action: String,
    /// The topic or filter.
    pub topic: Option<String>,
    /// What was asked for.
    pub qos: Option<u8>,
    /// Before.
    pub old: Said,
    /// Now.
    pub new: Said,
}

/// By what the client notices.
pub fn kind(old: &Said, new: &Said) -> Kind {
    match (old.verdict, new.verdict) {
        ("deny", "allow" | "inspect") => Kind::NewlyAllowed,
        ("allow" | "inspect", "deny") => Kind::NewlyDenied,
        _ => Kind::Other,
    }
}

/// A client that is let in.
pub fn let_in(detail: Option<String>) -> Said {
    Said {
        verdict: "allow",
        detail,
        ..Said::default()
    }
}

/// A refusal.
pub fn refused(refusal: &Refusal) -> Said {
    Said {
        verdict: "deny",
        code: Some(refusal.code),
        qos: None,
        rule: refusal.rule.clone(),
        detail: Some(refusal.detail.clone()),
    }
}

/// What the rules say; `rule`: the name of the one that decided.
pub fn of_rules(effect: &Effect, rule: &str) -> Said {
    Said {
        verdict: effect.verdict,
        code: effect.code,
        qos: effect.qos.map(|qos| qos as u8),
        rule: (!rule.is_empty()).then(|| rule.to_owned()),
        detail: (rule.is_empty()).then(|| "no rule matches".to_owned()),
    }
}
