//! Finds out that the engine has dropped messages. Pure.
//!
//! rumqttd keeps a bounded log per filter. A reader that falls behind is set forward silently; only the cursors of what it then gets
//! show the jump. Every filter of a link is one stream of consecutive offsets; a message does not say which, so an offset belongs to the
//! stream that expected it, else to a stream not seen yet, else it is a jump of the stream that it is nearest to. A filter that is gone
//! stays a stream for a while, since what was on its way still comes. Where a stream starts only its first message tells: what falls out
//! of the log between SUBSCRIBE and that message is not counted. Bounded by the link's filters and [`GONE_MAX`].

/// Streams of filters that are gone. A filter that never brought anything leaves room for one jump that is not noticed.
const GONE_MAX: usize = 16;

/// The next offset of each stream of one link.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    expected: Vec<u64>,
    /// How many filters may still bring something after their end.
    gone: usize,
}

impl Cursors {
    /// Notes a message at `offset` on a link with `streams` filters; returns how many messages were lost before it.
    #[inline]
    pub(super) fn note(&mut self, offset: u64, streams: usize) -> u64 {
        if let Some(expected) = self
            .expected
            .iter_mut()
            .find(|expected| **expected == offset)
        {
            *expected = offset.saturating_add(1);
            return 0;
        }
        if self.expected.len() < streams + self.gone {
            self.expected.push(offset.saturating_add(1));
            return 0;
        }
        let Some(nearest) = self
            .expected
            .iter_mut()
            .filter(|expected| **expected < offset)
            .max()
        else {
            return 0;
        };
        let lost = offset - *nearest;
        *nearest = offset.saturating_add(1);
        lost
    }

    /// A filter is gone. Which stream it was is not known, and learning all anew would take its last messages for one of the others,
    /// and the next of the others for a jump.
    pub(super) fn forget(&mut self) {
        self.gone += 1;
        if self.gone > GONE_MAX {
            self.expected.clear();
            self.gone = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(offsets: &[u64], streams: usize) -> u64 {
        let mut cursors = Cursors::default();
        offsets
            .iter()
            .map(|offset| cursors.note(*offset, streams))
            .sum()
    }

    #[test]
    fn counts_jumps_only() {
        assert_eq!(lost(&[0, 1, 2, 3], 1), 0);
        assert_eq!(
            lost(&[7, 8, 9], 1),
            0,
            "a stream starts where the subscription came in"
        );
        assert_eq!(lost(&[0, 1, 5, 6], 1), 3);
        assert_eq!(
            lost(&[0, 1, 100, 2, 101, 3], 2),
            0,
            "two filters, interleaved"
        );
        assert_eq!(lost(&[0, 100, 1, 110, 2, 111], 2), 9);
    }

    #[test]
    fn what_a_gone_filter_still_brings_is_no_loss_of_another() {
        let mut cursors = Cursors::default();
        for offset in [1_000, 5, 1_001, 6] {
            assert_eq!(cursors.note(offset, 2), 0);
        }
        cursors.forget();
        // One more of the filter that is gone was on its way.
        for offset in [7, 1_002, 1_003] {
            assert_eq!(cursors.note(offset, 1), 0, "{offset}");
        }
        assert_eq!(cursors.note(50, 2), 0, "a new filter");
        assert_eq!(cursors.note(1_010, 2), 6, "a true loss");
    }

    #[test]
    fn filters_that_come_and_go_take_no_memory() {
        let mut cursors = Cursors::default();
        for round in 0..10_000 {
            cursors.note(round * 100, 1);
            cursors.forget();
            assert!(cursors.expected.len() <= 2 * GONE_MAX);
        }
    }

    #[test]
    fn learns_anew_after_a_filter_is_gone() {
        let mut cursors = Cursors::default();
        cursors.note(5, 1);
        cursors.forget();
        assert_eq!(cursors.note(90, 1), 0);
    }
}
