//! What a generation has answered and failed, and whether it is on probation. Shared by all who call it; one or two atomic additions a
//! call.

use super::fault::Fault;
use crate::metrics::PolicyMetrics;
use prometheus_client::metrics::histogram::Histogram;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The calls of the contract that clients cause.
const CALLS: [&str; 4] = ["identify", "authenticate", "authorize", "inspect"];

/// Counts of one generation.
pub struct Counts {
    calls: AtomicU64,
    faults: AtomicU64,
    is_on_probation: AtomicBool,
    since: Mutex<Option<Instant>>,
    metrics: PolicyMetrics,
    seconds: [Histogram; 4],
    troubled: Arc<Notify>,
}

impl Default for Counts {
    fn default() -> Self {
        Self::new(&PolicyMetrics::default(), &Arc::default())
    }
}

impl Counts {
    /// `troubled` is told of each fault on probation.
    pub(super) fn new(metrics: &PolicyMetrics, troubled: &Arc<Notify>) -> Self {
        let seconds = CALLS.map(|call| metrics.call_seconds(call));
        Self {
            calls: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            is_on_probation: AtomicBool::new(false),
            since: Mutex::new(None),
            metrics: metrics.clone(),
            seconds,
            troubled: Arc::clone(troubled),
        }
    }

    /// The same counters for another generation, from zero.
    pub(super) fn anew(&self) -> Self {
        Self::new(&self.metrics, &self.troubled)
    }

    /// Calls that came back, with an answer or a fault.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that the policy failed; waiting too long for a turn, and failures of the host, are not its own.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Counts one call and how long it took.
    pub(super) fn answered(&self, call: &'static str, took: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let histogram = CALLS
            .iter()
            .zip(&self.seconds)
            .find(|(name, _)| **name == call);
        if let Some((_, histogram)) = histogram {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// Counts a fault; on probation somebody has to look.
    pub(super) fn faulted(&self, fault: &Fault) {
        self.metrics.faulted(fault.kind());
        if matches!(fault, Fault::Busy { .. } | Fault::Host { .. }) {
            return;
        }
        self.faults.fetch_add(1, Ordering::Relaxed);
        if self.is_on_probation.load(Ordering::Relaxed) {
            self.troubled.notify_one();
        }
    }

    pub(super) fn begin_probation(&self) {
        *self.since() = Some(Instant::now());
        self.faults.store(0, Ordering::Relaxed);
        self.is_on_probation.store(true, Ordering::Relaxed);
    }

    pub(super) fn end_probation(&self) {
        *self.since() = None;
        self.is_on_probation.store(false, Ordering::Relaxed);
    }

    /// Since when it is on probation.
    pub fn on_probation_since(&self) -> Option<Instant> {
        *self.since()
    }

    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
