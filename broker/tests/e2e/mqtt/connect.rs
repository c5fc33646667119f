//! CONNECT, CONNACK and the session that they agree on.

use super::{ask, join, open, told, with};
use crate::support::{Connect, Received, Wire, properties, property, publish_v5};
use std::time::{Duration, Instant};

fn connack(wire: &mut Wire, connect: &Connect) -> Received {
    let answer = wire.send(&connect.bytes()).receive();
    assert_eq!(answer.first, 0x20, "{answer:?}");
    answer
}

fn said(answer: &Received, id: u8) -> Option<Vec<u8>> {
    property(properties(&answer.body, 2), id).map(<[u8]>::to_vec)
}

/// 3.2.2.3: what is not offered is announced, and what is agreed as asked is not repeated.
#[test]
fn what_is_not_offered_is_announced() {
    let broker = open("packet_max = 5000");
    let answer = connack(&mut broker.plain(), &with("c", &[]));
    let rows: [(u8, Option<&[u8]>); 9] = [
        (0x24, Some(&[1])),
        (0x25, Some(&[0])),
        (0x2A, Some(&[0])),
        (0x27, Some(&[0, 0, 0x13, 0x88])),
        (0x22, Some(&[0, 16])),
        (0x11, None),
        (0x12, None),
        (0x13, None),
        (0x21, None),
    ];
    for (id, value) in rows {
        assert_eq!(said(&answer, id).as_deref(), value, "{id:#x} of {answer:?}");
    }
}

/// MQTT-3.2.2-15 and 4.13.1: a packet over the announced Maximum Packet Size is told 0x95 before its body comes; one of that size passes.
#[test]
fn the_announced_maximum_packet_size_is_enforced() {
    let broker = open("packet_max = 5000");
    let mut wire = join(&broker, 5, "c");
    // Fixed header 3, topic 3, packet id 2, property length 1.
    wire.send(&publish_v5("t", &vec![b'x'; 5000 - 9], 1, 1, &[]))
        .expect(&[0x40, 2, 0, 1]);
    let larger = publish_v5("t", &vec![b'x'; 5001 - 9], 1, 2, &[]);
    wire.send(&larger[..3]);
    assert_eq!(told(&mut wire), Some(0x95));
    join(&broker, 4, "d").send(&larger[..3]).expect_close();
}

/// MQTT-3.1.2-24: no CONNACK is larger than the client takes. What serves the client alone is left out first; if the rest does not fit
/// it is refused with 0x95, or closed where not even that fits.
#[test]
fn a_connack_is_no_larger_than_the_client_takes() {
    let broker = open("");
    for (most, code) in [
        (19, Some(0)),
        (18, Some(0)),
        (11, Some(0)),
        (10, Some(0x95)),
        (5, Some(0x95)),
        (4, None),
    ] {
        let mut wire = broker.plain();
        wire.send(&with("c", &[0x27, 0, 0, 0, most]).bytes());
        let Some(code) = code else {
            wire.expect_close();
            continue;
        };
        let answer = wire.receive();
        assert_eq!(answer.body[1], code, "{most}");
        assert!(2 + answer.body.len() <= most.into(), "{most}: {answer:?}");
        if code == 0 {
            wire.ping();
        } else {
            wire.expect_close();
        }
    }
}

/// 3.1.2.11.3 and 3.1.2.11.4: 0 is a protocol error; a property twice, too (2.2.2.2); an unknown one or another packet's is malformed.
#[test]
fn connect_properties_that_are_wrong() {
    let broker = open("");
    let rows: [(&str, &[u8], u8); 7] = [
        ("receive maximum 0", &[0x21, 0, 0], 0x82),
        ("maximum packet size 0", &[0x27, 0, 0, 0, 0], 0x82),
        (
            "session expiry twice",
            &[0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1],
            0x82,
        ),
        ("request problem information 2", &[0x17, 2], 0x82),
        ("unknown", &[0x7E, 0], 0x81),
        ("topic alias", &[0x23, 0, 1], 0x81),
        ("authentication method", &[0x15, 0, 1, b'm'], 0x8C),
    ];
    for (what, properties, code) in rows {
        let mut wire = broker.plain();
        assert_eq!(wire.connect(&with("c", properties)), code, "{what}");
        wire.expect_close();
    }
}

