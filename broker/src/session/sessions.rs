//! The table of sessions: who is here, by canonical client id, by (product, node) and by record.
//!
//! Sharded, so that connects of different clients do not wait for each other; no lock is held while anything else happens, but for
//! that of a client's place while its place by node is taken. Bounded by
//! the listeners' connections and the number of parked sessions.

mod listed;
mod sharded;

pub use listed::Listed;

use super::mailbox::{Mailbox, Order};
use super::sweep::{Sweep, Swept};
use crate::grant::inbox::Addressee;
use sharded::Sharded;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// All sessions of this broker. Clone is cheap.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Tables>);

#[derive(Default)]
struct Tables {
    clients: Sharded<Arc<Mailbox>>,
    nodes: Sharded<Arc<Mailbox>>,
    /// Only sessions whose record has another id than the session, such as the connections of one application.
    records: Sharded<Vec<Arc<Mailbox>>>,
    parked: AtomicUsize,
    swept: Mutex<Option<Swept>>,
}

impl Sessions {
    /// Puts a session into the table. Returns the one that had its canonical id: the caller takes it over. Several that connect at once
    /// form a chain, each waiting for the one before it.
    pub(crate) fn claim(&self, mailbox: &Arc<Mailbox>) -> Option<Arc<Mailbox>> {
        let card = &mailbox.card;
        if card.record != card.client {
            let add = |all: &mut Vec<_>| all.push(Arc::clone(mailbox));
            self.0.records.update(Arc::clone(&card.record), add);
        }
        // In one go: who is the last by client must be the last by node, or nobody would be once the other has ended.
        let by_node = || {
            if let Some(key) = node_key(&card.product, &card.node) {
                self.0.nodes.set(key.into(), Arc::clone(mailbox));
            }
        };
        let client = Arc::clone(&card.client);
        self.0
            .clients
            .set_with(client, Arc::clone(mailbox), by_node)
    }

    /// Takes a session out of the table, unless another one has its place.
    pub(crate) fn release(&self, mailbox: &Arc<Mailbox>) {
        let card = &mailbox.card;
        let mine = |other: &Arc<Mailbox>| Arc::ptr_eq(other, mailbox);
        self.0.clients.remove_if(&card.client, mine);
        if let Some(key) = node_key(&card.product, &card.node) {
            self.0.nodes.remove_if(&key, mine);
        }
        if card.record != card.client {
            let leave = |all: &mut Vec<_>| all.retain(|other| !mine(other));
            self.0.records.update(Arc::clone(&card.record), leave);
            self.0.records.remove_if(&card.record, Vec::is_empty);
        }
    }

    /// The session of a canonical client id.
    pub(crate) fn find(&self, client: &str) -> Option<Arc<Mailbox>> {
        self.0.clients.find(client)
    }

    /// The session that a topic is addressed to.
    pub(crate) fn addressed(&self, addressee: &Addressee<'_>) -> Option<Arc<Mailbox>> {
        match *addressee {
            Addressee::Client(client) => self.find(client),
            Addressee::Node { product, node } => self.0.nodes.find(&node_key(product, node)?),
        }
    }

    /// Orders every session to be judged again in this round; returns how many.
    pub(crate) fn sweep(&self, sweep: &Arc<Sweep>) -> usize {
        let all = self.0.clients.all();
        sweep.tells(all.len());
        let told = all
            .iter()
            .filter(|one| one.order(Order::Judge(vec![Arc::clone(sweep)])));
        told.count()
    }

    /// The last round that is over.
    pub fn swept(&self) -> Option<Swept> {
        *self.0.swept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round is over; an older one that ends later is not the last.
    pub(crate) fn set_swept(&self, swept: Swept) {
        let mut last = self.0.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.serial <= swept.serial) {
            *last = Some(swept);
        }
    }

    /// Orders every session that `whom` says to be judged again; returns how many.
    pub(crate) fn judge(&self, whom: impl Fn(&Mailbox) -> bool) -> usize {
        let touched = self.0.clients.all().into_iter().filter(|one| whom(one));
        touched
            .filter(|one| one.order(Order::Judge(Vec::new())))
            .count()
    }

    /// Orders the sessions of one record to be judged again; returns how many.
    pub(crate) fn judge_record(&self, record: &str) -> usize {
        let all = self.of_record(record);
        all.filter(|one| one.order(Order::Judge(Vec::new())))
            .count()
    }

    /// Tells the sessions of one record that it was removed.
    pub(crate) fn set_removed(&self, record: &str) {
        self.of_record(record).for_each(|one| one.set_removed());
    }

    fn of_record(&self, record: &str) -> impl Iterator<Item = Arc<Mailbox>> + use<> {
        let others = self.0.records.find(record).unwrap_or_default();
        let own = self.find(record).filter(|one| *one.card.record == *record);
        own.into_iter().chain(others)
    }

