//! MQTT 3.1 (`MQIsdp`, level 3): the vendor's C SDK falls back to it. Served as 3.1.1 is, but for what its own text says.

use super::{join, open};
use crate::support::{Broker, Connect, packet, puback, publish, subscribe, text, unsubscribe};

/// A CONNECT of any name and level.
fn named(name: &str, level: u8, id: &str) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, name.as_bytes());
    body.extend([level, 0x02, 0, 60]);
    text(&mut body, id.as_bytes());
    packet(0x10, &body)
}

#[test]
fn a_device_reports_and_hears_its_commands() {
    let broker = Broker::demo();
    let mut app = broker.app(4, "a");
    app.send(&subscribe(
        1,
        &[("$oc/devices/demo_device3/sys/properties/#", 1)],
    ))
    .expect(&[0x90, 3, 0, 1, 1]);
    let mut device = broker.plain();
    device
        .send(&Connect::secret_device(3, "demo_device3", "12345678").bytes())
        .expect(&[0x20, 2, 0, 0]);
    device
        .send(&publish(
            "$oc/devices/demo_device3/sys/properties/report",
            b"{}",
            1,
            7,
        ))
        .expect(&puback(7));
    assert_eq!(app.receive().payload(), b"{}");
    app.send(&publish(
        "$oc/devices/demo_device3/sys/commands/request_id=1",
        b"go",
        0,
        0,
    ));
    assert_eq!(device.receive().payload(), b"go");
    device.ping();
    device.send(&[0xE0, 0]).expect_close();
}

/// The refusals of 3.1.1, in the numbering that both share, as CONNACK.
#[test]
fn refusals_have_the_codes_of_3_1() {
    let broker = Broker::demo();
    let device = |id: &str, secret: &str| Connect::secret_device(3, id, secret);
    let rows = [
        ("bad secret", device("demo_device3", "87654321"), 4),
        ("unknown device", device("demo_nobody", "12345678"), 4),
        (
            "certificate missing",
            Connect::certificate_device(3, "demo_device1"),
            5,
        ),
        (
            "keep alive out of range",
            Connect {
                keep_alive: 1201,
                ..device("demo_device3", "12345678")
            },
            2,
        ),
        (
            "client id without parts",
            Connect {
                client_id: "x".into(),
                ..device("demo_device3", "12345678")
            },
            2,
        ),
    ];
    for (what, connect, code) in rows {
        let mut wire = broker.plain();
        assert_eq!(wire.connect(&connect), code, "{what}");
        wire.expect_close();
    }
}

/// 3.1 §3.1: an id of 1 to 23 characters. Real ones are longer, and are taken.
#[test]
fn a_client_id_may_be_long_but_not_empty() {
    let broker = open("");
    for clean in [true, false] {
        let empty = Connect {
            clean,
            ..Connect::new(3, "")
        };
        let mut wire = broker.plain();
        wire.send(&empty.bytes()).expect(&[0x20, 2, 0, 2]);
        wire.expect_close();
    }
    join(&broker, 3, &"i".repeat(23)).ping();
    join(&broker, 3, &"i".repeat(200)).ping();
}

/// MQTT-3.1.2-2: CONNACK 1, then the end. The highest bit is a bridge's, which tries again without it.
#[test]
fn name_and_level_belong_together() {
    let broker = open("");
    for (name, level) in [
        ("MQTT", 3),
        ("MQIsdp", 4),
        ("MQIsdp", 2),
        ("MQIsdp", 0x83),
        ("MQTT", 0x84),
        ("MQTT", 0),
    ] {
        let mut wire = broker.plain();
        wire.send(&named(name, level, "x")).expect(&[0x20, 2, 0, 1]);
        wire.expect_close();
    }
    broker.plain().send(&named("MQTT ", 4, "x")).expect_close();
    broker
        .plain()
        .send(&named("MQIsdp", 3, "x"))
        .expect(&[0x20, 2, 0, 0]);
}

/// 3.1 has no bit for it, though the session is there.
#[test]
fn a_kept_session_is_not_announced() {
    let broker = open("");
    let stored = Connect {
        clean: false,
        ..Connect::new(3, "old")
    };
    let mut old = broker.plain().join(&stored);
    super::follow(&mut old, "kept");
    drop(old);
    let mut old = broker.plain();
    old.send(&stored.bytes()).expect(&[0x20, 2, 0, 0]);
    join(&broker, 4, "w")
        .send(&publish("kept", b"x", 1, 1))
        .expect(&puback(1));
    assert_eq!(old.receive().payload(), b"x");
}

/// SUBACK has no failure: the QoS that was asked for is said, nothing is delivered, and the decision log tells the truth.
#[test]
fn a_refused_filter_is_answered_with_its_qos_and_brings_nothing() {
    let broker = Broker::demo();
    let mut device = broker
        .plain()
        .join(&Connect::secret_device(3, "demo_device3", "12345678"));
    let foreign = "$oc/devices/demo_device1/sys/messages/down";
    device
        .send(&subscribe(
            1,
            &[("t", 0), (foreign, 1), (foreign, 2), ("$share/g/t", 0)],
        ))
        .expect(&[0x90, 6, 0, 1, 0, 1, 1, 0]);
    broker
        .app(4, "a")
        .send(&publish(foreign, b"x", 1, 1))
        .expect(&puback(1));
    device.expect_silence();
    crate::support::wait_until("the denial in the log", || {
        let (_, log) = broker.admin_get("/decisions", true);
        log.lines().any(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["protocol"] == "3.1" && line["verdict"] == "deny" && line["topic"] == foreign
        })
    });
}

/// 3.1 §4.2: SUBSCRIBE and UNSUBSCRIBE are sent again with DUP where no answer came. Other reserved flags stay refused.
#[test]
fn subscribe_and_unsubscribe_may_come_again_with_dup() {
    let broker = open("");
    let mut old = join(&broker, 3, "old");
    let mut again = subscribe(1, &[("t", 1)]);
    again[0] = 0x8A;
    old.send(&again).expect(&[0x90, 3, 0, 1, 1]);
    let mut again = unsubscribe(3, 2, &["t"]);
    again[0] = 0xAA;
    old.send(&again).expect(&[0xB0, 2, 0, 2]);
    for flags in [0x80, 0x81, 0x84, 0x8E] {
        let mut wrong = subscribe(3, &[("t", 1)]);
        wrong[0] = flags;
        join(&broker, 3, "wrong").send(&wrong).expect_close();
    }
}
