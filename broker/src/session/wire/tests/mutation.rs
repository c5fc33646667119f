//! Hostile bytes: no panic, no read beyond the packet, no packet that breaks its own promises.

use super::super::{FromClient, Level, Qos, client, decode};
use super::{LIMIT, generate};
use bytes::BytesMut;
use proptest::collection::vec;
use proptest::prelude::*;

/// Decodes until the input ends or is refused; panics where a packet takes more than it announced or breaks a promise of `packet`.
fn survive(bytes: &[u8], mut level: Option<Level>) {
    let mut input = BytesMut::from(bytes);
    loop {
        let before = input.len();
        let announced = announced(&input);
        match decode(&mut input, level, LIMIT) {
            Err(error) => {
                assert!(matches!(
                    error.code,
                    0x81 | 0x82 | 0x84 | 0x90 | 0x94 | 0x95
                ));
                assert!(!error.to_string().contains('\n'));
                return;
            }
            Ok(None) => return assert_eq!(input.len(), before),
            Ok(Some(packet)) => {
                assert_eq!(Some(before - input.len()), announced);
                check_promises(&packet);
                if let FromClient::Connect(connect) = packet {
                    level = Some(connect.level);
                }
            }
        }
    }
}

/// The size that the fixed header announces, computed in another way than the codec's.
fn announced(input: &[u8]) -> Option<usize> {
    let lengths = input.get(1..)?;
    let width = lengths.iter().take(4).position(|byte| byte & 0x80 == 0)? + 1;
    let digits = lengths[..width].iter().rev();
    let remaining = digits.fold(0, |sum, byte| sum * 128 + usize::from(byte & 0x7f));
    Some(1 + width + remaining)
}

fn check_promises(packet: &FromClient) {
    match packet {
        FromClient::Connect(connect) => {
            assert_ne!(connect.receive_maximum, 0);
            assert_ne!(connect.maximum_packet_size, Some(0));
            assert!(!connect.client_id.contains('\0'));
            assert!(
                connect.level == Level::V5
                    || connect.password.is_none()
                    || connect.username.is_some()
            );
        }
        FromClient::Publish(publish) => {
            assert!(!publish.topic.contains(['\0', '+', '#']));
            assert!(!publish.topic.is_empty() || publish.alias.is_some());
            assert_eq!(publish.packet_id == 0, publish.qos == Qos::AtMostOnce);
            assert!(!publish.dup || publish.qos != Qos::AtMostOnce);
            assert_ne!(publish.alias, Some(0));
        }
        FromClient::Subscribe(subscribe) => {
            assert_ne!(subscribe.packet_id, 0);
            assert!(!subscribe.filters.is_empty());
            assert!(
                subscribe
                    .filters
                    .iter()
                    .all(|filter| filter.retain_handling <= 2)
            );
        }
        FromClient::Unsubscribe(unsubscribe) => {
            assert_ne!(unsubscribe.packet_id, 0);
            assert!(!unsubscribe.filters.is_empty());
        }
        FromClient::PubAck(ack)
        | FromClient::PubRec(ack)
        | FromClient::PubRel(ack)
        | FromClient::PubComp(ack) => assert_ne!(ack.packet_id, 0),
        FromClient::PingReq | FromClient::Disconnect(_) | FromClient::Auth { .. } => {}
    }
}

/// Bytes of valid packets in which some are changed, removed or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = vec(
        (any::<proptest::sample::Index>(), 0_u8..4, any::<u8>()),
        1..6,
    );
    (generate::stream(), damage).prop_map(|((_, _, mut bytes), damage)| {
        for (place, how, byte) in damage {
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes[place] ^= 1 << (byte % 8),
                2 => bytes.insert(place, byte),
                _ if bytes.len() > 1 => drop(bytes.remove(place)),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn damaged_packets_are_survived(bytes in damaged()) {
        for level in [None, Some(Level::V3), Some(Level::V4), Some(Level::V5)] {
            survive(&bytes, level);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..64)) {
        for level in [None, Some(Level::V3), Some(Level::V4), Some(Level::V5)] {
            survive(&bytes, level);
        }
    }

    #[test]
    fn a_client_survives_any_server(first in any::<u8>(), body in vec(any::<u8>(), 0..40)) {
        let mut bytes = vec![first, u8::try_from(body.len()).unwrap()];
        bytes.extend(body);
        for level in [Level::V3, Level::V4, Level::V5] {
            let mut input = BytesMut::from(bytes.as_slice());
            if let Ok(packet) = client::decode(&mut input, level, LIMIT) {
                prop_assert_eq!(packet.is_some(), input.is_empty());
            }
        }
    }
}
