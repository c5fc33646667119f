//! Valid packets, byte for byte, in both directions.

use super::super::{
    Ack, ConnAck, Connect, Delivery, Disconnect, Filter, FromClient, Level, Publish, Qos,
    Subscribe, Unsubscribe, Will, codes_size, connack, decode, delivery_size, disconnect, pingresp,
    puback, pubcomp, publish, pubrec, suback, unsuback,
};
use super::{LIMIT, decode_first, decode_one};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

const V4: Level = Level::V4;
const V5: Level = Level::V5;
const V3: Level = Level::V3;

fn plain_connect(level: Level) -> Connect {
    Connect {
        keep_alive: 60,
        ..Connect::new(level, "c")
    }
}

fn plain_publish(topic: &'static str, payload: &'static [u8]) -> Publish {
    Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic: ByteString::from_static(topic),
        packet_id: 0,
        alias: None,
        expiry: None,
        properties: Bytes::new(),
        payload: Bytes::from_static(payload),
    }
}

fn plain_filter(filter: &'static str, qos: Qos) -> Filter {
    Filter {
        filter: ByteString::from_static(filter),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: 0,
    }
}

#[test]
fn connects() {
    let cases: Vec<(&[u8], Connect)> = vec![
        (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c", plain_connect(V4)),
        (b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01c", plain_connect(V3)),
        // 3.1 does not use the lowest flag.
        (b"\x10\x0f\x00\x06MQIsdp\x03\x03\x00\x3c\x00\x01c", plain_connect(V3)),
        // In 3.1 user name and password may be announced and left out: the packet's length takes precedence.
        (b"\x10\x0f\x00\x06MQIsdp\x03\xc2\x00\x3c\x00\x01c", plain_connect(V3)),
        (
            b"\x10\x12\x00\x06MQIsdp\x03\xc2\x00\x3c\x00\x01c\x00\x01u",
            Connect {
                username: Some("u".into()),
                ..plain_connect(V3)
            },
        ),
        (
            // 3.1.1 does not ask for the shortest length.
            b"\x10\x8d\x00\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c",
            plain_connect(V4),
        ),
        (
            b"\x10\x1c\x00\x04MQTT\x04\xee\x00\x3c\x00\x01c\x00\x01w\x00\x02\x00\xff\x00\x01u\x00\x03p\x00w",
            Connect {
                will: Some(Will {
                    topic: "w".into(),
                    payload: Bytes::from_static(b"\x00\xff"),
                    qos: Qos::AtLeastOnce,
                    retain: true,
                    delay: 0,
                    expiry: None,
                    properties: Bytes::new(),
                }),
                username: Some("u".into()),
                password: Some(Bytes::from_static(b"p\x00w")),
                ..plain_connect(V4)
            },
        ),
        (b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01c", plain_connect(V5)),
        (
            // MQTT 5 lets a client send a password alone.
            b"\x10\x11\x00\x04MQTT\x05\x42\x00\x3c\x00\x00\x01c\x00\x01p",
            Connect {
                password: Some(Bytes::from_static(b"p")),
                ..plain_connect(V5)
            },
        ),
        (
            b"\x10\x30\x00\x04MQTT\x05\x00\x00\x00\x22\x11\x00\x00\x0e\x10\x21\x00\x0a\x27\x00\x00\x10\x00\x22\x00\x05\x19\x01\x17\x00\x15\x00\x01m\x16\x00\x01d\x26\x00\x01n\x00\x00\x00\x01c",
            Connect {
                clean_start: false,
                keep_alive: 0,
                session_expiry: Some(3600),
                receive_maximum: 10,
                maximum_packet_size: Some(4096),
                topic_alias_maximum: 5,
                request_response_information: true,
                request_problem_information: false,
                authentication_method: Some("m".into()),
                authentication_data: Some(Bytes::from_static(b"d")),
                user_properties: vec![("n".into(), "".into())],
                ..plain_connect(V5)
            },
        ),
        (
            b"\x10\x21\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x01c\x0c\x18\x00\x00\x00\x05\x01\x01\x02\x00\x00\x00\x07\x00\x01w\x00\x01x",
            Connect {
                will: Some(Will {
                    topic: "w".into(),
                    payload: Bytes::from_static(b"x"),
                    qos: Qos::AtMostOnce,
                    retain: false,
                    delay: 5,
                    expiry: Some(7),
                    properties: Bytes::from_static(b"\x01\x01"),
                }),
                ..plain_connect(V5)
            },
        ),
    ];
    for (bytes, expected) in cases {
        let packet = decode_first(bytes).unwrap();
        assert_eq!(
            packet,
            Some(FromClient::Connect(Box::new(expected))),
            "{bytes:?}"
        );
    }
}

#[test]
fn packets_of_level_4() {
    let cases: Vec<(&[u8], FromClient)> = vec![
        (
            b"\x30\x05\x00\x01ahi",
            FromClient::Publish(plain_publish("a", b"hi")),
        ),
        (
            b"\x3b\x07\x00\x01a\xff\xffhi",
            FromClient::Publish(Publish {
                dup: true,
                qos: Qos::AtLeastOnce,
                retain: true,
                packet_id: 0xffff,
                ..plain_publish("a", b"hi")
            }),
        ),
        (
            // A byte order mark is a character, and so are controls, `$` and a space.
            b"\x30\x0a\x00\x08\xef\xbb\xbf\n$\xc3\xa9 ",
            FromClient::Publish(plain_publish("\u{feff}\n$é ", b"")),
        ),
        (
            b"\x40\x02\x12\x34",
            FromClient::PubAck(Ack {
                packet_id: 0x1234,
                code: 0,
            }),
        ),
        (
            b"\x50\x02\x00\x01",
            FromClient::PubRec(Ack {
                packet_id: 1,
                code: 0,
            }),
        ),
        (
            b"\x62\x02\x00\x01",
            FromClient::PubRel(Ack {
                packet_id: 1,
                code: 0,
            }),
        ),
        (
            b"\x70\x02\x00\x01",
            FromClient::PubComp(Ack {
                packet_id: 1,
                code: 0,
            }),
        ),
        (
            // Whether a filter is one is not the codec's to say.
            b"\x82\x0d\x00\x0a\x00\x03a/#\x01\x00\x02##\x00",
            FromClient::Subscribe(Subscribe {
                packet_id: 10,
                subscription_id: None,
                filters: vec![
                    plain_filter("a/#", Qos::AtLeastOnce),
                    plain_filter("##", Qos::AtMostOnce),
                ],
            }),
        ),
        (
            b"\xa2\x08\x00\x0a\x00\x01a\x00\x01b",
            FromClient::Unsubscribe(Unsubscribe {
                packet_id: 10,
                filters: vec!["a".into(), "b".into()],
            }),
        ),
        (b"\xc0\x00", FromClient::PingReq),
        (
            b"\xe0\x00",
            FromClient::Disconnect(Disconnect {
                code: 0,
                session_expiry: None,
            }),
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode_one(V4, bytes).unwrap(), Some(expected), "{bytes:?}");
    }
}

#[test]
fn packets_of_level_5() {
    let cases: Vec<(&[u8], FromClient)> = vec![
        (b"\x30\x06\x00\x01a\x00hi", FromClient::Publish(plain_publish("a", b"hi"))),
        (
            b"\x30\x08\x00\x00\x03\x23\x00\x02hi",
            FromClient::Publish(Publish { alias: Some(2), ..plain_publish("", b"hi") }),
        ),
        (
            // What is forwarded stays in order round what is not: format, (expiry), user, (alias), content type.
            b"\x30\x1c\x00\x01a\x18\x01\x01\x02\x00\x00\x00\x09\x26\x00\x01n\x00\x01v\x23\x00\x01\x03\x00\x01t\x08\x00\x00",
            FromClient::Publish(Publish {
                alias: Some(1),
                expiry: Some(9),
                properties: Bytes::from_static(b"\x01\x01\x26\x00\x01n\x00\x01v\x03\x00\x01t\x08\x00\x00"),
                ..plain_publish("a", b"")
            }),
        ),
        (b"\x40\x02\x00\x01", FromClient::PubAck(Ack { packet_id: 1, code: 0 })),
        (b"\x40\x03\x00\x01\x87", FromClient::PubAck(Ack { packet_id: 1, code: 0x87 })),
        (b"\x40\x04\x00\x01\x10\x00", FromClient::PubAck(Ack { packet_id: 1, code: 0x10 })),
        (b"\x40\x07\x00\x01\x80\x03\x1f\x00\x00", FromClient::PubAck(Ack { packet_id: 1, code: 0x80 })),
        (b"\x62\x03\x00\x01\x92", FromClient::PubRel(Ack { packet_id: 1, code: 0x92 })),
        (
            b"\x82\x0b\x00\x01\x03\x0b\x80\x01\x00\x02a+\x2e",
            FromClient::Subscribe(Subscribe {
                packet_id: 1,
                subscription_id: Some(128),
                filters: vec![Filter {
                    no_local: true,
                    retain_as_published: true,
                    retain_handling: 2,
                    ..plain_filter("a+", Qos::ExactlyOnce)
                }],
            }),
        ),
        (
            b"\xa2\x06\x00\x01\x00\x00\x01a",
            FromClient::Unsubscribe(Unsubscribe { packet_id: 1, filters: vec!["a".into()] }),
        ),
        (b"\xe0\x00", FromClient::Disconnect(Disconnect { code: 0, session_expiry: None })),
        (b"\xe0\x01\x04", FromClient::Disconnect(Disconnect { code: 4, session_expiry: None })),
        (
            b"\xe0\x07\x00\x05\x11\x00\x00\x00\x3c",
            FromClient::Disconnect(Disconnect { code: 0, session_expiry: Some(60) }),
        ),
        (b"\xf0\x01\x19", FromClient::Auth { code: 0x19 }),
        (b"\xf0\x0a\x18\x08\x15\x00\x01m\x16\x00\x01d", FromClient::Auth { code: 0x18 }),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode_one(V5, bytes).unwrap(), Some(expected), "{bytes:?}");
    }
}

#[test]
fn contiguous_properties_are_a_slice_and_a_connect_is_not() {
    let packet: &[u8] = b"\x30\x0d\x00\x01a\x09\x26\x00\x01n\x00\x01v\x01\x00";
    let mut input = BytesMut::from(packet);
    let range = input.as_ptr_range();
    let Some(FromClient::Publish(publish)) = decode(&mut input, Some(V5), LIMIT).unwrap() else {
        panic!("no publish");
    };
    assert!(range.contains(&publish.properties.as_ptr()));
    assert!(range.contains(&publish.topic.as_bytes().as_ptr()));

    let mut input = BytesMut::from(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c".as_slice());
    let range = input.as_ptr_range();
    let Some(FromClient::Connect(connect)) = decode(&mut input, None, LIMIT).unwrap() else {
        panic!("no connect");
    };
    assert!(!range.contains(&connect.client_id.as_bytes().as_ptr()));
    assert!(input.is_empty());
}

fn written(write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    write(&mut out);
    out.to_vec()
}

#[test]
fn answers() {
    #[rustfmt::skip]
    let cases: Vec<(Vec<u8>, &[u8])> = vec![
        (written(|out| connack(V4, &ConnAck { session_present: true, reason: Some("no".into()), ..ConnAck::default() }, out)), b"\x20\x02\x01\x00"),
        (written(|out| connack(V4, &ConnAck { session_present: true, code: 5, ..ConnAck::default() }, out)), b"\x20\x02\x00\x05"),
        (written(|out| connack(V3, &ConnAck { session_present: true, ..ConnAck::default() }, out)), b"\x20\x02\x00\x00"),
        (written(|out| connack(V5, &ConnAck::default(), out)), b"\x20\x03\x00\x00\x00"),
        (written(|out| connack(V5, &ConnAck { code: 0x87, reason: Some("no".into()), ..ConnAck::default() }, out)), b"\x20\x08\x00\x87\x05\x1f\x00\x02no"),
        (written(|out| connack(V5, &ConnAck { maximum_qos: Some(1), retain_available: Some(false), shared_available: Some(false), server_keep_alive: Some(300), ..ConnAck::default() }, out)),
            b"\x20\x0c\x00\x00\x09\x24\x01\x25\x00\x2a\x00\x13\x01\x2c"),
        (written(|out| puback(V4, 0x1234, 0x87, Some("no"), out)), b"\x40\x02\x12\x34"),
        (written(|out| puback(V5, 1, 0, None, out)), b"\x40\x02\x00\x01"),
        (written(|out| puback(V5, 1, 0x87, None, out)), b"\x40\x03\x00\x01\x87"),
        (written(|out| puback(V5, 1, 0x87, Some("no"), out)), b"\x40\x09\x00\x01\x87\x05\x1f\x00\x02no"),
        (written(|out| pubrec(V5, 1, 0x9b, None, out)), b"\x50\x03\x00\x01\x9b"),
        (written(|out| pubcomp(V4, 1, 0, None, out)), b"\x70\x02\x00\x01"),
        (written(|out| suback(V4, 1, &[0, 1, 0x80], Some("no"), out)), b"\x90\x05\x00\x01\x00\x01\x80"),
        (written(|out| suback(V5, 1, &[1, 0x87], Some("no"), out)), b"\x90\x0a\x00\x01\x05\x1f\x00\x02no\x01\x87"),
        (written(|out| unsuback(V4, 1, &[0], out)), b"\xb0\x02\x00\x01"),
        (written(|out| unsuback(V5, 1, &[0, 0x11], out)), b"\xb0\x05\x00\x01\x00\x00\x11"),
        (written(pingresp), b"\xd0\x00"),
        (written(|out| disconnect(0, None, out)), b"\xe0\x00"),
        (written(|out| disconnect(0x8e, None, out)), b"\xe0\x01\x8e"),
        (written(|out| disconnect(0x8e, Some("ok"), out)), b"\xe0\x07\x8e\x05\x1f\x00\x02ok"),
    ];
    for (written, expected) in cases {
        assert_eq!(written, expected);
    }
}

/// Up to the number of codes from which the length takes two bytes and three.
#[test]
fn the_size_of_an_answer_is_known_before_it_is_written() {
    for codes in [1, 124, 125, 16_380, 16_381] {
        let size = codes_size(codes);
        assert_eq!(
            written(|out| suback(V5, 1, &vec![0; codes], None, out)).len(),
            size
        );
        assert_eq!(
            written(|out| unsuback(V5, 1, &vec![0; codes], out)).len(),
            size
        );
    }
}

#[test]
fn deliveries_and_their_size() {
    let delivery = Delivery {
        dup: true,
        qos: Qos::AtLeastOnce,
        retain: false,
        topic: "a/b",
        packet_id: 7,
        expiry: Some(1),
        properties: b"\x01\x01",
        subscription_ids: &[1, 300],
        payload: b"xy",
    };
    let cases: [(Level, &[u8]); 2] = [
        (V4, b"\x3a\x09\x00\x03a/b\x00\x07xy"),
        (
            V5,
            b"\x3a\x16\x00\x03a/b\x00\x07\x0c\x02\x00\x00\x00\x01\x0b\x01\x0b\xac\x02\x01\x01xy",
        ),
    ];
    for (level, expected) in cases {
        assert_eq!(written(|out| publish(level, &delivery, out)), expected);
        assert_eq!(delivery_size(level, &delivery), expected.len());
    }
}

#[test]
fn what_does_not_fit_a_string_is_cut_between_characters() {
    let reason = "é".repeat(40_000);
    let written = written(|out| disconnect(0x80, Some(&reason), out));
    // 0xe0, three bytes of length, code, three bytes of property length, id, two bytes of text length.
    assert_eq!(written.len(), 11 + 65_534);
    assert_eq!(written[9..11], 65_534_u16.to_be_bytes());
    assert!(std::str::from_utf8(&written[11..]).is_ok());
}
