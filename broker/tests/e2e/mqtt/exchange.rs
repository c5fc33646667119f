//! PUBLISH and its answers, in both directions.

use super::{ask, follow, join, open, properties_of, told, with};
use crate::support::{packet, puback, publish, publish_v5, subscribe};

/// MQTT-4.3.2-2, MQTT-4.3.2-4: a QoS 1 delivery is answered by PUBACK alone. MQTT-4.3.3-1, MQTT-4.3.3-4: a PUBREC of nobody's gets its
/// PUBREL, 0x92 in MQTT 5, and a PUBREL of nobody's its PUBCOMP.
#[test]
fn answers_of_the_wrong_kind() {
    let broker = open("");
    let mut writer = join(&broker, 4, "w");
    for level in [4, 5] {
        for wrong in [0x50, 0x70] {
            let mut reader = join(&broker, level, "r");
            if level == 5 {
                ask(&mut reader, "t", 1, &[]);
            } else {
                follow(&mut reader, "t");
            }
            writer.send(&publish("t", b"x", 1, 1)).expect(&puback(1));
            let id = reader.receive().packet_id();
            reader.send(&packet(wrong, &id.to_be_bytes()));
            assert_eq!(
                told(&mut reader),
                (level == 5).then_some(0x82),
                "{wrong:#x}"
            );
        }
        let mut client = join(&broker, level, "r");
        let unknown: &[u8] = if level == 5 {
            &[3, 0, 9, 0x92]
        } else {
            &[2, 0, 9]
        };
        client
            .send(&[0x50, 2, 0, 9])
            .expect(&[&[0x62], unknown].concat());
        client
            .send(&[0x62, 2, 0, 9])
            .expect(&[&[0x70], unknown].concat());
        client.send(&[0x70, 2, 0, 9]).ping();
        if level == 5 {
            client.send(&[0x50, 3, 0, 9, 0x80]).ping();
        }
    }
}

/// MQTT-3.3.2-4 to MQTT-3.3.2-20, MQTT-3.3.2-17: what belongs to the message is forwarded unaltered and in order, to MQTT 5; the alias is not.
#[test]
fn a_request_and_its_response_keep_their_properties() {
    let broker = open("");
    let (mut server, mut client, mut old) = (
        join(&broker, 5, "s"),
        join(&broker, 5, "c"),
        join(&broker, 4, "o"),
    );
    ask(&mut server, "request", 0, &[]);
    ask(&mut client, "response", 0, &[]);
    follow(&mut old, "request");
    let asked = [
        0x01, 1, 0x08, 0, 8, b'r', b'e', b's', b'p', b'o', b'n', b's', b'e', 0x09, 0, 2, 0, 0xFF,
        0x26, 0, 1, b'k', 0, 1, b'1', 0x26, 0, 1, b'k', 0, 1, b'2',
    ];
    client.send(&publish_v5(
        "request",
        b"?",
        0,
        0,
        &[&[0x23, 0, 1], &asked[..]].concat(),
    ));
    let got = server.receive();
    assert_eq!(
        (properties_of(&got), got.payload_v5()),
        (&asked[..], &b"?"[..])
    );
    assert_eq!(old.receive().payload(), b"?");
    server.send(&publish_v5("response", b"!", 0, 0, &[0x09, 0, 2, 0, 0xFF]));
    assert_eq!(properties_of(&client.receive()), [0x09, 0, 2, 0, 0xFF]);
}

/// MQTT-1.5.4-1 to MQTT-1.5.4-3, MQTT-1.5.3-1 to -3: a byte order mark is a character; what is no UTF-8, and NUL, end the connection.
#[test]
fn text_of_every_kind() {
    let broker = open("");
    let (mut reader, mut writer) = (join(&broker, 4, "r"), join(&broker, 4, "w"));
    follow(&mut reader, "u/+");
    for name in ["\u{feff}x", "\u{10ffff}", "\u{1}", " ", "\u{fdd0}"] {
        let topic = format!("u/{name}");
        writer.send(&publish(&topic, b"x", 1, 1)).expect(&puback(1));
        let got = reader.receive();
        assert_eq!(got.topic(), topic);
    }
    for bytes in [
        &b"\xED\xA0\x80"[..],
        b"\xED\xBF\xBF",
        b"\xC0\x80",
        b"\xC0\xAF",
        b"\xE0\x80\xAF",
        b"\xF4\x90\x80\x80",
        b"\xFF",
        b"\xC3",
        b"a\0",
    ] {
        let topic = [&[0, bytes.len() as u8], bytes].concat();
        join(&broker, 4, "bad")
            .send(&packet(0x30, &topic))
            .expect_close();
        let mut wire = join(&broker, 5, "bad");
        wire.send(&packet(0x30, &[&topic[..], &[0]].concat()));
        assert_eq!(told(&mut wire), Some(0x81), "{bytes:?}");
        let filter = [&[0, 1], &topic[..], &[0]].concat();
        join(&broker, 4, "bad")
            .send(&packet(0x82, &filter))
            .expect_close();
    }
}

/// MQTT-3.3.4-9, MQTT-3.1.2-11.3: no more than the client's receive maximum are in flight, and QoS 0 goes on all the same.
#[test]
fn a_full_window_holds_qos_1_back_and_not_qos_0_of_others() {
    let broker = open("");
    let mut reader = broker.plain().join(&with("r", &[0x21, 0, 1]));
    ask(&mut reader, "t", 1, &[]);
    let mut writer = join(&broker, 4, "w");
    for id in 1..=3 {
        writer
            .send(&publish("t", &[b'0' + id as u8], 1, id))
            .expect(&puback(id));
    }
    for expected in [b"1", b"2", b"3"] {
        let got = reader.receive();
        assert_eq!(got.payload_v5(), expected);
        reader.expect_silence().ping();
        reader.send(&puback(got.packet_id()));
    }
    reader.expect_silence();
}

/// MQTT-4.3.2-5 and 2.2.1: the client chooses its packet ids; the same one may come again once it is answered, and each is a message.
#[test]
fn a_packet_id_may_be_used_again() {
    let broker = open("");
    let (mut reader, mut writer) = (join(&broker, 4, "r"), join(&broker, 4, "w"));
    follow(&mut reader, "t");
    for round in [b"1", b"2"] {
        writer
            .send(&publish("t", round, 1, 0xFFFF))
            .expect(&puback(0xFFFF));
        let got = reader.receive();
        assert_eq!(got.payload(), round);
        reader.send(&puback(got.packet_id()));
    }
    // MQTT-3.3.1-3: the DUP of what comes in says nothing of what goes out.
    let mut again = publish("t", b"3", 1, 7);
    again[0] |= 0x08;
    writer.send(&again).expect(&puback(7));
    assert_eq!(reader.receive().first, 0x32);
}

/// MQTT-4.6.0-2, MQTT-4.6.0-6: answers and messages keep their order.
#[test]
fn order_is_kept() {
    let broker = open("");
    let (mut reader, mut writer) = (join(&broker, 4, "r"), join(&broker, 4, "w"));
    reader.send(&subscribe(1, &[("o/#", 1)])).receive();
    let burst: Vec<u8> = (1..=90)
        .flat_map(|id| publish(&format!("o/{}", id % 7), &[id as u8], 1, id))
        .collect();
    writer.send(&burst);
    for id in 1..=90 {
        writer.expect(&puback(id));
        assert_eq!(reader.receive().payload(), [id as u8]);
    }
}
