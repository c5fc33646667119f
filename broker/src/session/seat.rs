//! A session's place in the table: taken at CONNECT, given back when the session is dropped, whatever ended it (also a panic).

use super::away::Away;
use super::broker::Broker;
use super::card::Card;
use super::carried::Carried;
use super::mailbox::{Mailbox, Order, Takeover};
use super::sessions::Sessions;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The old session has its packet loop, one call of the policy and one hand-over to the engine to finish.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Seat {
    pub(crate) mailbox: Arc<Mailbox>,
    sessions: Sessions,
    away: Away,
}

/// The session before did not end in time: nobody may sit on its place.
#[derive(Debug, thiserror::Error)]
#[error("the session of this client did not end within {PATIENCE:?}")]
pub(crate) struct Occupied;

impl Seat {
    /// Takes the place. The session that had it has ended when this returns; its state comes along where it is kept and wanted.
    pub(crate) async fn take(
        broker: &Broker,
        card: Card,
        clean: bool,
    ) -> Result<(Self, Option<Box<Carried>>), Occupied> {
        let mailbox = Arc::new(Mailbox::new(card));
        let before = broker.sessions.claim(&mailbox);
        let seat = Self {
            mailbox,
            sessions: broker.sessions.clone(),
            away: broker.away.clone(),
        };
        let carried = match before {
            Some(before) => end(&before, clean).await?,
            None => None,
        };
        Ok((seat, carried))
    }
}

async fn end(before: &Mailbox, clean: bool) -> Result<Option<Box<Carried>>, Occupied> {
    let (reply, answer) = oneshot::channel();
    if !before.order(Order::TakeOver(Takeover { clean, reply })) {
        return Ok(None);
    }
    let answer = timeout(PATIENCE, answer).await.map_err(|_| Occupied)?;
    // A sender that was dropped belongs to a session that ended by itself.
    Ok(answer.ok().flatten())
}

impl Seat {
    /// Gives the place back; once is enough. What nobody took out of the mailbox is kept, where its inbox keeps.
    pub(crate) fn vacate(&self) {
        self.away.retire(&self.mailbox, &self.sessions);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.vacate();
    }
}
