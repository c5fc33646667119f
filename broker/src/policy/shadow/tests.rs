//! Tables of what is a disagreement and what is none.

use super::compare::{Answer, Not, accesses, connects, decides_alike};
use super::*;
use crate::contract::{
    self, Actions, Connect, Effect, Limits, Lookup, Message, Principal, Protocol, Qos, Refusal,
    Rule, Subject, Syntax, Will,
};
use crate::decision::Action;
use crate::grant::inbox::Inboxes;
use crate::grant::{Decision, Grant};
use crate::policy::Fault;

const NOBODY: Subject = Subject {
    client: None,
    product: None,
};

/// Nothing is read by a comparison.
struct NoRecords;

impl Records for NoRecords {
    fn find(&self, _: &Lookup) -> Result<Subject, String> {
        Err("not here".to_owned())
    }

    fn subject(&self, _: &str) -> Result<Subject, String> {
        Err("not here".to_owned())
    }
}

fn rule(effect: Effect, pattern: &str, max_qos: Qos, name: &str) -> Rule {
    Rule {
        effect,
        actions: Actions::all(),
        pattern: pattern.into(),
        syntax: Syntax::MqttFilter,
        max_qos,
        retain: false,
        code: 0,
        name: name.into(),
        line: 0,
    }
}

fn grant(change: impl FnOnce(&mut contract::Grant)) -> Grant {
    let mut grant = contract::Grant {
        client_id: "demo_d1".into(),
        rules: vec![rule(Effect::Allow, "a/#", Qos::AtLeastOnce, "one")],
        unsolicited: true,
        greetings: vec![Message {
            topic: "hello".into(),
            qos: Qos::AtMostOnce,
            payload: b"hi".to_vec(),
        }],
        limits: Limits {
            keep_alive_max: 1_200,
            session_expiry_max: 0,
            payload_max: 0,
            topic_max: 0,
            subscriptions_max: 0,
            filters_max: 0,
            publish_rate: 50,
            publish_rate_acknowledged: 0,
            publish_bytes: 0,
            will: true,
        },
        valid_until: Some(1_000),
        suffix_mark: Some('?'),
        extra: Vec::new(),
    };
    change(&mut grant);
    let inboxes = Arc::new(Inboxes::parse(Vec::new()).unwrap());
    Grant::compile(grant, &inboxes, &NOBODY).unwrap()
}

fn principal() -> Principal {
    Principal {
        id: "demo_d1".into(),
        proof: Vec::new(),
        enrol: None,
        extra: Vec::new(),
    }
}

fn connect() -> Connect {
    Connect {
        client_id: "demo_d1_0_0_2026112122".into(),
        client_id_assigned: false,
        username: Some("demo_d1".into()),
        password: Some(b"secret".to_vec()),
        certificate: None,
        protocol: Protocol::Mqtt5,
        keep_alive: 60,
        clean_start: true,
        session_expiry: 0,
        will: Some(Will {
            topic: "a/will?x=1".into(),
            qos: Qos::ExactlyOnce,
            retain: false,
            payload_length: 1,
            delay: 0,
        }),
        listener: "mqtts".into(),
        encrypted: true,
        server_name: None,
        peer: "127.0.0.1:1".into(),
        authentication_method: None,
        user_properties: Vec::new(),
        now: 7,
        extra: Vec::new(),
    }
}

fn granted(change: impl FnOnce(&mut contract::Grant)) -> Granted {
    Granted::of(&principal(), &grant(change), &connect())
}

fn refusal(code: u16) -> Refusal {
    Refusal {
        code,
        detail: format!("because of {code}"),
        rule: Some("the field".into()),
    }
}

fn refused<T>(code: u16) -> Answer<T> {
    Err(Not::Refused(refusal(code)))
}

fn trapped() -> Not {
    Not::Faulted(Fault::Trap {
        call: "authorize",
        cause: "unreachable".into(),
    })
}

fn by_client(id: &str) -> Lookup {
    Lookup::Client(id.into())
}

