//! The limits of a grant, which are the vendor's documented values for a device: each has a code of its own, in the answer, in the reason
//! string of MQTT 5, in the decision log and in the metric of what was dropped.

use crate::support::{
    Broker, Connect, Wire, publish, publish_v5, reason, subscribe, subscribe_v5, wait_until,
};

const MIB: usize = 1_048_576;

fn device(broker: &Broker, level: u8) -> Wire {
    broker
        .plain()
        .join(&Connect::secret_device(level, "demo_device3", "12345678"))
}

fn send(wire: &mut Wire, level: u8, topic: &str, payload: &[u8], id: u16) {
    let packet = if level == 5 {
        publish_v5(topic, payload, 1, id, &[])
    } else {
        publish(topic, payload, 1, id)
    };
    wire.send(&packet);
}

/// The PUBACK's code and reason; 3.1.1 has neither.
fn answer(wire: &mut Wire) -> (u8, String) {
    let ack = wire.receive();
    assert_eq!(ack.first, 0x40, "{ack:?}");
    let told = if ack.body.len() > 3 {
        reason(&ack.body, 3)
    } else {
        String::new()
    };
    (ack.body.get(2).copied().unwrap_or(0), told)
}

/// The decision log has a line of this version with this code, and the metric counts the cause.
fn is_recorded(broker: &Broker, level: u8, code: u64, mqtt_code: Option<u64>, cause: &str) {
    let protocol = if level == 5 { "5" } else { "3.1.1" };
    wait_until(&format!("{code} for {protocol}"), || {
        let (_, log) = broker.admin_get("/decisions", true);
        log.lines().any(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["code"] == code
                && line["protocol"] == protocol
                && line["source"] == "host"
                && line["mqtt_code"].as_u64() == mqtt_code
        })
    });
    if !cause.is_empty() {
        let metrics = broker.admin_get("/metrics", false).1;
        let label = format!("iotda_broker_drops_total{{cause=\"{cause}\",policy=\"iotda\"}}");
        assert!(metrics.contains(&label), "{label} in {metrics}");
    }
}

#[test]
fn a_payload_of_more_than_1_mib_is_501() {
    let broker = Broker::demo();
    for level in [4, 5] {
        let mut wire = device(&broker, level);
        send(&mut wire, level, "t", &vec![b'x'; MIB], 1);
        assert_eq!(answer(&mut wire).0, 0, "the largest");
        let mut wire = device(&broker, level);
        send(&mut wire, level, "t", &vec![b'x'; MIB + 1], 2);
        let (code, told) = answer(&mut wire);
        if level == 5 {
            assert_eq!(code, 0x97);
            assert_eq!(
                told,
                "payload of `1048577` bytes: at most 1048576 may be sent, split it"
            );
        }
        wire.ping();
        is_recorded(
            &broker,
            level,
            501,
            (level == 5).then_some(0x97),
            "payload_too_large",
        );
    }
}

#[test]
fn a_topic_of_more_than_256_bytes_is_502() {
    let broker = Broker::demo();
    // Outside of `$` the policy's own limit of 128 comes first.
    let own = |below: &str, length: usize| {
        let topic = format!("$oc/devices/demo_device3/sys/{below}");
        let rest = length - topic.len();
        topic + &"t".repeat(rest)
    };
    let (longest, longer) = (
        own("commands/response/", 256),
        own("commands/response/", 257),
    );
    for level in [4, 5] {
        let mut wire = device(&broker, level);
        send(&mut wire, level, &longest, b"x", 1);
        assert_eq!(answer(&mut wire).0, 0);
        send(&mut wire, level, &longer, b"x", 2);
        let (code, told) = answer(&mut wire);
        if level == 5 {
            assert_eq!(code, 0x90);
            assert_eq!(
                told,
                "topic of `257` bytes: at most 256 are taken, shorten it"
            );
        }
        is_recorded(
            &broker,
            level,
            502,
            (level == 5).then_some(0x90),
            "topic_too_long",
        );
        let (longest, longer) = (own("commands/", 256), own("commands/", 257));
        let (packet, code) = if level == 5 {
            (subscribe_v5(3, &[(&longest, 0), (&longer, 0)], &[]), 0x8F)
        } else {
            (subscribe(3, &[(&longest, 0), (&longer, 0)]), 0x80)
        };
        let body = wire.send(&packet).receive().body;
        assert_eq!(body[body.len() - 2..], [0, code]);
        is_recorded(&broker, level, 502, Some(code.into()), "");
    }
}

#[test]
fn the_101st_subscription_is_503() {
    let broker = Broker::demo();
    let names: Vec<String> = (0..101).map(|n| format!("many/{n}")).collect();
    let filters: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 0)).collect();
    for level in [4, 5] {
        let mut wire = device(&broker, level);
        let (packet, code) = if level == 5 {
            (subscribe_v5(1, &filters, &[]), 0x97)
        } else {
            (subscribe(1, &filters), 0x80)
        };
        let body = wire.send(&packet).receive().body;
        assert_eq!(body[body.len() - 101..body.len() - 1], [0; 100]);
        assert_eq!(body.last(), Some(&code));
        if level == 5 {
            assert_eq!(
                reason(&body, 2),
                "more than 100 subscriptions: unsubscribe from others first"
            );
        }
        is_recorded(&broker, level, 503, Some(code.into()), "");
        // One that is there may be asked for again, and one less makes room.
        let again = if level == 5 {
            subscribe_v5(2, &[("many/0", 0)], &[])
        } else {
            subscribe(2, &[("many/0", 0)])
        };
        assert_eq!(wire.send(&again).receive().body.last(), Some(&0));
    }
}

#[test]
fn more_than_50_messages_in_a_second_are_504() {
    let broker = Broker::demo();
    for level in [4, 5] {
        let mut wire = device(&broker, level);
        // In one go, so that no time passes in between, however slow the machine; few, since the log writes down no flood.
        let burst: Vec<u8> = (1..=70)
            .flat_map(|id| {
                if level == 5 {
                    publish_v5("t", b"x", 1, id, &[])
                } else {
                    publish("t", b"x", 1, id)
                }
            })
            .collect();
        wire.send(&burst);
        let answers: Vec<_> = (0..70).map(|_| answer(&mut wire)).collect();
        if level == 5 {
            let passed = answers.iter().filter(|(code, _)| *code == 0).count();
            assert!((50..70).contains(&passed), "{passed}");
            let (_, told) = answers.iter().find(|(code, _)| *code == 0x97).unwrap();
            assert_eq!(
                told,
                "more than 50 messages per second: send fewer, or gather them"
            );
        }
        is_recorded(
            &broker,
            level,
            504,
            (level == 5).then_some(0x97),
            "message_rate",
        );
    }
}

#[test]
fn more_than_1_mib_in_a_second_is_505() {
    let broker = Broker::demo();
    for level in [4, 5] {
        let mut wire = device(&broker, level);
        // The first drives the bucket to nothing; a second fills it again, so six megabytes at once are too much.
        for id in 1..=6 {
            send(&mut wire, level, "t", &vec![b'x'; MIB], id);
        }
        let answers: Vec<_> = (0..6).map(|_| answer(&mut wire)).collect();
        if level == 5 {
            let (_, told) = answers.iter().find(|(code, _)| *code == 0x97).unwrap();
            assert_eq!(
                told,
                "more than 1048576 payload bytes per second: send less, or later"
            );
        }
        is_recorded(
            &broker,
            level,
            505,
            (level == 5).then_some(0x97),
            "byte_rate",
        );
    }
}
