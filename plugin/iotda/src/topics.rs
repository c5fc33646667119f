//! The vendor's topics: one table of system topics by direction, the rules of one device that follow from it, and the inboxes.
//!
//! Two traps shape the rules. A device subscribes to filters such as `…/sys/commands/#`, which also match its own answers
//! (`…/commands/response/…`): such filters are accepted, but only downlinks may be received, so a device never hears itself. And
//! `shadow/get/+` goes up while `shadow/get/response/+` comes down. `request_id=…` is one topic level.

use crate::contract::{Actions, Effect, Inbox, Qos, Rule, Syntax};
use crate::refusal;

/// Uplinks may carry `?request_id=…` or `?encoding=gzip`, which is no part of the topic.
pub const SUFFIX_MARK: char = '?';

/// The name of the rules that refuse a system topic in its wrong direction.
pub const WRONG_DIRECTION: &str = "system:wrong-direction";

/// What the names of a system topic's rules start with.
const SYSTEM: &str = "system:";

/// Messages for a device that is away: 20 of `messages/down` for a day (vendor's default). The other downlinks are requests that
/// somebody waits for, 20 s for a command: done late, they would surprise.
const KEPT_MESSAGES: u32 = 20;
const KEPT_SECONDS: u32 = 86_400;

/// Bytes of a topic that does not start with `$` (vendor: custom topics).
const CUSTOM_TOPIC_MAX: usize = 128;

/// What an uplink carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uplink {
    /// Whatever the device likes: never looked at.
    Free,
    /// Properties of the device.
    PropertyReport,
    /// Properties of a gateway's sub-devices.
    GatewayReport,
    /// Events of the device, and its business with the platform.
    Events,
    /// What became of a command.
    CommandAnswer,
    /// What became of a setting of properties.
    SetAnswer,
    /// Properties that were asked for.
    GetAnswer,
    /// What the shadow is asked for.
    ShadowQuestion,
}

impl Uplink {
    /// The vendor's 64 KB are for property reports.
    pub(crate) fn is_property_report(self) -> bool {
        matches!(self, Self::PropertyReport | Self::GatewayReport)
    }

