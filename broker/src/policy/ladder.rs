//! The ladder that every candidate climbs before it answers anybody: verified, compiled, configured, tested. Blocks; any step that fails
//! rejects it by name, and nothing that is in force notices.

use super::book::Book;
use super::cases;
use super::code::Code;
use super::compile::Compiler;
use super::documents::Folder;
use super::generation::Generation;
use super::life::State;
use super::rejection::{CASES_FAILED, Rejection};
use super::settings::Settings;
use super::signature::Trust;
use crate::metrics::PolicyMetrics;
use std::sync::Arc;
use tokio::sync::Notify;
use wasmtime::Engine;

/// What all candidates of a policy are measured by.
pub(super) struct Ladder {
    pub(super) engine: Engine,
    pub(super) settings: Settings,
    pub(super) compiler: Compiler,
    pub(super) trust: Trust,
    pub(super) metrics: PolicyMetrics,
    /// Told when a generation faults.
    pub(super) troubled: Arc<Notify>,
}

/// A candidate at the foot of the ladder.
pub(super) struct Climber {
    /// Its number in the history.
    pub(super) number: u64,
    pub(super) revision: u64,
    pub(super) component: Part,
    pub(super) folder: Folder,
    /// The highest signed revision that was in force.
    pub(super) highest: Option<(u64, String)>,
    /// Somebody waits: it is not compiled at the lowest priority first.
    pub(super) in_haste: bool,
}

/// A component on its way.
pub(super) enum Part {
    /// It is in force already: it is neither verified nor compiled again.
    Known(Code),
    New {
        bytes: Vec<u8>,
        digest: String,
        signature: Option<String>,
    },
}

/// At the top.
pub(super) struct Proven {
    pub(super) generation: Generation,
    /// The revision that its signature vouches for.
    pub(super) signed: Option<u64>,
}

impl Ladder {
    pub(super) fn climb(&self, climber: Climber, book: &Book) -> Result<Proven, Rejection> {
        let Climber {
            number,
            revision,
            component,
            folder,
            highest,
            in_haste,
        } = climber;
        let signed = self.verify(&component, highest)?;
        book.step(number, State::Verified);
        let code = self.compile(component, in_haste)?;
        book.step(number, State::Compiled);
        let generation = self.configure(code, &folder, revision)?;
        book.step(number, State::Configured);
        test(&generation, &folder)?;
        book.step(number, State::Tested);
        Ok(Proven { generation, signed })
    }

    fn verify(
        &self,
        component: &Part,
        highest: Option<(u64, String)>,
    ) -> Result<Option<u64>, Rejection> {
        match component {
            Part::Known(_) => Ok(None),
            Part::New {
                bytes,
                digest,
                signature,
            } => {
                Code::check_size(bytes, &self.settings)?;
                self.trust
                    .check(bytes, digest, signature.as_deref(), highest)
            }
        }
    }

    fn compile(&self, component: Part, in_haste: bool) -> Result<Code, Rejection> {
        let bytes = match component {
            Part::Known(code) => return Ok(code),
            Part::New { bytes, .. } => bytes,
        };
        if in_haste {
            let settings = self.settings.in_haste();
            return Code::compile(&self.engine, &bytes, &settings, &self.compiler);
        }
        Code::compile(&self.engine, &bytes, &self.settings, &self.compiler)
    }

    fn configure(
        &self,
        code: Code,
        folder: &Folder,
        revision: u64,
    ) -> Result<Generation, Rejection> {
        let documents = folder.documents.clone();
        let generation = Generation::configure(code, documents, &self.settings, revision)?;
        Ok(generation.counted(&self.metrics, &self.troubled))
    }
}

fn test(generation: &Generation, folder: &Folder) -> Result<(), Rejection> {
    let report = cases::run(generation, &folder.cases);
    match report.failures().next() {
        None => Ok(()),
        Some(first) => Err(Rejection::new(
            CASES_FAILED,
            format!("{}; the first: {first}", report.summary()),
            "run `iotda-broker policy test COMPONENT FOLDER` to see them all (`built-in` is the built-in component); change the rule and its cases together",
        )),
    }
}
