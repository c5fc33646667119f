//! Subscribes to everything while rules are swapped, and looks at each delivery: is it the next of its publisher, and do the rules in force
//! let it be seen?
//!
//! What a socket held before a change is nobody's fault: a witness asks the broker for an answer (PINGREQ) when a topic has been denied, and
//! what comes behind the answer counts.

use crate::Failure;
use crate::connection::Client;
use crate::frames::{self, Frame};
use crate::progress::Progress;
use crate::stage::{Extra, Stage, Stages};
use crate::traffic::ack;
use bytes::Buf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PINGREQ: [u8; 2] = [0xc0, 0];

pub(crate) struct Witness {
    /// Among the witnesses.
    pub(crate) number: usize,
    /// Among those who test the stages.
    pub(crate) watcher: usize,
    pub(crate) progress: Arc<Progress>,
    pub(crate) stages: Arc<Stages>,
    /// The next number of each publisher; whoever has a higher number than these is the probe.
    pub(crate) expected: Vec<u32>,
    /// Numbers of the probe's messages, as they came.
    pub(crate) extras: Vec<u32>,
    /// The stage of the PINGREQ that is not answered.
    pub(crate) asked: Option<u64>,
    /// The stage of the last one that was.
    pub(crate) answered: Option<u64>,
}

impl Witness {
    /// Runs until the stage is over; returns what it saw of the probe.
    pub(crate) async fn run(mut self, mut client: Client<TcpStream>) -> Result<Vec<u32>, Failure> {
        let mut stage = self.stages.follow();
        let mut out = Vec::new();
        self.turn(self.stages.now(), &mut out);
        loop {
            tokio::select! {
                changed = stage.changed() => {
                    changed?;
                    let now = *stage.borrow_and_update();
                    if now.extra == Extra::Over {
                        return Ok(self.extras);
                    }
                    self.turn(now, &mut out);
                }
                read = client.stream.read_buf(&mut client.input) => {
                    if read? == 0 {
                        return Err("the broker has closed a witness's connection".into());
                    }
                    self.take(&mut client, &mut out)?;
                    self.progress.moved.notify_waiters();
                }
            }
            client.stream.write_all(&out).await?;
            out.clear();
        }
    }

    fn turn(&mut self, stage: Stage, out: &mut Vec<u8>) {
        if stage.extra == Extra::Denied {
            self.asked = Some(stage.number);
            out.extend_from_slice(&PINGREQ);
        } else {
            self.stages.has_tested(self.watcher, stage.number);
        }
    }

    fn take(&mut self, client: &mut Client<TcpStream>, out: &mut Vec<u8>) -> Result<(), Failure> {
        while let Some((frame, size)) = frames::next(&client.input)? {
            client.input.advance(size);
            match frame {
                Frame::Message {
                    publisher,
                    number,
                    packet_id,
                } => {
                    self.see(publisher, number)?;
                    ack(packet_id, out);
                }
                Frame::PingResp => {
                    self.answered = self.asked.take();
                    if let Some(stage) = self.answered {
                        self.stages.has_tested(self.watcher, stage);
                    }
                }
                Frame::PubAck { .. } | Frame::Other => {}
            }
        }
        Ok(())
    }

    fn see(&mut self, publisher: u32, number: u32) -> Result<(), Failure> {
        let Some(next) = self.expected.get_mut(usize::try_from(publisher)?) else {
            self.see_extra(number);
            return Ok(());
        };
        if *next != number {
            self.progress.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
        *next = number + 1;
        if let Some(delivered) = self.progress.delivered.get(self.number) {
            delivered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Some are rightly missing, but none comes twice or late.
    fn see_extra(&mut self, number: u32) {
        if self.extras.last().is_some_and(|last| *last >= number) {
            self.progress.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
        self.extras.push(number);
        let now = self.stages.now();
        if now.extra == Extra::Denied && self.answered == Some(now.number) {
            let stage = now.number;
            self.stages
                .is_wrong(format!("message {number} is delivered at stage {stage}"));
        }
    }
}
