//! SUBSCRIBE and UNSUBSCRIBE: every filter is judged by itself, granted or refused, and told to the engine only where it must be.
//!
//! A filter whose messages all come by the client's inboxes needs no link; the link is opened with the first one that does and closed
//! with the last.

use super::end::End;
use super::inspect::{Answer, Inspected};
use super::qos::{OFFERED, lower};
use super::session::Session;
use super::subscriptions::Subscription;
use super::wire::{self, Filter, Subscribe, Unsubscribe};
use crate::contract::{Actions, Qos, Refusal};
use crate::decision::{Action, Cause};
use crate::engine::Down;
use crate::grant::{Decision, filter};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

const FILTER_INVALID: u8 = 0x8F;
const SHARED_NOT_SUPPORTED: u8 = 0x9E;
const NO_SUBSCRIPTION: u8 = 0x11;

impl Session {
    /// Takes a SUBSCRIBE and answers it with one code per filter.
    pub(super) async fn subscribe(
        &mut self,
        packet: Subscribe,
        output: &mut BytesMut,
    ) -> Result<(), End> {
        let mut codes = Vec::with_capacity(packet.filters.len());
        let mut reason = None;
        for asked in packet.filters {
            match self.grant_filter(&asked).await {
                Ok(qos) => {
                    let added = self.add(asked, qos, packet.subscription_id).await;
                    added.map_err(|_| End::EngineDown)?;
                    codes.push(qos as u8);
                }
                Err(refusal) => {
                    codes.push(refusal.cause.suback(self.terms.level));
                    reason.get_or_insert(refusal.detail);
                }
            }
        }
        let reason = reason.as_deref().filter(|_| self.terms.problems);
        wire::suback(self.terms.level, packet.packet_id, &codes, reason, output);
        self.bring_kept();
        Ok(())
    }

    /// Takes an UNSUBSCRIBE and answers it, whatever it names.
    pub(super) async fn unsubscribe(
        &mut self,
        packet: Unsubscribe,
        output: &mut BytesMut,
    ) -> Result<(), End> {
        let mut codes = Vec::with_capacity(packet.filters.len());
        for filter in &packet.filters {
            let removed = self.subscriptions.remove(filter);
            codes.push(if removed.is_some() {
                0
            } else {
                NO_SUBSCRIPTION
            });
            if let Some(removed) = removed.filter(|one| one.linked) {
                self.unlink(&removed.filter)
                    .await
                    .map_err(|_| End::EngineDown)?;
            }
        }
        wire::unsuback(self.terms.level, packet.packet_id, &codes, output);
        Ok(())
    }

    /// Brings subscriptions, link and what is on its way into line with the rules in force.
    pub(super) async fn enforce(&mut self) -> Result<(), Down> {
        let rules = &mut self.rules;
        let forbidden = self
            .subscriptions
            .retain(|one| !matches!(rules.grant.subscribe(&one.filter), Decision::Deny { .. }));
        for one in self.subscriptions.iter_mut() {
            one.qos = lower(one.qos, highest(rules.grant.subscribe(&one.filter)));
        }
        let dropped = self
            .outbound
            .retain(|one| one.greeting || rules.may_receive(&one.topic));
        self.broker.metrics.dropped("revoked", dropped as u64);
        for gone in forbidden {
            self.broker.metrics.denied(Action::Subscribe.name());
            if gone.linked {
                self.unlink(&gone.filter).await?;
            }
        }
        self.relink().await
    }

    /// Which filters need the engine depends on the inboxes of the generation.
    async fn relink(&mut self) -> Result<(), Down> {
        let mut link = Vec::new();
        let mut unlink = Vec::new();
        for one in self.subscriptions.iter_mut() {
            let needed = self.rules.grant.needs_link(&one.filter);
            if needed != one.linked || (needed && self.link.is_none()) {
                let list = if needed { &mut link } else { &mut unlink };
                list.push(one.filter.clone());
            }
            one.linked = needed;
        }
        for filter in link {
            self.link(&filter).await?;
        }
        for filter in unlink {
            self.unlink(&filter).await?;
        }
        Ok(())
    }

    /// The QoS at which a filter is granted.
    async fn grant_filter(&mut self, asked: &Filter) -> Result<Qos, RefusedFilter> {
        self.check_filter(asked)?;
        let (max_qos, rule) = match self.rules.grant.subscribe(&asked.filter) {
            Decision::Allow { max_qos, .. } => (max_qos, None),
            Decision::Inspect { max_qos, rule, .. } => (max_qos, Some(rule)),
            Decision::Deny { rule } => {
                let refusal = self
                    .rules
                    .refusal("the rules do not allow this filter", rule);
                return Err(self.denied_filter(asked, &refusal));
            }
        };
        if let Some(rule) = rule {
            self.inspect_filter(asked, rule).await?;
        }
        Ok(lower(lower(asked.qos, max_qos), OFFERED))
    }

    fn check_filter(&self, asked: &Filter) -> Result<(), RefusedFilter> {
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
        if asked.filter.len() > limits.topic {
            return Err(refused(
                Cause::Limit,
                format!("the filter is longer than {} bytes", limits.topic),
            ));
        }
        if !self
            .subscriptions
            .has_room(&asked.filter, limits.subscriptions)
        {
            return Err(refused(
                Cause::Limit,
                format!("more than {} subscriptions", limits.subscriptions),
            ));
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
            Answer::Allow(_) => Ok(()),
            Answer::Deny(refusal) => Err(self.denied_filter(asked, &refusal)),
            Answer::Fault(fault) => {
                self.record(Action::Subscribe).fault(&fault).emit();
                Err(refused(Cause::Fault, "the filter cannot be inspected"))
            }
        }
    }

    fn denied_filter(&self, asked: &Filter, refusal: &Refusal) -> RefusedFilter {
        self.denied(Action::Subscribe, &asked.filter, asked.qos, refusal);
        refused(refusal.into(), refusal.detail.as_str())
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

    async fn link(&mut self, filter: &str) -> Result<(), Down> {
        if self.link.is_none() {
            self.link = Some(self.broker.engine().open().await?);
        }
        match &mut self.link {
            Some(link) => link.subscribe(filter).await,
            None => Err(Down),
        }
    }

    async fn unlink(&mut self, filter: &str) -> Result<(), Down> {
        let linked = self.subscriptions.linked();
        if linked <= 1 {
            self.copies.clear();
        }
        if linked == 0 {
            if let Some(link) = self.link.take() {
                link.close().await;
            }
            return Ok(());
        }
        match &mut self.link {
            Some(link) => link.unsubscribe(filter).await,
            None => Ok(()),
        }
    }
}

/// A filter that is not granted.
struct RefusedFilter {
    cause: Cause,
    detail: String,
}

/// The highest QoS that a decision leaves.
fn highest(decision: Decision) -> Qos {
    match decision {
        Decision::Allow { max_qos, .. } | Decision::Inspect { max_qos, .. } => max_qos,
        Decision::Deny { .. } => Qos::AtMostOnce,
    }
}

fn refused(cause: Cause, detail: impl Into<String>) -> RefusedFilter {
    RefusedFilter {
        cause,
        detail: detail.into(),
    }
}