/// MQTT-3.1.3-6, MQTT-3.1.3-7, MQTT-3.2.2-16: an empty client id is given one, which is told, and which serves for the next connection.
#[test]
fn an_assigned_client_id_is_told_and_can_be_used() {
    let broker = open("");
    let mut wire = broker.plain();
    let first = said(&connack(&mut wire, &with("", &[0x11, 0, 0, 0, 60])), 0x12).unwrap();
    drop(wire);
    let other = said(&connack(&mut broker.plain(), &with("", &[])), 0x12).unwrap();
    assert_ne!(first, other);
    let id = String::from_utf8(first[2..].to_vec()).unwrap();
    let again = Connect {
        clean: false,
        ..with(&id, &[0x11, 0, 0, 0, 60])
    };
    let answer = connack(&mut broker.plain(), &again);
    assert_eq!((answer.body[0], said(&answer, 0x12)), (1, None));
}

/// MQTT-3.2.2-21, MQTT-3.1.2-22, MQTT-3.1.2-24 of 3.1.1: the server's keep alive holds in MQTT 5, after one and a half of it the client is gone;
/// 3.1.1 cannot be told and is refused.
#[test]
fn the_servers_keep_alive_holds() {
    let broker = open("keep_alive_max = 2");
    for asked in [0, 60] {
        let mut wire = broker.plain();
        let connect = Connect {
            keep_alive: asked,
            ..with("c", &[])
        };
        let answer = connack(&mut wire, &connect);
        assert_eq!(said(&answer, 0x13), Some(vec![0, 2]));
        let began = Instant::now();
        assert_eq!(told(&mut wire), Some(0x8D));
        assert!(
            began.elapsed() > Duration::from_millis(2_500),
            "{:?}",
            began.elapsed()
        );
    }
    let asked = |keep_alive| Connect {
        keep_alive,
        ..Connect::new(4, "d")
    };
    assert_eq!(broker.plain().connect(&asked(60)), 2);
    assert_eq!(broker.plain().connect(&asked(2)), 0);
    let answer = connack(
        &mut broker.plain(),
        &Connect {
            level: 5,
            ..asked(1)
        },
    );
    assert_eq!(said(&answer, 0x13), None);
}

/// 3.1.2.10: a keep alive of 0 turns it off: a client that asked for 1 s and was silent is gone, the other is there.
#[test]
fn a_keep_alive_of_0_is_none() {
    let broker = open("");
    let asked = |keep_alive, id: &str| Connect {
        keep_alive,
        ..Connect::new(4, id)
    };
    let mut patient = broker.plain().join(&asked(0, "patient"));
    broker.plain().join(&asked(1, "short")).expect_close();
    broker.plain().join(&asked(1, "short")).expect_close();
    patient.ping();
}

/// MQTT-3.1.2-29: with Request Problem Information 0 only PUBLISH, CONNACK and DISCONNECT may say why.
#[test]
fn who_wants_no_reasons_gets_none() {
    let broker = open("payload_max = 10");
    for wants in [0, 1] {
        let mut wire = broker.plain().join(&with("c", &[0x17, wants]));
        wire.send(&publish_v5("t", b"much too large", 1, 1, &[]));
        assert_eq!(wire.receive().body.len() > 3, wants == 1);
        wire.send(&crate::support::subscribe_v5(2, &[("$share/g/t", 0)], &[]));
        assert_eq!(wire.receive().body.len() > 4, wants == 1);
    }
}

fn kept(id: &str, expiry: [u8; 4]) -> Connect {
    Connect {
        clean: false,
        ..with(id, &[&[0x11][..], &expiry].concat())
    }
}

