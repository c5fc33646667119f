//! What a replay finds: differences, counts, and why lines were not judged again. Values only: nothing secret can be in it by type.

use crate::policy::shadow::Said;
use serde::Serialize;
use std::collections::BTreeMap;

/// Numbers of unreadable lines that are told.
const NUMBERS_MAX: usize = 20;

/// Why a line is not judged again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It tells of decisions that are not in the log.
    Gap,
    /// It is no line of a decision log, or a part of one.
    Unreadable,
    /// Another policy decided.
    OtherPolicy,
    /// The policy or the host failed: nobody was judged.
    Fault,
    /// The host decided by a limit of its own.
    Host,
    /// A text is as long as a line can hold, and may have been cut.
    TextCut,
    /// It depends on what the CONNECT claimed, which is in no line.
    NoClaim,
    /// A live session ended since its credential was replaced.
    CredentialReplaced,
    /// It names no record, or one that is not registered any more.
    NoRecord,
    /// No stand-in is let in as the client.
    NoPrincipal,
    /// The component would look at the payload, which is in no line.
    NeedsPayload,
}

impl Reason {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Gap => "gaps in the log",
            Self::Unreadable => "no line of a decision log, or only a part of one",
            Self::OtherPolicy => "decided by another policy",
            Self::Fault => "faults: nobody was judged",
            Self::Host => "decided by the host's own limits",
            Self::TextCut => "with a text that may have been cut",
            Self::NoClaim => "decided by what the CONNECT claimed, which no line holds",
            Self::CredentialReplaced => "ended a session since its credential was replaced",
            Self::NoRecord => "of no record, or one that is gone",
            Self::NoPrincipal => "of clients as which no stand-in is let in",
            Self::NeedsPayload => "inspected by the component, and no line holds a payload",
        }
    }
}

/// A line that is decided otherwise now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The line's number in the file, from 1.
    pub line: u64,
    /// The canonical client id, or the record's.
    pub client: String,
    /// What was asked for.
    pub action: &'static str,
    /// The topic or filter.
    pub topic: Option<String>,
    /// The `QoS` in question.
    pub qos: Option<u8>,
    /// As the log has it.
    pub then: Said,
    /// As the component decides.
    pub now: Said,
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// The first ones.
    pub differences: Vec<Difference>,
    /// Lines of the log that are not empty.
    pub lines: u64,
    /// Decided alike.
    pub same: u64,
    /// Of these, by another rule.
    pub by_another_rule: u64,
    /// Decided otherwise.
    pub different: u64,
    /// CONNECTs and judgements of live sessions that were judged by the record and a stand-in, without what the CONNECT claimed.
    pub by_record: u64,
    /// Lines that were not judged again.
    pub not_replayed: BTreeMap<Reason, u64>,
    /// Decisions that the gaps tell of.
    pub lost: u64,
    /// The numbers of the first unreadable lines.
    pub unreadable: Vec<u64>,
}

impl Report {
    /// Lines that were judged again.
    pub fn replayed(&self) -> u64 {
        self.same + self.different
    }

    pub(super) fn skip(&mut self, line: u64, reason: Reason) {
        *self.not_replayed.entry(reason).or_default() += 1;
        if reason == Reason::Unreadable && self.unreadable.len() < NUMBERS_MAX {
            self.unreadable.push(line);
        }
    }
}
