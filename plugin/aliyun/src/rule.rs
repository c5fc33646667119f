//! How rules are made here: no `QoS` 2, no retained messages, MQTT filters unless said otherwise.

use crate::contract::{Actions, Effect, Qos, Rule, Syntax};
use crate::refusal;

/// The name of the rules that refuse a system topic in its wrong direction.
pub(crate) const WRONG_DIRECTION: &str = "system:wrong-direction";

/// To hear a topic: a subscription alone, or a delivery alone, would be of no use.
pub(crate) const HEAR: Actions = Actions::SUBSCRIBE.union(Actions::RECEIVE);

/// Where a rule is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin<'n> {
    pub(crate) name: &'n str,
    /// 0: in no document.
    pub(crate) line: u32,
}

/// Written in no document.
pub(crate) fn built_in(name: &str) -> Origin<'_> {
    Origin { name, line: 0 }
}

pub(crate) fn allow(actions: Actions, pattern: String, origin: Origin) -> Rule {
    rule(Effect::Allow, actions, pattern, origin)
}

/// A topic of the client's own, but for the other direction.
pub(crate) fn wrong_direction(actions: Actions, pattern: String, origin: Origin) -> Rule {
    deny(refusal::DIRECTION, actions, pattern, origin)
}

/// A denial holds at every `QoS`.
pub(crate) fn deny(code: u16, actions: Actions, pattern: String, origin: Origin) -> Rule {
    Rule {
        code,
        max_qos: Qos::ExactlyOnce,
        ..rule(Effect::Deny, actions, pattern, origin)
    }
}

/// The pattern is text in which `*` stands for anything.
pub(crate) fn by_text(rule: Rule) -> Rule {
    Rule {
        syntax: Syntax::Wildcard,
        ..rule
    }
}

fn rule(effect: Effect, actions: Actions, pattern: String, origin: Origin) -> Rule {
    Rule {
        effect,
        actions,
        pattern,
        syntax: Syntax::MqttFilter,
        max_qos: Qos::AtLeastOnce,
        retain: false,
        code: 0,
        name: origin.name.to_owned(),
        line: origin.line,
    }
}
