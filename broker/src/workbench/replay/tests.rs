//! Small logs replayed by the built-in policies: what differs, what is the same, and why a line is not judged.

use super::*;
use crate::contract::{Credential, Document};
use crate::policy::{BuiltIn, Compiler, Settings, cases, try_out};
use crate::workbench::shape::tests::{client, of, secret};
use std::convert::Infallible;

const CLOSED: &str = r#"{"policy_name":"closed","statement":[{"effect":"DENY","actions":["iotda:devices:publish"],"resources":["topic:closed/*"]}]}"#;

// As the registry's answer.
#[allow(clippy::unnecessary_wraps)]
fn record(id: &str) -> Result<Subject, Infallible> {
    let device = |node: &str, product: &str, credential| Client {
        credential,
        ..client(id, node, product)
    };
    let serial = Credential::Serial(("ca1".into(), "3476BFA870CC99".into()));
    Ok(match id {
        "demo_pump" => of(Client {
            policies: vec!["closed".into()],
            ..device("pump", "demo", secret())
        }),
        "a1demoX509_device1" => of(device("device1", "a1demoX509", serial)),
        "a1demo_device3" => of(device("device3", "a1demo", secret())),
        _ => Subject {
            client: None,
            product: None,
        },
    })
}

fn replayed(
    name: &str,
    more: Option<&str>,
    policy: Option<&str>,
    log: &str,
) -> Result<Report, Stopped<Infallible>> {
    let built_in = BuiltIn::named(name).unwrap();
    let folder = built_in.folder();
    let mut documents = folder.documents;
    documents.extend(more.map(|text| Document {
        name: "closed.json".into(),
        text: text.into(),
    }));
    let settings = Settings::default();
    let compiler = Compiler::InProcess;
    let generation = try_out(&settings, &compiler, built_in.component, documents).unwrap();
    let samples = cases::samples(&folder.cases);
    let replay = Replay::new(&generation, &samples, policy, 10, 1_795_300_200_000);
    replay.run(&mut log.as_bytes(), record)
}

fn line(record: &str, said: &str) -> String {
    format!(r#"{{"n":1,"policy":"one","client":"c","record":"{record}",{said}}}"#)
}

fn publish(topic: &str, verdict: &str, source: &str) -> String {
    let said = format!(
        r#""action":"publish","topic":"{topic}","qos":1,"verdict":"{verdict}","source":"{source}""#
    );
    line("demo_pump", &said)
}

fn refused(action: &str, code: u16) -> String {
    let said = format!(
        r#""action":"{action}","verdict":"deny","code":{code},"source":"policy","stage":"authenticate""#
    );
    line("demo_pump", &said)
}

const LET_IN: &str =
    r#""action":"connect","verdict":"allow","source":"policy","stage":"authorize","later":1"#;

#[test]
fn every_line_is_the_same_different_or_has_a_reason() {
    let mut lines = vec![
        publish("open/x", "allow", "rule"),
        publish("closed/x", "allow", "cache"),
        "garbage".to_owned(),
        r#"{"gap":{"from":2,"to":6,"lost":5}}"#.to_owned(),
        line("demo_pump", LET_IN),
        refused("connect", 201),
        publish("open/x", "fault", "host"),
        publish("open/x", "deny", "host"),
        line("gone", LET_IN),
        publish("$oc/devices/demo_pump/sys/events/up", "allow", "inspect"),
        publish(&"x".repeat(512), "allow", "rule"),
        refused("judge", 306),
        publish("open/x", "allow", "rule").replace("one", "two"),
        refused("connect", 301),
        String::new(),
    ];
    lines.push(lines[0].split_at(40).0.to_owned());
    let log = lines.join("\n");
    let report = replayed("iotda", Some(CLOSED), Some("one"), &log).unwrap();
    let differences = report.differences.iter().map(|one| {
        let now = &one.now;
        (
            one.line,
            one.then.verdict,
            now.verdict,
            now.code,
            now.rule.as_deref(),
        )
    });
    assert_eq!(
        differences.collect::<Vec<_>>(),
        [
            (2, "allow", "deny", Some(400), Some("closed.json#0")),
            // It was frozen then, and its record is not so now.
            (14, "deny", "allow", None, None),
        ]
    );
    assert_eq!((report.lines, report.same, report.different), (15, 2, 2));
    assert_eq!((report.by_record, report.lost), (2, 5));
    assert_eq!(report.unreadable, [3, 16]);
    let reasons: Vec<_> = report.not_replayed.into_iter().collect();
    assert_eq!(
        reasons,
        [
            (Reason::Gap, 1),
            (Reason::Unreadable, 2),
            (Reason::OtherPolicy, 1),
            (Reason::Fault, 1),
            (Reason::Host, 1),
            (Reason::TextCut, 1),
            (Reason::NoClaim, 1),
            (Reason::CredentialReplaced, 1),
            (Reason::NoRecord, 1),
            (Reason::NeedsPayload, 1),
        ]
    );
    let stopped = replayed("iotda", None, None, &log).unwrap_err();
    assert!(matches!(stopped, Stopped::Policies(..)), "{stopped}");
}

#[test]
fn devices_of_the_second_policy_have_a_stand_in() {
    let log = ["a1demoX509_device1", "a1demo_device3"].map(|id| line(id, LET_IN));
    let report = replayed("aliyun", None, None, &log.join("\n")).unwrap();
    assert_eq!(report.same, 2, "{report:?}");
}
