//! Table cases: a CONNECT, the client's record, and what must come out. They prove a policy before it goes live.
//!
//! A case runs on the production path: a bounded instance, the host's own compiled [`Grant`], its topic checks. A fault is an error of the case,
//! whatever the case expects; so is a case that cannot be read, by a misspelt field as well. Format: `reading`.

mod about;
mod accesses;
mod compare;
mod convert;
mod coverage;
mod expect;
mod reading;
mod records;
mod report;
mod samples;

pub use about::{About, Level};
pub use coverage::{Coverage, Covered, Rule as UncoveredRule};
pub use report::{CaseResult, Outcome, Report};
pub use samples::{Sample, samples, samples_of};

use super::fault::Fault;
use super::generation::Generation;
use super::instance::Instance;
use crate::contract::{Connect, Document, Principal, Refusal, Subject, UtcMs};
use crate::grant::{Decision, Grant};
use accesses::{Judged, decide};
use compare::{compare_grant, compare_inbox, compare_lookup, compare_problem, compare_refusal};
use expect::{Action, Later};
use reading::{Case, CasesOfFile, Client};

/// A file of cases: its name and its text, a JSON array.
pub type CaseFile = Document;

/// Runs every case of every file. Blocks.
pub fn run(generation: &Generation, files: &[CaseFile]) -> Report {
    run_covered(generation, files).0
}

/// [`run`], with the rules that the cases met. Blocks.
pub fn run_covered(generation: &Generation, files: &[CaseFile]) -> (Report, Coverage) {
    let (mut cases, mut coverage) = (Vec::new(), Coverage::default());
    run_files(generation, files, &|_| true, &mut coverage, &mut |result| {
        cases.push(result);
    });
    (Report { cases }, coverage)
}

/// Runs those that are wanted, and hands each result over as it comes. A file that cannot be read is an error, whatever is wanted. Blocks.
pub fn run_each(
    generation: &Generation,
    files: &[CaseFile],
    wanted: &dyn Fn(&About) -> bool,
    done: &mut dyn FnMut(CaseResult),
) {
    run_files(generation, files, wanted, &mut Coverage::default(), done);
}

fn run_files(
    generation: &Generation,
    files: &[CaseFile],
    wanted: &dyn Fn(&About) -> bool,
    coverage: &mut Coverage,
    done: &mut dyn FnMut(CaseResult),
) {
    for file in files {
        if let Err(cause) = run_file(generation, file, wanted, coverage, done) {
            done(CaseResult {
                about: About {
                    file: file.name.clone(),
                    name: "the file".to_owned(),
                    ..About::default()
                },
                outcome: Outcome::Error { cause },
            });
        }
    }
}

/// What the cases say of themselves; a file that cannot be read says nothing.
pub fn list(files: &[CaseFile]) -> Vec<About> {
    let read = files
        .iter()
        .filter_map(|file| reading::cases(&file.name, &file.text).ok());
    read.flat_map(|file| file.cases.into_iter().map(|case| case.about))
        .collect()
}

fn run_file(
    generation: &Generation,
    file: &CaseFile,
    wanted: &dyn Fn(&About) -> bool,
    coverage: &mut Coverage,
    done: &mut dyn FnMut(CaseResult),
) -> Result<(), String> {
    let CasesOfFile { documents, cases } = reading::cases(&file.name, &file.text)?;
    let own = documents.map(|documents| generation.with_documents(documents));
    let own = own.transpose().map_err(|rejection| rejection.to_string())?;
    // Rules of other documents are no rules of the policy, even where their names are the same.
    let mut elsewhere = Coverage::default();
    let (generation, coverage) = match &own {
        Some(own) => (own, &mut elsewhere),
        None => (generation, coverage),
    };
    let wanted = cases.into_iter().filter(|case| wanted(&case.about));
    for case in wanted {
        done(named(generation, case, coverage));
        // Cases are tried beside live traffic: whoever waits for this core goes first.
        std::thread::yield_now();
    }
    Ok(())
}

fn named(generation: &Generation, named: reading::Named, coverage: &mut Coverage) -> CaseResult {
    let outcome = match named.case {
        Ok(Case::Client(client)) => run_case(generation, &client, coverage),
        Ok(Case::Documents { documents, problem }) => {
            compare_problem(&problem, generation.with_documents(documents))
        }
        Err(cause) => Outcome::Error { cause },
    };
    CaseResult {
        about: named.about,
        outcome,
    }
}

