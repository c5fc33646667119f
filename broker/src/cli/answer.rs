//! What a verb answers: one JSON object, or lines for people.

use super::Error;
use serde_json::{Map, Value};
use std::io::Write;

/// One answer in both forms.
#[derive(Debug)]
pub(super) struct Answer {
    json: Value,
    lines: Vec<String>,
}

impl Answer {
    /// Lines that scripts can take as they are, such as just the id.
    pub(super) fn new(json: Value, lines: Vec<String>) -> Self {
        Self { json, lines }
    }

    /// `key: value`, a line each.
    pub(super) fn record(json: Value) -> Self {
        let lines = match &json {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| format!("{key}: {}", cell(value)))
                .collect(),
            other => vec![cell(other)],
        };
        Self { json, lines }
    }

    /// A table with a heading, tabs between columns; in JSON a list under `name`.
    pub(super) fn list(name: &str, columns: &[&str], records: Vec<Value>) -> Self {
        let mut lines = vec![columns.join("\t")];
        lines.extend(records.iter().map(|record| {
            let cells = columns
                .iter()
                .map(|column| record.get(column).map_or_else(String::new, cell));
            cells.collect::<Vec<_>>().join("\t")
        }));
        let json = Value::Object(Map::from_iter([(name.to_owned(), Value::Array(records))]));
        Self { json, lines }
    }

    pub(super) fn print(self, json: bool) -> Result<(), Error> {
        let mut stdout = std::io::stdout().lock();
        let lines = if json {
            vec![self.json.to_string()]
        } else {
            self.lines
        };
        lines
            .iter()
            .try_for_each(|line| writeln!(stdout, "{line}"))
            .map_err(Error::Stdout)
    }

    #[cfg(test)]
    pub(super) fn json(&self) -> &Value {
        &self.json
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".into(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
