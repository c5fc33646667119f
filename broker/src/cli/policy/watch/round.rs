//! One round: build, test, swap. The first step that refuses ends it.
//!
//! The source is built when it has changed since the last build that succeeded; documents alone are tried on the component that is compiled already. A
//! change of the source stops a build and starts the round again; it never stops a swap, which is one request away from its end.

use super::super::{FAILING_CASE, FAILURE, INVALID_POLICY, OK, exit_code};
use super::build::build;
use super::crate_folder::CrateFolder;
use super::files::{Files, Stamp};
use super::served::{NotInForce, Served, Tested};
use super::told::{Build, Cases, Refused, Round, Trouble};
use crate::policy::cases::{self, Report};
use crate::policy::documents;
use crate::policy::rejection::{CASES_FAILED, HOST_FAILED};
use crate::policy::{Compiler, Generation, Rejection, Settings, component, try_out};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// What every round needs.
pub(super) struct Rounds {
    pub(super) folder: CrateFolder,
    pub(super) settings: Settings,
    pub(super) compiler: Compiler,
    pub(super) broker: Option<Served>,
}

/// What one round leaves to the next.
pub(super) struct Running {
    fixed: Rounds,
    number: u64,
    seen: Option<Stamp>,
    /// The component of the source as it was seen; None where it must be built.
    built: Option<Arc<Vec<u8>>>,
    /// That component, compiled.
    compiled: Option<Arc<Generation>>,
}

type Ended = (Trouble, u8);

impl Rounds {
    pub(super) fn start(self) -> Running {
        Running {
            fixed: self,
            number: 0,
            seen: None,
            built: None,
            compiled: None,
        }
    }
}

impl Running {
    /// Waits for a change, and makes what follows from it.
    pub(super) async fn next(&mut self, files: &mut Files) -> Round {
        self.number += 1;
        let mut round = Round {
            number: self.number,
            exit: OK,
            ..Round::default()
        };
        if let Err((trouble, exit)) = self.climb(files, &mut round).await {
            (round.error, round.exit) = (Some(trouble), exit);
        }
        round
    }

    async fn climb(&mut self, files: &mut Files, round: &mut Round) -> Result<(), Ended> {
        self.build(files, round).await?;
        let tested = self.test(round).await?;
        let Some(broker) = &self.fixed.broker else {
            return Ok(());
        };
        let in_force = broker.swap(&tested).await.map_err(|not| match not {
            NotInForce::Unreachable(refused) => (Trouble::of("broker", refused), FAILURE),
            NotInForce::Rejected(refused) => (Trouble::of("broker", refused), INVALID_POLICY),
        })?;
        round.broker = Some(in_force);
        Ok(())
    }

    /// Until a build comes to its end with the source that is there.
    async fn build(&mut self, files: &Files, round: &mut Round) -> Result<(), Ended> {
        loop {
            let seen = files.changed(self.seen.as_ref()).await;
            self.note(&seen, round);
            if self.built.is_some() {
                return Ok(());
            }
            let began = Instant::now();
            let built = tokio::select! {
                built = build(&self.fixed.folder) => built,
                () = files.source_changed(&seen) => continue,
            };
            if let Some(seen) = &mut self.seen {
                seen.lock = files.lock();
            }
            built.map_err(|output| (not_built(&self.fixed.folder, output), FAILURE))?;
            let bytes = component::read(&self.fixed.folder.component);
            let bytes = bytes.map_err(|rejection| refused("build", rejection))?;
            round.build = Some(Build {
                package: self.fixed.folder.package.clone(),
                seconds: began.elapsed().as_secs_f64(),
                size: bytes.len(),
            });
            self.built = Some(Arc::new(bytes));
            return Ok(());
        }
    }

    fn note(&mut self, seen: &Stamp, round: &mut Round) {
        let before = self.seen.take().unwrap_or_default();
        let mut changed = |what: &'static str, is_other: bool| {
            if is_other && !round.changed.contains(&what) {
                round.changed.push(what);
            }
        };
        changed("source", !before.builds_as(seen));
        changed("documents", before.rules != seen.rules);
        if !before.builds_as(seen) {
            (self.built, self.compiled) = (None, None);
        }
        self.seen = Some(seen.clone());
    }

    async fn test(&mut self, round: &mut Round) -> Result<Tested, Ended> {
        let began = Instant::now();
        let trial = Trial {
            settings: self.fixed.settings.clone(),
            compiler: self.fixed.compiler.clone(),
            component: self.built.clone().unwrap_or_default(),
            compiled: self.compiled.clone(),
        };
        let rules = self.fixed.folder.rules.clone();
        let tried = tokio::task::spawn_blocking(move || trial.run(&rules)).await;
        let tried = tried.map_err(|error| (lost(&error), FAILURE))?;
        let (tested, report) = tried.map_err(|rejection| refused("policy", rejection))?;
        self.compiled = Some(Arc::clone(&tested.generation));
        round.cases = Some(Cases {
            summary: report.summary(),
            seconds: began.elapsed().as_secs_f64(),
            failures: report.failures().map(ToString::to_string).collect(),
        });
        if report.is_proof() {
            return Ok(tested);
        }
        Err((
            Trouble::of("cases", not_proven(&self.fixed.folder.rules, &report)),
            FAILING_CASE,
        ))
    }
}

struct Trial {
    settings: Settings,
    compiler: Compiler,
    component: Arc<Vec<u8>>,
    compiled: Option<Arc<Generation>>,
}

impl Trial {
    fn run(self, rules: &Path) -> Result<(Tested, Report), Rejection> {
        let folder = documents::read(rules)?;
        let documents = folder.documents.clone();
        let generation = match &self.compiled {
            Some(compiled) => compiled.with_documents(documents)?,
            None => try_out(&self.settings, &self.compiler, &self.component, documents)?,
        };
        let report = cases::run(&generation, &folder.cases);
        let tested = Tested {
            generation: Arc::new(generation),
            component: self.component,
            folder,
        };
        Ok((tested, report))
    }
}

fn refused(step: &'static str, rejection: Rejection) -> Ended {
    let exit = exit_code(rejection.code);
    (Trouble::of(step, rejection.into()), exit)
}

fn not_built(folder: &CrateFolder, output: String) -> Trouble {
    let message = format!("the package `{}` cannot be built", folder.package);
    let help = "mend what cargo names, and save it";
    Trouble {
        output: Some(output),
        ..Trouble::of("build", Refused::new("build-failed", message, help))
    }
}

fn not_proven(rules: &Path, report: &Report) -> Refused {
    let (message, help) = if report.cases.is_empty() {
        let folder = rules.join("cases");
        (
            format!(
                "there is no case in `{}`, and none proves nothing",
                folder.display()
            ),
            "put `*.json` files into it",
        )
    } else {
        (
            report.summary(),
            "mend the policy or the case: nothing was sent to the broker",
        )
    };
    Refused::new(CASES_FAILED, message, help)
}

fn lost(error: &tokio::task::JoinError) -> Trouble {
    let message = format!("the trial was cut off: {error}");
    Trouble::of(
        "policy",
        Refused::new(HOST_FAILED, message, "report it, with the component"),
    )
}
