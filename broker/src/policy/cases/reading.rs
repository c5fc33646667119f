//! The format of a file of cases: a JSON array of cases, or an object whose `cases` share what the file says once:
//!
//! ```json
//! { "about": "…", "source": "vendor page", "connect": { … }, "subject": { … },
//!   "cases": [
//!     { "name": "…", "source": "vendor page or clause", "level": "must", "rows": ["C7"], "why": "…",
//!       "connect": { "client_id": "…", "password": "…" }, "subject": { "client": { … }, "product": { … } },
//!       "expect": { "refusal": 201, "rule": "…" } } ] }
//! ```
//!
//! A case's `connect` and `subject` are laid over the file's, member by member; `null` takes one away, and a credential is replaced as a whole.
//! What may be expected: [`expect`](super::expect). Records: [`records`](super::records).

use super::about::{About, Level};
use super::expect::{self, Expect, RawExpect};
use super::records;
use crate::contract::{Connect, Subject};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A case with what it says of itself, or why it cannot be read.
pub(super) struct Named {
    pub(super) about: About,
    pub(super) case: Result<Case, String>,
}

pub(super) struct Case {
    pub(super) connect: Connect,
    pub(super) subject: Subject,
    pub(super) expect: Expect,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default, rename = "about")]
    _about: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    connect: Value,
    #[serde(default)]
    subject: Value,
    cases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    level: Level,
    #[serde(default)]
    rows: Vec<String>,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    connect: Value,
    #[serde(default)]
    subject: Value,
    expect: RawExpect,
}

/// The cases of one file; the error is of the file as a whole.
pub(super) fn cases(name: &str, text: &str) -> Result<Vec<Named>, String> {
    let mut shared = file(text)?;
    let cases = std::mem::take(&mut shared.cases);
    let named = |(number, case)| named(name, &shared, number, case);
    Ok((1..).zip(cases).map(named).collect())
}

fn file(text: &str) -> Result<RawFile, String> {
    let told =
        |error| format!("this is no JSON array of cases, nor an object with `cases`: {error}");
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(told);
    }
    let cases = serde_json::from_str(text).map_err(told)?;
    Ok(RawFile {
        cases,
        ..RawFile::default()
    })
}

fn named(file: &str, shared: &RawFile, number: usize, case: Value) -> Named {
    let name = case.get("name").and_then(Value::as_str);
    let name = name.map_or_else(|| format!("case {number}"), str::to_owned);
    let raw = match serde_json::from_value::<RawCase>(case) {
        Ok(raw) => raw,
        Err(error) => {
            let about = About {
                file: file.to_owned(),
                name,
                ..About::default()
            };
            let case = Err(error.to_string());
            return Named { about, case };
        }
    };
    Named {
        about: About {
            file: file.to_owned(),
            name: raw.name,
            level: raw.level,
            rows: raw.rows,
            source: raw.source.unwrap_or_else(|| shared.source.clone()),
            why: raw.why.unwrap_or_else(|| shared.why.clone()),
        },
        case: read(shared, raw.connect, raw.subject, raw.expect),
    }
}

fn read(
    shared: &RawFile,
    connect: Value,
    subject: Value,
    expected: RawExpect,
) -> Result<Case, String> {
    let subject = laid_over(shared.subject.clone(), subject);
    Ok(Case {
        connect: records::connect(laid_over(shared.connect.clone(), connect))?,
        expect: expect::read(expected, &subject)?,
        subject: records::subject(subject)?,
    })
}

/// RFC 7386, but for `credential`: two kinds of it would be laid into each other.
pub(super) fn laid_over(below: Value, above: Value) -> Value {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => Value::Object(merged(below, above)),
        (below, Value::Null) => below,
        (_, above) => above,
    }
}

fn merged(mut below: Map<String, Value>, above: Map<String, Value>) -> Map<String, Value> {
    for (field, value) in above {
        let known = below.remove(&field);
        let value = match known {
            _ if value.is_null() => continue,
            Some(known) if field != "credential" => laid_over(known, value),
            _ => value,
        };
        below.insert(field, value);
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_says_once_what_its_cases_share() {
        let file = json!({
            "source": "page", "why": "because",
            "connect": { "client_id": "a", "username": "u" },
            "subject": { "client": { "id": "d", "credential": { "secret": { "primary": "text:1" } } } },
            "cases": [
                { "name": "one", "expect": { "refusal": 201 } },
                { "name": "two", "source": "other", "level": "may", "rows": ["C1"],
                  "connect": { "username": null },
                  "subject": { "client": { "credential": { "token": "text:2" } } }, "expect": { "refusal": 201 } },
                { "name": "three", "expect": { "refusal": 201 }, "extra": 1 },
            ],
        });
        let [one, two, three] = cases("f", &file.to_string())
            .unwrap()
            .try_into()
            .ok()
            .unwrap();
        assert_eq!(
            (one.about.source.as_str(), one.about.why.as_str()),
            ("page", "because")
        );
        assert_eq!(one.about.level, Level::Must);
        let one = one.case.unwrap();
        assert_eq!(one.connect.username.as_deref(), Some("u"));
        assert_eq!(
            (two.about.source.as_str(), two.about.level),
            ("other", Level::May)
        );
        let two = two.case.unwrap();
        assert_eq!(two.connect.username, None);
        assert_eq!(two.subject.client.unwrap().id, "d");
        assert!(three.case.err().unwrap().contains("extra"));
    }

    #[test]
    fn what_is_no_file_of_cases_is_told() {
        for text in [
            "",
            "3",
            "{}",
            r#"{"cases": 3}"#,
            r#"{"cases": [], "case": []}"#,
        ] {
            assert!(cases("f", text).is_err(), "{text}");
        }
        assert_eq!(cases("f", "[]").unwrap().len(), 0);
    }
}