/// A CONNECT that asked for `lookup` and came to `outcome`.
fn seen(lookup: Option<Lookup>, outcome: Result<Granted, Refusal>) -> ConnectSeen {
    ConnectSeen {
        generation: 1,
        connect: Arc::new(connect()),
        found: lookup.map(|lookup| Found {
            lookup,
            subject: NOBODY,
        }),
        outcome,
        now: 8,
        records: Arc::new(NoRecords),
    }
}

#[test]
fn connects_disagree_by_what_the_client_would_notice() {
    let (one, two) = (|| Some(by_client("demo_d1")), || Some(by_client("other")));
    let same = || granted(|_| {});
    let less = || granted(|grant| grant.limits.publish_rate = 5);
    // The active generation's look-up and outcome, the candidate's, and what that is.
    let rows = [
        (one(), Ok(same()), one(), Ok(same()), None),
        (one(), Ok(same()), one(), Ok(less()), Some(Kind::Grant)),
        (one(), Ok(same()), two(), Ok(same()), Some(Kind::Lookup)),
        (one(), Ok(same()), one(), refused(201), Some(Kind::Verdict)),
        (one(), Ok(same()), None, refused(100), Some(Kind::Verdict)),
        (one(), Err(refusal(201)), one(), refused(201), None),
        // Nobody notices who was asked for, where both say no alike.
        (one(), Err(refusal(200)), two(), refused(200), None),
        (one(), Err(refusal(200)), None, refused(200), None),
        (None, Err(refusal(100)), two(), refused(100), None),
        (
            one(),
            Err(refusal(201)),
            one(),
            refused(202),
            Some(Kind::Code),
        ),
        (
            one(),
            Err(refusal(201)),
            two(),
            refused(202),
            Some(Kind::Lookup),
        ),
        (
            None,
            Err(refusal(100)),
            one(),
            refused(200),
            Some(Kind::Code),
        ),
        (
            None,
            Err(refusal(100)),
            one(),
            Ok(same()),
            Some(Kind::Verdict),
        ),
        (
            one(),
            Err(refusal(201)),
            one(),
            Ok(same()),
            Some(Kind::Verdict),
        ),
        (one(), Ok(same()), one(), Err(trapped()), Some(Kind::Fault)),
        (
            one(),
            Err(refusal(201)),
            None,
            Err(trapped()),
            Some(Kind::Fault),
        ),
        (one(), Ok(same()), two(), Err(trapped()), Some(Kind::Fault)),
    ];
    for (number, (found, outcome, lookup, answer, kind)) in rows.into_iter().enumerate() {
        let seen = seen(found, outcome);
        let disagreement = connects(&seen, lookup.as_ref(), &answer);
        assert_eq!(disagreement.map(|one| one.kind), kind, "row {number}");
    }
}

