//! Tables of the attacks that brokers have had (facts: security cases) and properties over generated topics, filters and patterns.

use super::filter::{covers, intersection, is_valid_filter, is_valid_topic, matches};
use super::inbox::{Addressee, Inboxes};
use super::wildcard::Wildcard;
use super::{Decision, DecisionCache, Grant, TooLarge, Unusable};
use crate::contract::{
    self, Actions, Client, Credential, Effect, Inbox, Limits, Message, Qos, Rule, Status, Subject,
    Syntax,
};
use proptest::prelude::*;
use std::sync::Arc;

// --- filters ----------------------------------------------------------------------------------------------------------------

#[test]
fn topics_and_filters_are_valid_as_mqtt_4_7_says() {
    for topic in [
        "a",
        "/",
        "//",
        "a/b",
        " ",
        "$",
        "$oc/devices",
        "é/ü",
        "\u{feff}",
        "a\u{1}",
    ] {
        assert!(is_valid_topic(topic), "{topic:?}");
        assert!(is_valid_filter(topic), "{topic:?}");
    }
    for topic in ["", "+", "#", "a/+", "a#", "a\0b"] {
        assert!(!is_valid_topic(topic), "{topic:?}");
    }
    for filter in [
        "#", "+", "a/#", "+/+", "/#", "+/a/#", "a/+/b", "$SYS/#", "/+",
    ] {
        assert!(is_valid_filter(filter), "{filter:?}");
    }
    for filter in [
        "", "##", "####", "a/#/b", "+a", "a+", "a#", "#/", "a/b#", "++", "a/++/b", "a\0", "#\0",
    ] {
        assert!(!is_valid_filter(filter), "{filter:?}");
    }
    assert!(is_valid_topic(&"x".repeat(65_535)) && is_valid_filter(&"/".repeat(65_535)));
    assert!(!is_valid_topic(&"x".repeat(65_536)) && !is_valid_filter(&"/".repeat(65_536)));
}

#[test]
fn filters_match_topics_as_mqtt_4_7_says() {
    let matching = [
        ("#", "a"),
        ("#", "a/b"),
        ("#", "/"),
        ("+", "a"),
        ("a/#", "a"),
        ("a/#", "a/b/c"),
        ("+/+", "/a"),
        ("/+", "/a"),
        ("+/#", "a"),
        ("a/+/c", "a//c"),
        ("a/+", "a/"),
        ("$SYS/#", "$SYS/x"),
        ("$SYS/+", "$SYS/x"),
        ("a/$x", "a/$x"),
        ("a/+", "a/$x"),
        ("//", "//"),
    ];
    for (filter, topic) in matching {
        assert!(matches(filter, topic), "{filter} should match {topic}");
    }
    let others = [
        ("#", "$SYS/x"),
        ("+/x", "$a/x"),
        ("+", "$a"),
        ("+/#", "$oc/devices/a"),
        ("a/+", "a"),
        ("a/+", "a/b/c"),
        ("+", "/a"),
        ("+", "a/"),
        ("a/#", "ab"),
        ("a/#", "b"),
        ("a/b", "a/B"),
        ("a", "a/"),
        ("a/", "a"),
        ("/a", "a"),
        ("a/+/#", "a"),
    ];
    for (filter, topic) in others {
        assert!(!matches(filter, topic), "{filter} should not match {topic}");
    }
}

