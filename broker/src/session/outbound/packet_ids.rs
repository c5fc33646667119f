//! Packet ids of one client, given in order, never 0 and never one that is in flight. Pure.
//!
//! What is in flight is only looked at when the ids that were found free are used up: once in 65 535 messages for a client that
//! acknowledges, twice for one that leaves a message unanswered. An acknowledgement frees ids and takes none, so what was free stays free.

/// Where the numbering is.
#[derive(Debug, Default)]
pub(super) struct PacketIds {
    last: u16,
    /// So many after the last are free.
    free: u16,
}

impl PacketIds {
    // By value, or every caller would borrow what it has just made.
    #[allow(clippy::needless_pass_by_value)]
    /// The next free id. Fewer are taken than there are (the window is a 16 bit number and no id is 0), so there is one.
    pub(super) fn next(&mut self, taken: &(impl Iterator<Item = u16> + Clone)) -> u16 {
        while self.free == 0 {
            let ahead = taken.clone().map(|id| distance(self.last, id)).min();
            self.free = ahead.unwrap_or(u16::MAX) - 1;
            if self.free == 0 {
                self.last = following(self.last);
            }
        }
        self.free -= 1;
        self.last = following(self.last);
        self.last
    }
}

fn following(id: u16) -> u16 {
    id.checked_add(1).unwrap_or(1)
}

/// How many steps lead from `last` to `id`: 1 to 65 535.
fn distance(last: u16, id: u16) -> u16 {
    if id > last {
        id - last
    } else {
        // Round the end, past the 0 that is no id.
        u16::MAX - last + id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_round_the_end_and_past_what_is_in_flight() {
        let mut ids = PacketIds::default();
        let given = |id: u16| [1, 2, 4].into_iter().filter(move |taken| *taken < id);
        assert!((1..=u16::MAX).all(|id| ids.next(&given(id)) == id));
        assert_eq!(ids.next(&[1, 2, 4].into_iter()), 3);
        assert_eq!(ids.next(&[1, 2, 4].into_iter()), 5);
    }

    proptest! {
        /// A window with holes, over several rounds: an id in flight is never given again.
        #[test]
        fn never_gives_what_is_taken(answers in prop::collection::vec(0_usize..40, 1..60), stuck in 1_u16..200) {
            let mut ids = PacketIds::default();
            let mut taken: Vec<u16> = Vec::new();
            for round in 0..4_000 {
                for _ in 0..40 {
                    let id = ids.next(&taken.iter().copied());
                    prop_assert!(id != 0 && !taken.contains(&id));
                    taken.push(id);
                }
                let left = answers[round % answers.len()];
                let mut kept: Vec<u16> = taken.iter().copied().filter(|id| *id == stuck).collect();
                kept.extend(taken.iter().rev().copied().filter(|id| *id != stuck).take(left / 4));
                taken = kept;
            }
        }
    }
}
