//! One in so many allowed decisions. Pure, and without chance, so that a test can count on it.
//!
//! Each session counts for itself, since a counter that threads share costs as much as writing a small message; it begins at a place of
//! its own, so that many sessions that do little are seen as often as one that does much.

/// Says which decisions have a line.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    every: u32,
    left: u32,
}

impl Sampler {
    /// `every`: 0 for none, 1 for all. `place`: any number that differs between samplers.
    pub fn new(every: u32, place: u64) -> Self {
        let turns = u64::from(every).max(1);
        let first = u32::try_from(place % turns).unwrap_or(0);
        Self {
            every,
            left: first + u32::from(every > 0),
        }
    }

    /// Counts one.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        // Without a sample this counts down from 4 294 967 296 again and again.
        self.left = self.left.wrapping_sub(1);
        if self.left > 0 {
            return false;
        }
        self.left = self.every;
        self.every > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(every: u32, place: u64, count: usize) -> Vec<usize> {
        let mut sampler = Sampler::new(every, place);
        (0..count).filter(|_| sampler.is_due()).collect()
    }

    #[test]
    fn one_in_so_many_from_a_place_of_its_own() {
        assert_eq!(due(3, 0, 9), [0, 3, 6]);
        assert_eq!(due(3, 1, 9), [1, 4, 7]);
        assert_eq!(due(3, 5, 9), [2, 5, 8]);
        assert_eq!(due(1, 7, 3), [0, 1, 2]);
        assert_eq!(due(0, 0, 1_000), [0_usize; 0]);
        assert_eq!(due(0, 5, 1_000), [0_usize; 0]);
        assert_eq!(due(u32::MAX, u64::MAX, 1), [0]);
    }

    #[test]
    fn many_sessions_that_ask_once_are_seen_as_often_as_one() {
        let seen: usize = (0..1_000).map(|place| due(100, place, 1).len()).sum();
        assert_eq!(seen, 10);
    }
}
