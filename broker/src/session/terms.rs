//! What client and host agree on at CONNECT, and the CONNACK that says so. Pure.

use super::alias;
use super::claim::session_expiry;
use super::limits::{Limits, Settings};
use super::wire::{ConnAck, Connect, Delivery, Level, codes_size, connack_size, delivery_size};
use crate::contract::Refusal;
use bytestring::ByteString;
use std::time::Duration;

/// The contract's code for a keep alive out of range.
const KEEP_ALIVE_REFUSED: u16 = 102;

/// What an answer takes at most beside its reason and its codes: header, packet id, code, length of the properties, head of the reason.
const FRAME: usize = 5 + 2 + 1 + 4 + 3;

/// A reason string is left out where it would make the packet larger than the client takes (MQTT-3.2.2-19, 3.4.2-2, 3.9.2-1, 3.14.2-3).
pub(crate) fn fitting(reason: &str, codes: usize, packet_max: usize) -> Option<&str> {
    (FRAME + codes + reason.len() <= packet_max).then_some(reason)
}

/// What holds for one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) level: Level,
    /// Seconds; 0: none.
    pub(crate) keep_alive: u16,
    /// MQTT 5: the client asked for another one and must be told.
    told_keep_alive: bool,
    /// How long the session outlives the connection.
    pub(crate) expiry: u32,
    told_expiry: bool,
    pub(crate) receive_maximum: u16,
    /// The client refuses larger packets.
    pub(crate) packet_max: usize,
    /// The client wants reason strings.
    pub(crate) problems: bool,
}

impl Terms {
    /// A client of 3.1 or 3.1.1 cannot be told another keep alive, so one over the limit is refused there.
    pub(crate) fn agree(
        connect: &Connect,
        limits: &Limits,
        settings: &Settings,
    ) -> Result<Self, Refusal> {
        let over = limits.keep_alive != 0
            && (connect.keep_alive == 0 || connect.keep_alive > limits.keep_alive);
        if over && connect.level != Level::V5 {
            return Err(keep_alive_refused(connect.keep_alive, limits.keep_alive));
        }
        let asked = session_expiry(connect);
        let expiry = asked.min(limits.session_expiry);
        let packet_max = packet_max(connect);
        Ok(Self {
            level: connect.level,
            keep_alive: if over {
                limits.keep_alive
            } else {
                connect.keep_alive
            },
            told_keep_alive: over,
            expiry,
            told_expiry: expiry != asked,
            receive_maximum: connect.receive_maximum.min(settings.inflight),
            packet_max,
            problems: connect.request_problem_information,
        })
    }

    /// The reason as the client may be told it, in an answer with so many codes.
    pub(crate) fn reason<'r>(&self, reason: Option<&'r str>, codes: usize) -> Option<&'r str> {
        let wanted = reason.filter(|_| self.problems)?;
        fitting(wanted, codes, self.packet_max)
    }

    /// Whether the client takes a SUBACK or UNSUBACK with so many codes (MQTT-3.1.2-24).
    pub(crate) fn takes_codes(&self, codes: usize) -> bool {
        self.packet_max == usize::MAX || codes_size(codes) <= self.packet_max
    }

    /// After how much silence the client is gone (MQTT-3.1.2-24).
    pub(crate) fn silence(&self) -> Option<Duration> {
        (self.keep_alive > 0).then(|| Duration::from_millis(u64::from(self.keep_alive) * 1_500))
    }

    /// Whether the client refuses a packet of this size.
    pub(crate) fn is_too_large(&self, delivery: &Delivery<'_>) -> bool {
        self.packet_max != usize::MAX && delivery_size(self.level, delivery) > self.packet_max
    }

    /// The CONNACK that accepts; what is not offered is announced (see the table in [`super`]). Whether a session is present is not known yet.
    pub(crate) fn accept(&self, assigned: Option<ByteString>, settings: &Settings) -> ConnAck {
        ConnAck {
            session_present: false,
            code: 0,
            session_expiry: self.told_expiry.then_some(self.expiry),
            receive_maximum: None,
            maximum_qos: Some(1),
            retain_available: Some(false),
            maximum_packet_size: Some(settings.packet_max),
            assigned_client_id: assigned,
            topic_alias_maximum: Some(alias::MAXIMUM),
            reason: None,
            wildcard_available: None,
            subscription_ids_available: None,
            shared_available: Some(false),
            server_keep_alive: self.told_keep_alive.then_some(self.keep_alive),
        }
    }

    /// As much of it as the client's maximum packet size lets through (MQTT-3.1.2-24). What is left out serves the client alone: without
    /// aliases it sends whole topics, and what is too large for us is told when it comes. `None`: the rest must be said and does not fit.
    pub(crate) fn fitted(&self, connack: ConnAck) -> Option<ConnAck> {
        let fits = |connack: &ConnAck| connack_size(self.level, connack) <= self.packet_max;
        if self.packet_max == usize::MAX || fits(&connack) {
            return Some(connack);
        }
        let shorter = ConnAck {
            topic_alias_maximum: None,
            maximum_packet_size: None,
            ..connack
        };
        fits(&shorter).then_some(shorter)
    }

    /// MQTT 5: a DISCONNECT may shorten or lengthen the expiry, but not wake one that was 0 (MQTT-3.14.2-2).
    pub(crate) fn change_expiry(&mut self, asked: Option<u32>, limits: &Limits) -> bool {
        let Some(asked) = asked else {
            return true;
        };
        if self.expiry == 0 && asked != 0 {
            return false;
        }
        self.expiry = asked.min(limits.session_expiry);
        true
    }
}

