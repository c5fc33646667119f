//! The registry's change feed: who is judged again for which change, and what TLS trusts from now on.
//!
//! An authority also ends by itself, at the end of its certificate's life: then everybody whom an authority vouches for is judged as if
//! it had been removed.

use crate::contract::UtcMs;
use crate::registry::{Authority, Change, Changed, Follower};
use crate::session::broker::Broker;
use crate::session::clock::{self, end_of_validity};
use crate::session::mailbox::Mailbox;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tracing::debug;
use x509_parser::parse_x509_certificate;

/// How often is looked for an authority that has ended by itself.
const ENDS_INTERVAL: Duration = Duration::from_secs(1);

/// A reader of the feed.
pub(super) struct Feed {
    broker: Arc<Broker>,
    follower: Follower,
    /// Read, but not told to everybody yet.
    untold: Vec<Change>,
    /// When the authorities' certificates end.
    ends: Vec<UtcMs>,
}

impl Feed {
    pub(super) async fn new(broker: Arc<Broker>, follower: Follower) -> Self {
        let mut feed = Self {
            broker,
            follower,
            untold: Vec::new(),
            ends: Vec::new(),
        };
        // The trust store itself was filled at the start; a failure here shows again with the next change of an authority.
        feed.trust().await.ok();
        feed
    }

    /// Waits for the next changes and tells them to everybody whom they touch.
    pub(super) async fn follow(&mut self) -> Result<(), String> {
        if self.untold.is_empty() {
            tokio::select! {
                changes = self.follower.next() => self.untold = changes.map_err(|error| error.to_string())?,
                () = sleep(ENDS_INTERVAL) => self.end_authorities(),
            }
        }
        self.tell().await
    }

    /// Authorities first: a session that is judged because of one must see the new trust store.
    async fn tell(&mut self) -> Result<(), String> {
        let Some(last) = self.untold.last().map(|change| change.sequence) else {
            return Ok(());
        };
        if self.untold.iter().any(|change| touches_trust(&change.what)) {
            self.trust().await?;
        }
        let changes = std::mem::take(&mut self.untold);
        // Before anybody is told: a client that takes its place after that finds itself outdated (see `Session::is_outdated`).
        self.broker.set_followed(last);
        // Before they are told: what a session gives back when it ends must not be kept any more.
        let broker = &self.broker;
        broker.away.follow(last, &changes, &broker.sessions);
        let touched: usize = changes.iter().map(|change| self.judge(&change.what)).sum();
        self.broker
            .metrics
            .registry_changes
            .inc_by(changes.len() as u64);
        debug!(changes = changes.len(), touched, "records changed");
        Ok(())
    }

    async fn trust(&mut self) -> Result<(), String> {
        let broker = &self.broker;
        let read = broker.with_registry(|registry| {
            let as_of = registry.last_sequence()?;
            Ok((registry.verified_authorities()?, as_of))
        });
        let (authorities, as_of) = read.await?;
        broker.trust.replace(&authorities, as_of);
        self.ends = authorities.iter().filter_map(end_of).collect();
        Ok(())
    }

    fn judge(&self, what: &Changed) -> usize {
        let sessions = &self.broker.sessions;
        match what {
            Changed::Client(id) | Changed::Removed(id) => sessions.judge_record(id),
            Changed::Product(id) => sessions.judge(|one| *one.card.product == **id),
            Changed::Authority(_) => sessions.judge(is_vouched_for),
            Changed::All => sessions.judge(|_| true),
        }
    }

    fn end_authorities(&mut self) {
        let now = clock::now();
        if self.ends.extract_if(.., |end| *end <= now).count() > 0 {
            self.broker.sessions.judge(is_vouched_for);
        }
    }
}

fn touches_trust(what: &Changed) -> bool {
    matches!(what, Changed::Authority(_) | Changed::All)
}

/// By any authority: the one that vouched at CONNECT may be gone long since, and another one of the same key have stood in for it.
fn is_vouched_for(mailbox: &Mailbox) -> bool {
    mailbox.card.authority.is_some()
}

/// An authority that cannot be parsed is trusted by nobody, so it has no end either.
fn end_of(authority: &Authority) -> Option<UtcMs> {
    let (_, certificate) = parse_x509_certificate(&authority.certificate).ok()?;
    let end = certificate.validity().not_after.timestamp();
    Some(end_of_validity(end))
}
