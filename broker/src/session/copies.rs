//! Copies of one publication: a link with overlapping filters gets one per filter, all with the same number. Pure.
//!
//! A ring of the last [`REMEMBERED`] numbers, only filled while a session has more than one filter in the engine. Copies arrive close
//! together (each filter is read in turn, 100 messages at most), so a number that has left the ring is not seen again; if it were, the
//! client would get a second copy, which MQTT allows (3.3.4).

use std::collections::{HashSet, VecDeque};

/// 100 messages of each of ten overlapping filters.
const REMEMBERED: usize = 1_024;

/// The numbers seen last.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    order: VecDeque<u64>,
    seen: HashSet<u64>,
}

impl Copies {
    /// True for the first copy of a publication.
    pub(crate) fn is_first(&mut self, number: u64) -> bool {
        let first = self.seen.insert(number);
        if first {
            self.order.push_back(number);
            self.forget_oldest();
        }
        first
    }

    /// Gives the memory back; for when one filter is left.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn forget_oldest(&mut self) {
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_copy_is_known_and_memory_is_bounded() {
        let mut copies = Copies::default();
        for number in 0..10_000 {
            assert!(copies.is_first(number));
            assert!(!copies.is_first(number));
            assert!(copies.seen.len() <= REMEMBERED && copies.order.len() == copies.seen.len());
        }
        assert!(!copies.is_first(9_999 - REMEMBERED as u64 + 1));
        copies.clear();
        assert!(copies.is_first(9_999));
    }
}