#[test]
fn grants_are_unlike_by_every_part_but_the_text_of_their_rules() {
    type Change = fn(&mut contract::Grant);
    // What the candidate's grant has otherwise, and how that is told.
    let rows: [(Change, Option<(&str, &str)>); 11] = [
        (|_| {}, None),
        (
            |grant| {
                // The same decisions, otherwise written.
                grant.rules[0].name = "another".into();
                grant.rules[0].pattern = "+/#".into();
                grant.rules[0].actions = Actions::PUBLISH;
            },
            None,
        ),
        (|grant| grant.greetings[0].payload = b"ho".to_vec(), None),
        (
            |grant| grant.client_id = "other".into(),
            Some(("client-id `demo_d1`", "client-id `other`")),
        ),
        (
            |grant| grant.unsolicited = false,
            Some(("unsolicited true", "unsolicited false")),
        ),
        (
            |grant| grant.greetings[0].qos = Qos::AtLeastOnce,
            Some((
                "greetings 1 `hello` at qos 0",
                "greetings 1 `hello` at qos 1",
            )),
        ),
        (
            |grant| grant.greetings.clear(),
            Some(("greetings 1 `hello` at qos 0", "greetings 0")),
        ),
        (
            |grant| grant.valid_until = None,
            Some(("valid-until 1000", "valid-until none")),
        ),
        (
            // The will's topic keeps its suffix, and is still allowed.
            |grant| grant.suffix_mark = None,
            Some(("suffix-mark ?", "suffix-mark none")),
        ),
        (
            |grant| grant.rules[0].max_qos = Qos::AtMostOnce,
            Some(("will allow", "will deny")),
        ),
        (
            |grant| {
                grant.limits.will = false;
                grant.limits.publish_bytes = 9;
            },
            Some((
                "publish-bytes 0, limits.will true",
                "publish-bytes 9, limits.will false",
            )),
        ),
    ];
    let active = granted(|_| {});
    for (change, told) in rows {
        let told = told.map(|(own, other)| (own.to_owned(), other.to_owned()));
        assert_eq!(active.unlike(&granted(change)), told);
    }
    let enrolling = Principal {
        id: "another".into(),
        enrol: Some(vec![0xAB; 20]),
        ..principal()
    };
    let other = Granted::of(&enrolling, &grant(|_| {}), &connect());
    let (own, others) = active.unlike(&other).unwrap();
    assert_eq!(own, "record `demo_d1`, enrol none");
    assert_eq!(
        others,
        format!("record `another`, enrol {}", "ab".repeat(20))
    );
}

fn access(action: Action, topic: &str, qos: Qos, active: &Grant) -> AccessSeen {
    let decision = match action {
        Action::Subscribe => active.subscribe(topic),
        Action::Receive => active.receive(topic),
        _ => active.publish(topic, qos),
    };
    let rule = match decision {
        Decision::Allow { rule, .. } | Decision::Inspect { rule, .. } => active.rule_name(rule),
        Decision::Deny { rule } => rule.map_or("", |rule| active.rule_name(rule)),
    };
    AccessSeen {
        at: 9,
        generation: 1,
        grant: active.number(),
        client: "demo_d1".into(),
        raw_client: "demo_d1_0_0".into(),
        product: "demo".into(),
        principal: principal(),
        action,
        topic: topic.into(),
        qos,
        decision,
        rule: rule.into(),
        records: Arc::new(NoRecords),
    }
}

#[test]
fn accesses_disagree_by_verdict_and_granted_qos() {
    use Action::{Publish, Receive, Subscribe};
    let (verdict, qos) = (Some(Kind::Verdict), Some(Kind::Qos));
    // What each says of `t`, at most at which QoS; what is asked; what that is.
    let rows = [
        ("allow 1", "allow 1", Publish, 1, None),
        ("allow 1", "deny 1", Publish, 1, verdict),
        ("deny 1", "allow 1", Receive, 1, verdict),
        ("deny 1", "deny 0", Subscribe, 1, None),
        ("inspect 1", "inspect 1", Publish, 1, None),
        ("inspect 1", "allow 1", Publish, 1, verdict),
        ("allow 1", "inspect 1", Receive, 0, verdict),
        // A rule below the publication's QoS does not match.
        ("allow 1", "allow 0", Publish, 1, verdict),
        ("allow 1", "allow 0", Publish, 0, None),
        ("allow 1", "allow 0", Subscribe, 1, qos),
        ("allow 1", "allow 0", Receive, 1, qos),
        ("inspect 1", "inspect 0", Receive, 1, qos),
        ("allow 1", "allow 0", Subscribe, 0, None),
    ];
    for (number, (active, candidate, action, asked, kind)) in rows.into_iter().enumerate() {
        let asked = [Qos::AtMostOnce, Qos::AtLeastOnce][asked];
        let (active, candidate) = (of_t(active), of_t(candidate));
        let seen = access(action, "t", asked, &active);
        assert!(decides_alike(&active, &seen), "row {number}");
        assert_eq!(decides_alike(&candidate, &seen), kind.is_none());
        let found = accesses(&seen, &Ok(candidate)).map(|one| one.kind);
        assert_eq!(found, kind, "row {number}");
    }
}

