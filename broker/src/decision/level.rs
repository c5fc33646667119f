//! The MQTT version that a client speaks, and so the numbering in which it hears of a decision.

/// Protocol level of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// MQTT 3.1 (`MQIsdp`, level 3): judged like 3.1.1 and answered in the numbering that both share. The vendor's C SDK falls back to it.
    V3,
    /// MQTT 3.1.1.
    V4,
    /// MQTT 5.0.
    V5,
}

impl Level {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V3 => "3.1",
            Self::V4 => "3.1.1",
            Self::V5 => "5",
        }
    }
}
