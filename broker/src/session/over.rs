//! What is over a limit of its session: which one, its value, and what to do. Pure.
//!
//! Each limit has a code of the contract, a label of the metric for what is dropped, and a sentence for the log and for MQTT 5 clients.
//! The values are the grant's within the operator's (see [`super::limits`]).

use super::meter::Rate;
use super::rules::TOPIC_TOO_LONG;
use crate::contract::Refusal;
use crate::decision::Cause;

/// The contract's codes.
const PAYLOAD_TOO_LARGE: u16 = 501;
const TOO_MANY_SUBSCRIPTIONS: u16 = 503;
const TOO_MANY_MESSAGES: u16 = 504;
const TOO_MANY_BYTES: u16 = 505;

/// A limit that is exceeded, with what was asked for where that has a size, and with the limit's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Bytes of a payload.
    Payload { bytes: usize, most: usize },
    /// Bytes of a topic or filter.
    Topic { bytes: usize, most: usize },
    /// Subscriptions of one session.
    Subscriptions { most: usize },
    /// Filters of one packet.
    Filters { most: usize },
    /// Messages or bytes per second.
    Rate { rate: Rate, most: u32 },
}

impl Over {
    /// The contract's code.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Payload { .. } => PAYLOAD_TOO_LARGE,
            Self::Topic { .. } => TOPIC_TOO_LONG,
            Self::Subscriptions { .. } | Self::Filters { .. } => TOO_MANY_SUBSCRIPTIONS,
            Self::Rate {
                rate: Rate::Messages | Rate::Acknowledged,
                ..
            } => TOO_MANY_MESSAGES,
            Self::Rate {
                rate: Rate::Bytes, ..
            } => TOO_MANY_BYTES,
        }
    }

    /// The cause of a drop, for the metric.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Payload { .. } => "payload_too_large",
            Self::Topic { .. } => "topic_too_long",
            Self::Subscriptions { .. } => "too_many_subscriptions",
            Self::Filters { .. } => "too_many_filters",
            Self::Rate {
                rate: Rate::Messages,
                ..
            } => "message_rate",
            Self::Rate {
                rate: Rate::Acknowledged,
                ..
            } => "acknowledged_rate",
            Self::Rate {
                rate: Rate::Bytes, ..
            } => "byte_rate",
        }
    }

    pub(crate) fn cause(self) -> Cause {
        Cause::Refused(self.code())
    }

    pub(crate) fn refusal(self) -> Refusal {
        Refusal {
            code: self.code(),
            detail: self.sentence(),
            rule: None,
        }
    }

    fn sentence(self) -> String {
        match self {
            Self::Payload { bytes, most } => {
                format!("payload of `{bytes}` bytes: at most {most} may be sent, split it")
            }
            Self::Topic { bytes, most } => {
                format!("topic of `{bytes}` bytes: at most {most} are taken, shorten it")
            }
            Self::Subscriptions { most } => {
                format!("more than {most} subscriptions: unsubscribe from others first")
            }
            Self::Filters { most } => {
                format!("more than {most} filters in one packet: send the others in another")
            }
            Self::Rate {
                rate: Rate::Messages,
                most,
            } => {
                format!("more than {most} messages per second: send fewer, or gather them")
            }
            Self::Rate {
                rate: Rate::Acknowledged,
                most,
            } => {
                format!(
                    "more than {most} messages with QoS 1 per second: send fewer, or with QoS 0"
                )
            }
            Self::Rate {
                rate: Rate::Bytes,
                most,
            } => {
                format!("more than {most} payload bytes per second: send less, or later")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limit, code of the contract, SUBACK, PUBACK, DISCONNECT.
    #[test]
    fn each_limit_has_codes_and_a_label_of_its_own() {
        let rate = |rate| Over::Rate { rate, most: 50 };
        let rows = [
            (Over::Payload { bytes: 2, most: 1 }, 501, 0x97, 0x97, 0x95),
            (Over::Topic { bytes: 2, most: 1 }, 502, 0x8F, 0x90, 0x97),
            (Over::Subscriptions { most: 1 }, 503, 0x97, 0x97, 0x97),
            (Over::Filters { most: 1 }, 503, 0x97, 0x97, 0x97),
            (rate(Rate::Messages), 504, 0x97, 0x97, 0x96),
            (rate(Rate::Acknowledged), 504, 0x97, 0x97, 0x96),
            (rate(Rate::Bytes), 505, 0x97, 0x97, 0x96),
        ];
        for (over, code, suback, puback, disconnect) in rows {
            let told = over.cause().told();
            assert_eq!(over.refusal().code, code, "{over:?}");
            assert_eq!(
                (told.suback, told.puback, told.disconnect),
                (suback, puback, disconnect),
                "{over:?}"
            );
        }
        let names: std::collections::BTreeSet<_> = rows.iter().map(|row| row.0.name()).collect();
        assert_eq!(names.len(), rows.len());
    }
}
