//! What every connection under one policy shares: the rules, the records, the engine, the table of sessions.
//!
//! A process has one of these for each policy: their clients never meet, since the rules of one know nothing of the topics of another. The registry,
//! what TLS trusts, the metrics and the decision log are everybody's.

use super::away::{self, Away};
use super::follow;
use super::gate::Gate;
use super::inboxes::Postman;
use super::kept::{Store, file};
use super::limits::Settings;
use super::sessions::Sessions;
use crate::decision;
use crate::engine::{self, Engine};
use crate::metrics::PolicyMetrics;
use crate::policy::{Generation, Policy};
use crate::registry::{self, Registry};
use crate::tls::TrustStore;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// What a broker is made of. All of it is cheap to clone and shared.
pub struct Parts {
    /// The policy's name in the configuration.
    pub name: String,
    /// Who may connect, and what it may do.
    pub policy: Policy,
    /// The records of the clients.
    pub registry: Registry,
    /// The verified authorities, as the listeners' TLS sees them.
    pub trust: TrustStore,
    /// What is counted.
    pub metrics: PolicyMetrics,
    /// Where decisions are written down.
    pub decisions: decision::Log,
    /// The operator's limits of sessions.
    pub settings: Settings,
    /// How the engine is started.
    pub engine: engine::Settings,
    /// What is kept for clients that are away.
    pub inbox: PathBuf,
}

/// One running broker.
pub struct Broker {
    /// The policy's name in the configuration.
    pub name: String,
    /// Who may connect, and what it may do.
    pub policy: Policy,
    /// The records of the clients.
    pub registry: Registry,
    /// The verified authorities.
    pub trust: TrustStore,
    /// What is counted.
    pub metrics: PolicyMetrics,
    /// Where decisions are written down.
    pub decisions: decision::Log,
    /// Who is here.
    pub sessions: Sessions,
    /// The operator's limits of sessions.
    pub settings: Settings,
    pub(crate) away: Away,
    engine: Engine,
    followed: AtomicU64,
    /// Before live sessions are judged.
    pub(crate) judging: Gate,
}

/// Why a broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The engine did not start.
    #[error("the broker cannot start: {0}")]
    Engine(#[from] engine::Down),
    /// What was kept for clients that are away cannot be read.
    #[error("the broker cannot start: {0}")]
    Inbox(#[from] file::Error),
    /// The registry's authorities or its feed cannot be read.
    #[error("the broker cannot start: {0}")]
    Registry(#[from] registry::Error),
}

impl Broker {
    /// Starts the engine, sets the inboxes of the active generation and follows rules and records until `shutdown` turns true.
    pub async fn start(
        parts: Parts,
        shutdown: watch::Receiver<bool>,
    ) -> Result<Arc<Self>, StartError> {
        let engine = Engine::start(&parts.engine)?;
        let store = Store::new(parts.settings.kept_messages, parts.settings.kept_bytes);
        // Before the authorities are read: what changes meanwhile is followed again rather than missed.
        let position = parts.registry.last_sequence()?;
        let (store, disk) = away::open(&parts.inbox, store, &parts.registry, &parts.metrics)?;
        let (away, queue) = Away::new(store, disk, parts.metrics.clone());
        let kept = away.len();
        tracing::info!(
            policy = parts.name,
            kept,
            "messages are kept for clients that are away"
        );
        let follower = parts.registry.watch(position, follow::FEED_INTERVAL)?;
        parts
            .trust
            .replace(&parts.registry.verified_authorities()?, position);
        let broker = Arc::new(Self {
            decisions: parts.decisions.of_policy(&parts.name),
            name: parts.name,
            policy: parts.policy,
            registry: parts.registry,
            trust: parts.trust,
            metrics: parts.metrics,
            sessions: Sessions::default(),
            settings: parts.settings,
            away,
            engine,
            followed: AtomicU64::new(position),
            judging: Gate::default(),
        });
        let revisions = broker.policy.changes();
        broker.set_inboxes(&broker.policy.active()).await?;
        tokio::spawn(away::write_behind(broker.away.clone()));
        tokio::spawn(away::run(
            broker.away.clone(),
            queue,
            broker.sessions.clone(),
            broker.registry.clone(),
        ));
        follow::start(&broker, revisions, follower, &shutdown);
        Ok(broker)
    }

    /// Brings what is kept for clients that are away to disk. Call it when the sessions have ended.
    pub async fn close_inboxes(&self) {
        self.away.close().await;
    }

    /// Where accepted messages go.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The number of the last change of the registry that has been followed.
    pub fn followed(&self) -> u64 {
        self.followed.load(Ordering::Acquire)
    }

    pub(crate) fn set_followed(&self, sequence: u64) {
        self.followed.store(sequence, Ordering::Release);
    }

    /// Lets the engine deliver by the inboxes of this generation.
    pub(crate) async fn set_inboxes(&self, generation: &Generation) -> Result<(), engine::Down> {
        let inboxes = Arc::clone(generation.inboxes());
        let postman = Postman::new(
            inboxes,
            self.sessions.clone(),
            self.away.clone(),
            self.metrics.clone(),
        );
        self.engine()
            .inboxes(postman.filters(), Arc::new(postman))
            .await
    }

    /// Reads or writes the registry on a thread that may block. The error is for the log.
    pub(crate) async fn with_registry<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Registry) -> Result<T, registry::Error> + Send + 'static,
    ) -> Result<T, String> {
        let answer = self.registry.blocking(call).await;
        answer.map_err(|error| error.to_string())
    }
}
