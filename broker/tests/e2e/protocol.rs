//! What MQTT asks of a server, beyond the guards: sessions, wills, keep alive, aliases, expiry.

use std::time::Duration;

use crate::support::{
    Broker, Connect, puback, publish, publish_v5, subscribe, subscribe_v5, unsubscribe,
};

fn stored(level: u8) -> Connect {
    let properties = if level == 5 {
        vec![0x11, 0, 0, 1, 0]
    } else {
        Vec::new()
    };
    Connect {
        clean: false,
        properties,
        ..Connect::secret_device(level, "demo_device3", "12345678")
    }
}

#[test]
fn a_stored_session_keeps_subscriptions_and_messages() {
    let broker = Broker::demo();
    for level in [4, 5] {
        let mut device = broker.plain().join(&Connect {
            clean: true,
            ..stored(level)
        });
        drop(device);
        device = broker.plain();
        device.send(&stored(level).bytes());
        device.receive();
        device.send(&if level == 5 {
            subscribe_v5(1, &[("keep/+", 1)], &[])
        } else {
            subscribe(1, &[("keep/+", 1)])
        });
        device.receive();
        drop(device);
        std::thread::sleep(Duration::from_millis(200));
        let mut writer = broker.device1(4);
        for id in 1..=3 {
            writer
                .send(&publish("keep/x", &[b'0' + id as u8], 1, id))
                .expect(&puback(id));
        }
        writer
            .send(&publish("keep/x", b"qos 0 is not kept", 0, 0))
            .ping();
        let mut device = broker.plain();
        device.send(&stored(level).bytes());
        let connack = device.receive();
        assert_eq!(
            (connack.body[0], connack.body[1]),
            (1, 0),
            "session present"
        );
        let payloads: Vec<Vec<u8>> = (0..3)
            .map(|_| {
                let got = device.receive();
                device.send(&puback(got.packet_id()));
                if level == 5 {
                    got.payload_v5().to_vec()
                } else {
                    got.payload().to_vec()
                }
            })
            .collect();
        assert_eq!(payloads, [b"1", b"2", b"3"], "level {level}");
        device.expect_silence();
        // A clean start destroys it.
        drop(broker.device3(level));
        let mut device = broker.plain();
        device.send(&stored(level).bytes());
        assert_eq!(device.receive().body[0], 0, "no session present");
    }
}

