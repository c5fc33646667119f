//! Delivery by identity: the engine hands over what its inbox filters bring, the topic says to whom.
//!
//! Runs in the engine's own tasks, so it never blocks: a look-up in the table and a push into the mailbox. A full mailbox loses the
//! message, counted and logged. What is addressed to nobody who is here goes to [`super::away`], if the inbox keeps anything.

use super::away::{Absent, Away};
use super::mailbox::Posted;
use super::sessions::Sessions;
use super::slip::Slip;
use crate::contract::Inbox;
use crate::engine::{Deliver, Message};
use crate::grant::inbox::{Addressee, Inboxes};
use crate::metrics::PolicyMetrics;
use std::sync::Arc;

/// A message of an inbox on its way to its addressee.
#[derive(Clone, Debug)]
pub(crate) struct Inboxed {
    pub(crate) message: Message,
    /// The inbox that brought it.
    pub(crate) inbox: Arc<Inbox>,
    /// Where it is lent by the store.
    pub(crate) slip: Option<Arc<Slip>>,
}

impl Inboxed {
    /// For whoever keeps it for long; without its slip.
    pub(crate) fn detached(&self) -> Self {
        Self {
            message: self.message.clone().detached(),
            inbox: Arc::clone(&self.inbox),
            slip: None,
        }
    }

    /// What it takes in memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let message = &self.message;
        message.topic.len() + message.payload.len() + message.properties.len() + size_of::<Self>()
    }
}

/// Delivers for one generation's inboxes.
pub(crate) struct Postman {
    inboxes: Arc<Inboxes>,
    /// One per template, shared with each message.
    rules: Vec<Arc<Inbox>>,
    sessions: Sessions,
    away: Away,
    metrics: PolicyMetrics,
}

impl Postman {
    pub(crate) fn new(
        inboxes: Arc<Inboxes>,
        sessions: Sessions,
        away: Away,
        metrics: PolicyMetrics,
    ) -> Self {
        let rules = inboxes
            .templates
            .iter()
            .map(|one| Arc::new(one.inbox.clone()));
        Self {
            rules: rules.collect(),
            inboxes,
            sessions,
            away,
            metrics,
        }
    }

    /// The filters that the engine shall subscribe to, in the order of the templates.
    pub(crate) fn filters(&self) -> Vec<String> {
        let templates = self.inboxes.templates.iter();
        templates.map(|one| one.filter().to_owned()).collect()
    }

    fn post(&self, addressee: &Addressee<'_>, inboxed: Inboxed) {
        if inboxed.inbox.keep_messages > 0 && self.away.is_on_its_way(addressee) {
            return self.away.offer(Absent::new(addressee, inboxed));
        }
        let Some(mailbox) = self.sessions.addressed(addressee) else {
            return self.away.offer(Absent::new(addressee, inboxed));
        };
        // A shut mailbox belongs to a session that is ending: for the sender its client is away.
        match mailbox.post(inboxed.clone()) {
            // A full mailbox tells its owner, who counts.
            Posted::Taken | Posted::Full => {}
            Posted::Shut => self.away.offer(Absent::new(addressee, inboxed)),
        }
    }
}

impl Deliver for Postman {
    fn deliver(&self, template: usize, message: Message) {
        let (Some(known), Some(inbox)) = (
            self.inboxes.templates.get(template),
            self.rules.get(template),
        ) else {
            return self.metrics.dropped("unknown_inbox", 1);
        };
        let topic = message.topic.clone();
        let Some(addressee) = known.addressee(&topic) else {
            return self.metrics.dropped("unaddressed", 1);
        };
        let inbox = Arc::clone(inbox);
        let inboxed = Inboxed {
            message,
            inbox,
            slip: None,
        };
        self.post(&addressee, inboxed);
    }

    fn lost(&self, template: usize, count: u64) {
        let inbox = self
            .rules
            .get(template)
            .map(|inbox| inbox.template.as_str());
        tracing::warn!(
            inbox,
            count,
            "messages of an inbox are lost: the broker is overloaded"
        );
        self.metrics.dropped("inbox_overrun", count);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::contract::Qos;
    use bytes::Bytes;
    use bytestring::ByteString;

    pub(crate) fn message(topic: &str, qos: Qos) -> Message {
        Message {
            topic: ByteString::from(topic.to_owned()),
            payload: Bytes::from_static(b"{}"),
            qos,
            publisher: 7,
            expires: None,
            properties: Bytes::new(),
            number: 1,
        }
    }

    pub(crate) fn inboxed(topic: &str) -> Inboxed {
        Inboxed {
            message: message(topic, Qos::AtLeastOnce),
            inbox: Arc::new(Inbox {
                template: "t/{client}".into(),
                max_qos: Qos::AtLeastOnce,
                keep_messages: 3,
                keep_seconds: 60,
                unsolicited: false,
            }),
            slip: None,
        }
    }
}
