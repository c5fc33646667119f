//! One round of judging all live sessions: it is over when the last of them has been judged, or has ended.
//!
//! Every session that was told holds a share of it; dropping the last one writes down how long the round took. Bounded by the sessions.

use super::broker::Broker;
use super::sessions::Sessions;
use crate::metrics::PolicyMetrics;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A round under way.
pub(crate) struct Sweep {
    serial: u64,
    began: Instant,
    told: AtomicUsize,
    metrics: PolicyMetrics,
    sessions: Sessions,
}

/// A round that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Which change of what is in force it was for ([`crate::policy::InForce::serial`]).
    pub serial: u64,
    /// Sessions that were told.
    pub sessions: usize,
    /// Microseconds until the last of them was judged.
    pub micros: u64,
}

impl Sweep {
    pub(crate) fn new(broker: &Broker) -> Arc<Self> {
        Arc::new(Self {
            serial: broker.policy.in_force().serial(),
            began: Instant::now(),
            told: AtomicUsize::new(0),
            metrics: broker.metrics.clone(),
            sessions: broker.sessions.clone(),
        })
    }

    pub(crate) fn tells(&self, sessions: usize) {
        self.told.store(sessions, Ordering::Relaxed);
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        self.metrics
            .shared
            .sweep_seconds
            .observe(took.as_secs_f64());
        let swept = Swept {
            serial: self.serial,
            sessions: self.told.load(Ordering::Relaxed),
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        };
        tracing::info!(
            sessions = swept.sessions,
            micros = swept.micros,
            "every session is under the rules in force"
        );
        self.sessions.set_swept(swept);
    }
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep")
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}
