//! THE table: from what was decided to the code that the client reads, for MQTT 3.1.1 and 5. Pure.
//!
//! Codes of the contract are open: an unknown one counts as the first of its hundred, one of an unknown hundred as 300. A fault is
//! never told as a denial: it has rows of its own. Where a version has no code for a case, the connection is closed without a word.

use super::Level;
use crate::contract::Refusal;

/// Why a packet, a subscription or a whole connection is refused or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The policy (or the host in its name) refused, with a code of the contract.
    Refused(u16),
    /// The policy or the registry failed: nobody was judged.
    Fault,
    /// An operator has shut everything: nobody is judged, and sessions stay.
    DenyAll,
    /// The engine behind us is gone.
    EngineDown,
    /// A limit of the host is reached, such as its number of connections.
    Limit,
    /// The client broke the specification; the MQTT 5 code that says how.
    Protocol(u8),
    /// MQTT 5: the client starts an AUTH exchange, which is not offered.
    AuthMethod,
    /// Another connection of the same canonical client id took over.
    Takeover,
    /// Nothing was heard for one and a half keep alives.
    KeepAlive,
    /// The client reads slower than its QoS 1 messages arrive.
    SlowReader,
    /// An operator closed the session.
    Administrative,
    /// The broker shuts down.
    Drain,
}

/// The codes of one cause. `None`: this version has no code here, the connection is just closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// MQTT 3.1.1 CONNACK.
    pub connack_v4: Option<u8>,
    /// MQTT 5 CONNACK.
    pub connack: u8,
    /// MQTT 5 SUBACK; 3.1.1 has 0x80 alone.
    pub suback: u8,
    /// MQTT 5 PUBACK; 3.1.1 has no failure.
    pub puback: u8,
    /// MQTT 5 DISCONNECT. It knows neither 0x85, 0x86 nor 0x88: those count as not authorized or busy.
    pub disconnect: u8,
}

/// The contract's code for a limit or quota.
const LIMIT_REACHED: u16 = 500;
/// 3.1.1's only failure in a SUBACK.
pub const SUBACK_FAILURE_V4: u8 = 0x80;

const fn told(v4: u8, connack: u8, suback: u8, puback: u8, disconnect: u8) -> Told {
    Told {
        connack_v4: Some(v4),
        connack,
        suback,
        puback,
        disconnect,
    }
}

/// One row per contract code; the first of a hundred serves for the unknown ones of that hundred.
const REFUSALS: [(u16, Told); 22] = [
    (100, told(2, 0x85, 0x87, 0x87, 0x87)),
    (101, told(2, 0x85, 0x87, 0x87, 0x87)),
    (102, told(2, 0x87, 0x87, 0x87, 0x87)),
    (200, told(4, 0x86, 0x87, 0x87, 0x87)),
    (201, told(4, 0x86, 0x87, 0x87, 0x87)),
    (202, told(4, 0x86, 0x87, 0x87, 0x87)),
    (300, NOT_AUTHORIZED),
    (301, NOT_AUTHORIZED),
    (302, NOT_AUTHORIZED),
    (303, NOT_AUTHORIZED),
    (304, NOT_AUTHORIZED),
    (305, NOT_AUTHORIZED),
    (306, NOT_AUTHORIZED),
    (307, NOT_AUTHORIZED),
    (402, told(5, 0x99, 0x87, 0x99, 0x99)),
    (403, told(5, 0x87, 0x87, 0x87, 0x87)),
    (500, told(3, 0x97, 0x97, 0x97, 0x97)),
    (501, told(3, 0x97, 0x97, 0x97, 0x95)),
    (502, told(3, 0x97, 0x8F, 0x90, 0x97)),
    (503, told(3, 0x97, 0x97, 0x97, 0x97)),
    (504, told(3, 0x97, 0x97, 0x97, 0x96)),
    (505, told(3, 0x97, 0x97, 0x97, 0x96)),
];
const NOT_AUTHORIZED: Told = told(5, 0x87, 0x87, 0x87, 0x87);

