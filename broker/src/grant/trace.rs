//! How one rule of a grant stands to one access, whether it decides or not: for whoever explains a decision. Pure.
//!
//! The matcher is that of sessions; what is added is why a rule does not match.

use super::rule::{Overlap, Rule};
use crate::contract::{self, Actions, Qos};

/// How a rule stands to an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It matches: the first such rule decides.
    Matches,
    /// It would, at no more than its `max-qos`.
    QosTooHigh,
    /// The requested filter asks for more than it covers.
    NotCovered,
    /// Its pattern matches, and it is about other actions.
    OtherAction,
    /// Its pattern does not match, and has so many levels in common with the topic, the first among them.
    Near(usize),
    /// It has nothing to do with it.
    Apart,
}

/// How the rule stands to it. `action`: one of the flags; `topic`: valid, for a publication without its suffix. A malformed pattern is
/// [`Fit::Apart`]; no compiled grant has one.
pub fn fit(rule: &contract::Rule, action: Actions, topic: &str, qos: Qos) -> Fit {
    let Some(compiled) = Rule::compile(rule.clone()) else {
        return Fit::Apart;
    };
    let is_filter = action == Actions::SUBSCRIBE;
    let matches = if is_filter {
        compiled.matches_filter(topic)
    } else {
        compiled.matches_topic(topic)
    };
    let is_about = rule.actions.contains(action);
    match (matches, is_about) {
        (true, true) if action == Actions::PUBLISH && qos > rule.max_qos => Fit::QosTooHigh,
        (true, true) => Fit::Matches,
        (true, false) => Fit::OtherAction,
        (false, true) if is_filter && overlaps(&compiled, topic) => Fit::NotCovered,
        (false, true) => near(&rule.pattern, topic),
        (false, false) => Fit::Apart,
    }
}

/// Of a wildcard pattern nobody knows exactly, so it does not count.
fn overlaps(rule: &Rule, requested: &str) -> bool {
    matches!(rule.overlap(requested), Overlap::Filter(_))
}

/// By the levels that are alike in their places, so that the same topic of another client comes near; a wildcard is text here.
fn near(pattern: &str, topic: &str) -> Fit {
    let mut levels = pattern.split('/').zip(topic.split('/'));
    let is_like = |(own, other): &(&str, &str)| own == other || *own == "+";
    if !levels.next().as_ref().is_some_and(is_like) {
        return Fit::Apart;
    }
    Fit::Near(1 + levels.filter(is_like).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Effect, Syntax};

    fn rule(actions: Actions, syntax: Syntax, pattern: &str) -> contract::Rule {
        contract::Rule {
            effect: Effect::Allow,
            actions,
            pattern: pattern.into(),
            syntax,
            max_qos: Qos::AtLeastOnce,
            retain: false,
            code: 0,
            name: String::new(),
            line: 0,
        }
    }

    #[test]
    fn every_rule_stands_in_one_way_to_an_access() {
        let (publish, subscribe) = (Actions::PUBLISH, Actions::SUBSCRIBE);
        let (filter, text) = (Syntax::MqttFilter, Syntax::Wildcard);
        let rows = [
            (publish, filter, "a/+", publish, "a/b", 1, Fit::Matches),
            (publish, text, "a/*", publish, "a/b/c", 1, Fit::Matches),
            (publish, filter, "a/+", publish, "a/b", 2, Fit::QosTooHigh),
            // A SUBSCRIBE is granted less, not refused.
            (subscribe, filter, "a/+", subscribe, "a/b", 2, Fit::Matches),
            (
                subscribe,
                filter,
                "a/b",
                subscribe,
                "a/#",
                0,
                Fit::NotCovered,
            ),
            (subscribe, text, "a/#", subscribe, "a/#", 0, Fit::Matches),
            (
                subscribe,
                filter,
                "a/b",
                publish,
                "a/b",
                0,
                Fit::OtherAction,
            ),
            (publish, filter, "a/b/c", publish, "a/b/d", 0, Fit::Near(2)),
            (publish, filter, "a/+/c", publish, "a/b/d", 0, Fit::Near(2)),
            (publish, filter, "a/x/c", publish, "a/y/c", 0, Fit::Near(2)),
            (publish, filter, "a/b", publish, "b/b", 0, Fit::Apart),
            (subscribe, filter, "a/c", publish, "a/b", 0, Fit::Apart),
            (publish, text, "a\\", publish, "a/b", 0, Fit::Apart),
        ];
        for (actions, syntax, pattern, action, topic, level, expected) in rows {
            let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][level];
            let seen = fit(&rule(actions, syntax, pattern), action, topic, qos);
            assert_eq!(seen, expected, "{pattern} {topic} {level}");
        }
    }
}
