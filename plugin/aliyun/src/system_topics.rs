//! The vendor's system topics: one table, the rules of one device that follow from it, and the inboxes.
//!
//! Most topics are half of a question and its answer: `X` one way and `X_reply` the other. A device publishes what goes up and hears what comes
//! down; the reverse is denied as the wrong direction (401), so that a device that subscribes to a wide filter never hears its own messages. Services
//! stand apart: their names are the product's, so an answer can only be told from a call by its ending.
//!
//! What the table does not have is denied. Bounds: 38 inboxes of the contract's 64, and about 130 of its 256 rules.

use crate::contract::{Actions, Inbox, Qos, Rule};
use crate::names::Names;
use crate::refusal;
use crate::rule::{HEAR, WRONG_DIRECTION, allow, built_in, by_text, deny, wrong_direction};

/// What the names of a system topic's rules start with.
const SYSTEM: &str = "system:";

/// The name of the rule that refuses topics and filters with more than seven slashes.
pub const TOO_DEEP: &str = "limit:slashes";

const ASKED_BY_DEVICE: [&str; 23] = [
    "/sys/{product}/{node}/thing/event/+/post",
    "/sys/{product}/{node}/thing/event/property/batch/post",
    "/sys/{product}/{node}/thing/model/up_raw",
    "/sys/{product}/{node}/thing/deviceinfo/update",
    "/sys/{product}/{node}/thing/deviceinfo/delete",
    "/sys/{product}/{node}/thing/config/get",
    "/sys/{product}/{node}/thing/config/log/get",
    "/sys/{product}/{node}/thing/log/post",
    "/sys/{product}/{node}/thing/ota/firmware/get",
    "/sys/{product}/{node}/thing/property/desired/get",
    "/sys/{product}/{node}/thing/property/desired/delete",
    "/sys/{product}/{node}/thing/job/get",
    "/sys/{product}/{node}/thing/job/update",
    "/sys/{product}/{node}/thing/topo/add",
    "/sys/{product}/{node}/thing/topo/delete",
    "/sys/{product}/{node}/thing/topo/get",
    "/sys/{product}/{node}/thing/sub/register",
    "/sys/{product}/{node}/thing/proxy/provisioning/product_register",
    "/sys/{product}/{node}/thing/reset",
    "/ext/session/{product}/{node}/combine/login",
    "/ext/session/{product}/{node}/combine/logout",
    "/ext/session/{product}/{node}/combine/batch_login",
    "/ext/session/{product}/{node}/combine/batch_logout",
];

const ASKED_BY_PLATFORM: [&str; 8] = [
    "/sys/{product}/{node}/thing/service/property/set",
    "/sys/{product}/{node}/thing/service/property/get",
    "/sys/{product}/{node}/thing/model/down_raw",
    "/sys/{product}/{node}/thing/config/push",
    "/sys/{product}/{node}/thing/config/log/push",
    "/sys/{product}/{node}/thing/topo/change",
    "/sys/{product}/{node}/thing/job/notify",
    "/sys/{product}/{node}/thing/bootstrap/notify",
];

const UP: [&str; 6] = [
    "/sys/{product}/{node}/rrpc/response/+",
    "/ota/device/inform/{product}/{node}",
    "/ota/device/progress/{product}/{node}",
    "/ota/device/request/{product}/{node}",
    "/shadow/update/{product}/{node}",
    "/ext/ntp/{product}/{node}/request",
];

const DOWN: [&str; 6] = [
    "/sys/{product}/{node}/rrpc/request/+",
    "/ota/device/upgrade/{product}/{node}",
    "/shadow/get/{product}/{node}",
    "/ext/ntp/{product}/{node}/response",
    "/ext/error/{product}/{node}",
    ALL_DEVICES,
];

/// What is said to every device of a product arrives without a SUBSCRIBE, whatever the device asked for.
const ALL_DEVICES: &str = "/sys/{product}/{node}/broadcast/request/+";
/// A call of a service that the product's model names; its answer ends in `_reply`.
const SERVICE: &str = "/sys/{product}/{node}/thing/service/+";
/// Where answers are: `*` stands for whatever was asked.
const REPLIES: [&str; 2] = [
    "/sys/{product}/{node}/thing/*_reply",
    "/ext/session/{product}/{node}/combine/*_reply",
];
const BROADCAST: &str = "/broadcast/{product}/#";

/// The downlinks of every device, addressed by its two names. Nothing is kept for a device without a session: somebody waits for an answer, and a
/// session with clean session 0 keeps what it subscribed to.
pub fn inboxes() -> Vec<Inbox> {
    let service = std::iter::once(SERVICE.to_owned());
    downlinks()
        .map(|(template, _)| template)
        .chain(service)
        .map(|template| Inbox {
            unsolicited: template == ALL_DEVICES,
            template,
            max_qos: Qos::AtLeastOnce,
            keep_messages: 0,
            keep_seconds: 0,
        })
        .collect()
}

