//! What would change a verdict, in sentences for a person. Pure.

use super::{Connected, Explanation, Near, Told};
use crate::contract::{self, Client, Status};
use crate::decision::Action;
use crate::grant::Grant;
use crate::grant::trace::Fit;
use crate::workbench::access::{self, Access, Effect, TOPIC_TOO_LONG};

const DIRECTION: u16 = 401;

/// Of a client that may not connect.
pub(super) fn of_refusal(connect: &Connected, client: Option<&Client>) -> String {
    let status = client.map(|client| client.status);
    match (status, client.and_then(|client| client.gateway.as_deref())) {
        (Some(Status::Frozen), _) => "the record's `status` is `frozen`: unfreeze it".to_owned(),
        (Some(Status::Inactive), _) => {
            "the record's `status` is `inactive`: activate it".to_owned()
        }
        (_, Some(gateway)) => {
            format!("the record is a sub-device of `{gateway}`, which speaks for it")
        }
        _ if connect.credential == "none" => {
            "the record has no credential: register one".to_owned()
        }
        _ => format!(
            "`{}` of the record or of the rules refuses it: mend that",
            connect.rule.as_deref().unwrap_or("something")
        ),
    }
}

/// Of an access.
pub(super) fn of_rules(
    explanation: &Explanation,
    effect: Effect,
    access: &Access,
    grant: &Grant,
) -> Vec<String> {
    let mut changes = Vec::new();
    if effect.code == Some(TOPIC_TOO_LONG) && effect.rule.is_none() {
        let longest = grant.limits.topic_max;
        changes.push(format!(
            "the grant's limit `topic-max` is {longest} bytes: shorten the topic, or raise it in the policy"
        ));
        return changes;
    }
    match &explanation.rule {
        Some(rule) => changes.push(without(rule, explanation.shadowed.first())),
        None => changes.extend(nothing_matches(explanation, access)),
    }
    if effect.code == Some(DIRECTION) {
        changes.extend(other_direction(access, grant));
    }
    if effect.verdict == "inspect"
        && explanation.payload.is_none()
        && access.action != Action::Subscribe
    {
        changes.push(
            "the component looks at each payload: give one with `--payload` to see what it says"
                .to_owned(),
        );
    }
    changes
}

/// The next match decides where the first is taken away.
fn without(rule: &Told, next: Option<&Told>) -> String {
    let then = match next {
        Some(next) if next.effect == rule.effect => {
            format!("the next match would say the same: {}", placed(next))
        }
        Some(next) => format!("the next match would {}: {}", next.effect, placed(next)),
        None => "nothing would match, and that is denied".to_owned(),
    };
    format!("without {} {then}", placed(rule))
}

fn nothing_matches(explanation: &Explanation, access: &Access) -> Vec<String> {
    let mut changes: Vec<String> = explanation
        .nearest
        .iter()
        .map(|near| in_the_way(near, access))
        .collect();
    changes.push(format!(
        "no rule matches, and that is denied: one that allows to {} `{}` would change it",
        access.action.name(),
        access.topic
    ));
    changes
}

fn in_the_way(near: &Near, access: &Access) -> String {
    let rule = placed(&near.rule);
    let (effect, pattern) = (near.rule.effect, &near.rule.pattern);
    match near.why {
        "qos" => format!(
            "{rule} would {effect} it at a lower QoS than {}",
            access.qos as u8
        ),
        "filter-too-wide" => format!(
            "{rule} covers a part of the filter: a SUBSCRIBE to `{pattern}` itself is allowed by it"
        ),
        "other-action" => format!(
            "{rule} has this topic, to {} only",
            actions(near.rule.actions)
        ),
        _ => format!("{rule} comes nearest by its pattern `{pattern}`"),
    }
}

fn other_direction(access: &Access, grant: &Grant) -> Option<String> {
    let other = if access.action == Action::Publish {
        Action::Receive
    } else {
        Action::Publish
    };
    let asked = Access {
        action: other,
        ..access.clone()
    };
    let effect = access::effect(grant, &asked);
    effect.is_allowed().then(|| {
        format!(
            "the other direction is allowed: the client may {} this topic",
            other.name()
        )
    })
}

fn placed(rule: &Told) -> String {
    match &rule.written {
        Some(written) => match written.line {
            Some(line) => format!("`{}` ({}:{line})", rule.name, written.document),
            None => format!("`{}` ({})", rule.name, written.document),
        },
        None => format!("`{}`", rule.name),
    }
}

pub(super) fn word(effect: contract::Effect) -> &'static str {
    match effect {
        contract::Effect::Allow => "allow",
        contract::Effect::Inspect => "inspect",
        contract::Effect::Deny => "deny",
    }
}

/// `publish, receive`.
pub fn actions(actions: contract::Actions) -> String {
    let flags = [
        ("publish", contract::Actions::PUBLISH),
        ("subscribe", contract::Actions::SUBSCRIBE),
        ("receive", contract::Actions::RECEIVE),
    ];
    let names = flags.iter().filter(|(_, flag)| actions.contains(*flag));
    names.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// How far from a match: what one change at the client mends comes first.
pub(super) fn distance(fit: Fit) -> usize {
    match fit {
        Fit::Matches => 0,
        Fit::QosTooHigh => 1,
        Fit::NotCovered => 2,
        Fit::OtherAction => 3,
        Fit::Near(levels) => 1_000_usize.saturating_sub(levels),
        Fit::Apart => usize::MAX,
    }
}

/// `None`: it is not worth telling.
pub(super) fn why(fit: Fit) -> Option<&'static str> {
    match fit {
        Fit::QosTooHigh => Some("qos"),
        Fit::NotCovered => Some("filter-too-wide"),
        Fit::OtherAction => Some("other-action"),
        Fit::Near(_) => Some("pattern"),
        Fit::Matches | Fit::Apart => None,
    }
}
