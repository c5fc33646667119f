//! Whether candidate and active generation decide alike. Pure: two answers in, a disagreement or nothing out.
//!
//! What is compared is what a client would notice: in, out, or by which code; allowed, inspected or denied, and at which `QoS`. Words, and the names of
//! rules, are shown and never compared.

use super::granted::Granted;
use super::report::{Disagreement, Kind, Said};
use super::seen::{AccessSeen, ConnectSeen};
use super::words::{
    allowed, disagreement_on_access, disagreement_on_connect, of_answer, of_decision, of_fault,
    of_outcome, of_refusal, renamed, with_lookup,
};
use crate::contract::{Lookup, Qos, Refusal};
use crate::decision::Action;
use crate::grant::{Decision, Grant};
use crate::policy::Fault;

/// What a candidate grants, or why it does not.
pub(super) type Answer<T> = Result<T, Not>;

/// Why a candidate grants nothing.
#[derive(Debug)]
pub(super) enum Not {
    Refused(Refusal),
    Faulted(Fault),
}

pub(super) const ALLOW: &str = "allow";
pub(super) const INSPECT: &str = "inspect";
pub(super) const DENY: &str = "deny";

/// What the candidate makes of a CONNECT, beside what was made of it. `lookup` is the candidate's; none where it refused at once.
pub(super) fn connects(
    seen: &ConnectSeen,
    lookup: Option<&Lookup>,
    answer: &Answer<Granted>,
) -> Option<Disagreement> {
    let found = seen.found.as_ref().map(|found| &found.lookup);
    let (kind, active, candidate) = match (&seen.outcome, answer) {
        (active, Err(Not::Faulted(fault))) => (Kind::Fault, of_outcome(active), of_fault(fault)),
        (Err(active), Err(Not::Refused(refusal))) if active.code == refusal.code => return None,
        (active, answer) => match (found, lookup) {
            (Some(found), Some(lookup)) if found != lookup => (
                Kind::Lookup,
                with_lookup(of_outcome(active), found),
                with_lookup(of_answer(answer), lookup),
            ),
            _ => outcomes(active, answer)?,
        },
    };
    Some(disagreement_on_connect(seen, kind, active, candidate))
}

fn outcomes(
    active: &Result<Granted, Refusal>,
    answer: &Answer<Granted>,
) -> Option<(Kind, Said, Said)> {
    let (kind, own, others) = match (active, answer) {
        (Ok(active), Ok(granted)) => {
            let (own, others) = active.unlike(granted)?;
            return Some((Kind::Grant, allowed(&own), allowed(&others)));
        }
        (Err(active), Err(Not::Refused(refusal))) => {
            (Kind::Code, of_refusal(active), of_refusal(refusal))
        }
        _ => (Kind::Verdict, of_outcome(active), of_answer(answer)),
    };
    Some((kind, own, others))
}

/// What the candidate's grant for the session makes of an access, beside what was made of it.
pub(super) fn accesses(seen: &AccessSeen, answer: &Answer<Grant>) -> Option<Disagreement> {
    let active = of_decision(seen, seen.decision, &seen.rule);
    let (kind, candidate) = match answer {
        Err(Not::Faulted(fault)) => (Kind::Fault, of_fault(fault)),
        Err(Not::Refused(refusal)) => (Kind::SessionRefused, of_refusal(refusal)),
        // As for any live session: see `session::judge`.
        Ok(grant) if grant.client_id != seen.client => (Kind::SessionRefused, renamed(grant)),
        Ok(grant) => {
            let decision = decide(grant, seen);
            let candidate = of_decision(seen, decision, rule_of(grant, decision));
            let kind = match (effect(seen, seen.decision), effect(seen, decision)) {
                (one, other) if one == other => return None,
                ((one, _), (other, _)) if one == other => Kind::Qos,
                _ => Kind::Verdict,
            };
            (kind, candidate)
        }
    };
    Some(disagreement_on_access(seen, kind, active, candidate))
}

/// Whether a grant decides an access as it was decided.
pub(super) fn decides_alike(grant: &Grant, seen: &AccessSeen) -> bool {
    effect(seen, decide(grant, seen)) == effect(seen, seen.decision)
}

fn decide(grant: &Grant, seen: &AccessSeen) -> Decision {
    match seen.action {
        Action::Subscribe => grant.subscribe(&seen.topic),
        Action::Receive => grant.receive(&seen.topic),
        _ => grant.publish(&seen.topic, seen.qos),
    }
}

/// What a client notices of a decision. A publication's `QoS` is its sender's; a subscription and a delivery get the rule's at most.
pub(super) fn effect(seen: &AccessSeen, decision: Decision) -> (&'static str, Option<Qos>) {
    let (verdict, max_qos) = match decision {
        Decision::Allow { max_qos, .. } => (ALLOW, max_qos),
        Decision::Inspect { max_qos, .. } => (INSPECT, max_qos),
        Decision::Deny { .. } => return (DENY, None),
    };
    let is_lowered = matches!(seen.action, Action::Subscribe | Action::Receive);
    (verdict, is_lowered.then(|| seen.qos.min(max_qos)))
}

fn rule_of(grant: &Grant, decision: Decision) -> &str {
    match decision {
        Decision::Allow { rule, .. } | Decision::Inspect { rule, .. } => grant.rule_name(rule),
        Decision::Deny { rule } => rule.map_or("", |rule| grant.rule_name(rule)),
    }
}

impl Not {
    /// Not the candidate's own doing, as in its counts.
    pub(super) fn is_the_hosts(&self) -> bool {
        matches!(self, Self::Faulted(Fault::Busy { .. } | Fault::Host { .. }))
    }
}

impl From<Refusal> for Not {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Not {
    fn from(fault: Fault) -> Self {
        Self::Faulted(fault)
    }
}