#[test]
fn a_filter_covers_exactly_the_filters_within_it() {
    let within = [
        ("#", "#"),
        ("#", "+"),
        ("#", "+/#"),
        ("/+/#", "/#"),
        ("+/+/#", "/#"),
        ("/#", "/+/#"),
        ("+/#", "#"),
        ("a/#", "a"),
        ("a/#", "a/#"),
        ("a/#", "a/+/b/#"),
        ("+/b", "a/b"),
        ("+/+", "a/+"),
        ("a/+/#", "a/+/#"),
        ("a/+/#", "a/b/#"),
        ("$oc/#", "$oc/+/a"),
        ("+/#", "a/#"),
        ("a/#", "a/+"),
    ];
    for (wide, narrow) in within {
        assert!(covers(wide, narrow), "{wide} should cover {narrow}");
    }
    let beyond = [
        ("a/1/b", "#"),
        ("a/1/b", "+/1/b"),
        ("a/1/b", "a/+/b"),
        ("a/1/b", "a/1/#"),
        ("+", "#"),
        ("a/+", "a/#"),
        ("a/+/#", "a/#"),
        ("+/+/#", "#"),
        ("+/+/#", "+/#"),
        ("#", "$SYS/#"),
        ("+/x", "$a/x"),
        ("#", "$oc/devices/a"),
        ("$oc/#", "#"),
        ("$oc/#", "+/devices"),
        ("a/+", "a/+/b"),
        ("a/+/b", "a/+"),
        ("a", "a/#"),
    ];
    for (wide, narrow) in beyond {
        assert!(!covers(wide, narrow), "{wide} should not cover {narrow}");
    }
}

#[test]
fn bombs_of_levels_are_judged_at_once() {
    let slashes = "/".repeat(65_535);
    let plusses = format!("{}+", "+/".repeat(32_767));
    let started = std::time::Instant::now();
    assert!(!matches(&plusses, &slashes) && matches("#", &slashes) && !covers("+/+", &plusses));
    assert!(intersection(&plusses, &slashes).is_none() && covers(&plusses, &plusses));
    // Microseconds when optimised; the bound is for a loaded machine without optimisation.
    assert!(started.elapsed().as_millis() < 500);
}

// --- wildcard text ----------------------------------------------------------------------------------------------------------

fn wildcard(pattern: &str, text: &str) -> bool {
    Wildcard::parse(pattern).unwrap().matches(text)
}

