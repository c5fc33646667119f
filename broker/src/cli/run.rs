//! The running broker: starts the rooms in order, says that it is ready, and stops them in order.
//!
//! Every port is bound, or its error told, before anything is accepted. SIGHUP reads rules, component and server certificate again;
//! SIGTERM and SIGINT tell the clients and end with 0. Bounds: a stop waits for `limits.drain` at most, and a second more
//! for admin requests that are under way.

use super::{
    DataLock, Error, demo,
    ready::Ready,
    reload::Reload,
    rules::Rules,
    signals::{Signal, Signals},
};
use crate::{
    admin::{Admin, Served, Token},
    config::{Config, ListenerKind},
    decision,
    listener::{self, Bound},
    metrics::Metrics,
    policy::{self, BuiltIn},
    registry::Registry,
    session::{Broker, Parts},
    tls::{Acceptor, TrustStore, issue::Pair},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tracing::{error, info, warn};

/// How long a stop waits for admin requests that are under way.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What is ready before a port is bound: handed to the listeners.
pub struct Prepared {
    /// Checked.
    pub config: Config,
    /// Keeps a second broker off the data directory.
    pub lock: DataLock,
    /// Open, its schema up to date.
    pub registry: Registry,
    /// The server's certificate and key; none where no listener speaks TLS.
    pub certificate: Option<Pair>,
    /// The bearer token of the admin server.
    pub admin_token: String,
    /// With `--demo`: prints its lines once the port is known.
    pub demo: Option<demo::Demo>,
}

/// Returns when the broker has stopped.
pub(super) fn run(prepared: Prepared) -> Result<(), Error> {
    let config = &prepared.config;
    let places = config.limits.connections;
    raise_file_limit(places.saturating_mul(config.listeners.len()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::start("the async runtime cannot be started"))?;
    let served = runtime.block_on(serve(prepared));
    // Does not wait for a candidate that is being compiled: its process ends by its own limits.
    runtime.shutdown_background();
    served
}

async fn serve(prepared: Prepared) -> Result<(), Error> {
    let Prepared {
        config,
        lock: _lock,
        registry,
        certificate,
        admin_token,
        demo,
    } = prepared;
    // Before anything else: who has read the ready line may send one at once.
    let mut signals = Signals::listen()?;
    let metrics = Metrics::default();
    let rules = Rules::start_all(&config, &registry, &metrics).await?;
    let _supervision: Vec<_> = rules
        .iter()
        .map(|one| policy::supervise(one.policy.clone()))
        .collect();
    let trust = TrustStore::new();
    let acceptor = certificate
        .map(|pair| Acceptor::new(&pair.certificate, &pair.key, trust.clone()))
        .transpose()?;
    let listeners = bind(&config, acceptor.as_ref(), demo.as_ref())?;
    let admin = bind_admin(&config).await?;

    let (stop, stopped) = watch::channel(false);
    let decisions = decision::Log::start(&config.decisions, &metrics.decision_log_drops)
        .map_err(|error| Error::Serve(error.to_string()))?;
    let shared = Shared {
        config: &config,
        registry: &registry,
        trust: &trust,
        metrics: &metrics,
        decisions: &decisions,
    };
    let brokers = shared.brokers(&rules, &stopped).await?;
    let ready = Ready::new(&brokers, &listeners, admin.as_ref())?;
    let directories = rules.iter().map(|one| one.directory.clone()).collect();
    let watches = rules
        .into_iter()
        .map(|one| policy::watch::follow(one.policy, one.source));
    let reload = Reload {
        rules: watches.collect(),
        acceptor,
        registry: registry.clone(),
        directories,
    };
    let admin = admin.map(|socket| {
        let admin = Admin {
            served: brokers.iter().map(served).collect(),
            registry,
            decisions: decisions.clone(),
            metrics,
            token: Token::new(&admin_token),
        };
        tokio::spawn(serve_admin(admin, socket, stopped.clone()))
    });
    let listeners = listeners.into_iter().filter_map(|(policy, bound)| {
        let broker = brokers.iter().find(|broker| broker.name == policy)?;
        Some((Arc::clone(broker), bound))
    });
    let accepting = tokio::spawn(listener::run(listeners.collect(), stopped));
    if let Some(demo) = &demo {
        eprint!(
            "{}",
            demo.all_lines(&ready.addresses, OffsetDateTime::now_utc())
        );
    }
    ready.print()?;
    ready.log();

    while signals.next().await == Signal::Reload {
        reload.everything();
    }
    info!("stopping: clients are told");
    // Nobody to tell means that everything has ended already.
    let _ = stop.send(true);
    drain(&brokers, config.limits.drain).await;
    join(Some(accepting)).await;
    for broker in &brokers {
        broker.close_inboxes().await;
    }
    join(admin).await;
    decisions.close();
    Ok(())
}

/// What the brokers of all policies share.
struct Shared<'a> {
    config: &'a Config,
    registry: &'a Registry,
    trust: &'a TrustStore,
    metrics: &'a Metrics,
    decisions: &'a decision::Log,
}

impl Shared<'_> {
    /// One for each policy, in their order.
    async fn brokers(
        &self,
        rules: &[Rules],
        stopped: &watch::Receiver<bool>,
    ) -> Result<Vec<Arc<Broker>>, Error> {
        let mut brokers = Vec::with_capacity(rules.len());
        for one in rules {
            let parts = Parts {
                name: one.name.clone(),
                policy: one.policy.clone(),
                registry: self.registry.clone(),
                trust: self.trust.clone(),
                metrics: self.metrics.of_policy(&one.name),
                decisions: self.decisions.clone(),
                settings: self.config.sessions.clone(),
                engine: self.config.engine.clone(),
                inbox: self.config.data.join(inbox_file(&one.name)),
            };
            let broker = Broker::start(parts, stopped.clone()).await;
            brokers.push(broker.map_err(|error| Error::Serve(error.to_string()))?);
        }
        Ok(brokers)
    }
}

