//! Lines as text, with a record for each gap between them. Pure.
//!
//! `{"gap":{"from":8,"to":12,"lost":5}}`: the lines 8 to 12 are not to be had, because they were over the number of lines in a second or
//! have fallen out of memory. One that reads on does so after `to`.

use super::line::Kept;
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
struct Gap {
    from: u64,
    to: u64,
    lost: u64,
}

#[derive(Serialize)]
struct Entry {
    gap: Gap,
}

/// Writes lines and gaps after number `at` to `out`, and says after which number they end. `last`: the number up to which no more lines
/// will come, where it is known.
pub(super) fn write(out: &mut Vec<u8>, at: u64, lines: &[Arc<Kept>], last: Option<u64>) -> u64 {
    let mut at = at;
    for kept in lines {
        gap(out, at, kept.line.n.saturating_sub(1));
        entry(out, &kept.line);
        at = kept.line.n;
    }
    let last = last.unwrap_or(at).max(at);
    gap(out, at, last);
    last
}

fn gap(out: &mut Vec<u8>, at: u64, to: u64) {
    if to > at {
        let (from, lost) = (at + 1, to - at);
        entry(
            out,
            &Entry {
                gap: Gap { from, to, lost },
            },
        );
    }
}

fn entry(out: &mut Vec<u8>, entry: &impl Serialize) {
    // Neither can fail: there is no map with other keys than text, and a Vec takes everything.
    if serde_json::to_writer(&mut *out, entry).is_ok() {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Action, Record};

    fn lines(numbers: &[u64]) -> Vec<Arc<Kept>> {
        let kept = |number: &u64| {
            let mut kept = Kept::new(&Record::new(0, Action::Publish), None);
            kept.line.n = *number;
            Arc::new(kept)
        };
        numbers.iter().map(kept).collect()
    }

    /// Numbers, and gaps as (from, to).
    fn written(at: u64, numbers: &[u64], last: Option<u64>) -> (Vec<(u64, u64)>, u64) {
        let mut out = Vec::new();
        let end = write(&mut out, at, &lines(numbers), last);
        let text = String::from_utf8(out).unwrap();
        let entries = text.lines().map(|line| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            let number = |value: &serde_json::Value| value.as_u64().unwrap();
            match entry.get("gap") {
                None => (number(&entry["n"]), number(&entry["n"])),
                Some(gap) => {
                    let (from, to) = (number(&gap["from"]), number(&gap["to"]));
                    assert_eq!(number(&gap["lost"]), to - from + 1);
                    (from, to)
                }
            }
        });
        (entries.collect(), end)
    }

    #[test]
    fn every_number_is_a_line_or_in_a_gap() {
        assert_eq!(written(0, &[], Some(0)), (vec![], 0));
        assert_eq!(written(0, &[1, 2], Some(2)), (vec![(1, 1), (2, 2)], 2));
        assert_eq!(
            written(3, &[7, 8, 10], Some(12)),
            (vec![(4, 6), (7, 7), (8, 8), (9, 9), (10, 10), (11, 12)], 12)
        );
        assert_eq!(written(3, &[], Some(9)), (vec![(4, 9)], 9));
        assert_eq!(written(3, &[5], None), (vec![(4, 4), (5, 5)], 5));
        assert_eq!(written(9, &[], Some(4)), (vec![], 9));
    }
}