/// A machine that stands still for some milliseconds makes any call late, and a pure function may be asked again; one that loops does so
/// every time.
const ATTEMPTS: usize = 3;

fn run_case(generation: &Generation, case: &Client, coverage: &mut Coverage) -> Outcome {
    let mut ask = || generation.ask_now(|policy| judge(generation, policy, case, coverage));
    let mut outcome = ask();
    for _ in 1..ATTEMPTS {
        if !matches!(outcome, Err(Fault::Deadline { .. })) {
            break;
        }
        outcome = ask();
    }
    outcome.unwrap_or_else(|fault| Outcome::Error {
        cause: fault.to_string(),
    })
}

fn judge(
    generation: &Generation,
    policy: &mut Instance,
    case: &Client,
    coverage: &mut Coverage,
) -> Result<Outcome, Fault> {
    let Client {
        connect,
        subject,
        expect,
    } = case;
    if let Some(expected) = &expect.inbox {
        return Ok(compare_inbox(expected, generation));
    }
    let identified = policy.identify(connect)?;
    if let Some(expected) = &expect.lookup {
        let compared = compare_lookup(expected, &identified);
        if compared != Outcome::Pass || expect.is_lookup_only() {
            return Ok(compared);
        }
    }
    if let Err(refusal) = identified {
        return Ok(compare_refusal(expect, &refusal));
    }
    let principal = match policy.authenticate(connect, subject)? {
        Ok(principal) => principal,
        Err(refusal) => return Ok(compare_refusal(expect, &refusal)),
    };
    let grant = match authorize(generation, policy, case, &principal, coverage)? {
        Ok(grant) => grant,
        Err(refusal) => return Ok(compare_refusal(expect, &refusal)),
    };
    let compared = compare_grant(expect, &grant, principal.enrol.as_deref());
    if compared != Outcome::Pass {
        return Ok(compared);
    }
    let judged = Judged {
        connect,
        subject,
        principal: &principal,
        grant: &grant,
    };
    let compared = judged.compare(policy, &expect.access, coverage)?;
    if compared != Outcome::Pass {
        return Ok(compared);
    }
    judge_later(generation, policy, case, &principal, coverage)
}

/// The live session, judged again: what is asked after a change of the record, and when a grant ends. Its first use is over.
fn judge_later(
    generation: &Generation,
    policy: &mut Instance,
    case: &Client,
    principal: &Principal,
    coverage: &mut Coverage,
) -> Result<Outcome, Fault> {
    let live = Principal {
        enrol: None,
        ..principal.clone()
    };
    for later in &case.expect.later {
        let Later {
            subject,
            now,
            expect,
        } = later;
        let now = now.unwrap_or(case.connect.now);
        let compared = match granted(generation, policy, &live, (subject, now), coverage)? {
            Ok(grant) => compare_grant(expect, &grant, None),
            Err(refusal) => compare_refusal(expect, &refusal),
        };
        if compared != Outcome::Pass {
            return Ok(compared);
        }
    }
    Ok(Outcome::Pass)
}

fn authorize(
    generation: &Generation,
    policy: &mut Instance,
    case: &Client,
    principal: &Principal,
    coverage: &mut Coverage,
) -> Result<Result<Grant, Refusal>, Fault> {
    let Client {
        connect, subject, ..
    } = case;
    let asked = (subject, connect.now);
    let granted = granted(generation, policy, principal, asked, coverage)?;
    Ok(granted.and_then(|grant| refused_will(connect, &grant).map_or(Ok(grant), Err)))
}

fn granted(
    generation: &Generation,
    policy: &mut Instance,
    principal: &Principal,
    (subject, now): (&Subject, UtcMs),
    coverage: &mut Coverage,
) -> Result<Result<Grant, Refusal>, Fault> {
    Ok(match policy.authorize(principal, subject, now)? {
        Ok(grant) => {
            coverage.granted(&grant.rules);
            Ok(Grant::compile(grant, generation.inboxes(), subject)?)
        }
        Err(refusal) => Err(refusal),
    })
}

/// The host's own check at CONNECT: a will that may not be published refuses it.
fn refused_will(connect: &Connect, grant: &Grant) -> Option<Refusal> {
    let will = connect.will.as_ref()?;
    let decided = decide(grant, Action::Publish, &will.topic, will.qos);
    let allowed = grant.limits.will && !matches!(decided, Decision::Deny { .. });
    (!allowed).then(|| Refusal {
        code: 307,
        detail: "the will may not be published".into(),
        rule: None,
    })
}
