//! The decision log at the wire: what is refused and denied has a line with the code that the client was told, no line holds a secret, and
//! a line that is saved as a case passes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::fixtures::hostile;
use crate::support::{
    Broker, Connect, Options, Wire, publish, publish_v5, subscribe, subscribe_v5, this_hour,
    wait_until,
};

const FOREIGN: &str = "$oc/devices/demo_device1/sys/messages/up";
const REPORT: &str = "$oc/devices/demo_device3/sys/properties/report";

/// Devices may publish there, and none may hear of it.
const SECRET_TOPICS: &str = r#"{"policy_name":"system_default_policy","statement":[
    {"effect":"ALLOW","actions":["iotda:devices:publish","iotda:devices:subscribe"],"resources":["topic:*"]},
    {"effect":"DENY","actions":["iotda:devices:subscribe"],"resources":["topic:secret/*"]}]}"#;

fn configured(config: &str) -> Broker {
    Broker::start(&Options {
        config: config.into(),
        ..Options::default()
    })
}

/// Lines and gaps after this number.
fn read(broker: &Broker, query: &str) -> Vec<Value> {
    let (status, body) = broker.admin_get(&format!("/decisions{query}"), true);
    assert_eq!(status, 200, "{body}");
    entries(&body)
}

fn entries(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The only line of which this holds.
fn line(broker: &Broker, action: &str, verdict: &str, field: &str, value: &str) -> Value {
    let mut found = Vec::new();
    wait_until(&format!("{action} {verdict} {field} {value}"), || {
        found = read(broker, "");
        found.retain(|line| {
            line["action"] == action && line["verdict"] == verdict && line[field] == value
        });
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// These fields of a line.
fn has(line: &Value, fields: &Value) {
    for (name, expected) in fields.as_object().unwrap() {
        assert_eq!(&line[name], expected, "{name} of {line:#}");
    }
}

/// A device with a secret whose only line is found by its client id.
fn wrong_password(level: u8, hour: &str) -> Connect {
    Connect {
        client_id: format!("demo_device3_0_0_{hour}"),
        password: Some(b"wrong-password".to_vec()),
        ..Connect::secret_device(level, "demo_device3", "12345678")
    }
}

#[test]
fn a_refused_connect_has_a_line_with_the_code_of_its_version() {
    let broker = Broker::demo();
    for (level, protocol, code, hour) in
        [(4, "3.1.1", 4, "2026112121"), (5, "5", 0x86, "2026112122")]
    {
        let connect = wrong_password(level, hour);
        assert_eq!(broker.plain().connect(&connect), code);
        let line = line(&broker, "connect", "deny", "raw_client", &connect.client_id);
        has(
            &line,
            &json!({
                "generation": 1, "client": null, "record": "demo_device3", "product": "demo", "listener": "mqtt", "protocol": protocol,
                "fingerprint": null, "topic": null, "qos": null, "code": 201, "detail": "the password is wrong", "rule": "password",
                "mqtt_code": code, "cached": false, "source": "policy", "stage": "authenticate",
            }),
        );
        assert!(line["micros"].as_u64().unwrap() > 0, "{line}");
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
        let time = line["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    }
    // Somebody else's certificate, and its fingerprint as the operator registers it.
    let connect = Connect::certificate_device(5, "demo_device1");
    assert_eq!(broker.tls_as("device2").connect(&connect), 0x87);
    let line = line(&broker, "connect", "deny", "raw_client", &connect.client_id);
    let own = broker.cli_json(&["device", "show", "demo_device2"]);
    let fingerprint = line["fingerprint"].as_str().unwrap();
    assert!(
        own.to_string().contains(fingerprint),
        "{fingerprint} in {own}"
    );
    has(
        &line,
        &json!({ "code": 303, "listener": "mqtts", "mqtt_code": 0x87 }),
    );
}

#[test]
fn what_the_host_refuses_has_a_line_too() {
    let broker = Broker::demo();
    // An empty client id without a clean session; a level that nobody speaks.
    let mut wire = broker.plain();
    wire.send(b"\x10\x0c\0\x04MQTT\x04\x00\0\x3c\0\0");
    assert_eq!(wire.receive().body[1], 2);
    let mut wire = broker.plain();
    wire.send(b"\x10\x0c\0\x04MQTT\x06\x02\0\x3c\0\0");
    assert_eq!(wire.receive().body[1], 0x84);
    let lines = read(&broker, "");
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, code) in lines.iter().zip([2, 0x84]) {
        has(
            line,
            &json!({ "action": "connect", "verdict": "deny", "source": "host", "stage": "host", "code": null, "mqtt_code": code }),
        );
        let case = broker.admin_get(&format!("/decisions/{}/case", line["n"]), true);
        assert_eq!(case.0, 409, "{}", case.1);
        assert!(case.1.contains("\"code\":\"host-decision\""), "{}", case.1);
    }

    let mut device = broker.device3(5);
    device.send(&subscribe_v5(1, &[("$share/g/t", 0)], &[]));
    assert_eq!(device.receive().body.last(), Some(&0x9E));
    has(
        &line(&broker, "subscribe", "deny", "topic", "$share/g/t"),
        &json!({ "source": "host", "code": null, "mqtt_code": 0x9E }),
    );
    let long = "t".repeat(300);
    device.send(&publish_v5(&long, b"x", 1, 1, &[]));
    device.receive();
    has(
        &line(&broker, "publish", "deny", "topic", &long),
        &json!({ "source": "host", "code": 502, "mqtt_code": 0x90 }),
    );
}

#[test]
fn who_finds_no_room_has_a_line() {
    let broker = configured("[limits]\nconnections = 1\n");
    let _first = broker.device3(4);
    let refused = Connect::secret_device(5, "demo_device3", "12345678");
    assert_eq!(broker.plain().connect(&refused), 0x97);
    has(
        &line(&broker, "connect", "deny", "source", "host"),
        &json!({ "code": 500, "listener": "mqtt", "protocol": "5", "mqtt_code": 0x97, "generation": null }),
    );
}

#[test]
fn what_the_component_says_of_a_message_and_where_it_fails() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("rules")).unwrap();
    fs::write(dir.path().join("rules/rules.json"), "inspect i/#").unwrap();
    fs::write(dir.path().join("hostile.wasm"), hostile()).unwrap();
    let config = "[policies.iotda]\ncomponent = \"hostile.wasm\"\ndirectory = \"rules\"\n[decisions]\nallowed_sample = 1\n";
    let broker = Broker::start_in(
        dir,
        &Options {
            config: config.into(),
            ..Options::default()
        },
    );
    let mut old = broker.plain().join(&Connect::new(4, "old"));
    let mut new = broker.plain().join(&Connect::new(5, "new"));
    for (topic, verdict, code) in [
        ("i/fine", "allow", 0),
        ("i/deny", "deny", 0x99),
        ("i/trap", "fault", 0x83),
    ] {
        new.send(&publish_v5(topic, b"x", 1, 1, &[]));
        new.receive();
        let line = line(&broker, "publish", verdict, "topic", topic);
        has(
            &line,
            &json!({ "source": "inspect", "cached": false, "mqtt_code": code }),
        );
        assert!(line["micros"].as_u64().unwrap() > 0, "{line}");
    }
    // 3.1.1 has no code for a fault: its connection is closed.
    old.send(&publish("i/trap", b"x", 1, 1)).expect_close();
    let fault = line(&broker, "publish", "fault", "client", "old");
    has(
        &fault,
        &json!({ "mqtt_code": null, "code": null, "source": "inspect" }),
    );
    assert_eq!(broker.plain().connect(&Connect::new(4, "trap")), 3);
    let fault = line(&broker, "connect", "fault", "raw_client", "trap");
    has(
        &fault,
        &json!({ "mqtt_code": 3, "code": null, "source": "policy", "stage": "identify" }),
    );
    let (status, body) = broker.admin_get(&format!("/decisions/{}/case", fault["n"]), true);
    assert_eq!(status, 409);
    assert!(body.contains("\"code\":\"fault\""), "{body}");
}

#[test]
fn a_message_that_the_policy_remarks_on_passes_and_has_a_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("rules")).unwrap();
    fs::write(dir.path().join("rules/rules.json"), "inspect i/#").unwrap();
    fs::write(dir.path().join("hostile.wasm"), hostile()).unwrap();
    let config = "[policies.iotda]\ncomponent = \"hostile.wasm\"\ndirectory = \"rules\"\n[decisions]\nallowed_sample = 0\n";
    let options = Options {
        config: config.into(),
        ..Options::default()
    };
    let broker = Broker::start_in(dir, &options);
    let mut reader = broker.plain().join(&Connect::new(4, "reader"));
    reader.send(&subscribe(1, &[("i/#", 0)])).receive();
    let mut writer = broker.plain().join(&Connect::new(5, "writer"));
    for topic in ["i/fine", "i/remark"] {
        writer.send(&publish_v5(topic, b"x", 1, 1, &[]));
        assert_eq!(writer.receive().body.get(2).copied().unwrap_or(0), 0);
        assert_eq!(reader.receive().topic(), topic);
    }
    let noted = line(&broker, "publish", "allow", "topic", "i/remark");
    has(
        &noted,
        &json!({ "source": "inspect", "code": 402, "detail": "noted", "rule": "hostile", "mqtt_code": 0 }),
    );
    let (_, lines) = broker.admin_get("/decisions", true);
    assert!(!lines.contains("i/fine"), "{lines}");
    // Of the PUBLISH and of its delivery.
    let (_, metrics) = broker.admin_get("/metrics", false);
    assert!(
        metrics.contains("iotda_broker_remarks_total{policy=\"iotda\"} 2\n"),
        "{metrics}"
    );
}

/// The rules change in a running broker, so the lines tell of two generations.
fn with_secret_topics() -> Broker {
    let broker = Broker::start(&Options {
        config: "[decisions]\nallowed_sample = 1".into(),
        own_policies: true,
    });
    let file = broker.path("policies/iotda/system_default_policy.json");
    fs::write(file, SECRET_TOPICS).unwrap();
    wait_until("the second generation", || {
        broker.admin_json("/policy")["iotda"]["revision"] == 2
    });
    broker
}

#[test]
fn denied_and_allowed_accesses_have_lines_with_what_was_told() {
    let broker = with_secret_topics();
    let mut old = broker.device3(4);
    let mut new = broker.device1(5);

    old.send(&publish(FOREIGN, b"x", 1, 1)).receive();
    new.send(&publish_v5(
        "$oc/devices/demo_device3/sys/messages/up",
        b"x",
        1,
        1,
        &[],
    ));
    assert_eq!(new.receive().body[2], 0x87);
    let denied = line(&broker, "publish", "deny", "topic", FOREIGN);
    has(
        &denied,
        &json!({
            "generation": 2, "client": "demo_device3", "record": "demo_device3",
            "product": "demo", "listener": "mqtt", "protocol": "3.1.1", "fingerprint": null, "qos": 1, "code": 400, "mqtt_code": null,
            "micros": 0, "cached": false, "source": "rule", "stage": null,
        }),
    );
    let raw_client = denied["raw_client"].as_str().unwrap();
    assert!(raw_client.starts_with("demo_device3_0_1_"), "{raw_client}");
    let told = "$oc/devices/demo_device3/sys/messages/up";
    let denied = line(&broker, "publish", "deny", "topic", told);
    has(
        &denied,
        &json!({ "client": "demo_device1", "protocol": "5", "mqtt_code": 0x87 }),
    );
    assert_eq!(denied["fingerprint"].as_str().unwrap().len(), 64);

    old.send(&subscribe(2, &[("$oc/#", 1)])).receive();
    let refused = line(&broker, "subscribe", "deny", "client", "demo_device3");
    has(
        &refused,
        &json!({ "topic": "$oc/#", "qos": 1, "code": 400, "mqtt_code": 0x80 }),
    );
    new.send(&subscribe_v5(2, &[("#", 1), ("$oc/#", 0)], &[]));
    assert!(new.receive().body.ends_with(&[1, 0x87]));
    let refused = line(&broker, "subscribe", "deny", "client", "demo_device1");
    has(&refused, &json!({ "mqtt_code": 0x87 }));
    let granted = line(&broker, "subscribe", "allow", "client", "demo_device1");
    has(
        &granted,
        &json!({ "topic": "#", "code": null, "mqtt_code": 1, "source": "rule" }),
    );

    // Twice: the second one is remembered, on both sides.
    for _ in 0..2 {
        old.send(&publish("secret/x", b"x", 1, 3)).receive();
    }
    let mut lines = Vec::new();
    wait_until("two denied deliveries", || {
        lines = read(&broker, "");
        lines.retain(|line| line["topic"] == "secret/x");
        lines.len() == 4
    });
    for (action, verdict, mqtt_code) in [
        ("publish", "allow", Value::Null),
        ("receive", "deny", Value::Null),
    ] {
        let both: Vec<_> = lines
            .iter()
            .filter(|line| line["action"] == action)
            .collect();
        assert_eq!(both.len(), 2, "{lines:?}");
        for (line, cached) in both.iter().zip([false, true]) {
            let source = if cached { "cache" } else { "rule" };
            has(
                line,
                &json!({ "verdict": verdict, "cached": cached, "source": source, "mqtt_code": mqtt_code }),
            );
        }
    }
    let metrics = broker.admin_get("/metrics", false).1;
    for counted in [
        r#"decisions_total{action="publish",verdict="allow",source="cache",policy="iotda"} 1"#,
        r#"decisions_total{action="publish",verdict="deny",source="rule",policy="iotda"} 2"#,
        r#"decisions_total{action="receive",verdict="deny",source="cache",policy="iotda"} 1"#,
        r#"decisions_total{action="connect",verdict="allow",source="policy",policy="iotda"} 2"#,
        r#"decisions_total{action="subscribe",verdict="deny",source="rule",policy="iotda"} 2"#,
        r#"denials_total{action="receive",policy="iotda"} 2"#,
    ] {
        assert!(
            metrics.contains(counted),
            "{counted} is missing in\n{metrics}"
        );
    }
}

#[test]
fn a_subscription_that_is_allowed_no_longer_has_a_line() {
    let broker = Broker::start(&Options {
        own_policies: true,
        ..Options::default()
    });
    let mut device = broker.device1(5);
    device.send(&subscribe_v5(1, &[("secret/#", 1)], &[]));
    assert_eq!(device.receive().body.last(), Some(&1));
    let file = broker.path("policies/iotda/system_default_policy.json");
    fs::write(file, SECRET_TOPICS).unwrap();
    has(
        &line(&broker, "subscribe", "deny", "topic", "secret/#"),
        &json!({ "generation": 2, "client": "demo_device1", "code": 400, "mqtt_code": null }),
    );
    device.ping();
}

#[test]
fn while_everything_is_shut_nobody_is_judged() {
    let broker = configured("[decisions]\nallowed_sample = 1\n");
    let mut device = broker.device3(5);
    let path = "/policy/iotda/deny-all";
    assert_eq!(broker.admin_request("POST", path, true).0, 200);
    wait_until("nothing is taken", || {
        device.send(&publish_v5("until", b"x", 1, 1, &[]));
        device.receive().body.get(2) == Some(&0x83)
    });
    device.send(&publish_v5("t", b"x", 1, 2, &[]));
    assert_eq!(device.receive().body[2], 0x83);
    device.send(&subscribe_v5(2, &[("u", 0)], &[]));
    device.receive();
    let connect = Connect::certificate_device(5, "demo_device1");
    assert_eq!(broker.tls_as("device1").connect(&connect), 0x88);
    for (action, field, value, code) in [
        ("publish", "topic", "t", 0x83),
        ("subscribe", "topic", "u", 0x83),
        ("connect", "raw_client", connect.client_id.as_str(), 0x88),
    ] {
        has(
            &line(&broker, action, "fault", field, value),
            &json!({ "source": "host", "code": null, "mqtt_code": code }),
        );
    }
    let lines = read(&broker, "");
    assert!(
        lines.iter().all(|line| line["action"] != "judge"),
        "{lines:?}"
    );
}

#[test]
fn a_frozen_device_has_a_line_with_the_code_of_its_disconnect() {
    let broker = Broker::demo();
    let (mut old, mut new) = (broker.device3(4), broker.device1(5));
    for device in ["demo_device3", "demo_device1"] {
        broker.cli_json(&["device", "freeze", device]);
    }
    old.expect_close();
    assert_eq!(new.until_close().last().unwrap().body[0], 0x87);
    for (client, code) in [("demo_device3", Value::Null), ("demo_device1", json!(0x87))] {
        let judged = line(&broker, "judge", "deny", "client", client);
        has(
            &judged,
            &json!({ "code": 301, "mqtt_code": code, "source": "policy", "stage": "authorize" }),
        );
    }
}

#[test]
fn a_reader_reads_on_by_number_and_is_told_of_gaps() {
    let broker = configured("[decisions]\nmemory_lines = 5\nlines_max = 400\nallowed_sample = 0\n");
    for number in 0..8 {
        let connect = wrong_password(4, &format!("202611212{number}"));
        broker.plain().connect(&connect);
    }
    let numbers = |entries: &[Value]| -> Vec<u64> {
        entries
            .iter()
            .filter_map(|line| line["n"].as_u64())
            .collect()
    };
    let all = read(&broker, "");
    assert_eq!(all[0], json!({ "gap": { "from": 1, "to": 3, "lost": 3 } }));
    assert_eq!(numbers(&all), [4, 5, 6, 7, 8]);
    assert_eq!(numbers(&read(&broker, "?after=6")), [7, 8]);
    assert_eq!(numbers(&read(&broker, "?after=4&limit=2")), [5, 6]);
    assert_eq!(read(&broker, "?after=8"), [Value::Null; 0]);
    for gone in ["1", "9", "x", "-1"] {
        let (status, body) = broker.admin_get(&format!("/decisions/{gone}/case"), true);
        assert_eq!(status, 404, "{body}");
    }
    for query in [
        "?after=x",
        "?afer=1",
        "?limit=0",
        "?limit=10001",
        "?after=9",
    ] {
        let (status, body) = broker.admin_get(&format!("/decisions{query}"), true);
        assert_eq!(status, 400, "{query}: {body}");
        let told: Value = serde_json::from_str(&body).unwrap();
        for field in ["code", "message", "help"] {
            assert!(told[field].is_string(), "{query}: {body}");
        }
    }
    for path in ["/decisions", "/decisions/4/case"] {
        assert_eq!(broker.admin_get(path, false).0, 401, "{path}");
    }

    // A flood of one client: its share of the lines, the rest counted, and all of it told.
    let mut device = broker.device3(5);
    for id in 1..=200 {
        device.send(&publish_v5(FOREIGN, b"x", 1, id, &[]));
    }
    for _ in 1..=200 {
        // By the rules, or by the rate that they may be sent at.
        assert!([0x87, 0x97].contains(&device.receive().body[2]));
    }
    let mut flood = Vec::new();
    wait_until("all 200 denials, as lines or gaps", || {
        flood = read(&broker, "?after=8");
        let last = flood.last().unwrap();
        last["n"].as_u64().or(last["gap"]["to"].as_u64()) == Some(208)
    });
    let lost: u64 = flood
        .iter()
        .filter_map(|entry| entry["gap"]["lost"].as_u64())
        .sum();
    assert_eq!(lost as usize + numbers(&flood).len(), 200, "{flood:?}");
    let metrics = broker.admin_get("/metrics", false).1;
    let dropped = metrics.lines().find_map(|line| {
        line.strip_prefix("iotda_broker_decision_log_drops_total{cause=\"rate\"} ")
    });
    assert!(dropped.unwrap().parse::<u64>().unwrap() > 0, "{metrics}");
}

/// What clients of the demo ask for while they are what they are.
fn usual_life(broker: &Broker) {
    let refusals = [
        Connect::new(4, "nonsense"),
        Connect::certificate_device(5, "demo_device9"),
        Connect {
            keep_alive: 5,
            ..Connect::secret_device(4, "demo_device3", "12345678")
        },
        wrong_password(5, "2026112122"),
        Connect {
            client_id: "demo_device3_0_1_2020010100".into(),
            ..Connect::secret_device(4, "demo_device3", "12345678")
        },
        Connect {
            will: Some((FOREIGN.into(), b"x".to_vec(), 1, false)),
            ..Connect::secret_device(5, "demo_device3", "12345678")
        },
        Connect::application(5, "app", "demo_app", "not-the-token"),
        Connect::certificate_device(4, "demo_device1"),
    ];
    for connect in refusals {
        assert_ne!(broker.plain().connect(&connect), 0, "{}", connect.client_id);
    }
    let other = Connect::certificate_device(5, "demo_device1");
    assert_ne!(broker.tls_as("device2").connect(&other), 0);

    let mut device = broker.device1(5);
    device.send(&subscribe_v5(1, &[("#", 1), ("$oc/#", 0)], &[]));
    device.receive();
    let mut app = broker.app(4, "backend");
    app.send(&subscribe(1, &[("$oc/devices/#", 0), ("t", 0)]))
        .receive();
    let mut with_will = broker.plain().join(&Connect {
        will: Some(("will/x".into(), b"x".to_vec(), 0, false)),
        ..Connect::secret_device(4, "demo_device3", "12345678")
    });
    let topics = [FOREIGN, REPORT, "secret/x", "factory/1"];
    for (id, topic) in (1..).zip(topics) {
        with_will.send(&publish(topic, b"{}", 1, id)).receive();
    }
    drop::<Wire>(with_will);
    line(broker, "will", "allow", "topic", "will/x");
    line(broker, "receive", "allow", "topic", "will/x");
}

/// With a certificate at the CONNECT; with a secret while the session lives, and at its next CONNECT.
fn frozen_life(broker: &Broker) {
    let mut live = broker.device3(4);
    for device in ["demo_device2", "demo_device3"] {
        broker.cli_json(&["device", "freeze", device]);
    }
    live.expect_close();
    let again = Connect::secret_device(5, "demo_device3", "12345678");
    assert_eq!(broker.plain().connect(&again), 0x87);
    let first = Connect::certificate_device(4, "demo_device2");
    assert_eq!(broker.tls_as("device2").connect(&first), 5);
    line(broker, "judge", "deny", "client", "demo_device3");
}

/// Saves the case of every line.
fn save(broker: &Broker, lines: &[Value], hidden: &[&str]) {
    for entry in lines {
        let number = &entry["n"];
        let (status, body) = broker.admin_get(&format!("/decisions/{number}/case"), true);
        assert_eq!(status, 200, "{entry}: {body}");
        for text in [&entry.to_string(), &body] {
            for secret in hidden {
                assert!(!text.contains(secret), "`{secret}` in {text}");
            }
        }
        fs::write(broker.path(&format!("cases/{number}.json")), body).unwrap();
    }
}

#[test]
fn every_line_is_a_case_that_passes_and_holds_no_secret() {
    let broker = with_secret_topics();
    let admin = fs::read_to_string(broker.path("data/admin.token")).unwrap();
    let hidden = [
        "12345678",
        "wrong-password",
        "not-the-token",
        &crate::support::device_password(&this_hour(), "12345678"),
        &broker.app_token(),
        admin.trim(),
    ];
    fs::create_dir(broker.path("cases")).unwrap();
    usual_life(&broker);
    // With the records as they were: a case of a device that is frozen by now would say so.
    let mut lines = read(&broker, "");
    save(&broker, &lines, &hidden);
    let last = lines.last().unwrap()["n"].clone();
    frozen_life(&broker);
    let mut later = read(&broker, &format!("?after={last}"));
    later.retain(|line| line["verdict"] == "deny");
    save(&broker, &later, &hidden);
    lines.append(&mut later);

    let seen = |action: &str, verdict: &str| {
        lines
            .iter()
            .any(|line| line["action"] == action && line["verdict"] == verdict)
    };
    for action in ["connect", "publish", "subscribe", "receive"] {
        assert!(seen(action, "allow") && seen(action, "deny"), "{action}");
    }
    assert!(seen("judge", "deny"));
    let cases = broker.path("cases");
    let test = ["policy", "test", "built-in", cases.to_str().unwrap()];
    let ran = broker.cli(&[&test[..], &["--documents", "policies/iotda"]].concat());
    let told = String::from_utf8_lossy(&ran.stdout);
    assert_eq!(ran.status.code(), Some(0), "{told}");
    let count = lines.len();
    let all = format!("{count} cases: {count} passed");
    assert!(told.starts_with(&all), "{told}");
}

#[test]
fn the_file_has_the_same_lines_and_is_its_owners_alone() {
    let broker = configured("[decisions]\nfile = \"data/decisions.jsonl\"\nallowed_sample = 0\n");
    let mut device = broker.device3(5);
    for id in 1..=20 {
        device.send(&publish_v5(FOREIGN, b"x", 1, id, &[]));
        assert_eq!(device.receive().body[2], 0x87);
    }
    broker.plain().connect(&wrong_password(4, "2026112122"));
    let read = read(&broker, "");
    assert_eq!(read.len(), 21, "{read:?}");
    broker.signal("TERM");
    let (code, dir) = broker.wait_keeping_dir();
    assert_eq!(code, Some(0));
    let file = dir.path().join("data/decisions.jsonl");
    assert_eq!(entries(&fs::read_to_string(&file).unwrap()), read);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
