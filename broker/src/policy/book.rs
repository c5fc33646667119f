//! Writes the history: every state that a candidate comes to is one line in the log, one count, and one entry in the history.
//!
//! Bounded by the history. Nothing here fails.

use super::generation::Generation;
use super::history::History;
use super::life::{Life, Made, Origin, State, Told};
use super::rejection::Rejection;
use crate::contract::UtcMs;
use crate::metrics::PolicyMetrics;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The history of one policy while it is written.
pub(super) struct Book {
    policy: String,
    /// Candidates that are remembered.
    most: usize,
    metrics: PolicyMetrics,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    history: History,
    /// When the last step of those that have not ended was made.
    since: BTreeMap<u64, Instant>,
}

impl Book {
    pub(super) fn new(
        policy: String,
        most: usize,
        metrics: PolicyMetrics,
        history: History,
    ) -> Self {
        let pages = Pages {
            history,
            since: BTreeMap::new(),
        };
        Self {
            policy,
            most,
            metrics,
            pages: Mutex::new(pages),
        }
    }

    /// A candidate has come.
    pub(super) fn begin(&self, origin: Origin, made: &Made) -> u64 {
        let number = {
            let mut pages = self.pages();
            let number = pages.history.begin(origin, made.clone(), now(), self.most);
            pages.since.insert(number, Instant::now());
            number
        };
        self.count(State::Received);
        tracing::info!(
            policy = self.policy,
            candidate = number,
            origin = origin.name(),
            component = made.component,
            documents = made.documents,
            "policy candidate received"
        );
        number
    }

    /// It came to its next state.
    pub(super) fn step(&self, number: u64, state: State) {
        let micros = self.turn(number, state);
        let life = self.get(number);
        let revision = life.as_ref().and_then(|life| life.revision);
        tracing::info!(
            policy = self.policy,
            candidate = number,
            revision,
            micros,
            "policy candidate {}",
            state.name()
        );
        if let Some(life) = life.filter(|_| state == State::Active) {
            let micros = u32::try_from(life.micros_to_active()).unwrap_or(u32::MAX);
            self.metrics
                .shared
                .swap_seconds
                .observe(f64::from(micros) / 1e6);
        }
    }

    /// It ended badly: rejected or rolled back.
    pub(super) fn end(&self, number: u64, state: State, reason: &Rejection) {
        self.pages().history.set_reason(number, Told::from(reason));
        let micros = self.turn(number, state);
        let Rejection {
            code,
            message,
            help,
        } = reason;
        let revision = self.get(number).and_then(|life| life.revision);
        let stays = match state {
            State::Rejected => "what was in force stays in force",
            _ => "the generation before it is in force again",
        };
        tracing::error!(
            policy = self.policy,
            candidate = number,
            revision,
            micros,
            code,
            help,
            "policy candidate {}, {stays}: {message}",
            state.name()
        );
    }

    pub(super) fn set_revision(&self, number: u64, revision: u64) {
        self.pages().history.set_revision(number, revision);
    }

    /// Notes what a generation has answered so far.
    pub(super) fn set_counts(&self, number: u64, generation: &Generation) {
        let counts = generation.counts();
        self.pages()
            .history
            .set_counts(number, counts.calls(), counts.faults());
    }

    pub(super) fn get(&self, number: u64) -> Option<Life> {
        self.pages().history.get(number).cloned()
    }

    pub(super) fn before(&self, in_force: &Made, number: u64) -> Option<Life> {
        self.pages().history.before(in_force, number).cloned()
    }

    /// As it is now.
    pub(super) fn history(&self) -> History {
        self.pages().history.clone()
    }

    fn turn(&self, number: u64, state: State) -> u64 {
        self.count(state);
        let mut pages = self.pages();
        let now_ticks = Instant::now();
        let since = pages.since.insert(number, now_ticks).unwrap_or(now_ticks);
        if matches!(state, State::Settled | State::Rejected | State::RolledBack) {
            pages.since.remove(&number);
        }
        let micros = u64::try_from((now_ticks - since).as_micros()).unwrap_or(u64::MAX);
        pages.history.step(number, state, now(), micros);
        micros
    }

    fn count(&self, state: State) {
        self.metrics.candidate(state.name());
    }

    /// A poisoned lock is taken all the same: a page is written in one go.
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> UtcMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
