//! How many lines a second may have, and how many of them one client. Pure: the caller brings the time.
//!
//! Bounded: one number per client that had a line in this second, so at most as many as lines.

use std::collections::HashMap;

/// A client that causes a flood of denials has a tenth of all lines.
const CLIENTS_SHARE: u32 = 10;

/// The lines of one second.
#[derive(Debug)]
pub(super) struct Share {
    most: u32,
    second: u64,
    lines: u32,
    clients: HashMap<u64, u32>,
}

impl Share {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            second: 0,
            lines: 0,
            clients: HashMap::new(),
        }
    }

    /// Whether this client may have a line more. `client`: a hash of whatever tells it from others.
    pub(super) fn take(&mut self, second: u64, client: u64) -> bool {
        // A clock that was set back begins anew as well.
        if self.second != second {
            self.second = second;
            self.lines = 0;
            self.clients.clear();
        }
        if self.lines >= self.most {
            return false;
        }
        let own = self.clients.entry(client).or_default();
        if *own >= (self.most / CLIENTS_SHARE).max(1) {
            return false;
        }
        *own += 1;
        self.lines += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(share: &mut Share, second: u64, client: u64, asked: usize) -> usize {
        (0..asked).filter(|_| share.take(second, client)).count()
    }

    #[test]
    fn one_client_has_a_tenth_and_all_together_no_more_than_all() {
        let mut share = Share::new(100);
        assert_eq!(taken(&mut share, 1, 1, 1_000), 10);
        assert_eq!(taken(&mut share, 1, 2, 5), 5);
        let others: usize = (3..100).map(|one| taken(&mut share, 1, one, 10)).sum();
        assert_eq!(others, 85);
        assert_eq!(taken(&mut share, 1, 2, 5), 0);
        assert_eq!(taken(&mut share, 2, 1, 1_000), 10, "the next second");
        assert_eq!(taken(&mut share, 1, 1, 1_000), 10, "a clock set back");
    }

    #[test]
    fn a_small_number_leaves_each_client_one() {
        let mut share = Share::new(3);
        for (client, expected) in [(1, 1), (2, 1), (3, 1), (4, 0)] {
            assert_eq!(taken(&mut share, 7, client, 9), expected, "{client}");
        }
        assert!(share.clients.len() <= 3);
    }
}
