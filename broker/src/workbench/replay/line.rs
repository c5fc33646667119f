//! One line of a decision log, read leniently: a field that is unknown is no error, since logs of other versions are read, too. Pure.

use crate::decision::{Action, Source, Stage, Verdict};
use serde::Deserialize;

/// What a line says.
#[derive(Debug)]
pub(super) enum Entry {
    /// A decision.
    Decision(Box<Decision>),
    /// So many decisions are not in the log.
    Gap(u64),
}

/// A decision, as far as it is judged again.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Decision {
    /// The policy that decided; none in logs of a broker with one.
    pub policy: Option<String>,
    /// What was asked for.
    pub action: Action,
    /// The canonical client id.
    pub client: Option<String>,
    /// The client id as it was sent.
    pub raw_client: Option<String>,
    /// The id of the registry's record.
    pub record: Option<String>,
    /// The topic or filter.
    pub topic: Option<String>,
    /// The `QoS` in question.
    pub qos: Option<u8>,
    /// What was decided.
    pub verdict: Verdict,
    /// The contract's code.
    pub code: Option<u16>,
    /// One sentence.
    pub detail: Option<String>,
    /// What decided.
    pub rule: Option<String>,
    /// Who decided.
    pub source: Source,
    /// At which step of a CONNECT.
    pub stage: Option<Stage>,
}

#[derive(Deserialize)]
struct Gap {
    lost: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Gap { gap: Gap },
    Decision(Box<Decision>),
}

/// `None`: no line of a decision log, or only a part of one.
pub(super) fn read(line: &[u8]) -> Option<Entry> {
    Some(match serde_json::from_slice(line).ok()? {
        Written::Gap { gap } => Entry::Gap(gap.lost),
        Written::Decision(decision) => Entry::Decision(decision),
    })
}
