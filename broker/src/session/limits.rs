//! What one session may use: the operator's limits, and what a grant makes of them. Pure.
//!
//! A grant's 0 stands for the host's own limit, and a grant's value above the host's is cut to it. For the two rates and the keep alive
//! the host's 0 means «no limit of the host».

use super::queue::Room;
use crate::contract;
use std::time::Duration;

/// The operator's limits of sessions. Defaults suit a machine with some gigabytes and tens of thousands of devices.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Bytes of a CONNECT packet: it comes from somebody who has not proven anything yet.
    pub connect_packet_max: u32,
    /// Bytes of any other packet.
    pub packet_max: u32,
    /// Bytes of a PUBLISH's payload.
    pub payload_max: u32,
    /// Bytes of a topic or filter.
    pub topic_max: u16,
    /// Filters of one session.
    pub subscriptions_max: u32,
    /// PUBLISH packets per second of one client; 0: as many as it likes.
    pub publish_rate: u32,
    /// Payload bytes per second of one client; 0: as many as it likes.
    pub publish_bytes: u32,
    /// Seconds; 0: as long as the policy lets it.
    pub keep_alive_max: u16,
    /// Seconds that a session may outlive its connection.
    pub session_expiry_max: u32,
    /// Sessions that may wait for their clients at the same time.
    pub parked_max: usize,
    /// QoS 1 messages towards one client that wait for its PUBACK, at most; an MQTT 5 client may take fewer (receive maximum).
    pub inflight: u16,
    /// Messages that wait for one client.
    pub queue_messages: usize,
    /// Bytes that wait for one client.
    pub queue_bytes: usize,
    /// Messages of inboxes that are kept for all clients that are away, together.
    pub kept_messages: usize,
    /// Their bytes.
    pub kept_bytes: usize,
    /// A client that has not read anything for so long is disconnected.
    #[serde(with = "humantime_serde")]
    pub write_stall: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_packet_max: 64 * 1024,
            // IoTDA's 1 MB of payload, a topic of 64 KiB and properties.
            packet_max: 1_200_000,
            payload_max: 1024 * 1024,
            topic_max: 1024,
            subscriptions_max: 100,
            publish_rate: 0,
            publish_bytes: 0,
            keep_alive_max: 0,
            session_expiry_max: 24 * 60 * 60,
            parked_max: 10_000,
            inflight: 100,
            queue_messages: 1_000,
            queue_bytes: 4 << 20,
            kept_messages: 100_000,
            kept_bytes: 64 << 20,
            write_stall: Duration::from_secs(30),
        }
    }
}

impl Settings {
    pub(crate) fn room(&self) -> Room {
        Room {
            messages: self.queue_messages,
            bytes: self.queue_bytes,
        }
    }
}

/// What holds for one session: the grant's limits within the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) payload: usize,
    pub(crate) topic: usize,
    pub(crate) subscriptions: usize,
    /// Of one SUBSCRIBE packet; 0: as many as fit in it.
    pub(crate) filters: usize,
    pub(crate) publish_rate: u32,
    pub(crate) publish_rate_acknowledged: u32,
    pub(crate) publish_bytes: u32,
    /// 0: none.
    pub(crate) keep_alive: u16,
    pub(crate) session_expiry: u32,
}

impl Limits {
    pub(crate) fn new(grant: &contract::Limits, host: &Settings) -> Self {
        Self {
            payload: within(grant.payload_max, host.payload_max) as usize,
            topic: usize::from(either(grant.topic_max, host.topic_max)),
            subscriptions: within(grant.subscriptions_max, host.subscriptions_max) as usize,
            filters: grant.filters_max as usize,
            publish_rate: either(grant.publish_rate, host.publish_rate),
            publish_rate_acknowledged: grant.publish_rate_acknowledged,
            publish_bytes: either(grant.publish_bytes, host.publish_bytes),
            keep_alive: either(grant.keep_alive_max, host.keep_alive_max),
            session_expiry: within(grant.session_expiry_max, host.session_expiry_max),
        }
    }
}

/// The host's limit is a limit, also where it is 0.
fn within(grant: u32, host: u32) -> u32 {
    if grant == 0 { host } else { grant.min(host) }
}

/// 0 is no limit on either side.
fn either<N: Ord + Default>(grant: N, host: N) -> N {
    let none = N::default();
    match (grant == none, host == none) {
        (true, _) => host,
        (_, true) => grant,
        _ => grant.min(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_cut_to_the_host() {
        let host = Settings {
            payload_max: 100,
            session_expiry_max: 0,
            publish_rate: 0,
            keep_alive_max: 600,
            ..Settings::default()
        };
        let grant = contract::Limits {
            keep_alive_max: 1200,
            session_expiry_max: 50,
            payload_max: 200,
            topic_max: 64,
            subscriptions_max: 0,
            filters_max: 8,
            publish_rate: 50,
            publish_rate_acknowledged: 10,
            publish_bytes: 0,
            will: true,
        };
        let limits = Limits::new(&grant, &host);
        assert_eq!(limits.payload, 100);
        assert_eq!(limits.topic, 64);
        assert_eq!(limits.subscriptions, 100);
        assert_eq!((limits.filters, limits.publish_rate), (8, 50));
        assert_eq!(limits.publish_rate_acknowledged, 10);
        assert_eq!(limits.publish_bytes, 0);
        assert_eq!(limits.keep_alive, 600);
        assert_eq!(limits.session_expiry, 0);
    }

    #[test]
    fn unknown_settings_are_refused_and_durations_are_words() {
        let parse = |text: &str| serde_json::from_str::<Settings>(text);
        assert_eq!(parse("{}").unwrap(), Settings::default());
        assert_eq!(
            parse(r#"{"write_stall":"5s"}"#)
                .unwrap()
                .write_stall
                .as_secs(),
            5
        );
        assert!(parse(r#"{"write_stal":"5s"}"#).is_err());
    }
}
