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
    admin::{Admin, Token},
    config::{Config, ListenerKind},
    decision,
    listener::{self, Bound},
    metrics::Metrics,
    policy,
    registry::Registry,
    session::{Broker, Parts},
    tls::{Acceptor, TrustStore, issue::Pair},
};
use std::{sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
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
    raise_file_limit(prepared.config.limits.connections);
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
    let Rules {
        name,
        policy,
        source,
        directory,
    } = Rules::start(&config, &registry, &metrics).await?;
    let _supervision = policy::supervise(policy.clone());
    let trust = TrustStore::new();
    let acceptor = certificate
        .map(|pair| Acceptor::new(&pair.certificate, &pair.key, trust.clone()))
        .transpose()?;
    let listeners = bind(&config, acceptor.as_ref())?;
    let admin = bind_admin(&config).await?;

    let (stop, stopped) = watch::channel(false);
    let decisions = decision::Log::start(&config.decisions, &metrics.decision_log_drops)
        .map_err(|error| Error::Serve(error.to_string()))?;
    let parts = Parts {
        policy: policy.clone(),
        registry: registry.clone(),
        trust,
        metrics: metrics.clone(),
        decisions: decisions.clone(),
        settings: config.sessions.clone(),
        engine: config.engine.clone(),
        data: config.data.clone(),
    };
    let broker = Broker::start(parts, stopped.clone())
        .await
        .map_err(|error| Error::Serve(error.to_string()))?;
    let ready = Ready::new(&name, &policy, &listeners, admin.as_ref())?;
    let reload = Reload {
        rules: policy::watch::follow(policy.clone(), source),
        acceptor,
        registry: registry.clone(),
        directory,
    };
    let admin = admin.map(|socket| {
        let admin = Admin {
            policy_name: name,
            policy,
            registry,
            engine: broker.engine().clone(),
            sessions: broker.sessions.clone(),
            decisions: decisions.clone(),
            metrics,
            token: Token::new(&admin_token),
        };
        tokio::spawn(serve_admin(admin, socket, stopped.clone()))
    });
    let accepting = tokio::spawn(listener::run(Arc::clone(&broker), listeners, stopped));
    if let Some(demo) = &demo
        && let Some(address) = ready.addresses.get(demo.listener())
    {
        eprintln!("{}", demo.lines(*address, OffsetDateTime::now_utc()));
    }
    ready.print()?;
    ready.log();

    while signals.next().await == Signal::Reload {
        reload.everything();
    }
    info!("stopping: clients are told");
    // Nobody to tell means that everything has ended already.
    let _ = stop.send(true);
    let left = broker.sessions.drain(config.limits.drain).await;
    if left > 0 {
        warn!(left, "sessions did not end in time");
    }
    join(Some(accepting)).await;
    broker.close_inboxes().await;
    join(admin).await;
    decisions.close();
    Ok(())
}

fn bind(config: &Config, acceptor: Option<&Acceptor>) -> Result<Vec<Bound>, Error> {
    let bound = config.listeners.iter().map(|(name, listener)| {
        let limits = &config.limits;
        let settings = listener::Settings {
            connections_max: limits.connections,
            half_open_max: limits.half_open,
            handshake_deadline: limits.handshake_deadline,
            connect_deadline: limits.connect_deadline,
            ..listener::Settings::new(name, listener.address, listener.kind == ListenerKind::Mqtts)
        };
        Bound::bind(settings, acceptor.cloned()).map_err(|error| Error::Serve(error.to_string()))
    });
    bound.collect()
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
