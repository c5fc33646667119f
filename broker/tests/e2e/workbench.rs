//! The author's verbs on a real registry and a real decision log: what they print, beside a running broker, and their exit codes.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Broker, Options, puback, publish, repository};

const REPORT: &str = "$oc/devices/demo_device3/sys/properties/report";

struct Ran {
    code: i32,
    out: String,
    errors: String,
}

fn policy(broker: &Broker, arguments: &[&str]) -> Ran {
    let output = broker.cli(&[&["policy"], arguments].concat());
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ran.out, ran.errors))
}

#[test]
fn explain_reads_the_registry_of_a_running_broker() {
    let broker = Broker::start(&Options {
        own_policies: true,
        ..Options::default()
    });
    let explain =
        |arguments: &[&str]| policy(&broker, &[&["explain", "--client"], arguments].concat());
    let topic = "$oc/devices/demo_device3/user/diagnostics";
    let allowed = explain(&["demo_device3", "--publish", topic, "--json"]);
    assert_eq!(allowed.code, 0, "{}", allowed.errors);
    let told = json(&allowed);
    assert_eq!(told["rule"]["written"]["document"], "product_demo.json");
    let line = told["rule"]["written"]["line"].as_u64().unwrap();
    let file = fs::read_to_string(broker.path("policies/iotda/product_demo.json")).unwrap();
    let written = file
        .lines()
        .nth(usize::try_from(line).unwrap() - 1)
        .unwrap();
    assert!(written.contains("user/diagnostics"), "{written}");
    assert_eq!(told["connect"]["proof"], "fingerprint");
    assert_eq!(
        explain(&["demo_app", "--subscribe", "$oc/devices/#"]).code,
        0
    );

    let denied = explain(&["demo_device3", "--subscribe", REPORT]);
    assert_eq!(denied.code, 2, "{}", denied.errors);
    assert!(
        denied.out.starts_with("denied: `demo_device3` subscribe"),
        "{}",
        denied.out
    );
    assert!(
        denied
            .out
            .contains("  change    the other direction is allowed"),
        "{}",
        denied.out
    );

    // The documents are those of the folder beside: take the allowance away, and nothing but the words change.
    assert_eq!(explain(&["demo_device3", "--publish", "test/x"]).code, 0);
    broker.delete_default_policy();
    let closed = explain(&["demo_device3", "--publish", "test/x", "--json"]);
    assert_eq!(
        (closed.code, &json(&closed)["rule"]),
        (2, &Value::Null),
        "{}",
        closed.errors
    );

    broker.cli(&["device", "freeze", "demo_device3"]);
    let frozen = explain(&["demo_device3", "--connect"]);
    assert_eq!(frozen.code, 2);
    assert!(frozen.out.contains("denied with 301"), "{}", frozen.out);
    for secret in ["12345678", &broker.app_token()] {
        assert!(!frozen.out.contains(secret) && !allowed.out.contains(secret));
    }
}

