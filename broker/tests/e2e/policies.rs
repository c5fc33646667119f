//! Several policies in one process: each listener has its own, and their clients never meet.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{
    Broker, Connect, Options, Wire, copy_dir, policy_component, publish, repository, subscribe,
};

/// The default policy on `mqtt`, the same component as another policy on `second`.
fn two() -> Broker {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("second.wasm"), policy_component()).unwrap();
    for name in ["iotda", "second"] {
        copy_dir(
            &repository().join("policies/iotda"),
            &dir.path().join("policies").join(name),
        );
    }
    let options = Options {
        config:
            "[listeners.second]\nkind = \"mqtt\"\naddress = \"127.0.0.1:0\"\npolicy = \"second\"\n\
                 [policies.second]\ncomponent = \"second.wasm\"\n"
                .to_owned(),
        ..Options::default()
    };
    Broker::start_in(dir, &options)
}

fn on_second(broker: &Broker) -> Wire {
    let connect = Connect::secret_device(4, "demo_device3", "12345678");
    Wire::plain(&broker.addr("second")).join(&connect)
}

#[test]
fn clients_of_two_policies_never_meet() {
    let broker = two();
    let ready = broker.ready();
    assert_eq!(
        ready["policies"]["iotda"]["digest"],
        ready["policies"]["second"]["digest"]
    );
    let (mut first, mut second) = (broker.device3(4), on_second(&broker));
    // The same canonical id under both: nobody takes anybody over.
    for wire in [&mut first, &mut second] {
        wire.send(&subscribe(1, &[("hall/#", 0)]));
        assert_eq!(wire.receive().body[2..], [0]);
    }
    let other = Connect::secret_device(4, "demo_device4", "12345678");
    let mut other = Wire::plain(&broker.addr("second")).join(&other);
    other.send(&publish("hall/a", b"1", 0, 0));
    assert_eq!(second.receive().topic(), "hall/a");
    first.expect_silence();
    let mut command = broker.app(4, "backend");
    command.send(&publish(
        "$oc/devices/demo_device3/sys/commands/request_id=1",
        b"{}",
        0,
        0,
    ));
    assert!(first.receive().topic().ends_with("request_id=1"));
    second.expect_silence();
}

#[test]
fn each_policy_is_shown_swapped_and_stopped_for_itself() {
    let broker = two();
    let (mut first, mut second) = (broker.device3(4), on_second(&broker));
    let sessions = broker.admin_json("/sessions");
    let sessions = sessions["sessions"].as_array().unwrap();
    let mut named: Vec<_> = sessions
        .iter()
        .map(|one| {
            (
                one["policy"].as_str().unwrap(),
                one["client"].as_str().unwrap(),
            )
        })
        .collect();
    named.sort_unstable();
    assert_eq!(
        named,
        [("iotda", "demo_device3"), ("second", "demo_device3")]
    );
    let document = broker.path("policies/second/system_default_policy.json");
    let denied = fs::read_to_string(&document).unwrap();
    let body = serde_json::json!({ "documents": {
        "system_default_policy.json": denied.replace("\"topic:*\"", "\"topic:open/*\""),
    }, "cases": {} });
    let (status, answer) = broker.admin_send(
        "PUT",
        "/policy/second/documents",
        &[],
        body.to_string().as_bytes(),
    );
    assert_eq!(status, 200, "{answer}");
    let revision = |name: &str| broker.admin_json("/policy")[name]["revision"].clone();
    assert_eq!(
        (revision("iotda"), revision("second")),
        (1.into(), 2.into())
    );
    for (wire, code) in [(&mut first, 0), (&mut second, 0x80)] {
        wire.send(&subscribe(2, &[("hall/#", 0)]));
        assert_eq!(wire.receive().body[2..], [code]);
    }
    let (_, lines) = broker.admin_get("/decisions?after=0", true);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let refused: Vec<Value> = lines
        .filter(|line: &Value| line["action"] == "subscribe" && line["verdict"] == "deny")
        .collect();
    let refused = refused.last().unwrap();
    assert_eq!(
        (&refused["policy"], &refused["generation"]),
        (&"second".into(), &2.into())
    );
    let (_, metrics) = broker.admin_get("/metrics", false);
    for line in [
        "iotda_broker_policy_revision{policy=\"iotda\"} 1",
        "iotda_broker_policy_revision{policy=\"second\"} 2",
        "iotda_broker_policy_sessions{policy=\"second\"} 1",
        "iotda_broker_sessions 2",
        "iotda_broker_connects_total{result=\"accepted\",reason=\"accepted\",policy=\"second\"} 1",
        "iotda_broker_denials_total{action=\"subscribe\",policy=\"second\"} 1",
        "iotda_broker_policy_swaps_total{state=\"active\",policy=\"iotda\"} 1",
        "iotda_broker_policy_swaps_total{state=\"active\",policy=\"second\"} 2",
    ] {
        assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
    }
    let (status, _) = broker.admin_request("POST", "/policy/second/deny-all", true);
    assert_eq!(status, 200);
    let connect = Connect::secret_device(4, "demo_device4", "12345678");
    assert_eq!(connack(&broker.addr("second"), &connect), 3);
    assert_eq!(connack(&broker.addr("mqtt"), &connect), 0);
    broker.signal("TERM");
    assert_eq!(broker.wait(), Some(0));
}

#[test]
fn a_change_of_a_record_and_of_trust_reaches_the_sessions_of_every_policy() {
    let broker = two();
    let (mut first, mut second) = (broker.device3(4), on_second(&broker));
    broker.cli_json(&["device", "freeze", "demo_device3"]);
    first.expect_close();
    second.expect_close();
}

fn connack(address: &str, connect: &Connect) -> u8 {
    Wire::plain(address).connect(connect)
}

#[test]
fn what_is_kept_for_the_absent_is_kept_under_each_policy() {
    let broker = two();
    let connect = Connect::application(4, "backend", "demo_app", &broker.app_token());
    let mut backend = Wire::plain(&broker.addr("second")).join(&connect);
    backend.send(&publish(
        "$oc/devices/demo_device4/sys/messages/down",
        b"kept",
        1,
        7,
    ));
    assert_eq!(backend.receive().kind(), 4);
    broker.signal("TERM");
    let (code, dir) = broker.wait_keeping_dir();
    assert_eq!(code, Some(0));
    assert!(is_file(dir.path(), "inbox-second.db") && is_file(dir.path(), "inbox.db"));
    let options = Options {
        config: fs::read_to_string(dir.path().join("broker.toml")).unwrap(),
        ..Options::default()
    };
    let broker = Broker::start_in(dir, &options);
    let connect = Connect::secret_device(4, "demo_device4", "12345678");
    let mut first = Wire::plain(&broker.addr("mqtt")).join(&connect);
    let mut second = Wire::plain(&broker.addr("second")).join(&connect);
    assert_eq!(second.receive().payload(), b"kept");
    first.expect_silence();
}

fn is_file(dir: &Path, name: &str) -> bool {
    dir.join("data").join(name).is_file()
}
