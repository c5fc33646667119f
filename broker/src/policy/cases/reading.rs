//! The format of a file of cases: a JSON array of cases, or an object whose `cases` share what the file says once:
//!
//! ```json
//! { "about": "…", "source": "vendor page", "why": "…", "documents": { "name.json": { … } }, "connect": { … }, "subject": { … },
//!   "cases": [
//!     { "name": "…", "source": "vendor page or clause", "level": "must", "rows": ["C7"], "why": "…",
//!       "connect": { "client_id": "…", "password": "…" }, "subject": { "client": { … }, "product": { … } },
//!       "expect": { "refusal": 201, "rule": "…" } } ] }
//! ```
//!
//! A case's `connect` and `subject` are laid over the file's, member by member; `null` takes one away, and a credential is replaced as a whole.
//! With `documents` the policy is configured with them alone, not with those of its folder; a case `{"name": "…", "documents": { … }, "expect":
//! {"problem": "…"}}` has documents that must be refused, with these words in one of the problems. What may be expected: [`expect`](super::expect). Records: [`records`](super::records).

use super::about::{About, Level};
use super::convert::laid_over;
use super::expect::{self, Expect};
use super::records;
use crate::contract::{Connect, Document, Subject};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a file holds.
pub(super) struct CasesOfFile {
    /// Instead of the policy's own.
    pub(super) documents: Option<Vec<Document>>,
    pub(super) cases: Vec<Named>,
}

/// A case with what it says of itself, or why it cannot be read.
pub(super) struct Named {
    pub(super) about: About,
    pub(super) case: Result<Case, String>,
}

pub(super) enum Case {
    /// A client that is judged.
    Client(Box<Client>),
    /// Documents that are refused, with these words.
    Documents {
        documents: Vec<Document>,
        problem: String,
    },
}

pub(super) struct Client {
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
    documents: Option<Map<String, Value>>,
    #[serde(default)]
    connect: Value,
    #[serde(default)]
    subject: Value,
    cases: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    #[serde(rename = "name")]
    _name: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    level: Level,
    #[serde(default)]
    rows: Vec<String>,
    #[serde(default)]
    why: Option<String>,
    documents: Option<Map<String, Value>>,
    #[serde(default)]
    connect: Value,
    #[serde(default)]
    subject: Value,
    expect: Value,
}

/// The cases of one file; the error is of the file as a whole.
pub(super) fn cases(name: &str, text: &str) -> Result<CasesOfFile, String> {
    let mut shared = file(text)?;
    let cases = std::mem::take(&mut shared.cases);
    let documents = shared.documents.take().map(documents);
    let named = |(number, case)| named(name, &shared, number, case);
    Ok(CasesOfFile {
        documents,
        cases: (1..).zip(cases).map(named).collect(),
    })
}

/// A document's text may be written as what it means.
fn documents(written: Map<String, Value>) -> Vec<Document> {
    let document = |(name, text): (String, Value)| Document {
        name,
        text: match text {
            Value::String(text) => text,
            other => format!("{other:#}"),
        },
    };
    written.into_iter().map(document).collect()
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
    let or_shared = |own: &Option<String>, shared: &String| own.as_ref().unwrap_or(shared).clone();
    Named {
        about: About {
            file: file.to_owned(),
            name,
            level: raw.level,
            rows: raw.rows.clone(),
            source: or_shared(&raw.source, &shared.source),
            why: or_shared(&raw.why, &shared.why),
        },
        case: read(shared, raw),
    }
}

fn read(shared: &RawFile, raw: RawCase) -> Result<Case, String> {
    if let Some(written) = raw.documents {
        return Ok(Case::Documents {
            documents: documents(written),
            problem: expect::problem(raw.expect)?,
        });
    }
    let subject = laid_over(shared.subject.clone(), raw.subject);
    let connect = laid_over(shared.connect.clone(), raw.connect);
    Ok(Case::Client(Box::new(Client {
        connect: records::connect(connect)?,
        expect: expect::parse(raw.expect, &subject)?,
        subject: records::subject(subject)?,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn client(read: Result<Case, String>) -> Client {
        match read {
            Ok(Case::Client(client)) => *client,
            Ok(Case::Documents { .. }) => panic!("documents"),
            Err(cause) => panic!("{cause}"),
        }
    }

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
            .cases
            .try_into()
            .ok()
            .unwrap();
        assert_eq!(
            (one.about.source.as_str(), one.about.why.as_str()),
            ("page", "because")
        );
        assert_eq!(one.about.level, Level::Must);
        let one = client(one.case);
        assert_eq!(one.connect.username.as_deref(), Some("u"));
        assert_eq!(
            (two.about.source.as_str(), two.about.level),
            ("other", Level::May)
        );
        let two = client(two.case);
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
        assert_eq!(cases("f", "[]").unwrap().cases.len(), 0);
    }
}
