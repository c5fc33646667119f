//! The life of a swap: a candidate climbs the whole [`ladder`](super::ladder) before one pointer store brings it into force.
//!
//! Offers are taken one after another; readers never wait for one. A candidate that fails a step is rejected and nothing changes. What
//! is in force is stored before anybody is told, so that a restart goes on with it.

use super::book::Book;
use super::candidate::Candidate;
use super::code;
use super::compile::Compiler;
use super::desk::{Desk, Former, Offer, Wanted};
use super::documents::Folder;
use super::generation::Generation;
use super::history::History;
use super::in_force::{InForce, Live};
use super::ladder::{Climber, Ladder, Proven};
use super::life::{Life, Origin, State};
use super::rejection::Rejection;
use super::rollout::{LiveSessions, Rollout, Stage};
use super::settings::Settings;
use super::shadow::Shadow;
use super::shelf::Shelf;
use super::signature::Trust;
use super::standing::Standing;
use super::trial::{inboxes_differ, superseded};
use crate::contract::Document;
use crate::metrics::PolicyMetrics;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, Notify, watch};

/// How a policy is opened.
#[derive(Default)]
pub struct Opening {
    /// Its name in the configuration.
    pub name: String,
    /// What bounds it.
    pub settings: Settings,
    /// How candidates come into force.
    pub rollout: Rollout,
    /// What a component must be.
    pub trust: Trust,
    /// Who compiles.
    pub compiler: Compiler,
    /// Where calls, faults and swaps are counted.
    pub metrics: PolicyMetrics,
    /// Where it outlives the process.
    pub shelf: Option<Shelf>,
}

/// The rules in force of one policy. Clone is cheap.
#[derive(Clone)]
pub struct Policy(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) ladder: Ladder,
    pub(super) rollout: Rollout,
    pub(super) shelf: Option<Shelf>,
    pub(super) in_force: ArcSwap<InForce>,
    /// Whether a shadow wants to be shown what happens: asked for every message.
    is_shown: AtomicBool,
    /// The serial of [`InForce`].
    changes: watch::Sender<u64>,
    pub(super) book: Book,
    /// Held while an offer is judged.
    pub(super) desk: Mutex<Desk>,
    /// The desk has changed: deadlines may be others.
    pub(super) turned: Notify,
}

/// What became of an offer that was not rejected.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is in force.
    Active(Arc<Generation>),
    /// It is what is in force, or its rules are: nothing had to change.
    Same(Arc<Generation>),
    /// It is proven and on trial, under this number of the history.
    OnTrial(u64),
}

impl Policy {
    /// Compiles, checks and activates the first generation, with nothing around it: for tools and tests. Blocks for some 300 ms.
    pub fn start(settings: Settings, candidate: Candidate) -> Result<Self, Rejection> {
        Self::start_with(settings, Compiler::InProcess, candidate)
    }

    /// The same with a compiler that has limits.
    pub fn start_with(
        settings: Settings,
        compiler: Compiler,
        candidate: Candidate,
    ) -> Result<Self, Rejection> {
        let opening = Opening {
            settings,
            compiler,
            ..Opening::default()
        };
        Self::open(opening, Ok(candidate))
    }

    /// What judges now. Readers never wait for a swap.
    pub fn in_force(&self) -> Arc<InForce> {
        self.0.in_force.load_full()
    }

    /// The active generation.
    pub fn active(&self) -> Arc<Generation> {
        Arc::clone(&self.0.in_force.load().active)
    }

    /// Whether a session of this client may live on under the generation of this revision.
    pub fn holds(&self, revision: u64, client: &str, product: &str) -> bool {
        self.0.in_force.load().holds(revision, client, product)
    }

    /// Everything is refused, by an operator's word.
    pub fn denies_all(&self) -> bool {
        self.0.in_force.load().denies_all
    }

    /// The shadow, where there is one. Costs one relaxed load where there is none.
    #[inline]
    pub fn shadow(&self) -> Option<Arc<Shadow>> {
        if !self.0.is_shown.load(Ordering::Relaxed) {
            return None;
        }
        self.0.in_force.load().shadow().cloned()
    }

    /// Sees every change of what is in force; sessions await it to be judged again.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// What a component may have at most, in bytes.
    pub fn component_max(&self) -> usize {
        self.0.ladder.settings.component_max
    }

    /// The candidate on trial: its number in the history.
    pub fn on_trial(&self) -> Option<Life> {
        let history = self.history();
        let on_trial = |life: &&Life| matches!(life.state(), State::Shadow | State::Canary);
        history.newest_first().find(on_trial).cloned()
    }

    /// The last candidates and what became of them.
    pub fn history(&self) -> History {
        self.0.book.history()
    }

