//! The packet loop of one connection: one task that waits for its socket, its mailbox, its engine link and its clock.
//!
//! Bounds: one read at a time (16 KiB), answers and deliveries in an output buffer of 64 KiB beyond which nothing more is read or
//! fetched, messages for the client in [`super::outbound`]. A client that is silent, or does not read, is given up. Every way out goes
//! through [`super::finish`].

mod packets;

use super::broker::Broker;
use super::clock;
use super::connection::{Connection, OUTPUT_HIGH, Progress};
use super::end::End;
use super::finish::finish;
use super::gate::Pace;
use super::mailbox::{Mail, Order};
use super::session::Session;
use crate::engine::{Down, Link};
use bytes::BytesMut;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep_until};

/// Who spoke since has traffic.
const LIVELY: Duration = Duration::from_secs(1);
/// A session that has nothing to wait for still looks at its clock now and then.
const IDLE: Duration = Duration::from_hours(1);

/// What woke the task.
enum Event {
    Mail(Mail),
    Socket(Progress),
    Link(Result<u64, Down>),
    Clock,
}

/// Runs a session until its connection ends, and then as long as it is kept.
pub(super) async fn run(mut session: Box<Session>, mut connection: Connection) {
    session.broker.metrics.shared.sessions.inc();
    let counted = Counted(std::sync::Arc::clone(&session.broker));
    let end = converse(&mut session, &mut connection).await;
    drop(counted);
    Box::pin(finish(session, connection, end)).await;
}

/// A gauge that is right also after a panic.
struct Counted(std::sync::Arc<Broker>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.shared.sessions.dec();
    }
}

async fn converse(session: &mut Session, connection: &mut Connection) -> End {
    let mut clock = pin!(sleep_until((Instant::now() + IDLE).into()));
    connection.heard_at = Instant::now();
    connection.open_output();
    // Packets that came together with the CONNECT.
    let mut step = session.packets(connection).await;
    while step.is_ok() {
        step = session.feed(connection).await;
        if step.is_err() {
            break;
        }
        wind(clock.as_mut(), session, connection);
        let event = next(session, connection, clock.as_mut()).await;
        connection.open_output();
        step = match event {
            Event::Mail(Mail::Order(order)) => session.obey(order, connection).await,
            Event::Mail(Mail::Messages { messages, lost }) => session.bring_inboxed(messages, lost),
            Event::Socket(Progress::Read) => session.packets(connection).await,
            Event::Socket(Progress::Wrote) => Ok(()),
            Event::Socket(Progress::Closed) => Err(End::Lost),
            Event::Link(Ok(lost)) => session.linked(lost),
            Event::Link(Err(Down)) => Err(End::EngineDown),
            Event::Clock => session.look_at_clock(connection).await,
        };
    }
    step.err().unwrap_or(End::Lost)
}

/// Waits for whatever comes first. Each branch may be dropped without a loss.
async fn next(session: &mut Session, connection: &mut Connection, clock: Pin<&mut Sleep>) -> Event {
    let wants_more = connection.output.len() < OUTPUT_HIGH && session.wants_more();
    let mailbox = &session.seat.mailbox;
    let link = &mut session.link;
    tokio::select! {
        mail = poll_fn(|context| mailbox.poll(context, wants_more)) => Event::Mail(mail),
        progress = poll_fn(|context| connection.poll(context)) => Event::Socket(progress),
        lost = brings(link), if wants_more => Event::Link(lost),
        () = clock => Event::Clock,
    }
}

async fn brings(link: &mut Option<Link>) -> Result<u64, Down> {
    match link {
        Some(link) => link.ready().await,
        None => pending().await,
    }
}

/// Sets the clock to an earlier deadline. A later one is left to the next ring: most deadlines move with every packet.
fn wind(mut clock: Pin<&mut Sleep>, session: &Session, connection: &Connection) {
    let due = session.due(connection);
    if due < clock.deadline().into_std() || clock.is_elapsed() {
        clock.as_mut().reset(due.into());
    }
}

impl Session {
    /// Moves what was brought into the output, as far as there is room, and counts it.
    async fn feed(&mut self, connection: &mut Connection) -> Result<(), End> {
        let fed = self.move_on(&mut connection.output).await;
        self.settle();
        fed
    }

    async fn move_on(&mut self, output: &mut BytesMut) -> Result<(), End> {
        loop {
            // What waits in the queue goes first, so that what comes after it needs no queue.
            self.fill(output);
            self.accept_incoming(output).await?;
            let is_blocked = output.len() >= OUTPUT_HIGH || !self.outbound.wants_more();
            if is_blocked || self.incoming.is_empty() {
                break;
            }
        }
        self.fill(output);
        // Now, and not when all is written: the router fills the link while the socket takes this.
        match &mut self.link {
            Some(link) if self.outbound.wants_more() => {
                link.wake_if_paused().await.map_err(|_| End::EngineDown)
            }
            _ => Ok(()),
        }
    }

    /// When the clock shall ring at the latest.
    fn due(&self, connection: &Connection) -> Instant {
        let silence = self
            .terms
            .silence()
            .map(|silence| connection.heard_at + silence);
        let stall = connection.stall_deadline(self.broker.settings.write_stall);
        let valid = self.valid_until().map(from_now);
        let idle = Instant::now() + IDLE;
        [silence, stall, valid]
            .into_iter()
            .flatten()
            .fold(idle, Instant::min)
    }

    async fn look_at_clock(&mut self, connection: &mut Connection) -> Result<(), End> {
        self.outbound.release();
        let now = Instant::now();
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if passed(connection.stall_deadline(self.broker.settings.write_stall)) {
            return Err(End::Stalled);
        }
        if passed(
            self.terms
                .silence()
                .map(|silence| connection.heard_at + silence),
        ) {
            return Err(End::Silent);
        }
        if self.has_run_out() {
            Box::pin(self.judge_and_enforce(self.pace(connection))).await?;
            if self.has_run_out() {
                return Err(End::Fault(
                    "the renewed grant has already run out".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// The grant or the certificate is no longer valid. While everything is refused that makes no difference.
    pub(super) fn has_run_out(&self) -> bool {
        self.valid_until()
            .is_some_and(|until| until <= clock::now())
    }

    /// A device that only hears its inboxes counts by its acknowledgements.
    fn pace(&self, connection: &Connection) -> Pace {
        if self.link.is_some() || connection.heard_at.elapsed() < LIVELY {
            Pace::Lively
        } else {
            Pace::Idle
        }
    }

    async fn obey(&mut self, order: Order, connection: &mut Connection) -> Result<(), End> {
        match order {
            // Held until it is judged: the round waits for it.
            Order::Judge(_rounds) => Box::pin(self.judge_and_enforce(self.pace(connection))).await,
            Order::TakeOver(takeover) => {
                Box::pin(self.hear_out(connection)).await;
                Err(End::TakenOver(takeover))
            }
            Order::Close => Err(End::Administrative),
            Order::Drain => Err(End::Drain),
        }
    }
}

/// A moment of the wall clock on the timers' clock; far ones are cut, the clock is wound again anyway.
pub(super) fn from_now(at: u64) -> Instant {
    let left = Duration::from_millis(at.saturating_sub(clock::now()));
    Instant::now() + left.min(IDLE)
}
