//! Which topics are asked about for one client. Pure.
//!
//! Those of the policies' cases, as they are and with the client's own ids; a topic for each pattern of either grant, and the pattern itself where it
//! is a filter; those of a log. Each as a PUBLISH, a SUBSCRIBE and a delivery, at `QoS` 0 and 1; what has a wildcard only as a SUBSCRIBE.

use crate::contract::{Client, Qos, Rule, Syntax};
use crate::decision::Action;
use crate::grant::filter;
use crate::policy::cases::Sample;
use crate::workbench::access::Access;
use crate::workbench::shape::renamed;
use std::collections::HashSet;

/// Topics of one client.
pub const TOPICS_MAX: usize = 4_000;

/// The corpus, what was really used first, and whether something was left out: of the cases first.
pub fn topics<'r>(
    samples: &[Sample],
    client: &Client,
    rules: impl Iterator<Item = &'r Rule>,
    log: &[String],
) -> (Vec<String>, bool) {
    let of_rules = rules.flat_map(|rule| witnesses(&rule.pattern, rule.syntax));
    let mut of_rules: Vec<_> = of_rules.collect();
    // A reader sees the first differences: a rule about length has a topic of hundreds of letters.
    of_rules.sort_by_key(String::len);
    let of_cases = samples.iter().flat_map(|sample| {
        let owner = sample.subject.client.as_ref();
        let accesses = sample.accesses.iter();
        accesses.flat_map(move |(_, topic, _)| {
            let own = owner.map(|owner| renamed(topic, owner, client));
            own.into_iter().chain([topic.clone()])
        })
    });
    let all = log.iter().cloned().chain(of_rules).chain(of_cases);
    let (mut topics, mut known) = (Vec::new(), HashSet::new());
    for topic in all.filter(|topic| filter::is_valid_filter(topic)) {
        if known.contains(&topic) {
            continue;
        }
        if topics.len() >= TOPICS_MAX {
            return (topics, true);
        }
        known.insert(topic.clone());
        topics.push(topic);
    }
    (topics, false)
}

/// Everything that is asked about one topic or filter.
pub fn accesses(topic: &str) -> impl Iterator<Item = Access> {
    let actions: &[Action] = if filter::is_valid_topic(topic) {
        &[Action::Publish, Action::Subscribe, Action::Receive]
    } else {
        &[Action::Subscribe]
    };
    let access = |action: Action, qos| Access {
        action,
        topic: topic.to_owned(),
        qos,
    };
    actions
        .iter()
        .flat_map(|action| [Qos::AtMostOnce, Qos::AtLeastOnce].map(|qos| (*action, qos)))
        .map(|(action, qos)| access(action, qos))
        .collect::<Vec<_>>()
        .into_iter()
}

/// Topics that a pattern matches, and itself.
fn witnesses(pattern: &str, syntax: Syntax) -> Vec<String> {
    let filled = |one: &str, many: &str| match syntax {
        Syntax::MqttFilter => {
            let level = |level| match level {
                "+" => one,
                "#" => many,
                other => other,
            };
            pattern.split('/').map(level).collect::<Vec<_>>().join("/")
        }
        Syntax::Wildcard => wildcard(pattern, many),
    };
    vec![filled("x", "x"), filled("x", "x/y"), pattern.to_owned()]
}

fn wildcard(pattern: &str, many: &str) -> String {
    let (mut text, mut characters) = (String::new(), pattern.chars());
    while let Some(character) = characters.next() {
        match character {
            '*' => text.push_str(many),
            '?' => text.push('x'),
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workbench::shape::tests::client;

    #[test]
    fn a_pattern_is_asked_by_topics_that_it_matches() {
        let (filter, text) = (Syntax::MqttFilter, Syntax::Wildcard);
        for (syntax, pattern, expected) in [
            (filter, "a/+/b", ["a/x/b", "a/x/b", "a/+/b"]),
            (filter, "a/#", ["a/x", "a/x/y", "a/#"]),
            (text, "a/*", ["a/x", "a/x/y", "a/*"]),
            (text, r"a?\*+", ["ax*+", "ax*+", r"a?\*+"]),
        ] {
            assert_eq!(witnesses(pattern, syntax), expected);
        }
    }

    #[test]
    fn a_filter_is_only_subscribed_to_and_a_corpus_is_bounded() {
        assert_eq!(accesses("a/b").count(), 6);
        let seen: Vec<_> = accesses("a/#").map(|access| access.action).collect();
        assert_eq!(seen, [Action::Subscribe, Action::Subscribe]);
        let log: Vec<String> = (0..=TOPICS_MAX).map(|n| format!("t/{n}")).collect();
        let (topics, is_cut) = topics(&[], &client("d", "n", "p"), [].iter(), &log);
        assert_eq!((topics.len(), is_cut), (TOPICS_MAX, true));
    }
}