/// What one device may do with its system topics, and by omission with everybody else's: nothing.
pub fn rules(names: &Names) -> Vec<Rule> {
    let own = |template: &str| own(template, names);
    let mut rules = Vec::new();
    for template in uplinks() {
        let name = name(&template);
        rules.push(allow(Actions::PUBLISH, own(&template), built_in(&name)));
        rules.push(wrong_way(HEAR, own(&template)));
    }
    for (template, is_reply) in downlinks() {
        rules.push(allow(HEAR, own(&template), built_in(&name(&template))));
        if !is_reply {
            rules.push(wrong_way(Actions::PUBLISH, own(&template)));
        }
    }
    rules.extend(service_rules(names));
    rules.extend(REPLIES.map(|replies| by_text(wrong_way(Actions::PUBLISH, own(replies)))));
    rules.push(allow(HEAR, own(BROADCAST), built_in(&name(BROADCAST))));
    rules.push(wrong_way(Actions::PUBLISH, own(BROADCAST)));
    rules
}

/// `…/service/{name}` comes down and `…/service/{name}_reply` goes up; below that are properties only, whose rules stand before these.
fn service_rules(names: &Names) -> [Rule; 5] {
    let calls = own(SERVICE, names);
    let below = format!("{calls}/+/#");
    let answers = own("/sys/{product}/{node}/thing/service/*_reply", names);
    let name = name(SERVICE);
    let called = format!("{name}_reply");
    [
        deny(refusal::TOPIC, Actions::PUBLISH, below, built_in(&name)),
        by_text(allow(Actions::PUBLISH, answers.clone(), built_in(&called))),
        by_text(wrong_way(HEAR, answers)),
        allow(HEAR, calls.clone(), built_in(&name)),
        wrong_way(Actions::PUBLISH, calls),
    ]
}

/// The vendor's seven slashes, for topics of products and applications: some system topics have eight, so their rules stand before this one.
pub fn depth_rule() -> Rule {
    by_text(deny(
        refusal::TOPIC_LENGTH,
        Actions::PUBLISH | Actions::SUBSCRIBE,
        "*/*/*/*/*/*/*/*/*".to_owned(),
        built_in(TOO_DEEP),
    ))
}

/// Wide filters below the device's own `/sys`, as in the vendor's first permissions: each delivery is checked by the other rules.
pub fn wide_rule(names: &Names) -> Rule {
    let pattern = own("/sys/{product}/{node}/#", names);
    allow(Actions::SUBSCRIBE, pattern, built_in("system:own"))
}

fn uplinks() -> impl Iterator<Item = String> {
    let asked = ASKED_BY_DEVICE.into_iter().chain(UP).map(str::to_owned);
    asked.chain(ASKED_BY_PLATFORM.into_iter().map(reply))
}

/// Each with whether it is an answer, which is denied to publish by its ending.
fn downlinks() -> impl Iterator<Item = (String, bool)> {
    let asked = ASKED_BY_PLATFORM.into_iter().chain(DOWN);
    let asked = asked.map(|template| (template.to_owned(), false));
    asked.chain(
        ASKED_BY_DEVICE
            .into_iter()
            .map(|asked| (reply(asked), true)),
    )
}

fn reply(template: &str) -> String {
    format!("{template}_reply")
}

fn own(template: &str, names: &Names) -> String {
    template
        .replace("{product}", names.product_key)
        .replace("{node}", names.device_name)
}

fn name(template: &str) -> String {
    let short = template.strip_prefix("/sys/{product}/{node}/");
    format!("{SYSTEM}{}", short.unwrap_or(template))
}

fn wrong_way(actions: Actions, pattern: String) -> Rule {
    wrong_direction(actions, pattern, built_in(WRONG_DIRECTION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Effect, Syntax};
    use std::collections::BTreeSet;

    const NAMES: Names<'_> = Names {
        product_key: "p",
        device_name: "d",
    };

    #[test]
    fn every_pattern_is_the_devices_own() {
        for rule in rules(&NAMES) {
            let is_own = rule.pattern.contains("/p/d") || rule.pattern == "/broadcast/p/#";
            assert!(is_own, "{}", rule.pattern);
            assert!(!rule.pattern.contains(['{', '}']), "{}", rule.pattern);
            assert!(!rule.retain && rule.line == 0 && rule.effect != Effect::Inspect);
        }
    }

    #[test]
    fn every_uplink_is_no_downlink() {
        let up: BTreeSet<_> = uplinks().collect();
        let down: BTreeSet<_> = downlinks().map(|(template, _)| template).collect();
        assert!(up.is_disjoint(&down));
        assert_eq!((up.len(), down.len()), (37, 37));
    }

    #[test]
    fn grants_and_inboxes_keep_within_the_contract() {
        assert!(rules(&NAMES).len() <= 150, "{}", rules(&NAMES).len());
        let inboxes = inboxes();
        assert!(inboxes.len() <= 64);
        let unsolicited = inboxes.iter().filter(|inbox| inbox.unsolicited);
        assert_eq!(unsolicited.count(), 1);
    }

    #[test]
    fn the_longest_system_topic_keeps_within_128_bytes() {
        let (product_key, device_name) = ("p".repeat(20), "d".repeat(32));
        let names = Names {
            product_key: &product_key,
            device_name: &device_name,
        };
        let filters = rules(&names);
        let filters = filters
            .iter()
            .filter(|rule| rule.syntax == Syntax::MqttFilter);
        // What a `+` may stand for, such as the number of a remote call.
        assert!(filters.map(|rule| rule.pattern.len() + 19).max() <= Some(128));
    }
}
