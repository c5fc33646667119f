//! Topics of a decision log, read leniently: a field that is unknown or missing is no error, since logs of other versions are read, too. Pure.
//!
//! A gap, a line without a topic and one that is no JSON say nothing. A line shows 512 bytes of a topic: one that may have been cut is left out.

use serde::Deserialize;
use std::collections::BTreeSet;

/// As many bytes of a text as a line shows, less what a cut at a character may take.
pub(super) const CUT: usize = 512 - 3;

#[derive(Deserialize)]
struct Line {
    topic: Option<String>,
}

/// The topics and filters of all lines, each once.
pub fn topics(log: &str) -> Vec<String> {
    let topics = log.lines().filter_map(|line| {
        let line: Line = serde_json::from_str(line).ok()?;
        line.topic.filter(|topic| topic.len() < CUT)
    });
    topics.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_once_and_garbage_says_nothing() {
        let too_long = format!(r#"{{"topic":"{}"}}"#, "x".repeat(512));
        let log = [
            r#"{"n":1,"topic":"b","later":{}}"#,
            "garbage",
            r#"{"gap":{"from":2,"to":3,"lost":2}}"#,
            r#"{"n":4,"topic":null}"#,
            r#"{"n":5,"topic":"a"}"#,
            r#"{"n":6,"topic":"b"}"#,
            &too_long,
            r#"{"n":7,"topic":7}"#,
        ];
        assert_eq!(topics(&log.join("\n")), ["a", "b"]);
    }
}
