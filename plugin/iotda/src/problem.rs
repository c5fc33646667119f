//! Problems of rule documents: where, what, and what to do. Lower case, one line, the offending value in backticks.

use crate::contract::{Document, Problem};
use crate::json;

/// A problem at the first line that holds this text as a JSON string; without a line where there is none.
pub fn at(document: &Document, value: &str, message: impl Into<String>) -> Problem {
    Problem {
        document: document.name.clone(),
        line: line_of(&document.text, value),
        message: message.into(),
    }
}

/// A problem of the document as a whole.
pub fn whole(document: &Document, message: impl Into<String>) -> Problem {
    Problem {
        document: document.name.clone(),
        line: None,
        message: message.into(),
    }
}

/// What the JSON reader says, with its line. `kind` names what the document was read as.
pub fn unreadable(document: &Document, kind: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let cause = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |cut| cut.0);
    Problem {
        document: document.name.clone(),
        line: u32::try_from(error.line()).ok().filter(|line| *line > 0),
        message: format!("this is no {kind}: {cause}"),
    }
}

/// In which lines the items of the document's list `field` begin, counted from 1, in their order; 0 for one that is beyond any line.
/// The document has been read as JSON; of a text that has not there are none.
pub fn lines_of_items(document: &Document, field: &str) -> Vec<u32> {
    let text = &document.text;
    let Ok(whole) = json::read(text) else {
        return Vec::new();
    };
    let named = whole.members().filter(|(name, _)| name.decoded() == field);
    let items = named.flat_map(|(_, list)| list.items());
    let line = |item: json::Value| {
        let before = text.get(..item.start()).unwrap_or_default();
        let breaks = before.matches('\n').count();
        u32::try_from(breaks + 1).unwrap_or(0)
    };
    items.map(line).collect()
}

fn line_of(text: &str, value: &str) -> Option<u32> {
    let quoted = serde_json::to_string(value).ok()?;
    let index = text.lines().position(|line| line.contains(&quoted))?;
    u32::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document {
            name: "a.json".into(),
            text: text.into(),
        }
    }

    #[test]
    fn lines_count_from_one() {
        let document = document("{\n  \"a\": \"x\",\n  \"b\": \"y\\\"z\"\n}");
        assert_eq!(at(&document, "a", "m").line, Some(2));
        assert_eq!(at(&document, "y\"z", "m").line, Some(3));
        assert_eq!(at(&document, "absent", "m").line, None);
        assert_eq!(whole(&document, "m").line, None);
    }

    #[test]
    fn items_begin_in_the_lines_in_which_they_are_written() {
        let written =
            document("{\n \"s\": [{\"s\": [1,\n2]}, 3,\n\n  {}\r\n,\"\\n\"], \"t\": [\n4]\n}");
        assert_eq!(lines_of_items(&written, "s"), [2, 3, 5, 6]);
        assert_eq!(lines_of_items(&written, "t"), [7]);
        assert_eq!(lines_of_items(&written, "u"), [0; 0]);
        assert_eq!(lines_of_items(&document("{\"s\": [1"), "s"), [0; 0]);
    }

    #[test]
    fn the_json_readers_position_becomes_the_line() {
        let document = document("{\n  \"a\": oops\n}");
        let error = serde_json::from_str::<serde_json::Value>(&document.text).unwrap_err();
        let problem = unreadable(&document, "device policy", &error);
        assert_eq!(problem.line, Some(2));
        assert_eq!(problem.message, "this is no device policy: expected value");
    }
}
