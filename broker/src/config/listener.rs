//! Listeners: where clients connect, and which policy judges them.

use super::parse;
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};

/// One port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; port 0 picks a free one.
    pub address: SocketAddr,
    /// With TLS or without.
    pub kind: ListenerKind,
    /// The policy that judges its clients. Default: `iotda`; where no listener names one and one policy has a section, that
    /// one.
    pub policy: String,
}

/// What is spoken on a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ListenerKind {
    /// MQTT over plain TCP: secrets are hashed with the hour, but everything can be read and changed on the way.
    Mqtt,
    /// MQTT over TLS 1.2 or 1.3, client certificate optional.
    Mqtts,
}

impl TryFrom<String> for ListenerKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse::word(&text, &[("mqtts", Self::Mqtts), ("mqtt", Self::Mqtt)])
    }
}

/// A listener as it is written: what is left out comes from its name, or from a flag.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    #[serde(deserialize_with = "parse::some_address")]
    pub(super) address: Option<SocketAddr>,
    kind: Option<ListenerKind>,
    policy: Option<String>,
}

impl Written {
    pub(super) fn at(address: SocketAddr) -> Self {
        Self {
            address: Some(address),
            ..Self::default()
        }
    }

    pub(super) fn names_policy(&self) -> bool {
        self.policy.is_some()
    }

    pub(super) fn standard() -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 8883)))
    }

    /// A listener that is named after its kind needs not say it; `policy` judges where it names none.
    pub(super) fn complete(self, name: &str, policy: &str) -> Result<Listener, String> {
        let kind = match (self.kind, name) {
            (Some(kind), _) => kind,
            (None, "mqtts") => ListenerKind::Mqtts,
            (None, "mqtt") => ListenerKind::Mqtt,
            (None, _) => return Err("`kind` is missing: say \"mqtts\" or \"mqtt\"".into()),
        };
        let address = self
            .address
            .ok_or("`address` is missing: say for example \"127.0.0.1:8883\"")?;
        Ok(Listener {
            address,
            kind,
            policy: self.policy.unwrap_or_else(|| policy.to_owned()),
        })
    }
}
