//! What happens by itself after a candidate is proven: a probation that ends or rolls back, a shadow or canary that ends in force or not.
//!
//! One task per policy. It sleeps until the next deadline, a fault of a generation on probation, or a change. A rollback that is not
//! possible (there is nothing before) is told once, and the generation stays: its faults refuse, they never allow.

use super::desk::Desk;
use super::life::State;
use super::rejection::{FAULTED, Rejection, SHADOW_DISAGREED};
use super::rollout::Stage;
use super::swap::Policy;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Looks after a policy until it is dropped.
#[derive(Debug)]
pub struct Supervision(JoinHandle<()>);

/// Starts to look after it. Needs a Tokio runtime.
pub fn supervise(policy: Policy) -> Supervision {
    Supervision(tokio::spawn(async move {
        loop {
            let due = policy.look_after().await;
            policy.wait(due).await;
        }
    }))
}

impl Drop for Supervision {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Policy {
    async fn wait(&self, due: Option<Instant>) {
        /// Nothing to wait for: a change will wake.
        const LONG: Duration = Duration::from_hours(1);
        let due = due.unwrap_or_else(|| Instant::now() + LONG);
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            () = self.0.ladder.troubled.notified() => {}
            () = self.0.turned.notified() => {}
        }
    }

    /// Does what is due; returns when something will be.
    async fn look_after(&self) -> Option<Instant> {
        let mut desk = self.0.desk.lock().await;
        let trial = self.look_after_trial(&mut desk).await;
        let probation = self.look_after_active(&mut desk).await;
        [trial, probation].into_iter().flatten().min()
    }

    async fn look_after_active(&self, desk: &mut Desk) -> Option<Instant> {
        let active = self.active();
        let began = active.counts().on_probation_since()?;
        if let Some(reason) = self.faulted(active.counts().faults()) {
            active.counts().end_probation();
            if let Err(rejection) = self.roll_back(desk, &reason).await {
                tracing::error!(
                    code = rejection.code,
                    help = rejection.help,
                    "{reason}, and it cannot be rolled back: {rejection}"
                );
                return None;
            }
            return Some(Instant::now());
        }
        let ends = began + self.0.rollout.probation;
        if Instant::now() < ends {
            return Some(ends);
        }
        active.counts().end_probation();
        if let Some(former) = &desk.former {
            former.generation.rest();
        }
        self.0.book.set_counts(desk.number, &active);
        self.0.book.step(desk.number, State::Settled);
        self.store(desk).await;
        None
    }

    async fn look_after_trial(&self, desk: &mut Desk) -> Option<Instant> {
        let trial = desk.trial.as_ref()?;
        let faults = trial.former.generation.counts().faults();
        let is_over = trial.until.is_some_and(|until| until <= Instant::now());
        let (against, is_proof) = match trial.stage {
            Stage::Canary => (self.faulted(faults), true),
            _ => self.compared(),
        };
        if let Some(reason) = against {
            self.drop_trial(desk, &reason);
            desk.overrule_files();
        } else if is_over && !is_proof {
            return self.prolong(desk);
        } else if is_over {
            // There is one: it was looked at.
            self.promote_trial(desk).ok();
        } else {
            return trial.until;
        }
        self.store(desk).await;
        None
    }

    fn faulted(&self, faults: u64) -> Option<Rejection> {
        let limit = self.0.rollout.faults_max;
        (faults >= limit).then(|| {
            Rejection::new(
                FAULTED,
                format!("the policy faulted {faults} times: `faults_max` is {limit}"),
                "look for `verdict` fault in the decision log, mend the policy, and give its cases one more",
            )
        })
    }

    /// What a shadow's report says against it, and whether it says anything at all. Early where it is hopeless: a report that says no does
    /// not get better.
    fn compared(&self) -> (Option<Rejection>, bool) {
        let in_force = self.in_force();
        let Some(report) = in_force.shadow().map(|shadow| shadow.report()) else {
            return (None, true);
        };
        let limit = self.0.rollout.disagreements_max;
        let against = (report.disagreed > limit).then(|| {
            Rejection::new(
                SHADOW_DISAGREED,
                format!(
                    "of {} decisions compared {} were others than the active generation's: `disagreements_max` is {limit}",
                    report.compared, report.disagreed
                ),
                "`GET /policy/NAME/shadow` shows the first of them; offer it with `stage=direct` if they are wanted",
            )
        });
        (against, report.compared > 0)
    }

    /// Nothing was compared, which proves nothing: as with cases.
    fn prolong(&self, desk: &mut Desk) -> Option<Instant> {
        let trial = desk.trial.as_mut()?;
        tracing::warn!(
            candidate = trial.number,
            "the shadow has compared nothing yet: it stays on trial as long again"
        );
        trial.until = Some(Instant::now() + self.0.rollout.duration);
        trial.until
    }
}