#[test]
fn explain_says_what_is_wrong_with_the_question() {
    let broker = Broker::demo();
    fs::write(broker.path("broken.json"), "[{\"name\": 1}]").unwrap();
    fs::create_dir(broker.path("rules")).unwrap();
    fs::write(broker.path("rules/a.json"), "{").unwrap();
    for (arguments, code, told) in [
        (
            &["nobody", "--connect"][..],
            64,
            "no client `nobody` is registered",
        ),
        (&["demo_device1"], 64, "required"),
        (
            &["demo_device1", "--publish", "a/#"],
            64,
            "`a/#` is no topic",
        ),
        (
            &["demo_device1", "--publish", "a", "--receive", "a"],
            64,
            "cannot be used with",
        ),
        (&["demo_device1", "--publish", "a", "--qos", "3"], 64, "3"),
        (
            &["demo_device1", "--connect", "--data", "nowhere"],
            64,
            "no registry in `nowhere`",
        ),
        (
            &["demo_device1", "--connect", "--component", "nothing"],
            1,
            "`nothing` cannot be read",
        ),
        (
            &["demo_device1", "--connect", "--component", "broken.json"],
            3,
            "component",
        ),
        (
            &["demo_device1", "--connect", "--policy-dir", "rules"],
            3,
            "`a.json` line 1",
        ),
        (
            &["demo_device1", "--connect", "--policy-dir", "nowhere"],
            1,
            "`nowhere` cannot be read",
        ),
        (
            &["demo_device1", "--connect", "--connect-file", "broken.json"],
            3,
            "`broken.json` has no CONNECT",
        ),
    ] {
        let ran = policy(&broker, &[&["explain", "--client"], arguments].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.errors);
        assert!(ran.errors.contains(told), "{arguments:?}: {}", ran.errors);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
}

#[test]
fn diff_shows_what_other_documents_would_change() {
    let broker = Broker::start(&Options {
        own_policies: true,
        ..Options::default()
    });
    fs::create_dir(broker.path("new")).unwrap();
    for entry in fs::read_dir(broker.path("policies/iotda")).unwrap() {
        let file = entry.unwrap().path();
        if file.is_file() {
            let name = file.file_name().unwrap().to_owned();
            fs::copy(&file, broker.path("new").join(name)).unwrap();
        }
    }
    let diff = |arguments: &[&str]| {
        let fixed = ["diff", "built-in", "built-in", "--documents-new", "new"];
        policy(&broker, &[&fixed[..], arguments].concat())
    };
    let same = diff(&["--data", "data"]);
    assert_eq!(same.code, 0, "{}{}", same.out, same.errors);
    assert_eq!(diff(&[]).code, 0);

    fs::write(
        broker.path("new/system_default_policy.json"),
        r#"{"policy_name":"system_default_policy","statement":[{"effect":"ALLOW","actions":["iotda:devices:publish"],"resources":["topic:up/*"]}]}"#,
    )
    .unwrap();
    let log = format!(
        "{}\n",
        r#"{"n":1,"time":"2026-11-21T22:30:00.000Z","action":"publish","verdict":"allow","topic":"plant/valve","some":"field"}"#
    );
    fs::write(broker.path("log.jsonl"), format!("garbage\n{log}")).unwrap();
    let changed = diff(&["--data", "data", "--log", "log.jsonl", "--json"]);
    assert_eq!(changed.code, 2, "{}", changed.errors);
    let report = json(&changed);
    assert_eq!(report["newly_allowed"], 0);
    assert!(report["newly_denied"].as_u64().unwrap() > 0, "{report}");
    let valve = report["differences"].as_array().unwrap().iter();
    let valve = valve.filter(|one| one["topic"] == "plant/valve" && one["action"] == "publish");
    assert!(valve.count() > 0, "{report}");
    let text = diff(&["--data", "data", "--show", "1"]);
    assert!(
        text.out.contains("\nnewly denied: `demo_device1`"),
        "{}",
        text.out
    );
    assert_eq!(diff(&["--data", "nowhere"]).code, 64);
    assert_eq!(diff(&["--log", "nowhere"]).code, 1);
}

#[test]
fn replay_shows_exactly_the_lines_that_other_documents_change() {
    let config = "[decisions]\nfile = \"data/decisions.jsonl\"\nallowed_sample = 1\n";
    let broker = Broker::start(&Options {
        config: config.into(),
        ..Options::default()
    });
    let mut device = broker.device3(4);
    for (id, topic) in [(1, "plant/valve"), (2, "plant/pump"), (3, "plant/valve")] {
        device
            .send(&publish(topic, b"x", 1, id))
            .expect(&puback(id));
    }
    let log = broker.path("data/decisions.jsonl");
    let deadline = Instant::now() + Duration::from_secs(20);
    let written = || fs::read_to_string(&log).unwrap_or_default();
    while written().matches("plant/").count() < 3 {
        assert!(Instant::now() < deadline, "{}", written());
        std::thread::sleep(Duration::from_millis(50));
    }
    let replay = |arguments: &[&str]| {
        let fixed = ["replay", "data/decisions.jsonl", "--component", "built-in"];
        policy(&broker, &[&fixed[..], arguments].concat())
    };
    let same = replay(&["--data", "data"]);
    assert_eq!(same.code, 0, "{}{}", same.out, same.errors);

    fs::create_dir(broker.path("new")).unwrap();
    for entry in fs::read_dir(repository().join("policies/iotda")).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|end| end == "json") {
            fs::copy(&file, broker.path("new").join(file.file_name().unwrap())).unwrap();
        }
    }
    fs::write(
        broker.path("new/system_default_policy.json"),
        r#"{"policy_name":"system_default_policy","statement":[
{"effect":"DENY","actions":["iotda:devices:publish"],"resources":["topic:plant/valve"]},
{"effect":"ALLOW","actions":["iotda:devices:publish","iotda:devices:subscribe"],"resources":["topic:*"]}]}"#,
    )
    .unwrap();
    let changed = replay(&["--data", "data", "--documents", "new", "--json"]);
    assert_eq!(changed.code, 2, "{}{}", changed.out, changed.errors);
    let report = json(&changed);
    let lines = report["differences"].as_array().unwrap().iter();
    let lines: Vec<_> = lines.map(|one| one["line"].as_u64().unwrap()).collect();
    let text = written();
    let valves = (1..)
        .zip(text.lines())
        .filter(|(_, line)| line.contains("plant/valve"));
    assert_eq!(
        lines,
        valves.map(|(number, _)| number).collect::<Vec<u64>>()
    );
    assert_eq!(lines.len(), 2, "{report}");
    assert_eq!(replay(&["--data", "nowhere"]).code, 64);
    let text = replay(&["--data", "data", "--documents", "new"]);
    assert!(
        text.out.contains("2 different, 0 not replayed"),
        "{}",
        text.out
    );
}
