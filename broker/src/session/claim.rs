//! What a CONNECT claims, checked against the specification alone and put into the contract's words. Pure.

use super::wire::{self, Level};
use crate::contract::{self, Protocol, UtcMs};
use crate::decision::Cause;
use crate::tls::Proof;
use bytestring::ByteString;
use std::net::SocketAddr;
use std::sync::Arc;

/// How a connection came in: all that is known before its CONNECT.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The configured name of the listener.
    pub listener: Arc<str>,
    /// Address and port of the client.
    pub peer: SocketAddr,
    /// The connection is protected by TLS.
    pub encrypted: bool,
    /// What the TLS handshake proved; empty without one.
    pub proof: Proof,
    /// How much of the registry's change feed had been followed when the connection was accepted
    /// ([`super::Broker::followed`]): if it is more at the end of the CONNECT, the client is judged again.
    pub followed: u64,
}

/// An empty client id means «assign one» (MQTT-3.1.3-6); 3.1.1 allows that only with a clean session (MQTT-3.1.3-8), 3.1 never: its ids
/// have 1 to 23 characters. Real devices' ids are longer, so the upper end is not held against them: the packet's limit bounds it.
pub(crate) fn check(connect: &wire::Connect) -> Result<(), Cause> {
    if connect.authentication_method.is_some() {
        return Err(Cause::AuthMethod);
    }
    let may_be_empty = match connect.level {
        Level::V3 => false,
        Level::V4 => connect.clean_start,
        Level::V5 => true,
    };
    if connect.client_id.is_empty() && !may_be_empty {
        return Err(Cause::Protocol(0x85));
    }
    Ok(())
}

/// A client id of 128 random bits for a client that sent none. `None`: the system has no randomness.
pub(crate) fn assigned_id() -> Option<ByteString> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(ByteString::from(format!(
        "auto-{:032x}",
        u128::from_be_bytes(bytes)
    )))
}

/// 3.1's and 3.1.1's clean session lives as long as its connection, its opposite for ever.
pub(crate) fn session_expiry(connect: &wire::Connect) -> u32 {
    match (connect.level, connect.clean_start) {
        (Level::V5, _) => connect.session_expiry.unwrap_or(0),
        (Level::V3 | Level::V4, true) => 0,
        (Level::V3 | Level::V4, false) => u32::MAX,
    }
}

/// The CONNECT in the contract's words.
pub(crate) fn claim(
    connect: &wire::Connect,
    client_id: &ByteString,
    arrival: &Arrival,
    now: UtcMs,
) -> contract::Connect {
    contract::Connect {
        client_id: client_id.to_string(),
        client_id_assigned: connect.client_id.is_empty(),
        username: connect.username.as_ref().map(ToString::to_string),
        password: connect.password.as_ref().map(|password| password.to_vec()),
        certificate: certificate(&arrival.proof),
        protocol: match connect.level {
            Level::V3 => Protocol::Mqtt31,
            Level::V4 => Protocol::Mqtt311,
            Level::V5 => Protocol::Mqtt5,
        },
        keep_alive: connect.keep_alive,
        clean_start: connect.clean_start,
        session_expiry: session_expiry(connect),
        will: connect.will.as_ref().map(will),
        listener: arrival.listener.to_string(),
        encrypted: arrival.encrypted,
        server_name: arrival.proof.server_name.clone(),
        peer: arrival.peer.to_string(),
        authentication_method: None,
        user_properties: connect.user_properties.iter().map(pair).collect(),
        now,
        extra: Vec::new(),
    }
}

fn certificate(proof: &Proof) -> Option<contract::Certificate> {
    if proof.chain.is_empty() {
        return None;
    }
    Some(contract::Certificate {
        chain: proof.chain.iter().map(|one| one.to_vec()).collect(),
        authority: proof.authority.clone(),
    })
}

fn will(will: &wire::Will) -> contract::Will {
    contract::Will {
        topic: will.topic.to_string(),
        qos: will.qos,
        retain: will.retain,
        payload_length: u32::try_from(will.payload.len()).unwrap_or(u32::MAX),
        delay: will.delay,
    }
}

fn pair((name, value): &(ByteString, ByteString)) -> (String, String) {
    (name.to_string(), value.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn connect(level: Level) -> wire::Connect {
        wire::Connect {
            keep_alive: 60,
            ..wire::Connect::new(level, "c")
        }
    }

    #[test]
    fn an_empty_client_id_needs_a_clean_session_in_3_1_1_and_is_none_in_3_1() {
        // level, clean, CONNACK
        for (level, clean, code) in [
            (Level::V3, true, Some(2)),
            (Level::V3, false, Some(2)),
            (Level::V4, true, None),
            (Level::V4, false, Some(2)),
            (Level::V5, true, None),
            (Level::V5, false, None),
        ] {
            let mut packet = connect(level);
            packet.client_id = ByteString::new();
            packet.clean_start = clean;
            let answer = check(&packet).err().and_then(|cause| cause.connack(level));
            assert_eq!(answer, code, "{level:?} clean {clean}");
        }
    }

    #[test]
    fn an_auth_exchange_is_refused() {
        let mut packet = connect(Level::V5);
        packet.authentication_method = Some(ByteString::from_static("SCRAM"));
        assert_eq!(check(&packet), Err(Cause::AuthMethod));
    }

    #[test]
    fn session_expiry_of_each_version() {
        let expiry = |level, clean, given| {
            let mut packet = connect(level);
            packet.clean_start = clean;
            packet.session_expiry = given;
            session_expiry(&packet)
        };
        assert_eq!(expiry(Level::V3, true, None), 0);
        assert_eq!(expiry(Level::V3, false, None), u32::MAX);
        assert_eq!(expiry(Level::V4, true, None), 0);
        assert_eq!(expiry(Level::V4, false, None), u32::MAX);
        assert_eq!(expiry(Level::V5, false, None), 0);
        assert_eq!(expiry(Level::V5, true, Some(60)), 60);
    }

    #[test]
    fn assigned_ids_differ_and_hold_no_wildcard() {
        let (a, b) = (assigned_id().unwrap(), assigned_id().unwrap());
        assert_ne!(a, b);
        assert!(a.starts_with("auto-") && a.len() == 37 && !a.contains(['/', '+', '#']));
    }
}
