//! The running broker: starts the rooms in order, says that it is ready, and stops them in order.
//!
//! Every port is bound, or its error told, before anything is accepted. SIGHUP reads rules, component and server certificate again;
//! SIGTERM and SIGINT tell the clients and end with 0. Bounds: a stop waits for `limits.drain` at most, and a second more
//! for admin requests that are under way.

use super::{Error, serve::Prepared};
use crate::{
    admin::{Admin, Token},
    config::{Config, ListenerKind, Policy as PolicyConfig},
    listener::{self, Bound},
    metrics::Metrics,
    policy::{self, Policy, Source},
    session::{Broker, Parts},
    tls::{Acceptor, TrustStore},
};
use serde::Serialize;
use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use time::OffsetDateTime;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};
use tracing::{error, info, warn};

/// How long a stop waits for admin requests that are under way.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Returns when the broker has stopped.
pub(super) fn run(prepared: Prepared) -> Result<(), Error> {
    raise_file_limit(prepared.config.limits.connections);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime
        .map_err(cannot("the async runtime cannot be started"))?
        .block_on(serve(prepared))
}

async fn serve(prepared: Prepared) -> Result<(), Error> {
    let Prepared {
        config,
        registry,
        certificate,
        admin_token,
        demo,
    } = prepared;
    let (name, policy_config) = only_policy(&config)?;
    let source = Source::new(
        policy_config.component.clone(),
        Some(directory(name, policy_config)),
    );
    let (policy, source) = start_policy(policy_config.limits.clone(), source).await?;
    let trust = TrustStore::new();
    let acceptor = certificate
        .map(|pair| Acceptor::new(&pair.certificate, &pair.key, trust.clone()))
        .transpose()?;
    let listeners = bind(&config, acceptor.as_ref())?;
    let admin = bind_admin(&config).await?;

    let (stop, stopped) = watch::channel(false);
    let metrics = Metrics::default();
    let parts = Parts {
        policy: policy.clone(),
        registry: registry.clone(),
        trust,
        metrics: metrics.clone(),
        settings: config.sessions.clone(),
        engine: config.engine.clone(),
    };
    let broker = Broker::start(parts, stopped.clone())
        .await
        .map_err(|error| Error::Serve(error.to_string()))?;
    let ready = Ready::new(name, &policy, &listeners, admin.as_ref())?;
    let rules = policy::watch::follow(policy.clone(), source);
    let admin = admin.map(|socket| {
        let admin = Admin {
            policy_name: name.to_owned(),
            policy,
            registry,
            engine: broker.engine().clone(),
            sessions: broker.sessions.clone(),
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

    until_told_to_stop(&rules, acceptor.as_ref()).await?;
    info!("stopping: clients are told");
    // Nobody to tell means that everything has ended already.
    let _ = stop.send(true);
    let left = broker.sessions.drain(config.limits.drain).await;
    if left > 0 {
        warn!(left, "sessions did not end in time");
    }
    join(Some(accepting)).await;
    join(admin).await;
    Ok(())
}

/// One policy judges all listeners in this version.
fn only_policy(config: &Config) -> Result<(&str, &PolicyConfig), Error> {
    let mut policies = config.policies.iter();
    match (policies.next(), policies.next()) {
        (Some((name, policy)), None) => Ok((name, policy)),
        _ => Err(Error::Serve(
            "exactly one section `[policies.NAME]` is served: remove the others".into(),
        )),
    }
}

fn directory(name: &str, policy: &PolicyConfig) -> std::path::PathBuf {
    policy
        .directory
        .clone()
        .unwrap_or_else(|| Path::new("policies").join(name))
}

async fn start_policy(limits: policy::Settings, source: Source) -> Result<(Policy, Source), Error> {
    let started = tokio::task::spawn_blocking(move || {
        let policy = Policy::start(limits, source.load()?)?;
        Ok((policy, source))
    });
    let started = started
        .await
        .map_err(cannot("the policy cannot be started"))?;
    started.map_err(|rejection: policy::Rejection| {
        Error::Serve(format!(
            "the policy is rejected ({}): {}; {}",
            rejection.code, rejection.message, rejection.help
        ))
    })
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
    bound.map(Some).map_err(cannot(&format!(
        "the admin server cannot listen on `{address}`"
    )))
}

async fn serve_admin(admin: Admin, socket: TcpListener, mut stopped: watch::Receiver<bool>) {
    let stopped = async move { drop(stopped.wait_for(|stop| *stop).await) };
    if let Err(cause) = admin.serve(socket, stopped).await {
        error!(%cause, "the admin server has ended");
    }
}

/// The one line on stdout.
#[derive(Serialize)]
struct Ready {
    event: &'static str,
    listeners: BTreeMap<String, String>,
    admin: Option<String>,
    policies: BTreeMap<String, ReadyPolicy>,
    #[serde(skip)]
    addresses: BTreeMap<String, SocketAddr>,
}

#[derive(Serialize)]
struct ReadyPolicy {
    digest: String,
    revision: u64,
}

impl Ready {
    fn new(
        name: &str,
        policy: &Policy,
        listeners: &[Bound],
        admin: Option<&TcpListener>,
    ) -> Result<Self, Error> {
        let unknown = || cannot("a bound address cannot be read");
        let mut addresses = BTreeMap::new();
        for bound in listeners {
            addresses.insert(
                bound.name().to_owned(),
                bound.local_addr().map_err(unknown())?,
            );
        }
        let active = policy.active();
        let policy = ReadyPolicy {
            digest: active.component_digest().to_owned(),
            revision: active.revision(),
        };
        Ok(Self {
            event: "ready",
            listeners: addresses
                .iter()
                .map(|(name, address)| (name.clone(), address.to_string()))
                .collect(),
            admin: admin
                .map(TcpListener::local_addr)
                .transpose()
                .map_err(unknown())?
                .map(|address| address.to_string()),
            policies: BTreeMap::from([(name.to_owned(), policy)]),
            addresses,
        })
    }

    fn print(&self) -> Result<(), Error> {
        use std::io::Write;
        let line =
            serde_json::to_string(self).map_err(cannot("the ready line cannot be written"))?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{line}")
            .and_then(|()| stdout.flush())
            .map_err(Error::Stdout)
    }
}

async fn until_told_to_stop(
    rules: &policy::watch::Watch,
    acceptor: Option<&Acceptor>,
) -> Result<(), Error> {
    let listen = |kind| signal(kind).map_err(cannot("signals cannot be received"));
    let (mut hangup, mut terminate, mut interrupt) = (
        listen(SignalKind::hangup())?,
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    loop {
        tokio::select! {
            _ = hangup.recv() => reload(rules, acceptor),
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

fn reload(rules: &policy::watch::Watch, acceptor: Option<&Acceptor>) {
    info!("SIGHUP: reading rules, component and server certificate again");
    rules.reload();
    if let Some(Err(error)) = acceptor.map(Acceptor::reload) {
        error!(%error, "the server certificate is not replaced, the former one stays");
    }
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

fn cannot<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> Error {
    let what = what.to_owned();
    move |cause| Error::Serve(format!("{what}: {cause}"))
}