#[test]
fn wildcard_text_matches_over_characters() {
    let matching = [
        ("*", ""),
        ("*", "a/b"),
        ("a*", "a"),
        ("a*", "a/b/c"),
        ("a?c", "abc"),
        ("a?c", "aéc"),
        ("?", "/"),
        ("*/x", "a/b/x"),
        ("a*b*c", "a1b2b3c"),
        ("$oc*", "$oc/devices"),
        (r"\$oc*", "$oc/devices"),
        (r"a\*", "a*"),
        (r"a\?b", "a?b"),
        (r"a\\b", r"a\b"),
        ("a**b", "ab"),
        ("*a?", "aab"),
        ("a/*", "a/#"),
        ("a/+", "a/+"),
        ("*ab", "aab"),
        ("a*?", "ab"),
        ("", ""),
    ];
    for (pattern, text) in matching {
        assert!(wildcard(pattern, text), "{pattern} should match {text}");
    }
    let others = [
        ("*", "$oc/devices/a"),
        ("?oc", "$oc"),
        ("**", "$"),
        ("a?c", "ac"),
        ("a?c", "a12c"),
        ("a*", "ba"),
        (r"a\*", "ab"),
        ("a/+", "a/b"),
        ("?", "ab"),
        ("a*?", "a"),
        ("", "a"),
        ("*b", "a"),
        ("a/#", "a/b"),
        (r"\*", "x"),
        ("A*", "a"),
    ];
    for (pattern, text) in others {
        assert!(
            !wildcard(pattern, text),
            "{pattern} should not match {text}"
        );
    }
    assert_eq!(Wildcard::parse(r"a\"), None);
}

#[test]
fn a_pattern_bomb_is_pattern_times_text_at_most() {
    let pattern = format!("{}b", "*a?".repeat(170));
    let text = "a".repeat(65_535);
    let started = std::time::Instant::now();
    assert!(!wildcard(&pattern, &text));
    assert!(started.elapsed().as_secs() < 10);
}

// --- grants -----------------------------------------------------------------------------------------------------------------

fn rule(effect: Effect, actions: Actions, pattern: &str, syntax: Syntax) -> Rule {
    Rule {
        effect,
        actions,
        pattern: pattern.into(),
        syntax,
        max_qos: Qos::AtLeastOnce,
        retain: false,
        code: 0,
        name: format!("test.json#{pattern}"),
        line: 0,
    }
}

fn allow(pattern: &str) -> Rule {
    rule(Effect::Allow, Actions::all(), pattern, Syntax::MqttFilter)
}

fn allow_text(pattern: &str) -> Rule {
    rule(Effect::Allow, Actions::all(), pattern, Syntax::Wildcard)
}

fn wire_grant(rules: Vec<Rule>) -> contract::Grant {
    contract::Grant {
        client_id: "dev1".into(),
        rules,
        unsolicited: true,
        greetings: Vec::new(),
        limits: Limits {
            keep_alive_max: 0,
            session_expiry_max: 0,
            payload_max: 0,
            topic_max: 0,
            subscriptions_max: 0,
            filters_max: 0,
            publish_rate: 0,
            publish_rate_acknowledged: 0,
            publish_bytes: 0,
            will: true,
        },
        valid_until: None,
        suffix_mark: Some('?'),
        extra: Vec::new(),
    }
}

fn subject() -> Subject {
    let client = Client {
        id: "dev1".into(),
        node: "n1".into(),
        product: "p1".into(),
        gateway: None,
        application: false,
        status: Status::Active,
        encrypted_only: false,
        credential: Credential::None,
        policies: Vec::new(),
        attributes: Vec::new(),
        children: Vec::new(),
    };
    Subject {
        client: Some(client),
        product: None,
    }
}

fn inboxes(templates: &[&str]) -> Result<Arc<Inboxes>, String> {
    let inbox = |template: &&str| Inbox {
        template: (*template).into(),
        max_qos: Qos::AtLeastOnce,
        keep_messages: 0,
        keep_seconds: 0,
        unsolicited: false,
    };
    Inboxes::parse(templates.iter().map(inbox).collect()).map(Arc::new)
}

fn grant_with(rules: Vec<Rule>, templates: &[&str]) -> Grant {
    Grant::compile(wire_grant(rules), &inboxes(templates).unwrap(), &subject()).unwrap()
}

fn grant(rules: Vec<Rule>) -> Grant {
    grant_with(rules, &[])
}

fn is_allowed(decision: Decision) -> bool {
    matches!(decision, Decision::Allow { .. })
}

#[test]
fn an_inbox_may_be_unsolicited_by_itself() {
    let inbox = |template: &str, unsolicited| Inbox {
        template: template.into(),
        max_qos: Qos::AtLeastOnce,
        keep_messages: 0,
        keep_seconds: 0,
        unsolicited,
    };
    let list = vec![
        inbox("b/{product}/{node}/+", true),
        inbox("c/{client}", false),
    ];
    let inboxes = Inboxes::parse(list).map(Arc::new).unwrap();
    for (all, own, other, foreign) in [(false, true, false, false), (true, true, true, true)] {
        let wire = contract::Grant {
            unsolicited: all,
            ..wire_grant(vec![allow("#")])
        };
        let grant = Grant::compile(wire, &inboxes, &subject()).unwrap();
        let asked = ["b/p1/n1/x", "c/dev1", "b/p1/n2/x"].map(|topic| grant.is_unsolicited(topic));
        assert_eq!(asked, [own, other, foreign]);
    }
}

#[test]
fn the_first_rule_decides_and_nothing_is_denied_by_default() {
    let deny = rule(
        Effect::Deny,
        Actions::PUBLISH,
        "a/secret",
        Syntax::MqttFilter,
    );
    let inspect = rule(
        Effect::Inspect,
        Actions::PUBLISH,
        "a/report",
        Syntax::MqttFilter,
    );
    let grant = grant(vec![deny, inspect, allow("a/#")]);
    assert_eq!(
        grant.publish("a/secret", Qos::AtMostOnce),
        Decision::Deny { rule: Some(0) }
    );
    assert_eq!(
        grant.publish("a/report", Qos::AtMostOnce),
        Decision::Inspect {
            max_qos: Qos::AtLeastOnce,
            retain: false,
            rule: 1
        }
    );
    assert_eq!(
        grant.receive("a/secret"),
        Decision::Allow {
            max_qos: Qos::AtLeastOnce,
            retain: false,
            rule: 2
        }
    );
    assert_eq!(
        grant.publish("b", Qos::AtMostOnce),
        Decision::Deny { rule: None }
    );
    assert_eq!(grant.rule_name(2), "test.json#a/#");
    assert_eq!(grant.rule_name(3), "");
}

#[test]
fn a_publish_above_the_qos_of_a_rule_is_left_to_the_next() {
    let mut low = allow("a");
    low.max_qos = Qos::AtMostOnce;
    let grant = grant(vec![
        low,
        rule(Effect::Allow, Actions::all(), "+", Syntax::MqttFilter),
    ]);
    assert!(matches!(
        grant.publish("a", Qos::AtMostOnce),
        Decision::Allow { rule: 0, .. }
    ));
    assert!(matches!(
        grant.publish("a", Qos::AtLeastOnce),
        Decision::Allow { rule: 1, .. }
    ));
    assert_eq!(
        grant.publish("a", Qos::ExactlyOnce),
        Decision::Deny { rule: None }
    );
    assert!(matches!(
        grant.subscribe("a"),
        Decision::Allow {
            rule: 0,
            max_qos: Qos::AtMostOnce,
            ..
        }
    ));
}

#[test]
fn a_requested_filter_must_be_covered_as_a_whole() {
    let grant = grant(vec![
        allow("a/1/b"),
        allow("c/+/d"),
        allow_text("t/*"),
        allow("$oc/devices/dev1/#"),
    ]);
    for filter in [
        "a/1/b",
        "c/+/d",
        "c/x/d",
        "t/+/x",
        "t/#",
        "$oc/devices/dev1/+/x",
    ] {
        assert!(is_allowed(grant.subscribe(filter)), "{filter}");
    }
    for filter in [
        "#",
        "+/1/b",
        "a/+/b",
        "a/1/#",
        "c/#",
        "+/+/+",
        "t",
        "$oc/#",
        "$oc/+/dev1/x",
        "+/devices/dev1/x",
        "$oc/devices/+/x",
    ] {
        assert_eq!(
            grant.subscribe(filter),
            Decision::Deny { rule: None },
            "{filter}"
        );
    }
}

#[test]
fn everything_else_is_not_the_platforms_own() {
    let grant = grant(vec![
        allow("#"),
        allow_text("*"),
        allow("+/+/+"),
        allow_text("?oc/*"),
    ]);
    for topic in ["$oc/devices/dev1", "$SYS/x/y", "$share/g/t", "$"] {
        assert_eq!(
            grant.publish(topic, Qos::AtMostOnce),
            Decision::Deny { rule: None },
            "{topic}"
        );
        assert_eq!(
            grant.receive(topic),
            Decision::Deny { rule: None },
            "{topic}"
        );
        assert_eq!(
            grant.subscribe(topic),
            Decision::Deny { rule: None },
            "{topic}"
        );
    }
    for filter in ["$SYS/#", "$oc/+/+", "$oc/#"] {
        assert_eq!(
            grant.subscribe(filter),
            Decision::Deny { rule: None },
            "{filter}"
        );
    }
    assert!(is_allowed(grant.subscribe("#")) && is_allowed(grant.publish("a/$x", Qos::AtMostOnce)));
}

#[test]
fn what_is_checked_ends_before_the_suffix_mark() {
    let grant = grant(vec![allow("a")]);
    assert_eq!(grant.routed("a?request_id=1?x"), "a");
    assert_eq!(grant.routed("a"), "a");
    assert_eq!(grant.routed("?"), "");
    let mut wire = wire_grant(Vec::new());
    wire.suffix_mark = None;
    let grant = Grant::compile(wire, &Arc::default(), &subject()).unwrap();
    assert_eq!(grant.routed("a?b"), "a?b");
}

#[test]
fn a_grant_beyond_the_limits_is_refused_whole() {
    let too_large = |wire: contract::Grant| match Grant::compile(wire, &Arc::default(), &subject())
    {
        Err(Unusable::TooLarge(TooLarge { value, limit, .. })) => (value, limit),
        other => panic!("{other:?}"),
    };
    assert_eq!(too_large(wire_grant(vec![allow("a"); 257])), (257, 256));
    assert_eq!(
        too_large(wire_grant(vec![allow(&"a".repeat(513))])),
        (513, 512)
    );
    let mut long_name = allow("a");
    long_name.name = "n".repeat(129);
    assert_eq!(too_large(wire_grant(vec![long_name])), (129, 128));
    let mut long_id = wire_grant(Vec::new());
    long_id.client_id = "i".repeat(513);
    assert_eq!(too_large(long_id), (513, 512));
    let greeting = |topic: &str, size: usize| Message {
        topic: topic.into(),
        qos: Qos::AtMostOnce,
        payload: vec![0; size],
    };
    let mut greetings = wire_grant(Vec::new());
    greetings.greetings = vec![greeting("t", 1); 17];
    assert_eq!(too_large(greetings.clone()), (17, 16));
    greetings.greetings = vec![greeting("t", 32 << 10); 2];
    assert_eq!(too_large(greetings), ((64 << 10) + 2, 64 << 10));
}

#[test]
fn a_malformed_grant_is_a_fault_and_not_a_literal() {
    let compile = |wire| Grant::compile(wire, &Arc::default(), &subject());
    for pattern in ["##", "a/#/b", "+a", "a#", ""] {
        let fault = compile(wire_grant(vec![allow(pattern)])).unwrap_err();
        assert!(
            matches!(fault, Unusable::Pattern { .. }),
            "{pattern}: {fault}"
        );
    }
    assert!(matches!(
        compile(wire_grant(vec![allow_text(r"a\")])),
        Err(Unusable::Pattern { .. })
    ));
    let mut nameless = wire_grant(Vec::new());
    for id in ["", "a\nb"] {
        nameless.client_id = id.into();
        assert!(matches!(
            compile(nameless.clone()),
            Err(Unusable::ClientId(_))
        ));
    }
    let mut greeting = wire_grant(Vec::new());
    greeting.greetings = vec![Message {
        topic: "a/#".into(),
        qos: Qos::AtMostOnce,
        payload: Vec::new(),
    }];
    assert!(matches!(compile(greeting), Err(Unusable::Greeting(_))));
}

// --- inboxes ----------------------------------------------------------------------------------------------------------------

#[test]
fn an_inbox_reads_its_addressee_out_of_the_topic() {
    let inboxes = inboxes(&[
        "$oc/devices/{client}/sys/commands/+",
        "/sys/{product}/{node}/thing/service/+",
        "{client}/x",
    ])
    .unwrap();
    let filters: Vec<_> = inboxes
        .templates
        .iter()
        .map(super::inbox::Template::filter)
        .collect();
    assert_eq!(
        filters,
        [
            "$oc/devices/+/sys/commands/+",
            "/sys/+/+/thing/service/+",
            "+/x"
        ]
    );
    let read = |index: usize, topic| inboxes.templates[index].addressee(topic);
    assert_eq!(
        read(0, "$oc/devices/a_b/sys/commands/request_id=1"),
        Some(Addressee::Client("a_b"))
    );
    assert_eq!(
        read(1, "/sys/p/n/thing/service/set"),
        Some(Addressee::Node {
            product: "p",
            node: "n"
        })
    );
    for (index, topic) in [
        (0, "$oc/devices/a/sys/commands"),
        (0, "$oc/devices//sys/commands/x"),
        (0, "$oc/devices/a/sys/messages/x"),
        (0, "$oc/devices/a/sys/commands/x/y"),
        (1, "/sys//n/thing/service/set"),
        (1, "/sys/p//thing/service/set"),
        (2, "$a/x"),
        (2, "/x"),
    ] {
        assert_eq!(read(index, topic), None, "{topic}");
    }
}

#[test]
fn an_identity_never_widens_an_inbox() {
    let inboxes = inboxes(&["c/{client}/x", "n/{product}/{node}/x", "{client}/y"]).unwrap();
    let own = |index: usize, client: &str, product: &str, node: &str| {
        inboxes.templates[index].filter_for(client, product, node)
    };
    assert_eq!(own(0, "a", "", "").as_deref(), Some("c/a/x"));
    assert_eq!(own(1, "a", "p", "n").as_deref(), Some("n/p/n/x"));
    for client in ["#", "+", "a/b", "", "a+", "a\0"] {
        assert_eq!(own(0, client, "p", "n"), None, "{client}");
        assert_eq!(own(1, "a", client, "n"), None, "{client}");
    }
    assert_eq!(own(2, "$SYS", "", ""), None);
    assert_eq!(own(2, "dev", "", "").as_deref(), Some("dev/y"));
}

#[test]
fn a_malformed_inbox_is_refused_by_name() {
    for template in [
        "",
        "a/b",
        "a/{client}/#",
        "a/x{client}",
        "a/{client}/{client}",
        "a/{client}/{product}/{node}",
        "a/{product}",
        "a/{node}/{node}/{product}",
        "a/{other}/{client}",
        "$share/g/{client}",
        "a/{client}/b+",
        "a/{client",
        "{client}\0",
    ] {
        let error = inboxes(&[template]).unwrap_err();
        assert!(
            error.starts_with(&format!("inbox `{template}`: ")),
            "{error}"
        );
    }
    let error = inboxes(&["a/{client}/+", "a/{client}/b"]).unwrap_err();
    assert!(error.contains("match the same topics"), "{error}");
}

#[test]
fn a_subscription_needs_a_link_only_for_what_no_inbox_brings() {
    let receive = |pattern: &str, syntax| rule(Effect::Allow, Actions::RECEIVE, pattern, syntax);
    let down = "$oc/devices/{client}/sys/commands/+";
    let device = |extra: Vec<Rule>| {
        let mut rules = vec![receive(
            "$oc/devices/dev1/sys/commands/+",
            Syntax::MqttFilter,
        )];
        rules.extend(extra);
        grant_with(rules, &[down, "/sys/{product}/{node}/+"])
    };
    let plain = device(vec![]);
    for filter in [
        "$oc/devices/dev1/sys/commands/+",
        "$oc/devices/dev1/#",
        "$oc/#",
        "#",
        "a/b",
        "$oc/devices/dev1/sys/commands/x",
        "/sys/p1/n1/+",
    ] {
        assert!(!plain.needs_link(filter), "{filter}");
    }
    let other = device(vec![receive(
        "$oc/devices/dev2/sys/commands/+",
        Syntax::MqttFilter,
    )]);
    assert!(
        other.needs_link("$oc/devices/+/sys/commands/+") && !other.needs_link("$oc/devices/dev1/#")
    );
    let custom = device(vec![receive("a/*", Syntax::Wildcard)]);
    for filter in ["a/b", "a/#", "#", "+/b", "a/+/c"] {
        assert!(custom.needs_link(filter), "{filter}");
    }
    for filter in ["b", "b/#", "$oc/#", "$SYS/a"] {
        assert!(!custom.needs_link(filter), "{filter}");
    }
    let exact = device(vec![receive("a/b", Syntax::Wildcard)]);
    assert!(exact.needs_link("a/+") && !exact.needs_link("a/c") && !exact.needs_link("a"));
    let broad = device(vec![receive("$oc/devices/dev1/sys/*", Syntax::Wildcard)]);
    assert!(
        !broad.needs_link("$oc/devices/dev1/sys/commands/+")
            && broad.needs_link("$oc/devices/dev1/sys/#")
    );
    let by_node = device(vec![receive("/sys/+/+/+", Syntax::MqttFilter)]);
    assert!(!by_node.needs_link("/sys/p1/n1/+") && by_node.needs_link("/sys/p1/+/+"));
}

// --- cache ------------------------------------------------------------------------------------------------------------------

#[test]
fn a_cache_never_answers_for_another_grant_action_or_qos() {
    let open = grant(vec![allow("#")]);
    let closed = grant(vec![]);
    let mut cache = DecisionCache::new();
    for _ in 0..3 {
        assert!(is_allowed(cache.publish(&open, "a", Qos::AtMostOnce).0));
        assert!(!is_allowed(cache.publish(&open, "a", Qos::ExactlyOnce).0));
        assert!(is_allowed(cache.receive(&open, "a").0));
        assert!(!is_allowed(cache.publish(&closed, "a", Qos::AtMostOnce).0));
        assert!(!is_allowed(cache.receive(&closed, "a").0));
    }
}

#[test]
fn a_cache_tells_what_it_remembered() {
    let grant = grant(vec![allow("a/#")]);
    let mut cache = DecisionCache::new();
    for cached in [false, true, true] {
        assert_eq!(cache.publish(&grant, "a/b", Qos::AtMostOnce).1, cached);
        assert_eq!(cache.receive(&grant, "b").1, cached);
        let arrived = cache.arrives(&grant, "a/b", || false);
        assert_eq!(arrived.map(|(_, cached)| cached), Some(cached));
        assert_eq!(cache.arrives(&grant, "a/c", || true), None);
    }
    let long = format!("a/{}", "x".repeat(300));
    for _ in 0..2 {
        assert!(!cache.receive(&grant, &long).1, "too long to remember");
    }
}

#[test]
fn a_cache_is_bounded_and_holds_nothing_while_idle() {
    let grant = grant(vec![allow("a/#"), allow_text("b*")]);
    let mut cache = DecisionCache::new();
    assert_eq!(std::mem::size_of_val(&cache), 24);
    for round in 0..3 {
        for number in 0..1_000 {
            let topic = format!("{}/{number}", ["a", "b", "c"][number % 3]);
            assert_eq!(
                cache.receive(&grant, &topic).0,
                grant.receive(&topic),
                "{round}"
            );
            assert_eq!(
                cache.publish(&grant, &topic, Qos::AtLeastOnce).0,
                grant.publish(&topic, Qos::AtLeastOnce)
            );
        }
    }
    assert!(cache.held() <= 64);
    cache.clear();
    assert_eq!(cache.held(), 0);
    let long = format!("a/{}", "x".repeat(300));
    assert!(is_allowed(cache.receive(&grant, &long).0));
    assert_eq!(cache.held(), 0);
}

// --- properties -------------------------------------------------------------------------------------------------------------

/// Few literals, so that filters and topics often meet.
fn level() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "", "$a", "é"]).prop_map(String::from)
}

fn topic() -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(level(), 1..5).prop_map(|levels| levels.join("/"));
    levels.prop_filter("a topic has a byte", |topic| !topic.is_empty())
}

fn any_filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 2 => Just("+".to_owned())];
    let levels = prop::collection::vec(level, 0..4);
    let filter = (levels, any::<bool>()).prop_map(|(mut levels, hash)| {
        if hash || levels.is_empty() {
            levels.push("#".into());
        }
        levels.join("/")
    });
    filter.prop_filter("a filter has a byte", |filter| !filter.is_empty())
}

