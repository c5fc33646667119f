//! Device policies as rules of one client's grant.
//!
//! All DENY statements of all bound documents come first, then all ALLOW statements, so that DENY wins under «first match wins». A
//! subscribe statement is also about receiving: every delivery is judged, which the vendor's broker may not do.
//!
//! Devices: policies govern topics outside `$…` only (vendor), so a pattern that starts with `$` makes no rule. Applications: policies
//! are all they have, `$oc` included; a variable names a device and an application is none, so with a variable an ALLOW allows nothing
//! and a DENY denies whatever could stand there.

use crate::contract::{Actions, Effect, Qos, Rule, Syntax};
use crate::policy_document::{PolicyDocument, PolicyEffect, Statement};
use crate::resource::{Resource, Variables};

/// Characters of a missing document's name in a rule's name, which has at most 128 bytes.
const MISSING_MAX: usize = 100;

/// The documents that govern a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound<'c> {
    /// Those of the generation, each once.
    pub documents: Vec<&'c PolicyDocument>,
    /// A bound name that no document of the generation has.
    pub missing: Option<String>,
}

/// The rules of one client; without variables for an application.
///
/// A missing document may have held the DENY that mattered: then nothing is allowed by policies at all, and the rule's name says why.
/// Sessions live on, with what is not the policies' business.
pub fn rules(bound: &Bound, variables: Option<&Variables>) -> Vec<Rule> {
    if let Some(name) = &bound.missing {
        return vec![deny_all(name)];
    }
    let of = |effect| {
        statements(&bound.documents, effect)
            .flat_map(move |(document, statement)| statement_rules(document, statement, variables))
    };
    of(PolicyEffect::Deny)
        .chain(of(PolicyEffect::Allow))
        .collect()
}

fn statements<'c>(
    documents: &[&'c PolicyDocument],
    effect: PolicyEffect,
) -> impl Iterator<Item = (&'c PolicyDocument, &'c Statement)> {
    let of_document = |document: &&'c PolicyDocument| {
        let document = *document;
        document
            .statements
            .iter()
            .map(move |statement| (document, statement))
    };
    documents
        .iter()
        .flat_map(of_document)
        .filter(move |(_, statement)| statement.effect == effect)
}

fn statement_rules(
    document: &PolicyDocument,
    statement: &Statement,
    variables: Option<&Variables>,
) -> Vec<Rule> {
    let name = format!("{}#{}", document.file, statement.index);
    let written = |rule: Rule| Rule {
        line: statement.line,
        ..rule
    };
    let mut rules = Vec::new();
    for resource in &statement.resources {
        let Some(pattern) = governed_pattern(resource, statement.effect, variables) else {
            continue;
        };
        let delivered = delivered_pattern(&pattern)
            .filter(|_| statement.effect == PolicyEffect::Allow && statement.subscribe);
        rules.push(written(rule(
            statement.effect,
            actions(statement),
            Syntax::Wildcard,
            pattern,
            &name,
        )));
        if let Some((syntax, pattern)) = delivered {
            rules.push(written(rule(
                statement.effect,
                Actions::RECEIVE,
                syntax,
                pattern,
                &name,
            )));
        }
    }
    rules
}

fn governed_pattern(
    resource: &Resource,
    effect: PolicyEffect,
    variables: Option<&Variables>,
) -> Option<String> {
    let is_device = variables.is_some();
    let pattern = match (resource.pattern(variables), effect) {
        (Some(pattern), _) => pattern,
        (None, PolicyEffect::Allow) => return None,
        (None, PolicyEffect::Deny) => resource.widened(),
    };
    (!is_device || !pattern.starts_with('$')).then_some(pattern)
}

/// `+` and `#` in a resource are compared as text with the filter of a SUBSCRIBE (vendor). The messages that such a filter then brings
/// must be receivable, so an ALLOW of `a/#` also allows to receive what the filter matches. With `*` or `?` beside them no filter
/// says that, and a wider pattern does: it widens nothing, since it delivers only what an allowed SUBSCRIBE asks for.
fn delivered_pattern(pattern: &str) -> Option<(Syntax, String)> {
    let levels: Vec<&str> = pattern.split('/').collect();
    let is_wild = |level: &&str| matches!(*level, "+" | "#");
    if !levels.iter().any(is_wild) {
        return None;
    }
    if is_mqtt_filter(&levels) {
        return Some((Syntax::MqttFilter, pattern.to_owned()));
    }
    let widened = levels
        .iter()
        .map(|level| if is_wild(level) { "*" } else { level });
    Some((Syntax::Wildcard, widened.collect::<Vec<_>>().join("/")))
}

