//! The built-in policy explained: every kind of answer once.

use super::*;
use crate::contract::{Client, Credential, Fingerprints, Qos, Status};
use crate::decision::Action;
use crate::policy::{BuiltIn, Compiler, Settings, try_out};
use crate::workbench::shape::tests::{client, of, secret};
use crate::workbench::stand_in::Means;
use crate::workbench::stand_in::NoPrincipal;
use std::sync::LazyLock;

/// 2026-11-21T22:30:00Z.
const NOW: UtcMs = 1_795_300_200_000;

/// Line 1 begins the document; a deny in line 3, an allow in line 4.
const CLOSED: &str = r#"{"policy_name":"closed",
"statement":[
 {"effect":"DENY","actions":["iotda:devices:publish"],"resources":["topic:closed/*"]},
 {"effect":"ALLOW","actions":["iotda:devices:subscribe"],"resources":["topic:closed/#"]}
]}"#;

struct Bench {
    generation: Generation,
    documents: Vec<Document>,
    samples: Vec<Sample>,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let folder = BuiltIn::default_policy().folder();
    let mut documents = folder.documents;
    documents.push(Document {
        name: "closed.json".into(),
        text: CLOSED.into(),
    });
    let component = BuiltIn::default_policy().component;
    let compiler = Compiler::InProcess;
    let settings = Settings::default();
    Bench {
        generation: try_out(&settings, &compiler, component, documents.clone()).unwrap(),
        documents,
        samples: crate::policy::cases::samples(&folder.cases),
    }
});

fn device(credential: Credential) -> Client {
    Client {
        credential,
        policies: vec!["closed".into()],
        ..client("demo_pump", "pump", "demo")
    }
}

fn ask(client: Client, access: Option<(Action, &str, Qos)>) -> Result<Explanation, Failure> {
    let access = access.map(|(action, topic, qos)| Access {
        action,
        topic: topic.into(),
        qos,
    });
    let policy = Policy {
        generation: &BENCH.generation,
        documents: &BENCH.documents,
        samples: &BENCH.samples,
    };
    let asked = Asked {
        subject: &of(client),
        connect: None,
        access: access.as_ref(),
        payload: None,
        now: NOW,
    };
    explain(&policy, &asked)
}

fn told(action: Action, topic: &str, qos: Qos) -> Explanation {
    ask(device(secret()), Some((action, topic, qos))).unwrap()
}

fn rule(explanation: &Explanation) -> (&str, Option<u32>) {
    let rule = explanation.rule.as_ref();
    rule.map_or(("", None), |rule| {
        let line = rule.written.as_ref().and_then(|written| written.line);
        (&rule.name, line)
    })
}

#[test]
fn who_decided_and_where_it_is_written() {
    use Action::{Publish, Receive, Subscribe};
    let one = Qos::AtLeastOnce;
    for (action, topic, verdict, code, name, line) in [
        (
            Publish,
            "open/x",
            "allow",
            None,
            "system_default_policy.json#0",
            Some(4),
        ),
        (
            Publish,
            "closed/x",
            "deny",
            Some(400),
            "closed.json#0",
            Some(3),
        ),
        (Receive, "closed/x", "allow", None, "closed.json#1", Some(4)),
        (
            Subscribe,
            "closed/#",
            "allow",
            None,
            "closed.json#1",
            Some(4),
        ),
        (
            Publish,
            "$oc/devices/demo_pump/user/diagnostics",
            "allow",
            None,
            "product_demo.json#0",
            Some(53),
        ),
        (
            Publish,
            "$oc/devices/demo_pump/sys/events/up",
            "inspect",
            None,
            "system:events/up",
            None,
        ),
        (
            Publish,
            "$oc/devices/demo_pump/sys/commands/1",
            "deny",
            Some(401),
            "system:wrong-direction",
            None,
        ),
        (
            Publish,
            "$oc/devices/other/sys/messages/up",
            "deny",
            Some(400),
            "",
            None,
        ),
    ] {
        let seen = told(action, topic, one);
        assert_eq!((seen.verdict, seen.code), (verdict, code), "{topic}");
        assert_eq!(rule(&seen), (name, line), "{topic}");
        assert_eq!(seen.connect.verdict, "allow");
    }
    let seen = told(Publish, "closed/x", one);
    let written = seen.rule.unwrap().written.unwrap();
    assert!(
        written.text.starts_with("{\"effect\":\"DENY\""),
        "{written:?}"
    );
}

#[test]
fn what_came_later_and_what_would_change_it() {
    let seen = told(Action::Publish, "closed/x", Qos::AtLeastOnce);
    let later: Vec<_> = seen
        .shadowed
        .iter()
        .map(|rule| rule.name.as_str())
        .collect();
    assert_eq!(later, ["system_default_policy.json#0"]);
    assert_eq!(
        seen.changes,
        [
            "without `closed.json#0` (closed.json:3) the next match would allow: `system_default_policy.json#0` (system_default_policy.json:4)"
        ]
    );
    let seen = told(Action::Publish, "open/x", Qos::AtLeastOnce);
    assert_eq!(
        seen.changes,
        [
            "without `system_default_policy.json#0` (system_default_policy.json:4) nothing would match, and that is denied"
        ]
    );
    let wrong = told(
        Action::Publish,
        "$oc/devices/demo_pump/sys/commands/1",
        Qos::AtLeastOnce,
    );
    let other = "the other direction is allowed: the client may receive this topic";
    assert!(wrong.changes.iter().any(|change| change == other));
}

