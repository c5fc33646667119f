//! The will of one session: what is taken at CONNECT, and when it is due. Pure.
//!
//! A will that may not be published is refused at CONNECT and never stored (EMQX #1230, Mosquitto #3552); the grant in force is asked
//! again when it fires. It lives and dies with its session, so it is bounded by the number of sessions and the payload limit.

use super::limits::Limits;
use super::over::Over;
use super::qos::{OFFERED, lower};
use super::wire::{self, Level};
use crate::contract::{Qos, Refusal, UtcMs};
use crate::grant::{Decision, Grant, filter};
use bytes::Bytes;
use bytestring::ByteString;
use std::time::Duration;

/// A will that was allowed at CONNECT.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Will {
    /// Without the grant's suffix.
    pub(crate) topic: ByteString,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) delay: Duration,
    /// Seconds after its publication for which it may be delivered.
    pub(crate) expiry: Option<u32>,
    pub(crate) properties: Bytes,
}

/// The contract's code for a will that may not be published.
pub(super) const WILL_REFUSED: u16 = 307;
const RETAIN_NOT_SUPPORTED: u8 = 0x9A;
const QOS_NOT_SUPPORTED: u8 = 0x9B;

/// Why a will, and with it the CONNECT, is refused.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refused {
    /// By the rules.
    Rules(Refusal),
    /// By a limit, whatever the rules say: the limit's own code.
    TooLarge(Refusal),
    /// It asks for what is announced as not offered (MQTT-3.2.2-12, MQTT-3.2.2-13).
    NotOffered(u8),
}

impl Will {
    /// Checks the will of a CONNECT against the grant.
    pub(crate) fn admit(
        will: &wire::Will,
        level: Level,
        grant: &Grant,
        limits: &Limits,
    ) -> Result<Self, Refused> {
        if !grant.limits.will {
            return Err(refused("this client may not leave a will", None));
        }
        offered(will, level)?;
        let topic = grant.routed(&will.topic);
        fits(topic, will.payload.len(), limits)?;
        let qos = lower(will.qos, OFFERED);
        allowed(grant, topic, qos)?;
        Ok(Self {
            topic: ByteString::from(topic.to_owned()),
            payload: Bytes::copy_from_slice(&will.payload),
            qos,
            delay: Duration::from_secs(will.delay.into()),
            expiry: will.expiry,
            properties: Bytes::copy_from_slice(&will.properties),
        })
    }

    /// How long after the end of the connection it fires: at its delay or at the end of the session, whichever is first
    /// (MQTT-3.1.3-9).
    pub(crate) fn due_after(&self, session_expiry: Duration) -> Duration {
        self.delay.min(session_expiry)
    }

    /// When it is not delivered any more, if it is published now.
    pub(crate) fn expires(&self, now: UtcMs) -> Option<UtcMs> {
        self.expiry.map(|seconds| now + u64::from(seconds) * 1_000)
    }
}

/// What a will in MQTT 5 may not ask for. In 3.1.1 nothing can be announced: QoS 2 is lowered to 1 and the retain flag is cleared, for
/// the will itself needs neither's packets.
fn offered(will: &wire::Will, level: Level) -> Result<(), Refused> {
    match level {
        Level::V5 if will.retain => Err(Refused::NotOffered(RETAIN_NOT_SUPPORTED)),
        Level::V5 if will.qos == Qos::ExactlyOnce => Err(Refused::NotOffered(QOS_NOT_SUPPORTED)),
        _ => Ok(()),
    }
}

fn fits(topic: &str, payload: usize, limits: &Limits) -> Result<(), Refused> {
    if !filter::is_valid_topic(topic) {
        return Err(refused("the will's topic is no topic name", None));
    }
    let over = if topic.len() > limits.topic {
        Over::Topic {
            bytes: topic.len(),
            most: limits.topic,
        }
    } else if payload > limits.payload {
        Over::Payload {
            bytes: payload,
            most: limits.payload,
        }
    } else {
        return Ok(());
    };
    let limit = over.refusal();
    Err(Refused::TooLarge(Refusal {
        detail: format!("the will is too large: {}", limit.detail),
        ..limit
    }))
}

fn allowed(grant: &Grant, topic: &str, qos: Qos) -> Result<(), Refused> {
    match grant.publish(topic, qos) {
        Decision::Allow { .. } | Decision::Inspect { .. } => Ok(()),
        Decision::Deny { rule } => {
            let rule = rule.map(|rule| grant.rule_name(rule).to_owned());
            Err(refused("the rules do not allow the will's topic", rule))
        }
    }
}

fn refused(detail: &str, rule: Option<String>) -> Refused {
    Refused::Rules(refusal(detail, rule))
}

fn refusal(detail: &str, rule: Option<String>) -> Refusal {
    Refusal {
        code: WILL_REFUSED,
        detail: detail.to_owned(),
        rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn will(qos: Qos, retain: bool) -> wire::Will {
        wire::Will {
            topic: ByteString::from_static("t"),
            payload: Bytes::new(),
            qos,
            retain,
            delay: 0,
            expiry: None,
            properties: Bytes::new(),
        }
    }

    #[test]
    fn what_is_announced_as_not_offered_is_refused_in_5_only() {
        let rows = [
            (Level::V5, Qos::ExactlyOnce, false, Some(0x9B)),
            (Level::V5, Qos::AtLeastOnce, true, Some(0x9A)),
            (Level::V5, Qos::AtLeastOnce, false, None),
            (Level::V4, Qos::ExactlyOnce, true, None),
        ];
        for (level, qos, retain, code) in rows {
            let expected = code.map_or(Ok(()), |code| Err(Refused::NotOffered(code)));
            let answer = offered(&will(qos, retain), level);
            assert_eq!(answer, expected, "{level:?} {qos:?} {retain}");
        }
    }

    #[test]
    fn a_will_over_a_limit_is_refused_with_the_limits_code() {
        let limits = Limits {
            payload: 3,
            topic: 2,
            subscriptions: 1,
            filters: 0,
            publish_rate: 0,
            publish_rate_acknowledged: 0,
            publish_bytes: 0,
            keep_alive: 0,
            session_expiry: 0,
        };
        for (topic, payload, code) in [
            ("tt", 3, None),
            ("tt", 4, Some(501)),
            ("ttt", 3, Some(502)),
            ("t/#", 3, Some(WILL_REFUSED)),
        ] {
            let told = match fits(topic, payload, &limits) {
                Err(Refused::TooLarge(refusal) | Refused::Rules(refusal)) => Some(refusal.code),
                _ => None,
            };
            assert_eq!(told, code, "{topic} {payload}");
        }
    }

    #[test]
    fn a_delay_ends_with_the_session() {
        let stored = Will {
            topic: ByteString::from_static("t"),
            payload: Bytes::new(),
            qos: Qos::AtMostOnce,
            delay: Duration::from_secs(10),
            expiry: Some(3),
            properties: Bytes::new(),
        };
        assert_eq!(stored.due_after(Duration::ZERO), Duration::ZERO);
        assert_eq!(stored.due_after(Duration::from_secs(4)).as_secs(), 4);
        assert_eq!(stored.due_after(Duration::from_secs(40)).as_secs(), 10);
        assert_eq!(stored.expires(1_000), Some(4_000));
    }
}