/// All topics that could tell two of the generated filters apart: their literals, one that no filter names, up to one level more.
fn telling_topics() -> Vec<String> {
    let literals = ["a", "b", "", "$a", "é", "other"];
    let mut topics: Vec<String> = literals.map(String::from).to_vec();
    let mut last = topics.clone();
    for _ in 0..4 {
        let longer = |topic: &String| literals.map(|level| format!("{topic}/{level}"));
        last = last.iter().flat_map(longer).collect();
        topics.extend(last.iter().cloned());
    }
    topics.retain(|topic| !topic.is_empty());
    topics
}

/// What the specification says, as plainly as it can be said.
fn matches_by_definition(filter: &[&str], topic: &[&str]) -> bool {
    match (filter.split_first(), topic.split_first()) {
        (Some((&"#", _)), _) | (None, None) => true,
        (Some((level, filter)), Some((literal, topic))) => {
            (level == &"+" || level == literal) && matches_by_definition(filter, topic)
        }
        _ => false,
    }
}

fn text_matches_by_definition(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', after)), _) => {
            (0..=text.len()).any(|skip| text_matches_by_definition(after, &text[skip..]))
        }
        (Some((expected, after)), Some((character, rest))) => {
            (*expected == '?' || expected == character) && text_matches_by_definition(after, rest)
        }
        _ => false,
    }
}

