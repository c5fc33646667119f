//! The MQTT version that a client speaks, and so the numbering in which it hears of a decision.

/// Protocol level of a connection. Level 3 (`MQIsdp`) is decoded as far as its CONNECT, so that it can be refused by CONNACK 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// MQTT 3.1.1.
    V4,
    /// MQTT 5.0.
    V5,
}

impl Level {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "3.1.1",
            Self::V5 => "5",
        }
    }
}
