//! Table cases: a CONNECT, the client's record, and what must come out. They prove a policy before it goes live.
//!
//! A case runs on the production path: a bounded instance, the host's own compiled [`Grant`], its topic checks. A fault is an error of the case,
//! whatever the case expects; so is a case that cannot be read, by a misspelt field as well. Format: `reading`.

mod about;
mod accesses;
mod convert;
mod expect;
mod reading;
mod records;
mod report;

pub use about::{About, Level};
pub use report::{CaseResult, Outcome, Report};

use super::fault::Fault;
use super::generation::Generation;
use super::instance::Instance;
use crate::contract::{
    Connect, Document, Inbox, Limits, Lookup, Principal, Refusal, Subject, UtcMs,
};
use crate::grant::{Decision, Grant};
use accesses::{Judged, decide};
use expect::{Action, Expect, ExpectedGrant, ExpectedInbox, Later};
use reading::Case;
use serde_json::{Map, Value};

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
    match reading::cases(&file.name, &file.text) {
        Ok(cases) => cases
            .into_iter()
            .map(|case| named(generation, case))
            .collect(),
        Err(cause) => vec![CaseResult {
            about: About {
                file: file.name.clone(),
                name: "the file".to_owned(),
                ..About::default()
            },
            outcome: Outcome::Error { cause },
        }],
    }
}

fn named(generation: &Generation, named: reading::Named) -> CaseResult {
    let outcome = match named.case {
        Ok(case) => run_case(generation, &case),
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
    let grant = match authorize(generation, policy, connect, subject, &principal)? {
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
    let compared = judged.compare(policy, &expect.access)?;
    if compared != Outcome::Pass {
        return Ok(compared);
    }
    judge_later(generation, policy, case, &principal)
}

/// The live session, judged again: what is asked after a change of the record, and when a grant ends. Its first use is over.
fn judge_later(
    generation: &Generation,
    policy: &mut Instance,
    case: &Case,
    principal: &Principal,
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
        let compared = match granted(generation, policy, &live, subject, now)? {
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
    connect: &Connect,
    subject: &Subject,
    principal: &Principal,
) -> Result<Result<Grant, Refusal>, Fault> {
    let granted = granted(generation, policy, principal, subject, connect.now)?;
    Ok(granted.and_then(|grant| refused_will(connect, &grant).map_or(Ok(grant), Err)))
}

fn granted(
    generation: &Generation,
    policy: &mut Instance,
    principal: &Principal,
    subject: &Subject,
    now: UtcMs,
) -> Result<Result<Grant, Refusal>, Fault> {
    Ok(match policy.authorize(principal, subject, now)? {
        Ok(grant) => Ok(Grant::compile(grant, generation.inboxes(), subject)?),
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

fn compare_grant(expect: &Expect, grant: &Grant, enrols: Option<&[u8]>) -> Outcome {
    let Some(expected) = &expect.grant else {
        return fail(
            expect.to_string(),
            format!("a grant for `{}`", grant.client_id),
        );
    };
    let differs = differing(expected, grant, enrols)
        .or_else(|| differing_limit(&expected.limits, &grant.limits));
    match differs {
        Some((expected, got)) => fail(expected, got),
        None => Outcome::Pass,
    }
}

/// The first field that is otherwise: what the case says, what the grant says.
fn differing(
    expected: &ExpectedGrant,
    grant: &Grant,
    enrols: Option<&[u8]>,
) -> Option<(String, String)> {
    let differs = |what: &str, expected: String, got: String| {
        (expected != got).then(|| {
            (
                format!("a grant with the {what} {expected}"),
                format!("the {what} {got}"),
            )
        })
    };
    let ExpectedGrant {
        client_id,
        unsolicited,
        suffix_mark,
        ends,
        enrolled,
        ..
    } = expected;
    let id = client_id.as_ref();
    let id = id.and_then(|id| {
        differs(
            "client id",
            format!("`{id}`"),
            format!("`{}`", grant.client_id),
        )
    });
    id.or_else(|| {
        let got = grant.unsolicited.to_string();
        unsolicited.and_then(|one| differs("`unsolicited`", one.to_string(), got))
    })
    .or_else(|| {
        let got = format!("{:?}", grant.suffix_mark);
        suffix_mark.and_then(|one| differs("suffix mark", format!("{:?}", Some(one)), got))
    })
    .or_else(|| {
        let got = format!("{:?}", grant.valid_until);
        ends.and_then(|one| differs("end", format!("{one:?}"), got))
    })
    .or_else(|| {
        let one = enrolled.as_ref()?;
        differs(
            "enrolled fingerprint",
            format!("{one:02x?}"),
            format!("{enrols:02x?}"),
        )
    })
}

fn differing_limit(expected: &Map<String, Value>, limits: &Limits) -> Option<(String, String)> {
    let got = serde_json::to_value(limits).unwrap_or_default();
    let mut differing = expected
        .iter()
        .filter(|(name, value)| got.get(name.as_str()) != Some(*value));
    let (name, value) = differing.next()?;
    let got = got.get(name).cloned().unwrap_or_default();
    Some((
        format!("the limit `{name}` {value}"),
        format!("`{name}` {got}"),
    ))
}

fn compare_inbox(expected: &ExpectedInbox, generation: &Generation) -> Outcome {
    let mut inboxes = generation.inboxes().templates.iter().map(|one| &one.inbox);
    let shown = |messages, seconds, qos: u8| {
        format!("an inbox that keeps {messages} messages for {seconds} s at QoS {qos}")
    };
    let is_it = |inbox: &&Inbox| inbox.template == expected.template;
    let wanted = shown(
        expected.keep_messages,
        expected.keep_seconds,
        expected.max_qos,
    );
    match inboxes.find(is_it) {
        None => fail(
            format!("the inbox `{}`", expected.template),
            "no such inbox".to_owned(),
        ),
        Some(inbox) => {
            let got = shown(inbox.keep_messages, inbox.keep_seconds, inbox.max_qos as u8);
            if got == wanted {
                return Outcome::Pass;
            }
            fail(wanted, got)
        }
    }
}

fn fail(expected: String, got: String) -> Outcome {
    Outcome::Fail { expected, got }
}

fn told(refusal: &Refusal) -> String {
    let rule = refusal.rule.as_deref().unwrap_or_default();
    format!("refusal {} by `{rule}`: {}", refusal.code, refusal.detail)
}
