//! The life of a swap: a candidate climbs the whole ladder before one pointer store makes it the active generation.
//!
//! Offers are taken one after another; readers never wait for one. A candidate that fails a step is rejected and nothing changes.

use super::cases::{self, CaseFile};
use super::code::{self, Code};
use super::compile::Compiler;
use super::generation::{self, Generation};
use super::rejection::{CASES_FAILED, Rejection};
use super::settings::Settings;
use crate::contract::Document;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use wasmtime::Engine;

/// A component as it came in, with the documents and cases of its generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// The component's bytes.
    pub component: Vec<u8>,
    /// Rule documents, in the order of the names' bytes.
    pub documents: Vec<Document>,
    /// Table cases that it must pass: all of them.
    pub cases: Vec<CaseFile>,
}

/// The active generation of one policy. Clone is cheap.
#[derive(Clone)]
pub struct Policy(Arc<Shared>);

struct Shared {
    engine: Engine,
    settings: Settings,
    compiler: Compiler,
    active: ArcSwap<Generation>,
    revisions: watch::Sender<u64>,
    /// What the active generation was made of; held while an offer is judged.
    offering: Mutex<Made>,
}

/// Digests of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    component: String,
    documents: String,
    cases: String,
}

impl Policy {
    /// [`start_with`](Self::start_with) a compiler that nothing can stop: for tests and tools.
    pub fn start(settings: Settings, candidate: Candidate) -> Result<Self, Rejection> {
        Self::start_with(settings, Compiler::InProcess, candidate)
    }

    /// Compiles, checks and activates the first generation. Blocks for some 300 ms.
    pub fn start_with(
        settings: Settings,
        compiler: Compiler,
        candidate: Candidate,
    ) -> Result<Self, Rejection> {
        let engine = code::engine(&settings)?;
        let made = Made::of(&candidate);
        // Nobody is served yet.
        let hurried = settings.in_haste();
        let code = Code::compile(&engine, &candidate.component, &hurried, &compiler)?;
        let first = prove(code, &settings, candidate, 1)?;
        Ok(Self(Arc::new(Shared {
            engine,
            settings,
            compiler,
            revisions: watch::Sender::new(first.revision()),
            active: ArcSwap::from_pointee(first),
            offering: Mutex::new(made),
        })))
    }

    /// Readers never wait for a swap.
    pub fn active(&self) -> Arc<Generation> {
        self.0.active.load_full()
    }

    /// Sees every new revision; sessions await it to be judged again.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.0.revisions.subscribe()
    }

    /// The whole ladder: size, compile, imports, contract version, instantiate, configure, cases, then one pointer store. The same component,
    /// documents and cases again are no change; other cases alone are proven, and change nothing.
    pub async fn offer(&self, candidate: Candidate) -> Result<Arc<Generation>, Rejection> {
        let mut active = self.0.offering.lock().await;
        let offered = Made::of(&candidate);
        if offered == *active {
            return Ok(self.active());
        }
        let same_component = offered.component == active.component;
        let same_rules = same_component && offered.documents == active.documents;
        let proven = self.prove(candidate, same_component).await?;
        *active = offered;
        Ok(if same_rules {
            self.active()
        } else {
            self.activate(proven)
        })
    }

    /// A component that is active already is not compiled again: a changed document is in force in milliseconds.
    async fn prove(&self, candidate: Candidate, compiled: bool) -> Result<Generation, Rejection> {
        let shared = Arc::clone(&self.0);
        let active = self.active();
        let proof = tokio::task::spawn_blocking(move || {
            let code = if compiled {
                active.code().clone()
            } else {
                let bytes = &candidate.component;
                Code::compile(&shared.engine, bytes, &shared.settings, &shared.compiler)?
            };
            prove(code, &shared.settings, candidate, active.revision() + 1)
        });
        proof
            .await
            .unwrap_or_else(|error| Err(Rejection::host(error)))
    }

    fn activate(&self, generation: Generation) -> Arc<Generation> {
        let generation = Arc::new(generation);
        self.0.active.store(Arc::clone(&generation));
        self.0.revisions.send_replace(generation.revision());
        generation
    }
}

/// Every step between compilation and activation. Blocks.
fn prove(
    code: Code,
    settings: &Settings,
    candidate: Candidate,
    revision: u64,
) -> Result<Generation, Rejection> {
    let generation = Generation::configure(code, candidate.documents, settings, revision)?;
    let report = cases::run(&generation, &candidate.cases);
    match report.failures().next() {
        None => Ok(generation),
        Some(first) => Err(Rejection::new(
            CASES_FAILED,
            format!("{}; the first: {first}", report.summary()),
            "run `iotda-broker policy test COMPONENT FOLDER` to see them all (`built-in` is the built-in component); change the rule and its cases together",
        )),
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
    let code = Code::compile(&engine, component, &settings.in_haste(), compiler)?;
    Generation::configure(code, documents, settings, 1)
}

impl Made {
    fn of(candidate: &Candidate) -> Self {
        Self {
            component: code::hex_digest(&candidate.component),
            documents: generation::digest_of(&candidate.documents),
            cases: generation::digest_of(&candidate.cases),
        }
    }
}
