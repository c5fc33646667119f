//! The report of a shadow: the denominator first. Values only.
//!
//! No secret can be in it by type: a disagreement has no field for a password, a proof or a payload. Clients' text is cut to [`SHOWN_MAX`] bytes.

use crate::contract::UtcMs;
use serde::Serialize;
use std::collections::BTreeMap;

/// Disagreements that are kept in full.
pub const FIRST: usize = 20;
/// Bytes of a client's or a policy's text in a report: as many as a canonical id may have.
const SHOWN_MAX: usize = 512;

/// What came out of the comparison; the denominator first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Decisions that both made.
    pub compared: u64,
    /// Of these, other decisions than the active generation's.
    pub disagreed: u64,
    /// Decisions that were not shown or not compared: not sampled, no room, or no answer.
    pub skipped: u64,
    /// The disagreements by what they are.
    pub by_kind: BTreeMap<Kind, u64>,
    /// What was skipped, by why.
    pub skipped_by: BTreeMap<Skipped, u64>,
    /// The first [`FIRST`] disagreements, in their order.
    pub first: Vec<Disagreement>,
}

/// What a disagreement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The candidate failed, whatever the active generation decided.
    Fault,
    /// They look for a client's record in different ways.
    Lookup,
    /// One allows, denies or inspects what the other does not.
    Verdict,
    /// Both refuse a CONNECT, with different codes.
    Code,
    /// Both let a CONNECT in, with other limits, another canonical id, …
    Grant,
    /// Both allow an access, at different `QoS`.
    Qos,
    /// The candidate would end the live session that asked for the access.
    SessionRefused,
}

/// Why a decision was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skipped {
    /// One access in so many is shown.
    NotSampled,
    /// Too many others waited.
    NoRoom,
    /// The active generation or the host failed, or no instance was free.
    NoAnswer,
    /// It was decided by other rules than the active generation's, or by a record that has changed since.
    Outdated,
}

/// One decision on which they disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disagreement {
    /// Unix milliseconds.
    pub at: UtcMs,
    /// What it is.
    pub kind: Kind,
    /// `connect`, `publish`, `subscribe`, `receive` or `will`.
    pub action: &'static str,
    /// The canonical client id; empty where nobody knows it.
    pub client: String,
    /// The client id as the client sent it.
    pub raw_client: String,
    /// Empty for an application.
    pub product: String,
    /// The topic or filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<u8>,
    /// What the client was told.
    pub active: Said,
    /// What it would have been told.
    pub candidate: Said,
}

/// What one of them said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Said {
    /// `allow`, `inspect`, `deny` or `fault`.
    pub verdict: &'static str,
    /// The contract's code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The highest at which the access is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<u8>,
    /// The rule, document or field that decided; of a fault, its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// A human sentence, or what is not the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Skipped {
    /// All of them, in their order.
    pub(super) const ALL: [Self; 4] = [
        Self::NotSampled,
        Self::NoRoom,
        Self::NoAnswer,
        Self::Outdated,
    ];
}

impl Kind {
    /// As it stands in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Lookup => "lookup",
            Self::Verdict => "verdict",
            Self::Code => "code",
            Self::Grant => "grant",
            Self::Qos => "qos",
            Self::SessionRefused => "session-refused",
        }
    }
}

/// Text that a client or a component chose.
pub(super) fn shown(text: &str) -> String {
    let end = text.floor_char_boundary(SHOWN_MAX);
    text.get(..end).unwrap_or_default().to_owned()
}
