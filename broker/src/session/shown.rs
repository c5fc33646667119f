//! What a shadow is shown of the sessions, where there is one: each CONNECT after its answer is known, and one access in so many.
//!
//! Nothing here waits, and nothing that is shown changes an answer. Where there is no shadow it costs one relaxed load.

use super::admission::{Admitted, NotAdmitted};
use super::broker::Broker;
use super::clock;
use super::decided::Access;
use super::session::Session;
use crate::contract::{Connect, Lookup, Principal, Subject, UtcMs};
use crate::grant::{Decision, Grant};
use crate::policy::Shadow;
use crate::policy::shadow::{AccessSeen, ConnectSeen, Found, Granted, Records};
use crate::registry::Registry;
use std::sync::Arc;

impl Session {
    /// The rules in force have decided this access; its `QoS` is at most what is offered.
    #[inline]
    pub(super) fn shown(&self, access: Access<'_>, decision: Decision) {
        if let Some(shadow) = self.broker.policy.shadow()
            && shadow.is_due()
        {
            self.show(&shadow, access, decision);
        }
    }

    #[cold]
    fn show(&self, shadow: &Shadow, access: Access<'_>, decision: Decision) {
        let (card, rules) = (&self.seat.mailbox.card, &self.rules);
        let rule = match decision {
            Decision::Allow { rule, .. } | Decision::Inspect { rule, .. } => Some(rule),
            Decision::Deny { rule } => rule,
        };
        shadow.see_access(AccessSeen {
            at: clock::now(),
            generation: rules.generation.revision(),
            grant: rules.grant.number(),
            client: Arc::clone(&card.client),
            raw_client: card.raw_client.clone(),
            product: card.product.clone(),
            principal: rules.principal.clone(),
            action: access.action,
            topic: access.topic.into(),
            qos: access.qos,
            decision,
            rule: rule.map_or("", |rule| rules.grant.rule_name(rule)).into(),
            records: records(&self.broker),
        });
    }
}

/// A CONNECT on its way to be shown. Empty where there is no shadow.
pub(super) struct Showing(Option<Box<Shown>>);

struct Shown {
    shadow: Arc<Shadow>,
    found: Option<Found>,
    granted: Option<Granted>,
    now: Option<UtcMs>,
}

impl Showing {
    /// Before the first call.
    pub(super) fn begin(broker: &Broker) -> Self {
        let shown = broker.policy.shadow().map(|shadow| {
            Box::new(Shown {
                shadow,
                found: None,
                granted: None,
                now: None,
            })
        });
        Self(shown)
    }

    /// The record that it is judged by.
    pub(super) fn found(&mut self, lookup: &Lookup, subject: &Subject) {
        if let Some(shown) = &mut self.0 {
            shown.found = Some(Found {
                lookup: lookup.clone(),
                subject: subject.clone(),
            });
        }
    }

    /// The time at which it is authorized, which may decide.
    pub(super) fn authorized_at(&mut self, now: UtcMs) {
        if let Some(shown) = &mut self.0 {
            shown.now = Some(now);
        }
    }

    /// What it would get.
    pub(super) fn granted(&mut self, principal: &Principal, grant: &Grant, connect: &Connect) {
        if let Some(shown) = &mut self.0 {
            shown.granted = Some(Granted::of(principal, grant, connect));
        }
    }

    /// The answer is known; `generation` is the revision that gave it.
    pub(super) fn end(
        self,
        broker: &Broker,
        connect: &Arc<Connect>,
        generation: u64,
        answer: &Result<Admitted, NotAdmitted>,
    ) {
        let Some(shown) = self.0 else {
            return;
        };
        let outcome = match (answer, shown.granted) {
            (Ok(_), Some(granted)) => Ok(granted),
            (Err(NotAdmitted::Refused(refusal)), _) => Err(refusal.clone()),
            _ => return shown.shadow.see_fault(),
        };
        shown.shadow.see_connect(ConnectSeen {
            generation,
            connect: Arc::clone(connect),
            found: shown.found,
            outcome,
            now: shown.now.unwrap_or(connect.now),
            records: records(broker),
        });
    }
}

fn records(broker: &Broker) -> Arc<dyn Records> {
    Arc::new(broker.registry.clone())
}

impl Records for Registry {
    fn find(&self, lookup: &Lookup) -> Result<Subject, String> {
        Self::find(self, lookup).map_err(|error| error.to_string())
    }

    fn subject(&self, id: &str) -> Result<Subject, String> {
        Self::subject(self, id).map_err(|error| error.to_string())
    }
}
