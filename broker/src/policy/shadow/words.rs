//! Answers and disagreements in the words of the report. Pure. Whatever a client or a component chose is cut to size.

use super::compare::{ALLOW, Answer, DENY, Not, effect};
use super::granted::{Granted, hex};
use super::report::{Disagreement, Kind, Said, shown};
use super::seen::{AccessSeen, ConnectSeen};
use crate::contract::{Lookup, Refusal};
use crate::decision::Action;
use crate::grant::{Decision, Grant};
use crate::policy::Fault;

const FAULT: &str = "fault";
/// The contract's codes.
const NOT_AUTHORIZED: u16 = 300;
const TOPIC_REFUSED: u16 = 400;

pub(super) fn of_decision(seen: &AccessSeen, decision: Decision, rule: &str) -> Said {
    let (verdict, qos) = effect(seen, decision);
    let is_denied = verdict == DENY;
    Said {
        verdict,
        code: is_denied.then_some(TOPIC_REFUSED),
        qos: qos.map(|qos| qos as u8),
        rule: (!rule.is_empty()).then(|| shown(rule)),
        detail: (is_denied && rule.is_empty()).then(|| "no rule matches".to_owned()),
    }
}

pub(super) fn of_outcome(outcome: &Result<Granted, Refusal>) -> Said {
    match outcome {
        Ok(granted) => let_in(granted),
        Err(refusal) => of_refusal(refusal),
    }
}

pub(super) fn of_answer(answer: &Answer<Granted>) -> Said {
    match answer {
        Ok(granted) => let_in(granted),
        Err(Not::Refused(refusal)) => of_refusal(refusal),
        Err(Not::Faulted(fault)) => of_fault(fault),
    }
}

fn let_in(granted: &Granted) -> Said {
    allowed(&format!("client-id `{}`", granted.client()))
}

pub(super) fn allowed(detail: &str) -> Said {
    Said {
        verdict: ALLOW,
        detail: Some(shown(detail)),
        ..Said::default()
    }
}

pub(super) fn of_refusal(refusal: &Refusal) -> Said {
    Said {
        verdict: DENY,
        code: Some(refusal.code),
        rule: refusal.rule.as_deref().map(shown),
        detail: Some(shown(&refusal.detail)),
        ..Said::default()
    }
}

pub(super) fn of_fault(fault: &Fault) -> Said {
    Said {
        verdict: FAULT,
        rule: Some(fault.kind().to_owned()),
        detail: Some(shown(&fault.to_string())),
        ..Said::default()
    }
}

pub(super) fn renamed(grant: &Grant) -> Said {
    let detail = format!(
        "the rules know this client by another canonical id: `{}`",
        grant.client_id
    );
    Said {
        verdict: DENY,
        code: Some(NOT_AUTHORIZED),
        detail: Some(shown(&detail)),
        ..Said::default()
    }
}

pub(super) fn with_lookup(said: Said, lookup: &Lookup) -> Said {
    let asks = match lookup {
        Lookup::Client(id) => format!("asks for the client `{id}`"),
        Lookup::Node(node) => format!("asks for the node `{node}`"),
        Lookup::ProductNode((product, node)) => {
            format!("asks for the node `{node}` of the product `{product}`")
        }
        Lookup::Fingerprint(print) => format!("asks for the fingerprint `{}`", hex(print)),
        Lookup::Serial((authority, serial)) => {
            format!("asks for the serial number `{serial}` of the authority `{authority}`")
        }
        Lookup::Application(name) => format!("asks for the application `{name}`"),
    };
    let detail = said.detail.map(|detail| format!("{asks}: {detail}"));
    Said {
        detail: Some(shown(&detail.unwrap_or(asks))),
        ..said
    }
}

pub(super) fn disagreement_on_connect(
    seen: &ConnectSeen,
    kind: Kind,
    active: Said,
    candidate: Said,
) -> Disagreement {
    let record = seen.found.as_ref().map(|found| &found.subject);
    let record = record.and_then(|subject| subject.client.as_ref());
    let client = match &seen.outcome {
        Ok(granted) => granted.client(),
        Err(_) => record.map_or("", |record| &record.id),
    };
    Disagreement {
        at: seen.connect.now,
        kind,
        action: Action::Connect.name(),
        client: shown(client),
        raw_client: shown(&seen.connect.client_id),
        product: record.map_or_else(String::new, |record| shown(&record.product)),
        topic: None,
        qos: None,
        active,
        candidate,
    }
}

pub(super) fn disagreement_on_access(
    seen: &AccessSeen,
    kind: Kind,
    active: Said,
    candidate: Said,
) -> Disagreement {
    Disagreement {
        at: seen.at,
        kind,
        action: seen.action.name(),
        client: shown(&seen.client),
        raw_client: shown(&seen.raw_client),
        product: shown(&seen.product),
        topic: Some(shown(&seen.topic)),
        qos: Some(seen.qos as u8),
        active,
        candidate,
    }
}
