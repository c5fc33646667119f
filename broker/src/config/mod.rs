//! Configuration: a TOML file, then the environment, then flags, each over the one before; parsed into final types and checked as a
//! whole before a port is bound.
//!
//! The environment names a setting by its path with double underscores: `IOTDA_BROKER__LIMITS__CONNECTIONS=500`. Durations are text
//! such as `10s` or `7days`. Unknown settings are refused. `config.example.toml` shows every setting with its default.
//!
//! Every section is parsed on its own and every rule is checked, so that one start tells of all mistakes it can see.

mod check;
mod error;
mod flags;
mod limits;
mod listener;
mod load;
mod log;
mod parse;

#[cfg(test)]
mod tests;

pub use error::{Error, Problem};
pub use flags::Flags;
pub use limits::Limits;
pub use listener::{Listener, ListenerKind};
pub use log::{Log, LogFormat};

use crate::policy::{Pin, PublicKey, Trust};
use crate::{decision, engine, session};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// Everything that the broker can be told. Immutable; checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Registry, keys and tokens. Default: `data` in the working directory.
    pub data: PathBuf,
    /// By name; at least one. Default: `mqtts` on 127.0.0.1:8883.
    pub listeners: BTreeMap<String, Listener>,
    /// The admin HTTP server.
    pub admin: Admin,
    /// The server's certificate. Default: the development PKI in `data/pki`, made at the first start.
    pub tls: Option<Tls>,
    /// By name: those that listeners name. Default: `iotda`.
    pub policies: BTreeMap<String, Policy>,
    /// Bounds on connections.
    pub limits: Limits,
    /// Bounds on what one session may take up.
    pub sessions: session::Settings,
    /// The message engine.
    pub engine: engine::Settings,
    /// The decision log.
    pub decisions: decision::Settings,
    /// What is logged, and how.
    pub log: Log,
}

/// The admin HTTP server. It has no TLS of its own: keep it on loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// False: no admin server. Default: true.
    pub enabled: bool,
    /// Where it listens; port 0 picks a free one. Default: 127.0.0.1:8080.
    #[serde(deserialize_with = "parse::address")]
    pub address: SocketAddr,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            enabled: true,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
        }
    }
}

/// The server's certificate and key, both PEM. Read again at SIGHUP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key, without a pass phrase.
    pub key: PathBuf,
}

/// Where the rules of one policy come from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// The directory of the rule documents, watched for changes. Default: `policies/<name>` where it exists in the working directory,
    /// else the documents that are built in under the policy's name.
    pub directory: Option<PathBuf>,
    /// The component, watched for changes. Default: the one that is built in under the policy's name.
    pub component: Option<PathBuf>,
    /// The SHA-256 of the only component that may come into force. Default: any.
    pub component_sha256: Option<Pin>,
    /// Components must be signed. Default: they need not.
    pub signature: Option<Signature>,
    /// Limits of calls and values. Default: those of `wit/policy.wit`.
    pub limits: crate::policy::Settings,
    /// How a new generation comes into force. Default: at once, for every session.
    pub rollout: crate::policy::Rollout,
}

/// Who signs components: with `minisign`, and a revision in the trusted comment that never goes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The second line of `minisign.pub`.
    pub public_key: PublicKey,
}

impl Policy {
    /// What its components must show.
    pub fn trust(&self) -> Trust {
        Trust {
            pin: self.component_sha256.clone(),
            key: self.signature.clone().map(|signature| signature.public_key),
        }
    }
}
