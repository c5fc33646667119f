//! What was said of a line then, and what is said of it now. Pure.

use super::super::access::{self, Access};
use super::super::difference::{let_in, of_rules, refused};
use super::super::logged::CUT;
use super::Reason;
use super::line::Decision;
use crate::contract::{Qos, Refusal};
use crate::decision::{Action, Source, Stage, Verdict};
use crate::grant::Grant;
use crate::policy::shadow::Said;

/// The contract's codes of those that have proved themselves.
const NOT_AUTHORIZED: u16 = 300;
const FROZEN: u16 = 301;
const REPLACED: u16 = 306;

/// What the policy makes of one client.
pub(super) enum Known {
    Granted(Box<Grant>),
    Refused(Refusal),
    Not(Reason),
}

/// What is said of a line now.
pub(super) enum Judged {
    Said(Said),
    Not(Reason),
}

pub(super) fn is_of_connect(action: Action) -> bool {
    matches!(action, Action::Connect | Action::Judge)
}

/// What no policy can say again of such a line.
pub(super) fn not_to_be_judged(decision: &Decision) -> Option<Reason> {
    let texts = [&decision.topic, &decision.record, &decision.raw_client];
    let is_cut = texts.into_iter().flatten().any(|text| text.len() >= CUT);
    let lacks_topic = !is_of_connect(decision.action) && decision.topic.is_none();
    let lacks_qos = decision.qos.is_some_and(|qos| qos > 2);
    match decision {
        _ if lacks_topic || lacks_qos => Some(Reason::Unreadable),
        _ if decision.verdict == Verdict::Fault => Some(Reason::Fault),
        _ if decision.source == Source::Host => Some(Reason::Host),
        _ if is_cut => Some(Reason::TextCut),
        _ if is_of_connect(decision.action) && decision.verdict == Verdict::Deny => {
            by_claim(decision)
        }
        _ => None,
    }
    .or_else(|| decision.record.is_none().then_some(Reason::NoRecord))
}

/// Of a refused CONNECT: whether more than the record decided.
fn by_claim(decision: &Decision) -> Option<Reason> {
    match (decision.stage, decision.code) {
        (_, Some(REPLACED)) if decision.action == Action::Judge => Some(Reason::CredentialReplaced),
        (Some(Stage::Authorize), _)
        | (Some(Stage::Authenticate), Some(NOT_AUTHORIZED | FROZEN | REPLACED..)) => None,
        _ => Some(Reason::NoClaim),
    }
}

pub(super) fn judged(decision: &Decision, known: &Known) -> Judged {
    let grant = match known {
        Known::Not(reason) => return Judged::Not(*reason),
        Known::Refused(refusal) => return Judged::Said(refused(refusal)),
        Known::Granted(grant) => grant,
    };
    if is_of_connect(decision.action) {
        return Judged::Said(let_in(None));
    }
    let access = Access {
        action: decision.action,
        topic: decision.topic.clone().unwrap_or_default(),
        qos: match decision.qos {
            Some(2) => Qos::ExactlyOnce,
            Some(1) => Qos::AtLeastOnce,
            _ => Qos::AtMostOnce,
        },
    };
    let effect = access::effect(grant, &access);
    if effect.verdict == "inspect" {
        return Judged::Not(Reason::NeedsPayload);
    }
    let rule = effect.rule.map_or("", |rule| grant.rule_name(rule));
    // The line does not hold what was granted.
    Judged::Said(Said {
        qos: None,
        ..of_rules(&effect, rule)
    })
}

pub(super) fn then(decision: &Decision) -> Said {
    Said {
        verdict: decision.verdict.name(),
        code: decision.code,
        qos: None,
        rule: decision.rule.clone(),
        detail: decision.detail.clone(),
    }
}
