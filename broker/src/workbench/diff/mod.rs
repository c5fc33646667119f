//! Two policies over clients and topics: what is allowed now and was not, what is denied now and was not. Pure but for the components' calls.
//!
//! Each client is proved to both policies by a stand-in in the same form, so that both say the same of its client id; then every topic of the corpus
//! is asked as a PUBLISH, a SUBSCRIBE and a delivery at `QoS` 0 and 1. Payloads are not shown to the components: that both inspect is the
//! same. Who may not connect under one of them has no accesses to compare: that is one difference. A corpus is no proof: what is in nobody's pattern,
//! case or log is not asked.
//!
//! Bounds: [`TOPICS_MAX`](corpus::TOPICS_MAX) topics per client, [`EXAMPLES_MAX`] differences of each kind; counts are whole.

pub mod corpus;
#[cfg(test)]
mod tests;

use super::Failure;
use super::access;
use super::difference::{self, Difference, Kind};
use super::shape;
use super::stand_in::{NoPrincipal, Proven, Prover};
use crate::contract::{Refusal, Rule, Subject, UtcMs};
use crate::decision::Action;
use crate::grant::Grant;
use crate::policy::Generation;
use crate::policy::cases::Sample;
use crate::policy::shadow::{Granted, Said};
use serde::Serialize;
use std::collections::BTreeMap;

/// Differences of one kind that are kept.
pub const EXAMPLES_MAX: usize = 200;

/// What came out, counts first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Clients that could be asked about.
    pub clients: u64,
    /// CONNECTs and accesses that both decided.
    pub asked: u64,
    /// Of these, decided alike.
    pub same: u64,
    /// Denied by the old one, allowed by the new one.
    pub newly_allowed: u64,
    /// Allowed by the old one, denied by the new one.
    pub newly_denied: u64,
    /// Other codes, `QoS`, inspection.
    pub other: u64,
    /// Clients that get other limits, greetings, …
    pub grants: u64,
    /// The inboxes are not the same.
    pub inboxes: bool,
    /// Clients that nobody could prove to either policy, with one of them and why.
    pub unproven: u64,
    /// The first of those.
    pub first_unproven: Option<String>,
    /// Clients whose corpus was cut.
    pub cut: u64,
    /// The first [`EXAMPLES_MAX`] of each kind, newly allowed first.
    pub differences: Vec<Difference>,
}

/// Both policies.
pub struct Diff<'d> {
    old: Prover<'d>,
    new: Prover<'d>,
    generations: [&'d Generation; 2],
    samples: &'d [Sample],
    /// Topics that are asked for every client.
    topics: &'d [String],
    now: UtcMs,
    report: Report,
    examples: BTreeMap<Kind, Vec<Difference>>,
}

/// What one policy makes of one client.
enum Judged {
    Granted(Box<(Proven, Vec<Rule>, Grant)>),
    Refused(Refusal),
    Unproven(NoPrincipal),
}

