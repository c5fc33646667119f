//! Table cases: a CONNECT, the client's record, and what must come out. They prove a policy before it goes live.
//!
//! A case runs on the production path: a bounded instance, the host's own compiled [`Grant`], its topic checks. A fault is an error of the case,
//! whatever the case expects; so is a case that cannot be read, by a misspelt field as well. Format: `reading`.

mod convert;
mod reading;
mod records;
mod report;

pub use report::{CaseResult, Outcome, Report};

use super::fault::Fault;
use super::generation::Generation;
use super::instance::Instance;
use crate::contract::{Connect, Document, Lookup, Principal, Qos, Refusal, Subject};
use crate::grant::{Decision, Grant, filter};
use reading::{Access, Action, Case, Expect};

/// A file of cases: its name and its text, a JSON array.
pub type CaseFile = Document;

/// Runs every case of every file. Blocks.
pub fn run(generation: &Generation, files: &[CaseFile]) -> Report {
    let cases = files.iter().flat_map(|file| run_file(generation, file));
    Report {
        cases: cases.collect(),
    }
}

fn run_file(generation: &Generation, file: &CaseFile) -> Vec<CaseResult> {
    let result = |(name, outcome)| CaseResult {
        file: file.name.clone(),
        name,
        outcome,
    };
    let outcomes = match reading::cases(&file.text) {
        Ok(cases) => cases
            .into_iter()
            .map(|case| named(generation, case))
            .collect(),
        Err(cause) => vec![("the file".to_owned(), Outcome::Error { cause })],
    };
    outcomes.into_iter().map(result).collect()
}

fn named(generation: &Generation, named: reading::Named) -> (String, Outcome) {
    let outcome = match named.case {
        Ok(case) => run_case(generation, &case),
        Err(cause) => Outcome::Error { cause },
    };
    (named.name, outcome)
}

/// A machine that stands still for some milliseconds makes any call late, and a pure function may be asked again; one that loops does so
/// every time.
const ATTEMPTS: usize = 3;

fn run_case(generation: &Generation, case: &Case) -> Outcome {
    let ask = || generation.ask_now(|policy| judge(generation, policy, case));
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

fn judge(generation: &Generation, policy: &mut Instance, case: &Case) -> Result<Outcome, Fault> {
    let Case {
        connect,
        subject,
        expect,
    } = case;
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
    match authorize(generation, policy, connect, subject, &principal)? {
        Ok(grant) => Ok(compare_grant(expect, &grant)),
        Err(refusal) => Ok(compare_refusal(expect, &refusal)),
    }
}

fn authorize(
    generation: &Generation,
    policy: &mut Instance,
    connect: &Connect,
    subject: &Subject,
    principal: &Principal,
) -> Result<Result<Grant, Refusal>, Fault> {
    match policy.authorize(principal, subject, connect.now)? {
        Ok(grant) => {
            let grant = Grant::compile(grant, generation.inboxes(), subject)?;
            Ok(refused_will(connect, &grant).map_or(Ok(grant), Err))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
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

// --- comparing --------------------------------------------------------------------------------------------------------------

fn compare_lookup(expected: &Lookup, got: &Result<Lookup, Refusal>) -> Outcome {
    match got {
        Ok(lookup) if lookup == expected => Outcome::Pass,
        Ok(lookup) => fail(
            format!("the look-up {expected:?}"),
            format!("the look-up {lookup:?}"),
        ),
        Err(refusal) => fail(format!("the look-up {expected:?}"), told(refusal)),
    }
}

fn compare_refusal(expect: &Expect, got: &Refusal) -> Outcome {
    let same_rule = expect.rule.is_none() || expect.rule == got.rule;
    if expect.refusal == Some(got.code) && same_rule {
        return Outcome::Pass;
    }
    fail(expect.to_string(), told(got))
}

fn compare_grant(expect: &Expect, grant: &Grant) -> Outcome {
    let got = || format!("a grant for `{}`", grant.client_id);
    let Some(expected) = &expect.grant else {
        return fail(expect.to_string(), got());
    };
    if expected
        .client_id
        .as_ref()
        .is_some_and(|id| **id != *grant.client_id)
    {
        return fail(expect.to_string(), got());
    }
    let compared = expect
        .access
        .iter()
        .map(|access| compare_access(access, grant));
    let mut wrong = compared.filter(|outcome| *outcome != Outcome::Pass);
    wrong.next().unwrap_or(Outcome::Pass)
}

fn compare_access(access: &Access, grant: &Grant) -> Outcome {
    let decided = decide(grant, access.action, &access.topic, access.qos);
    let (verdict, rule) = match decided {
        Decision::Allow { rule, .. } => ("allow", Some(rule)),
        Decision::Inspect { rule, .. } => ("inspect", Some(rule)),
        Decision::Deny { rule } => ("deny", rule),
    };
    let rule = rule.map_or("", |rule| grant.rule_name(rule));
    let same_rule = access.rule.as_ref().is_none_or(|expected| expected == rule);
    if access.verdict == verdict && same_rule {
        return Outcome::Pass;
    }
    fail(
        access.to_string(),
        format!("{verdict} by the rule `{rule}`"),
    )
}

/// What the session does with a topic: cut the suffix, check the form, ask the rules.
fn decide(grant: &Grant, action: Action, topic: &str, qos: Qos) -> Decision {
    let refused = Decision::Deny { rule: None };
    match action {
        Action::Publish => match grant.routed(topic) {
            routed if filter::is_valid_topic(routed) => grant.publish(routed, qos),
            _ => refused,
        },
        Action::Subscribe if filter::is_valid_filter(topic) => grant.subscribe(topic),
        Action::Receive if filter::is_valid_topic(topic) => grant.receive(topic),
        Action::Subscribe | Action::Receive => refused,
    }
}

fn fail(expected: String, got: String) -> Outcome {
    Outcome::Fail { expected, got }
}

fn told(refusal: &Refusal) -> String {
    let rule = refusal.rule.as_deref().unwrap_or_default();
    format!("refusal {} by `{rule}`: {}", refusal.code, refusal.detail)
}
