//! `conform`: our broker passes, and a harness that cannot fail would prove nothing, so wrong brokers and wrong cases fail.

use crate::support::Broker;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use tempfile::TempDir;

fn conform(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iotda-broker"))
        .arg("conform")
        .args(arguments)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a file of cases against an endpoint.
fn with_cases(endpoint: &str, identities: &Path, cases: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.toml"), cases).unwrap();
    let arguments = [
        "--endpoint",
        endpoint,
        "--identities",
        identities.to_str().unwrap(),
        "--cases",
        folder.path().to_str().unwrap(),
    ];
    conform(&[&arguments, more].concat())
}

fn anonymous() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identities.toml");
    fs::write(&file, "[device]\nanonymous = true\n").unwrap();
    (folder, file)
}

#[test]
fn our_broker_passes_every_case() {
    let broker = Broker::demo();
    let junit = broker.path("junit.xml");
    let output = conform(&[
        "--endpoint",
        &format!("mqtts://{}", broker.addr("mqtts")),
        "--identities",
        broker.path("data/demo/identities.toml").to_str().unwrap(),
        "--level",
        "may",
        "--timeout",
        "15s",
        "--junit",
        junit.to_str().unwrap(),
        "--json",
    ]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bad: Vec<_> = report["cases"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|case| case["outcome"] == "fail" || case["outcome"] == "error")
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        report["counts"]["passed"].as_u64() >= Some(150),
        "{}",
        report["summary"]
    );
    // All roles are there: what is skipped is what this broker does not offer.
    for case in report["cases"].as_array().unwrap() {
        let reason = case["reason"].as_str().unwrap_or_default();
        assert!(!reason.contains("the identities have no"), "{case}");
    }
    let junit = fs::read_to_string(junit).unwrap();
    assert!(junit.contains("<testsuite name=\"mqtt_connect.toml\""));
}

const CASE: &str = r#"
about = "a message to oneself"
why = "it matters"
[[case]]
name = "a message comes back"
source = "MQTT-3.3.4-1"
steps = [
  { connect = { as = "device" } },
  { subscribe = { filters = ["{topic}"] } },
  { publish = { topic = "{topic}", payload = "sent", qos = 1 } },
  { expect = { topic = "{topic}", payload = "sent", qos = 1 } },
  { expect_nothing = { within = 50 } },
]
"#;

#[test]
fn a_case_that_expects_the_wrong_thing_fails() {
    let broker = Broker::demo();
    let endpoint = format!("mqtt://{}", broker.addr("mqtt"));
    let identities = broker.path("data/demo/identities.toml");
    let run = |cases: &str| with_cases(&endpoint, &identities, cases, &["--timeout", "10s"]);
    let right = run(CASE);
    assert_eq!(right.status.code(), Some(0), "{}", out(&right));
    assert!(out(&right).contains("2 cases: 2 passed"), "{}", out(&right));
    for (from, to, seen) in [
        (
            "payload = \"sent\", qos = 1 } },\n  { expect_nothing",
            "payload = \"other\", qos = 1 } },\n  { expect_nothing",
            "the payload differs",
        ),
        (
            "qos = 1 } },\n  { expect_nothing",
            "qos = 0 } },\n  { expect_nothing",
            "the QoS differs",
        ),
        (
            "{ expect = { topic = \"{topic}\", payload = \"sent\", qos = 1 } },\n",
            "",
            "expected  nothing",
        ),
        (
            "filters = [\"{topic}\"]",
            "filters = [\"{topic}\"], codes = [\"refused\"]",
            "[refused]",
        ),
        (
            "{ expect_nothing = { within = 50 } }",
            "{ expect_close = { within = 300 } }",
            "to close the connection",
        ),
        (
            "as = \"device\" }",
            "as = \"device\", codes = [5, 0x87] }",
            "CONNACK 0x05 or 0x87",
        ),
        (
            "as = \"device\" }",
            "as = \"device\", session_present = true }",
            "session present",
        ),
        (
            "{ expect_nothing = { within = 50 } }",
            "{ expect_raw = { bytes = \"d0 00\", within = 100 } }",
            "nothing in time",
        ),
    ] {
        assert!(CASE.contains(from), "{from}");
        let wrong = run(&CASE.replace(from, to));
        let text = out(&wrong);
        assert_eq!(wrong.status.code(), Some(2), "{to}: {text}");
        assert!(text.contains(seen), "{to}: no `{seen}` in {text}");
        assert!(
            text.contains("FAIL own.toml: a message comes back"),
            "{text}"
        );
        assert!(text.contains("why       it matters"), "{text}");
    }
}

