//! Wills: when they are published, and what they carry.

use super::{ask, follow, join, open, properties_of};
use crate::support::{Broker, Connect, Wire, property, publish, publish_v5};
use std::time::{Duration, Instant};

/// A client whose will waits two seconds; its session is kept for so many.
fn delayed(broker: &Broker, expiry: u8) -> Connect {
    let _ = broker;
    Connect {
        clean: false,
        will: Some(("will/t".into(), b"gone".to_vec(), 1, false)),
        will_properties: vec![0x18, 0, 0, 0, 2],
        properties: vec![0x11, 0, 0, 0, expiry],
        ..Connect::new(5, "c")
    }
}

fn watcher(broker: &Broker) -> Wire {
    let mut watcher = join(broker, 4, "watcher");
    follow(&mut watcher, "will/#");
    watcher
}

/// MQTT-3.1.3-9 and 3.1.3.2.2: after the delay, or at the end of the session if that is first.
#[test]
fn a_will_waits_for_its_delay_or_the_end_of_the_session() {
    let broker = open("");
    let mut watcher = watcher(&broker);
    for (expiry, least, most) in [(100, 1_900, 8_000), (0, 0, 1_900)] {
        drop(broker.plain().join(&delayed(&broker, expiry)));
        let began = Instant::now();
        assert_eq!(watcher.receive().payload(), b"gone");
        let took = began.elapsed().as_millis();
        assert!((least..most).contains(&took), "{expiry}: {took} ms");
        drop(broker.plain().join(&Connect::new(5, "c")));
    }
}

/// MQTT-3.1.3-9: a new connection within the delay, and the will is not published.
#[test]
fn a_client_that_is_back_in_time_has_no_will() {
    let broker = open("");
    let mut watcher = watcher(&broker);
    drop(broker.plain().join(&delayed(&broker, 100)));
    let again = Connect {
        will: None,
        will_properties: Vec::new(),
        ..delayed(&broker, 100)
    };
    let _back = broker.plain().join(&again);
    std::thread::sleep(Duration::from_millis(2_500));
    watcher.expect_silence();
}

/// 3.1.3.2: a will's properties are those of its message; its expiry counts from its publication, its delay is not told.
#[test]
fn a_will_carries_its_properties() {
    let broker = open("");
    let mut watcher = join(&broker, 5, "watcher");
    ask(&mut watcher, "will/#", 1, &[]);
    let forwarded = [
        0x01, 1, 0x03, 0, 1, b'c', 0x08, 0, 1, b'r', 0x09, 0, 1, 7, 0x26, 0, 1, b'k', 0, 1, b'v',
    ];
    let connect = Connect {
        will: Some(("will/t".into(), b"gone".to_vec(), 1, false)),
        will_properties: [&[0x18, 0, 0, 0, 1, 0x02, 0, 0, 0, 50][..], &forwarded].concat(),
        properties: vec![0x11, 0, 0, 0, 60],
        ..Connect::new(5, "c")
    };
    drop(broker.plain().join(&connect));
    let got = watcher.receive();
    let carried = properties_of(&got);
    assert_eq!(property(carried, 0x18), None);
    let expiry = property(carried, 0x02).unwrap();
    assert!((45..=50).contains(&expiry[3]), "{expiry:?}");
    assert_eq!(carried[carried.len() - forwarded.len()..], forwarded);
}

