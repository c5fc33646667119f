//! The task of a shadow: takes one decision after another, asks the candidate, and counts what came out.
//!
//! A false disagreement would reject a candidate that is right. So an access on which both disagree is asked again of both, on one record and at one
//! time, and only what the active generation still decides as it was shown counts; all else is outdated. CONNECTs bring the record that they
//! were judged by. Bounded by the deadlines of the calls: at most three of them for one decision.

use super::Waiting;
use super::compare::{self, Answer, Not};
use super::granted::Granted;
use super::grants::{Grants, Held, size};
use super::report::{Disagreement, Skipped};
use super::score::Score;
use super::seen::{AccessSeen, ConnectSeen, Seen};
use crate::contract::{Lookup, Refusal, Subject};
use crate::grant::Grant;
use crate::policy::{Fault, Generation};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Notify, mpsc};

/// A comparison: nothing where both decide alike.
type Compared = Result<Option<Disagreement>, Skipped>;

pub(super) struct Asking {
    candidate: Arc<Generation>,
    active: Arc<Generation>,
    grants: Grants,
    score: Arc<Score>,
    troubled: Arc<Notify>,
}

impl Asking {
    pub(super) fn new(
        candidate: &Arc<Generation>,
        active: &Arc<Generation>,
        score: &Arc<Score>,
        troubled: &Arc<Notify>,
    ) -> Self {
        Self {
            candidate: Arc::clone(candidate),
            active: Arc::clone(active),
            grants: Grants::default(),
            score: Arc::clone(score),
            troubled: Arc::clone(troubled),
        }
    }

    /// Until nobody shows anything any more.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        while let Some(Waiting { seen, room }) = queue.recv().await {
            let compared = match &seen {
                Seen::Connect(seen) => self.connect(seen).await,
                Seen::Access(seen) => self.access(seen).await,
            };
            match compared {
                Ok(None) => self.score.agreed(),
                Ok(Some(disagreement)) => {
                    self.score.disagreed(disagreement);
                    self.troubled.notify_one();
                }
                Err(why) => self.score.skip(why),
            }
            drop(room);
        }
    }

    async fn connect(&self, seen: &ConnectSeen) -> Compared {
        let mut lookup = None;
        let answer = self.judge(seen, &mut lookup).await;
        let answer = by_the_candidate(answer)?;
        Ok(compare::connects(seen, lookup.as_ref(), &answer))
    }

    /// As `session::admission` does it, but that nothing is stored.
    async fn judge(&self, seen: &ConnectSeen, asked: &mut Option<Lookup>) -> Answer<Granted> {
        let candidate = &self.candidate;
        let lookup = asked.insert(candidate.identify(&seen.connect).await??);
        let other;
        let subject = match &seen.found {
            Some(found) if found.lookup == *lookup => &found.subject,
            _ => {
                other = find(seen, lookup.clone()).await?;
                &other
            }
        };
        let principal = candidate.authenticate(&seen.connect, subject).await??;
        let grant = candidate.authorize(&principal, subject, seen.now).await??;
        let grant = Grant::compile(grant, candidate.inboxes(), subject).map_err(Fault::from)?;
        Ok(Granted::of(&principal, &grant, &seen.connect))
    }

    async fn access(&mut self, seen: &AccessSeen) -> Compared {
        if self.held(seen).is_none() {
            let held = self.authorize(seen).await?;
            self.grants.put(&seen.client, held);
        }
        let Some(held) = self.held(seen) else {
            return Err(Skipped::NoAnswer);
        };
        let disagreement = compare::accesses(seen, &held.candidate);
        let is_sure = held.active.is_some() || matches!(held.candidate, Err(Not::Faulted(_)));
        if disagreement.is_some() && !is_sure {
            let held = self.authorize_both(seen).await?;
            self.grants.put(&seen.client, held);
        }
        match self.held(seen) {
            Some(held) => confirmed(seen, held),
            None => Err(Skipped::NoAnswer),
        }
    }

    fn held(&self, seen: &AccessSeen) -> Option<&Held> {
        self.grants.get(&seen.client, seen.grant, Instant::now())
    }

    /// What a swap would do to the session now.
    async fn authorize(&self, seen: &AccessSeen) -> Result<Held, Skipped> {
        let inboxes = Arc::clone(self.candidate.inboxes());
        let candidate = self
            .candidate
            .authorize_read(
                &seen.principal,
                seen.at,
                read(seen),
                move |grant, subject| {
                    let bytes = size(&grant);
                    Ok((Grant::compile(grant, &inboxes, &subject)?, bytes))
                },
            )
            .await;
        let candidate = by_the_candidate(flat(candidate))?;
        Ok(held(seen, candidate, None))
    }

    /// What both would do to it on one record.
    async fn authorize_both(&self, seen: &AccessSeen) -> Result<Held, Skipped> {
        let inboxes = Arc::clone(self.active.inboxes());
        let active = self
            .active
            .authorize_read(
                &seen.principal,
                seen.at,
                read(seen),
                move |grant, subject| {
                    let bytes = size(&grant);
                    let grant = Grant::compile(grant, &inboxes, &subject)?;
                    Ok((grant, bytes, subject))
                },
            )
            .await;
        let (active, bytes, subject) = match active {
            Ok(Ok(granted)) => granted,
            Ok(Err(_)) => return Err(Skipped::Outdated),
            Err(_) => return Err(Skipped::NoAnswer),
        };
        let candidate = self.candidate.authorize(&seen.principal, &subject, seen.at);
        let compiled = flat(candidate.await).and_then(|grant| {
            let bytes = size(&grant);
            let compiled = Grant::compile(grant, self.candidate.inboxes(), &subject);
            Ok((compiled.map_err(Fault::from)?, bytes))
        });
        let candidate = by_the_candidate(compiled)?;
        Ok(held(seen, candidate, Some((active, bytes))))
    }
}