/// MQTT-3.1.2-23 and 3.1.2.11.2: 0 ends with the connection, a finite one is kept, 0xFFFFFFFF is cut to what the server keeps and told so
/// (3.2.2.3.2); a clean start is never present (MQTT-3.1.2-4, MQTT-3.2.2-3).
#[test]
fn session_expiry_of_each_kind() {
    let broker = open("session_expiry_max = 1000");
    for (expiry, told, present) in [
        ([0, 0, 0, 0], None, 0),
        ([0, 0, 0, 100], None, 1),
        ([0xFF; 4], Some(vec![0, 0, 3, 0xE8]), 1),
    ] {
        let mut wire = broker.plain();
        let answer = connack(&mut wire, &kept("c", expiry));
        assert_eq!((answer.body[0], said(&answer, 0x11)), (0, told));
        wire.send(&[0xE0, 0]).expect_close();
        let answer = connack(&mut broker.plain(), &kept("c", expiry));
        assert_eq!(answer.body[0], present, "{expiry:?}");
        let clean = Connect {
            clean: true,
            ..kept("c", [0; 4])
        };
        assert_eq!(connack(&mut broker.plain(), &clean).body[0], 0);
    }
}

/// 3.14.2.2.2: DISCONNECT may end a session that was kept, or keep it for longer; it may not begin to keep one (MQTT-3.14.2-2 is the server's).
#[test]
fn a_disconnect_overrides_the_session_expiry() {
    let broker = open("");
    let leave = |expiry: [u8; 4]| [&[0xE0, 7, 0, 5, 0x11][..], &expiry].concat();
    for (connected, left, present) in [
        ([0, 0, 0, 100], [0, 0, 0, 0], 0),
        ([0, 0, 0, 1], [0, 0, 0, 100], 1),
    ] {
        let mut wire = broker.plain().join(&kept("c", connected));
        wire.send(&leave(left)).expect_close();
        // Longer than the second of the CONNECT.
        std::thread::sleep(Duration::from_millis(1_500));
        let answer = connack(&mut broker.plain(), &kept("c", [0; 4]));
        assert_eq!(answer.body[0], present, "{connected:?} {left:?}");
    }
    let mut wire = join(&broker, 5, "d");
    wire.send(&leave([0, 0, 0, 9]));
    assert_eq!(told(&mut wire), Some(0x82));
}

/// 3.3.2.3.4: aliases end with their connection, also where the session goes on.
#[test]
fn aliases_do_not_outlive_their_connection() {
    let broker = open("");
    let mut reader = join(&broker, 4, "reader");
    super::follow(&mut reader, "t");
    let mut wire = broker.plain().join(&kept("c", [0, 0, 0, 60]));
    wire.send(&publish_v5("t", b"1", 0, 0, &[0x23, 0, 1]))
        .send(&publish_v5("", b"2", 0, 0, &[0x23, 0, 1]))
        .ping();
    assert_eq!(
        [reader.receive().payload(), reader.receive().payload()],
        [b"1", b"2"]
    );
    drop(wire);
    let mut wire = broker.plain();
    assert_eq!(connack(&mut wire, &kept("c", [0, 0, 0, 60])).body[0], 1);
    wire.send(&publish_v5("", b"3", 0, 0, &[0x23, 0, 1]));
    assert_eq!(told(&mut wire), Some(0x82));
    reader.expect_silence();
}

/// 3.2.2.1.1 and MQTT-3.1.4-3: a second connection of the same id ends the first with 0x8E and takes the session over.
#[test]
fn a_takeover_carries_the_session_on() {
    let broker = open("");
    let mut first = broker.plain().join(&kept("c", [0, 0, 0, 60]));
    assert_eq!(ask(&mut first, "t", 1, &[]), 1);
    let mut second = broker.plain();
    assert_eq!(connack(&mut second, &kept("c", [0, 0, 0, 60])).body[0], 1);
    assert_eq!(told(&mut first), Some(0x8E));
    second.send(&publish_v5("t", b"x", 0, 0, &[]));
    assert_eq!(second.receive().payload_v5(), b"x");
}
