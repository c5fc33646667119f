//! Arbitrary valid packets of either side.

use super::super::client::{Answer, Codes, Received};
use super::super::{
    Ack, ConnAck, Connect, Disconnect, Filter, FromClient, Level, Publish, Qos, Subscribe,
    Unsubscribe, Will,
};
use bytes::Bytes;
use bytestring::ByteString;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(super) fn level() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::V3), Just(Level::V4), Just(Level::V5)]
}

fn text(pattern: &'static str) -> impl Strategy<Value = ByteString> {
    pattern.prop_map(ByteString::from)
}

/// Any text without NUL.
fn any_text() -> impl Strategy<Value = ByteString> {
    text("[^\u{0}]{0,12}")
}

pub(super) fn topic() -> impl Strategy<Value = ByteString> {
    text("[^\u{0}+#]{1,24}")
}

pub(super) fn payload() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn qos() -> impl Strategy<Value = Qos> {
    prop_oneof![
        Just(Qos::AtMostOnce),
        Just(Qos::AtLeastOnce),
        Just(Qos::ExactlyOnce)
    ]
}

/// `value` at level 5, nothing at level 4.
fn v5<T: std::fmt::Debug>(
    level: Level,
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    option::of(value).prop_map(move |value| value.filter(|_| level == Level::V5))
}

/// Properties that are forwarded, in wire form: a format and user properties.
pub(super) fn forwarded(level: Level) -> impl Strategy<Value = Bytes> {
    let user = vec((any_text(), any_text()), 0..3);
    (any::<bool>(), user).prop_map(move |(format, user)| {
        let mut bytes = Vec::new();
        if level != Level::V5 {
            return Bytes::new();
        }
        if format {
            bytes.extend([0x01, 0x01]);
        }
        for (name, value) in user {
            bytes.push(0x26);
            for text in [name, value] {
                bytes.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
                bytes.extend(text.as_bytes());
            }
        }
        bytes.into()
    })
}

fn will(level: Level) -> impl Strategy<Value = Will> {
    let carried = (
        v5(level, 1_u32..),
        v5(level, any::<u32>()),
        forwarded(level),
    );
    (topic(), payload(), qos(), any::<bool>(), carried).prop_map(
        |(topic, payload, qos, retain, (delay, expiry, properties))| Will {
            topic,
            payload,
            qos,
            retain,
            delay: delay.unwrap_or(0),
            expiry,
            properties,
        },
    )
}

pub(super) fn connect(level: Level) -> impl Strategy<Value = Connect> {
    let head = (
        any::<bool>(),
        any::<u16>(),
        any_text(),
        option::of(will(level)),
    );
    let proof = (option::of(any_text()), option::of(payload()));
    let numbers = (
        v5(level, any::<u32>()),
        v5(level, 1_u16..),
        v5(level, 1_u32..),
        v5(level, any::<u16>()),
        v5(level, any::<(bool, bool)>()),
    );
    let authentication = v5(level, (any_text(), option::of(payload())));
    let user = v5(level, vec((any_text(), any_text()), 0..3));
    (head, proof, numbers, authentication, user).prop_map(
        move |(head, proof, numbers, authentication, user)| {
            let (clean_start, keep_alive, client_id, will) = head;
            let (response, problem) = numbers.4.unwrap_or((false, true));
            let (method, data) = authentication.map_or((None, None), |(m, d)| (Some(m), d));
            let password_alone = level == Level::V5;
            Connect {
                level,
                clean_start,
                keep_alive,
                client_id,
                will,
                password: proof.1.filter(|_| password_alone || proof.0.is_some()),
                username: proof.0,
                session_expiry: numbers.0,
                receive_maximum: numbers.1.unwrap_or(u16::MAX),
                maximum_packet_size: numbers.2,
                topic_alias_maximum: numbers.3.unwrap_or(0),
                request_response_information: response,
                request_problem_information: problem,
                authentication_method: method,
                authentication_data: data,
                user_properties: user.unwrap_or_default(),
            }
        },
    )
}

pub(super) fn publish(level: Level) -> impl Strategy<Value = Publish> {
    let flags = (any::<bool>(), qos(), any::<bool>(), 1_u16..);
    let carried = (
        v5(level, 1_u16..),
        v5(level, any::<u32>()),
        forwarded(level),
    );
    (flags, topic(), carried, payload()).prop_map(
        |((dup, qos, retain, packet_id), topic, (alias, expiry, properties), payload)| Publish {
            dup: dup && qos != Qos::AtMostOnce,
            qos,
            retain,
            topic,
            packet_id: if qos == Qos::AtMostOnce { 0 } else { packet_id },
            alias,
            expiry,
            properties,
            payload,
        },
    )
}

fn ack(level: Level, codes: &'static [u8]) -> impl Strategy<Value = Ack> {
    (1_u16.., v5(level, proptest::sample::select(codes))).prop_map(|(packet_id, code)| Ack {
        packet_id,
        code: code.unwrap_or(0),
    })
}

const PUBLISH_CODES: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const RELEASE_CODES: &[u8] = &[0x00, 0x92];

