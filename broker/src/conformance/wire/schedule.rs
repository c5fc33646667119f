//! Who plays which role, and when: cases that share no identity run at the same time.
//!
//! A case starts when every role that it needs has somebody free; a role that the identities do not have at all makes it a skip, with the
//! role as its reason. No case waits while it holds an identity, so none can wait for ever.

use super::dial::Dialer;
use super::format::WireCase;
use super::reading::{GIVEN, Read};
use super::run::Run;
use super::template::Texts;
use crate::conformance::identities::{Identities, Identity, Signature, hour};
use crate::conformance::{About, CaseResult, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::{OffsetDateTime, macros::format_description};
use tokio::task::JoinSet;

/// More would only make a small machine late.
pub(super) const AT_ONCE: usize = 8;

type Who = BTreeMap<String, Arc<Identity>>;

struct Ended {
    at: usize,
    result: CaseResult,
    busy: Vec<String>,
}

/// Runs them all; results come in the order of the cases.
pub(super) async fn all(
    dialer: Arc<Dialer>,
    identities: &Identities,
    patience: Duration,
    cases: Vec<Read>,
) -> Vec<CaseResult> {
    let run = random();
    let mut results: BTreeMap<usize, CaseResult> = BTreeMap::new();
    let mut waiting = Vec::new();
    for (at, read) in cases.into_iter().enumerate() {
        match ready(&read, identities) {
            Ok(()) => waiting.push((at, read)),
            Err(outcome) => {
                results.insert(at, result(read.about, outcome));
            }
        }
    }
    let mut busy: BTreeSet<String> = BTreeSet::new();
    let mut running: JoinSet<Ended> = JoinSet::new();
    loop {
        let mut at = 0;
        while running.len() < AT_ONCE
            && let Some((number, read)) = waiting.get(at)
        {
            let Some(who) = cast(read, identities, &busy) else {
                at += 1;
                continue;
            };
            let names: Vec<_> = who
                .values()
                .filter(|identity| !identity.shared)
                .map(|identity| identity.label.clone())
                .collect();
            busy.extend(names.iter().cloned());
            let number = *number;
            let (_, read) = waiting.remove(at);
            results.insert(number, result(read.about.clone(), broken_down()));
            let texts = texts(&run, number, &who);
            let dialer = Arc::clone(&dialer);
            running.spawn(play(dialer, patience, read, who, texts, names, number));
        }
        match running.join_next().await {
            None => break,
            Some(Ok(ended)) => {
                for name in &ended.busy {
                    busy.remove(name);
                }
                results.insert(ended.at, ended.result);
            }
            // A case that broke down has its result already, and its identities stay busy: nobody knows what it left behind.
            Some(Err(_)) => {}
        }
    }
    for (at, read) in waiting {
        let cause = "it never got its identities: a case before it has broken down".to_owned();
        results.insert(at, result(read.about, Outcome::Error { cause }));
    }
    results.into_values().collect()
}

/// What stands until a case has ended.
fn broken_down() -> Outcome {
    Outcome::Error {
        cause: "the harness itself has broken down in this case".into(),
    }
}

/// What is known before anything runs.
fn ready(read: &Read, identities: &Identities) -> Result<(), Outcome> {
    let case = match &read.case {
        Ok(case) => case,
        Err(cause) => {
            return Err(Outcome::Error {
                cause: cause.clone(),
            });
        }
    };
    let missing: Vec<_> = case
        .needs
        .iter()
        .filter(|role| identities.roles.get(*role).is_none_or(Vec::is_empty))
        .map(|role| format!("`{role}`"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let reason = format!("the identities have no {}", missing.join(" and no "));
    Err(Outcome::Skip { reason })
}

/// Somebody free for every role; different roles are different clients.
fn cast(read: &Read, identities: &Identities, busy: &BTreeSet<String>) -> Option<Who> {
    let case = read.case.as_ref().ok()?;
    let one = |role: &String| {
        let free = identities
            .roles
            .get(role)?
            .iter()
            .find(|one| !busy.contains(&one.label))?;
        Some((role.clone(), Arc::clone(free)))
    };
    case.needs.iter().map(one).collect()
}

async fn play(
    dialer: Arc<Dialer>,
    patience: Duration,
    read: Read,
    who: Who,
    texts: Texts,
    busy: Vec<String>,
    at: usize,
) -> Ended {
    let started = Instant::now();
    let outcome = match &read.case {
        Ok(case) => perform(&dialer, patience, case, who, texts).await,
        Err(cause) => Outcome::Error {
            cause: cause.clone(),
        },
    };
    let mut result = result(read.about, outcome);
    result.seconds = started.elapsed().as_secs_f64();
    Ended { at, result, busy }
}

async fn perform(
    dialer: &Dialer,
    patience: Duration,
    case: &WireCase,
    who: Who,
    mut texts: Texts,
) -> Outcome {
    texts.set("version", case.version.name());
    Run::new(dialer, patience, case, who, texts).outcome().await
}

fn result(about: About, outcome: Outcome) -> CaseResult {
    CaseResult {
        about,
        outcome,
        seconds: 0.0,
    }
}

/// Everything in them is new for every case of every run, so that neither disturbs another.
fn texts(run: &str, number: usize, who: &Who) -> Texts {
    let now = OffsetDateTime::now_utc();
    let stamp = hour(now);
    let mut texts = Texts::default();
    for name in GIVEN {
        let text = match name {
            "case" => format!("c{run}{number}"),
            "topic" => format!("conform/{run}/{number}"),
            "hour" => stamp.clone(),
            "uuid" => random() + &random(),
            "now" => event_time(now),
            // Counted and set while the case runs.
            _ => String::new(),
        };
        texts.set(name, text);
    }
    let signature = Signature { kind: 0, stamp };
    for (role, identity) in who {
        let mut set = |field: &str, text: String| texts.set(format!("{role}.{field}"), text);
        set("id", identity.id.clone());
        set("product", identity.product.clone());
        set("node", identity.node.clone());
        set(
            "client_id",
            identity.client_id(&signature, &format!("c{run}{number}-{role}")),
        );
        set(
            "username",
            identity.username().unwrap_or_default().to_owned(),
        );
        set(
            "password",
            identity.password(&signature).unwrap_or_default(),
        );
        set("secret", identity.secret().unwrap_or_default().to_owned());
        for (name, text) in &identity.facts {
            set(name, text.clone());
        }
    }
    texts
}

/// One of the forms that the vendor takes as `event_time`.
fn event_time(now: OffsetDateTime) -> String {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    now.format(form).unwrap_or_default()
}

/// 64 bits in hex. Without a source of randomness the clock serves: it is to be new, not secret.
fn random() -> String {
    let number = getrandom::u64().unwrap_or_else(|_| {
        let now = OffsetDateTime::now_utc().unix_timestamp_nanos();
        u64::try_from(now % i128::from(u64::MAX)).unwrap_or_default()
    });
    format!("{number:016x}")
}
