//! Whatever one side writes, the other reads as it was meant.

use super::super::client::{self, Codes, FromServer};
use super::super::{
    Delivery, FromClient, Level, connack, decode, delivery_size, disconnect, pingresp, puback,
    publish, pubrec, suback, unsuback,
};
use super::{LIMIT, generate};
use bytes::BytesMut;
use proptest::prelude::*;

/// Decodes all there is, the CONNECT first.
fn decode_all(input: &mut BytesMut) -> Vec<FromClient> {
    let mut level = None;
    let mut packets = Vec::new();
    while let Some(packet) = decode(input, level, LIMIT).unwrap() {
        if let FromClient::Connect(connect) = &packet {
            level = Some(connect.level);
        }
        packets.push(packet);
    }
    packets
}

#[track_caller]
fn read_back(level: Level, mut wire: BytesMut, expected: FromServer) {
    let read = client::decode(&mut wire, level, LIMIT).unwrap();
    assert_eq!((read, wire.len()), (Some(expected), 0));
}

proptest! {
    #[test]
    fn what_a_client_writes_the_broker_reads((_, packets, bytes) in generate::stream()) {
        let mut input = BytesMut::from(bytes.as_slice());
        prop_assert_eq!(decode_all(&mut input), packets);
        prop_assert!(input.is_empty());
    }

    #[test]
    fn bytes_that_come_one_by_one_give_the_same_packets((_, packets, bytes) in generate::stream()) {
        let (mut input, mut level, mut read) = (BytesMut::new(), None, Vec::new());
        for byte in bytes {
            input.extend_from_slice(&[byte]);
            if let Some(packet) = decode(&mut input, level, LIMIT).unwrap() {
                prop_assert!(input.is_empty());
                if let FromClient::Connect(connect) = &packet {
                    level = Some(connect.level);
                }
                read.push(packet);
            }
        }
        prop_assert_eq!(read, packets);
    }

    #[test]
    fn a_delivery_arrives_whole_and_as_large_as_announced(
        (level, received) in generate::level().prop_flat_map(|level| (Just(level), generate::received(level)))
    ) {
        let mut wire = BytesMut::new();
        let message = &received.publish;
        let delivery = Delivery {
            dup: message.dup,
            qos: message.qos,
            retain: message.retain,
            topic: &message.topic,
            packet_id: message.packet_id,
            expiry: message.expiry,
            properties: &message.properties,
            subscription_ids: &received.subscription_ids,
            payload: &message.payload,
        };
        publish(level, &delivery, &mut wire);
        prop_assert_eq!(wire.len(), delivery_size(level, &delivery));
        read_back(level, wire, FromServer::Publish(received));
    }

    #[test]
    fn what_the_broker_answers_a_client_reads(
        (level, ack, answer, codes) in generate::level().prop_flat_map(|level| {
            (Just(level), generate::connack(level), generate::answer(level), generate::codes(level))
        })
    ) {
        let mut wire = BytesMut::new();
        connack(level, &ack, &mut wire);
        read_back(level, wire.split(), FromServer::ConnAck(Box::new(ack)));

        let (id, code, reason) = (answer.ack.packet_id, answer.ack.code, answer.reason.as_deref());
        puback(level, id, code, reason, &mut wire);
        read_back(level, wire.split(), FromServer::PubAck(answer.clone()));
        pubrec(level, id, code, reason, &mut wire);
        read_back(level, wire.split(), FromServer::PubRec(answer));

        suback(level, codes.packet_id, &codes.codes, codes.reason.as_deref(), &mut wire);
        read_back(level, wire.split(), FromServer::SubAck(codes.clone()));
        unsuback(level, codes.packet_id, &codes.codes, &mut wire);
        let listed = if level == Level::V5 { codes.codes } else { Vec::new() };
        let expected = Codes { codes: listed, reason: None, packet_id: codes.packet_id };
        read_back(level, wire.split(), FromServer::UnsubAck(expected));

        pingresp(&mut wire);
        read_back(level, wire.split(), FromServer::PingResp);
    }

    #[test]
    fn a_goodbye_of_level_5_arrives(reason in proptest::option::of("[^\u{0}]{0,20}")) {
        let mut wire = BytesMut::new();
        disconnect(0x8e, reason.as_deref(), &mut wire);
        let reason = reason.map(Into::into);
        read_back(Level::V5, wire, FromServer::Disconnect { code: 0x8e, reason });
    }
}
