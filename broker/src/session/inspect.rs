//! Asking the policy for one message, where a rule says `inspect`. The only call of a component in the packet loop.

use super::clock;
use super::decided::Decided;
use super::session::Session;
use crate::contract::{Access, Actions, Qos, Refusal, Subject, Verdict};
use crate::decision::Source;
use bytes::Bytes;

/// One message or filter that shall be inspected.
pub(super) struct Inspected<'a> {
    pub(super) action: Actions,
    pub(super) topic: &'a str,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) payload: &'a Bytes,
    /// The rule that asked for it.
    pub(super) rule: u16,
}

/// What the policy said.
pub(super) enum Answer {
    /// Allowed, with this payload, and perhaps with something that the operator shall know.
    Allow(Bytes, Option<Refusal>),
    Deny(Refusal),
    /// It could not say: nobody was judged, and nothing passes.
    Fault(String),
}

impl Answer {
    /// As a decision. `rule`: the one that asked.
    pub(super) fn decided(&self, rule: u16) -> Decided<'_> {
        match self {
            Self::Allow(_, remark) => {
                Decided::allowed_by(rule, Source::Inspect).remarked(remark.as_ref())
            }
            Self::Deny(refusal) => Decided::refused(refusal, Source::Inspect),
            Self::Fault(fault) => Decided::fault(fault, Source::Inspect),
        }
    }
}

impl Session {
    /// Asks the generation in force. Order is kept by the caller, who waits for the answer. Boxed: sessions that inspect nothing pay
    /// nothing for it.
    pub(super) async fn inspect(&mut self, inspected: Inspected<'_>) -> Answer {
        Box::pin(self.ask(inspected)).await
    }

    async fn ask(&mut self, inspected: Inspected<'_>) -> Answer {
        let subject = match self.subject().await {
            Ok(subject) => subject,
            Err(fault) => return Answer::Fault(fault),
        };
        let access = Access {
            principal: self.rules.principal.clone(),
            subject,
            action: inspected.action,
            topic: inspected.topic.to_owned(),
            qos: inspected.qos,
            retain: inspected.retain,
            payload: inspected.payload.to_vec(),
            rule: self.rules.grant.rule_name(inspected.rule).to_owned(),
            now: clock::now(),
            extra: Vec::new(),
        };
        match self.rules.generation.inspect(access).await {
            Ok(Verdict::Allow) => Answer::Allow(inspected.payload.clone(), None),
            Ok(Verdict::Replace(payload)) => Answer::Allow(payload.into(), None),
            Ok(Verdict::Remark(remark)) => {
                let payload = remark.payload.map(Bytes::from);
                let payload = payload.unwrap_or_else(|| inspected.payload.clone());
                Answer::Allow(payload, Some(remark.refusal))
            }
            Ok(Verdict::Deny(refusal)) => Answer::Deny(refusal),
            Err(fault) => Answer::Fault(fault.to_string()),
        }
    }

    async fn subject(&mut self) -> Result<Subject, String> {
        if let Some(known) = &self.rules.subject {
            return Ok(Subject::clone(known));
        }
        let id = self.rules.principal.id.clone();
        let subject = self
            .broker
            .with_registry(move |registry| registry.subject(&id))
            .await?;
        self.rules.subject = Some(Box::new(subject.clone()));
        Ok(subject)
    }
}