/// A disagreement counts where the active generation decides on the same record as it was shown.
fn confirmed(seen: &AccessSeen, held: &Held) -> Compared {
    let Some(disagreement) = compare::accesses(seen, &held.candidate) else {
        return Ok(None);
    };
    match &held.active {
        Some(active) if !compare::decides_alike(active, seen) => Err(Skipped::Outdated),
        _ => Ok(Some(disagreement)),
    }
}

fn held(
    seen: &AccessSeen,
    candidate: Answer<(Grant, usize)>,
    active: Option<(Grant, usize)>,
) -> Held {
    let of = |granted: Option<&(Grant, usize)>| granted.map_or(0, |(_, bytes)| *bytes);
    let bytes = of(candidate.as_ref().ok()) + of(active.as_ref());
    Held {
        number: seen.grant,
        since: Instant::now(),
        candidate: candidate.map(|(grant, _)| grant),
        active: active.map(|(grant, _)| grant),
        // Also of what grants nothing.
        bytes: bytes + seen.client.len() + 1_024,
    }
}

fn flat<T>(answer: Result<Result<T, Refusal>, Fault>) -> Answer<T> {
    Ok(answer??)
}

/// What the host failed is nobody's answer.
fn by_the_candidate<T>(answer: Answer<T>) -> Result<Answer<T>, Skipped> {
    match answer {
        Err(not) if not.is_the_hosts() => Err(Skipped::NoAnswer),
        answer => Ok(answer),
    }
}

fn read(seen: &AccessSeen) -> impl FnOnce() -> Result<Subject, String> + Send + 'static {
    let (records, id) = (Arc::clone(&seen.records), seen.principal.id.clone());
    move || records.subject(&id)
}

async fn find(seen: &ConnectSeen, lookup: Lookup) -> Result<Subject, Fault> {
    let records = Arc::clone(&seen.records);
    let found = tokio::task::spawn_blocking(move || records.find(&lookup)).await;
    let found = found.unwrap_or_else(|error| Err(error.to_string()));
    found.map_err(|cause| Fault::Host {
        call: "identify",
        cause,
    })
}