impl<'d> Diff<'d> {
    /// Nobody is asked yet. `samples`: of both policies; `topics`: of a log.
    pub fn new(
        [old, new]: [&'d Generation; 2],
        samples: &'d [Sample],
        topics: &'d [String],
        now: UtcMs,
    ) -> Self {
        Self {
            old: Prover::new(old),
            new: Prover::new(new),
            generations: [old, new],
            samples,
            topics,
            now,
            report: Report {
                inboxes: old.inboxes().templates != new.inboxes().templates,
                ..Report::default()
            },
            examples: BTreeMap::new(),
        }
    }

    /// Compares what both make of one client. Blocks.
    ///
    /// # Errors
    ///
    /// A component fails.
    pub fn client(&mut self, subject: &Subject) -> Result<(), Failure> {
        let Some(client) = &subject.client else {
            return Ok(());
        };
        let connects = shape::connects(self.samples, client);
        let [old, new] = self.generations;
        let old = judge(old, &mut self.old, subject, &connects, self.now)?;
        let new = judge(new, &mut self.new, subject, &connects, self.now)?;
        let id = client.id.as_str();
        match (old, new) {
            (Judged::Unproven(why), Judged::Unproven(_)) => {
                self.report.unproven += 1;
                self.report
                    .first_unproven
                    .get_or_insert_with(|| why.to_string());
                return Ok(());
            }
            (Judged::Granted(old), Judged::Granted(new)) => {
                self.grants(id, &old, &new);
                self.accesses(subject, &old, &new);
            }
            (old, new) => self.connects(id, &said(&old), &said(&new)),
        }
        self.report.clients += 1;
        Ok(())
    }

    /// What came out.
    pub fn report(self) -> Report {
        let differences = self.examples.into_values().flatten();
        Report {
            differences: differences.collect(),
            ..self.report
        }
    }

    fn connects(&mut self, client: &str, old: &Said, new: &Said) {
        let is_same = (old.verdict, old.code) == (new.verdict, new.code);
        let told = || Difference {
            kind: difference::kind(old, new),
            client: client.to_owned(),
            action: Action::Connect.name().to_owned(),
            topic: None,
            qos: None,
            old: old.clone(),
            new: new.clone(),
        };
        self.count(is_same, told);
    }

    fn grants(&mut self, client: &str, old: &Both, new: &Both) {
        let ((old, _, old_grant), (new, _, new_grant)) = (old, new);
        let one = Granted::of(&old.principal, old_grant, &old.connect);
        let other = Granted::of(&new.principal, new_grant, &new.connect);
        let unlike = one.unlike(&other);
        let told = || {
            let (old, new) = unlike.clone().unwrap_or_default();
            Difference {
                kind: Kind::Grant,
                client: client.to_owned(),
                action: Action::Connect.name().to_owned(),
                topic: None,
                qos: None,
                old: difference::let_in(Some(old)),
                new: difference::let_in(Some(new)),
            }
        };
        self.count(unlike.is_none(), told);
    }

    fn accesses(&mut self, subject: &Subject, old: &Both, new: &Both) {
        let Some(client) = &subject.client else {
            return;
        };
        let ((_, old_rules, old), (_, new_rules, new)) = (old, new);
        let rules = old_rules.iter().chain(new_rules);
        let (topics, is_cut) = corpus::topics(self.samples, client, rules, self.topics);
        self.report.cut += u64::from(is_cut);
        for access in topics.iter().flat_map(|topic| corpus::accesses(topic)) {
            let (one, other) = (access::effect(old, &access), access::effect(new, &access));
            let told = || {
                let name = |grant: &Grant, rule: Option<u16>| {
                    rule.map_or(String::new(), |rule| grant.rule_name(rule).to_owned())
                };
                let old = difference::of_rules(&one, &name(old, one.rule));
                let new = difference::of_rules(&other, &name(new, other.rule));
                Difference {
                    kind: difference::kind(&old, &new),
                    client: client.id.clone(),
                    action: access.action.name().to_owned(),
                    topic: Some(access.topic.clone()),
                    qos: Some(access.qos as u8),
                    old,
                    new,
                }
            };
            self.count(one.noticed() == other.noticed(), told);
        }
    }

    fn count(&mut self, is_same: bool, told: impl FnOnce() -> Difference) {
        self.report.asked += 1;
        if is_same {
            self.report.same += 1;
            return;
        }
        let told = told();
        let counter = match told.kind {
            Kind::NewlyAllowed => &mut self.report.newly_allowed,
            Kind::NewlyDenied => &mut self.report.newly_denied,
            Kind::Grant => &mut self.report.grants,
            Kind::Other => &mut self.report.other,
        };
        *counter += 1;
        let kept = self.examples.entry(told.kind).or_default();
        if kept.len() < EXAMPLES_MAX {
            kept.push(told);
        }
    }
}

type Both = (Proven, Vec<Rule>, Grant);

fn judge(
    generation: &Generation,
    prover: &mut Prover<'_>,
    subject: &Subject,
    connects: &[crate::contract::Connect],
    now: UtcMs,
) -> Result<Judged, Failure> {
    let standing = match prover.prove(subject, connects) {
        Ok(standing) => standing,
        Err(Failure::NoPrincipal(why)) => return Ok(Judged::Unproven(why)),
        Err(failure) => return Err(failure),
    };
    if let Some(refusal) = standing.refused {
        return Ok(Judged::Refused(refusal));
    }
    let client = standing.proven;
    Ok(match client.authorize(generation, now)? {
        Err(refusal) => Judged::Refused(refusal),
        Ok((rules, grant)) => Judged::Granted(Box::new((client, rules, grant))),
    })
}

/// Of a client that nobody proves nothing is known: that differs from whatever the other says.
fn said(judged: &Judged) -> Said {
    match judged {
        Judged::Granted(_) => difference::let_in(None),
        Judged::Refused(refusal) => difference::refused(refusal),
        Judged::Unproven(why) => Said {
            verdict: "unknown",
            detail: Some(why.to_string()),
            ..Said::default()
        },
    }
}

impl Report {
    /// Nothing is different.
    pub fn is_same(&self) -> bool {
        self.asked == self.same && !self.inboxes
    }
}
