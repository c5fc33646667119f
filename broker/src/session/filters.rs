//! SUBSCRIBE and UNSUBSCRIBE: every filter is judged by itself, granted or refused, and told to the engine only where it must be.
//!
//! Bounded by the packet and the grant's number of subscriptions. A filter that cannot be judged is refused; an engine that cannot take
//! one ends the connection. See [`super::links`] for what the engine is told.

use super::candidate::DENIES_ALL;
use super::decided::{Access, Decided};
use super::end::End;
use super::inspect::{Answer, Inspected};
use super::over::Over;
use super::qos::{OFFERED, lower};
use super::reached::micros;
use super::session::Session;
use super::subscriptions::Subscription;
use super::wire::{self, Filter, Level, Subscribe, Unsubscribe};
use crate::contract::{Actions, Qos, Refusal};
use crate::decision::{Action, Cause, Source};
use crate::engine::Down;
use crate::grant::{Decision, filter};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use std::time::Instant;
use tokio::task::coop::consume_budget;

const FILTER_INVALID: u8 = 0x8F;
const SHARED_NOT_SUPPORTED: u8 = 0x9E;
const NO_SUBSCRIPTION: u8 = 0x11;
const PACKET_TOO_LARGE: u8 = 0x95;

impl Session {
    /// Takes a SUBSCRIBE and answers it with one code per filter.
    pub(super) async fn subscribe(
        &mut self,
        packet: Subscribe,
        output: &mut BytesMut,
    ) -> Result<(), End> {
        self.can_answer(packet.filters.len())?;
        let mut codes = Vec::with_capacity(packet.filters.len());
        let mut reason = None;
        for (before, asked) in packet.filters.into_iter().enumerate() {
            // A packet may hold many thousands of them: others shall run in between.
            consume_budget().await;
            let started = Instant::now();
            let judged = self.grant_filter(&asked, before).await;
            self.decided_filter(&asked, &judged, started);
            match judged {
                Ok(Granted { qos, .. }) => {
                    let added = self.add(asked, qos, packet.subscription_id).await;
                    added.map_err(|_| End::EngineDown)?;
                    codes.push(qos as u8);
                }
                Err(refusal) => {
                    codes.push(self.refused_code(refusal.cause, asked.qos));
                    reason.get_or_insert(refusal.refusal.detail);
                }
            }
        }
        let reason = self.terms.reason(reason.as_deref(), codes.len());
        wire::suback(self.terms.level, packet.packet_id, &codes, reason, output);
        self.bring_kept();
        Ok(())
    }

    /// Takes an UNSUBSCRIBE and answers it with one code per filter, whatever it names.
    pub(super) fn unsubscribe(
        &mut self,
        packet: &Unsubscribe,
        output: &mut BytesMut,
    ) -> Result<(), End> {
        self.can_answer(packet.filters.len())?;
        let mut codes = Vec::with_capacity(packet.filters.len());
        for filter in &packet.filters {
            let removed = self.subscriptions.remove(filter);
            codes.push(match &removed {
                Some(_) => 0,
                None if filter::is_valid_filter(filter) => NO_SUBSCRIPTION,
                // Not 0x11, which is no failure: what was meant may still be subscribed.
                None => FILTER_INVALID,
            });
            if let Some(removed) = removed.filter(|one| one.linked) {
                self.unlink(&removed.filter).map_err(|_| End::EngineDown)?;
            }
        }
        wire::unsuback(self.terms.level, packet.packet_id, &codes, output);
        Ok(())
    }

    /// A packet whose answer would be larger than the client takes (MQTT-3.1.2-24) ends the connection before anything of it holds: each
    /// filter needs its code (MQTT-3.8.4-6, MQTT-3.11.3-1), and an answer without a word would leave the client waiting.
    fn can_answer(&self, filters: usize) -> Result<(), End> {
        if self.terms.takes_codes(filters) {
            return Ok(());
        }
        let most = self.terms.packet_max;
        Err(End::Broke {
            code: PACKET_TOO_LARGE,
            detail: format!(
                "the answer to `{filters}` filters is larger than the client's maximum packet size `{most}`: send fewer at once"
            ),
        })
    }

    /// The QoS at which a filter is granted; `before`: how many stand before it in the packet.
    async fn grant_filter(
        &mut self,
        asked: &Filter,
        before: usize,
    ) -> Result<Granted, RefusedFilter> {
        self.check_filter(asked, before)?;
        let decision = self.rules.grant.subscribe(&asked.filter);
        let most = lower(asked.qos, OFFERED);
        let access = Access {
            action: Action::Subscribe,
            topic: &asked.filter,
            qos: most,
        };
        self.shown(access, decision);
        let (max_qos, rule, source) = match decision {
            Decision::Allow { max_qos, rule, .. } => (max_qos, rule, Source::Rule),
            Decision::Inspect { max_qos, rule, .. } => (max_qos, rule, Source::Inspect),
            Decision::Deny { rule } => {
                let detail = "the rules do not allow this filter";
                return Err(denied(self.rules.refusal(detail, rule), Source::Rule));
            }
        };
        if source == Source::Inspect {
            self.inspect_filter(asked, rule).await?;
        }
        let qos = lower(most, max_qos);
        Ok(Granted { qos, rule, source })
    }

