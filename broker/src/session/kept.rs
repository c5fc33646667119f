//! Messages of inboxes for registered clients that are away. Pure: a store over values; time is an argument.
//!
//! Bounds: per client and inbox what the inbox says (`keep-messages`, the oldest is replaced; `keep-seconds`), and in total the
//! operator's number of messages and bytes, beyond which nothing is kept. In memory: a restart forgets.

use super::inboxes::Inboxed;
use crate::contract::{Inbox, UtcMs};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

#[derive(Debug)]
struct Kept {
    until: UtcMs,
    inboxed: Inboxed,
}

impl Kept {
    fn is_of(&self, inbox: &Inbox) -> bool {
        self.inboxed.inbox.template == inbox.template
    }
}

/// All kept messages, by the id of the client's record.
#[derive(Debug)]
pub(crate) struct Store {
    clients: HashMap<Box<str>, VecDeque<Kept>>,
    messages: usize,
    bytes: usize,
    messages_max: usize,
    bytes_max: usize,
}

impl Store {
    pub(crate) fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self {
            clients: HashMap::new(),
            messages: 0,
            bytes: 0,
            messages_max,
            bytes_max,
        }
    }

    /// Keeps a message; false where there is no room or the inbox keeps none.
    pub(crate) fn keep(&mut self, client: &str, inboxed: Inboxed, now: UtcMs) -> bool {
        let inbox = Arc::clone(&inboxed.inbox);
        if inbox.keep_messages == 0 || inbox.keep_seconds == 0 {
            return false;
        }
        self.replace_oldest(client, &inbox);
        let size = inboxed.bytes();
        if self.messages >= self.messages_max || self.bytes + size > self.bytes_max {
            return false;
        }
        let until = now + u64::from(inbox.keep_seconds) * 1_000;
        self.messages += 1;
        self.bytes += size;
        self.clients
            .entry(client.into())
            .or_default()
            .push_back(Kept {
                until,
                inboxed: Inboxed {
                    message: inboxed.message.detached(),
                    inbox,
                },
            });
        true
    }

    /// Takes out what is kept for a client and wanted by it, in the order in which it came.
    pub(crate) fn take(
        &mut self,
        client: &str,
        now: UtcMs,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<Inboxed> {
        let Some(kept) = self.clients.remove(client) else {
            return Vec::new();
        };
        let (taken, left): (VecDeque<_>, VecDeque<_>) = kept
            .into_iter()
            .partition(|one| one.until <= now || wanted(&one.inboxed.message.topic));
        if !left.is_empty() {
            self.clients.insert(client.into(), left);
        }
        self.messages -= taken.len();
        self.bytes -= taken.iter().map(|one| one.inboxed.bytes()).sum::<usize>();
        let alive = taken.into_iter().filter(|one| one.until > now);
        alive.map(|one| one.inboxed).collect()
    }

    /// Drops what was kept for too long; returns how many.
    pub(crate) fn expire(&mut self, now: UtcMs) -> usize {
        let before = self.messages;
        self.clients.retain(|_, kept| {
            kept.retain(|one| one.until > now);
            !kept.is_empty()
        });
        self.count();
        before - self.messages
    }

    pub(crate) fn len(&self) -> usize {
        self.messages
    }

    fn replace_oldest(&mut self, client: &str, inbox: &Inbox) {
        let Some(kept) = self.clients.get_mut(client) else {
            return;
        };
        if kept.iter().filter(|one| one.is_of(inbox)).count() < inbox.keep_messages as usize {
            return;
        }
        if let Some(oldest) = kept.iter().position(|one| one.is_of(inbox))
            && let Some(dropped) = kept.remove(oldest)
        {
            self.messages -= 1;
            self.bytes -= dropped.inboxed.bytes();
        }
    }

    fn count(&mut self) {
        let all = || self.clients.values().flatten();
        self.messages = all().count();
        self.bytes = all().map(|one| one.inboxed.bytes()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Qos;
    use crate::session::inboxes::tests::inboxed;

    fn of(template: &str, keep_messages: u32, topic: &str) -> Inboxed {
        let inbox = Inbox {
            template: template.into(),
            max_qos: Qos::AtLeastOnce,
            keep_messages,
            keep_seconds: 10,
        };
        Inboxed {
            inbox: Arc::new(inbox),
            ..inboxed(topic)
        }
    }

    fn topics(taken: &[Inboxed]) -> Vec<String> {
        taken
            .iter()
            .map(|one| one.message.topic.to_string())
            .collect()
    }

    #[test]
    fn the_oldest_of_the_same_inbox_is_replaced() {
        let mut store = Store::new(100, 10_000);
        assert!(store.keep("d", of("b/{client}", 1, "b"), 0));
        for topic in ["1", "2", "3"] {
            assert!(store.keep("d", of("a/{client}", 2, topic), 0));
        }
        assert_eq!(topics(&store.take("d", 1, |_| true)), ["b", "2", "3"]);
        assert_eq!(store.len(), 0);
    }

    #[test]
    fn nothing_is_kept_too_long_beyond_the_room_or_where_the_inbox_keeps_none() {
        let mut store = Store::new(2, 10_000);
        assert!(!store.keep("d", of("a", 0, "x"), 0));
        assert!(store.keep("d", of("a", 9, "x"), 0));
        assert!(store.keep("e", of("a", 9, "x"), 5_000));
        assert!(!store.keep("f", of("a", 9, "x"), 5_000));
        assert_eq!(store.expire(10_000), 1);
        assert!(store.take("d", 10_000, |_| true).is_empty());
        assert!(store.keep("f", of("a", 9, "x"), 10_000));
    }

    #[test]
    fn what_is_not_wanted_yet_stays() {
        let mut store = Store::new(10, 10_000);
        store.keep("d", of("a", 9, "x"), 0);
        store.keep("d", of("a", 9, "y"), 0);
        assert_eq!(topics(&store.take("d", 1, |topic| topic == "y")), ["y"]);
        assert_eq!(store.len(), 1);
        assert_eq!(topics(&store.take("d", 1, |_| true)), ["x"]);
    }
}