/// MQTT-3.14.4-3 and 3.14.2.1: DISCONNECT 0x00 takes the will away, every other code leaves it; MQTT-3.1.2-8: so does the end of keep alive.
#[test]
fn which_ends_publish_the_will() {
    let broker = open("");
    let mut watcher = watcher(&broker);
    let with_will = |level| Connect {
        keep_alive: 1,
        will: Some(("will/t".into(), b"gone".to_vec(), 0, false)),
        ..Connect::new(level, "c")
    };
    for (bytes, published) in [
        (&[0xE0, 0][..], false),
        (&[0xE0, 1, 0], false),
        (&[0xE0, 1, 4], true),
        (&[0xE0, 2, 0x80, 0], true),
    ] {
        let mut wire = broker.plain().join(&with_will(5));
        wire.send(bytes).expect_close();
        if published {
            assert_eq!(watcher.receive().payload(), b"gone", "{bytes:?}");
        } else {
            watcher.expect_silence();
        }
    }
    for level in [3, 4, 5] {
        broker.plain().join(&with_will(level)).until_close();
        assert_eq!(watcher.receive().payload(), b"gone", "level {level}");
    }
}

/// MQTT-3.1.2-11 to MQTT-3.1.2-15: flags of a will without a will, and a will that is no message.
#[test]
fn wills_that_are_malformed() {
    let broker = open("");
    let will = |topic: &str| Connect {
        will: Some((topic.into(), b"x".to_vec(), 0, false)),
        ..Connect::new(5, "c")
    };
    for (topic, code) in [("will/+", 0x90), ("#", 0x90), ("", 0x90), ("a\0b", 0x81)] {
        assert_eq!(broker.plain().connect(&will(topic)), code, "{topic:?}");
        let old = Connect {
            level: 4,
            ..will(topic)
        };
        broker.plain().send(&old.bytes()).expect_close();
    }
    for flags in [0x0A, 0x12, 0x22, 0x1E] {
        let mut bytes = Connect::new(5, "c").bytes();
        bytes[9] = flags;
        let mut wire = broker.plain();
        wire.send(&bytes);
        assert_eq!(wire.receive().body[1], 0x81, "{flags:#x}");
    }
}

/// 3.2.2.2 and table 3.1 of 3.1.1: a will over a limit is told the limit's code (501, 502 of the contract), not that it is not allowed; one
/// of just that size is taken.
#[test]
fn a_will_over_a_limit_is_no_denial() {
    let broker = open("payload_max = 8\ntopic_max = 16");
    let will = |level, topic: usize, payload: usize| Connect {
        will: Some(("t".repeat(topic), vec![b'x'; payload], 0, false)),
        ..Connect::new(level, "c")
    };
    for (level, code) in [(3, 3), (4, 3), (5, 0x97)] {
        assert_eq!(broker.plain().connect(&will(level, 16, 8)), 0);
        for (topic, payload) in [(16, 9), (17, 8)] {
            let told = broker.plain().connect(&will(level, topic, payload));
            assert_eq!(told, code, "level {level}, {topic} and {payload} bytes");
        }
    }
    let (_, log) = broker.admin_get("/decisions", true);
    for code in ["\"code\":501", "\"code\":502"] {
        assert_eq!(log.matches(code).count(), 3, "{code} in {log}");
    }
}

/// MQTT-3.1.2-10, MQTT-3.14.4-3: a client that leaves in order and is back at once has no will, though its next connection is there before
/// all that it had sent has been read.
#[test]
fn a_client_that_left_before_it_is_back_has_no_will() {
    let broker = open("");
    let mut watcher = watcher(&broker);
    for level in [4, 5, 4, 5] {
        let leaving = Connect {
            will: Some(("will/t".into(), b"gone".to_vec(), 0, false)),
            ..Connect::new(level, "c")
        };
        let mut old = broker.plain().join(&leaving);
        let mut next = broker.plain();
        let one = |topic: &str, payload: &[u8]| match level {
            5 => publish_v5(topic, payload, 0, 0, &[]),
            _ => publish(topic, payload, 0, 0),
        };
        let busy = one("busy", &[b'x'; 200]).repeat(600);
        old.send(&busy).send(&[0xE0, 0]);
        assert_eq!(next.connect(&Connect::new(level, "c")), 0);
        next.send(&one("will/alive", b"back"));
        assert_eq!(watcher.receive().payload(), b"back", "level {level}");
    }
}
