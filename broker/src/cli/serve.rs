//! `iotda-broker serve`: everything that must be in place before a port is bound, then the listeners.
//!
//! Any failure ends here with a message, before a port is bound; a wrong configuration with exit code 64.

use super::{
    DataLock, Error, admin_token,
    demo::{self, Asked},
    log,
    run::{self, Prepared},
};
use crate::{
    config::{Config, Flags, ListenerKind},
    registry::Registry,
    tls::issue::{self, Pair},
};
use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

#[derive(Args)]
pub(super) struct Serve {
    /// The configuration (TOML); `--print-config` shows every setting.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Register a demo product, authority, devices and application, and print lines to try them with.
    #[arg(long)]
    demo: bool,
    /// Address of the TLS listener; port 0 picks a free one.
    #[arg(long, value_name = "ADDR")]
    mqtts: Option<SocketAddr>,
    /// Address of a plain listener; without this there is none.
    #[arg(long, value_name = "ADDR")]
    mqtt: Option<SocketAddr>,
    /// Address of the admin HTTP server.
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// Print the commented example configuration and exit.
    #[arg(long)]
    print_config: bool,
}

impl Serve {
    pub(super) fn run(self, data: Option<PathBuf>) -> Result<(), Error> {
        if self.print_config {
            print!("{}", include_str!("../../config.example.toml"));
            return Ok(());
        }
        run::run(self.prepare(data)?)
    }

    fn prepare(self, data: Option<PathBuf>) -> Result<Prepared, Error> {
        let flags = Flags {
            data,
            mqtts: self.mqtts,
            mqtt: self.mqtt,
            admin: self.admin,
        };
        let mut config = Config::load(self.config.as_deref(), &flags)?;
        let asked = Asked {
            with_config: self.config.is_some(),
            free_ports: self.mqtts.is_some_and(|address| address.port() == 0),
        };
        let listens = self.demo.then(|| demo::listen(&mut config, asked));
        let listens = listens.transpose()?;
        log::start(&config.log)?;
        // First: it makes the data directory.
        let registry = Registry::open(&config.data)?;
        let lock = DataLock::take(&config.data)?;
        let demo = listens.map(|listens| demo::prepare(&config, &registry, listens));
        Ok(Prepared {
            certificate: certificate(&config)?,
            admin_token: admin_token::load_or_make(&config.data)?,
            demo: demo.transpose()?,
            lock,
            registry,
            config,
        })
    }
}

fn certificate(config: &Config) -> Result<Option<Pair>, Error> {
    let is_needed = config
        .listeners
        .values()
        .any(|listener| listener.kind == ListenerKind::Mqtts);
    match (&config.tls, is_needed) {
        (Some(tls), _) => Ok(Some(Pair {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
        })),
        (None, true) => Ok(Some(issue::development_pki(&config.data.join("pki"))?)),
        (None, false) => Ok(None),
    }
}
