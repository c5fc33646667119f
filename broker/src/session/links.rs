//! What the engine knows of a session's filters, and how both follow the rules in force.
//!
//! A filter whose messages all come by the client's inboxes needs no link; the link is opened with the first one that does and closed
//! with the last, so idle devices hold no engine memory. An engine that is gone ends the connection.

use super::qos::lower;
use super::queue::Queued;
use super::session::Session;
use crate::contract::Qos;
use crate::engine::Down;
use crate::grant::Decision;

impl Session {
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
        self.inspect_outbound().await;
        for gone in forbidden {
            self.revoked(&gone);
            if gone.linked {
                self.unlink(&gone.filter)?;
            }
        }
        self.relink().await
    }

    /// What waits or is in flight under a rule that says `inspect` now is inspected before it leaves, in its place.
    async fn inspect_outbound(&mut self) {
        if self.rules.denies_all {
            return;
        }
        let mut place = 0;
        loop {
            let rules = &mut self.rules;
            let asks = |message: &Queued| match rules.receive(&message.topic) {
                (Decision::Inspect { rule, .. }, _) if !message.greeting => Some(rule),
                _ => None,
            };
            let Some((at, message, rule)) = self.outbound.find_from(place, asks) else {
                return;
            };
            let passed = self.inspected_delivery(message, rule).await;
            place = at + usize::from(passed.is_some());
            self.outbound.set(at, passed);
        }
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
            self.unlink(&filter)?;
        }
        Ok(())
    }

    /// Subscribes in the engine, which opens the link where there is none.
    pub(super) async fn link(&mut self, filter: &str) -> Result<(), Down> {
        if self.link.is_none() {
            self.link = Some(self.broker.engine().open().await?);
        }
        match &mut self.link {
            Some(link) => link.subscribe(filter).await,
            None => Err(Down),
        }
    }

    /// Unsubscribes in the engine. The subscription itself is gone or no longer marked as linked.
    pub(super) fn unlink(&mut self, filter: &str) -> Result<(), Down> {
        let linked = self.subscriptions.linked();
        if linked <= 1 {
            self.copies.clear();
        }
        if linked == 0 {
            self.link = None;
            return Ok(());
        }
        match &mut self.link {
            Some(link) => link.unsubscribe(filter),
            None => Ok(()),
        }
    }
}

/// The highest QoS that a decision leaves.
fn highest(decision: Decision) -> Qos {
    match decision {
        Decision::Allow { max_qos, .. } | Decision::Inspect { max_qos, .. } => max_qos,
        Decision::Deny { .. } => Qos::AtMostOnce,
    }
}