/// The default policy's has no name in it: brokers before this version had no other.
fn inbox_file(policy: &str) -> String {
    if policy == BuiltIn::default_policy().name {
        "inbox.db".to_owned()
    } else {
        format!("inbox-{policy}.db")
    }
}

fn served(broker: &Arc<Broker>) -> (String, Served) {
    let served = Served {
        policy: broker.policy.clone(),
        engine: broker.engine().clone(),
        sessions: broker.sessions.clone(),
    };
    (broker.name.clone(), served)
}

/// All at the same time: the deadline is everybody's.
async fn drain(brokers: &[Arc<Broker>], grace: Duration) {
    let mut draining = JoinSet::new();
    for broker in brokers {
        let sessions = broker.sessions.clone();
        draining.spawn(async move { sessions.drain(grace).await });
    }
    let left: usize = draining.join_all().await.into_iter().sum();
    if left > 0 {
        warn!(left, "sessions did not end in time");
    }
}

/// The listeners, with the policies that judge their clients.
fn bind(
    config: &Config,
    acceptor: Option<&Acceptor>,
    demo: Option<&demo::Demo>,
) -> Result<Vec<(String, Bound)>, Error> {
    let bound = config.listeners.iter().map(|(name, listener)| {
        let limits = &config.limits;
        let settings = listener::Settings {
            connections_max: limits.connections,
            half_open_max: limits.half_open,
            handshake_deadline: limits.handshake_deadline,
            connect_deadline: limits.connect_deadline,
            ..listener::Settings::new(name, listener.address, listener.kind == ListenerKind::Mqtts)
        };
        let may_move = demo.is_some_and(|demo| demo.may_move(name));
        let bound = bind_one(settings, acceptor, may_move);
        bound.map(|bound| (listener.policy.clone(), bound))
    });
    bound.collect()
}

/// `may_move`: nobody has asked for this port, so a free one will do where it is taken.
fn bind_one(
    settings: listener::Settings,
    acceptor: Option<&Acceptor>,
    may_move: bool,
) -> Result<Bound, Error> {
    let bound = Bound::bind(settings.clone(), acceptor.cloned());
    let bound = match bound {
        Err(error) if may_move && settings.addr.port() != 0 => {
            info!(%error, "a free port is taken instead");
            let addr = SocketAddr::new(settings.addr.ip(), 0);
            Bound::bind(listener::Settings { addr, ..settings }, acceptor.cloned())
        }
        bound => bound,
    };
    bound.map_err(|error| Error::Serve(error.to_string()))
}

async fn bind_admin(config: &Config) -> Result<Option<TcpListener>, Error> {
    if !config.admin.enabled {
        return Ok(None);
    }
    let address = config.admin.address;
    let bound = TcpListener::bind(address).await;
    bound.map(Some).map_err(|cause| {
        Error::Serve(format!(
            "the admin server cannot listen on `{address}`: {cause}; choose another address with --admin, or stop what uses it"
        ))
    })
}

async fn serve_admin(admin: Admin, socket: TcpListener, mut stopped: watch::Receiver<bool>) {
    let stopped = async move { drop(stopped.wait_for(|stop| *stop).await) };
    admin.serve(socket, stopped).await;
}

/// A visitor of the admin port who has sent half a request, or does not read, would otherwise hold up the stop for ever.
async fn join(task: Option<JoinHandle<()>>) {
    let Some(task) = task else {
        return;
    };
    match timeout(LAST_ANSWERS, task).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => error!(%cause, "a task has ended badly"),
        Err(_) => warn!("requests under way are not waited for any longer"),
    }
}

/// A shell's soft limit is often 1 024 files; a connection is one. Registry, listeners and files take some more.
fn raise_file_limit(connections: usize) {
    const OTHERS: u64 = 128;
    let wanted = u64::try_from(connections)
        .unwrap_or(u64::MAX)
        .saturating_add(OTHERS);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit < wanted => {
            warn!(
                limit,
                wanted,
                "fewer files may be open than connections are allowed: raise the hard limit (ulimit -Hn)"
            );
        }
        Ok(_) => {}
        Err(cause) => warn!(%cause, "the limit of open files cannot be raised"),
    }
}
