//! The document `rules.json`: read strictly, or refused with every problem that it has.
//!
//! A problem names the line and the offending value, and says what to do. One mistake refuses the whole generation: half of the rules are
//! not the rules, and a rule that is left out might be a `deny`.

use crate::contract::{Document, Problem};
use serde::Deserialize;

/// The only document.
pub const DOCUMENT: &str = "rules.json";
/// The contract's limit of a grant's rules.
const RULES_MAX: usize = 256;
/// A pattern may have 512 bytes; the rest is for the client's id.
const TOPIC_MAX: usize = 256;

/// Who may do what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    pub devices: Vec<Line>,
    pub applications: Vec<Line>,
}

/// One rule, and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub rule: Written,
    /// Counted from 1.
    pub line: u32,
}

/// A rule as it is written.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// A word of its own, by which cases and logs know the rule.
    pub name: String,
    pub effect: Word,
    pub actions: Vec<Action>,
    /// An MQTT filter; `{client}` is the client's id.
    pub topic: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    Allow,
    Deny,
    Inspect,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Publish,
    Subscribe,
    Receive,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    devices: Vec<Written>,
    applications: Vec<Written>,
}

/// The rules of a generation, or everything that is wrong with its documents.
pub fn read(documents: &[Document]) -> Result<Rules, Vec<Problem>> {
    let unknown: Vec<Problem> = documents
        .iter()
        .filter(|document| document.name != DOCUMENT)
        .map(|document| {
            problem(
                &document.name,
                None,
                format!("the only document is `{DOCUMENT}`: move this one out of the folder"),
            )
        })
        .collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let Some(document) = documents.first() else {
        return Err(vec![problem(
            DOCUMENT,
            None,
            "the document is missing: without rules nothing is allowed".to_owned(),
        )]);
    };
    let whole: Whole =
        serde_json::from_str(&document.text).map_err(|error| vec![unreadable(&error)])?;
    let problems = problems(&whole, &document.text);
    if !problems.is_empty() {
        return Err(problems);
    }
    let lines = |rules: Vec<Written>| {
        let placed = |rule: Written| Line {
            line: line_of(&document.text, &rule.name),
            rule,
        };
        rules.into_iter().map(placed).collect()
    };
    Ok(Rules {
        devices: lines(whole.devices),
        applications: lines(whole.applications),
    })
}

fn problems(whole: &Whole, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for rule in whole.devices.iter().chain(&whole.applications) {
        if let Some(cause) = wrong(rule, &seen) {
            problems.push(problem(DOCUMENT, Some(line_of(text, &rule.name)), cause));
        }
        seen.push(&rule.name);
    }
    let rules = whole.devices.len().max(whole.applications.len());
    if rules > RULES_MAX {
        problems.push(problem(
            DOCUMENT,
            None,
            format!("`{rules}` rules are too many: at most {RULES_MAX}"),
        ));
    }
    problems
}

fn wrong(rule: &Written, seen: &[&str]) -> Option<String> {
    let Written {
        name,
        actions,
        topic,
        ..
    } = rule;
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_word) {
        return Some(format!(
            "the name `{name}` is no word of letters, digits and dashes: shorten it to at most 64"
        ));
    }
    if seen.contains(&name.as_str()) {
        return Some(format!(
            "the name `{name}` is taken by another rule: cases and logs tell rules by their names"
        ));
    }
    if actions.is_empty() {
        return Some(format!(
            "the rule `{name}` has no action: say `publish`, `subscribe` or `receive`"
        ));
    }
    // What comes with a message is inspected; a subscription has no payload.
    if rule.effect == Word::Inspect && actions.contains(&Action::Subscribe) {
        return Some(format!(
            "the rule `{name}` cannot inspect a subscription: allow it, and inspect what is published"
        ));
    }
    if topic.len() > TOPIC_MAX || !is_filter(topic) {
        return Some(format!(
            "the topic `{topic}` is no MQTT filter of at most {TOPIC_MAX} bytes: `+` stands for a level, `#` for all that follow"
        ));
    }
    None
}

fn is_filter(topic: &str) -> bool {
    let levels: Vec<&str> = topic.split('/').collect();
    let last = levels.len() - 1;
    let is_level = |(index, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => index == last,
        level => !level.contains(['+', '#', '\0']),
    };
    !topic.is_empty() && levels.iter().enumerate().all(is_level)
}

fn unreadable(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let cause = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |cut| cut.0);
    let line = u32::try_from(error.line()).ok().filter(|line| *line > 0);
    problem(
        DOCUMENT,
        line,
        format!("this is no document of rules: {cause}"),
    )
}

fn problem(document: &str, line: Option<u32>, message: String) -> Problem {
    Problem {
        document: document.to_owned(),
        line,
        message,
    }
}

/// The first line that holds this text as a JSON string, counted from 1; 0 where there is none.
fn line_of(text: &str, value: &str) -> u32 {
    let quoted = format!("\"{value}\"");
    let index = text.lines().position(|line| line.contains(&quoted));
    index
        .and_then(|index| u32::try_from(index + 1).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str) -> Vec<(Option<u32>, String)> {
        let document = Document {
            name: DOCUMENT.into(),
            text: text.into(),
        };
        let problems = read(&[document]).err().unwrap_or_default();
        problems
            .into_iter()
            .map(|one| (one.line, one.message))
            .collect()
    }

    #[test]
    fn the_document_beside_this_crate_is_read() {
        assert_eq!(problems_of(include_str!("../policy/rules.json")), []);
    }

    #[test]
    fn every_problem_is_told_with_its_line() {
        let text = r#"{ "devices": [
            { "name": "a", "effect": "allow", "actions": [], "topic": "t" },
            { "name": "b", "effect": "allow", "actions": ["publish"], "topic": "t/#/u" }
        ], "applications": [] }"#;
        let told = problems_of(text);
        assert_eq!((told.len(), told[0].0, told[1].0), (2, Some(2), Some(3)));
        assert!(told[1].1.contains("`t/#/u`"), "{}", told[1].1);
        let misspelt = problems_of("{\n  \"device\": []\n}");
        assert_eq!(misspelt[0].0, Some(2));
        assert!(
            misspelt[0].1.contains("unknown field `device`"),
            "{}",
            misspelt[0].1
        );
    }
}
