//! Why a packet is refused: one sentence, the clause that it breaks, and the MQTT 5 reason code to answer with.
//!
//! The two specifications number their clauses differently, so a check names both and the connection's level picks one.

use super::packet::Level;

/// A packet that breaks the specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} [{clause}]")]
pub struct Malformed {
    /// MQTT 5 reason code for CONNACK or DISCONNECT: 0x81 malformed, 0x82 protocol error, 0x84 unsupported version, 0x90 topic name
    /// invalid, 0x94 topic alias invalid, 0x95 too large.
    pub code: u8,
    /// The clause that it breaks, such as `MQTT-3.3.2-2`.
    pub clause: &'static str,
    /// One sentence in lower case.
    pub detail: String,
}

/// A clause in the numbering of 3.1.1 and of 5.
#[derive(Clone, Copy)]
pub(super) struct Clause {
    v4: &'static str,
    v5: &'static str,
}

impl Clause {
    pub(super) const fn new(v4: &'static str, v5: &'static str) -> Self {
        Self { v4, v5 }
    }

    /// A clause with the same number in both.
    pub(super) const fn both(id: &'static str) -> Self {
        Self { v4: id, v5: id }
    }

    fn at(self, level: Level) -> &'static str {
        match level {
            // 3.1 numbers nothing: 3.1.1's clause is the nearest.
            Level::V3 | Level::V4 => self.v4,
            Level::V5 => self.v5,
        }
    }
}

/// Where the text has a rule but no number of its own: close the connection on any violation.
pub(super) const VIOLATION: Clause = Clause::new("MQTT-4.8.0-1", "MQTT-4.13.1-1");

impl Malformed {
    /// 0x81: it cannot be parsed.
    pub(super) fn packet(level: Level, clause: Clause, detail: impl Into<String>) -> Self {
        Self::coded(0x81, level, clause, detail)
    }

    /// 0x82: it parses, but is not allowed here.
    pub(super) fn protocol(level: Level, clause: Clause, detail: impl Into<String>) -> Self {
        Self::coded(0x82, level, clause, detail)
    }

    /// 0x90: its topic cannot name a topic.
    pub(super) fn topic(level: Level, clause: Clause, detail: impl Into<String>) -> Self {
        Self::coded(0x90, level, clause, detail)
    }

    pub(super) fn coded(code: u8, level: Level, clause: Clause, detail: impl Into<String>) -> Self {
        Self {
            code,
            clause: clause.at(level),
            detail: detail.into(),
        }
    }
}