/// The largest packet that the client takes.
pub(crate) fn packet_max(connect: &Connect) -> usize {
    connect
        .maximum_packet_size
        .map_or(usize::MAX, |max| max as usize)
}

fn keep_alive_refused(asked: u16, most: u16) -> Refusal {
    Refusal {
        code: KEEP_ALIVE_REFUSED,
        detail: format!("keep alive `{asked}` is out of range: it must be 1 to {most} seconds"),
        rule: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::claim::{self, tests::connect};
    use super::*;

    fn limits(keep_alive: u16, session_expiry: u32) -> Limits {
        Limits {
            payload: 1,
            topic: 1,
            subscriptions: 1,
            filters: 0,
            publish_rate: 0,
            publish_rate_acknowledged: 0,
            publish_bytes: 0,
            keep_alive,
            session_expiry,
        }
    }

    fn agree(packet: &Connect, limits: &Limits) -> Result<Terms, Refusal> {
        Terms::agree(packet, limits, &Settings::default())
    }

    #[test]
    fn the_window_is_the_smaller_of_the_clients_and_ours() {
        let mut packet = connect(Level::V5);
        let window = |packet: &Connect| agree(packet, &limits(0, 0)).unwrap().receive_maximum;
        assert_eq!(window(&packet), 100);
        packet.receive_maximum = 3;
        assert_eq!(window(&packet), 3);
    }

    #[test]
    fn a_reason_is_told_where_it_is_wanted_and_fits() {
        let mut packet = connect(Level::V5);
        packet.maximum_packet_size = Some(30);
        let terms = agree(&packet, &limits(0, 0)).unwrap();
        assert_eq!(
            terms.reason(Some("fifteen letters"), 0),
            Some("fifteen letters")
        );
        assert_eq!(terms.reason(Some("fifteen letters"), 1), None);
        assert_eq!(terms.reason(Some("sixteen letters!"), 0), None);
        packet.request_problem_information = false;
        assert_eq!(
            agree(&packet, &limits(0, 0)).unwrap().reason(Some("x"), 0),
            None
        );
    }

    #[test]
    fn a_keep_alive_over_the_limit_is_told_in_5_and_refused_in_3_1_1() {
        let mut packet = connect(Level::V5);
        for asked in [0, 601] {
            packet.keep_alive = asked;
            let terms = agree(&packet, &limits(600, 0)).unwrap();
            assert_eq!(terms.silence(), Some(Duration::from_mins(15)));
            let connack = terms.accept(None, &Settings::default());
            assert_eq!(connack.server_keep_alive, Some(600));
        }
        packet.level = Level::V4;
        assert_eq!(agree(&packet, &limits(600, 0)).unwrap_err().code, 102);
        packet.keep_alive = 600;
        assert_eq!(agree(&packet, &limits(600, 0)).unwrap().keep_alive, 600);
        packet.keep_alive = 0;
        assert_eq!(agree(&packet, &limits(0, 0)).unwrap().silence(), None);
    }

    #[test]
    fn a_session_expiry_over_the_limit_is_cut_and_told() {
        let mut packet = connect(Level::V5);
        packet.session_expiry = Some(500);
        let terms = agree(&packet, &limits(0, 100)).unwrap();
        assert_eq!(terms.expiry, 100);
        assert_eq!(
            terms.accept(None, &Settings::default()).session_expiry,
            Some(100)
        );
        packet.session_expiry = Some(100);
        let terms = agree(&packet, &limits(0, 100)).unwrap();
        assert_eq!(
            terms.accept(None, &Settings::default()).session_expiry,
            None
        );
    }

    #[test]
    fn a_connack_is_no_larger_than_the_client_takes() {
        // Maximum packet size, with an assigned id; aliases announced; none: it does not fit at all.
        for (most, assigned, aliases) in [
            (19, false, Some(true)),
            (18, false, Some(false)),
            (11, false, Some(false)),
            (10, false, None),
            (19, true, None),
            (59, true, Some(true)),
        ] {
            let mut packet = connect(Level::V5);
            packet.maximum_packet_size = Some(most);
            let terms = agree(&packet, &limits(0, 0)).unwrap();
            let id = assigned.then(|| claim::assigned_id().unwrap());
            let full = terms.accept(id, &Settings::default());
            let fitted = terms.fitted(full);
            let told = fitted.as_ref().map(|one| one.topic_alias_maximum.is_some());
            assert_eq!(told, aliases, "{most} {assigned}");
            let size = fitted.map(|one| connack_size(Level::V5, &one));
            assert!(size <= Some(most as usize), "{most} {assigned}: {size:?}");
        }
    }

    #[test]
    fn a_disconnect_may_not_wake_an_expiry_of_0() {
        let mut terms = agree(&connect(Level::V5), &limits(0, 100)).unwrap();
        assert!(!terms.change_expiry(Some(5), &limits(0, 100)));
        assert_eq!(terms.expiry, 0);
        assert!(terms.change_expiry(None, &limits(0, 100)));
        terms.expiry = 50;
        assert!(terms.change_expiry(Some(500), &limits(0, 100)));
        assert_eq!(terms.expiry, 100);
    }
}