    /// The member that names the device that is spoken for. `object_device_id` has `device_id` in it.
    pub(crate) fn names_devices_by(self) -> &'static str {
        match self {
            Self::GatewayReport => "device_id",
            _ => "object_device_id",
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    /// From the device.
    Up(Uplink),
    /// To the device, with the number of messages kept while it is away.
    Down { kept: u32 },
}
use Direction::{Down, Up};

/// Below `$oc/devices/{id}/sys/`.
const SYSTEM_TOPICS: [(&str, Direction); 16] = [
    ("messages/up", Up(Uplink::Free)),
    (
        "messages/down",
        Down {
            kept: KEPT_MESSAGES,
        },
    ),
    ("commands/response/+", Up(Uplink::CommandAnswer)),
    ("commands/+", Down { kept: 0 }),
    ("properties/report", Up(Uplink::PropertyReport)),
    ("properties/set/response/+", Up(Uplink::SetAnswer)),
    ("properties/set/+", Down { kept: 0 }),
    ("properties/get/response/+", Up(Uplink::GetAnswer)),
    ("properties/get/+", Down { kept: 0 }),
    ("shadow/get/+", Up(Uplink::ShadowQuestion)),
    ("shadow/get/response/+", Down { kept: 0 }),
    ("events/up", Up(Uplink::Events)),
    ("events/down", Down { kept: 0 }),
    (
        "gateway/sub_devices/properties/report",
        Up(Uplink::GatewayReport),
    ),
    ("bootstrap/up", Up(Uplink::Free)),
    ("bootstrap/down", Down { kept: 0 }),
];

/// The downlinks of every device, addressed by its id.
pub fn inboxes() -> Vec<Inbox> {
    SYSTEM_TOPICS
        .iter()
        .filter_map(|(topic, direction)| match direction {
            Up(_) => None,
            Down { kept } => Some(inbox(topic, *kept)),
        })
        .collect()
}

fn inbox(topic: &str, kept: u32) -> Inbox {
    Inbox {
        template: format!("$oc/devices/{{client}}/sys/{topic}"),
        max_qos: Qos::AtLeastOnce,
        keep_messages: kept,
        keep_seconds: if kept == 0 { 0 } else { KEPT_SECONDS },
        unsolicited: false,
    }
}

/// What one device may do with its system topics, and by omission with everybody else's: nothing. `is_checked`: its product has a model
/// that payloads are checked against.
pub fn system_rules(device_id: &str, is_checked: bool) -> Vec<Rule> {
    let own = format!("$oc/devices/{device_id}/sys/");
    let mut rules: Vec<Rule> = SYSTEM_TOPICS
        .iter()
        .flat_map(|(topic, direction)| topic_rules(&own, topic, *direction, is_checked))
        .collect();
    let everything = format!("{own}#");
    rules.push(deny(Actions::PUBLISH, everything.clone()));
    rules.push(allow(
        Actions::SUBSCRIBE,
        everything,
        "system:own".to_owned(),
    ));
    rules
}

/// An uplink is denied to a SUBSCRIBE that asks for nothing else; a wider filter is allowed by the last rule and filtered at delivery.
fn topic_rules(own: &str, topic: &str, direction: Direction, is_checked: bool) -> Vec<Rule> {
    let pattern = format!("{own}{topic}");
    let name = format!("{SYSTEM}{topic}");
    match direction {
        Up(uplink) => {
            let effect = match uplink {
                Uplink::Free => Effect::Allow,
                _ if is_checked => Effect::Inspect,
                _ => Effect::Allow,
            };
            vec![
                rule(effect, Actions::PUBLISH, pattern.clone(), name),
                deny(Actions::SUBSCRIBE, pattern),
            ]
        }
        Down { .. } => vec![allow(Actions::RECEIVE, pattern, name)],
    }
}

/// What the uplink of the rule with this name carries, where it is one that inspects.
pub fn inspected(rule_name: &str) -> Option<Uplink> {
    let topic = rule_name.strip_prefix(SYSTEM)?;
    SYSTEM_TOPICS
        .iter()
        .find_map(|(known, direction)| match direction {
            Up(uplink) if *known == topic && *uplink != Uplink::Free => Some(*uplink),
            _ => None,
        })
}

/// Refuses topics and filters beyond the vendor's length, whatever policies say; those that start with `$` do not match. It counts
/// characters: what other scripts need more bytes for is bounded by the grant's limit.
pub fn length_rule() -> Rule {
    Rule {
        syntax: Syntax::Wildcard,
        max_qos: Qos::ExactlyOnce,
        code: refusal::TOPIC_LENGTH,
        ..rule(
            Effect::Deny,
            Actions::PUBLISH | Actions::SUBSCRIBE,
            "?".repeat(CUSTOM_TOPIC_MAX + 1) + "*",
            "limit:topic-length".to_owned(),
        )
    }
}

/// A topic of the product's own, `$oc/devices/{id}/user/{name}`: governed by the product alone, not by policies.
/// `name` is that of its rule.
pub fn custom_rule(device_id: &str, topic_name: &str, actions: Actions, name: String) -> Rule {
    let pattern = format!("$oc/devices/{device_id}/user/{topic_name}");
    allow(actions, pattern, name)
}

fn allow(actions: Actions, pattern: String, name: String) -> Rule {
    rule(Effect::Allow, actions, pattern, name)
}

fn deny(actions: Actions, pattern: String) -> Rule {
    let name = WRONG_DIRECTION.to_owned();
    Rule {
        code: refusal::DIRECTION,
        ..rule(Effect::Deny, actions, pattern, name)
    }
}

/// The vendor has no `QoS` 2 and no retained messages.
fn rule(effect: Effect, actions: Actions, pattern: String, name: String) -> Rule {
    Rule {
        effect,
        actions,
        pattern,
        syntax: Syntax::MqttFilter,
        max_qos: Qos::AtLeastOnce,
        retain: false,
        code: 0,
        name,
        line: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(effect: Effect, actions: Actions) -> Vec<String> {
        system_rules("d", false)
            .into_iter()
            .filter(|rule| rule.effect == effect && rule.actions == actions)
            .map(|rule| rule.pattern)
            .collect()
    }

    #[test]
    fn uplinks_are_published_and_downlinks_received_and_none_is_both() {
        let published = patterns(Effect::Allow, Actions::PUBLISH);
        let received = patterns(Effect::Allow, Actions::RECEIVE);
        assert_eq!(published.len(), 9);
        assert_eq!(received.len(), 7);
        assert!(published.iter().all(|pattern| !received.contains(pattern)));
        assert_eq!(patterns(Effect::Deny, Actions::SUBSCRIBE), published);
        assert!(published.contains(&"$oc/devices/d/sys/shadow/get/+".to_owned()));
        assert!(received.contains(&"$oc/devices/d/sys/shadow/get/response/+".to_owned()));
    }

    #[test]
    fn every_rule_is_the_devices_own_and_first_matches_come_first() {
        let rules = system_rules("demo_device1", true);
        let own = |rule: &Rule| rule.pattern.starts_with("$oc/devices/demo_device1/sys/");
        assert!(rules.iter().all(own));
        let last_two: Vec<_> = rules
            .iter()
            .rev()
            .take(2)
            .map(|rule| rule.actions)
            .collect();
        assert_eq!(last_two, [Actions::SUBSCRIBE, Actions::PUBLISH]);
    }

    #[test]
    fn with_a_model_all_uplinks_but_the_free_ones_are_inspected() {
        let rules = system_rules("d", true);
        let named = |effect| -> Vec<_> {
            let published =
                |rule: &&Rule| rule.effect == effect && rule.actions == Actions::PUBLISH;
            rules
                .iter()
                .filter(published)
                .map(|rule| rule.name.as_str())
                .collect()
        };
        assert_eq!(
            named(Effect::Allow),
            ["system:messages/up", "system:bootstrap/up"]
        );
        let inspected_ones = named(Effect::Inspect);
        assert_eq!(inspected_ones.len(), 7);
        assert!(inspected_ones.iter().all(|name| inspected(name).is_some()));
        for other in [
            "system:messages/up",
            "system:commands/+",
            "system:wrong-direction",
            "properties/report",
            "p.json#0",
        ] {
            assert_eq!(inspected(other), None, "{other}");
        }
    }

    #[test]
    fn the_wrong_direction_and_long_topics_have_their_codes() {
        let denied = system_rules("d", false);
        let mut denied = denied.iter().filter(|rule| rule.effect == Effect::Deny);
        assert!(denied.all(|rule| rule.code == 401));
        let long = length_rule();
        assert_eq!((long.code, long.pattern.len()), (502, 130));
    }

    #[test]
    fn only_messages_down_is_kept() {
        let inboxes = inboxes();
        assert_eq!(inboxes.len(), 7);
        let kept: Vec<_> = inboxes
            .iter()
            .filter(|inbox| inbox.keep_messages > 0)
            .map(|inbox| {
                (
                    inbox.template.as_str(),
                    inbox.keep_messages,
                    inbox.keep_seconds,
                )
            })
            .collect();
        assert_eq!(
            kept,
            [("$oc/devices/{client}/sys/messages/down", 20, 86_400)]
        );
    }
}