fn is_mqtt_filter(levels: &[&str]) -> bool {
    let last = levels.len().saturating_sub(1);
    levels
        .iter()
        .enumerate()
        .all(|(index, level)| match *level {
            "+" => true,
            "#" => index == last,
            plain => !plain.contains(['+', '#', '*', '?', '\\']),
        })
}

fn actions(statement: &Statement) -> Actions {
    let publish = if statement.publish {
        Actions::PUBLISH
    } else {
        Actions::empty()
    };
    let subscribe = if statement.subscribe {
        Actions::SUBSCRIBE | Actions::RECEIVE
    } else {
        Actions::empty()
    };
    publish | subscribe
}

fn deny_all(missing: &str) -> Rule {
    let shown: String = missing.escape_default().take(MISSING_MAX).collect();
    let name = format!("missing-policy:{shown}");
    let all = Actions::PUBLISH | Actions::SUBSCRIBE | Actions::RECEIVE;
    rule(
        PolicyEffect::Deny,
        all,
        Syntax::Wildcard,
        "*".to_owned(),
        &name,
    )
}

fn rule(
    effect: PolicyEffect,
    actions: Actions,
    syntax: Syntax,
    pattern: String,
    name: &str,
) -> Rule {
    Rule {
        effect: match effect {
            PolicyEffect::Allow => Effect::Allow,
            PolicyEffect::Deny => Effect::Deny,
        },
        actions,
        pattern,
        syntax,
        max_qos: max_qos(effect),
        retain: false,
        code: 0,
        name: name.to_owned(),
        line: 0,
    }
}