    /// Ends the session of a canonical client id, with its state; false where there is none.
    pub fn close(&self, client: &str) -> bool {
        self.find(client)
            .is_some_and(|mailbox| mailbox.order(Order::Close))
    }

    /// Ends the sessions of one record, with their state; returns how many.
    pub fn close_record(&self, record: &str) -> usize {
        let all = self.of_record(record);
        all.filter(|one| one.order(Order::Close)).count()
    }

    /// Every session, for the admin API.
    pub fn list(&self) -> Vec<Listed> {
        let all = self.0.clients.all();
        all.iter().map(|mailbox| Listed::new(mailbox)).collect()
    }

    /// How many sessions there are, parked ones included.
    pub fn len(&self) -> usize {
        self.0.clients.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends all sessions for a shutdown and waits until they are gone, at most for `grace`; returns how many are left.
    pub async fn drain(&self, grace: Duration) -> usize {
        let until = Instant::now() + grace;
        while !self.is_empty() && Instant::now() < until {
            // Again in each round: a session that was connecting has its mailbox only now.
            for mailbox in self.0.clients.all() {
                mailbox.order(Order::Drain);
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.len()
    }

    /// Takes one of `most` places for a session without a connection.
    pub(crate) fn park(&self, most: usize) -> bool {
        let room = |parked| (parked < most).then_some(parked + 1);
        self.0
            .parked
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .is_ok()
    }

    /// Gives the place back.
    pub(crate) fn unpark(&self) {
        self.0.parked.fetch_sub(1, Ordering::Relaxed);
    }
}

/// NUL is in no topic level, so two pairs never make one key. `None` for what has no node.
fn node_key(product: &str, node: &str) -> Option<String> {
    (!node.is_empty()).then(|| format!("{product}\0{node}"))
}

#[cfg(test)]
mod tests {
    use super::super::card::Card;
    use super::*;

    fn session(client: &str) -> Arc<Mailbox> {
        Arc::new(Mailbox::new(Card::probe(client)))
    }

    #[test]
    fn a_second_session_gets_the_first_and_keeps_the_place() {
        let sessions = Sessions::default();
        let (first, second) = (session("d"), session("d"));
        assert!(sessions.claim(&first).is_none());
        let taken = sessions.claim(&second).unwrap();
        assert!(Arc::ptr_eq(&taken, &first));
        sessions.release(&first);
        assert!(Arc::ptr_eq(&sessions.find("d").unwrap(), &second));
        sessions.release(&second);
        assert!(sessions.is_empty());
        assert!(
            sessions
                .addressed(&Addressee::Node {
                    product: "p",
                    node: "d"
                })
                .is_none()
        );
    }

    #[test]
    fn sessions_that_connect_at_once_agree_who_is_the_last() {
        for _ in 0..500 {
            let sessions = Sessions::default();
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        start.wait();
                        // The one before has ended when its place is taken.
                        if let Some(before) = sessions.claim(&session("d")) {
                            sessions.release(&before);
                        }
                    });
                }
            });
            let by_client = sessions.find("d").unwrap();
            let (product, node) = ("p", "d");
            let by_node = sessions.addressed(&Addressee::Node { product, node });
            assert!(by_node.is_some_and(|one| Arc::ptr_eq(&one, &by_client)));
        }
    }

    #[test]
    fn a_topic_finds_its_session_by_client_and_by_node() {
        let sessions = Sessions::default();
        let one = session("d");
        sessions.claim(&one);
        for addressee in [
            Addressee::Client("d"),
            Addressee::Node {
                product: "p",
                node: "d",
            },
        ] {
            assert!(Arc::ptr_eq(&sessions.addressed(&addressee).unwrap(), &one));
        }
        assert!(sessions.addressed(&Addressee::Client("e")).is_none());
        assert!(
            sessions
                .addressed(&Addressee::Node {
                    product: "q",
                    node: "d"
                })
                .is_none()
        );
    }

    #[test]
    fn all_connections_of_one_record_are_judged_and_no_other() {
        let sessions = Sessions::default();
        let connection = |client: &str| {
            let mut card = Card::probe(client);
            card.record = "app".into();
            card.node = "".into();
            Arc::new(Mailbox::new(card))
        };
        let (a, b, device) = (connection("app/a"), connection("app/b"), session("d"));
        for one in [&a, &b, &device] {
            sessions.claim(one);
        }
        assert_eq!(sessions.judge_record("app"), 2);
        assert_eq!(sessions.judge_record("d"), 1);
        assert_eq!(sessions.judge_record("nobody"), 0);
        sessions.release(&a);
        assert_eq!(sessions.judge_record("app"), 1);
        assert_eq!(sessions.judge(|one| &*one.card.product == "p"), 2);
    }

    #[test]
    fn parked_places_are_counted() {
        let sessions = Sessions::default();
        assert!(sessions.park(1));
        assert!(!sessions.park(1));
        sessions.unpark();
        assert!(sessions.park(1));
    }
}
