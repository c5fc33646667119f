//! Rates of one client: packets and bytes per second, as a token bucket. Pure: time is an argument.
//!
//! The bucket holds one second's worth. A message may pass while the bucket is not empty and then drives it below zero, so a message
//! that is bigger than one second's bytes passes, and is paid for before the next. A rate of 0 is no limit.

use super::limits::Limits;
use crate::contract::Qos;
use std::time::{Duration, Instant};

/// One rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    rate: f64,
    tokens: f64,
    filled: Instant,
}

impl Meter {
    /// A full bucket.
    pub(crate) fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate);
        Self {
            rate,
            tokens: rate,
            filled: now,
        }
    }

    /// May `cost` pass now? If so it is paid.
    pub(crate) fn pay(&mut self, cost: u32, now: Instant) -> bool {
        if self.rate == 0.0 {
            return true;
        }
        self.fill(now);
        let may = self.tokens > 0.0;
        if may {
            self.tokens -= f64::from(cost);
        }
        may
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled);
        // Below a millisecond the sum of many small additions would lose what is due.
        if passed >= Duration::from_millis(1) {
            self.tokens = (self.tokens + passed.as_secs_f64() * self.rate).min(self.rate);
            self.filled = now;
        }
    }
}

/// Which of the rates of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// PUBLISH packets per second.
    Messages,
    /// PUBLISH packets per second that want an acknowledgement.
    Acknowledged,
    /// Payload bytes per second.
    Bytes,
}

/// The rates of a grant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    packets: Meter,
    acknowledged: Meter,
    bytes: Meter,
}

impl Rates {
    /// Full buckets; 0 is no limit.
    pub(crate) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            packets: Meter::new(limits.publish_rate, now),
            acknowledged: Meter::new(limits.publish_rate_acknowledged, now),
            bytes: Meter::new(limits.publish_bytes, now),
        }
    }

    /// May a PUBLISH with so many payload bytes pass now? If not: the rate that it is over.
    pub(crate) fn pay(&mut self, qos: Qos, payload: usize, now: Instant) -> Result<(), Rate> {
        let payload = u32::try_from(payload).unwrap_or(u32::MAX);
        if !self.packets.pay(1, now) {
            return Err(Rate::Messages);
        }
        if qos != Qos::AtMostOnce && !self.acknowledged.pay(1, now) {
            return Err(Rate::Acknowledged);
        }
        if !self.bytes.pay(payload, now) {
            return Err(Rate::Bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_second_allows_the_rate_and_then_the_rate_again() {
        let start = Instant::now();
        let mut meter = Meter::new(50, start);
        assert_eq!((0..80).filter(|_| meter.pay(1, start)).count(), 50);
        let later = start + Duration::from_millis(500);
        assert_eq!((0..80).filter(|_| meter.pay(1, later)).count(), 25);
    }

    #[test]
    fn a_message_bigger_than_a_second_passes_and_is_paid_for() {
        let start = Instant::now();
        let mut rates = metered(0, 0, 1_000, start);
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(rates.pay(Qos::AtMostOnce, 3_000, start), Ok(()));
        assert_eq!(rates.pay(Qos::AtMostOnce, 1, at(1_900)), Err(Rate::Bytes));
        assert_eq!(rates.pay(Qos::AtMostOnce, 1, at(2_100)), Ok(()));
    }

    #[test]
    fn the_rate_that_is_over_is_named() {
        let start = Instant::now();
        let mut rates = metered(1, 0, 10, start);
        assert_eq!(rates.pay(Qos::AtMostOnce, 10, start), Ok(()));
        assert_eq!(rates.pay(Qos::AtMostOnce, 10, start), Err(Rate::Messages));
        let mut rates = metered(2, 0, 10, start);
        assert_eq!(rates.pay(Qos::AtMostOnce, 10, start), Ok(()));
        assert_eq!(rates.pay(Qos::AtMostOnce, 10, start), Err(Rate::Bytes));
    }

    #[test]
    fn acknowledged_messages_have_a_rate_of_their_own() {
        let start = Instant::now();
        let mut rates = metered(30, 2, 0, start);
        assert_eq!(rates.pay(Qos::AtLeastOnce, 1, start), Ok(()));
        assert_eq!(rates.pay(Qos::AtLeastOnce, 1, start), Ok(()));
        let third = rates.pay(Qos::AtLeastOnce, 1, start);
        assert_eq!(third, Err(Rate::Acknowledged));
        assert_eq!(rates.pay(Qos::AtMostOnce, 1, start), Ok(()));
    }

    fn metered(messages: u32, acknowledged: u32, bytes: u32, now: Instant) -> Rates {
        let limits = Limits {
            publish_rate: messages,
            publish_rate_acknowledged: acknowledged,
            publish_bytes: bytes,
            payload: 0,
            topic: 0,
            subscriptions: 0,
            filters: 0,
            keep_alive: 0,
            session_expiry: 0,
        };
        Rates::new(&limits, now)
    }

    proptest! {
        /// Never more than the rate times the seconds, plus the bucket, plus the one that drives it below zero.
        #[test]
        fn never_over_the_rate(rate in 1_u32..200, steps in prop::collection::vec(0_u64..50, 1..400)) {
            let start = Instant::now();
            let mut meter = Meter::new(rate, start);
            let mut now = start;
            let mut passed = 0_u32;
            for step in steps {
                now += Duration::from_millis(step);
                passed += u32::from(meter.pay(1, now));
            }
            let seconds = (now - start).as_secs_f64();
            prop_assert!(f64::from(passed) <= f64::from(rate) * (seconds + 1.0) + 1.0);
        }
    }
}
