//! What applications (back-ends) may do: documents `application_*.json`, read strictly. The form stands in `policies/aliyun/README.md`.
//!
//! Bounds: 100 filters each way, so that two bound documents keep within the contract's 256 rules; 512 bytes of a filter, the contract's.

use crate::contract::{Document, Problem};
use crate::problem;
use crate::written;
use serde::Deserialize;
use serde_json::value::RawValue;

const FILTERS_MAX: usize = 100;
const FILTER_BYTES_MAX: usize = 512;

/// What the applications that this document is bound to may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationDocument {
    /// The file that it stands in.
    pub file: String,
    /// Topics that may be published.
    pub publish: Vec<Filter>,
    /// Filters that may be subscribed to, and what they bring received.
    pub subscribe: Vec<Filter>,
}

/// An MQTT topic filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// As it is written.
    pub text: String,
    /// The line of the document.
    pub line: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'d> {
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(borrow)]
    publish: Vec<&'d RawValue>,
    #[serde(borrow)]
    subscribe: Vec<&'d RawValue>,
}

/// Reads one document; every problem is told at once, as far as the JSON can be read.
pub fn read(document: &Document) -> Result<ApplicationDocument, Vec<Problem>> {
    let written: Written = serde_json::from_str(&document.text).map_err(|error| {
        vec![problem::unreadable(
            document,
            "application document",
            &error,
        )]
    })?;
    let mut problems = Vec::new();
    let publish = read_filters(document, "publish", &written.publish, &mut problems);
    let subscribe = read_filters(document, "subscribe", &written.subscribe, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(ApplicationDocument {
        file: document.name.clone(),
        publish,
        subscribe,
    })
}

fn read_filters(
    document: &Document,
    field: &str,
    values: &[&RawValue],
    problems: &mut Vec<Problem>,
) -> Vec<Filter> {
    let count = values.len();
    if count > FILTERS_MAX {
        let message = format!(
            "`{field}` has `{count}` filters: a document may have {FILTERS_MAX}, use wildcards or a second document"
        );
        problems.push(problem::whole(document, message));
    }
    let mut filters = Vec::new();
    for value in values {
        match read_filter(document, value) {
            Ok(filter) => filters.push(filter),
            Err(problem) => problems.push(problem),
        }
    }
    filters
}

fn read_filter(document: &Document, value: &RawValue) -> Result<Filter, Problem> {
    let text: String = written::read(document, value, "topic filter")?;
    let line = written::line(document, value);
    if !is_filter(&text) {
        let shown = text.escape_debug();
        let message = format!(
            "the filter `{shown}` is not valid: write 1 to {FILTER_BYTES_MAX} bytes that do not start with `$`, `+` as a whole level and `#` as the last"
        );
        return Err(problem::at(document, line, message));
    }
    Ok(Filter { text, line })
}

fn is_filter(text: &str) -> bool {
    let mut levels = text.split('/').peekable();
    let mut well_placed = true;
    while let Some(level) = levels.next() {
        well_placed &= match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            literal => !literal.contains(['+', '#', '\0']),
        };
    }
    well_placed && (1..=FILTER_BYTES_MAX).contains(&text.len()) && !text.starts_with('$')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::document;

    #[test]
    fn filters_keep_their_lines() {
        let text = "{\n \"publish\": [\"/a/+\",\n  \"#\"],\n \"subscribe\": [\n  \"/a/+\"\n ]\n}";
        let read = read(&document("application_a.json", text)).unwrap();
        let lines = |filters: &[Filter]| filters.iter().map(|one| one.line).collect::<Vec<_>>();
        assert_eq!(
            (lines(&read.publish), lines(&read.subscribe)),
            (vec![2, 3], vec![5])
        );
    }

    #[test]
    fn bad_filters_are_told_with_their_lines() {
        let long = "x".repeat(513);
        for filter in ["", "a/#/b", "a+", "a#", "$share/g/a", "$SYS/#", &long] {
            let text = format!("{{\n \"publish\": [],\n \"subscribe\": [\n  \"{filter}\"]}}");
            let problems = read(&document("application_a.json", &text)).unwrap_err();
            assert_eq!(problems.len(), 1, "{filter}");
            assert_eq!(problems[0].line, Some(4));
            assert!(problems[0].message.contains("is not valid"));
        }
        for (text, cause) in [
            ("{\"publish\":[]}", "missing field `subscribe`"),
            (
                "{\"publish\":[],\"subscribe\":[],\"deny\":[]}",
                "unknown field `deny`",
            ),
            (
                "{\"publish\":[1],\"subscribe\":[]}",
                "this is no topic filter",
            ),
            (
                &format!(
                    "{{\"publish\":[{}],\"subscribe\":[]}}",
                    vec!["\"a\""; 101].join(",")
                ),
                "has `101` filters",
            ),
        ] {
            let problems = read(&document("application_a.json", text)).unwrap_err();
            assert!(problems[0].message.contains(cause), "{problems:?}");
        }
    }
}
