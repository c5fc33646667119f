//! The start of a policy: from the files, over what was in force when the broker stopped, to the first generation in force.
//!
//! Files that have not changed since an upload or a rollback overruled them do not count. Files that are broken do not stop a broker that
//! was in force with something before: it goes on with that, and says so loudly. A shelf that cannot be read ends the start: nobody would know
//! whether an operator has shut everything, nor which signed revision was the highest. Blocks.

use super::book::Book;
use super::candidate::Candidate;
use super::code;
use super::desk::{Desk, Offer};
use super::documents::Folder;
use super::generation::Generation;
use super::in_force::{InForce, Live};
use super::ladder::{Climber, Ladder, Part};
use super::life::{Made, Origin, State};
use super::rejection::Rejection;
use super::shelf::Shelf;
use super::standing::Standing;
use super::swap::{Opening, Policy, Shared};
use std::sync::Arc;
use tokio::sync::Notify;

/// A candidate that climbed, and what it is made of.
struct First {
    generation: Generation,
    made: Made,
    folder: Folder,
    number: u64,
    signed: Option<u64>,
}

struct Start<'a> {
    ladder: &'a Ladder,
    book: &'a Book,
    shelf: Option<&'a Shelf>,
    standing: &'a Standing,
}

impl Policy {
    /// Opens a policy with what the files say, or why they cannot be read. Blocks for some 300 ms.
    pub fn open(opening: Opening, files: Result<Candidate, Rejection>) -> Result<Self, Rejection> {
        let engine = code::engine(&opening.settings)?;
        let Opening {
            name,
            settings,
            rollout,
            trust,
            compiler,
            metrics,
            shelf,
        } = opening;
        let mut standing = shelf
            .as_ref()
            .map_or(Ok(Standing::default()), Shelf::standing)?;
        let history = std::mem::take(&mut standing.history).resumed();
        let book = Book::new(name, rollout.history, metrics.clone(), history);
        let ladder = Ladder {
            engine,
            settings,
            compiler,
            trust,
            metrics,
            troubled: Arc::new(Notify::new()),
        };
        let start = Start {
            ladder: &ladder,
            book: &book,
            shelf: shelf.as_ref(),
            standing: &standing,
        };
        let (first, files) = start.first(files)?;
        let desk = first.desk(&standing, files);
        let live = Live::new(rollout.live_sessions);
        let in_force = InForce {
            active: Arc::new(first.generation),
            folder: Arc::clone(&desk.folder),
            trial: None,
            denies_all: standing.denies_all,
            live,
            reported: None,
            serial: 1,
        };
        in_force.active.counts().begin_probation();
        book.step(desk.number, State::Active);
        if in_force.denies_all {
            tracing::error!(
                "everything is refused: an operator said so before the restart; `DELETE /policy/NAME/deny-all` ends it"
            );
        }
        let policy = Self(Arc::new(Shared::new(
            ladder, rollout, shelf, in_force, book, desk,
        )));
        policy.store_now();
        Ok(policy)
    }
}

