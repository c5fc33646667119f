//! Where a part of a document is written: its line. Pure.
//!
//! serde keeps no places, but a [`RawValue`] is a piece of the document's own text: how far into the text it begins says on which line. A piece of another
//! text has no line.

use crate::contract::{Document, Problem};
use crate::problem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The line on which the value begins, counted from 1; 0 where it is no piece of the document.
pub(crate) fn line(document: &Document, value: &RawValue) -> u32 {
    let start = document.text.as_ptr().addr();
    let offset = value.get().as_ptr().addr().checked_sub(start);
    let before = offset.and_then(|offset| document.text.get(..offset));
    let lines = before.map(|before| before.bytes().filter(|byte| *byte == b'\n').count() + 1);
    lines.map_or(0, |line| u32::try_from(line).unwrap_or_default())
}

/// Reads the value as what it should be; a problem names the value's own line.
pub(crate) fn read<'d, T: Deserialize<'d>>(
    document: &Document,
    value: &'d RawValue,
    what: &str,
) -> Result<T, Problem> {
    serde_json::from_str(value.get()).map_err(|error| {
        let within = u32::try_from(error.line()).unwrap_or_default();
        let line = line(document, value) + within.saturating_sub(1);
        Problem {
            line: Some(line),
            ..problem::unreadable(document, what, &error)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::document;

    #[test]
    fn a_value_is_on_its_line() {
        let document = document("a.json", "[\n  1,\n  2, 3,\n\n  {\n \"a\": 4 }\n]");
        let values: Vec<&RawValue> = serde_json::from_str(&document.text).unwrap();
        let lines: Vec<u32> = values.iter().map(|value| line(&document, value)).collect();
        assert_eq!(lines, [2, 3, 3, 5]);
        let elsewhere: &RawValue = serde_json::from_str("5").unwrap();
        assert_eq!(line(&document, elsewhere), 0);
    }

    #[test]
    fn a_problem_within_a_value_is_on_its_own_line() {
        let document = document("a.json", "[\n  {\n    \"a\": 1\n  }\n]");
        let values: Vec<&RawValue> = serde_json::from_str(&document.text).unwrap();
        let problem =
            read::<std::collections::BTreeMap<String, bool>>(&document, values[0], "list of words");
        let problem = problem.unwrap_err();
        assert_eq!(problem.line, Some(3));
        assert!(
            problem
                .message
                .starts_with("this is no list of words: invalid type")
        );
    }
}
