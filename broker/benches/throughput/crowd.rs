//! Who is connected while rules are swapped, and what becomes of it.
//!
//! [`PUBLISHERS`] devices publish at their pace, QoS 1, to [`WITNESSES`] subscribers that check every delivery; a probe publishes on the topic
//! that is allowed and denied in turn.

use crate::Failure;
use crate::connection::{self, Client};
use crate::frames::Template;
use crate::probe::{self, Probed};
use crate::progress::Progress;
use crate::server::Server;
use crate::stage::{Extra, Stages};
use crate::traffic::publish_paced;
use crate::witness::Witness;
use iotda_broker::session::wire::Qos;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) const PUBLISHERS: usize = 200;
const WITNESSES: usize = 4;
/// Messages per second of each publisher.
const PACE: u32 = 10;
const SIZE: usize = 64;

/// Everybody who is connected while rules are swapped.
pub(crate) struct Crowd {
    is_over: Arc<AtomicBool>,
    progress: Arc<Progress>,
    pub(crate) stages: Arc<Stages>,
    publishers: JoinSet<Result<(), Failure>>,
    witnesses: Vec<JoinHandle<Result<Vec<u32>, Failure>>>,
    probe: JoinHandle<Result<Probed, Failure>>,
}

/// What became of them.
pub(crate) struct Outcome {
    /// Connections that ended, and the first cause.
    closed: Vec<String>,
    published: u64,
    delivered: u64,
    lost: Option<String>,
    probed: Probed,
    extras: usize,
    wrong: (usize, Option<String>),
}

impl Crowd {
    pub(crate) async fn gather(server: &Server) -> Result<Self, Failure> {
        let progress = Arc::new(Progress::new(WITNESSES, SIZE as u64));
        let stages = Arc::new(Stages::new(WITNESSES + 1));
        let mut witnesses = Vec::new();
        for number in 0..WITNESSES {
            let mut client = connection::join(server.address, &server.client(number)).await?;
            client.subscribe("bench/#", Qos::AtLeastOnce).await?;
            let witness = Witness {
                number,
                watcher: number,
                progress: Arc::clone(&progress),
                stages: Arc::clone(&stages),
                expected: vec![0; PUBLISHERS],
                extras: Vec::new(),
                asked: None,
                answered: None,
            };
            witnesses.push(tokio::spawn(witness.run(client)));
        }
        let client = probe::join(server.address).await?;
        let publisher = u32::try_from(PUBLISHERS)?;
        let probe = probe::run(client, publisher, WITNESSES, Arc::clone(&stages));
        let mut crowd = Self {
            is_over: Arc::default(),
            probe: tokio::spawn(probe),
            publishers: JoinSet::new(),
            witnesses,
            progress,
            stages,
        };
        for number in 0..PUBLISHERS {
            let client = connection::join(server.address, &server.device(number)?).await?;
            crowd.let_publish(client, number)?;
        }
        Ok(crowd)
    }

    fn let_publish(&mut self, client: Client<TcpStream>, number: usize) -> Result<(), Failure> {
        let topic = format!("bench/{number}");
        let template = Template::new(&topic, u32::try_from(number)?, Qos::AtLeastOnce, SIZE);
        let over = Arc::clone(&self.is_over);
        let is_over = move || over.load(Ordering::Relaxed);
        let progress = Arc::clone(&self.progress);
        self.publishers
            .spawn(publish_paced(client, template, PACE, is_over, progress));
        Ok(())
    }

    /// Publishers first, then the probe and the witnesses, who must have seen everything.
    pub(crate) async fn disperse(mut self) -> Result<Outcome, Failure> {
        let mut closed = Vec::new();
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.publishers.join_next().await {
            closed.extend(ended?.err());
        }
        let published = self.progress.sent.load(Ordering::Relaxed);
        let expected = published * WITNESSES as u64;
        let arrived = || self.progress.total() >= expected;
        self.progress.until(arrived).await;
        self.stages.set(Extra::Over);
        let mut probed = Probed::default();
        match self.probe.await? {
            Ok(all) => probed = all,
            Err(failure) => closed.push(failure),
        }
        let mut seen = Vec::new();
        for witness in self.witnesses {
            match witness.await? {
                Ok(extras) => seen.extend(extras),
                Err(failure) => closed.push(failure),
            }
        }
        compare(&probed, &seen, &self.stages);
        Ok(Outcome {
            closed: closed.iter().map(ToString::to_string).collect(),
            published,
            delivered: self.progress.total(),
            lost: self.progress.trouble(expected),
            extras: seen.len(),
            probed,
            wrong: self.stages.wrong(),
        })
    }
}

/// What was refused may reach nobody, whenever it was.
fn compare(probed: &Probed, seen: &[u32], stages: &Stages) {
    let refused: HashSet<&u32> = probed.refused.iter().collect();
    for number in seen.iter().filter(|number| refused.contains(number)) {
        stages.is_wrong(format!("message {number} is refused and delivered"));
    }
}

impl Outcome {
    /// False where something is not as it should be.
    pub(crate) fn print(&self) -> bool {
        println!(
            "{} clients published {} messages, {} were delivered to {WITNESSES} subscribers: {} lost, doubled or out of order",
            PUBLISHERS,
            self.published,
            self.delivered,
            self.lost.as_deref().unwrap_or("none")
        );
        println!("connections lost: {}", self.closed.len());
        let (wrong, first) = &self.wrong;
        println!(
            "on the topic that is allowed and denied in turn: {} published, {} refused, {} delivered, {wrong} taken, refused or delivered against the rules in force",
            self.probed.sent,
            self.probed.refused.len(),
            self.extras
        );
        let nothing = (self.probed.refused.is_empty() || self.extras == 0)
            .then(|| "nothing was refused, or nothing delivered: nothing is proven".to_owned());
        let first_closed = self.closed.first().cloned();
        let failures = [self.lost.clone(), first_closed, first.clone(), nothing];
        let mut good = true;
        for failure in failures.into_iter().flatten() {
            println!("FAILURE: {failure}");
            good = false;
        }
        good
    }
}