#[test]
fn a_case_that_cannot_be_read_is_an_error_and_a_missing_role_a_skip() {
    let broker = Broker::demo();
    let endpoint = format!("mqtt://{}", broker.addr("mqtt"));
    let identities = broker.path("data/demo/identities.toml");
    let wrong = with_cases(
        &endpoint,
        &identities,
        &CASE.replace("expect_nothing", "expect_nothin"),
        &[],
    );
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        out(&wrong).contains("ERROR own.toml: a message comes back\n  cause     step 5: "),
        "{}",
        out(&wrong)
    );
    let skipped = with_cases(
        &endpoint,
        &identities,
        &CASE.replace("\"device\"", "\"nobody\""),
        &[],
    );
    assert_eq!(skipped.status.code(), Some(2), "nothing is proven");
    assert!(
        out(&skipped).contains("2 × the identities have no `nobody`"),
        "{}",
        out(&skipped)
    );
    let none = with_cases(&endpoint, &identities, CASE, &["--filter", "no such case"]);
    assert_eq!(none.status.code(), Some(2), "no case is no proof");
}

/// Accepts every CONNECT and PINGREQ, and answers whatever else comes with these bytes.
fn wrong_broker(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Lives as long as the test's process; a client that leaves ends its thread.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut input = [0; 4096];
                while let Ok(1..) = stream.read(&mut input) {
                    let answer = match input[0] >> 4 {
                        1 => &[0x20, 2, 0, 0][..],
                        12 => &[0xd0, 0],
                        _ => answer,
                    };
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("mqtt://{address}")
}

#[test]
fn a_broker_that_behaves_wrongly_fails() {
    let (_folder, identities) = anonymous();
    let one = r#"
about = "one acknowledgement"
versions = ["3.1.1"]
[[case]]
name = "a PUBACK"
steps = [ { connect = { as = "device" } }, { publish = { topic = "t", qos = 1, id = 7 } }, { ping = {} } ]
"#;
    for (answer, code, seen) in [
        (&[0x40, 2, 0, 7][..], 0, "1 passed"),
        (&[0x40, 2, 0, 8], 2, "PUBACK of packet 8"),
        (&[0x50, 2, 0, 7], 2, "PUBREC of packet 7"),
        (&[0x41, 2, 0, 7], 2, "malformed packet"),
        (&[0x40, 0xff, 0xff, 0xff, 0xff], 2, "malformed packet"),
        (&[0x40, 0xff, 0xff, 0xff, 0x7f], 2, "too large"),
        (&[], 2, "nothing in time"),
    ] {
        let endpoint = wrong_broker(answer);
        let run = with_cases(&endpoint, &identities, one, &["--timeout", "500ms"]);
        let text = out(&run);
        assert_eq!(run.status.code(), Some(code), "{answer:?}: {text}");
        assert!(text.contains(seen), "{answer:?}: {text}");
    }
}

#[test]
fn the_exit_code_tells_what_was_wrong_with_the_call() {
    let (folder, identities) = anonymous();
    let identities = identities.to_str().unwrap();
    let wrong = folder.path().join("wrong.toml");
    fs::write(&wrong, "[device]\nid = \"a\"\nsecrt = \"b\"\n").unwrap();
    let wrong = wrong.to_str().unwrap();
    // Nobody listens where a listener has just gone.
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gone = format!("mqtt://{gone}");
    let missing = folder.path().join("missing").to_str().unwrap().to_owned();
    for (arguments, code, told) in [
        (
            &["--endpoint", &gone, "--identities", identities][..],
            1,
            "cannot be reached",
        ),
        (
            &["--endpoint", &gone, "--identities", &missing],
            1,
            "cannot be read",
        ),
        (
            &[
                "--endpoint",
                &gone,
                "--identities",
                identities,
                "--cases",
                &missing,
            ],
            1,
            "cannot be read",
        ),
        (&["--endpoint", &gone, "--identities", wrong], 64, "secrt"),
        (
            &[
                "--endpoint",
                "mqtts://localhost",
                "--identities",
                identities,
            ],
            64,
            "--ca",
        ),
        (
            &["--endpoint", "http://localhost", "--identities", identities],
            64,
            "mqtts://",
        ),
        (&["--endpoint", &gone], 64, "--identities"),
        (
            &[
                "--endpoint",
                &gone,
                "--identities",
                identities,
                "--timeout",
                "0s",
            ],
            64,
            "more than 0",
        ),
        (&[], 64, "--endpoint"),
        (&["--list"], 0, ""),
        (&["--list", "--filter", "no such case"], 2, ""),
    ] {
        let run = conform(arguments);
        let errors = String::from_utf8_lossy(&run.stderr).into_owned();
        assert_eq!(run.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(told), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_server_that_cannot_be_verified_is_not_talked_to() {
    let broker = Broker::demo();
    let endpoint = format!("mqtts://{}", broker.addr("mqtts"));
    let other = broker.path("data/demo/ca.pem");
    let run = conform(&[
        "--endpoint",
        &endpoint,
        "--identities",
        broker.path("data/demo/identities.toml").to_str().unwrap(),
        "--ca",
        other.to_str().unwrap(),
    ]);
    let errors = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(1), "{errors}");
    assert!(errors.contains("TLS handshake"), "{errors}");
}

#[test]
fn a_component_passes_its_cases_and_every_row_of_the_contract_has_one() {
    let output = conform(&["--component", "built-in", "--level", "may", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        report["counts"]["passed"].as_u64() >= Some(250),
        "{}",
        report["summary"]
    );
    assert_eq!(report["counts"]["skipped"], 0);
    let cases = report["cases"].as_array().unwrap();
    let covers = |case: &&Value| case["name"] == "every row has a case";
    assert_eq!(cases.iter().find(covers).unwrap()["outcome"], "pass");
}

#[test]
fn a_component_is_told_what_it_decides_wrongly() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("own.json"),
        r#"{"source": "page", "why": "it matters", "cases": [
            {"name": "anybody", "connect": {"client_id": "x"}, "expect": {"refusal": 100}},
            {"name": "nobody", "connect": {"client_id": "x"}, "expect": {"grant": {}}}]}"#,
    )
    .unwrap();
    let cases = folder.path().to_str().unwrap();
    let output = conform(&["--component", "built-in", "--cases", cases]);
    assert_eq!(output.status.code(), Some(2));
    let told = out(&output);
    for part in [
        "FAIL own.json: nobody",
        "a grant",
        "refusal 100",
        "page",
        "it matters",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(
        told.contains("2 cases: 1 passed, 1 failed, 0 errors, 0 skipped"),
        "{told}"
    );

    let filtered = conform(&[
        "--component",
        "built-in",
        "--cases",
        cases,
        "--filter",
        "anybody",
    ]);
    assert_eq!(filtered.status.code(), Some(0), "{}", out(&filtered));
    let nothing = conform(&["--component", "built-in", "--filter", "no such case"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", out(&nothing));
}

#[test]
fn what_is_no_component_is_told_by_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.wasm");
    fs::write(&text, "no wasm").unwrap();
    let absent = folder.path().join("absent.wasm");
    for (file, code) in [(&text, 3), (&absent, 1)] {
        let output = conform(&["--component", file.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            told.starts_with("error: ") && told.contains("help: "),
            "{told}"
        );
    }
    let both = conform(&[
        "--component",
        "built-in",
        "--endpoint",
        "mqtt://localhost:1",
    ]);
    assert_eq!(both.status.code(), Some(64), "{both:?}");
}
