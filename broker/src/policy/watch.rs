//! Follows the files of a policy and offers what changed.
//!
//! The system's events make it quick, a look every 2 s makes it sure (a folder replaced by a rename, a network file system). Files must be the same
//! for 100 ms, before and after they are read, so a half-written file never loads. A candidate that is rejected is logged with its cause and what to
//! do, the active generation stays, and the next change is a new try.

use super::candidate::Candidate;
use super::desk::Offer;
use super::rejection::Rejection;
use super::source::{Source, Stamp};
use super::swap::{Outcome, Policy};
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const QUIET: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(2);

/// Follows until it is dropped.
#[derive(Debug)]
pub struct Watch {
    task: JoinHandle<()>,
    reload: Arc<Notify>,
}

/// Starts to follow. Needs a Tokio runtime.
pub fn follow(policy: Policy, source: Source) -> Watch {
    let reload = Arc::new(Notify::new());
    let follower = Follower {
        policy,
        source: Arc::new(source),
        changed: Arc::new(Notify::new()),
        reload: Arc::clone(&reload),
    };
    Watch {
        task: tokio::spawn(follower.run()),
        reload,
    }
}

impl Watch {
    /// Reads all files again, whether or not they seem to have changed (SIGHUP).
    pub fn reload(&self) {
        self.reload.notify_one();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Follower {
    policy: Policy,
    source: Arc<Source>,
    changed: Arc<Notify>,
    reload: Arc<Notify>,
}

impl Follower {
    async fn run(self) {
        let _watcher = self.watcher();
        // Nothing is known of the time between the first load and now: the first look reads everything.
        let mut offered = None;
        let mut is_first = true;
        loop {
            if offered.as_ref() != Some(&self.stamp().await) {
                let (stamp, is_same) = self.offer_settled().await;
                if is_same && !is_first {
                    // Whoever mends a rejected document by taking the change back, or sends SIGHUP, wants an answer.
                    let revision = self.policy.active().revision();
                    tracing::info!(revision, "the policy's files are those in force");
                }
                offered = Some(stamp);
                is_first = false;
            }
            if self.wait().await == Wake::Reload {
                offered = None;
            }
        }
    }

    async fn wait(&self) -> Wake {
        tokio::select! {
            () = self.reload.notified() => Wake::Reload,
            () = self.changed.notified() => Wake::Look,
            () = tokio::time::sleep(LOOK) => Wake::Look,
        }
    }

    /// Offers the files once they are at rest, and returns the state that was offered, and whether it is the one in force.
    async fn offer_settled(&self) -> (Stamp, bool) {
        loop {
            let settled = self.settled().await;
            let loaded = self.load().await;
            if self.stamp().await == settled {
                return (settled, self.offer(loaded).await);
            }
        }
    }

    async fn settled(&self) -> Stamp {
        let mut before = self.stamp().await;
        loop {
            tokio::time::sleep(QUIET).await;
            let after = self.stamp().await;
            if before == after {
                return after;
            }
            before = after;
        }
    }

    /// True where it is what is in force already. What becomes of it otherwise stands in the policy's history, which logs it.
    async fn offer(&self, loaded: Result<Candidate, Rejection>) -> bool {
        let offered = match loaded {
            Ok(candidate) => self.policy.offer_any(Offer::files(candidate)).await,
            Err(Rejection {
                code,
                message,
                help,
            }) => {
                tracing::error!(
                    code,
                    help,
                    "the changed policy cannot be read, what is in force stays in force: {message}"
                );
                return false;
            }
        };
        matches!(offered, Ok(Outcome::Same(_)))
    }

    async fn load(&self) -> Result<Candidate, Rejection> {
        let source = Arc::clone(&self.source);
        let loaded = tokio::task::spawn_blocking(move || source.load()).await;
        loaded.unwrap_or_else(|error| Err(Rejection::host(error)))
    }

    async fn stamp(&self) -> Stamp {
        let source = Arc::clone(&self.source);
        let stamp = tokio::task::spawn_blocking(move || source.stamp()).await;
        stamp.unwrap_or_else(|_| self.source.stamp())
    }

    /// Without one, changes are seen by the next look.
    fn watcher(&self) -> Option<RecommendedWatcher> {
        watcher(&self.source.folders(), Arc::clone(&self.changed))
            .inspect_err(|error| {
                tracing::warn!(%error, "policy files are looked at every 2 s: the system does not report changes");
            })
            .ok()
    }
}

fn watcher(folders: &[PathBuf], changed: Arc<Notify>) -> notify::Result<RecommendedWatcher> {
    let wake = move |event: notify::Result<Event>| {
        if is_change(&event) {
            changed.notify_one();
        }
    };
    let mut watcher = notify::recommended_watcher(wake)?;
    for folder in folders {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

/// Reading is none, and a look is a reading: one that woke the next would never rest.
fn is_change(event: &notify::Result<Event>) -> bool {
    let read = |kind: EventKind| match kind {
        EventKind::Access(AccessKind::Close(mode)) => mode != AccessMode::Write,
        kind => kind.is_access(),
    };
    event.as_ref().map_or(true, |event| !read(event.kind))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wake {
    Look,
    Reload,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[tokio::test]
    async fn a_look_wakes_nobody_and_a_change_does() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.json");
        fs::write(&file, "{}").unwrap();
        let changed = Arc::new(Notify::new());
        let _watcher = watcher(&[folder.path().to_owned()], Arc::clone(&changed)).unwrap();
        for _ in 0..3 {
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
        }
        let rested = tokio::time::timeout(Duration::from_millis(300), changed.notified()).await;
        assert!(rested.is_err(), "reading counts as a change");
        fs::write(&file, "[]").unwrap();
        let woken = tokio::time::timeout(Duration::from_secs(10), changed.notified()).await;
        assert!(woken.is_ok(), "writing does not");
    }
}
