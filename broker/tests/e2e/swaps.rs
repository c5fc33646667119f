//! The life of a swap through the admin port: uploads, rejections, history, rollback, canary, what a restart goes on with.

use std::fs;

use serde_json::{Value, json};

use crate::fixtures::hostile;
use crate::support::{
    Broker, Connect, Options, Wire, puback, publish, publish_v5, subscribe_v5, wait_until,
};

const DEFAULT: &str = "system_default_policy.json";
const DENY_SECRET: &str = r#"{"policy_name":"system_default_policy","statement":[
    {"effect":"ALLOW","actions":["iotda:devices:publish","iotda:devices:subscribe"],"resources":["topic:*"]},
    {"effect":"DENY","actions":["iotda:devices:publish","iotda:devices:subscribe"],"resources":["topic:secret/*"]}]}"#;

fn broker(config: &str) -> Broker {
    Broker::start(&Options {
        config: config.into(),
        own_policies: true,
    })
}

/// The documents in force with another default policy.
fn deny_secret(broker: &Broker) -> Value {
    let mut rules = broker.admin_json("/policy/iotda/documents");
    rules["documents"][DEFAULT] = json!(DENY_SECRET);
    rules
}

fn put_documents(broker: &Broker, rules: &Value, query: &str) -> (u16, Value) {
    let path = format!("/policy/iotda/documents{query}");
    told(broker.admin_send("PUT", &path, &[], rules.to_string().as_bytes()))
}

fn put_component(broker: &Broker, bytes: &[u8], query: &str) -> (u16, Value) {
    let path = format!("/policy/iotda/component{query}");
    told(broker.admin_send("PUT", &path, &[], bytes))
}

fn post(broker: &Broker, verb: &str) -> (u16, Value) {
    told(broker.admin_send("POST", &format!("/policy/iotda/{verb}"), &[], b""))
}

fn told((status, body): (u16, String)) -> (u16, Value) {
    (status, serde_json::from_str(&body).unwrap_or_default())
}

fn policy(broker: &Broker) -> Value {
    broker.admin_json("/policy")["iotda"].take()
}

/// Waits until every live session has been judged for what is in force now.
fn judged(broker: &Broker) {
    wait_until("all sessions are judged", || {
        let policy = policy(broker);
        policy["judged"]["serial"].as_u64() >= policy["serial"].as_u64()
    });
}

