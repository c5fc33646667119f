//! A decision log judged again by another policy, line by line. Pure but for the component's calls and its two sources, the log and the records.
//!
//! A line holds what was asked and what came out, and no credential: its client is proved by a stand-in in the record as it is registered now, with the
//! client id that was sent. Accesses are asked of the grant of that client. Of CONNECTs only what a record decides is judged: what failed by the
//! claim itself (a wrong password, an unknown id) needs the claim. Alike is what the client notices alike: the verdict, and the code of a denial.
//!
//! Bounds: one line in memory ([`LINE_MAX`](lines::LINE_MAX)), 1 000 clients, as many differences as the caller wants; counts are whole.
//! A line that cannot be judged is counted with its [`Reason`]; a fault of the component ends the replay.

mod judged;
mod line;
pub mod lines;
mod report;
#[cfg(test)]
mod tests;

pub use report::{Difference, Reason, Report};

use super::Failure;
use super::shape;
use super::stand_in::Prover;
use crate::contract::{Client, Connect, Subject, UtcMs};
use crate::policy::Generation;
use crate::policy::cases::Sample;
use crate::policy::shadow::Said;
use judged::{Judged, Known, is_of_connect, judged, not_to_be_judged, then};
use line::{Decision, Entry};
use std::collections::HashMap;
use std::io::{self, BufRead};

/// Clients whose grants are kept: with 30 rules each some 10 MiB, at the contract's limits some 200 MiB. Then all are asked anew.
const KNOWN_MAX: usize = 1_000;
/// Why a replay ends.
#[derive(Debug, thiserror::Error)]
pub enum Stopped<E> {
    /// The log cannot be read on.
    #[error("{0}")]
    Log(#[from] io::Error),
    /// A record cannot be read.
    #[error("a record cannot be read")]
    Record(E),
    /// The component fails.
    #[error(transparent)]
    Policy(Failure),
    /// Nobody said whose decisions are meant.
    #[error("the log holds decisions of `{0}` and of `{1}`")]
    Policies(String, String),
}

/// The policy that judges, and what is asked of it.
pub struct Replay<'r> {
    generation: &'r Generation,
    prover: Prover<'r>,
    samples: &'r [Sample],
    /// Whose decisions are meant.
    policy: Option<String>,
    is_policy_given: bool,
    most: usize,
    now: UtcMs,
    known: HashMap<(String, Option<String>), Known>,
    report: Report,
}

impl<'r> Replay<'r> {
    /// Nothing is read yet. `policy`: whose lines are meant; `most`: differences that are kept.
    pub fn new(
        generation: &'r Generation,
        samples: &'r [Sample],
        policy: Option<&str>,
        most: usize,
        now: UtcMs,
    ) -> Self {
        Self {
            generation,
            prover: Prover::new(generation),
            samples,
            policy: policy.map(str::to_owned),
            is_policy_given: policy.is_some(),
            most,
            now,
            known: HashMap::new(),
            report: Report::default(),
        }
    }

    /// Judges every line. Blocks. `record`: what is registered under an id.
    ///
    /// # Errors
    ///
    /// See [`Stopped`].
    pub fn run<E>(
        mut self,
        log: &mut dyn BufRead,
        mut record: impl FnMut(&str) -> Result<Subject, E>,
    ) -> Result<Report, Stopped<E>> {
        let (mut text, mut number) = (Vec::new(), 0);
        while let Some(is_whole) = lines::next(log, &mut text)? {
            number += 1;
            if is_whole && text.trim_ascii().is_empty() {
                continue;
            }
            self.report.lines += 1;
            match line::read(&text).filter(|_| is_whole) {
                None => self.report.skip(number, Reason::Unreadable),
                Some(Entry::Gap(lost)) => {
                    self.report.lost = self.report.lost.saturating_add(lost);
                    self.report.skip(number, Reason::Gap);
                }
                Some(Entry::Decision(decision)) => self.decision(number, &decision, &mut record)?,
            }
        }
        Ok(self.report)
    }

