//! The counts of a shadow. Written by its task and, for what is skipped, by sessions; one atomic addition there, a short lock here.

use super::report::{Disagreement, FIRST, Kind, Report, Skipped};
use crate::metrics::PolicyMetrics;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) struct Score {
    compared: Mutex<Compared>,
    /// In the order of [`Skipped::ALL`].
    skipped: [AtomicU64; 4],
    metrics: PolicyMetrics,
}

#[derive(Default)]
struct Compared {
    number: u64,
    disagreed: u64,
    by_kind: BTreeMap<Kind, u64>,
    first: Vec<Disagreement>,
}

impl Score {
    pub(super) fn new(metrics: &PolicyMetrics) -> Self {
        Self {
            compared: Mutex::default(),
            skipped: Default::default(),
            metrics: metrics.clone(),
        }
    }

    /// Both decided the same.
    pub(super) fn agreed(&self) {
        self.metrics.shadow_compared.inc();
        self.compared().number += 1;
    }

    /// They did not. The first ones are logged, too: the report ends with its trial.
    pub(super) fn disagreed(&self, disagreement: Disagreement) {
        self.metrics.shadow_compared.inc();
        self.metrics.shadow_disagreements.inc();
        let mut compared = self.compared();
        compared.number += 1;
        compared.disagreed += 1;
        *compared.by_kind.entry(disagreement.kind).or_default() += 1;
        if compared.first.len() < FIRST {
            log(&disagreement);
            compared.first.push(disagreement);
        }
    }

    /// A decision was not compared.
    pub(super) fn skip(&self, why: Skipped) {
        self.metrics.shadow_skipped.inc();
        if let Some(counter) = self.skipped.get(why as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn report(&self) -> Report {
        let skipped = Skipped::ALL.into_iter().zip(&self.skipped);
        let skipped = skipped.map(|(why, number)| (why, number.load(Ordering::Relaxed)));
        let skipped_by: BTreeMap<_, _> = skipped.filter(|(_, number)| *number > 0).collect();
        let compared = self.compared();
        Report {
            compared: compared.number,
            disagreed: compared.disagreed,
            skipped: skipped_by.values().sum(),
            by_kind: compared.by_kind.clone(),
            skipped_by,
            first: compared.first.clone(),
        }
    }

    fn compared(&self) -> MutexGuard<'_, Compared> {
        // Counts are whole after each line above.
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(disagreement: &Disagreement) {
    let Disagreement {
        active, candidate, ..
    } = disagreement;
    tracing::warn!(
        kind = disagreement.kind.name(),
        action = disagreement.action,
        client = disagreement.client,
        raw_client = disagreement.raw_client,
        product = disagreement.product,
        topic = disagreement.topic,
        qos = disagreement.qos,
        active = active.verdict,
        active_code = active.code,
        active_rule = active.rule,
        active_detail = active.detail,
        candidate = candidate.verdict,
        candidate_code = candidate.code,
        candidate_rule = candidate.rule,
        candidate_detail = candidate.detail,
        "the shadow decided otherwise than the active generation"
    );
}

#[cfg(test)]
mod tests {
    use super::super::report::Said;
    use super::*;

    fn disagreement(at: u64) -> Disagreement {
        Disagreement {
            at,
            kind: Kind::Verdict,
            action: "publish",
            client: "c".into(),
            raw_client: "r".into(),
            product: String::new(),
            topic: None,
            qos: None,
            active: Said::default(),
            candidate: Said::default(),
        }
    }

    #[test]
    fn the_first_are_kept_and_all_are_counted() {
        let metrics = PolicyMetrics::default();
        let score = Score::new(&metrics);
        for at in 0..30 {
            score.disagreed(disagreement(at));
        }
        for _ in 0..5 {
            score.agreed();
        }
        for why in Skipped::ALL {
            score.skip(why);
        }
        score.skip(Skipped::NoRoom);
        let report = score.report();
        assert_eq!(
            (report.compared, report.disagreed, report.skipped),
            (35, 30, 5)
        );
        assert_eq!(report.by_kind, BTreeMap::from([(Kind::Verdict, 30)]));
        assert_eq!(report.skipped_by[&Skipped::NoRoom], 2);
        let kept: Vec<u64> = report.first.iter().map(|one| one.at).collect();
        assert_eq!(kept, (0..20).collect::<Vec<_>>());
        assert_eq!(
            (
                metrics.shadow_compared.get(),
                metrics.shadow_disagreements.get(),
                metrics.shadow_skipped.get()
            ),
            (35, 30, 5)
        );
    }

    #[test]
    fn a_report_begins_with_its_denominator() {
        let score = Score::new(&PolicyMetrics::default());
        score.disagreed(disagreement(7));
        score.skip(Skipped::NoAnswer);
        let text = serde_json::to_string(&score.report()).unwrap();
        let begins = r#"{"compared":1,"disagreed":1,"skipped":1,"by_kind":{"verdict":1},"skipped_by":{"no-answer":1},"first":[{"at":7,"kind":"verdict""#;
        assert!(text.starts_with(begins), "{text}");
    }
}