#[test]
fn unacknowledged_messages_come_again_with_dup_and_their_ids() {
    let broker = Broker::demo();
    let mut device = broker.plain().join(&stored(4));
    device
        .send(&subscribe(1, &[("keep", 1)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    let mut writer = broker.device1(4);
    for id in 1..=2 {
        writer
            .send(&publish("keep", &[b'0' + id as u8], 1, id))
            .expect(&puback(id));
    }
    let (first, second) = (device.receive(), device.receive());
    assert_eq!(first.first, 0x32);
    drop(device);
    let mut device = broker.plain();
    device.send(&stored(4).bytes()).expect(&[0x20, 2, 1, 0]);
    for sent in [first, second] {
        let again = device.receive();
        assert_eq!(again.first, 0x3A, "DUP");
        assert_eq!(
            (again.packet_id(), again.payload()),
            (sent.packet_id(), sent.payload())
        );
        device.send(&puback(again.packet_id()));
    }
    device.ping().expect_silence();
}

#[test]
fn a_session_ends_when_its_time_is_over() {
    let broker = Broker::demo();
    let short = Connect {
        properties: vec![0x11, 0, 0, 0, 1],
        ..stored(5)
    };
    drop(broker.plain().join(&short));
    std::thread::sleep(Duration::from_millis(2500));
    let mut device = broker.plain();
    device.send(&short.bytes());
    assert_eq!(device.receive().body[0], 0, "expired");
}

#[test]
fn wills() {
    let broker = Broker::demo();
    let mut watcher = broker.device1(4);
    watcher
        .send(&subscribe(1, &[("will/+", 1)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    let with_will = |topic: &str| Connect {
        will: Some((topic.to_owned(), b"gone".to_vec(), 1, false)),
        ..Connect::secret_device(4, "demo_device3", "12345678")
    };
    // Abnormal end.
    drop(broker.plain().join(&with_will("will/a")));
    let got = watcher.receive();
    assert_eq!(
        (got.topic().as_str(), got.payload(), got.qos()),
        ("will/a", &b"gone"[..], 1)
    );
    watcher.send(&puback(got.packet_id()));
    // Normal end.
    broker
        .plain()
        .join(&with_will("will/b"))
        .send(&[0xE0, 0])
        .expect_close();
    watcher.expect_silence();
    // MQTT 5: DISCONNECT with will.
    let mut v5 = broker.plain().join(&Connect {
        level: 5,
        ..with_will("will/c")
    });
    v5.send(&[0xE0, 1, 0x04]);
    assert_eq!(watcher.receive().topic(), "will/c");
    // Takeover.
    let _old = broker.plain().join(&with_will("will/d"));
    let _new = broker.device3(4);
    assert_eq!(watcher.receive().topic(), "will/d");
    // A protocol error.
    broker.plain().join(&with_will("will/e")).send(&[0x00, 0]);
    assert_eq!(watcher.receive().topic(), "will/e");
}

#[test]
fn keep_alive_ends_a_silent_connection_after_one_and_a_half() {
    let broker = Broker::demo();
    // 30 s is the shortest that the policy takes for devices; an application may ask for less.
    let mut app = broker.plain().join(&Connect {
        keep_alive: 1,
        ..Connect::application(4, "a", "demo_app", &broker.app_token())
    });
    let began = std::time::Instant::now();
    app.expect_close();
    let took = began.elapsed();
    assert!((1.2..4.0).contains(&took.as_secs_f32()), "{took:?}");
}

#[test]
fn aliases_are_resolved_before_anything_else() {
    let broker = Broker::demo();
    let mut reader = broker.device1(4);
    reader
        .send(&subscribe(1, &[("al/+", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    let mut writer = broker.device3(5);
    writer.send(&publish_v5("al/1", b"1", 0, 0, &[0x23, 0, 1]));
    writer.send(&publish_v5("al/2", b"2", 0, 0, &[0x23, 0, 2]));
    writer.send(&publish_v5("", b"3", 0, 0, &[0x23, 0, 1]));
    // A forbidden topic behind an alias stays forbidden.
    writer.send(&publish_v5(
        "$oc/devices/demo_device1/sys/messages/down",
        b"no",
        0,
        0,
        &[0x23, 0, 3],
    ));
    writer.send(&publish_v5("", b"no", 0, 0, &[0x23, 0, 3]));
    writer
        .send(&publish_v5("", b"4", 0, 0, &[0x23, 0, 2]))
        .ping();
    let topics: Vec<String> = (0..4).map(|_| reader.receive().topic()).collect();
    assert_eq!(topics, ["al/1", "al/2", "al/1", "al/2"]);
    reader.expect_silence();
}

#[test]
fn overlapping_subscriptions_bring_one_copy_with_every_identifier() {
    let broker = Broker::demo();
    let mut reader = broker
        .plain()
        .join(&Connect::secret_device(5, "demo_device3", "12345678"));
    reader.send(&subscribe_v5(1, &[("o/#", 0)], &[0x0B, 5]));
    reader.receive();
    reader.send(&subscribe_v5(2, &[("o/+", 1)], &[0x0B, 6]));
    reader.receive();
    broker
        .device1(4)
        .send(&publish("o/x", b"x", 1, 1))
        .expect(&puback(1));
    let got = reader.receive();
    assert_eq!(got.qos(), 1, "the highest of both");
    let properties = &got.payload()[1..=usize::from(got.payload()[0])];
    assert_eq!(properties, [0x0B, 5, 0x0B, 6]);
    reader.send(&puback(got.packet_id())).expect_silence();
}

#[test]
fn no_local_keeps_own_messages_away() {
    let broker = Broker::demo();
    let mut device = broker.device3(5);
    device.send(&subscribe_v5(1, &[("mine", 0x04), ("both", 0)], &[]));
    device.receive();
    device
        .send(&publish_v5("mine", b"x", 0, 0, &[]))
        .send(&publish_v5("both", b"y", 0, 0, &[]));
    assert_eq!(device.receive().topic(), "both");
    broker.device1(4).send(&publish("mine", b"z", 0, 0));
    assert_eq!(device.receive().topic(), "mine");
}

#[test]
fn message_expiry_counts_down_and_drops() {
    let broker = Broker::demo();
    let mut reader = broker.plain().join(&stored(5));
    reader.send(&subscribe_v5(1, &[("e", 1)], &[]));
    reader.receive();
    drop(reader);
    std::thread::sleep(Duration::from_millis(200));
    let mut writer = broker
        .tls_as("device1")
        .join(&Connect::certificate_device(5, "demo_device1"));
    writer
        .send(&publish_v5("e", b"short", 1, 1, &[0x02, 0, 0, 0, 1]))
        .receive();
    writer
        .send(&publish_v5("e", b"long", 1, 2, &[0x02, 0, 0, 0, 100]))
        .receive();
    std::thread::sleep(Duration::from_millis(2200));
    let mut reader = broker.plain().join(&stored(5));
    let got = reader.receive();
    assert_eq!(got.payload_v5(), b"long");
    let left = u32::from_be_bytes(got.payload()[2..6].try_into().unwrap());
    assert!((90..=98).contains(&left), "{left}");
}

#[test]
fn user_properties_travel() {
    let broker = Broker::demo();
    let mut reader = broker.device3(5);
    reader.send(&subscribe_v5(1, &[("u", 0)], &[]));
    reader.receive();
    let properties = [
        0x26, 0, 1, b'k', 0, 1, b'v', 0x08, 0, 1, b'r', 0x09, 0, 1, 7,
    ];
    let mut writer = broker
        .tls_as("device1")
        .join(&Connect::certificate_device(5, "demo_device1"));
    writer.send(&publish_v5("u", b"x", 0, 0, &properties));
    let got = reader.receive();
    assert_eq!(got.payload()[0] as usize, properties.len());
    assert_eq!(got.payload()[1..=properties.len()], properties);
}

#[test]
fn messages_for_an_absent_device_wait_in_its_inbox() {
    let broker = Broker::demo();
    let mut app = broker.app(4, "a");
    drop(broker.device3(4));
    std::thread::sleep(Duration::from_millis(200));
    for id in 1..=25u16 {
        app.send(&publish(
            "$oc/devices/demo_device3/sys/messages/down",
            id.to_string().as_bytes(),
            1,
            id,
        ))
        .expect(&puback(id));
    }
    app.send(&publish(
        "$oc/devices/demo_device3/sys/commands/request_id=1",
        b"commands are not kept",
        0,
        0,
    ))
    .ping();
    std::thread::sleep(Duration::from_millis(200));
    let mut device = broker.device3(4);
    let got: Vec<String> = (0..20)
        .map(|_| String::from_utf8(device.receive().payload().to_vec()).unwrap())
        .collect();
    let expected: Vec<String> = (6..=25).map(|n| n.to_string()).collect();
    assert_eq!(got, expected, "the newest 20, in order");
    device.expect_silence();
}

#[test]
fn an_inbox_topic_obeys_unsubscribe() {
    let broker = Broker::demo();
    let mut device = broker.device3(4);
    let mut app = broker.app(4, "a");
    let down = "$oc/devices/demo_device3/sys/messages/down";
    device
        .send(&subscribe(1, &[(down, 1)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    app.send(&publish(down, b"1", 1, 1)).expect(&puback(1));
    assert_eq!(device.receive().qos(), 1);
    device
        .send(&unsubscribe(4, 2, &[down]))
        .expect(&[0xB0, 2, 0, 2]);
    app.send(&publish(down, b"2", 1, 2)).expect(&puback(2));
    assert_eq!(
        device.receive().qos(),
        0,
        "implicitly subscribed at QoS 0 again"
    );
}
