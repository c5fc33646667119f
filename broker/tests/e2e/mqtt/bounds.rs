//! Packets that are cut, too long, or carry what they may not: every type, before they do harm.

use super::{join, open, told};
use crate::support::{Broker, packet};

fn ends(broker: &Broker, what: &str, bytes: &[u8], code: u8) {
    let mut wire = join(broker, 5, "c");
    wire.send(bytes);
    assert_eq!(told(&mut wire), Some(code), "{what}: {bytes:x?}");
    let mut wire = join(broker, 4, "d");
    wire.send(bytes);
    assert_eq!(told(&mut wire), None, "{what}, 3.1.1");
}

/// MQTT-2.1.3-1 (MQTT-2.2.2-2 in 3.1.1), MQTT-3.6.1-1, MQTT-3.8.1-1, MQTT-3.10.1-1, MQTT-3.14.1-1: all flags but the fixed ones, of every type.
#[test]
fn reserved_flags_of_every_type() {
    let broker = open("");
    for (kind, fixed) in [
        (4, 0),
        (5, 0),
        (6, 2),
        (7, 0),
        (8, 2),
        (10, 2),
        (12, 0),
        (14, 0),
    ] {
        for flags in (0..16_u8).filter(|flags| *flags != fixed) {
            // The first byte alone is enough: nothing is waited for.
            let mut wire = join(&broker, 5, "c");
            wire.send(&[kind << 4 | flags]);
            assert_eq!(told(&mut wire), Some(0x81), "type {kind}, flags {flags}");
        }
        join(&broker, 4, "d")
            .send(&[kind << 4 | (fixed ^ 1)])
            .expect_close();
    }
    let mut wire = join(&broker, 5, "c");
    wire.send(&[0xF1]);
    assert_eq!(told(&mut wire), Some(0x81));
    for flags in 1..16 {
        broker.plain().send(&[0x10 | flags]).expect_close();
    }
}

/// MQTT-4.13.1-1, MQTT-4.8.0-1: a body that ends in the middle of a field, or that must not be empty.
#[test]
fn bodies_that_are_too_short() {
    let broker = open("");
    for (what, first) in [
        ("PUBLISH", 0x30),
        ("PUBLISH, QoS 1", 0x32),
        ("PUBACK", 0x40),
        ("PUBREC", 0x50),
        ("PUBREL", 0x62),
        ("PUBCOMP", 0x70),
        ("SUBSCRIBE", 0x82),
        ("UNSUBSCRIBE", 0xA2),
    ] {
        ends(&broker, what, &packet(first, &[]), 0x81);
        ends(&broker, what, &packet(first, &[0]), 0x81);
    }
    broker.plain().send(&[0x10, 0]).expect_close();
}

/// MQTT-2.2.1-3, MQTT-2.2.1-4 (MQTT-2.3.1-1 in 3.1.1): 0 is no packet id.
#[test]
fn packet_id_0() {
    let broker = open("");
    for (what, first, rest) in [
        ("PUBLISH", 0x32, &[0, 1, b't', 0, 0, 0][..]),
        ("PUBACK", 0x40, &[0, 0]),
        ("PUBREC", 0x50, &[0, 0]),
        ("PUBREL", 0x62, &[0, 0]),
        ("PUBCOMP", 0x70, &[0, 0]),
        ("SUBSCRIBE", 0x82, &[0, 0, 0, 0, 1, b't', 0]),
        ("UNSUBSCRIBE", 0xA2, &[0, 0, 0, 0, 1, b't']),
    ] {
        ends(&broker, what, &packet(first, rest), 0x82);
    }
}

/// MQTT-1.5.5-1 and 1.5.5: a length in more bytes than it needs is malformed in MQTT 5 and taken in 3.1.1; one of five bytes nowhere.
#[test]
fn lengths_that_are_written_wrong() {
    let broker = open("");
    ends(
        &broker,
        "five bytes",
        &[0x30, 0x80, 0x80, 0x80, 0x80, 0x01],
        0x81,
    );
    for padded in [
        &[0xC0, 0x80, 0x00][..],
        &[0xC0, 0x80, 0x80, 0x00],
        &[0xC0, 0x80, 0x80, 0x80, 0x00],
    ] {
        let mut wire = join(&broker, 5, "c");
        wire.send(padded);
        assert_eq!(told(&mut wire), Some(0x81), "{padded:x?}");
        join(&broker, 4, "d").send(padded).expect(&[0xD0, 0]);
    }
}

/// 2.2.2.2: each packet has its own properties, once each; a number out of range is a protocol error.
#[test]
fn properties_of_the_wrong_packet_twice_or_out_of_range() {
    let broker = open("");
    let rows: [(&str, u8, &[u8], u8); 14] = [
        (
            "PUBLISH, session expiry",
            0x30,
            &[0, 1, b't', 5, 0x11, 0, 0, 0, 1],
            0x81,
        ),
        (
            "PUBLISH, receive maximum",
            0x30,
            &[0, 1, b't', 3, 0x21, 0, 1],
            0x81,
        ),
        (
            "PUBLISH, format twice",
            0x30,
            &[0, 1, b't', 4, 1, 1, 1, 1],
            0x82,
        ),
        ("PUBLISH, format 2", 0x30, &[0, 1, b't', 2, 1, 2], 0x82),
        (
            "PUBLISH, expiry twice",
            0x30,
            &[0, 1, b't', 10, 2, 0, 0, 0, 1, 2, 0, 0, 0, 1],
            0x82,
        ),
        (
            "PUBLISH, longer than the packet",
            0x30,
            &[0, 1, b't', 9, 1, 1],
            0x81,
        ),
        (
            "PUBLISH, response topic with a wildcard",
            0x30,
            &[0, 1, b't', 4, 8, 0, 1, b'#'],
            0x90,
        ),
        (
            "PUBACK, subscription id",
            0x40,
            &[0, 1, 0, 2, 0x0B, 1],
            0x81,
        ),
        (
            "PUBACK, reason twice",
            0x40,
            &[0, 1, 0, 6, 0x1F, 0, 0, 0x1F, 0, 0],
            0x82,
        ),
        (
            "SUBSCRIBE, reason",
            0x82,
            &[0, 1, 3, 0x1F, 0, 0, 0, 1, b't', 0],
            0x81,
        ),
        (
            "SUBSCRIBE, id twice",
            0x82,
            &[0, 1, 4, 0x0B, 1, 0x0B, 1, 0, 1, b't', 0],
            0x82,
        ),
        (
            "UNSUBSCRIBE, subscription id",
            0xA2,
            &[0, 1, 2, 0x0B, 1, 0, 1, b't'],
            0x81,
        ),
        (
            "DISCONNECT, will delay",
            0xE0,
            &[0, 5, 0x18, 0, 0, 0, 1],
            0x81,
        ),
        ("DISCONNECT, a server's code", 0xE0, &[0x8E], 0x82),
    ];
    for (what, first, body, code) in rows {
        let mut wire = join(&broker, 5, "c");
        wire.send(&packet(first, body));
        assert_eq!(told(&mut wire), Some(code), "{what}");
    }
}
