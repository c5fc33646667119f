//! Messages of inboxes for registered clients that are away. Pure: a store over values; time is an argument.
//!
//! All of it is in memory, so a client for whom nothing is kept costs a look-up in a hash table. What changes is written down as
//! [`Changes`], and [`file`] brings them to disk behind; at a start the store is filled from there.
//!
//! A message that a session has taken stays, marked as lent, until it was handed on for good or comes back. Serial numbers are the order
//! of arrival, also over a restart.
//!
//! Bounds: per client and inbox what the inbox says (`keep-messages`, the oldest is replaced; `keep-seconds`), and in total the
//! operator's number of messages and bytes, beyond which nothing is kept. Lent ones count.

pub(crate) mod file;

use super::inboxes::Inboxed;
use crate::contract::{Inbox, UtcMs};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// The registry keeps 100 000 changes: what is on disk must not fall behind them.
const FOLLOWED_APART: u64 = 1_000;

/// The number of a kept message; a later one has a larger number.
pub(crate) type Serial = u64;

/// A message as it is on disk.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) serial: Serial,
    pub(crate) client: Box<str>,
    pub(crate) until: UtcMs,
    pub(crate) inboxed: Inboxed,
}

/// What is not on disk yet. Whatever comes and goes in between never gets there.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) added: BTreeMap<Serial, Row>,
    pub(crate) removed: Vec<Serial>,
    /// How much of the registry's change feed the removals include.
    pub(crate) followed: Option<u64>,
}

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.followed.is_none()
    }

    fn remove(&mut self, serial: Serial) {
        if self.added.remove(&serial).is_none() {
            self.removed.push(serial);
        }
    }
}

/// How many messages were too old, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expired {
    /// The inbox's `keep-seconds` were over.
    pub(crate) kept_too_long: u64,
    /// The publisher's message expiry was over.
    pub(crate) by_publisher: u64,
}

#[derive(Debug)]
struct Kept {
    serial: Serial,
    until: UtcMs,
    /// A session has it.
    lent: bool,
    inboxed: Inboxed,
}

impl Kept {
    fn is_of(&self, inbox: &Inbox) -> bool {
        self.inboxed.inbox.template == inbox.template
    }

    fn ends(&self) -> UtcMs {
        let expires = self.inboxed.message.expires.unwrap_or(UtcMs::MAX);
        self.until.min(expires)
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
    next: Serial,
    /// When the first message ends, at the earliest.
    first_end: UtcMs,
    removals: u64,
    /// How much of the registry's change feed was followed, and how much of that is known on disk.
    followed: u64,
    followed_noted: u64,
    changes: Changes,
}

impl Store {
    pub(crate) fn new(messages_max: usize, bytes_max: usize) -> Self {
        Self {
            clients: HashMap::new(),
            messages: 0,
            bytes: 0,
            messages_max,
            bytes_max,
            next: 1,
            first_end: UtcMs::MAX,
            removals: 0,
            followed: 0,
            followed_noted: 0,
            changes: Changes::default(),
        }
    }

    /// Fills an empty store with what an earlier life kept, in the order of the serials. Returns how many found no room: the bounds may
    /// have become smaller; then the newest stay.
    pub(crate) fn load(&mut self, rows: Vec<Row>) -> u64 {
        let mut lost = 0;
        let mut first = rows.len();
        for row in rows.iter().rev() {
            let size = row.inboxed.bytes();
            if self.messages >= self.messages_max || self.bytes + size > self.bytes_max {
                break;
            }
            self.messages += 1;
            self.bytes += size;
            first -= 1;
        }
        for (at, row) in rows.into_iter().enumerate() {
            self.next = self.next.max(row.serial.saturating_add(1));
            if at < first {
                self.changes.removed.push(row.serial);
                lost += 1;
            } else {
                self.insert(&row.client, row.serial, row.until, row.inboxed);
            }
        }
        lost
    }

    /// Keeps a message; `None` where there is no room or the inbox keeps none.
    pub(crate) fn keep(
        &mut self,
        client: &str,
        inboxed: &Inboxed,
        now: UtcMs,
        lent: bool,
    ) -> Option<Serial> {
        let inbox = &inboxed.inbox;
        if inbox.keep_messages == 0 || inbox.keep_seconds == 0 {
            return None;
        }
        self.replace_oldest(client, inbox);
        let inboxed = inboxed.detached();
        let size = inboxed.bytes();
        if self.messages >= self.messages_max || self.bytes + size > self.bytes_max {
            return None;
        }
        self.note_followed();
        let serial = self.next;
        let until = now + u64::from(inbox.keep_seconds) * 1_000;
        self.next += 1;
        self.messages += 1;
        self.bytes += size;
        let row = Row {
            serial,
            client: client.into(),
            until,
            inboxed: inboxed.clone(),
        };
        self.changes.added.insert(serial, row);
        self.insert(client, serial, until, inboxed);
        if lent {
            self.set_lent(client, serial, true);
        }
        Some(serial)
    }

