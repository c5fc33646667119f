//! What an operator may do with what is in force, beside offering something: roll back, promote or discard what is on trial, shut
//! everything. There is no way to allow everything.
//!
//! Each is one pointer store, as at a swap, and is stored before it is answered.

use super::candidate::Candidate;
use super::desk::{Desk, Former};
use super::documents::Folder;
use super::generation::Generation;
use super::in_force::InForce;
use super::ladder::{Climber, Part};
use super::life::{Life, Made, Origin, State};
use super::rejection::{DISCARDED, NOTHING_BEFORE, ROLLED_BACK, Rejection, SHELF_FAILED};
use super::swap::Policy;
use super::trial::nothing_on_trial;
use std::sync::Arc;

impl Policy {
    /// The generation before the active one is in force again, under a new revision; for every session, also where new generations are for
    /// new connections only. The files that made what is rolled back do not count until they change.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be made again; what is in force stays.
    pub async fn rollback(&self) -> Result<Arc<Generation>, Rejection> {
        let by_operator = Rejection::new(
            ROLLED_BACK,
            "an operator rolled it back",
            "mend what was wrong and offer it again",
        );
        let mut desk = self.0.desk.lock().await;
        self.roll_back(&mut desk, &by_operator).await
    }

    /// What is on trial becomes active.
    ///
    /// # Errors
    ///
    /// Nothing is on trial.
    pub async fn promote(&self) -> Result<Arc<Generation>, Rejection> {
        let mut desk = self.0.desk.lock().await;
        let promoted = self.promote_trial(&mut desk);
        self.store(&desk).await;
        promoted
    }

    /// What is on trial is rejected.
    ///
    /// # Errors
    ///
    /// Nothing is on trial.
    pub async fn discard(&self) -> Result<(), Rejection> {
        let mut desk = self.0.desk.lock().await;
        if desk.trial.is_none() {
            return Err(nothing_on_trial());
        }
        let by_operator = Rejection::new(
            DISCARDED,
            "an operator discarded it",
            "mend what was wrong and offer it again",
        );
        self.drop_trial(&mut desk, &by_operator);
        // Or the next look at the files, or a restart, would offer it again.
        desk.overrule_files();
        self.store(&desk).await;
        Ok(())
    }

    /// New connections and messages are refused with the fault codes, also after a restart, until this is called again with false. Sessions
    /// stay.
    pub async fn deny_all(&self, denies_all: bool) {
        let desk = self.0.desk.lock().await;
        if self.denies_all() != denies_all {
            self.replace(|now| InForce { denies_all, ..now });
            if denies_all {
                tracing::error!(
                    "an operator shut everything: connections and messages are refused"
                );
            } else {
                tracing::warn!("an operator opened what was shut: the rules decide again");
            }
        }
        self.store(&desk).await;
    }

    pub(super) async fn roll_back(
        &self,
        desk: &mut Desk,
        reason: &Rejection,
    ) -> Result<Arc<Generation>, Rejection> {
        let before = self.0.book.before(&desk.made, desk.number);
        let before = before.ok_or_else(nothing_before)?;
        let number = self.0.book.begin(Origin::Rollback, &before.made);
        let former = match self.again(desk, number, &before).await {
            Ok(former) => former,
            Err(rejection) => {
                self.0.book.end(number, State::Rejected, &rejection);
                return Err(rejection);
            }
        };
        desk.revision = former.generation.revision();
        self.0.book.set_revision(number, desk.revision);
        let (bad, revision) = (desk.number, self.active().revision());
        self.drop_trial(desk, reason);
        self.0.book.set_counts(bad, &self.active());
        self.0.book.end(bad, State::RolledBack, reason);
        let generation = self.activate(desk, number, former, None, Some(revision));
        desk.overrule_files();
        self.store(desk).await;
        self.0.turned.notify_one();
        Ok(generation)
    }

    /// A generation of the past under a new revision: from memory, or made again.
    async fn again(
        &self,
        desk: &mut Desk,
        number: u64,
        before: &Life,
    ) -> Result<Former, Rejection> {
        let revision = desk.revision + 1;
        if let Some(former) = desk
            .former
            .take_if(|one| one.made.is_same_generation(&before.made))
        {
            return Ok(Former {
                generation: Arc::new(former.generation.renumbered(revision)),
                ..former
            });
        }
        let stored = self.0.shelf.clone().ok_or_else(not_stored)?;
        let (shared, made) = (Arc::clone(&self.0), before.made.clone());
        let climbed = tokio::task::spawn_blocking(move || {
            let candidate = stored.get(&made)?;
            let folder = Folder::of(&candidate);
            let climber = Climber {
                number,
                revision,
                component: part(candidate, &made),
                folder: folder.clone(),
                // An older signed revision is what is wanted.
                highest: None,
                in_haste: true,
            };
            let proven = shared.ladder.climb(climber, &shared.book)?;
            Ok(Former {
                generation: Arc::new(proven.generation),
                made,
                folder: Arc::new(folder),
            })
        });
        climbed
            .await
            .unwrap_or_else(|error| Err(Rejection::host(error)))
    }
}

fn part(candidate: Candidate, made: &Made) -> Part {
    Part::New {
        bytes: candidate.component,
        digest: made.component.clone(),
        signature: candidate.signature,
    }
}

fn nothing_before() -> Rejection {
    Rejection::new(
        NOTHING_BEFORE,
        "there is no generation to go back to: none but the active one was in force and good",
        "offer a component or documents that are right, or refuse everything with `POST /policy/NAME/deny-all`",
    )
}

fn not_stored() -> Rejection {
    Rejection::new(
        SHELF_FAILED,
        "the generation before is no longer in memory, and this policy stores nothing",
        "offer it again",
    )
}
