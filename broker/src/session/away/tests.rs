use super::*;
use crate::contract::Qos;
use crate::session::card::Card;
use crate::session::inboxes::tests::inboxed;
use crate::session::outbound::Outbound;
use crate::session::queue::{Queued, Room};
use bytes::Bytes;

struct Fixture {
    away: Away,
    queue: mpsc::Receiver<Waiting>,
    mailbox: Arc<Mailbox>,
    _data: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let data = tempfile::tempdir().unwrap();
    let registry = Registry::open(data.path()).unwrap();
    let metrics = PolicyMetrics::default();
    let store = Store::new(100, 1 << 20);
    let (store, disk) = open(&data.path().join("inbox.db"), store, &registry, &metrics).unwrap();
    let (away, queue) = Away::new(store, disk, metrics);
    Fixture {
        away,
        queue,
        mailbox: Arc::new(Mailbox::new(Card::probe("d"))),
        _data: data,
    }
}

fn queued(slip: Option<Arc<Slip>>, topic: &str) -> Queued {
    Queued {
        topic: topic.into(),
        payload: Bytes::new(),
        qos: Qos::AtLeastOnce,
        expires: None,
        properties: Bytes::new(),
        ids: Vec::new(),
        greeting: false,
        slip,
    }
}

fn topics(lent: &[Inboxed]) -> Vec<String> {
    let topics = lent.iter().map(|one| one.message.topic.to_string());
    topics.collect()
}

#[test]
fn a_slip_brings_its_message_back_unless_it_was_handed_on() {
    let f = fixture();
    let fresh = |topic| Slip::fresh(&f.away, &f.mailbox, inboxed(topic));
    drop(fresh("back"));
    fresh("gone").hand_on();
    assert_eq!(f.away.len(), 1);
    let lent = f.away.lend(&f.mailbox, |_| true);
    assert_eq!(topics(&lent), ["back"]);
    drop(lent);
    let lent = f.away.lend(&f.mailbox, |_| true);
    lent[0].slip.as_ref().unwrap().hand_on();
    drop(lent);
    assert_eq!(f.away.len(), 0);
    // Removed with its record: what its session leaves is nobody's.
    f.mailbox.set_removed();
    drop(fresh("removed"));
    assert_eq!(f.away.len(), 0);
}

#[test]
fn what_a_session_leaves_is_kept_in_its_order_and_what_flies_stays_with_it() {
    let f = fixture();
    let room = Room {
        messages: 10,
        bytes: 1_000,
    };
    let mut outbound = Outbound::new(1, room);
    for topic in ["1", "2"] {
        let slip = Slip::fresh(&f.away, &f.mailbox, inboxed(topic));
        outbound.offer(queued(Some(slip), topic));
    }
    outbound.offer(queued(None, "of no inbox"));
    let mut expired = 0;
    let id = outbound.next(0, &mut expired).unwrap().packet_id;
    outbound.secure();
    // Both are kept; the one in flight is lent.
    assert_eq!((f.away.len(), outbound.len()), (2, 2));
    f.away.keep(&f.mailbox, &inboxed("3"));
    assert_eq!(topics(&f.away.lend(&f.mailbox, |_| true)), ["2", "3"]);
    assert!(outbound.acknowledge(id));
    assert_eq!((f.away.len(), outbound.len()), (2, 1));
    outbound.give_up();
    assert_eq!((f.away.len(), outbound.len()), (2, 0));
}

#[test]
fn later_messages_wait_behind_those_of_the_same_addressee() {
    let mut f = fixture();
    let here = Addressee::Client("d");
    let other = Addressee::Node {
        product: "p",
        node: "d",
    };
    assert!(!f.away.is_on_its_way(&here));
    f.away.offer(Absent::new(&here, inboxed("t")));
    assert!(f.away.is_on_its_way(&here) && !f.away.is_on_its_way(&other));
    let Ok(Waiting::Absent(absent)) = f.queue.try_recv() else {
        panic!("nothing waits");
    };
    let sessions = Sessions::default();
    let removals = f.away.store().removals();
    f.away.with_store(|store| store.forget("somebody"));
    // A record was removed since: the registry is to be read again.
    let found = vec![(Some("d".to_owned()), absent)];
    let again = place_all(&f.away, &sessions, found, removals);
    assert!(f.away.is_on_its_way(&here) && f.away.len() == 0);
    let found = again.into_iter().map(|one| (Some("d".to_owned()), one));
    place_all(&f.away, &sessions, found.collect(), removals + 1);
    assert!(!f.away.is_on_its_way(&here));
    assert_eq!(f.away.len(), 1);
}
