//! What goes with a message of an inbox that keeps, from when a session takes it until it was handed on for good.
//!
//! Handed on is a QoS 1 message with its PUBACK, a QoS 0 message when it is written into the connection's output buffer (what the buffer
//! and the network lose after that is lost), and one that the rules do not let through. A slip that is dropped before that, for whatever
//! reason, brings its message back: to its place in the store where it came from there, behind the others where it came straight from
//! its publisher. A message that came straight is not on disk while its client is connected: a killed broker loses it, as it loses
//! what waits in the engine.

use super::away::Away;
use super::inboxes::Inboxed;
use super::kept::Serial;
use super::mailbox::Mailbox;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

pub(crate) struct Slip {
    away: Away,
    mailbox: Arc<Mailbox>,
    inboxed: Inboxed,
    /// Where it is in the store, if it is.
    serial: OnceLock<Serial>,
    is_done: AtomicBool,
}

impl Slip {
    /// Of a message that came straight from its publisher.
    pub(crate) fn fresh(away: &Away, mailbox: &Arc<Mailbox>, inboxed: Inboxed) -> Arc<Self> {
        Arc::new(Self {
            away: away.clone(),
            mailbox: Arc::clone(mailbox),
            inboxed,
            serial: OnceLock::new(),
            is_done: AtomicBool::new(false),
        })
    }

    /// Of a message that the store has lent.
    pub(crate) fn lent(
        away: &Away,
        mailbox: &Arc<Mailbox>,
        inboxed: Inboxed,
        serial: Serial,
    ) -> Arc<Self> {
        let slip = Self::fresh(away, mailbox, inboxed);
        slip.serial.get_or_init(|| serial);
        slip
    }

    /// Nobody needs the message any more.
    pub(crate) fn hand_on(&self) {
        if !self.is_done.swap(true, Ordering::AcqRel)
            && let Some(serial) = self.serial.get()
        {
            self.away.hand_on(&self.mailbox.card.record, *serial);
        }
    }

    /// Puts the message into the store while its session still has it: its client is away.
    pub(crate) fn secure(&self) {
        if self.is_done.load(Ordering::Acquire) || self.serial.get().is_some() {
            return;
        }
        match self.away.keep_lent(&self.mailbox, &self.inboxed) {
            Some(serial) => drop(self.serial.set(serial)),
            // There is no room: it is counted, and lives on with its session only.
            None => self.is_done.store(true, Ordering::Release),
        }
    }
}

impl Drop for Slip {
    fn drop(&mut self) {
        if self.is_done.load(Ordering::Acquire) {
            return;
        }
        match self.serial.get() {
            Some(serial) => self.away.give_back(&self.mailbox.card.record, *serial),
            None => self.away.keep(&self.mailbox, &self.inboxed),
        }
    }
}

impl PartialEq for Slip {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl fmt::Debug for Slip {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Slip")
            .field("serial", &self.serial.get())
            .field("is_done", &self.is_done)
            .finish_non_exhaustive()
    }
}
