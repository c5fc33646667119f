//! Malformed packets: a MQTT 5 client is told the reason, a 3.1.1 client is closed, before and after CONNECT; others are untouched.

use crate::support::{Broker, Connect, packet, publish, publish_v5, subscribe, subscribe_v5};

/// (what, packet, reason code for MQTT 5). The packet is sent after a successful CONNECT.
fn check(broker: &Broker, level: u8, rows: &[(&str, Vec<u8>, u8)]) {
    for (what, bytes, code) in rows {
        let mut device = broker.device3(level);
        let told = device.send(bytes).until_close();
        let disconnect = told
            .last()
            .map(|packet| (packet.first, packet.body.first().copied()));
        let expected = (level == 5).then_some((0xE0, Some(*code)));
        assert_eq!(disconnect, expected, "{what}");
    }
}

fn body(first: u8, bytes: &[u8]) -> Vec<u8> {
    packet(first, bytes)
}

#[test]
fn packets_of_both_versions() {
    let broker = Broker::demo();
    let common = |v5: bool| -> Vec<(&'static str, Vec<u8>, u8)> {
        let publish = |topic: &str| {
            if v5 {
                publish_v5(topic, b"x", 0, 0, &[])
            } else {
                publish(topic, b"x", 0, 0)
            }
        };
        let subscribe = |first: u8, id: u16| {
            let mut bytes = if v5 {
                subscribe_v5(id, &[("t", 0)], &[])
            } else {
                subscribe(id, &[("t", 0)])
            };
            bytes[0] = first;
            bytes
        };
        vec![
            (
                "second CONNECT",
                Connect::secret_device(if v5 { 5 } else { 4 }, "demo_device3", "12345678").bytes(),
                0x82,
            ),
            ("topic with +", publish("a/+"), 0x90),
            ("topic with #", publish("#"), 0x90),
            ("topic with NUL", publish("a\0b"), 0x81),
            ("SUBSCRIBE with flags 0", subscribe(0x80, 1), 0x81),
            ("SUBSCRIBE with packet id 0", subscribe(0x82, 0), 0x82),
            ("PINGREQ with a body", body(0xC0, &[0]), 0x81),
            ("PINGREQ with flags", body(0xC1, &[]), 0x81),
            ("PUBLISH with QoS 3", body(0x36, &[0, 1, b't', 0, 1]), 0x81),
            (
                "PUBLISH of QoS 0 with DUP",
                body(0x38, if v5 { &[0, 1, b't', 0] } else { &[0, 1, b't'] }),
                0x81,
            ),
            (
                "PUBLISH with packet id 0",
                body(0x32, &[0, 1, b't', 0, 0, 0]),
                0x82,
            ),
            (
                "topic longer than the packet",
                body(0x30, &[0, 200, b't']),
                0x81,
            ),
            (
                "topic that is no UTF-8",
                body(0x30, &[0, 2, 0xC3, 0x28, 0]),
                0x81,
            ),
            (
                "remaining length of five bytes",
                vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
                0x81,
            ),
            (
                "a packet of 200 MB",
                vec![0x30, 0x80, 0x88, 0xB2, 0x60],
                0x95,
            ),
            (
                "UNSUBSCRIBE without a filter",
                body(0xA2, if v5 { &[0, 1, 0] } else { &[0, 1] }),
                0x82,
            ),
            (
                "SUBSCRIBE without a filter",
                body(0x82, if v5 { &[0, 1, 0] } else { &[0, 1] }),
                0x82,
            ),
            ("truncated PUBACK", body(0x40, &[0]), 0x81),
            ("reserved type 0", body(0x00, &[]), 0x81),
        ]
    };
    check(&broker, 4, &common(false));
    check(&broker, 5, &common(true));
}

#[test]
fn packets_of_version_5() {
    let broker = Broker::demo();
    check(
        &broker,
        5,
        &[
            ("alias 0", publish_v5("t", b"x", 0, 0, &[0x23, 0, 0]), 0x94),
            (
                "alias over the maximum",
                publish_v5("t", b"x", 0, 0, &[0x23, 0xFF, 0xFF]),
                0x94,
            ),
            (
                "alias never set",
                publish_v5("", b"x", 0, 0, &[0x23, 0, 1]),
                0x82,
            ),
            (
                "empty topic without an alias",
                publish_v5("", b"x", 0, 0, &[]),
                0x82,
            ),
            (
                "a property twice",
                publish_v5("t", b"x", 0, 0, &[0x23, 0, 1, 0x23, 0, 1]),
                0x82,
            ),
            (
                "subscription identifier from a client",
                publish_v5("t", b"x", 0, 0, &[0x0B, 1]),
                0x82,
            ),
            (
                "subscription identifier 0",
                subscribe_v5(1, &[("t", 0)], &[0x0B, 0]),
                0x82,
            ),
            (
                "unknown property",
                publish_v5("t", b"x", 0, 0, &[0x7F, 0]),
                0x81,
            ),
            ("AUTH without a method", packet(0xF0, &[0x18, 0]), 0x82),
            (
                "reserved option bits",
                subscribe_v5(1, &[("t", 0xC0)], &[]),
                0x81,
            ),
            (
                "retain handling 3",
                subscribe_v5(1, &[("t", 0x30)], &[]),
                0x82,
            ),
        ],
    );
}

#[test]
fn before_connect() {
    let broker = Broker::demo();
    for bytes in [
        publish("t", b"x", 0, 0),
        subscribe(1, &[("t", 0)]),
        vec![0xC0, 0],
        vec![0xE0, 0],
        vec![0x10, 0xFF, 0xFF, 0xFF, 0x7F],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let mut wire = broker.plain();
        wire.send(&bytes).expect_close();
    }
}

#[test]
fn connects_that_are_malformed() {
    let broker = Broker::demo();
    let good = Connect::secret_device(4, "demo_device3", "12345678").bytes();
    let bent = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let reserved = bent(9, good[9] | 1);
    let will_qos_without_will = bent(9, good[9] | 0x08);
    let wrong_name = bent(4, b'X');
    let mut trailing = good.clone();
    trailing.push(0);
    trailing[1] += 1;
    for (what, bytes) in [
        ("reserved flag", reserved),
        ("will QoS without a will", will_qos_without_will),
        ("protocol name", wrong_name),
        ("trailing byte", trailing),
    ] {
        let mut wire = broker.plain();
        wire.send(&bytes);
        let told = wire.until_close();
        assert!(
            told.iter()
                .all(|packet| packet.first == 0x20 && packet.body[1] != 0),
            "{what}: {told:?}"
        );
    }
}

#[test]
fn silence_before_and_after_the_handshake_ends_in_time() {
    let broker = Broker::start(&crate::support::Options {
        config: "[limits]\nhandshake_deadline = \"1s\"\nconnect_deadline = \"1s\"\n".into(),
        ..Default::default()
    });
    let mut silent = broker.plain();
    silent.expect_close();
    let mut half = broker.plain();
    half.send(&[0x10, 50, 0, 4]).expect_close();
    let mut no_hello = crate::support::Wire::plain(&broker.addr("mqtts"));
    // A silent client before ClientHello stalls every other client of a stock rumqttd.
    broker
        .tls()
        .join(&Connect::secret_device(4, "demo_device3", "12345678"));
    no_hello.expect_close();
}