    fn decision<E>(
        &mut self,
        number: u64,
        decision: &Decision,
        record: &mut impl FnMut(&str) -> Result<Subject, E>,
    ) -> Result<(), Stopped<E>> {
        if !self.is_meant(decision)? {
            self.report.skip(number, Reason::OtherPolicy);
            return Ok(());
        }
        if let Some(reason) = not_to_be_judged(decision) {
            self.report.skip(number, reason);
            return Ok(());
        }
        let judged = judged(decision, self.known(decision, record)?);
        match judged {
            Judged::Not(reason) => self.report.skip(number, reason),
            Judged::Said(now) => self.compare(number, decision, now),
        }
        Ok(())
    }

    /// Where nobody was named, all lines must be of one policy.
    fn is_meant<E>(&mut self, decision: &Decision) -> Result<bool, Stopped<E>> {
        let Some(wanted) = &self.policy else {
            self.policy.clone_from(&decision.policy);
            return Ok(true);
        };
        match &decision.policy {
            Some(other) if other != wanted && !self.is_policy_given => {
                Err(Stopped::Policies(wanted.clone(), other.clone()))
            }
            Some(other) => Ok(other == wanted),
            None => Ok(!self.is_policy_given),
        }
    }

    fn known<E>(
        &mut self,
        decision: &Decision,
        record: &mut impl FnMut(&str) -> Result<Subject, E>,
    ) -> Result<&Known, Stopped<E>> {
        let id = decision.record.clone().unwrap_or_default();
        let key = (id, decision.raw_client.clone());
        if !self.known.contains_key(&key) {
            if self.known.len() >= KNOWN_MAX {
                self.known.clear();
            }
            let subject = record(&key.0).map_err(Stopped::Record)?;
            let known = self.ask(&subject, key.1.as_deref());
            self.known
                .insert(key.clone(), known.map_err(Stopped::Policy)?);
        }
        Ok(self
            .known
            .get(&key)
            .unwrap_or(&Known::Not(Reason::NoRecord)))
    }

    fn ask(&mut self, subject: &Subject, raw_client: Option<&str>) -> Result<Known, Failure> {
        let Some(client) = &subject.client else {
            return Ok(Known::Not(Reason::NoRecord));
        };
        let connects = connects(self.samples, client, raw_client);
        let standing = match self.prover.prove(subject, &connects) {
            Ok(standing) => standing,
            Err(Failure::NoPrincipal(_)) => return Ok(Known::Not(Reason::NoPrincipal)),
            Err(failure) => return Err(failure),
        };
        if let Some(refusal) = standing.refused {
            return Ok(Known::Refused(refusal));
        }
        let granted = standing.proven.authorize(self.generation, self.now)?;
        Ok(match granted {
            Err(refusal) => Known::Refused(refusal),
            Ok((_, grant)) => Known::Granted(Box::new(grant)),
        })
    }

    fn compare(&mut self, number: u64, decision: &Decision, now: Said) {
        let then = then(decision);
        let report = &mut self.report;
        report.by_record += u64::from(is_of_connect(decision.action));
        let noticed = |said: &Said| (said.verdict, said.code.filter(|_| said.verdict == "deny"));
        if noticed(&then) == noticed(&now) {
            report.same += 1;
            // Of a CONNECT that is let in no rule is told.
            let is_told = !is_of_connect(decision.action) || then.verdict == "deny";
            report.by_another_rule += u64::from(is_told && then.rule != now.rule);
            return;
        }
        report.different += 1;
        if report.differences.len() < self.most {
            let client = decision.client.as_ref().or(decision.record.as_ref());
            report.differences.push(Difference {
                line: number,
                client: client.cloned().unwrap_or_default(),
                action: decision.action.name(),
                topic: decision.topic.clone(),
                qos: decision.qos,
                then,
                now,
            });
        }
    }
}

/// The CONNECTs that this client may have sent: those with the client id that it sent come first.
fn connects(samples: &[Sample], client: &Client, raw_client: Option<&str>) -> Vec<Connect> {
    let shaped = shape::connects(samples, client);
    let mut connects: Vec<Connect> = Vec::new();
    let as_sent = raw_client.into_iter().flat_map(|sent| {
        shaped.iter().map(|connect| Connect {
            client_id: sent.to_owned(),
            ..connect.clone()
        })
    });
    for connect in as_sent {
        if !connects
            .iter()
            .any(|known| known.username == connect.username)
        {
            connects.push(connect);
        }
    }
    connects.extend(shaped);
    connects
}