fn states(life: &Value) -> Vec<String> {
    let steps = life["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| step["state"].as_str().unwrap().to_owned())
        .collect()
}

/// The reason code of a QoS 1 publish on `secret/x`; 0 and 0x10 are success.
fn may_publish(wire: &mut Wire) -> bool {
    wire.send(&publish_v5("secret/x", b"x", 1, 7, &[]));
    wire.receive().body.get(2).is_none_or(|code| *code < 0x80)
}

/// The same component with another digest.
fn rebuilt(mark: u8) -> Vec<u8> {
    let mut component = crate::support::policy_component();
    component.extend_from_slice(&[0, 3, 1, b'x', mark]);
    component
}

#[test]
fn uploaded_documents_are_in_force_when_the_answer_comes_and_the_history_says_how() {
    let broker = broker("");
    let mut device = broker.device3(5);
    assert!(may_publish(&mut device));
    let rules = deny_secret(&broker);
    let (status, answer) = put_documents(&broker, &rules, "");
    assert_eq!(
        (status, &answer["result"]),
        (200, &json!("active")),
        "{answer}"
    );
    assert_eq!(answer["revision"], 2);
    judged(&broker);
    assert!(!may_publish(&mut device));
    device.ping();

    let shown = policy(&broker);
    assert_eq!(shown["documents_digest"], answer["documents_digest"]);
    let newest = &shown["history"][0];
    assert_eq!(
        states(newest),
        [
            "received",
            "verified",
            "compiled",
            "configured",
            "tested",
            "active"
        ]
    );
    assert_eq!(
        (&newest["origin"], &newest["revision"]),
        (&json!("upload"), &json!(2))
    );
    assert_eq!(states(&shown["history"][1]).last().unwrap(), "settled");
    assert!(shown["judged"]["sessions"].as_u64().unwrap() >= 1);

    let (status, again) = put_documents(&broker, &rules, "");
    assert_eq!(
        (status, &again["result"], &again["revision"]),
        (200, &json!("same"), &json!(2))
    );
    let metrics = broker.admin_get("/metrics", false).1;
    for line in [
        "iotda_broker_policy_swaps_total{state=\"active\",policy=\"iotda\"} 2",
        "iotda_broker_policy_swap_seconds_count",
        "iotda_broker_policy_sweep_seconds_count",
        "iotda_broker_policy_call_seconds_count{call=\"authorize\",policy=\"iotda\"}",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    broker.wait_for_log("policy candidate active");
}

#[test]
fn a_rejected_upload_says_what_to_do_and_changes_nothing() {
    let broker = broker("");
    let before = policy(&broker);
    let good = crate::support::policy_component();
    let mut malformed = deny_secret(&broker);
    malformed["documents"][DEFAULT] = json!("{");
    let mut unnamed = deny_secret(&broker);
    unnamed["documents"]["../x.json"] = json!("{}");
    let mut failing = deny_secret(&broker);
    failing["documents"]
        .as_object_mut()
        .unwrap()
        .remove(DEFAULT);
    let rows: [((u16, Value), u16, &str); 7] = [
        (
            put_component(&broker, &good[..good.len() / 2], ""),
            422,
            "component-invalid",
        ),
        (put_component(&broker, b"", ""), 422, "component-invalid"),
        (
            put_component(&broker, &vec![0; (4 << 20) + 1], ""),
            413,
            "component-too-large",
        ),
        (
            put_component(&broker, &good, "?stage=later"),
            400,
            "bad-request",
        ),
        (
            put_documents(&broker, &malformed, ""),
            422,
            "configure-failed",
        ),
        (put_documents(&broker, &unnamed, ""), 400, "bad-request"),
        (put_documents(&broker, &failing, ""), 422, "cases-failed"),
    ];
    for ((status, answer), expected, code) in rows {
        assert_eq!(
            (status, &answer["code"]),
            (expected, &json!(code)),
            "{answer}"
        );
        for field in ["message", "help"] {
            assert!(!answer[field].as_str().unwrap().is_empty(), "{answer}");
        }
    }
    let (status, answer) = told(broker.admin_send("PUT", "/policy/other/component", &[], &good));
    assert_eq!((status, &answer["code"]), (404, &json!("not-found")));
    let (status, _) = broker.admin_request("PUT", "/policy/iotda/component", false);
    assert_eq!(status, 401);
    let after = policy(&broker);
    for field in ["revision", "digest", "documents_digest", "serial"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    let rejected = &after["history"][0];
    assert_eq!(states(rejected).last().unwrap(), "rejected");
    assert_eq!(rejected["reason"]["code"], "cases-failed");
}

#[test]
fn a_rollback_is_in_force_at_once_and_the_file_does_not_undo_it() {
    let broker = broker("");
    let (status, answer) = post(&broker, "rollback");
    assert_eq!((status, &answer["code"]), (409, &json!("nothing-before")));

    let mut device = broker.device3(5);
    fs::write(
        broker.path("policies/iotda/system_default_policy.json"),
        DENY_SECRET,
    )
    .unwrap();
    wait_until("the file is in force", || policy(&broker)["revision"] == 2);
    judged(&broker);
    assert!(!may_publish(&mut device));

    let (status, answer) = post(&broker, "rollback");
    assert_eq!((status, &answer["revision"]), (200, &json!(3)), "{answer}");
    judged(&broker);
    assert!(may_publish(&mut device));
    let history = policy(&broker)["history"].take();
    assert_eq!(history[0]["origin"], "rollback");
    assert_eq!(states(&history[1]).last().unwrap(), "rolled-back");
    assert_eq!(history[1]["reason"]["code"], "rolled-back");

    // Neither a look at the files nor a restart brings it back.
    broker.signal("HUP");
    broker.wait_for_log("the policy's files are those in force");
    assert!(may_publish(&mut device));
    broker.signal("TERM");
    let (code, dir) = broker.wait_keeping_dir();
    assert_eq!(code, Some(0));
    let broker = Broker::start_in(dir, &Options::default());
    broker.wait_for_log("have not changed since");
    let mut device = broker.device3(5);
    assert!(may_publish(&mut device));
    // A change does.
    let file = broker.path("policies/iotda/system_default_policy.json");
    fs::write(
        file,
        DENY_SECRET.replace("topic:secret/*", "topic:secret/?"),
    )
    .unwrap();
    wait_until("the changed file is in force", || !may_publish(&mut device));
}

#[test]
fn what_was_uploaded_outlives_a_restart_until_the_file_changes() {
    let first = broker("");
    let (status, answer) = put_component(&first, &rebuilt(1), "");
    assert_eq!(status, 200, "{answer}");
    let (status, _) = put_documents(&first, &deny_secret(&first), "");
    assert_eq!(status, 200);
    let before = policy(&first);
    first.signal("TERM");
    let (_, dir) = first.wait_keeping_dir();
    let broker = Broker::start_in(dir, &Options::default());
    let after = policy(&broker);
    for field in ["revision", "digest", "documents_digest"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert!(!may_publish(&mut broker.device3(5)));
    // What was in force before the upload can still be gone back to: it is on the disk.
    let (status, answer) = post(&broker, "rollback");
    assert_eq!(status, 200, "{answer}");
    assert!(may_publish(&mut broker.device3(5)));
}

#[test]
fn broken_files_do_not_stop_a_broker_that_was_in_force_with_something() {
    let first = broker("");
    let before = policy(&first);
    first.signal("TERM");
    let (_, dir) = first.wait_keeping_dir();
    fs::write(
        dir.path().join("policies/iotda/system_default_policy.json"),
        "{ broken",
    )
    .unwrap();
    let broker = Broker::start_in(dir, &Options::default());
    broker.wait_for_log("THE CONFIGURED POLICY IS BROKEN");
    let after = policy(&broker);
    assert_eq!(before["documents_digest"], after["documents_digest"]);
    broker.device3(5).ping();
    // Without anything to go on with, it ends the start.
    broker.signal("TERM");
    let (_, dir) = broker.wait_keeping_dir();
    let standing = dir.path().join("data/policies/iotda/standing.json");
    fs::write(&standing, "{").unwrap();
    let output = start_only(dir.path());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("standing.json"), "{said}");
    fs::remove_file(standing).unwrap();
    let output = start_only(dir.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("system_default_policy.json"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// A start that fails before it is ready.
fn start_only(dir: &std::path::Path) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_iotda-broker"))
        .current_dir(dir)
        .args(["serve", "--mqtts", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .output()
        .unwrap()
}

#[test]
fn deny_all_refuses_with_fault_codes_and_keeps_every_session() {
    let broker = broker("");
    let (mut v5, mut v4) = (broker.device3(5), broker.device1(4));
    v5.send(&subscribe_v5(1, &[("open/#", 1)], &[]));
    v5.receive();
    assert_eq!(post(&broker, "deny-all").0, 200);
    judged(&broker);
    v5.send(&publish_v5("open/x", b"x", 1, 2, &[]));
    assert_eq!(v5.receive().body[2], 0x83);
    v5.send(&subscribe_v5(3, &[("other/#", 1)], &[]));
    assert_eq!(v5.receive().body.last(), Some(&0x83));
    // 3.1.1 has no code: taken, and not routed.
    v4.send(&publish("open/x", b"lost", 1, 4))
        .expect(&puback(4));
    for (level, code) in [(4, 3), (5, 0x88)] {
        let connect = Connect::secret_device(level, "demo_device3", "12345678");
        assert_eq!(broker.plain().connect(&connect), code);
    }
    v5.expect_silence().ping();
    v4.ping();
    assert_eq!(policy(&broker)["deny_all"], true);

    // A restart does not open what an operator has shut.
    broker.signal("TERM");
    let (_, dir) = broker.wait_keeping_dir();
    let broker = Broker::start_in(dir, &Options::default());
    broker.wait_for_log("everything is refused");
    let connect = Connect::secret_device(5, "demo_device3", "12345678");
    assert_eq!(broker.plain().connect(&connect), 0x88);
    let (status, _) = broker.admin_request("DELETE", "/policy/iotda/deny-all", true);
    assert_eq!(status, 200);
    assert!(may_publish(&mut broker.device3(5)));
}

#[test]
fn sessions_that_were_shut_go_on_under_the_rules_in_force() {
    let broker = broker("");
    let mut device = broker.device3(5);
    let mut reader = broker.device1(5);
    reader.send(&subscribe_v5(1, &[("open/#", 1)], &[]));
    reader.receive();
    post(&broker, "deny-all");
    judged(&broker);
    // The rules change while everything is shut.
    assert_eq!(put_documents(&broker, &deny_secret(&broker), "").0, 200);
    broker.admin_request("DELETE", "/policy/iotda/deny-all", true);
    judged(&broker);
    assert!(!may_publish(&mut device));
    device.send(&publish_v5("open/x", b"back", 0, 0, &[]));
    assert_eq!(reader.receive().payload_v5(), b"back");
}

#[test]
fn a_canary_answers_for_its_clients_alone_and_nobody_reconnects() {
    let broker = broker(
        "[policies.iotda.rollout]\ncanary_percent = 0.0\ncanary_products = [\"demo\"]\nduration = \"0s\"\n",
    );
    let mut device = broker.device3(5);
    let mut app = broker.app(5, "app");
    let mut rules = deny_secret(&broker);
    // The application's own policy allows it nothing but the devices' topics: give it one of its own.
    rules["documents"]["demo_app_policy.json"] = json!({"policy_name": "demo_app_policy", "statement": [
        {"effect": "ALLOW", "actions": ["iotda:devices:publish", "iotda:devices:subscribe"], "resources": ["topic:*"]}]});
    rules["cases"] = json!({});
    let (status, answer) = put_documents(&broker, &rules, "?stage=canary");
    assert_eq!(
        (status, &answer["result"]),
        (202, &json!("trial")),
        "{answer}"
    );
    judged(&broker);
    assert!(
        !may_publish(&mut device),
        "the device belongs to the canary"
    );
    assert!(
        !may_publish(&mut app),
        "the application is under the old rules"
    );
    assert!(
        !may_publish(&mut broker.device1(5)),
        "a new connection, too"
    );
    assert_eq!(states(&policy(&broker)["trial"]).last().unwrap(), "canary");

    assert_eq!(post(&broker, "discard").0, 204);
    judged(&broker);
    assert!(may_publish(&mut device));
    assert_eq!(post(&broker, "discard").0, 409);
    assert_eq!(policy(&broker)["history"][0]["reason"]["code"], "discarded");

    put_documents(&broker, &rules, "?stage=canary");
    let (status, answer) = post(&broker, "promote");
    assert_eq!((status, &answer["result"]), (200, &json!("active")));
    judged(&broker);
    assert!(!may_publish(&mut device));
    assert!(
        may_publish(&mut app),
        "now everybody is under the new rules"
    );
    device.ping();
    app.ping();
}

#[test]
fn a_shadow_reports_what_it_would_have_decided_and_is_rejected_for_it() {
    let broker = broker("[policies.iotda.rollout]\nsample = 1\n");
    let mut device = broker.device3(5);
    let (status, answer) = post(&broker, "promote");
    assert_eq!((status, &answer["code"]), (409, &json!("nothing-on-trial")));
    let (status, answer) = put_documents(&broker, &deny_secret(&broker), "?stage=shadow");
    assert_eq!(
        (status, &answer["result"]),
        (202, &json!("trial")),
        "{answer}"
    );
    assert!(may_publish(&mut device), "answers are the active one's");
    wait_until("it is rejected", || {
        states(&policy(&broker)["history"][0]).last().unwrap() == "rejected"
    });
    assert_eq!(
        policy(&broker)["history"][0]["reason"]["code"],
        "shadow-disagreed"
    );
    let report = broker.admin_get("/policy/iotda/shadow", true).1;
    assert!(
        report.starts_with("{\"compared\":"),
        "the denominator first: {report}"
    );
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["disagreed"], 1, "{report}");
    assert_eq!(report["first"][0]["topic"], "secret/x", "{report}");
    assert!(may_publish(&mut device));
}

#[test]
fn new_generations_may_be_for_new_connections_only_but_a_rollback_is_for_all() {
    let broker = broker("[policies.iotda.rollout]\nlive_sessions = \"keep\"\n");
    let mut old = broker.device3(5);
    assert_eq!(put_documents(&broker, &deny_secret(&broker), "").0, 200);
    judged(&broker);
    let mut new = broker.device1(5);
    assert!(may_publish(&mut old));
    assert!(!may_publish(&mut new));
    // A changed record is judged by the session's own generation.
    broker.cli_json(&["device", "bind", "demo_device3", "example_policy"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(may_publish(&mut old));
    assert_eq!(post(&broker, "rollback").0, 200);
    judged(&broker);
    assert!(may_publish(&mut new));
    assert!(may_publish(&mut old));
}

/// A broker whose policy is the hostile fixture.
fn hostile_broker(rules: &str, config: &str) -> Broker {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("rules")).unwrap();
    fs::write(dir.path().join("rules/rules.json"), rules).unwrap();
    fs::write(dir.path().join("hostile.wasm"), hostile()).unwrap();
    let config =
        format!("[policies.iotda]\ncomponent = \"hostile.wasm\"\ndirectory = \"rules\"\n{config}");
    let options = Options {
        config,
        ..Options::default()
    };
    Broker::start_in(dir, &options)
}

#[test]
fn a_generation_that_faults_on_probation_rolls_itself_back() {
    let broker = hostile_broker("allow t/#", "[policies.iotda.rollout]\nfaults_max = 3\n");
    let mut wire = broker.plain().join(&Connect::new(5, "guest"));
    let rules = json!({"documents": {"rules.json": "inspect t/#"}});
    assert_eq!(put_documents(&broker, &rules, "").0, 200);
    judged(&broker);
    for packet_id in 1..=3 {
        wire.send(&publish_v5("t/trap", b"x", 1, packet_id, &[]));
        assert_eq!(wire.receive().body[2], 0x83);
    }
    wait_until("it is rolled back", || policy(&broker)["revision"] == 3);
    judged(&broker);
    wire.send(&publish_v5("t/trap", b"x", 1, 9, &[]));
    assert!(wire.receive().body.get(2).is_none_or(|code| *code < 0x80));
    let history = policy(&broker)["history"].take();
    assert_eq!(history[1]["reason"]["code"], "faulted");
    assert_eq!(history[1]["faults"], 3);
    let metrics = broker.admin_get("/metrics", false).1;
    assert!(
        metrics.contains("iotda_broker_policy_faults_total{cause=\"trap\",policy=\"iotda\"} 3"),
        "{metrics}"
    );
}

#[test]
fn a_probation_ends_and_a_fault_after_it_rolls_nothing_back() {
    let config = "[policies.iotda.rollout]\nfaults_max = 1\nprobation = \"100ms\"\n";
    let broker = hostile_broker("allow t/#", config);
    let rules = json!({"documents": {"rules.json": "inspect t/#"}});
    assert_eq!(put_documents(&broker, &rules, "").0, 200);
    wait_until("it is settled", || {
        states(&policy(&broker)["history"][0]).last().unwrap() == "settled"
    });
    let mut wire = broker.plain().join(&Connect::new(5, "guest"));
    wire.send(&publish_v5("t/trap", b"x", 1, 1, &[]));
    assert_eq!(wire.receive().body[2], 0x83);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(policy(&broker)["revision"], 2);
}

#[test]
fn what_waits_for_a_client_is_inspected_when_the_rules_begin_to_ask() {
    let broker = hostile_broker("allow t/#", "");
    let mut reader = broker.plain().join(&Connect::new(5, "reader"));
    let mut writer = broker.plain().join(&Connect::new(5, "writer"));
    reader.send(&subscribe_v5(1, &[("t/#", 1)], &[]));
    reader.receive();
    // In flight and not acknowledged, and more that waits behind the window of 100.
    for number in 0..120_u16 {
        writer.send(&publish_v5("t/receive-deny", b"x", 1, number + 1, &[]));
        writer.receive();
    }
    for _ in 0..100 {
        reader.receive();
    }
    let rules = json!({"documents": {"rules.json": "inspect t/#"}});
    assert_eq!(put_documents(&broker, &rules, "").0, 200);
    judged(&broker);
    // Room in the window: what waited under `allow` would leave now.
    reader.send(&puback(1)).expect_silence().ping();
}
