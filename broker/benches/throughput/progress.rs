//! How far the publishers and subscribers of a case are; what flow control and the final account look at.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// A broker that delivers nothing for so long has lost what is missing.
const STALL: Duration = Duration::from_secs(5);

/// Between the publishers and the slowest subscriber, so that no broker has to keep more than it can hold: our engine keeps 4 MiB per filter
/// and tells a reader that falls further behind that it has lost messages.
const IN_FLIGHT: u64 = 4_000;
const IN_FLIGHT_BYTES: u64 = 1 << 20;

/// How far everybody is.
pub(crate) struct Progress {
    pub(crate) sent: AtomicU64,
    /// By subscriber.
    pub(crate) delivered: Vec<AtomicU64>,
    /// Deliveries that were not the next of their publisher.
    pub(crate) out_of_order: AtomicU64,
    pub(crate) moved: Notify,
    room: u64,
}

impl Progress {
    /// For messages of `size` bytes.
    pub(crate) fn new(subscribers: usize, size: u64) -> Self {
        Self {
            sent: AtomicU64::new(0),
            delivered: (0..subscribers).map(|_| AtomicU64::new(0)).collect(),
            out_of_order: AtomicU64::new(0),
            moved: Notify::new(),
            room: IN_FLIGHT.min(IN_FLIGHT_BYTES / size.max(1)),
        }
    }

    fn slowest(&self) -> u64 {
        let delivered = self
            .delivered
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        delivered.min().unwrap_or(0)
    }

    pub(crate) fn total(&self) -> u64 {
        self.delivered
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.sent
            .load(Ordering::Relaxed)
            .saturating_sub(self.slowest())
    }

    pub(crate) fn has_room(&self) -> bool {
        self.in_flight() < self.room
    }

    /// What went wrong, where so many deliveries are expected in all.
    pub(crate) fn trouble(&self, expected: u64) -> Option<String> {
        let total = self.total();
        let disorder = self.out_of_order.load(Ordering::Relaxed);
        (total != expected || disorder > 0).then(|| {
            format!(
                "{expected} expected, {total} delivered, {disorder} lost, doubled or out of order"
            )
        })
    }

    /// Waits until `done` holds; false where nothing has moved for [`STALL`].
    pub(crate) async fn until(&self, done: impl Fn() -> bool) -> bool {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            if done() {
                return true;
            }
            if timeout(STALL, moved).await.is_err() {
                return done();
            }
        }
    }
}
