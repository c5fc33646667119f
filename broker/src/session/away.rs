//! Messages for clients that are not here: kept for those that are registered, dropped for all others.
//!
//! Whether a client is registered is a read of the registry, so it is asked by a task of its own ([`run`]), behind a queue of [`WAITING`]
//! messages; beyond it they are dropped and counted. While messages for an addressee wait there, later ones go the same way, so none
//! overtakes. If the registry cannot be read the message is dropped and counted: nothing is kept for somebody who may not exist.
//!
//! The store itself is [`super::kept`], in memory; [`write_behind`] brings its changes to disk, all that have come up in [`GATHERING`]
//! or during the last write in one transaction. So a killed broker loses what came in the last milliseconds: what is in the engine, in
//! the queue, and not yet committed (5 ms and the commit before: measured 0.5 ms for one message, 6 ms for 256 of 200 bytes, 0.12 s for
//! 4 096). One that is stopped loses nothing ([`Away::close`]).
//!
//! What cannot be written is dropped, counted as `inbox_store_failed` and logged once a minute; the broker goes on.

mod disk;

use super::clock;
use super::inboxes::Inboxed;
use super::kept::{Expired, Serial, Store};
use super::mailbox::{Mailbox, Posted};
use super::sessions::Sessions;
use super::slip::Slip;
use crate::contract::Lookup;
use crate::grant::inbox::Addressee;
use crate::metrics::PolicyMetrics;
use crate::registry::{Change, Changed, Registry};
use disk::Disk;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

pub(crate) use disk::{open, write_behind};

/// One read of the registry takes some 20 µs, so this is a tenth of a second.
const WAITING: usize = 4_096;

/// A message whose addressee has no session.
#[derive(Debug)]
pub(crate) struct Absent {
    lookup: Lookup,
    inboxed: Inboxed,
}

impl Absent {
    pub(crate) fn new(addressee: &Addressee<'_>, inboxed: Inboxed) -> Self {
        let lookup = match *addressee {
            Addressee::Client(client) => Lookup::Client(client.to_owned()),
            Addressee::Node { product, node } => {
                Lookup::ProductNode((product.to_owned(), node.to_owned()))
            }
        };
        Self { lookup, inboxed }
    }
}

/// What [`run`] takes from the queue.
#[derive(Debug)]
pub(crate) enum Waiting {
    Absent(Absent),
    /// Somebody wants to know when all before it is done.
    Mark(oneshot::Sender<()>),
}

/// The kept messages and the way to them. Clone is cheap.
#[derive(Clone)]
pub(crate) struct Away(Arc<Inner>);

struct Inner {
    store: Mutex<Store>,
    disk: Disk,
    waiting: mpsc::Sender<Waiting>,
    /// How many wait, by addressee; [`Self::all_waiting`] is their sum, so that nobody looks here while nothing waits.
    by_addressee: Mutex<HashMap<Box<str>, usize>>,
    all_waiting: AtomicUsize,
    /// What of the gauge is ours: each policy has a store.
    counted: AtomicI64,
    metrics: PolicyMetrics,
}

impl Away {
    /// `store` is filled. Also what [`run`] shall take from.
    pub(crate) fn new(
        store: Store,
        disk: Disk,
        metrics: PolicyMetrics,
    ) -> (Self, mpsc::Receiver<Waiting>) {
        let (waiting, queue) = mpsc::channel(WAITING);
        let away = Self(Arc::new(Inner {
            store: Mutex::new(store),
            disk,
            waiting,
            by_addressee: Mutex::default(),
            all_waiting: AtomicUsize::new(0),
            counted: AtomicI64::new(0),
            metrics,
        }));
        away.count(&away.store());
        (away, queue)
    }

    /// Keeps the message if its addressee is registered. Never blocks.
    pub(crate) fn offer(&self, absent: Absent) {
        if absent.inboxed.inbox.keep_messages == 0 {
            return self.0.metrics.dropped("away", 1);
        }
        let key = key(&absent.lookup);
        self.await_one(key.clone());
        if self.0.waiting.try_send(Waiting::Absent(absent)).is_err() {
            self.await_no_more(&key);
            self.0.metrics.dropped("away_queue_full", 1);
        }
    }

