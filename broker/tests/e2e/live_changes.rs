//! Rules, component and records change while devices stay connected; every live session is judged again at once.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::{
    Broker, Connect, Options, puback, publish, publish_v5, subscribe, subscribe_v5, wait_until,
};

/// «Within a second», as the issue promises, with the test machine's noise on top.
const AT_ONCE: Duration = Duration::from_secs(3);

fn own_policies() -> Broker {
    Broker::start(&Options {
        own_policies: true,
        ..Options::default()
    })
}

const DENY_SECRET: &str = r#"{"policy_name":"system_default_policy","statement":[
    {"effect":"ALLOW","actions":["iotda:devices:publish","iotda:devices:subscribe"],"resources":["topic:*"]},
    {"effect":"DENY","actions":["iotda:devices:publish","iotda:devices:subscribe"],"resources":["topic:secret/*"]}]}"#;

/// Tries until the broker acts on the new rules; the connection must not drop meanwhile.
fn soon(mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + AT_ONCE;
    while !holds() {
        assert!(Instant::now() < until, "the new rules are not in force");
    }
}

#[test]
fn a_saved_document_is_enforced_on_live_sessions() {
    let broker = own_policies();
    let mut reader = broker.device1(5);
    let mut writer = broker.device3(5);
    reader.send(&subscribe_v5(
        1,
        &[("secret/#", 1), ("open/#", 1), ("#", 0)],
        &[],
    ));
    assert_eq!(reader.receive().body[3..], [1, 1, 0]);
    writer.send(&publish_v5("secret/x", b"1", 0, 0, &[]));
    assert_eq!(reader.receive().topic(), "secret/x");

    fs::write(
        broker.path("policies/iotda/system_default_policy.json"),
        DENY_SECRET,
    )
    .unwrap();
    soon(|| {
        writer.send(&publish_v5("secret/x", b"2", 1, 9, &[]));
        let code = *writer.receive().body.get(2).unwrap_or(&0);
        code == 0x87
    });
    // What went through before is behind us.
    writer.send(&publish_v5("open/end", b"end", 0, 0, &[]));
    loop {
        if reader.receive().topic() == "open/end" {
            break;
        }
    }
    // An application may write there; the device's broad subscription does not show it, the narrow one is gone.
    reader.send(&subscribe_v5(2, &[("secret/#", 1)], &[]));
    assert_eq!(reader.receive().body.last(), Some(&0x87));
    reader.ping();
    writer.ping();
}

#[test]
fn a_deleted_default_policy_denies() {
    let broker = own_policies();
    let mut device = broker.device3(5);
    device.send(&publish_v5("t", b"x", 1, 1, &[]));
    device.receive();
    broker.delete_default_policy();
    soon(|| {
        device.send(&publish_v5("t", b"x", 1, 2, &[]));
        device.receive().body.get(2) == Some(&0x87)
    });
    device.send(&publish_v5(
        "$oc/devices/demo_device3/sys/properties/report",
        b"{}",
        1,
        3,
        &[],
    ));
    assert_eq!(
        device.receive().body.get(2).copied().unwrap_or(0) & 0x80,
        0,
        "system topics need no policy"
    );
}

