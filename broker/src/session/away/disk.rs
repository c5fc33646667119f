//! The way of kept messages to disk and back: filled at the start, written behind, and brought to an end at a stop.

use super::{Away, Waiting, lock};
use crate::metrics::PolicyMetrics;
use crate::registry::{self, Changed, Registry};
use crate::session::broker::StartError;
use crate::session::clock;
use crate::session::kept::Store;
use crate::session::kept::file::{File, Left};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

/// What comes up in this time goes into one transaction.
pub(super) const GATHERING: Duration = Duration::from_millis(5);
/// Between two lines of the log about writes that fail.
const QUIET: Duration = Duration::from_mins(1);
/// How long a stop waits for the queue, and how often it looks whether the engine has brought more.
const LAST_MESSAGES: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);

/// The file, and who wakes its writer.
#[derive(Debug)]
pub(crate) struct Disk {
    file: Mutex<File>,
    changed: Notify,
    complained: Mutex<Option<Instant>>,
}

impl Disk {
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }
}

/// Opens the file and fills the store from it. What was removed from the registry meanwhile is forgotten. Blocks.
pub(crate) fn open(
    path: &Path,
    mut store: Store,
    registry: &Registry,
    metrics: &PolicyMetrics,
) -> Result<(Store, Disk), StartError> {
    let (file, Left { rows, followed }) = File::open(path)?;
    metrics.dropped("away", store.load(rows));
    let last = match followed {
        Some(sequence) => catch_up(&mut store, registry, sequence, metrics)?,
        None => registry.last_sequence()?,
    };
    store.set_followed(last);
    let expired = store.expire(clock::now());
    metrics.dropped("kept_too_long", expired.kept_too_long);
    metrics.dropped("expired", expired.by_publisher);
    let disk = Disk {
        file: Mutex::new(file),
        changed: Notify::new(),
        complained: Mutex::default(),
    };
    // What was dropped just now.
    disk.wake();
    Ok((store, disk))
}

fn catch_up(
    store: &mut Store,
    registry: &Registry,
    mut sequence: u64,
    metrics: &PolicyMetrics,
) -> Result<u64, registry::Error> {
    loop {
        let changes = registry.changes_after(sequence)?;
        let Some(last) = changes.last() else {
            return Ok(sequence);
        };
        sequence = last.sequence;
        for change in &changes {
            if change.what == Changed::All {
                tracing::warn!(
                    "more has changed in the registry than it remembers: nothing that was kept is delivered, since clients may have been removed"
                );
            }
            let forgotten = match &change.what {
                Changed::Removed(id) => store.forget(id),
                Changed::All => store.forget_all(),
                _ => 0,
            };
            metrics.dropped("client_removed", forgotten as u64);
        }
    }
}

/// Brings changes to disk, as long as the broker lives.
pub(crate) async fn write_behind(away: Away) {
    loop {
        away.0.disk.changed.notified().await;
        sleep(GATHERING).await;
        let writing = away.clone();
        // An error says that the runtime ends.
        tokio::task::spawn_blocking(move || writing.write())
            .await
            .ok();
    }
}

impl Away {
    /// Brings all changes up to now to disk. Blocks.
    fn write(&self) {
        // The file first: whoever has it takes what is the next in order.
        let mut file = lock(&self.0.disk.file);
        let changes = self.store().take_changes();
        if changes.is_empty() {
            return;
        }
        if let Err(error) = file.write(&changes) {
            let lost = self.with_failed(|store| store.undo(changes));
            self.0.metrics.dropped("inbox_store_failed", lost as u64);
            self.complain(&error, lost);
        }
    }

    /// Without waking the writer: it would try again at once.
    fn with_failed<T>(&self, undo: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store();
        let undone = undo(&mut store);
        self.count(&store);
        undone
    }

    fn complain(&self, error: &rusqlite::Error, lost: usize) {
        let mut complained = lock(&self.0.disk.complained);
        if complained.is_none_or(|at| at.elapsed() >= QUIET) {
            *complained = Some(Instant::now());
            tracing::error!(
                %error,
                lost,
                "messages for clients that are away cannot be written to `inbox.db` and are dropped: is the disk full?"
            );
        }
    }

    /// Waits until all that has arrived is on disk. Sessions have ended by now; what the engine still brings is waited for as long as
    /// more comes, two seconds at most.
    pub(crate) async fn close(&self) {
        let rest = async {
            loop {
                let before = self.0.all_kept();
                self.pass_queue().await;
                sleep(LOOK).await;
                if self.0.all_kept() == before {
                    return;
                }
            }
        };
        if timeout(LAST_MESSAGES, rest).await.is_err() {
            tracing::warn!("messages for clients that are away were still coming in at the stop");
        }
        let writing = self.clone();
        let last = tokio::task::spawn_blocking(move || {
            writing.write();
            lock(&writing.0.disk.file).tidy()
        });
        if let Ok(Err(error)) = last.await {
            tracing::warn!(%error, "the log of `inbox.db` cannot be emptied");
        }
        tracing::info!(
            kept = self.len(),
            "messages are kept for clients that are away"
        );
    }

    async fn pass_queue(&self) {
        let (mark, passed) = oneshot::channel();
        if self.0.waiting.send(Waiting::Mark(mark)).await.is_ok() {
            passed.await.ok();
        }
    }
}

impl super::Inner {
    /// Changes with every message that comes in.
    fn all_kept(&self) -> (u64, usize) {
        let next = lock(&self.store).next_serial();
        let waiting = self.all_waiting.load(std::sync::atomic::Ordering::Acquire);
        (next, waiting)
    }
}