    /// Whether messages for this addressee wait to be kept: later ones must not pass them.
    pub(crate) fn is_on_its_way(&self, addressee: &Addressee<'_>) -> bool {
        if self.0.all_waiting.load(Ordering::Acquire) == 0 {
            return false;
        }
        let key = match *addressee {
            Addressee::Client(client) => client.into(),
            Addressee::Node { product, node } => node_key(product, node),
        };
        lock(&self.0.by_addressee).contains_key(&key)
    }

    /// Keeps a message of a session that ends.
    pub(crate) fn keep(&self, mailbox: &Mailbox, inboxed: &Inboxed) {
        self.keep_as(mailbox, inboxed, false);
    }

    /// Keeps a message that its session still has.
    pub(crate) fn keep_lent(&self, mailbox: &Mailbox, inboxed: &Inboxed) -> Option<Serial> {
        self.keep_as(mailbox, inboxed, true)
    }

    fn keep_as(&self, mailbox: &Mailbox, inboxed: &Inboxed, lent: bool) -> Option<Serial> {
        self.with_store(|store| self.keep_in(store, mailbox, inboxed, lent))
    }

    fn keep_in(
        &self,
        store: &mut Store,
        mailbox: &Mailbox,
        inboxed: &Inboxed,
        lent: bool,
    ) -> Option<Serial> {
        if mailbox.is_removed() {
            self.0.metrics.dropped("unknown_addressee", 1);
            return None;
        }
        let kept = store.keep(&mailbox.card.record, inboxed, clock::now(), lent);
        if kept.is_none() {
            self.0.metrics.dropped("away", 1);
        }
        kept
    }

    /// Lends what is kept for a client and wanted by it.
    pub(crate) fn lend(
        &self,
        mailbox: &Arc<Mailbox>,
        wanted: impl Fn(&str) -> bool,
    ) -> Vec<Inboxed> {
        let record = &mailbox.card.record;
        let lent = self.store().lend(record, clock::now(), wanted);
        let with_slip = |(serial, inboxed): (Serial, Inboxed)| Inboxed {
            slip: Some(Slip::lent(self, mailbox, inboxed.clone(), serial)),
            ..inboxed
        };
        lent.into_iter().map(with_slip).collect()
    }

    /// A lent message was not handed on.
    pub(crate) fn give_back(&self, record: &str, serial: Serial) {
        self.store().give_back(record, serial);
    }

    /// A lent message was handed on for good.
    pub(crate) fn hand_on(&self, record: &str, serial: Serial) {
        self.with_store(|store| store.hand_on(record, serial));
    }

    /// Takes a session out of the table. What nobody took out of its mailbox is kept, before anything that comes later.
    pub(crate) fn retire(&self, mailbox: &Arc<Mailbox>, sessions: &Sessions) {
        self.with_store(|store| {
            for inboxed in mailbox.shut() {
                if inboxed.inbox.keep_messages > 0 {
                    self.keep_in(store, mailbox, &inboxed, false);
                }
            }
            sessions.release(mailbox);
        });
    }

    /// Clients were removed: so are their messages.
    pub(crate) fn follow(&self, last: u64, changes: &[Change], sessions: &Sessions) {
        let forgotten = self.with_store(|store| {
            let forgotten: usize = changes
                .iter()
                .map(|change| forget(store, &change.what, sessions))
                .sum();
            store.set_followed(last);
            forgotten
        });
        self.0.metrics.dropped("client_removed", forgotten as u64);
    }

    /// Drops what was kept for too long.
    pub(crate) fn expire(&self) {
        let Expired {
            kept_too_long,
            by_publisher,
        } = self.with_store(|store| store.expire(clock::now()));
        self.0.metrics.dropped("kept_too_long", kept_too_long);
        self.0.metrics.dropped("expired", by_publisher);
    }

    /// How many messages are kept.
    pub(crate) fn len(&self) -> usize {
        self.store().len()
    }

