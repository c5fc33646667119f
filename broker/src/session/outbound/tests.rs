use super::super::queue::expiry_left;
use super::*;
use bytes::Bytes;
use bytestring::ByteString;
use proptest::prelude::*;

const ROOM: Room = Room {
    messages: 8,
    bytes: 1_000,
};

fn message(name: &str, qos: Qos) -> Queued {
    Queued {
        topic: ByteString::from(name.to_owned()),
        payload: Bytes::from_static(b"x"),
        qos,
        expires: None,
        properties: Bytes::new(),
        ids: Vec::new(),
        greeting: false,
        slip: None,
    }
}

fn offer(outbound: &mut Outbound, name: &str, qos: Qos) -> Offered {
    outbound.offer(message(name, qos))
}

/// What is sent now: topic, packet id, DUP.
fn sent(outbound: &mut Outbound) -> Vec<(String, u16, bool)> {
    let mut expired = 0;
    std::iter::from_fn(|| {
        outbound
            .next(0, &mut expired)
            .map(|one| (one.message.topic.to_string(), one.packet_id, one.dup))
    })
    .collect()
}

#[test]
fn the_window_holds_back_and_an_acknowledgement_in_any_order_opens_it() {
    let mut outbound = Outbound::new(2, ROOM);
    for name in ["a", "b", "c"] {
        offer(&mut outbound, name, Qos::AtLeastOnce);
    }
    assert_eq!(
        sent(&mut outbound),
        [("a".into(), 1, false), ("b".into(), 2, false)]
    );
    assert!(outbound.acknowledge(2));
    assert!(!outbound.acknowledge(2));
    assert!(!outbound.acknowledge(77));
    assert_eq!(sent(&mut outbound), [("c".into(), 3, false)]);
}

#[test]
fn a_resumed_session_keeps_to_a_smaller_window() {
    let mut outbound = Outbound::new(3, ROOM);
    for name in ["a", "b", "c", "d"] {
        offer(&mut outbound, name, Qos::AtLeastOnce);
    }
    assert_eq!(sent(&mut outbound).len(), 3);
    outbound.resume(1);
    assert_eq!(sent(&mut outbound), [("a".into(), 1, true)]);
    assert!(outbound.acknowledge(1));
    assert_eq!(sent(&mut outbound), [("b".into(), 2, true)]);
    assert!(outbound.acknowledge(2));
    assert!(!outbound.acknowledge(3));
    assert_eq!(sent(&mut outbound), [("c".into(), 3, true)]);
    assert!(outbound.acknowledge(3));
    assert_eq!(sent(&mut outbound), [("d".into(), 4, false)]);
}

#[test]
fn a_resumed_session_gets_the_same_ids_in_the_same_order_with_dup() {
    let mut outbound = Outbound::new(10, ROOM);
    for name in ["a", "b", "c"] {
        offer(&mut outbound, name, Qos::AtLeastOnce);
    }
    sent(&mut outbound);
    outbound.acknowledge(2);
    offer(&mut outbound, "d", Qos::AtLeastOnce);
    outbound.resume(10);
    assert_eq!(
        sent(&mut outbound),
        [
            ("a".into(), 1, true),
            ("c".into(), 3, true),
            ("d".into(), 4, false)
        ]
    );
}

#[test]
fn an_id_is_not_reused_while_it_is_in_flight() {
    let mut outbound = Outbound::new(10, ROOM);
    offer(&mut outbound, "first", Qos::AtLeastOnce);
    sent(&mut outbound);
    for _ in 1..u16::MAX {
        offer(&mut outbound, "between", Qos::AtLeastOnce);
        let id = sent(&mut outbound)[0].1;
        assert!(outbound.acknowledge(id));
    }
    offer(&mut outbound, "second", Qos::AtLeastOnce);
    assert_eq!(sent(&mut outbound), [("second".into(), 2, false)]);
}

#[test]
fn qos_0_is_dropped_first_and_qos_1_beyond_the_bound_is_told() {
    let mut outbound = Outbound::new(1, ROOM);
    for _ in 0..4 {
        assert_eq!(
            offer(&mut outbound, "q0", Qos::AtMostOnce),
            Offered::Waits(0)
        );
        assert_eq!(
            offer(&mut outbound, "q1", Qos::AtLeastOnce),
            Offered::Waits(0)
        );
    }
    assert_eq!(
        offer(&mut outbound, "q0", Qos::AtMostOnce),
        Offered::Dropped
    );
    assert_eq!(
        offer(&mut outbound, "q1", Qos::AtLeastOnce),
        Offered::Waits(4)
    );
    for _ in 0..3 {
        assert_eq!(
            offer(&mut outbound, "q1", Qos::AtLeastOnce),
            Offered::Waits(0)
        );
    }
    assert_eq!(offer(&mut outbound, "q1", Qos::AtLeastOnce), Offered::Full);
}