    /// Lends what is kept for a client, wanted by it and not lent already, in the order in which it came.
    pub(crate) fn lend(
        &mut self,
        client: &str,
        now: UtcMs,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<(Serial, Inboxed)> {
        let Some(kept) = self.clients.get_mut(client) else {
            return Vec::new();
        };
        let free = kept
            .iter_mut()
            .filter(|one| !one.lent && one.ends() > now && wanted(&one.inboxed.message.topic));
        free.map(|one| {
            one.lent = true;
            (one.serial, one.inboxed.clone())
        })
        .collect()
    }

    /// A lent message was not handed on: it waits again, in its place.
    pub(crate) fn give_back(&mut self, client: &str, serial: Serial) {
        self.set_lent(client, serial, false);
    }

    /// A message was handed on for good. One that has been replaced or is over meanwhile is none any more.
    pub(crate) fn hand_on(&mut self, client: &str, serial: Serial) {
        self.remove_if(client, |one| one.serial == serial);
    }

    /// The client's record was removed: nobody may read its messages, not even a later client of the same id. Returns how many.
    pub(crate) fn forget(&mut self, client: &str) -> usize {
        self.removals += 1;
        self.remove_if(client, |_| true)
    }

    /// The same for everybody, where it is not known who was removed.
    pub(crate) fn forget_all(&mut self) -> usize {
        self.removals += 1;
        let clients: Vec<Box<str>> = self.clients.keys().cloned().collect();
        clients
            .iter()
            .map(|one| self.remove_if(one, |_| true))
            .sum()
    }

    /// Up to where the registry's removals were followed. It is brought to disk with the next message that is kept (what is removed
    /// after that concerns it, what was removed before does not), and now and then while messages are kept.
    pub(crate) fn set_followed(&mut self, sequence: u64) {
        self.followed = sequence;
        if self.messages > 0 && sequence.abs_diff(self.followed_noted) >= FOLLOWED_APART {
            self.note_followed();
        }
    }

    fn note_followed(&mut self) {
        if self.followed != self.followed_noted || self.next == 1 {
            self.followed_noted = self.followed;
            self.changes.followed = Some(self.followed);
        }
    }

    /// Counts the calls of [`Self::forget`]: what was read of the registry before the last one may be outdated.
    pub(crate) fn removals(&self) -> u64 {
        self.removals
    }

    /// Drops what was kept for too long. Looks at nothing while nothing can be over.
    pub(crate) fn expire(&mut self, now: UtcMs) -> Expired {
        let mut expired = Expired::default();
        if now < self.first_end {
            return expired;
        }
        let changes = &mut self.changes;
        let mut first_end = UtcMs::MAX;
        self.clients.retain(|_, kept| {
            kept.retain(|one| {
                let ends = one.ends();
                if ends > now {
                    first_end = first_end.min(ends);
                    return true;
                }
                if one.until <= now {
                    expired.kept_too_long += 1;
                } else {
                    expired.by_publisher += 1;
                }
                self.messages -= 1;
                self.bytes -= one.inboxed.bytes();
                changes.remove(one.serial);
                false
            });
            !kept.is_empty()
        });
        self.first_end = first_end;
        expired
    }

    /// Grows with every message that is kept.
    pub(crate) fn next_serial(&self) -> Serial {
        self.next
    }

    pub(crate) fn len(&self) -> usize {
        self.messages
    }

    /// What is to be brought to disk, once.
    pub(crate) fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    pub(crate) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Changes did not get to disk: what was added is kept no more, as if there had been no room; removals are tried again. Returns how
    /// many messages are lost.
    pub(crate) fn undo(&mut self, failed: Changes) -> usize {
        let added = failed.added.values();
        let lost = added
            .map(|row| self.remove_if(&row.client, |one| one.serial == row.serial))
            .sum();
        // They have never been there.
        let is_there = |serial: &Serial| !failed.added.contains_key(serial);
        self.changes.removed.retain(is_there);
        self.changes.removed.extend(failed.removed);
        self.changes.followed = self.changes.followed.or(failed.followed);
        lost
    }

    fn insert(&mut self, client: &str, serial: Serial, until: UtcMs, inboxed: Inboxed) {
        let kept = Kept {
            serial,
            until,
            lent: false,
            inboxed,
        };
        self.first_end = self.first_end.min(kept.ends());
        match self.clients.get_mut(client) {
            Some(all) => all.push_back(kept),
            None => drop(self.clients.insert(client.into(), VecDeque::from([kept]))),
        }
    }

    fn set_lent(&mut self, client: &str, serial: Serial, lent: bool) {
        let kept = self.clients.get_mut(client).into_iter().flatten();
        for one in kept.filter(|one| one.serial == serial) {
            one.lent = lent;
        }
    }

    fn replace_oldest(&mut self, client: &str, inbox: &Inbox) {
        let Some(kept) = self.clients.get(client) else {
            return;
        };
        let of_inbox = || kept.iter().filter(|one| one.is_of(inbox));
        // The policy may have lowered the number since.
        let beyond = (of_inbox().count() + 1).saturating_sub(inbox.keep_messages as usize);
        let oldest: Vec<Serial> = of_inbox().map(|one| one.serial).take(beyond).collect();
        self.remove_if(client, |one| oldest.contains(&one.serial));
    }

    fn remove_if(&mut self, client: &str, gone: impl Fn(&Kept) -> bool) -> usize {
        let Some(kept) = self.clients.get_mut(client) else {
            return 0;
        };
        let before = self.messages;
        kept.retain(|one| {
            let gone = gone(one);
            if gone {
                self.messages -= 1;
                self.bytes -= one.inboxed.bytes();
                self.changes.remove(one.serial);
            }
            !gone
        });
        if kept.is_empty() {
            self.clients.remove(client);
        }
        before - self.messages
    }
}

#[cfg(test)]
mod tests;