#[test]
fn what_comes_near_a_denial_by_default() {
    let rows = [
        (
            Action::Publish,
            "open/x",
            Qos::ExactlyOnce,
            "qos",
            "system_default_policy.json#0",
        ),
        (
            Action::Subscribe,
            "$oc/devices/+/sys/#",
            Qos::AtMostOnce,
            "filter-too-wide",
            "system:own",
        ),
        (
            Action::Publish,
            "$oc/devices/demo_pump/user/display",
            Qos::AtMostOnce,
            "other-action",
            "product_demo.json#1",
        ),
        (
            Action::Publish,
            "$oc/devices/other/sys/messages/up",
            Qos::AtMostOnce,
            "pattern",
            "system:messages/up",
        ),
    ];
    for (action, topic, qos, why, name) in rows {
        let seen = told(action, topic, qos);
        assert_eq!((seen.verdict, seen.code), ("deny", Some(400)), "{topic}");
        let first = &seen.nearest[0];
        assert_eq!(
            (first.why, first.rule.name.as_str()),
            (why, name),
            "{topic}"
        );
        assert!(seen.nearest.len() <= NEAREST_MAX);
        let last = seen.changes.last().unwrap();
        assert!(last.starts_with("no rule matches"), "{last}");
    }
}

#[test]
fn every_kind_of_credential_has_a_stand_in() {
    let prints = Credential::Certificate(Fingerprints {
        primary: Some(vec![7; 32]),
        secondary: None,
        enrol: false,
    });
    let serial = Credential::Serial(("ca1".into(), "0A1".into()));
    let application = || Client {
        policies: vec!["demo_app_policy".into()],
        credential: Credential::Token(b"not typed".to_vec()),
        ..client("back", "", "")
    };
    for (client, kind, means, canonical) in [
        (device(secret()), "secret", Means::Fingerprint, "demo_pump"),
        (
            device(prints),
            "certificate",
            Means::Fingerprint,
            "demo_pump",
        ),
        // This policy knows no serial numbers: a fingerprint stands in for it.
        (device(serial), "serial", Means::Fingerprint, "demo_pump"),
        (application(), "token", Means::OwnToken, "back/"),
    ] {
        let seen = ask(client, None).unwrap();
        assert_eq!((seen.verdict, seen.action), ("allow", "connect"));
        assert_eq!((seen.connect.credential, seen.connect.proof), (kind, means));
        let known = seen.connect.canonical.unwrap();
        assert!(known.starts_with(canonical), "{known}");
        let text = serde_json::to_string(&seen.changes).unwrap();
        assert!(!text.contains("not typed"), "{text}");
    }
}

#[test]
fn who_may_not_connect_is_denied_with_the_policys_own_reason() {
    let frozen = Client {
        status: Status::Frozen,
        ..device(secret())
    };
    let child = Client {
        gateway: Some("gate".into()),
        ..device(secret())
    };
    for (client, code, rule, change) in [
        (
            frozen,
            301,
            "status",
            "the record's `status` is `frozen`: unfreeze it",
        ),
        (
            child,
            300,
            "gateway",
            "the record is a sub-device of `gate`, which speaks for it",
        ),
        (
            device(Credential::None),
            300,
            "credential",
            "the record has no credential: register one",
        ),
    ] {
        let access = (Action::Publish, "open/x", Qos::AtMostOnce);
        let seen = ask(client, Some(access)).unwrap();
        assert_eq!((seen.verdict, seen.code), ("deny", Some(code)));
        assert_eq!(seen.connect.rule.as_deref(), Some(rule));
        assert_eq!(seen.changes, [change]);
        // What its rules would say is told all the same.
        assert_eq!(seen.rule.unwrap().effect, "allow");
    }
}

#[test]
fn who_cannot_be_proved_is_an_error_and_no_denial() {
    let odd = Client {
        id: "no device id of this policy/".into(),
        ..device(secret())
    };
    let Err(Failure::NoPrincipal(NoPrincipal { client, .. })) = ask(odd, None) else {
        panic!("a principal");
    };
    assert_eq!(client, "no device id of this policy/");
}

#[test]
fn a_payload_is_shown_to_the_component() {
    let topic = "$oc/devices/demo_pump/sys/properties/report";
    let access = Access {
        action: Action::Publish,
        topic: topic.into(),
        qos: Qos::AtMostOnce,
    };
    let policy = Policy {
        generation: &BENCH.generation,
        documents: &BENCH.documents,
        samples: &BENCH.samples,
    };
    let subject = of(device(secret()));
    let ask = |payload: &'static [u8]| {
        let asked = Asked {
            subject: &subject,
            connect: None,
            access: Some(&access),
            payload: Some(payload),
            now: NOW,
        };
        explain(&policy, &asked).unwrap()
    };
    let seen =
        ask(b"{\"services\":[{\"service_id\":\"Battery\",\"properties\":{\"batteryLevel\":999}}]}");
    assert_eq!((seen.verdict, seen.code), ("allow", Some(402)));
    assert_eq!(seen.payload.unwrap().verdict, "remark");
}
