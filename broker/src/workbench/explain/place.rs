//! Where a rule is written: document, line and text. Pure.
//!
//! The contract says that the name of a rule that is written in a document begins with the document's and `#`, and counts lines from 1. What the
//! line says is shown with the lines below it that are indented deeper: in JSON the line of a statement is often a bracket. A line that the
//! document does not have is shown without text.

use crate::contract::{Document, Rule};
use serde::Serialize;

/// Lines of one rule that are shown.
const LINES_MAX: usize = 12;

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The document's name.
    pub document: String,
    /// Counted from 1; none where the policy does not say.
    pub line: Option<u32>,
    /// The line and what belongs to it, without the indentation that all share.
    pub text: String,
}

/// None where the rule is in no document of these.
pub(super) fn of(documents: &[Document], rule: &Rule) -> Option<Written> {
    let named = |document: &&Document| {
        let rest = rule.name.strip_prefix(&document.name);
        rest.is_some_and(|rest| rest.starts_with('#'))
    };
    // Of `a` and `a#b` the longer one is meant by `a#b#0`.
    let document = documents
        .iter()
        .filter(named)
        .max_by_key(|document| document.name.len())?;
    let line = Some(rule.line).filter(|line| *line > 0);
    let text = line.and_then(|line| usize::try_from(line).ok());
    Some(Written {
        document: document.name.clone(),
        line,
        text: text.map_or_else(String::new, |line| excerpt(&document.text, line)),
    })
}

fn excerpt(text: &str, line: usize) -> String {
    let mut lines = text.lines().skip(line.saturating_sub(1));
    let Some(first) = lines.next() else {
        return String::new();
    };
    let depth = indentation(first);
    let mut shown = vec![first];
    for line in lines.take(LINES_MAX - 1) {
        let is_deeper = indentation(line) > depth;
        let is_end = indentation(line) == depth && line.trim_start().starts_with(['}', ']', ')']);
        let belongs = is_deeper || (is_end && shown.len() > 1);
        if !belongs {
            break;
        }
        shown.push(line);
        if is_end {
            break;
        }
    }
    let shown = shown
        .iter()
        .map(|line| line.get(depth..).unwrap_or_default());
    shown.collect::<Vec<_>>().join("\n")
}

/// Bytes of white space before the first other one; an empty line ends nothing.
fn indentation(line: &str) -> usize {
    match line.trim_start() {
        "" => usize::MAX,
        text => line.len() - text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Actions, Effect, Qos, Syntax};

    const TEXT: &str = "{\n  \"statement\": [\n    {\n      \"effect\": \"DENY\",\n\n      \"x\": 1\n    },\n    { \"effect\": \"ALLOW\" },\n    3\n  ]\n}";

    fn written(name: &str, line: u32) -> Option<Written> {
        let document = |name: &str| Document {
            name: name.into(),
            text: TEXT.into(),
        };
        let rule = Rule {
            effect: Effect::Deny,
            actions: Actions::PUBLISH,
            pattern: "a".into(),
            syntax: Syntax::MqttFilter,
            max_qos: Qos::AtMostOnce,
            retain: false,
            code: 0,
            name: name.into(),
            line,
        };
        of(&[document("a.json"), document("a.json#b")], &rule)
    }

    #[test]
    fn a_rule_is_shown_with_what_belongs_to_its_line() {
        for (line, text) in [
            (3, "{\n  \"effect\": \"DENY\",\n\n  \"x\": 1\n},"),
            (8, "{ \"effect\": \"ALLOW\" },"),
            (9, "3"),
            (11, "}"),
            (12, ""),
            (u32::MAX, ""),
        ] {
            let seen = written("a.json#0", line).unwrap();
            assert_eq!((seen.line, seen.text.as_str()), (Some(line), text));
        }
    }

    #[test]
    fn a_rule_belongs_to_the_document_that_its_name_begins_with() {
        let document = |name: &str| written(name, 0).map(|seen| seen.document);
        assert_eq!(document("a.json#0").as_deref(), Some("a.json"));
        assert_eq!(document("a.json#b#0").as_deref(), Some("a.json#b"));
        for name in ["system:own", "a.json", "b.json#0", "a.jsonx#0"] {
            assert_eq!(document(name), None, "{name}");
        }
        assert_eq!(written("a.json#0", 0).unwrap().line, None);
    }

    #[test]
    fn a_long_rule_is_cut() {
        let body = "  x\n".repeat(100);
        assert_eq!(
            excerpt(&format!("{{\n{body}}}"), 1).lines().count(),
            LINES_MAX
        );
    }
}
