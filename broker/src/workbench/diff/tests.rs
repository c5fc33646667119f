//! The built-in policy under two sets of documents.

use super::*;
use crate::contract::{Client, Document, Status};
use crate::policy::{BuiltIn, Compiler, Settings, cases, try_out};
use crate::workbench::shape::tests::{client, secret};

const NOW: UtcMs = 1_795_300_200_000;

fn documents(statements: &str) -> Vec<Document> {
    let text = format!(r#"{{"policy_name":"system_default_policy","statement":[{statements}]}}"#);
    vec![Document {
        name: "system_default_policy.json".into(),
        text,
    }]
}

fn statement(effect: &str, resource: &str) -> String {
    format!(
        r#"{{"effect":"{effect}","actions":["iotda:devices:publish"],"resources":["topic:{resource}"]}}"#
    )
}

fn device(id: &str, status: Status) -> Subject {
    Subject {
        client: Some(Client {
            credential: secret(),
            status,
            ..client(id, id, "demo")
        }),
        product: None,
    }
}

fn compared(old: &str, new: &str, log: &[&str], clients: &[Subject]) -> Report {
    let built_in = BuiltIn::default_policy();
    let generation = |statements: &str| {
        let documents = documents(statements);
        let (settings, compiler) = (Settings::default(), Compiler::InProcess);
        try_out(&settings, &compiler, built_in.component, documents).unwrap()
    };
    let (old, new) = (generation(old), generation(new));
    let samples = cases::samples(&built_in.folder().cases);
    let log: Vec<String> = log.iter().map(|topic| (*topic).to_owned()).collect();
    let mut diff = Diff::new([&old, &new], &samples, &log, NOW);
    for client in clients {
        diff.client(client).unwrap();
    }
    diff.report()
}

fn told(report: &Report) -> Vec<(Kind, &str, &str, &str)> {
    let told = report.differences.iter().map(|one| {
        let topic = one.topic.as_deref().unwrap_or_default();
        (one.kind, one.client.as_str(), one.action.as_str(), topic)
    });
    told.collect()
}

#[test]
fn the_same_twice_is_the_same() {
    let open = statement("ALLOW", "a/*");
    let clients = [device("d1", Status::Active), device("d2", Status::Frozen)];
    let report = compared(&open, &open, &["a/b"], &clients);
    assert!(report.is_same(), "{report:?}");
    assert_eq!((report.clients, report.unproven), (2, 0));
    assert!(report.asked > 1_000, "{}", report.asked);
}

#[test]
fn newly_allowed_comes_first_with_who_decided() {
    let old = statement("ALLOW", "old/only");
    let new = statement("ALLOW", "new/only");
    let report = compared(&old, &new, &[], &[device("d1", Status::Active)]);
    assert_eq!(
        (report.newly_allowed, report.newly_denied, report.other),
        (2, 2, 0)
    );
    assert_eq!(report.same + 4, report.asked);
    let (kinds, topics): (Vec<_>, Vec<_>) = told(&report)
        .into_iter()
        .map(|(kind, _, _, topic)| (kind, topic))
        .unzip();
    assert_eq!(topics, ["new/only", "new/only", "old/only", "old/only"]);
    assert_eq!(kinds[0], Kind::NewlyAllowed);
    let first = &report.differences[0];
    assert_eq!((first.old.verdict, first.old.code), ("deny", Some(400)));
    assert_eq!(
        first.new.rule.as_deref(),
        Some("system_default_policy.json#0")
    );
}

#[test]
fn a_topic_of_the_log_shows_what_no_pattern_does() {
    let old = statement("ALLOW", "*");
    let new = [statement("DENY", "plant?/*"), statement("ALLOW", "*")].join(",");
    let clients = [device("d1", Status::Active)];
    let report = compared(&old, &new, &["plant7/valve"], &clients);
    let topics: Vec<_> = told(&report).into_iter().map(|one| one.3).collect();
    assert!(topics.contains(&"plant7/valve"), "{topics:?}");
    assert!(topics.contains(&"plantx/x"), "{topics:?}");
    assert_eq!(report.newly_allowed, 0);
}

#[test]
fn who_cannot_be_proved_is_counted_and_named() {
    let open = statement("ALLOW", "*");
    let clients = [device("no id/", Status::Active)];
    let report = compared(&open, &open, &[], &clients);
    assert_eq!((report.clients, report.unproven), (0, 1));
    assert!(report.first_unproven.unwrap().contains("`no id/`"));
}