fn filter(level: Level) -> impl Strategy<Value = Filter> {
    (
        any_text(),
        qos(),
        v5(level, (any::<bool>(), any::<bool>(), 0_u8..=2)),
    )
        .prop_map(|(filter, qos, options)| {
            let (no_local, retain_as_published, retain_handling) = options.unwrap_or_default();
            Filter {
                filter,
                qos,
                no_local,
                retain_as_published,
                retain_handling,
            }
        })
}

fn subscribe(level: Level) -> impl Strategy<Value = Subscribe> {
    (
        1_u16..,
        v5(level, 1_u32..=268_435_455),
        vec(filter(level), 1..5),
    )
        .prop_map(|(packet_id, subscription_id, filters)| Subscribe {
            packet_id,
            subscription_id,
            filters,
        })
}

fn unsubscribe() -> impl Strategy<Value = Unsubscribe> {
    (1_u16.., vec(any_text(), 1..5))
        .prop_map(|(packet_id, filters)| Unsubscribe { packet_id, filters })
}

fn disconnect(level: Level) -> impl Strategy<Value = Disconnect> {
    let code = proptest::sample::select([0x00, 0x04, 0x80, 0x81, 0x95].as_slice());
    (v5(level, code), v5(level, any::<u32>())).prop_map(|(code, session_expiry)| Disconnect {
        code: code.unwrap_or(0),
        session_expiry,
    })
}

/// Any packet of a client after its CONNECT.
pub(super) fn from_client(level: Level) -> impl Strategy<Value = FromClient> {
    let last = match level {
        Level::V3 | Level::V4 => Just(FromClient::PingReq).boxed(),
        Level::V5 => Just(FromClient::Auth { code: 0x18 }).boxed(),
    };
    prop_oneof![
        4 => publish(level).prop_map(FromClient::Publish),
        1 => ack(level, PUBLISH_CODES).prop_map(FromClient::PubAck),
        1 => ack(level, PUBLISH_CODES).prop_map(FromClient::PubRec),
        1 => ack(level, RELEASE_CODES).prop_map(FromClient::PubRel),
        1 => ack(level, RELEASE_CODES).prop_map(FromClient::PubComp),
        2 => subscribe(level).prop_map(FromClient::Subscribe),
        1 => unsubscribe().prop_map(FromClient::Unsubscribe),
        1 => Just(FromClient::PingReq),
        1 => disconnect(level).prop_map(FromClient::Disconnect),
        1 => last,
    ]
}

/// The bytes of a connection: its packets one after the other.
pub(super) fn stream() -> impl Strategy<Value = (Level, Vec<FromClient>, Vec<u8>)> {
    level()
        .prop_flat_map(|level| (Just(level), connect(level), vec(from_client(level), 0..8)))
        .prop_map(|(level, connect, rest)| {
            let mut packets = vec![FromClient::Connect(Box::new(connect))];
            packets.extend(rest);
            let mut bytes = bytes::BytesMut::new();
            for packet in &packets {
                super::super::client::encode(level, packet, &mut bytes);
            }
            (level, packets, bytes.to_vec())
        })
}

pub(super) fn connack(level: Level) -> impl Strategy<Value = ConnAck> {
    let numbers = (
        v5(level, any::<u32>()),
        v5(level, 1_u16..),
        v5(level, 0_u8..=1),
        v5(level, 1_u32..),
        v5(level, any::<u16>()),
        v5(level, any::<u16>()),
    );
    let flags = (
        v5(level, any::<bool>()),
        v5(level, any::<bool>()),
        v5(level, any::<bool>()),
        v5(level, any::<bool>()),
    );
    let texts = (v5(level, any_text()), v5(level, any_text()));
    (any::<bool>(), any::<u8>(), numbers, flags, texts).prop_map(
        move |(session_present, code, numbers, flags, (id, reason))| ConnAck {
            session_present: session_present && code == 0 && level != Level::V3,
            code,
            session_expiry: numbers.0,
            receive_maximum: numbers.1,
            maximum_qos: numbers.2,
            maximum_packet_size: numbers.3,
            topic_alias_maximum: numbers.4,
            server_keep_alive: numbers.5,
            retain_available: flags.0,
            wildcard_available: flags.1,
            subscription_ids_available: flags.2,
            shared_available: flags.3,
            assigned_client_id: id,
            reason: reason.map(|text| text.to_string()),
        },
    )
}

pub(super) fn received(level: Level) -> impl Strategy<Value = Received> {
    let ids = v5(level, vec(1_u32..=268_435_455, 0..4));
    (publish(level), ids).prop_map(|(publish, ids)| Received {
        publish: Publish {
            alias: None,
            ..publish
        },
        subscription_ids: ids.unwrap_or_default(),
    })
}

pub(super) fn answer(level: Level) -> impl Strategy<Value = Answer> {
    (ack(level, PUBLISH_CODES), v5(level, any_text()))
        .prop_map(|(ack, reason)| Answer { ack, reason })
}

pub(super) fn codes(level: Level) -> impl Strategy<Value = Codes> {
    (1_u16.., vec(any::<u8>(), 1..5), v5(level, any_text())).prop_map(
        |(packet_id, codes, reason)| Codes {
            packet_id,
            codes,
            reason,
        },
    )
}