    /// SUBACK of a filter that is refused. 3.1 has no failure there, and its clients read two bits alone: like Mosquitto we say the QoS
    /// that was asked for, and deliver nothing.
    fn refused_code(&self, cause: Cause, asked: Qos) -> u8 {
        match self.terms.level {
            Level::V3 => lower(asked, OFFERED) as u8,
            level => cause.suback(level),
        }
    }

    fn decided_filter(
        &mut self,
        asked: &Filter,
        judged: &Result<Granted, RefusedFilter>,
        started: Instant,
    ) {
        let (decided, told) = match judged {
            Ok(granted) => (
                Decided::allowed_by(granted.rule, granted.source),
                granted.qos as u8,
            ),
            Err(refused) => (
                refused.decided(),
                self.refused_code(refused.cause, asked.qos),
            ),
        };
        let took = if decided.is_by_inspection() {
            micros(started)
        } else {
            0
        };
        let access = Access {
            action: Action::Subscribe,
            topic: &asked.filter,
            qos: asked.qos,
        };
        self.decided(access, decided.told(Some(told)).took(took));
    }

    fn check_filter(&self, asked: &Filter, before: usize) -> Result<(), RefusedFilter> {
        if self.rules.denies_all {
            return Err(RefusedFilter {
                fault: Some(DENIES_ALL.to_owned()),
                ..refused(Cause::DenyAll, DENIES_ALL)
            });
        }
        if asked.filter.starts_with("$share/") {
            return Err(refused(
                Cause::Protocol(SHARED_NOT_SUPPORTED),
                "shared subscriptions are not offered",
            ));
        }
        if !filter::is_valid_filter(&asked.filter) {
            return Err(refused(
                Cause::Protocol(FILTER_INVALID),
                "the filter is no topic filter",
            ));
        }
        let limits = &self.rules.limits;
        if limits.filters > 0 && before >= limits.filters {
            return Err(over(Over::Filters {
                most: limits.filters,
            }));
        }
        if asked.filter.len() > limits.topic {
            return Err(over(Over::Topic {
                bytes: asked.filter.len(),
                most: limits.topic,
            }));
        }
        if !self
            .subscriptions
            .has_room(&asked.filter, limits.subscriptions)
        {
            return Err(over(Over::Subscriptions {
                most: limits.subscriptions,
            }));
        }
        Ok(())
    }

    async fn inspect_filter(&mut self, asked: &Filter, rule: u16) -> Result<(), RefusedFilter> {
        let inspected = Inspected {
            action: Actions::SUBSCRIBE,
            topic: &asked.filter,
            qos: asked.qos,
            retain: false,
            payload: &Bytes::new(),
            rule,
        };
        match self.inspect(inspected).await {
            Answer::Allow(..) => Ok(()),
            Answer::Deny(refusal) => Err(denied(refusal, Source::Inspect)),
            Answer::Fault(fault) => Err(RefusedFilter {
                source: Source::Inspect,
                fault: Some(fault),
                ..refused(Cause::Fault, "the filter cannot be inspected")
            }),
        }
    }

    /// Retain handling and retain-as-published are accepted and without effect: nothing is retained.
    async fn add(&mut self, asked: Filter, qos: Qos, id: Option<u32>) -> Result<(), Down> {
        let linked = self.rules.grant.needs_link(&asked.filter);
        let known = self
            .subscriptions
            .find(&asked.filter)
            .is_some_and(|one| one.linked);
        if linked && !known {
            self.link(&asked.filter).await?;
        }
        self.subscriptions.set(Subscription {
            // A copy: the packet's text would keep its whole read buffer alive.
            filter: ByteString::from(&*asked.filter),
            qos,
            no_local: asked.no_local,
            id,
            linked,
        });
        Ok(())
    }
}

/// A filter that is granted.
struct Granted {
    qos: Qos,
    rule: u16,
    source: Source,
}

/// A filter that is not granted.
struct RefusedFilter {
    cause: Cause,
    /// Its sentence is what the client is told.
    refusal: Refusal,
    source: Source,
    /// Nobody was judged, for this reason.
    fault: Option<String>,
}

impl RefusedFilter {
    fn decided(&self) -> Decided<'_> {
        match &self.fault {
            Some(fault) => Decided::fault(fault, self.source),
            None => Decided::refused(&self.refusal, self.source),
        }
    }
}

/// By the host.
fn refused(cause: Cause, detail: impl Into<String>) -> RefusedFilter {
    RefusedFilter {
        cause,
        refusal: Refusal {
            code: cause.code(),
            detail: detail.into(),
            rule: None,
        },
        source: Source::Host,
        fault: None,
    }
}

/// By the host, for a limit.
fn over(limit: Over) -> RefusedFilter {
    RefusedFilter {
        cause: limit.cause(),
        refusal: limit.refusal(),
        source: Source::Host,
        fault: None,
    }
}

fn denied(refusal: Refusal, source: Source) -> RefusedFilter {
    RefusedFilter {
        cause: (&refusal).into(),
        refusal,
        source,
        fault: None,
    }
}
