//! Problems of rule documents: where, what, and what to do. Lower case, one line, the offending value in backticks.

use crate::contract::{Document, Problem};

/// A problem on a known line.
pub fn at(document: &Document, line: u32, message: impl Into<String>) -> Problem {
    Problem {
        document: document.name.clone(),
        line: Some(line).filter(|line| *line > 0),
        message: message.into(),
    }
}

/// A problem of the document as a whole.
pub fn whole(document: &Document, message: impl Into<String>) -> Problem {
    at(document, 0, message)
}

/// What the JSON reader says, with its line. `kind` names what the document was read as.
pub fn unreadable(document: &Document, kind: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let cause = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |cut| cut.0);
    let line = u32::try_from(error.line()).unwrap_or_default();
    at(document, line, format!("this is no {kind}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::document;

    #[test]
    fn the_json_readers_position_becomes_the_line() {
        let document = document("a.json", "{\n  \"a\": oops\n}");
        let error = serde_json::from_str::<serde_json::Value>(&document.text).unwrap_err();
        let problem = unreadable(&document, "product", &error);
        assert_eq!(problem.line, Some(2));
        assert_eq!(problem.message, "this is no product: expected value");
        assert_eq!(whole(&document, "m").line, None);
    }
}
