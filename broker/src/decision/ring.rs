//! The lines in memory, by number: the newest replaces the oldest. Pure.
//!
//! A line that could not be kept has its number all the same, so whoever reads sees by the numbers alone what is missing. Bounded by
//! lines and by bytes; one line is always kept.

use super::Settings;
use super::line::Kept;
use super::share::Share;
use std::collections::VecDeque;
use std::sync::Arc;

/// What is kept, and who may add to it.
#[derive(Debug)]
pub(super) struct Ring {
    kept: VecDeque<Arc<Kept>>,
    bytes: usize,
    /// The number of the last line, kept or lost.
    last: u64,
    lines_max: usize,
    bytes_max: usize,
    pub(super) share: Share,
    /// Up to which number the file has all; `None`: there is no file.
    pub(super) saved: Option<u64>,
}

/// What came of a read.
#[derive(Debug)]
pub(super) struct Batch {
    /// Oldest first.
    pub(super) lines: Vec<Arc<Kept>>,
    /// The last number, kept or lost; `None` where more lines are waiting.
    pub(super) last: Option<u64>,
}

impl Ring {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            last: 0,
            lines_max: settings.memory_lines,
            bytes_max: settings.memory_bytes,
            share: Share::new(settings.lines_max),
            saved: settings.file.as_ref().map(|_| 0),
        }
    }

    /// Keeps a line, and says how many had to go that are not in the file.
    pub(super) fn push(&mut self, mut kept: Kept) -> u64 {
        self.last += 1;
        kept.line.n = self.last;
        self.bytes += kept.bytes();
        self.kept.push_back(Arc::new(kept));
        let mut unsaved = 0;
        while self.is_over() {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes();
            unsaved += u64::from(self.saved.is_some_and(|saved| oldest.line.n > saved));
        }
        unsaved
    }

    /// Gives numbers to lines that nobody will see.
    pub(super) fn lose(&mut self, lines: u64) {
        self.last += lines;
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The first `most` lines after this number.
    pub(super) fn after(&self, after: u64, most: usize) -> Batch {
        let first = self.kept.partition_point(|kept| kept.line.n <= after);
        let rest = self.kept.len() - first;
        Batch {
            lines: self.kept.iter().skip(first).take(most).cloned().collect(),
            last: (rest <= most).then_some(self.last),
        }
    }

    pub(super) fn find(&self, number: u64) -> Option<Arc<Kept>> {
        let place = self
            .kept
            .binary_search_by_key(&number, |kept| kept.line.n)
            .ok()?;
        self.kept.get(place).cloned()
    }

    fn is_over(&self) -> bool {
        let is_over = self.kept.len() > self.lines_max || self.bytes > self.bytes_max;
        is_over && self.kept.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Action, Record};
    use std::path::PathBuf;

    fn kept(topic: &str) -> Kept {
        let record = Record {
            topic,
            ..Record::new(0, Action::Publish)
        };
        Kept::new(&record, None)
    }

    fn numbers(ring: &Ring, after: u64, most: usize) -> (Vec<u64>, Option<u64>) {
        let batch = ring.after(after, most);
        let numbers = batch.lines.iter().map(|kept| kept.line.n);
        (numbers.collect(), batch.last)
    }

    #[test]
    fn the_newest_replaces_the_oldest_and_lost_lines_have_numbers() {
        let mut ring = Ring::new(&Settings {
            memory_lines: 3,
            ..Settings::default()
        });
        assert_eq!(numbers(&ring, 0, 10), (vec![], Some(0)));
        ring.push(kept("a"));
        ring.push(kept("b"));
        ring.lose(2);
        ring.push(kept("c"));
        ring.lose(1);
        assert_eq!(numbers(&ring, 0, 10), (vec![1, 2, 5], Some(6)));
        assert_eq!(numbers(&ring, 1, 1), (vec![2], None));
        assert_eq!(numbers(&ring, 2, 1), (vec![5], Some(6)));
        ring.push(kept("d"));
        assert_eq!(numbers(&ring, 0, 10), (vec![2, 5, 7], Some(7)));
        assert_eq!(ring.find(5).unwrap().line.topic.as_deref(), Some("c"));
        for gone in [0, 1, 3, 6, 8] {
            assert!(ring.find(gone).is_none(), "{gone}");
        }
        assert_eq!(ring.last(), 7);
    }

    #[test]
    fn bytes_bound_it_as_well() {
        let mut ring = Ring::new(&Settings {
            memory_bytes: 10 * kept(&"x".repeat(500)).bytes(),
            ..Settings::default()
        });
        for _ in 0..100 {
            ring.push(kept(&"x".repeat(500)));
        }
        assert_eq!(ring.kept.len(), 10);
        let counted: usize = ring.kept.iter().map(|kept| kept.bytes()).sum();
        assert_eq!(ring.bytes, counted);
        let mut tiny = Ring::new(&Settings {
            memory_bytes: 1,
            ..Settings::default()
        });
        tiny.push(kept("a"));
        tiny.push(kept("b"));
        assert_eq!(numbers(&tiny, 0, 10), (vec![2], Some(2)));
    }

    #[test]
    fn what_goes_before_the_file_has_it_is_counted() {
        let mut ring = Ring::new(&Settings {
            memory_lines: 2,
            file: Some(PathBuf::from("f")),
            ..Settings::default()
        });
        assert_eq!((ring.push(kept("a")), ring.push(kept("b"))), (0, 0));
        assert_eq!(ring.push(kept("c")), 1);
        ring.saved = Some(2);
        assert_eq!((ring.push(kept("d")), ring.push(kept("e"))), (0, 1));
    }
}