#[test]
fn a_broken_document_is_refused_by_name_and_changes_nothing() {
    let broker = own_policies();
    let mut device = broker.device3(4);
    fs::write(
        broker.path("policies/iotda/system_default_policy.json"),
        "{ \"policy_name\": \"x\",\n  broken",
    )
    .unwrap();
    broker.wait_for_log("system_default_policy.json");
    fs::write(
        broker.path("policies/iotda/unknown_field.json"),
        r#"{"policy_name":"y","statement":[],"wrong_field":1}"#,
    )
    .unwrap();
    broker.wait_for_log("wrong_field");
    let mut reader = broker.device1(4);
    reader
        .send(&subscribe(1, &[("t", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    device
        .send(&publish("t", b"still allowed", 1, 1))
        .expect(&puback(1));
    assert_eq!(reader.receive().payload(), b"still allowed");
}

#[test]
fn a_broken_component_is_refused_and_a_good_one_is_taken_in() {
    let wasm = tempfile::tempdir().unwrap();
    let file = wasm.path().join("policy.wasm");
    let good = crate::support::policy_component();
    fs::write(&file, &good).unwrap();
    let broker = Broker::start(&Options {
        config: format!(
            "[policies.iotda]\ncomponent = {:?}\n",
            file.to_str().unwrap()
        ),
        own_policies: true,
    });
    let mut device = broker.device3(4);
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    broker.wait_for_log("component");
    device.ping();
    // A custom section changes the digest and nothing else: a rebuilt component.
    let mut rebuilt = good.clone();
    rebuilt.extend_from_slice(&[0, 3, 1, b'x', 0]);
    fs::write(&file, &rebuilt).unwrap();
    wait_until("revision 2", || {
        broker
            .admin_json("/policy")
            .to_string()
            .contains("\"revision\":2")
    });
    device.ping();
    broker.device1(4).ping();
}

#[test]
fn a_freeze_closes_that_session_and_no_other() {
    let broker = Broker::demo();
    let (mut frozen, mut other) = (broker.device3(5), broker.device1(4));
    let began = Instant::now();
    broker.cli_json(&["device", "freeze", "demo_device3"]);
    let told = frozen.until_close();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x87))
    );
    other.ping();
}

#[test]
fn a_reset_fingerprint_closes_that_session_and_no_other() {
    let broker = Broker::demo();
    let (mut reset, mut other) = (broker.device1(4), broker.device3(4));
    let began = Instant::now();
    broker.cli_json(&[
        "device",
        "reset-fingerprint",
        "demo_device1",
        &"ab".repeat(32),
    ]);
    reset.expect_close();
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    other.ping();
    assert_eq!(
        broker
            .tls_as("device1")
            .connect(&Connect::certificate_device(4, "demo_device1")),
        5
    );
    // Trust on first use: no fingerprint, and the next certificate is adopted; the one after it is not.
    broker.cli_json(&["device", "reset-fingerprint", "demo_device1"]);
    broker
        .tls_as("device2")
        .join(&Connect::certificate_device(4, "demo_device1"));
    assert_eq!(
        broker
            .tls_as("device1")
            .connect(&Connect::certificate_device(4, "demo_device1")),
        5
    );
}

#[test]
fn a_removed_device_is_closed_and_unknown() {
    let broker = Broker::demo();
    let mut device = broker.device3(4);
    broker.cli_json(&["device", "remove", "demo_device3"]);
    device.expect_close();
    assert_eq!(
        broker
            .plain()
            .connect(&Connect::secret_device(4, "demo_device3", "12345678")),
        4
    );
}

#[test]
fn a_removed_authority_closes_the_devices_under_it() {
    let broker = Broker::demo();
    let (mut under, mut other) = (broker.device1(4), broker.device3(4));
    let authorities = broker.cli_json(&["ca", "list"]);
    let text = authorities.to_string();
    let at = text.find("\"certificate_id\":\"").unwrap() + 18;
    let id = text[at..].split('"').next().unwrap();
    broker.cli_json(&["ca", "remove", id]);
    under.expect_close();
    other.ping();
    assert_eq!(
        broker
            .tls_as("device1")
            .connect(&Connect::certificate_device(4, "demo_device1")),
        5
    );
}

#[test]
fn what_is_queued_for_a_stored_session_is_checked_before_it_leaves() {
    let broker = own_policies();
    let stored = Connect {
        clean: false,
        ..Connect::secret_device(4, "demo_device3", "12345678")
    };
    let mut device = broker.plain().join(&stored);
    device
        .send(&subscribe(1, &[("secret/x", 1), ("open/x", 1)]))
        .expect(&[0x90, 4, 0, 1, 1, 1]);
    drop(device);
    std::thread::sleep(Duration::from_millis(200));
    let mut writer = broker.device1(4);
    writer
        .send(&publish("secret/x", b"s", 1, 1))
        .expect(&puback(1));
    writer
        .send(&publish("open/x", b"o", 1, 2))
        .expect(&puback(2));
    fs::write(
        broker.path("policies/iotda/system_default_policy.json"),
        DENY_SECRET,
    )
    .unwrap();
    let mut probe = broker.app(5, "probe");
    wait_until("revision 2", || {
        broker
            .admin_json("/policy")
            .to_string()
            .contains("\"revision\":2")
    });
    probe.ping();
    let mut device = broker.plain();
    device.send(&stored.bytes()).expect(&[0x20, 2, 1, 0]);
    let got = device.receive();
    assert_eq!(got.topic(), "open/x");
    device.send(&puback(got.packet_id())).expect_silence();
}
