//! What changes while clients are connected, and whom it touches: new generations, the registry's change feed.
//!
//! Each is one task that runs until shutdown. A registry that cannot be read is logged and tried again; nothing is skipped, because a
//! change stays at hand until everybody whom it touches was told.

mod feed;

use super::broker::Broker;
use super::sweep::Sweep;
use crate::registry::Follower;
use feed::Feed;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};

/// A change by another process is seen within this time, one by this process at once: a revocation by the CLI shall close its session
/// within 250 ms.
pub(crate) const FEED_INTERVAL: Duration = Duration::from_millis(100);
/// After a failure of the feed, or of the engine.
const PAUSE: Duration = Duration::from_millis(200);
/// How often kept messages are looked through.
const CARE_INTERVAL: Duration = Duration::from_secs(1);

/// Starts all followers.
///
/// `revisions` was taken before the inboxes of the active generation were set, so no swap is missed.
pub(crate) fn start(
    broker: &Arc<Broker>,
    revisions: watch::Receiver<u64>,
    follower: Follower,
    shutdown: &watch::Receiver<bool>,
) {
    tokio::spawn(until(
        shutdown.clone(),
        generations(Arc::clone(broker), revisions),
    ));
    tokio::spawn(until(
        shutdown.clone(),
        changes(Arc::clone(broker), follower),
    ));
    tokio::spawn(until(shutdown.clone(), care(Arc::clone(broker))));
}

async fn until(mut shutdown: watch::Receiver<bool>, follower: impl Future<Output = ()>) {
    tokio::select! {
        // An error says that nobody can ask for a shutdown any more: the process is ending.
        _ = shutdown.wait_for(|down| *down) => {}
        () = follower => {}
    }
}

/// Every change of what is in force: the inboxes first, so that no session waits for messages that nobody brings; then all sessions. Each
/// looks for itself whether the change means anything to it.
async fn generations(broker: Arc<Broker>, mut revisions: watch::Receiver<u64>) {
    while revisions.changed().await.is_ok() {
        let sweep = Sweep::new(&broker);
        let generation = broker.policy.active();
        let revision = generation.revision();
        let inboxes = broker.set_inboxes(&generation).await;
        let sessions = broker.sessions.sweep(&sweep);
        info!(
            revision,
            sessions, "rules changed: every session is judged again"
        );
        drop(sweep);
        if inboxes.is_err() {
            warn!(revision, "the inboxes cannot be set: the engine is down");
            set_inboxes_later(&broker, &revisions).await;
        }
    }
}

/// Until it is done or there is another generation.
async fn set_inboxes_later(broker: &Broker, revisions: &watch::Receiver<u64>) {
    while !revisions.has_changed().unwrap_or(true) {
        sleep(PAUSE).await;
        let generation = broker.policy.active();
        if broker.set_inboxes(&generation).await.is_ok() {
            return;
        }
    }
}

async fn changes(broker: Arc<Broker>, follower: Follower) {
    let mut feed = Feed::new(broker, follower).await;
    let mut told = None;
    loop {
        let failed = feed.follow().await.err();
        if let Some(cause) = &failed {
            // Once, not five times a second: it may last.
            if told != failed {
                error!(
                    cause,
                    "the registry's changes cannot be followed: live sessions are not judged by them yet"
                );
            }
            sleep(PAUSE).await;
        }
        told = failed;
    }
}

async fn care(broker: Arc<Broker>) {
    let mut ticks = interval(CARE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        broker.away.expire();
    }
}
