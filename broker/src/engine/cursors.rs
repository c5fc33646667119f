//! Finds out that the engine has dropped messages. Pure.
//!
//! rumqttd keeps a bounded log per filter. A reader that falls behind is set forward silently; only the cursors of what it then gets
//! show the jump. Every filter of a link is one stream of consecutive offsets; a message does not say which, so an offset belongs to the
//! stream that expected it, else to a stream not seen yet, else it is a jump of the stream that it is nearest to. Where a stream starts only its
//! first message tells: what falls out of the log between SUBSCRIBE and that message is not counted.

/// The next offset of each stream of one link.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    expected: Vec<u64>,
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
        if self.expected.len() < streams {
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

    /// A filter is gone: which stream it was is not known, so all are learnt anew.
    pub(super) fn forget(&mut self) {
        self.expected.clear();
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
    fn learns_anew_after_a_filter_is_gone() {
        let mut cursors = Cursors::default();
        cursors.note(5, 1);
        cursors.forget();
        assert_eq!(cursors.note(90, 1), 0);
    }
}