const FAULT: Told = told(3, 0x88, 0x83, 0x83, 0x89);
const LIMIT: Told = told(3, 0x97, 0x97, 0x97, 0x97);
const AUTH_METHOD: Told = told(5, 0x8C, 0x80, 0x80, 0x8C);
const TAKEOVER: Told = told(3, 0x88, 0x80, 0x80, 0x8E);
const KEEP_ALIVE: Told = told(3, 0x88, 0x80, 0x80, 0x8D);
const ADMINISTRATIVE: Told = told(3, 0x88, 0x80, 0x80, 0x98);
const DRAIN: Told = told(3, 0x88, 0x80, 0x80, 0x8B);

impl Cause {
    /// The codes of this cause.
    pub fn told(self) -> Told {
        match self {
            Self::Refused(code) => refusal(code),
            Self::Fault | Self::EngineDown | Self::DenyAll => FAULT,
            Self::Limit | Self::SlowReader => LIMIT,
            Self::Protocol(code) => protocol(code),
            Self::AuthMethod => AUTH_METHOD,
            Self::Takeover => TAKEOVER,
            Self::KeepAlive => KEEP_ALIVE,
            Self::Administrative => ADMINISTRATIVE,
            Self::Drain => DRAIN,
        }
    }

    /// CONNACK in the level's own numbering; `None`: close without one.
    pub fn connack(self, level: Level) -> Option<u8> {
        let told = self.told();
        match level {
            Level::V3 | Level::V4 => told.connack_v4,
            Level::V5 => Some(told.connack),
        }
    }

    /// SUBACK in the level's own numbering. 3.1 has no failure at all: there the session says the QoS that was asked for.
    pub fn suback(self, level: Level) -> u8 {
        match level {
            Level::V3 | Level::V4 => SUBACK_FAILURE_V4,
            Level::V5 => self.told().suback,
        }
    }

    /// The contract's code; 0 where it has none, since the host decided or failed.
    pub fn code(self) -> u16 {
        match self {
            Self::Refused(code) => code,
            Self::Limit | Self::SlowReader => LIMIT_REACHED,
            _ => 0,
        }
    }

    /// A short name without a value in it, for metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused(code) => refusal_name(code),
            Self::Fault => "fault",
            Self::DenyAll => "deny_all",
            Self::EngineDown => "engine_down",
            Self::Limit => "limit",
            Self::Protocol(_) => "protocol",
            Self::AuthMethod => "auth_method",
            Self::Takeover => "takeover",
            Self::KeepAlive => "keep_alive",
            Self::SlowReader => "slow_reader",
            Self::Administrative => "administrative",
            Self::Drain => "drain",
        }
    }
}

impl From<&Refusal> for Cause {
    fn from(refusal: &Refusal) -> Self {
        Self::Refused(refusal.code)
    }
}

fn refusal(code: u16) -> Told {
    row(code)
        .or_else(|| row(code / 100 * 100))
        .unwrap_or(NOT_AUTHORIZED)
}

fn row(code: u16) -> Option<Told> {
    REFUSALS
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, told)| *told)
}

/// Bounded label values: a policy may return any code, a metric may not grow by that.
fn refusal_name(code: u16) -> &'static str {
    match code / 100 {
        1 => "client_id",
        2 => "credentials",
        4 => "rules",
        5 => "quota",
        _ => "not_authorized",
    }
}