/// A DENY holds for every `QoS`: a rule with a lower one would not match a PUBLISH above it.
fn max_qos(effect: PolicyEffect) -> Qos {
    match effect {
        PolicyEffect::Allow => Qos::AtLeastOnce,
        PolicyEffect::Deny => Qos::ExactlyOnce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Document;
    use crate::policy_document::read;

    const DEVICE: Variables = Variables {
        device_id: "d1",
        client_id: "d1_0_0_2026112122",
        product_id: "demo",
    };

    fn policy(name: &str, statements: &str) -> PolicyDocument {
        read(&Document {
            name: format!("{name}.json"),
            text: format!(r#"{{"policy_name":"{name}","statement":[{statements}]}}"#),
        })
        .unwrap()
    }

    fn statement(effect: &str, action: &str, resource: &str) -> String {
        format!(
            r#"{{"effect":"{effect}","actions":["iotda:devices:{action}"],"resources":["topic:{resource}"]}}"#
        )
    }

    fn bound(documents: &[PolicyDocument]) -> Bound<'_> {
        Bound {
            documents: documents.iter().collect(),
            missing: None,
        }
    }

    fn of(
        effect: &str,
        action: &str,
        resource: &str,
        variables: Option<&Variables>,
    ) -> Vec<(Actions, Syntax, String)> {
        let policies = [policy("p", &statement(effect, action, resource))];
        rules(&bound(&policies), variables)
            .into_iter()
            .map(|rule| (rule.actions, rule.syntax, rule.pattern))
            .collect()
    }

    #[test]
    fn deny_statements_of_all_documents_come_first() {
        let first = [
            statement("ALLOW", "publish", "a"),
            statement("DENY", "publish", "b"),
        ]
        .join(",");
        let second = [
            statement("DENY", "subscribe", "c"),
            statement("ALLOW", "subscribe", "d"),
        ]
        .join(",");
        let policies = [policy("one", &first), policy("two", &second)];
        let rules = rules(&bound(&policies), Some(&DEVICE));
        let order: Vec<_> = rules
            .iter()
            .map(|rule| (rule.effect, rule.pattern.as_str(), rule.name.as_str()))
            .collect();
        assert_eq!(
            order,
            [
                (Effect::Deny, "b", "one.json#1"),
                (Effect::Deny, "c", "two.json#0"),
                (Effect::Allow, "a", "one.json#0"),
                (Effect::Allow, "d", "two.json#1"),
            ]
        );
        assert!(
            rules
                .iter()
                .take(2)
                .all(|rule| rule.max_qos == Qos::ExactlyOnce)
        );
    }

    #[test]
    fn a_rule_names_the_line_in_which_its_statement_begins() {
        let statements = [
            statement("ALLOW", "subscribe", "a/#"),
            statement("DENY", "publish", "b"),
        ]
        .join("\n,\n");
        let policies = [policy("p", &format!("\n{statements}"))];
        let rules = rules(&bound(&policies), Some(&DEVICE));
        let lines: Vec<_> = rules
            .iter()
            .map(|rule| (rule.name.as_str(), rule.line))
            .collect();
        assert_eq!(lines, [("p.json#1", 4), ("p.json#0", 2), ("p.json#0", 2)]);
        let missing = Bound {
            documents: Vec::new(),
            missing: Some("gone".into()),
        };
        assert_eq!(super::rules(&missing, None)[0].line, 0);
    }

    #[test]
    fn subscribing_includes_receiving_and_publishing_neither() {
        let subscribe = Actions::SUBSCRIBE | Actions::RECEIVE;
        for (action, expected) in [("publish", Actions::PUBLISH), ("subscribe", subscribe)] {
            assert_eq!(of("ALLOW", action, "a", Some(&DEVICE))[0].0, expected);
        }
    }

    #[test]
    fn a_filter_in_an_allow_also_brings_its_messages() {
        for (resource, syntax, pattern) in [
            ("a/#", Syntax::MqttFilter, "a/#"),
            ("#", Syntax::MqttFilter, "#"),
            ("a/+/b", Syntax::MqttFilter, "a/+/b"),
            ("a/${devices.deviceId}/+", Syntax::MqttFilter, "a/d1/+"),
            ("a*/+/b", Syntax::Wildcard, "a*/*/b"),
            ("a/?/#", Syntax::Wildcard, "a/?/*"),
        ] {
            let rules = of("ALLOW", "subscribe", resource, Some(&DEVICE));
            assert_eq!(rules.len(), 2, "{resource}");
            assert_eq!(rules[0].1, Syntax::Wildcard);
            assert_eq!(rules[1], (Actions::RECEIVE, syntax, pattern.into()));
        }
        for (effect, action, resource) in [
            ("ALLOW", "subscribe", "a/*"),
            ("ALLOW", "subscribe", "a+/b#"),
            ("ALLOW", "publish", "a/#"),
            ("DENY", "subscribe", "a/#"),
        ] {
            assert_eq!(
                of(effect, action, resource, Some(&DEVICE)).len(),
                1,
                "{resource}"
            );
        }
    }

    #[test]
    fn policies_of_devices_say_nothing_of_dollar_topics() {
        for effect in ["ALLOW", "DENY"] {
            for resource in ["$oc/devices/*", "$share/g/a", "$*"] {
                assert_eq!(of(effect, "publish", resource, Some(&DEVICE)), []);
                assert_eq!(of(effect, "publish", resource, None).len(), 1);
            }
        }
        assert_eq!(
            of("ALLOW", "publish", "${devices.deviceId}/x", Some(&DEVICE)).len(),
            1
        );
    }

    #[test]
    fn a_variable_never_widens_an_application() {
        assert_eq!(of("ALLOW", "publish", "a/${devices.deviceId}", None), []);
        let denied = of("DENY", "publish", "a/${devices.deviceId}/b", None);
        assert_eq!(denied[0].2, "a/*/b");
    }

    #[test]
    fn a_missing_document_leaves_nothing_allowed() {
        let policies = [policy("p", &statement("ALLOW", "publish", "*"))];
        let bound = Bound {
            missing: Some("gone".into()),
            ..bound(&policies)
        };
        let rules = rules(&bound, Some(&DEVICE));
        assert_eq!(rules.len(), 1);
        assert_eq!(
            (rules[0].effect, rules[0].pattern.as_str()),
            (Effect::Deny, "*")
        );
        assert_eq!(rules[0].name, "missing-policy:gone");
    }

    #[test]
    fn the_name_of_a_missing_document_fits_a_rules_name() {
        let bound = Bound {
            documents: Vec::new(),
            missing: Some("\u{10ffff}é\n".repeat(100)),
        };
        let rules = rules(&bound, Some(&DEVICE));
        assert!(rules[0].name.len() <= 128 && rules[0].name.is_ascii());
    }
}
