//! What is known, while rules are swapped, of the topic that they allow and deny in turn; and whoever saw something else.
//!
//! The stage is «changing» from before a change is sent until every session has been judged by it, so what is seen at a stage that stands
//! is right or wrong whatever the broker was doing.

use crate::{Failure, connection};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// May it be used?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    Allowed,
    Changing,
    Denied,
    /// The run is over.
    Over,
}

/// Every change of what holds has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) extra: Extra,
    pub(crate) number: u64,
}

pub(crate) struct Stages {
    now: watch::Sender<Stage>,
    /// The last stage that each watcher has made its test of.
    tested: Vec<AtomicU64>,
    wrong: Mutex<Vec<String>>,
}

impl Stages {
    pub(crate) fn new(watchers: usize) -> Self {
        Self {
            now: watch::Sender::new(Stage {
                extra: Extra::Allowed,
                number: 1,
            }),
            tested: (0..watchers).map(|_| AtomicU64::new(0)).collect(),
            wrong: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Stage {
        *self.now.borrow()
    }

    pub(crate) fn follow(&self) -> watch::Receiver<Stage> {
        self.now.subscribe()
    }

    pub(crate) fn set(&self, extra: Extra) {
        self.now.send_modify(|stage| {
            stage.extra = extra;
            stage.number += 1;
        });
    }

    pub(crate) fn has_tested(&self, watcher: usize, stage: u64) {
        if let Some(tested) = self.tested.get(watcher) {
            tested.store(stage, Ordering::Relaxed);
        }
    }

    /// Waits until every watcher has made its test of the stage that is now.
    pub(crate) async fn tested(&self) -> Result<(), Failure> {
        let number = self.now().number;
        let until = Instant::now() + connection::PATIENCE;
        let is_behind = |tested: &AtomicU64| tested.load(Ordering::Relaxed) < number;
        while self.tested.iter().any(is_behind) {
            if Instant::now() > until {
                return Err("a client that tests the rules does not get on".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Something against the rules in force.
    pub(crate) fn is_wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.push(what);
    }

    /// How much there was, and the first of it.
    pub(crate) fn wrong(&self) -> (usize, Option<String>) {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        (wrong.len(), wrong.first().cloned())
    }
}
