//! A PUBLISH from the client: what it must not be, whether it may pass, and how it is answered.
//!
//! In this order: QoS and retain that are not offered, alias, suffix, limits, rates, rules, inspection. A denied or dropped QoS 1
//! message is still acknowledged, or its sender would send it again for ever: MQTT 5 with the code, 3.1.1 without a word. What
//! passes goes into the [`super::intake`].

use super::candidate::DENIES_ALL;
use super::decided::{Access, Decided};
use super::end::End;
use super::inspect::{Answer, Inspected};
use super::intake::Intake;
use super::meter::Rate;
use super::over::Over;
use super::reached::micros;
use super::session::Session;
use super::wire::Publish;
use super::{clock, qos};
use crate::contract::{Actions, Qos, Refusal};
use crate::decision::{Action, Cause, Source};
use crate::engine::Message;
use crate::grant::{Decision, filter};
use bytes::Bytes;
use std::time::Instant;

const QOS_NOT_SUPPORTED: u8 = 0x9B;
const RETAIN_NOT_SUPPORTED: u8 = 0x9A;
const TOPIC_INVALID: u8 = 0x90;

/// A message that does not pass.
struct Dropped {
    /// For the metric.
    why: &'static str,
    cause: Cause,
    /// Its sentence is what the client is told.
    refusal: Refusal,
    source: Source,
    /// Nobody was judged, for this reason.
    fault: Option<String>,
    micros: u32,
}

/// A PUBLISH that passes if this rule's inspection lets it.
pub(super) struct ToInspect {
    packet: Publish,
    rule: u16,
}

/// Leave to pass, or a rule to ask.
enum Passing {
    Allowed(Passed),
    Inspect { rule: u16 },
}

/// By which rule, and who decided in the end.
struct Passed {
    rule: u16,
    source: Source,
    micros: u32,
    /// What the policy has to say of it all the same.
    remark: Option<Refusal>,
}

impl Session {
    /// Takes one PUBLISH. `Err` ends the connection; what a rule wants inspected first comes back.
    pub(super) fn publish(
        &mut self,
        mut packet: Publish,
        intake: &mut Intake,
    ) -> Result<Option<ToInspect>, End> {
        offered(&packet, self.is_v5())?;
        let topic = std::mem::take(&mut packet.topic);
        let topic = self.aliases.resolve(topic, packet.alias);
        let topic = topic.map_err(|code| broke(code, "the topic alias stands for no topic"))?;
        packet.topic = self.rules.grant.without_suffix(topic);
        match self.passes_rules(&packet, intake.now) {
            Ok(Passing::Allowed(passed)) => self.take(packet, &passed, intake),
            Ok(Passing::Inspect { rule }) => return Ok(Some(ToInspect { packet, rule })),
            Err(dropped) => self.refuse_publish(&packet, dropped, intake)?,
        }
        Ok(None)
    }

    /// Takes what passes the inspection, which may replace the payload.
    pub(super) async fn inspect_publish(
        &mut self,
        asked: ToInspect,
        intake: &mut Intake,
    ) -> Result<(), End> {
        let ToInspect { mut packet, rule } = asked;
        let started = Instant::now();
        match self.inspected(&packet, rule, started).await {
            Ok((payload, remark)) => {
                packet.payload = payload;
                let passed = Passed {
                    rule,
                    source: Source::Inspect,
                    micros: micros(started),
                    remark,
                };
                self.take(packet, &passed, intake);
            }
            Err(dropped) => self.refuse_publish(&packet, dropped, intake)?,
        }
        Ok(())
    }

    fn passes_rules(&mut self, packet: &Publish, now: Instant) -> Result<Passing, Dropped> {
        if self.rules.denies_all {
            return Err(Dropped {
                fault: Some(DENIES_ALL.to_owned()),
                ..dropped("deny_all", Cause::DenyAll, DENIES_ALL)
            });
        }
        self.fits(packet, now)?;
        self.allowed(packet)
    }

    fn fits(&mut self, packet: &Publish, now: Instant) -> Result<(), Dropped> {
        let topic = &packet.topic;
        if !filter::is_valid_topic(topic) {
            let cause = Cause::Protocol(TOPIC_INVALID);
            return Err(dropped(
                "topic_invalid",
                cause,
                "the topic is no topic name",
            ));
        }
        let limits = &self.rules.limits;
        if topic.len() > limits.topic {
            return Err(over(Over::Topic {
                bytes: topic.len(),
                most: limits.topic,
            }));
        }
        if packet.payload.len() > limits.payload {
            return Err(over(Over::Payload {
                bytes: packet.payload.len(),
                most: limits.payload,
            }));
        }
        let paid = self.rates.pay(packet.qos, packet.payload.len(), now);
        paid.map_err(|rate| {
            let most = match rate {
                Rate::Messages => limits.publish_rate,
                Rate::Acknowledged => limits.publish_rate_acknowledged,
                Rate::Bytes => limits.publish_bytes,
            };
            over(Over::Rate { rate, most })
        })
    }

    fn allowed(&mut self, packet: &Publish) -> Result<Passing, Dropped> {
        let rules = &mut self.rules;
        let (decision, cached) = rules.cache.publish(&rules.grant, &packet.topic, packet.qos);
        self.shown(asked(packet), decision);
        match decision {
            Decision::Allow { rule, .. } => Ok(Passing::Allowed(Passed {
                rule,
                source: Source::of_rules(cached),
                micros: 0,
                remark: None,
            })),
            Decision::Inspect { rule, .. } => Ok(Passing::Inspect { rule }),
            Decision::Deny { rule } => {
                let refusal = self
                    .rules
                    .refusal("the rules do not allow to publish on this topic", rule);
                Err(denied(refusal, Source::of_rules(cached)))
            }
        }
    }