#[test]
fn bytes_bound_the_queue_and_a_queue_that_is_half_empty_takes_anything() {
    let mut outbound = Outbound::new(1, ROOM);
    let mut big = message("big", Qos::AtLeastOnce);
    big.payload = Bytes::from(vec![0; 5_000]);
    offer(&mut outbound, "small", Qos::AtLeastOnce);
    assert!(outbound.wants_more());
    assert_eq!(outbound.offer(big.clone()), Offered::Waits(0));
    assert!(!outbound.wants_more());
    assert_eq!(outbound.offer(big), Offered::Full);
}

#[test]
fn expired_messages_are_not_sent_and_the_rest_is_told_in_seconds() {
    let mut outbound = Outbound::new(10, ROOM);
    let mut old = message("old", Qos::AtLeastOnce);
    old.expires = Some(5_000);
    let mut young = message("young", Qos::AtMostOnce);
    young.expires = Some(6_001);
    outbound.offer(old);
    outbound.offer(young);
    let mut expired = 0;
    let next = outbound.next(5_000, &mut expired).unwrap();
    assert_eq!(&*next.message.topic, "young");
    assert_eq!(expiry_left(next.message.expires, 5_000), Some(2));
    assert_eq!(expired, 1);
}

#[test]
fn greetings_go_first_in_their_order() {
    let mut outbound = Outbound::new(10, ROOM);
    offer(&mut outbound, "waiting", Qos::AtMostOnce);
    outbound.greet(
        [
            message("one", Qos::AtMostOnce),
            message("two", Qos::AtMostOnce),
        ]
        .into_iter(),
    );
    let names: Vec<_> = sent(&mut outbound).into_iter().map(|one| one.0).collect();
    assert_eq!(names, ["one", "two", "waiting"]);
}

#[test]
fn what_is_forbidden_leaves_neither_the_queue_nor_the_flight() {
    let mut outbound = Outbound::new(2, ROOM);
    for name in ["bad", "good", "bad", "good"] {
        offer(&mut outbound, name, Qos::AtLeastOnce);
    }
    sent(&mut outbound);
    outbound.resume(2);
    assert_eq!(outbound.retain(|one| &*one.topic != "bad"), 2);
    let names: Vec<_> = sent(&mut outbound)
        .into_iter()
        .map(|one| (one.0, one.2))
        .collect();
    assert_eq!(names, [("good".into(), true), ("good".into(), false)]);
}

#[test]
fn a_client_that_is_away_is_kept_no_qos_0() {
    let mut outbound = Outbound::new(10, ROOM);
    offer(&mut outbound, "q0", Qos::AtMostOnce);
    offer(&mut outbound, "q1", Qos::AtLeastOnce);
    assert_eq!(outbound.forget_unreliable(), 1);
    assert_eq!(outbound.len(), 1);
}

proptest! {
    /// Whatever comes: ids in flight are distinct, never 0, never more than the window, and QoS 1 leaves in the order it came.
    #[test]
    fn the_window_holds(window in 1_u16..20, steps in prop::collection::vec((0_u8..4, any::<u16>()), 1..300)) {
        let mut outbound = Outbound::new(window, Room { messages: 1_000, bytes: 1 << 20 });
        let mut flying: Vec<u16> = Vec::new();
        let (mut offered, mut last) = (0_u32, None);
        for (what, pick) in steps {
            match what {
                0 | 1 => { offer(&mut outbound, &offered.to_string(), Qos::AtLeastOnce); offered += 1; }
                2 if !flying.is_empty() => {
                    let id = flying.remove(usize::from(pick) % flying.len());
                    prop_assert!(outbound.acknowledge(id));
                }
                _ => for (name, id, dup) in sent(&mut outbound) {
                    prop_assert!(id != 0 && !dup && !flying.contains(&id));
                    flying.push(id);
                    let number: u32 = name.parse().unwrap();
                    prop_assert!(last.is_none_or(|last| number == last + 1));
                    last = Some(number);
                },
            }
            prop_assert!(flying.len() <= usize::from(window));
        }
    }
}