    fn with_store<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store();
        let changed = change(&mut store);
        self.count(&store);
        if store.has_changes() {
            self.0.disk.wake();
        }
        changed
    }

    fn count(&self, store: &Store) {
        let kept = i64::try_from(store.len()).unwrap_or(i64::MAX);
        let before = self.0.counted.swap(kept, Ordering::Relaxed);
        self.0.metrics.kept.inc_by(kept - before);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.0.store)
    }

    fn await_one(&self, key: Box<str>) {
        let mut waiting = lock(&self.0.by_addressee);
        *waiting.entry(key).or_default() += 1;
        self.0.all_waiting.fetch_add(1, Ordering::AcqRel);
    }

    fn await_no_more(&self, key: &str) {
        let mut waiting = lock(&self.0.by_addressee);
        if let Some(count) = waiting.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(key);
            }
        }
        self.0.all_waiting.fetch_sub(1, Ordering::AcqRel);
    }

    /// Keeps the message, or posts it where its client has come meanwhile. Decided under the store's lock: a client that takes its seat
    /// looks into the store after that. `Err`: records were removed since the registry was read.
    fn place(
        &self,
        sessions: &Sessions,
        record: &str,
        inboxed: &Inboxed,
        removals: u64,
    ) -> Result<(), Outdated> {
        self.with_store(|store| {
            if store.removals() != removals {
                return Err(Outdated);
            }
            let posted = sessions
                .find(record)
                .map(|mailbox| mailbox.post(inboxed.clone()));
            // A full mailbox tells its owner, who counts.
            if matches!(posted, Some(Posted::Taken | Posted::Full)) {
                return Ok(());
            }
            if store.keep(record, inboxed, clock::now(), false).is_none() {
                self.0.metrics.dropped("away", 1);
            }
            Ok(())
        })
    }
}

struct Outdated;

/// Its sessions' unread messages go with it.
fn forget(store: &mut Store, what: &Changed, sessions: &Sessions) -> usize {
    match what {
        Changed::Removed(id) => {
            sessions.set_removed(id);
            store.forget(id)
        }
        Changed::All => {
            tracing::warn!(
                "changes of the registry were missed: nothing is kept any more, since clients may have been removed"
            );
            store.forget_all()
        }
        Changed::Client(_) | Changed::Product(_) | Changed::Authority(_) => 0,
    }
}

/// Keeps what waits, as long as the broker lives.
pub(crate) async fn run(
    away: Away,
    mut queue: mpsc::Receiver<Waiting>,
    sessions: Sessions,
    registry: Registry,
) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, 256).await > 0 {
        let mut marks = Vec::new();
        let mut absent = Vec::new();
        for one in batch.drain(..) {
            match one {
                Waiting::Absent(one) => absent.push(one),
                Waiting::Mark(mark) => marks.push(mark),
            }
        }
        while !absent.is_empty() {
            let removals = away.store().removals();
            let registry = registry.clone();
            let found = tokio::task::spawn_blocking(move || with_records(&registry, absent)).await;
            absent = place_all(&away, &sessions, found.unwrap_or_default(), removals);
        }
        // Who waited for it may have given up.
        for mark in marks {
            mark.send(()).ok();
        }
    }
}

fn with_records(registry: &Registry, batch: Vec<Absent>) -> Vec<(Option<String>, Absent)> {
    let record = |absent: Absent| {
        let subject = registry.find(&absent.lookup);
        let id = subject
            .ok()
            .and_then(|found| found.client)
            .map(|client| client.id);
        (id, absent)
    };
    batch.into_iter().map(record).collect()
}

/// Returns those for whom the registry must be read again, in their order.
fn place_all(
    away: &Away,
    sessions: &Sessions,
    found: Vec<(Option<String>, Absent)>,
    removals: u64,
) -> Vec<Absent> {
    let mut again = Vec::new();
    for (record, absent) in found {
        let placed = if let Some(record) = &record {
            away.place(sessions, record, &absent.inboxed, removals)
        } else {
            away.0.metrics.dropped("unknown_addressee", 1);
            Ok(())
        };
        match placed {
            Ok(()) => away.await_no_more(&key(&absent.lookup)),
            Err(Outdated) => again.push(absent),
        }
    }
    again
}

fn key(lookup: &Lookup) -> Box<str> {
    match lookup {
        Lookup::ProductNode((product, node)) => node_key(product, node),
        Lookup::Client(id) => id.as_str().into(),
        // An addressee is one of the two.
        _ => Box::default(),
    }
}

/// No id has a slash in it: it is one level of a topic.
fn node_key(product: &str, node: &str) -> Box<str> {
    format!("{product}/{node}").into()
}

/// A panic elsewhere leaves the store whole: each change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
