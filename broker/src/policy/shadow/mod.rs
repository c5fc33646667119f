//! A candidate that is asked beside the active generation, on what really happens: its answers are compared and thrown away.
//!
//! ```text
//!   session ── see_connect, see_access ──> queue ──> asking: the candidate's calls ──> compare ──> report
//!     │          (never waits)              one task, one call at a time                 (pure)      │
//!     └── answers the client, by the active generation alone                       supervisor <──────┘ a disagreement
//! ```
//!
//! What is compared: of every CONNECT, whether it is let in, the refusal's code, and what the grant says beside its rules ([`Granted`]); of one
//! access in `sample`, what the rules say of its topic. Rules are never compared as text: other rules may decide the same. A live session is judged by
//! the candidate exactly as a swap would do it: by the principal of the active generation, and its record. Of a rule that says `inspect` only that is
//! compared; payloads are not shown to a candidate.
//!
//! Bounds: [`QUEUE`] decisions of [`BYTES`] together wait, a part of the places for CONNECTs alone; what finds no room is skipped and counted. The
//! candidate's calls have the deadlines of all calls, and its instances are its own. Its faults are disagreements; clients never notice them. Everything
//! ends with the [`Shadow`].

mod asking;
mod compare;
mod granted;
mod grants;
mod report;
mod score;
mod seen;
#[cfg(test)]
mod tests;
mod words;

pub use granted::Granted;
pub use report::{Disagreement, FIRST, Kind, Report, Said, Skipped};
pub use seen::{AccessSeen, ConnectSeen, Found, Records};

use super::generation::Generation;
use crate::metrics::PolicyMetrics;
use asking::Asking;
use score::Score;
use seen::Seen;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

/// Decisions that wait to be compared.
pub const QUEUE: usize = 1_024;
/// Of these places, so many are for CONNECTs alone: a flood of messages must not hide them.
pub const KEPT_FOR_CONNECTS: usize = QUEUE / 4;
/// What waits, in bytes, counted roughly: a CONNECT with its record has some 2 KiB, and a gateway's 1 000 sub-devices 100 KiB.
pub const BYTES: usize = 8 << 20;

/// A candidate that is shown what happens.
pub struct Shadow {
    generation: Arc<Generation>,
    /// The revision beside which it is asked.
    active: u64,
    sample: u64,
    accesses: AtomicU64,
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
    score: Arc<Score>,
    task: JoinHandle<()>,
}

/// A decision in the queue, and its bytes of the room.
struct Waiting {
    seen: Seen,
    room: OwnedSemaphorePermit,
}

impl Shadow {
    /// Starts to compare, until it is dropped. `troubled` is told of disagreements. Needs a Tokio runtime.
    pub(super) fn start(
        generation: &Arc<Generation>,
        active: &Arc<Generation>,
        sample: u32,
        metrics: &PolicyMetrics,
        troubled: &Arc<Notify>,
    ) -> Arc<Self> {
        let score = Arc::new(Score::new(metrics));
        let (queue, waiting) = mpsc::channel(QUEUE);
        let asking = Asking::new(generation, active, &score, troubled);
        Arc::new(Self {
            generation: Arc::clone(generation),
            active: active.revision(),
            sample: u64::from(sample.max(1)),
            accesses: AtomicU64::new(0),
            queue,
            room: Arc::new(Semaphore::new(BYTES)),
            score,
            task: tokio::spawn(asking.run(waiting)),
        })
    }

    /// Whether this access shall be shown: the first, and then one in `sample`. To be asked once for each access.
    pub fn is_due(&self) -> bool {
        let before = self.accesses.fetch_add(1, Ordering::Relaxed);
        let is_due = before.is_multiple_of(self.sample);
        if !is_due {
            self.score.skip(Skipped::NotSampled);
        }
        is_due
    }

    /// A CONNECT that the active generation has judged. Never waits.
    pub fn see_connect(&self, seen: ConnectSeen) {
        self.see(seen.generation, Seen::Connect(Box::new(seen)), 0);
    }

    /// An access that a session's rules have decided. Never waits.
    pub fn see_access(&self, seen: AccessSeen) {
        let generation = seen.generation;
        self.see(generation, Seen::Access(Box::new(seen)), KEPT_FOR_CONNECTS);
    }

    /// A CONNECT that the active generation failed to judge: there is nothing to compare with.
    pub fn see_fault(&self) {
        self.score.skip(Skipped::NoAnswer);
    }

    /// What came out so far.
    pub fn report(&self) -> Report {
        self.score.report()
    }

    /// The candidate.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    fn see(&self, generation: u64, seen: Seen, left_free: usize) {
        if generation != self.active {
            return self.score.skip(Skipped::Outdated);
        }
        if self.queue.capacity() <= left_free || !self.queues(seen) {
            self.score.skip(Skipped::NoRoom);
        }
    }

    fn queues(&self, seen: Seen) -> bool {
        let bytes = u32::try_from(seen.size()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        room.is_ok_and(|room| self.queue.try_send(Waiting { seen, room }).is_ok())
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        // What still waits is not asked any more; a call under way ends by its deadline.
        self.task.abort();
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow")
            .field("generation", &self.generation)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}