/// 3.1.1 knows three of them at CONNECT; for all others it says: close the connection.
fn protocol(code: u8) -> Told {
    let connack_v4 = match code {
        0x84 => Some(1),
        0x85 => Some(2),
        _ => None,
    };
    Told {
        connack_v4,
        connack: code,
        suback: if matches!(code, 0x8F | 0x9E) {
            code
        } else {
            0x80
        },
        puback: if code == 0x90 { code } else { 0x80 },
        disconnect: if code == 0x84 { 0x82 } else { code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rows of `wit/policy.wit` and of the issue: cause, CONNACK 3.1.1, CONNACK 5.
    #[test]
    fn connack_codes() {
        let rows: [(Cause, Option<u8>, u8); 26] = [
            (Cause::Protocol(0x84), Some(1), 0x84),
            (Cause::Protocol(0x85), Some(2), 0x85),
            (Cause::Protocol(0x81), None, 0x81),
            (Cause::Refused(100), Some(2), 0x85),
            (Cause::Refused(101), Some(2), 0x85),
            (Cause::Refused(102), Some(2), 0x87),
            (Cause::Refused(199), Some(2), 0x85),
            (Cause::Refused(200), Some(4), 0x86),
            (Cause::Refused(201), Some(4), 0x86),
            (Cause::Refused(202), Some(4), 0x86),
            (Cause::Refused(299), Some(4), 0x86),
            (Cause::Refused(300), Some(5), 0x87),
            (Cause::Refused(301), Some(5), 0x87),
            (Cause::Refused(303), Some(5), 0x87),
            (Cause::Refused(306), Some(5), 0x87),
            (Cause::Refused(307), Some(5), 0x87),
            (Cause::Refused(399), Some(5), 0x87),
            (Cause::Refused(500), Some(3), 0x97),
            (Cause::Refused(501), Some(3), 0x97),
            (Cause::Refused(502), Some(3), 0x97),
            (Cause::Refused(599), Some(3), 0x97),
            (Cause::Refused(7), Some(5), 0x87),
            (Cause::Fault, Some(3), 0x88),
            (Cause::EngineDown, Some(3), 0x88),
            (Cause::Limit, Some(3), 0x97),
            (Cause::AuthMethod, Some(5), 0x8C),
        ];
        for (cause, v4, v5) in rows {
            assert_eq!(cause.connack(Level::V4), v4, "{cause:?} in 3.1.1");
            assert_eq!(cause.connack(Level::V5), Some(v5), "{cause:?} in 5");
        }
    }

    #[test]
    fn acknowledgement_codes() {
        let rows = [
            (Cause::Refused(400), 0x87, 0x87),
            (Cause::Refused(401), 0x87, 0x87),
            (Cause::Refused(402), 0x87, 0x99),
            (Cause::Refused(403), 0x87, 0x87),
            (Cause::Refused(500), 0x97, 0x97),
            (Cause::Refused(501), 0x97, 0x97),
            (Cause::Refused(502), 0x8F, 0x90),
            (Cause::Refused(503), 0x97, 0x97),
            (Cause::Refused(504), 0x97, 0x97),
            (Cause::Refused(505), 0x97, 0x97),
            (Cause::Fault, 0x83, 0x83),
            (Cause::Protocol(0x8F), 0x8F, 0x80),
            (Cause::Protocol(0x9E), 0x9E, 0x80),
            (Cause::Protocol(0x90), 0x80, 0x90),
        ];
        for (cause, suback, puback) in rows {
            assert_eq!(cause.told().suback, suback, "{cause:?}");
            assert_eq!(cause.told().puback, puback, "{cause:?}");
            assert_eq!(cause.suback(Level::V4), 0x80, "{cause:?}");
        }
    }

    proptest! {
        /// No cause may be told as success, and DISCONNECT has no code that only CONNACK has (MQTT 5, table 2-6).
        #[test]
        fn never_success(code in any::<u16>(), protocol in 0x80_u8..=0xA2) {
            for cause in [Cause::Refused(code), Cause::Protocol(protocol), Cause::Fault, Cause::Limit] {
                let told = cause.told();
                prop_assert!(told.connack >= 0x80 && told.suback >= 0x80 && told.puback >= 0x80 && told.disconnect >= 0x80);
                prop_assert!(told.connack_v4 != Some(0));
                if !matches!(cause, Cause::Protocol(_)) {
                    prop_assert!(![0x84, 0x85, 0x86, 0x88, 0x8A].contains(&told.disconnect));
                }
            }
        }

        #[test]
        fn a_fault_is_no_denial(code in any::<u16>()) {
            prop_assert_ne!(Cause::Refused(code).told().connack, Cause::Fault.told().connack);
        }
    }
}
