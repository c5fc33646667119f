//! Every input that kills or confuses a stock rumqttd 0.20 (the numbers are those of our notes on it): ours goes on serving others.

use crate::support::{
    Broker, Connect, packet, puback, publish, publish_v5, subscribe, subscribe_v5, unsubscribe,
};

/// A new pair of clients can still talk.
fn still_serves(broker: &Broker) {
    let mut reader = broker.app(4, "probe-reader");
    reader
        .send(&subscribe(1, &[("$oc/devices/probe/x", 1)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    broker
        .app(4, "probe-writer")
        .send(&publish("$oc/devices/probe/x", b"alive", 1, 1))
        .expect(&puback(1));
    assert_eq!(reader.receive().payload(), b"alive");
    assert!(!broker.log().contains("engine died"), "{}", broker.log());
}

#[test]
fn p1_topic_that_starts_with_a_long_character() {
    let broker = Broker::demo();
    let mut reader = broker.device1(4);
    reader
        .send(&subscribe(1, &[("é/#", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    broker
        .device3(4)
        .send(&publish("é/ü", b"x", 1, 1))
        .expect(&puback(1));
    assert_eq!(reader.receive().topic(), "é/ü");
    still_serves(&broker);
}

#[test]
fn p2_shared_subscription_of_a_stored_session() {
    let broker = Broker::demo();
    let mut v4 = broker.plain().join(&Connect {
        clean: false,
        ..Connect::secret_device(4, "demo_device3", "12345678")
    });
    v4.send(&subscribe(
        1,
        &[("$share/g/t", 1), ("$share/g", 1), ("$share//t", 1)],
    ))
    .expect(&[0x90, 5, 0, 1, 0x80, 0x80, 0x80]);
    broker
        .device1(4)
        .send(&publish("t", b"x", 1, 1))
        .expect(&puback(1));
    v4.expect_silence();
    drop(v4);
    let mut v5 = broker.device3(5);
    v5.send(&subscribe_v5(1, &[("$share/g/t", 1)], &[]));
    assert_eq!(v5.receive().body.last(), Some(&0x9E));
    still_serves(&broker);
}

#[test]
fn p3_slow_reader_is_taken_over_while_its_buffer_is_full() {
    let broker = Broker::demo();
    for _ in 0..3 {
        let mut slow = broker.app(4, "slow");
        slow.send(&subscribe(1, &[("$oc/devices/bulk/#", 0)]))
            .expect(&[0x90, 3, 0, 1, 0]);
        let mut writer = broker.app(4, "writer");
        for _ in 0..600 {
            writer.send(&publish("$oc/devices/bulk/x", &[b'x'; 512], 0, 0));
        }
        writer.ping();
        drop(broker.app(4, "slow"));
        slow.until_close();
    }
    still_serves(&broker);
}

#[test]
fn p5_the_same_filter_plain_and_shared() {
    let broker = Broker::demo();
    let mut device = broker.device3(4);
    device
        .send(&subscribe(1, &[("t", 1), ("$share/g/t", 1), ("t", 0)]))
        .expect(&[0x90, 5, 0, 1, 1, 0x80, 0]);
    still_serves(&broker);
}

#[test]
fn p6_client_ids_that_rumqttd_refuses() {
    let broker = Broker::demo();
    for _ in 0..2 {
        for client_id in ["a+b", "a#b", "$x", "a/b/c", "é"] {
            let mut app = broker.app(4, client_id);
            app.send(&subscribe(1, &[("$oc/devices/x", 0)]))
                .expect(&[0x90, 3, 0, 1, 0]);
        }
    }
    still_serves(&broker);
}

#[test]
fn p7_properties_to_a_client_of_the_old_version() {
    let broker = Broker::demo();
    let mut old = broker.device1(4);
    old.send(&subscribe(1, &[("t", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    // User property, content type, topic alias.
    let properties = [
        &[0x26, 0, 1, b'k', 0, 1, b'v', 0x03, 0, 1, b'c'][..],
        &[0x23, 0, 1],
    ]
    .concat();
    broker
        .device3(5)
        .send(&publish_v5("t", b"x", 0, 0, &properties))
        .ping();
    let got = old.receive();
    assert_eq!((got.topic().as_str(), got.payload()), ("t", &b"x"[..]));
    old.ping();
    still_serves(&broker);
}

#[test]
fn p8_packets_that_only_a_server_sends() {
    let broker = Broker::demo();
    for bytes in [
        &[0x20, 1, 0][..],
        &[0xB0, 1, 0],
        &[0x90, 3, 0, 1, 0],
        &[0xD0, 0],
        &[0x20, 2, 0, 0],
        &[0x00, 0],
        &[0xF0, 0],
    ] {
        broker.plain().send(bytes).expect_close();
        broker.device3(4).send(bytes).expect_close();
        let mut v5 = broker.device3(5);
        let told = v5.send(bytes).until_close();
        assert!(
            told.iter()
                .all(|packet| packet.first == 0xE0 || packet.first == 0xD0),
            "{told:?}"
        );
    }
    still_serves(&broker);
}

#[test]
fn dollar_topics_are_carried() {
    let broker = Broker::demo();
    let mut reader = broker.app(4, "reader");
    reader
        .send(&subscribe(1, &[("$oc/devices/d/#", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    broker
        .app(4, "writer")
        .send(&publish("$oc/devices/d/x", b"x", 0, 0));
    assert_eq!(reader.receive().topic(), "$oc/devices/d/x");
}

#[test]
fn delivered_qos_is_the_lower_of_both() {
    let broker = Broker::demo();
    let mut low = broker.device1(4);
    low.send(&subscribe(1, &[("t", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    let mut high = broker.app(4, "r");
    high.send(&subscribe(1, &[("$oc/devices/q", 2)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    let mut writer = broker.device3(4);
    writer.send(&publish("t", b"x", 1, 1)).expect(&puback(1));
    assert_eq!(low.receive().qos(), 0);
    let mut app = broker.app(4, "w");
    app.send(&publish("$oc/devices/q", b"x", 0, 0));
    assert_eq!(high.receive().qos(), 0);
    app.send(&publish("$oc/devices/q", b"x", 1, 2))
        .expect(&puback(2));
    assert_eq!(high.receive().qos(), 1);
}

#[test]
fn unsubscribe_is_always_answered_once() {
    let broker = Broker::demo();
    let mut device = broker.device3(4);
    device
        .send(&subscribe(1, &[("a", 0), ("b", 0)]))
        .expect(&[0x90, 4, 0, 1, 0, 0]);
    device
        .send(&unsubscribe(4, 2, &["never"]))
        .expect(&[0xB0, 2, 0, 2]);
    device
        .send(&unsubscribe(4, 3, &["a", "b"]))
        .expect(&[0xB0, 2, 0, 3]);
    broker.device1(4).send(&publish("a", b"x", 0, 0)).ping();
    device.expect_silence();
    let mut v5 = broker.device3(5);
    v5.send(&unsubscribe(5, 4, &["never"]));
    assert_eq!(v5.receive().body, [0, 4, 0, 0x11]);
}

#[test]
fn unsubscribe_after_resume_stops_the_messages() {
    let broker = Broker::demo();
    let stored = Connect {
        clean: false,
        ..Connect::secret_device(4, "demo_device3", "12345678")
    };
    let mut device = broker.plain().join(&stored);
    device
        .send(&subscribe(1, &[("a", 1)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    drop(device);
    let mut device = broker.plain();
    device.send(&stored.bytes()).expect(&[0x20, 2, 1, 0]);
    device
        .send(&unsubscribe(4, 2, &["a"]))
        .expect(&[0xB0, 2, 0, 2]);
    broker
        .device1(4)
        .send(&publish("a", b"x", 1, 1))
        .expect(&puback(1));
    device.expect_silence();
}

#[test]
fn acknowledgements_out_of_order_unknown_and_twice() {
    let broker = Broker::demo();
    let mut reader = broker.app(4, "r");
    reader
        .send(&subscribe(1, &[("$oc/devices/q", 1)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    let mut writer = broker.app(4, "w");
    for id in 1..=3 {
        writer
            .send(&publish("$oc/devices/q", b"x", 1, id))
            .expect(&puback(id));
    }
    let ids: Vec<u16> = (0..3).map(|_| reader.receive().packet_id()).collect();
    for id in [ids[2], ids[0], ids[0], 999, ids[1]] {
        reader.send(&puback(id));
    }
    reader.ping();
    still_serves(&broker);
}

#[test]
fn receive_maximum_is_kept() {
    let broker = Broker::demo();
    let mut reader = broker.plain().join(&Connect {
        properties: vec![0x21, 0, 2],
        ..Connect::application(5, "r", "demo_app", &broker.app_token())
    });
    reader.send(&subscribe_v5(1, &[("$oc/devices/q", 1)], &[]));
    assert_eq!(reader.receive().first, 0x90);
    let mut writer = broker.app(4, "w");
    for id in 1..=5 {
        writer
            .send(&publish("$oc/devices/q", &[b'0' + id as u8], 1, id))
            .expect(&puback(id));
    }
    let (first, second) = (reader.receive(), reader.receive());
    reader.expect_silence();
    reader.send(&puback(first.packet_id()));
    assert_eq!(reader.receive().payload_v5(), b"3");
    reader.expect_silence();
    reader.send(&puback(second.packet_id()));
    assert_eq!(reader.receive().payload_v5(), b"4");
}

#[test]
fn maximum_packet_size_of_the_client_is_kept() {
    let broker = Broker::demo();
    let mut reader = broker.plain().join(&Connect {
        properties: vec![0x27, 0, 0, 0, 64],
        ..Connect::application(5, "r", "demo_app", &broker.app_token())
    });
    reader.send(&subscribe_v5(1, &[("$oc/devices/q", 1)], &[]));
    assert_eq!(reader.receive().first, 0x90);
    let mut writer = broker.app(4, "w");
    writer
        .send(&publish("$oc/devices/q", &[b'x'; 100], 1, 1))
        .expect(&puback(1));
    writer
        .send(&publish("$oc/devices/q", b"small", 1, 2))
        .expect(&puback(2));
    assert_eq!(reader.receive().payload_v5(), b"small");
}

#[test]
fn qos_2_is_announced_and_refused() {
    let broker = Broker::demo();
    broker
        .device3(4)
        .send(&publish("t", b"x", 2, 1))
        .expect_close();
    let mut v5 = broker.plain();
    v5.send(&Connect::secret_device(5, "demo_device3", "12345678").bytes());
    let connack = v5.receive();
    assert!(
        connack.body.windows(2).any(|pair| pair == [0x24, 1]),
        "maximum QoS 1 in {connack:?}"
    );
    assert!(
        connack.body.windows(2).any(|pair| pair == [0x25, 0]),
        "no retain in {connack:?}"
    );
    assert!(
        connack.body.windows(2).any(|pair| pair == [0x2A, 0]),
        "no shared subscriptions in {connack:?}"
    );
    let told = v5.send(&publish_v5("t", b"x", 2, 1, &[])).until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x9B))
    );
    // SUBSCRIBE asks for 2 and gets 1.
    broker
        .device3(4)
        .send(&subscribe(1, &[("t", 2)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    still_serves(&broker);
}

#[test]
fn retained_messages_are_not_kept() {
    let broker = Broker::demo();
    let mut writer = broker.device3(4);
    let mut retained = publish("t", b"x", 1, 1);
    retained[0] |= 1;
    let mut reader = broker.device1(4);
    reader
        .send(&subscribe(1, &[("t", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    writer.send(&retained).expect(&puback(1));
    assert_eq!(reader.receive().first, 0x30, "delivered without the flag");
    reader
        .send(&unsubscribe(4, 2, &["t"]))
        .expect(&[0xB0, 2, 0, 2]);
    reader
        .send(&subscribe(3, &[("t", 0)]))
        .expect(&[0x90, 3, 0, 3, 0]);
    reader.expect_silence();
    let mut v5 = broker.device3(5);
    let mut retained = publish_v5("t", b"x", 0, 0, &[]);
    retained[0] |= 1;
    let told = v5.send(&retained).until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x9A))
    );
}

#[test]
fn an_empty_payload_is_a_message_like_any_other() {
    let broker = Broker::demo();
    let mut reader = broker.device1(4);
    reader
        .send(&subscribe(1, &[("t", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    broker.device3(4).send(&publish("t", b"", 0, 0));
    assert_eq!(reader.receive().payload(), b"");
}

#[test]
fn topic_aliases_never_name_a_wrong_topic() {
    let broker = Broker::demo();
    // A reader that offers aliases (topic alias maximum 10) and subscribes a wildcard.
    let mut reader = broker.plain().join(&Connect {
        properties: vec![0x22, 0, 10],
        ..Connect::application(5, "r", "demo_app", &broker.app_token())
    });
    reader.send(&subscribe_v5(1, &[("$oc/devices/al/+", 0)], &[]));
    assert_eq!(reader.receive().first, 0x90);
    let mut writer = broker.app(4, "w");
    writer
        .send(&publish("$oc/devices/al/1", b"1", 0, 0))
        .send(&publish("$oc/devices/al/2", b"2", 0, 0));
    assert_eq!(
        (reader.receive().topic(), reader.receive().topic()),
        ("$oc/devices/al/1".into(), "$oc/devices/al/2".into())
    );
}

#[test]
fn takeovers_in_a_row_leave_no_dead_session() {
    let broker = Broker::demo();
    let mut last = broker.device3(4);
    for _ in 0..50 {
        last = broker.device3(4);
        last.send(&subscribe(1, &[("t", 0)]))
            .expect(&[0x90, 3, 0, 1, 0]);
    }
    last.ping();
    still_serves(&broker);
}

#[test]
fn garbage_ends_its_own_connection_only() {
    let broker = Broker::demo();
    let mut witness = broker.device1(4);
    for seed in 0u32..60 {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
        let garbage: Vec<u8> = (0..200)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state as u8
            })
            .collect();
        broker.plain().send(&garbage).send(&packet(0x30, &garbage));
        broker.device3(4).send(&garbage);
    }
    witness.ping();
    still_serves(&broker);
}
