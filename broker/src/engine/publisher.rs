//! The shared publishing links: how accepted messages enter the engine.
//!
//! Bounds: a link's buffer is filled to at most [`WAITING_MESSAGES`] and [`WAITING_BYTES`], the router's queue to [`DEPTH`] of its 1 000
//! events (beyond that rumqttd blocks the thread); then the publisher waits, and with it the connection that it reads from.
//! Failure: [`Down`]; nothing of the batch was acknowledged, the session closes with the fault code.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttd::protocol::{Packet, Publish};

use super::router::PublishingLink;
use super::{Down, Inner, Message, envelope};

const DEPTH: usize = 800;
const WAITING_MESSAGES: usize = 4096;
const WAITING_BYTES: usize = 16 << 20;

/// One of the shared publishing links. A session takes one and stays on it, so its order holds.
#[derive(Clone)]
pub struct Publisher {
    engine: Arc<Inner>,
    session: u64,
}

impl Publisher {
    pub(super) fn new(engine: Arc<Inner>, session: u64) -> Self {
        Self { engine, session }
    }

    /// Hands over all of `batch` in order and empties it; waits where the engine is busy. QoS 1 may be acknowledged after it returns.
    pub async fn publish(&self, batch: &mut Vec<Message>) -> Result<(), Down> {
        let mut sealed = self.seal(batch);
        batch.clear();
        while !self.hand_over(&mut sealed)? {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Outside the lock: the copies cost more than everything under it. In reverse, so that the next one is popped.
    fn seal(&self, batch: &[Message]) -> Vec<(Bytes, Bytes)> {
        let first = self.engine.take_numbers(batch.len());
        let mut sealed = envelope::seal(batch, first);
        sealed.reverse();
        sealed
    }

    /// Moves what there is room for; true when nothing is left.
    fn hand_over(&self, sealed: &mut Vec<(Bytes, Bytes)>) -> Result<bool, Down> {
        let incarnation = self.engine.incarnation.load();
        if incarnation.is_dead() {
            return Err(Down);
        }
        if incarnation.depth() > DEPTH {
            return Ok(false);
        }
        let mut link = incarnation.publishing(self.session).ok_or(Down)?;
        push(&mut link, sealed)?;
        Ok(sealed.is_empty())
    }
}

/// The router takes a link's whole buffer at one event. A buffer that is not empty has its event on the way, so only the first message
/// into an empty one sends an event (`LinkTx::publish`); it goes last, so that the event covers all.
fn push(link: &mut PublishingLink, sealed: &mut Vec<(Bytes, Bytes)>) -> Result<(), Down> {
    let PublishingLink {
        tx, waiting_bytes, ..
    } = link;
    let mut buffer = tx.buffer();
    let announced = !buffer.is_empty();
    if !announced {
        *waiting_bytes = 0;
    }
    let mut last = None;
    while buffer.len() < WAITING_MESSAGES && *waiting_bytes < WAITING_BYTES {
        let Some((topic, payload)) = sealed.pop() else {
            break;
        };
        *waiting_bytes += topic.len() + payload.len();
        if let Some((topic, payload)) = last.replace((topic, payload)) {
            buffer.push_back(Packet::Publish(Publish::new(topic, payload, false), None));
        }
    }
    let Some((topic, payload)) = last else {
        return Ok(());
    };
    if announced {
        buffer.push_back(Packet::Publish(Publish::new(topic, payload, false), None));
        return Ok(());
    }
    drop(buffer);
    tx.publish(topic, payload).map(drop).map_err(|_| Down)
}