    /// A component with its rules, as the files have them: [`offer_any`](Self::offer_any), for whoever only asks for the active generation.
    pub async fn offer(&self, candidate: Candidate) -> Result<Arc<Generation>, Rejection> {
        match self.offer_any(Offer::files(candidate)).await? {
            Outcome::Active(generation) | Outcome::Same(generation) => Ok(generation),
            Outcome::OnTrial(_) => Ok(self.active()),
        }
    }

    /// The whole ladder, then force or trial. What is in force already, offered again, is no change; other cases alone are proven, and change
    /// nothing else.
    pub async fn offer_any(&self, mut offer: Offer) -> Result<Outcome, Rejection> {
        let mut desk = self.0.desk.lock().await;
        let is_news = offer.origin != Origin::File || desk.see_files(&mut offer);
        let (origin, stage) = (offer.origin, offer.stage);
        let wanted = desk.complete(offer);
        if wanted.made == desk.made {
            if is_news {
                // Whoever takes a change back wants it gone from its trial, too.
                self.drop_trial(&mut desk, &superseded());
            }
            self.store(&desk).await;
            return Ok(Outcome::Same(self.active()));
        }
        let outcome = self.judge(&mut desk, origin, stage, wanted).await;
        if origin == Origin::Upload && outcome.is_ok() {
            desk.overrule_files();
        }
        self.store(&desk).await;
        self.0.turned.notify_one();
        outcome
    }

    async fn judge(
        &self,
        desk: &mut Desk,
        origin: Origin,
        stage: Option<Stage>,
        wanted: Wanted,
    ) -> Result<Outcome, Rejection> {
        if let Some(trial) = desk
            .trial
            .as_ref()
            .filter(|one| one.former.made == wanted.made)
            && stage.is_none_or(|stage| stage == trial.stage)
        {
            return Ok(Outcome::OnTrial(trial.number));
        }
        let number = self.0.book.begin(origin, &wanted.made);
        match self.prove(desk, number, &wanted).await {
            Ok(proven) => {
                self.keep(&wanted).await;
                self.place(desk, number, stage, wanted, proven)
            }
            Err(rejection) => Err(rejection),
        }
        .inspect_err(|rejection| self.0.book.end(number, State::Rejected, rejection))
    }

    async fn prove(&self, desk: &Desk, number: u64, wanted: &Wanted) -> Result<Proven, Rejection> {
        let climber = Climber {
            number,
            revision: desk.revision + 1,
            component: wanted.part(&self.active()),
            folder: Folder::clone(&wanted.folder),
            highest: desk.signed.clone(),
            in_haste: false,
        };
        let shared = Arc::clone(&self.0);
        let proof = tokio::task::spawn_blocking(move || shared.ladder.climb(climber, &shared.book));
        proof
            .await
            .unwrap_or_else(|error| Err(Rejection::host(error)))
    }

    fn place(
        &self,
        desk: &mut Desk,
        number: u64,
        stage: Option<Stage>,
        wanted: Wanted,
        proven: Proven,
    ) -> Result<Outcome, Rejection> {
        let component = wanted.made.component.clone();
        let signed = proven.signed.map(|revision| (revision, component));
        let former = Former {
            generation: Arc::new(proven.generation),
            made: wanted.made,
            folder: wanted.folder,
        };
        if former.made.is_same_generation(&desk.made) {
            // Other cases alone: the same rules are proven by more.
            (desk.made, desk.folder) = (former.made, former.folder);
            let folder = Arc::clone(&desk.folder);
            self.replace(|now| InForce { folder, ..now });
            self.0.book.step(number, State::Settled);
            return Ok(Outcome::Same(self.active()));
        }
        let stage = stage.unwrap_or(self.0.rollout.stage);
        if stage == Stage::Canary && !former.generation.has_inboxes_of(&self.active()) {
            return Err(inboxes_differ());
        }
        self.drop_trial(desk, &superseded());
        desk.revision = former.generation.revision();
        self.0.book.set_revision(number, desk.revision);
        match stage {
            Stage::Direct => Ok(Outcome::Active(
                self.activate(desk, number, former, signed, None),
            )),
            Stage::Shadow | Stage::Canary => {
                self.begin_trial(desk, number, stage, former, signed);
                Ok(Outcome::OnTrial(number))
            }
        }
    }

    /// One pointer store. What was in force before is kept for a rollback. `withdrawn`: nobody stays under this revision, also where new
    /// generations are for new connections only.
    pub(super) fn activate(
        &self,
        desk: &mut Desk,
        number: u64,
        next: Former,
        signed: Option<(u64, String)>,
        withdrawn: Option<u64>,
    ) -> Arc<Generation> {
        let before = self.active();
        self.leave(desk.number, &before);
        next.generation.counts().begin_probation();
        self.replace(|mut now| {
            if let Some(revision) = withdrawn {
                now.live.withdraw(revision);
            }
            InForce {
                active: Arc::clone(&next.generation),
                folder: Arc::clone(&next.folder),
                trial: None,
                ..now
            }
        });
        let generation = Arc::clone(&next.generation);
        desk.former = Some(Former {
            generation: before,
            made: std::mem::replace(&mut desk.made, next.made),
            folder: std::mem::replace(&mut desk.folder, next.folder),
        });
        desk.number = number;
        if signed.is_some() {
            desk.signed = signed;
        }
        self.0.book.step(number, State::Active);
        generation
    }

