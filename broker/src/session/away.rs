//! Messages for clients that are not here: kept for those that are registered, dropped for all others.
//!
//! Whether a client is registered is a read of the registry, so it is asked by a task of its own, behind a queue of [`WAITING`]
//! messages; beyond it they are dropped and counted. The store itself is [`super::kept`]. If the registry cannot be read the message
//! is dropped and counted: nothing is kept for somebody who may not exist.

use super::clock;
use super::inboxes::Inboxed;
use super::kept::Store;
use super::mailbox::Posted;
use super::sessions::Sessions;
use crate::contract::Lookup;
use crate::grant::inbox::Addressee;
use crate::metrics::Metrics;
use crate::registry::Registry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

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

/// The kept messages and the way to them. Clone is cheap.
#[derive(Clone)]
pub(crate) struct Away {
    store: Arc<Mutex<Store>>,
    waiting: mpsc::Sender<Absent>,
    metrics: Metrics,
}

impl Away {
    /// The store, and what [`run`] shall take from.
    pub(crate) fn new(store: Store, metrics: Metrics) -> (Self, mpsc::Receiver<Absent>) {
        let (waiting, queue) = mpsc::channel(WAITING);
        let store = Arc::new(Mutex::new(store));
        let away = Self {
            store,
            waiting,
            metrics,
        };
        (away, queue)
    }

    /// Keeps the message if its addressee is registered. Never blocks.
    pub(crate) fn offer(&self, absent: Absent) {
        if absent.inboxed.inbox.keep_messages == 0 {
            return self.metrics.dropped("away", 1);
        }
        if self.waiting.try_send(absent).is_err() {
            self.metrics.dropped("away_queue_full", 1);
        }
    }

    /// Keeps a message for a client that is known to be registered.
    pub(crate) fn keep(&self, record: &str, inboxed: Inboxed) {
        let kept = self.store().keep(record, inboxed, clock::now());
        if !kept {
            self.metrics.dropped("away", 1);
        }
        self.count();
    }

    /// Takes out what is kept for a client and wanted by it.
    pub(crate) fn take(&self, record: &str, wanted: impl Fn(&str) -> bool) -> Vec<Inboxed> {
        let taken = self.store().take(record, clock::now(), wanted);
        if !taken.is_empty() {
            self.count();
        }
        taken
    }

    /// Drops what was kept for too long.
    pub(crate) fn expire(&self) {
        let expired = self.store().expire(clock::now());
        self.metrics.dropped("kept_too_long", expired as u64);
        self.count();
    }

    fn count(&self) {
        let kept = self.store().len();
        self.metrics
            .kept
            .set(i64::try_from(kept).unwrap_or(i64::MAX));
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps what waits, as long as the broker lives.
pub(crate) async fn run(
    away: Away,
    mut queue: mpsc::Receiver<Absent>,
    sessions: Sessions,
    registry: Registry,
) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, 256).await > 0 {
        let registry = registry.clone();
        let found = std::mem::take(&mut batch);
        let found = tokio::task::spawn_blocking(move || with_records(&registry, found)).await;
        for (record, inboxed) in found.unwrap_or_default() {
            match record {
                Some(record) => store_or_post(&away, &sessions, &record, inboxed),
                None => away.metrics.dropped("unknown_addressee", 1),
            }
        }
    }
}

fn with_records(registry: &Registry, batch: Vec<Absent>) -> Vec<(Option<String>, Inboxed)> {
    let record = |absent: Absent| {
        let subject = registry.find(&absent.lookup);
        let id = subject
            .ok()
            .and_then(|found| found.client)
            .map(|client| client.id);
        (id, absent.inboxed)
    };
    batch.into_iter().map(record).collect()
}

/// The client may have come while the registry was read: then it is posted after all.
fn store_or_post(away: &Away, sessions: &Sessions, record: &str, inboxed: Inboxed) {
    match sessions.find(record) {
        Some(mailbox) if mailbox.post(inboxed.clone()) == Posted::Taken => {}
        _ => away.keep(record, inboxed),
    }
}