    async fn inspected(
        &mut self,
        packet: &Publish,
        rule: u16,
        started: Instant,
    ) -> Result<(Bytes, Option<Refusal>), Dropped> {
        let inspected = Inspected {
            action: Actions::PUBLISH,
            topic: &packet.topic,
            qos: packet.qos,
            retain: packet.retain,
            payload: &packet.payload,
            rule,
        };
        match self.inspect(inspected).await {
            Answer::Allow(payload, remark) => Ok((payload, remark)),
            Answer::Deny(refusal) => Err(Dropped {
                micros: micros(started),
                ..denied(refusal, Source::Inspect)
            }),
            Answer::Fault(fault) => Err(Dropped {
                source: Source::Inspect,
                fault: Some(fault),
                micros: micros(started),
                ..dropped("fault", Cause::Fault, "the message cannot be inspected")
            }),
        }
    }

    fn take(&mut self, packet: Publish, passed: &Passed, intake: &mut Intake) {
        let told = self.puback(&packet, 0);
        let decided =
            Decided::allowed_by(passed.rule, passed.source).remarked(passed.remark.as_ref());
        self.decided(asked(&packet), decided.told(told).took(passed.micros));
        intake.answer(&packet, 0, None);
        let expiry = packet
            .expiry
            .map(|seconds| clock::now() + u64::from(seconds) * 1_000);
        intake.messages.push(Message {
            topic: packet.topic,
            payload: packet.payload,
            qos: packet.qos,
            publisher: self.number,
            expires: expiry,
            properties: packet.properties,
            // The engine gives it.
            number: 0,
        });
    }

    /// The code as the client hears it: 3.1.1 has none in its PUBACK, and QoS 0 has no PUBACK.
    #[inline]
    fn puback(&self, packet: &Publish, code: u8) -> Option<u8> {
        (packet.qos != Qos::AtMostOnce && self.is_v5()).then_some(code)
    }

    /// 3.1.1 has no code for a fault, and an acknowledgement would say that all is well: its connection is closed, the client tries again.
    fn refuse_publish(
        &mut self,
        packet: &Publish,
        dropped: Dropped,
        intake: &mut Intake,
    ) -> Result<(), End> {
        let code = dropped.cause.told().puback;
        let told = self.puback(packet, code);
        self.decided(asked(packet), dropped.decided().told(told));
        self.broker.metrics.dropped(dropped.why, 1);
        let reason = dropped.refusal.detail;
        if dropped.cause == Cause::Fault && !self.is_v5() && packet.qos != Qos::AtMostOnce {
            return Err(End::Fault(reason));
        }
        intake.answer(packet, code, Some(reason));
        Ok(())
    }
}

impl Dropped {
    fn decided(&self) -> Decided<'_> {
        let decided = match &self.fault {
            Some(fault) => Decided::fault(fault, self.source),
            None => Decided::refused(&self.refusal, self.source),
        };
        decided.took(self.micros)
    }
}

#[inline]
fn asked(packet: &Publish) -> Access<'_> {
    Access {
        action: Action::Publish,
        topic: &packet.topic,
        qos: packet.qos,
    }
}

/// See the table in [`super`]. In 3.1.1 the retain flag is cleared, by being nowhere in what is handed over.
fn offered(packet: &Publish, is_v5: bool) -> Result<(), End> {
    if qos::higher(packet.qos, qos::OFFERED) != qos::OFFERED {
        return Err(broke(QOS_NOT_SUPPORTED, "qos 2 is not offered"));
    }
    if packet.retain && is_v5 {
        return Err(broke(
            RETAIN_NOT_SUPPORTED,
            "retained messages are not offered",
        ));
    }
    Ok(())
}

fn broke(code: u8, detail: &str) -> End {
    End::Broke {
        code,
        detail: detail.to_owned(),
    }
}

/// By the host.
fn dropped(why: &'static str, cause: Cause, reason: impl Into<String>) -> Dropped {
    Dropped {
        why,
        cause,
        refusal: Refusal {
            code: cause.code(),
            detail: reason.into(),
            rule: None,
        },
        source: Source::Host,
        fault: None,
        micros: 0,
    }
}

/// By the host, for a limit.
fn over(limit: Over) -> Dropped {
    Dropped {
        why: limit.name(),
        cause: limit.cause(),
        refusal: limit.refusal(),
        source: Source::Host,
        fault: None,
        micros: 0,
    }
}

fn denied(refusal: Refusal, source: Source) -> Dropped {
    Dropped {
        why: "denied",
        cause: (&refusal).into(),
        refusal,
        source,
        fault: None,
        micros: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytestring::ByteString;

    #[test]
    fn what_is_not_offered_ends_the_connection() {
        let packet = |qos, retain| Publish {
            dup: false,
            qos,
            retain,
            topic: ByteString::from_static("t"),
            packet_id: 1,
            alias: None,
            expiry: None,
            properties: Bytes::new(),
            payload: Bytes::new(),
        };
        // qos, retain, MQTT 5, code
        for (qos, retain, is_v5, code) in [
            (Qos::AtLeastOnce, false, true, None),
            (Qos::ExactlyOnce, false, true, Some(0x9B)),
            (Qos::ExactlyOnce, false, false, Some(0x9B)),
            (Qos::AtMostOnce, true, true, Some(0x9A)),
            (Qos::AtMostOnce, true, false, None),
        ] {
            let end = offered(&packet(qos, retain), is_v5).err();
            let told = end
                .and_then(|end| end.cause())
                .map(|cause| cause.told().disconnect);
            assert_eq!(told, code, "{qos:?} {retain} {is_v5}");
        }
    }
}