/// A grant with one rule, on the topic `t`: its effect, and its highest `QoS`.
fn of_t(says: &str) -> Grant {
    let (effect, max_qos) = match says {
        "allow 1" => (Effect::Allow, Qos::AtLeastOnce),
        "allow 0" => (Effect::Allow, Qos::AtMostOnce),
        "inspect 1" => (Effect::Inspect, Qos::AtLeastOnce),
        "inspect 0" => (Effect::Inspect, Qos::AtMostOnce),
        _ => (Effect::Deny, Qos::AtLeastOnce),
    };
    grant(|grant| grant.rules = vec![rule(effect, "t", max_qos, "of t")])
}

#[test]
fn a_session_that_would_end_disagrees_whatever_it_asks() {
    let active = grant(|_| {});
    for topic in ["a/b", "denied"] {
        let seen = access(Action::Publish, topic, Qos::AtMostOnce, &active);
        for (answer, kind, code) in [
            (refused(306), Kind::SessionRefused, Some(306)),
            (
                Ok(grant(|grant| grant.client_id = "renamed".into())),
                Kind::SessionRefused,
                Some(300),
            ),
            (Err(trapped()), Kind::Fault, None),
        ] {
            let found = accesses(&seen, &answer).unwrap();
            assert_eq!((found.kind, found.candidate.code), (kind, code));
        }
    }
}

#[test]
fn a_disagreement_is_told_in_full() {
    let active = grant(|_| {});
    let seen = access(Action::Subscribe, "a/+", Qos::AtLeastOnce, &active);
    let found = accesses(&seen, &Ok(grant(|grant| grant.rules.clear()))).unwrap();
    let expected = serde_json::json!({
        "at": 9, "kind": "verdict", "action": "subscribe",
        "client": "demo_d1", "raw_client": "demo_d1_0_0", "product": "demo", "topic": "a/+", "qos": 1,
        "active": {"verdict": "allow", "qos": 1, "rule": "one"},
        "candidate": {"verdict": "deny", "code": 400, "detail": "no rule matches"},
    });
    assert_eq!(serde_json::to_value(&found).unwrap(), expected);

    let seen = self::seen(Some(by_client("demo_d1")), Ok(granted(|_| {})));
    let found = connects(&seen, Some(&by_client("x")), &refused(200)).unwrap();
    let expected = serde_json::json!({
        "at": 7, "kind": "lookup", "action": "connect",
        "client": "demo_d1", "raw_client": "demo_d1_0_0_2026112122", "product": "",
        "active": {"verdict": "allow", "detail": "asks for the client `demo_d1`: client-id `demo_d1`"},
        "candidate": {
            "verdict": "deny", "code": 200, "rule": "the field",
            "detail": "asks for the client `x`: because of 200",
        },
    });
    assert_eq!(serde_json::to_value(&found).unwrap(), expected);
}

#[test]
fn clients_text_is_cut_and_passwords_are_nowhere() {
    let active = grant(|_| {});
    let long = "ä".repeat(20_000);
    let seen = access(Action::Publish, &long, Qos::AtMostOnce, &active);
    let found = accesses(&seen, &refused(306)).unwrap();
    assert_eq!(found.topic.map(|topic| topic.len()), Some(512));
    let seen = self::seen(None, Err(refusal(100)));
    let found = connects(&seen, None, &Err(trapped())).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert!(text.contains("\"rule\":\"trap\""), "{text}");
}

#[test]
fn what_the_host_failed_is_not_the_candidates() {
    let (call, cause) = ("authorize", String::new());
    let waited = std::time::Duration::from_secs(1);
    for (fault, is_the_hosts) in [
        (Fault::Busy { call, waited }, true),
        (
            Fault::Host {
                call,
                cause: cause.clone(),
            },
            true,
        ),
        (Fault::Trap { call, cause }, false),
    ] {
        assert_eq!(Not::Faulted(fault).is_the_hosts(), is_the_hosts);
    }
    assert!(!Not::Refused(refusal(300)).is_the_hosts());
}
