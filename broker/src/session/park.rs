//! A persistent session whose client is away: the same state in a task without a socket.
//!
//! Messages of an inbox that keeps go to the kept ones, which outlive the process, whatever their QoS; only those that were in flight
//! stay with the session, too, for their packet ids. Of all others QoS 1 messages are queued within the session's bounds (beyond them
//! they are dropped and counted), and QoS 0 messages are dropped. It ends by its expiry, by a refusal, or by the next connection, to which
//! it hands its state. Bounded by the operator's number of parked sessions. If the engine dies, it waits on without a link: the next
//! connection opens a new one.

use super::end::End;
use super::gate::Pace;
use super::inboxes::Inboxed;
use super::mailbox::{Mail, Order};
use super::outbound::Offered;
use super::session::Session;
use crate::contract::Qos;
use crate::engine::{Down, Link, Message};
use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::time::Instant;
use tokio::time::sleep_until;

enum Event {
    Mail(Mail),
    Link(Result<u64, Down>),
    Clock,
}

/// Counts a parked session as long as it lives.
struct Place(Arc<super::broker::Broker>);

impl Place {
    fn new(session: &Session) -> Self {
        session.broker.metrics.shared.parked.inc();
        session.seat.mailbox.set_parked(true);
        Self(Arc::clone(&session.broker))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.metrics.shared.parked.dec();
        self.0.sessions.unpark();
    }
}

/// Keeps a session until its client is back or its time is over. The caller has taken a place for it.
pub(super) async fn park(mut session: Box<Session>) {
    let _place = Place::new(&session);
    let unreliable = session.outbound.forget_unreliable();
    session.broker.metrics.dropped("away", unreliable as u64);
    let (expiry, will) = session.patience();
    let parked = Instant::now();
    let mut will_due = will.map(|after| parked + after);
    let ends = parked + expiry;
    let mut brought = VecDeque::new();
    loop {
        if will_due.is_some_and(|due| due <= Instant::now()) {
            session.publish_will().await;
            will_due = None;
        }
        if ends <= Instant::now() {
            return session.end().await;
        }
        let due = session.next_ring(will_due, ends);
        let event = next(&mut session, &mut brought, due).await;
        if session.parked_step(event, &mut brought).await.is_err() {
            return;
        }
    }
}

async fn next(session: &mut Session, brought: &mut VecDeque<Message>, due: Instant) -> Event {
    let mailbox = &session.seat.mailbox;
    let link = &mut session.link;
    tokio::select! {
        mail = poll_fn(|context| mailbox.poll(context, true)) => Event::Mail(mail),
        lost = receive(link, brought) => Event::Link(lost),
        () = sleep_until(due.into()) => Event::Clock,
    }
}

async fn receive(link: &mut Option<Link>, brought: &mut VecDeque<Message>) -> Result<u64, Down> {
    match link {
        Some(link) => link.receive(brought).await,
        None => pending().await,
    }
}

/// The session has ended.
struct Ended;

impl Session {
    fn next_ring(&self, will_due: Option<Instant>, ends: Instant) -> Instant {
        let valid = self.valid_until().map(super::live::from_now);
        [will_due, valid]
            .into_iter()
            .flatten()
            .fold(ends, Instant::min)
    }

    async fn parked_step(
        &mut self,
        event: Event,
        brought: &mut VecDeque<Message>,
    ) -> Result<(), Ended> {
        match event {
            Event::Mail(Mail::Order(order)) => self.obey_parked(order).await?,
            Event::Mail(Mail::Messages { messages, lost }) => {
                self.broker.metrics.dropped("mailbox_full", lost);
                self.store_inboxed(messages).await;
            }
            Event::Link(Ok(lost)) => {
                self.broker.metrics.dropped("engine_gap", lost);
                self.store_linked(std::mem::take(brought)).await;
            }
            Event::Link(Err(Down)) => self.link = None,
            Event::Clock if self.has_run_out() => self.judge_parked().await?,
            Event::Clock => {}
        }
        Ok(())
    }

    async fn obey_parked(&mut self, order: Order) -> Result<(), Ended> {
        match order {
            // Held until it is judged: the round waits for it.
            Order::Judge(_rounds) => return self.judge_parked().await,
            Order::TakeOver(takeover) => self.hand_over_state(takeover).await,
            Order::Close => self.end().await,
            Order::Drain => {
                self.will = None;
                self.end().await;
            }
        }
        Err(Ended)
    }

    /// A refused client has no session to come back to, and no will. After a fault it may come back, to be judged then; until then its
    /// will is not vouched for.
    async fn judge_parked(&mut self) -> Result<(), Ended> {
        match self.judge_and_enforce(Pace::Idle).await {
            Ok(()) if !self.has_run_out() => Ok(()),
            Err(End::EngineDown) => {
                self.link = None;
                Ok(())
            }
            _ => {
                self.will = None;
                self.end().await;
                Err(Ended)
            }
        }
    }

    async fn store_linked(&mut self, messages: impl IntoIterator<Item = Message>) {
        for message in messages {
            if let Some(queued) = self.judge_linked(message).await
                && queued.qos != Qos::AtMostOnce
            {
                self.store(queued);
            }
        }
        self.settle();
    }

    pub(super) async fn store_inboxed(&mut self, messages: impl IntoIterator<Item = Inboxed>) {
        for inboxed in messages {
            if self.leave_to_store(&inboxed) {
                continue;
            }
            let wanted = self.wants_inboxed(&inboxed.message, inboxed.inbox.max_qos);
            let Some(wanted) = wanted.filter(|wanted| wanted.qos != Qos::AtMostOnce) else {
                self.broker.metrics.dropped("away", 1);
                continue;
            };
            if let Some(queued) = self.judge_inboxed(inboxed.message, &wanted).await {
                self.store(queued);
            }
        }
        self.settle();
    }

    fn store(&mut self, queued: super::queue::Queued) {
        if self.outbound.offer(queued) == Offered::Full {
            self.broker.metrics.dropped("parked_queue_full", 1);
        }
    }
}
