//! Why a connection ends, and what follows for its will and its session. Pure: a table.

use super::mailbox::Takeover;
use crate::contract::Refusal;
use crate::decision::Cause;

/// Why the packet loop of one connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The client sent DISCONNECT. Any code but 0x00 asks for the will (MQTT-3.14.4-3).
    Left { code: u8 },
    /// The socket closed or broke.
    Lost,
    /// Nothing was heard for one and a half keep alives.
    Silent,
    /// The client did not read for too long.
    Stalled,
    /// The client broke the specification.
    Broke { code: u8, detail: String },
    /// The rules in force do not let the client stay.
    Refused(Refusal),
    /// It could not be judged.
    Fault(String),
    /// The engine is gone.
    EngineDown,
    /// QoS 1 messages arrive faster than the client takes them.
    SlowReader,
    /// Another connection of the same canonical client id is waiting for this one to end.
    TakenOver(Takeover),
    /// An operator closed it.
    Administrative,
    /// The broker shuts down.
    Drain,
}

impl End {
    /// What an MQTT 5 client is told; `None` where it left or cannot be told.
    pub(crate) fn cause(&self) -> Option<Cause> {
        Some(match self {
            Self::Left { .. } | Self::Lost | Self::Stalled => return None,
            Self::Silent => Cause::KeepAlive,
            Self::Broke { code, .. } => Cause::Protocol(*code),
            Self::Refused(refusal) => refusal.into(),
            Self::Fault(_) => Cause::Fault,
            Self::EngineDown => Cause::EngineDown,
            Self::SlowReader => Cause::SlowReader,
            Self::TakenOver(_) => Cause::Takeover,
            Self::Administrative => Cause::Administrative,
            Self::Drain => Cause::Drain,
        })
    }

    /// The sentence that an MQTT 5 client is told beside the code.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Broke { detail, .. } => Some(detail),
            Self::Refused(refusal) => Some(&refusal.detail),
            Self::SlowReader => Some("the client does not keep up with its qos 1 messages"),
            _ => None,
        }
    }

    /// Why, for the log: also what only the operator may know.
    pub(crate) fn detail(&self) -> &str {
        match self {
            Self::Fault(fault) => fault,
            _ => self.reason().unwrap_or_default(),
        }
    }

    /// Whether the will shall be published (MQTT-3.1.2-8). Not after a refusal or a fault: nobody vouches for the client any more. Not
    /// at shutdown: nobody is left to hear it (3.1.2.5 lets us).
    pub(crate) fn wants_will(&self) -> bool {
        match self {
            Self::Left { code } => *code != 0,
            Self::Refused(_) | Self::Fault(_) | Self::Drain => false,
            _ => true,
        }
    }

    /// Whether a persistent session lives on without its connection. After a fault it does: nothing leaves it before a new CONNECT has
    /// been judged.
    pub(crate) fn may_park(&self) -> bool {
        !matches!(
            self,
            Self::Refused(_) | Self::TakenOver(_) | Self::Administrative | Self::Drain
        )
    }

    /// A fixed word for metrics and logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Left { code: 0 } => "left",
            Self::Left { .. } => "left_with_will",
            Self::Lost => "lost",
            Self::Stalled => "stalled",
            _ => self.cause().map_or("closed", Cause::name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal {
            code: 301,
            detail: "frozen".into(),
            rule: None,
        }
    }

    #[test]
    fn will_parking_and_code_of_each_end() {
        let broke = End::Broke {
            code: 0x82,
            detail: "second connect".into(),
        };
        // end, will, park, DISCONNECT
        let rows = [
            (End::Left { code: 0 }, false, true, None),
            (End::Left { code: 4 }, true, true, None),
            (End::Lost, true, true, None),
            (End::Silent, true, true, Some(0x8D)),
            (End::Stalled, true, true, None),
            (broke, true, true, Some(0x82)),
            (End::Refused(refusal()), false, false, Some(0x87)),
            (End::Fault("trap".into()), false, true, Some(0x89)),
            (End::EngineDown, true, true, Some(0x89)),
            (End::SlowReader, true, true, Some(0x97)),
            (End::TakenOver(Takeover::probe()), true, false, Some(0x8E)),
            (End::Administrative, true, false, Some(0x98)),
            (End::Drain, false, false, Some(0x8B)),
        ];
        for (end, will, park, code) in rows {
            assert_eq!(end.wants_will(), will, "{end:?}");
            assert_eq!(end.may_park(), park, "{end:?}");
            assert_eq!(
                end.cause().map(|cause| cause.told().disconnect),
                code,
                "{end:?}"
            );
        }
    }
}
