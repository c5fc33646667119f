//! The answer, as people and programs are told it.

use super::super::stand_in::Means;
use super::place::Written;
use crate::contract::{self, Limits, Refusal};
use serde::Serialize;

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// `allow`, `inspect` (as far as the topic goes, without a payload) or `deny`.
    pub verdict: &'static str,
    /// The contract's code of a denial.
    pub code: Option<u16>,
    /// One sentence, of a denial or a remark.
    pub detail: Option<String>,
    /// The id of the record.
    pub client: String,
    /// What was asked for: `connect`, `publish`, `subscribe` or `receive`.
    pub action: &'static str,
    /// The topic or filter.
    pub topic: Option<String>,
    /// What was asked for.
    pub qos: Option<u8>,
    /// At which a subscription or delivery is granted.
    pub granted_qos: Option<u8>,
    /// The rule that decided; none where nothing matched.
    pub rule: Option<Told>,
    /// Whether the client may connect.
    pub connect: Connected,
    /// What the component says of the payload.
    pub payload: Option<Inspected>,
    /// Rules that match as well, and come later.
    pub shadowed: Vec<Told>,
    /// Of a denial by default: rules that come near, and what is in their way.
    pub nearest: Vec<Near>,
    /// What would change the verdict, in sentences.
    pub changes: Vec<String>,
}

/// A rule, and where it is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// As logs name it.
    pub name: String,
    /// `allow`, `inspect` or `deny`.
    pub effect: &'static str,
    /// What it is about.
    pub actions: contract::Actions,
    /// As the policy gave it.
    pub pattern: String,
    /// Where; none where it is in no document.
    pub written: Option<Written>,
}

/// A rule that does not match, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Near {
    /// The rule.
    #[serde(flatten)]
    pub rule: Told,
    /// `qos`, `filter-too-wide`, `other-action` or `pattern`.
    pub why: &'static str,
}

/// Whether the client may connect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Connected {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The contract's code.
    pub code: Option<u16>,
    /// One sentence.
    pub detail: Option<String>,
    /// The rule, document or field that decided.
    pub rule: Option<String>,
    /// The kind of the record's credential.
    pub credential: &'static str,
    /// By what it proved itself here.
    pub proof: Means,
    /// The client id that was tried.
    pub client_id: String,
    /// The canonical client id.
    pub canonical: Option<String>,
    /// Rules of the grant.
    pub rules: usize,
    /// Of the grant; 0 stands for the host's own.
    pub limits: Option<Limits>,
}

/// What the component says of a payload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspected {
    /// `allow`, `replace`, `remark` or `deny`.
    pub verdict: &'static str,
    /// Of a remark or denial.
    pub refusal: Option<Refusal>,
    /// What is passed on, where it is not what was sent; as text.
    pub routed: Option<String>,
}
