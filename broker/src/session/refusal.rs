//! A CONNECT that is refused: the cause, the sentence, and the CONNACK made of them. Pure.

use super::terms::fitting;
use super::wire::{self, ConnAck, Level};
use crate::contract::Refusal;
use crate::decision::{Cause, Record};
use bytes::BytesMut;

/// A CONNACK without properties.
const SHORTEST: usize = 5;

/// Why a CONNECT is refused.
#[derive(Debug)]
pub(crate) struct Refusing {
    pub(crate) cause: Cause,
    /// Code, sentence and rule, for the log.
    refusal: Refusal,
}

impl From<Refusal> for Refusing {
    fn from(refusal: Refusal) -> Self {
        Self {
            cause: (&refusal).into(),
            refusal,
        }
    }
}

impl Refusing {
    /// Refused by the host itself.
    pub(crate) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        let refusal = Refusal {
            code: cause.code(),
            detail: detail.into(),
            rule: None,
        };
        Self { cause, refusal }
    }

    /// Nobody was judged.
    pub(crate) fn is_fault(&self) -> bool {
        matches!(
            self.cause,
            Cause::Fault | Cause::EngineDown | Cause::DenyAll
        )
    }

    /// The CONNACK, or nothing where the version has none for this. The inside of a fault is for the log alone.
    /// `packet_max`: what the client takes.
    pub(crate) fn connack(&self, level: Level, packet_max: usize, out: &mut BytesMut) {
        let Some(code) = self.cause.connack(level) else {
            return;
        };
        // Five bytes at least in MQTT 5; a client that takes fewer is just closed (MQTT-3.1.2-24).
        if level == Level::V5 && packet_max < SHORTEST {
            return;
        }
        let told = !self.is_fault() && level == Level::V5;
        let connack = ConnAck {
            code,
            reason: fitting(&self.refusal.detail, 1, packet_max)
                .filter(|_| told)
                .map(str::to_owned),
            ..ConnAck::default()
        };
        wire::connack(level, &connack, out);
    }

    /// The record of this decision, as it is told in this version.
    pub(crate) fn record<'a>(&'a self, record: Record<'a>, level: Level) -> Record<'a> {
        let record = Record {
            level: Some(level),
            told: self.cause.connack(level),
            ..record
        };
        if self.is_fault() {
            record.fault(&self.refusal.detail)
        } else {
            record.refused(&self.refusal)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Action, Verdict};

    #[test]
    fn a_fault_is_recorded_as_a_fault_and_a_refusal_as_a_denial() {
        let record = |refusing: &Refusing| {
            refusing
                .record(Record::new(0, Action::Connect), Level::V4)
                .verdict
        };
        for cause in [Cause::Fault, Cause::EngineDown] {
            assert_eq!(record(&Refusing::new(cause, "x")), Verdict::Fault);
        }
        for cause in [Cause::Limit, Cause::Protocol(0x85), Cause::Refused(300)] {
            assert_eq!(record(&Refusing::new(cause, "x")), Verdict::Deny);
        }
    }
}
