//! The ready line: the one line on stdout, which harnesses wait for. Every port is bound when it is made.

use super::Error;
use crate::{listener::Bound, session::Broker};
use serde::Serialize;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tracing::info;

/// The one line on stdout.
#[derive(Serialize)]
pub(super) struct Ready {
    event: &'static str,
    listeners: BTreeMap<String, String>,
    admin: Option<String>,
    policies: BTreeMap<String, ReadyPolicy>,
    #[serde(skip)]
    pub(super) addresses: BTreeMap<String, SocketAddr>,
}

#[derive(Serialize)]
struct ReadyPolicy {
    digest: String,
    revision: u64,
}

impl Ready {
    pub(super) fn new(
        brokers: &[Arc<Broker>],
        listeners: &[(String, Bound)],
        admin: Option<&TcpListener>,
    ) -> Result<Self, Error> {
        let unknown = || Error::start("a bound address cannot be read");
        let mut addresses = BTreeMap::new();
        for (_, bound) in listeners {
            addresses.insert(
                bound.name().to_owned(),
                bound.local_addr().map_err(unknown())?,
            );
        }
        let policies = brokers.iter().map(|broker| {
            let active = broker.policy.active();
            let ready = ReadyPolicy {
                digest: active.component_digest().to_owned(),
                revision: active.revision(),
            };
            (broker.name.clone(), ready)
        });
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
            policies: policies.collect(),
            addresses,
        })
    }

    /// The same for whoever reads the log alone.
    pub(super) fn log(&self) {
        for (name, address) in &self.addresses {
            info!(listener = name, %address, "listening");
        }
        if let Some(address) = &self.admin {
            info!(address, "admin server listening");
        }
    }

    pub(super) fn print(&self) -> Result<(), Error> {
        use std::io::Write;
        let line = serde_json::to_string(self)
            .map_err(Error::start("the ready line cannot be written"))?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{line}")
            .and_then(|()| stdout.flush())
            .map_err(Error::Stdout)
    }
}
