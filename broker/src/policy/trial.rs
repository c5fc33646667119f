//! Between proof and force: a candidate that is only asked (a shadow), or answers for some clients (a canary).
//!
//! One at a time; it ends in force, or rejected with a reason. [`supervise`](super::supervise) says when.

use super::desk::{Desk, Former, OnTrial};
use super::generation::Generation;
use super::in_force::{InForce, Role, Trial};
use super::life::State;
use super::rejection::{INBOXES_DIFFER, NOTHING_ON_TRIAL, Rejection, SUPERSEDED};
use super::rollout::{Selector, Stage};
use super::shadow::Shadow;
use super::swap::Policy;
use std::sync::Arc;
use std::time::Instant;

impl Policy {
    /// The candidate is proven, and its stage wants more.
    pub(super) fn begin_trial(
        &self,
        desk: &mut Desk,
        number: u64,
        stage: Stage,
        former: Former,
        signed: Option<(u64, String)>,
    ) {
        let rollout = &self.0.rollout;
        let generation = Arc::clone(&former.generation);
        generation.counts().begin_probation();
        let (role, reached) = if stage == Stage::Canary {
            (Role::Canary(Selector::new(rollout)), State::Canary)
        } else {
            let shadow = Shadow::start(
                &generation,
                &self.active(),
                rollout.sample,
                &self.0.ladder.metrics,
                &self.0.ladder.troubled,
            );
            (Role::Shadow(shadow), State::Shadow)
        };
        self.replace(|now| InForce {
            trial: Some(Trial { generation, role }),
            ..now
        });
        let lasts = Some(rollout.duration).filter(|lasts| !lasts.is_zero());
        desk.trial = Some(OnTrial {
            number,
            stage,
            former,
            signed,
            until: lasts.map(|lasts| Instant::now() + lasts),
        });
        self.0.book.step(number, reached);
    }

    /// Ends a trial without force, if there is one: whoever it answered for is judged by the active generation again.
    pub(super) fn drop_trial(&self, desk: &mut Desk, reason: &Rejection) {
        let Some(trial) = desk.trial.take() else {
            return;
        };
        let generation = &trial.former.generation;
        let revision = generation.revision();
        self.replace(|mut now| {
            now.live.withdraw(revision);
            InForce { trial: None, ..now }
        });
        self.0.book.set_counts(trial.number, generation);
        self.0.book.end(trial.number, State::Rejected, reason);
    }

    /// What is on trial becomes active.
    pub(super) fn promote_trial(&self, desk: &mut Desk) -> Result<Arc<Generation>, Rejection> {
        let trial = desk.trial.take().ok_or_else(nothing_on_trial)?;
        self.0.turned.notify_one();
        let generation = self.activate(desk, trial.number, trial.former, trial.signed, None);
        desk.overrule_files();
        Ok(generation)
    }
}

pub(super) fn nothing_on_trial() -> Rejection {
    Rejection::new(
        NOTHING_ON_TRIAL,
        "no candidate is on trial",
        "`GET /policy` shows what is in force and what became of the last candidates",
    )
}

pub(super) fn superseded() -> Rejection {
    Rejection::new(
        SUPERSEDED,
        "another candidate took its place, or it was taken back",
        "offer it again if it is still wanted",
    )
}

pub(super) fn inboxes_differ() -> Rejection {
    Rejection::new(
        INBOXES_DIFFER,
        "the candidate has other inboxes than the active generation: messages are delivered by one set of them",
        "bring it into force with `stage=direct`, or first as a shadow",
    )
}