fn split(text: &str) -> Vec<&str> {
    text.split('/').collect()
}

proptest! {
    #[test]
    fn matching_is_the_specifications(filter in any_filter(), topic in topic()) {
        prop_assert!(is_valid_filter(&filter) && is_valid_topic(&topic));
        let hidden = topic.starts_with('$') && !filter.starts_with('$');
        let expected = !hidden && matches_by_definition(&split(&filter), &split(&topic));
        prop_assert_eq!(matches(&filter, &topic), expected);
        let grant = grant(vec![allow(&filter)]);
        prop_assert_eq!(is_allowed(grant.publish(&topic, Qos::AtMostOnce)), expected);
        prop_assert_eq!(is_allowed(grant.receive(&topic)), expected);
    }

    #[test]
    fn an_intersection_matches_what_both_match(a in any_filter(), b in any_filter(), topic in topic()) {
        let both = matches(&a, &topic) && matches(&b, &topic);
        let common = intersection(&a, &b);
        prop_assert!(common.as_deref().is_none_or(is_valid_filter));
        prop_assert_eq!(common.is_some_and(|common| matches(&common, &topic)), both);
    }

    #[test]
    fn wildcard_text_is_its_definition(pattern in "[ab/*?]{0,8}", text in "[ab/]{0,10}") {
        let characters = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = text_matches_by_definition(&characters(&pattern), &characters(&text));
        prop_assert_eq!(wildcard(&pattern, &text), expected);
    }

    #[test]
    fn an_escaped_text_matches_only_itself(text in ".{0,12}", other in ".{0,12}") {
        let escaped: String = text.chars().flat_map(|character| ['\\', character]).collect();
        prop_assert!(wildcard(&escaped, &text));
        prop_assert_eq!(wildcard(&escaped, &other), text == other);
    }

    #[test]
    fn no_filter_or_pattern_reaches_the_platforms_own(topic in "\\$.{0,10}", pattern in "[^$\\\\].{0,6}") {
        prop_assert!(!Wildcard::parse(&pattern).is_some_and(|wildcard| wildcard.matches(&topic)));
        prop_assert!(!(is_valid_filter(&pattern) && matches(&pattern, &topic)));
    }

    #[test]
    fn a_subscription_without_a_link_brings_nothing_but_inboxes(filter in any_filter(), rules in prop::collection::vec((any_filter(), "[ab/*?]{1,5}"), 0..3), topic in topic()) {
        let receive = |(filter, text): (String, String)| [allow(&filter), allow_text(&text)];
        let grant = grant_with(rules.into_iter().flat_map(receive).collect(), &["a/{client}/+", "{client}/b"]);
        let delivered = grant.own_inboxes().iter().any(|inbox| matches(inbox, &topic));
        let brings = matches(&filter, &topic) && is_allowed(grant.receive(&topic)) && !delivered;
        prop_assert!(!brings || grant.needs_link(&filter));
    }

    #[test]
    fn a_cache_changes_no_decision(topics in prop::collection::vec(topic(), 1..40), rules in prop::collection::vec(any_filter(), 0..4)) {
        let grant = grant(rules.iter().map(|filter| allow(filter)).collect());
        let mut cache = DecisionCache::new();
        for topic in topics.iter().chain(&topics) {
            prop_assert_eq!(cache.publish(&grant, topic, Qos::AtLeastOnce).0, grant.publish(topic, Qos::AtLeastOnce));
            prop_assert_eq!(cache.receive(&grant, topic).0, grant.receive(topic));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn covering_is_exact(wide in any_filter(), narrow in any_filter()) {
        let expected = telling_topics().iter().all(|topic| !matches(&narrow, topic) || matches(&wide, topic));
        prop_assert_eq!(covers(&wide, &narrow), expected, "{} over {}", wide, narrow);
    }
}