    /// The generation of this number is in force no more; if nothing was found against it, it stays a good one.
    fn leave(&self, number: u64, generation: &Generation) {
        self.0.book.set_counts(number, generation);
        generation.counts().end_probation();
        if self
            .0
            .book
            .get(number)
            .is_some_and(|life| life.state() == State::Active)
        {
            self.0.book.step(number, State::Settled);
        }
    }

    /// The only place where what is in force changes; called with the desk in hand.
    pub(super) fn replace(&self, change: impl FnOnce(InForce) -> InForce) {
        let now = self.in_force();
        let mut next = change(InForce::clone(&now));
        next.serial += 1;
        if next.trial.is_none() {
            next.reported = now.report();
        }
        let serial = next.serial;
        let is_shown = next.shadow().is_some();
        self.0.in_force.store(Arc::new(next));
        self.0.is_shown.store(is_shown, Ordering::Relaxed);
        self.0.changes.send_replace(serial);
    }

    /// Keeps what a proven candidate is made of, for a rollback and for the next start.
    async fn keep(&self, wanted: &Wanted) {
        let Some(stored_in) = self.0.shelf.clone() else {
            return;
        };
        let (made, folder) = (wanted.made.clone(), Arc::clone(&wanted.folder));
        let component = wanted.component.clone();
        let kept =
            tokio::task::spawn_blocking(move || stored_in.put(&made, component.as_ref(), &folder));
        warn_of(
            kept.await
                .unwrap_or_else(|error| Err(Rejection::host(error))),
        );
    }

    /// Stores what is in force, and the history.
    pub(super) async fn store(&self, desk: &Desk) {
        let Some(stored_in) = self.0.shelf.clone() else {
            return;
        };
        let standing = self.standing(desk);
        let stored = tokio::task::spawn_blocking(move || stored_in.set_standing(&standing));
        warn_of(
            stored
                .await
                .unwrap_or_else(|error| Err(Rejection::host(error))),
        );
    }

    /// The same where blocking is allowed: at the start.
    pub(super) fn store_now(&self) {
        if let (Some(shelf), Ok(desk)) = (&self.0.shelf, self.0.desk.try_lock()) {
            warn_of(shelf.set_standing(&self.standing(&desk)));
        }
    }

    fn standing(&self, desk: &Desk) -> Standing {
        Standing {
            made: Some(desk.made.clone()),
            revision: self.active().revision(),
            overruled: desk.overruled.clone(),
            signed: desk.signed.clone(),
            denies_all: self.denies_all(),
            history: self.0.book.history(),
        }
    }
}

impl Live {
    /// Nobody stays under this revision.
    pub(super) fn withdraw(&mut self, revision: u64) {
        /// Sessions under an older one were judged long ago.
        const MOST: usize = 64;
        self.withdrawn.push(revision);
        if self.withdrawn.len() > MOST {
            self.withdrawn.remove(0);
        }
    }

    pub(super) fn new(sessions: LiveSessions) -> Self {
        Self {
            sessions,
            withdrawn: Vec::new(),
        }
    }
}

impl Shared {
    pub(super) fn new(
        ladder: Ladder,
        rollout: Rollout,
        shelf: Option<Shelf>,
        in_force: InForce,
        book: Book,
        desk: Desk,
    ) -> Self {
        Self {
            ladder,
            rollout,
            shelf,
            changes: watch::Sender::new(in_force.serial),
            in_force: ArcSwap::from_pointee(in_force),
            is_shown: AtomicBool::new(false),
            book,
            desk: Mutex::new(desk),
            turned: Notify::new(),
        }
    }
}

/// For tools that try a component without serving it.
pub fn try_out(
    settings: &Settings,
    compiler: &Compiler,
    component: &[u8],
    documents: Vec<Document>,
) -> Result<Generation, Rejection> {
    let engine = code::engine(settings)?;
    let code = code::Code::compile(&engine, component, &settings.in_haste(), compiler)?;
    Generation::configure(code, documents, settings, 1)
}

/// The broker goes on with what it holds in memory.
fn warn_of(stored: Result<(), Rejection>) {
    if let Err(rejection) = stored {
        tracing::error!(
            code = rejection.code,
            help = rejection.help,
            "the policy is in force but not stored: {rejection}"
        );
    }
}
