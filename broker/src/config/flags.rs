//! What flags of `serve` say over the file and the environment.

use super::listener::Written;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

/// Given on the command line; each wins over the file and the environment.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--mqtts`: address of the listener `mqtts`.
    pub mqtts: Option<SocketAddr>,
    /// `--mqtt`: address of the listener `mqtt`.
    pub mqtt: Option<SocketAddr>,
    /// `--admin`: address of the admin server.
    pub admin: Option<SocketAddr>,
}

impl Flags {
    /// Moves a listener of the file, or adds it.
    pub(super) fn listeners(&self, written: &mut BTreeMap<String, Written>) {
        for (name, address) in [("mqtts", self.mqtts), ("mqtt", self.mqtt)] {
            if let Some(address) = address {
                written.entry(name.into()).or_default().address = Some(address);
            }
        }
    }
}