impl Start<'_> {
    /// The first generation, and the files as they were seen.
    fn first(
        &self,
        files: Result<Candidate, Rejection>,
    ) -> Result<(First, Option<Made>), Rejection> {
        let seen = files.as_ref().ok().map(Made::of);
        let tried = files.and_then(|files| self.merged(files));
        let made = tried.as_ref().ok().map(Made::of);
        let rejection = match tried.and_then(|candidate| self.climb(candidate)) {
            Ok(first) => return Ok((first, seen)),
            Err(rejection) => rejection,
        };
        let good = self
            .standing
            .made
            .as_ref()
            .filter(|good| made.as_ref() != Some(good));
        let (Some(good), Some(stored)) = (good, self.shelf) else {
            return Err(rejection);
        };
        tracing::error!(
            code = rejection.code,
            help = rejection.help,
            component = good.component,
            documents = good.documents,
            "THE CONFIGURED POLICY IS BROKEN: the broker starts with the last one that was in force: {rejection}"
        );
        match stored.get(good).and_then(|candidate| self.climb(candidate)) {
            Ok(first) => Ok((first, seen)),
            Err(other) => {
                tracing::error!(
                    code = other.code,
                    help = other.help,
                    "nor can that one be used: {other}"
                );
                Err(rejection)
            }
        }
    }

    /// The files, but for those that were overruled and have not changed since.
    fn merged(&self, files: Candidate) -> Result<Candidate, Rejection> {
        let (Some(good), Some(stored)) = (&self.standing.made, self.shelf) else {
            return Ok(files);
        };
        let (made, overruled) = (Made::of(&files), &self.standing.overruled);
        let mut merged = files;
        if overruled.component.as_ref() == Some(&made.component) {
            (merged.component, merged.signature) = stored.get_component(&good.component)?;
            tracing::warn!(
                component = good.component,
                "the component's file was overruled by an upload or a rollback and has not changed since"
            );
        }
        if overruled.rules == Some(made.rules()) {
            let good = stored.get(good)?;
            (merged.documents, merged.cases) = (good.documents, good.cases);
            tracing::warn!(
                "the documents' files were overruled by an upload or a rollback and have not changed since"
            );
        }
        Ok(merged)
    }

    fn climb(&self, candidate: Candidate) -> Result<First, Rejection> {
        let made = Made::of(&candidate);
        let number = self.book.begin(Origin::Start, &made);
        let climbed = self.climb_as(number, made, candidate);
        climbed.inspect_err(|rejection| self.book.end(number, State::Rejected, rejection))
    }

    /// The highest signed revision counts for what is new. What was in force may be so again, also where a rollback went back to a lower one.
    fn highest(&self, made: &Made) -> Option<(u64, String)> {
        let good = self.standing.made.as_ref();
        let is_new = good.is_none_or(|good| good.component != made.component);
        self.standing.signed.clone().filter(|_| is_new)
    }

    fn climb_as(&self, number: u64, made: Made, candidate: Candidate) -> Result<First, Rejection> {
        let offer = Offer::whole(Origin::Start, candidate);
        let folder = offer.folder.unwrap_or_default();
        let file = offer.component.unwrap_or_default();
        let stored = file.clone();
        let good = self.standing.made.as_ref();
        let is_same = good.is_some_and(|good| good.is_same_generation(&made));
        let climber = Climber {
            number,
            // The same generation keeps its revision over a restart.
            revision: self.standing.revision + u64::from(!is_same),
            component: Part::New {
                bytes: file.bytes,
                digest: made.component.clone(),
                signature: file.signature,
            },
            folder: folder.clone(),
            highest: self.highest(&made),
            // Nobody is served yet.
            in_haste: true,
        };
        let proven = self.ladder.climb(climber, self.book)?;
        if let Some(shelf) = self.shelf
            && let Err(rejection) = shelf.put(&made, Some(&stored), &folder)
        {
            tracing::error!(
                code = rejection.code,
                help = rejection.help,
                "the policy is not stored: {rejection}"
            );
        }
        self.book.set_revision(number, proven.generation.revision());
        Ok(First {
            generation: proven.generation,
            made,
            folder,
            number,
            signed: proven.signed,
        })
    }
}

impl First {
    fn desk(&self, standing: &Standing, files: Option<Made>) -> Desk {
        let signed = self
            .signed
            .map(|revision| (revision, self.made.component.clone()));
        Desk {
            made: self.made.clone(),
            folder: Arc::new(self.folder.clone()),
            number: self.number,
            former: None,
            trial: None,
            files,
            overruled: standing.overruled.clone(),
            signed: higher(signed, standing.signed.clone()),
            revision: self.generation.revision().max(standing.revision),
        }
    }
}

/// A restart does not lower what a rollback has left: it would let an older component come back.
fn higher(one: Option<(u64, String)>, other: Option<(u64, String)>) -> Option<(u64, String)> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.0 > other.0 { one } else { other }),
        (one, other) => one.or(other),
    }
}
