//! Device policies: documents in the vendor's JSON form, read strictly.
//!
//! Unknown fields are refused, since a misspelt `statement` would be a policy that denies nothing. Bounds are the vendor's: 10 KB, 10
//! statements, 1 to 10 resources each, names of 128 characters. A policy is bound by its name, which must be the file's.

use crate::contract::{Document, Problem};
use crate::problem;
use crate::resource::Resource;
use serde::Deserialize;
use serde::de::IgnoredAny;

const SIZE_MAX: usize = 10_240;
const STATEMENTS_MAX: usize = 10;
const RESOURCES_MAX: usize = 10;
/// A rule's name is `{file}#{statement}` and at most 128 bytes in the contract.
const NAME_MAX: usize = 120;

/// A device policy.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyDocument {
    /// What it is bound by.
    pub name: String,
    /// The file that it stands in.
    pub file: String,
    /// In the order of the document.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its place in the document, from 0.
    pub index: usize,
    /// The line in which it begins, from 1.
    pub line: u32,
    /// Whether it allows or denies.
    pub effect: PolicyEffect,
    /// It is about publishing.
    pub publish: bool,
    /// It is about subscribing, and so about receiving.
    pub subscribe: bool,
    /// The topics.
    pub resources: Vec<Resource>,
}

/// The effect of a statement. DENY wins over ALLOW, whatever the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum PolicyEffect {
    /// Allows.
    #[serde(rename = "ALLOW")]
    Allow,
    /// Denies.
    #[serde(rename = "DENY")]
    Deny,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
enum PolicyAction {
    #[serde(rename = "iotda:devices:publish")]
    Publish,
    #[serde(rename = "iotda:devices:subscribe")]
    Subscribe,
}

/// The document as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    policy_name: String,
    /// The vendor's resource space; ours is the policy's folder.
    #[serde(default, rename = "app_id")]
    _app_id: Option<IgnoredAny>,
    statement: Vec<WrittenStatement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenStatement {
    effect: PolicyEffect,
    actions: Vec<PolicyAction>,
    resources: Vec<String>,
}

/// Reads one document; every problem is told at once, as far as the JSON can be read.
pub fn read(document: &Document) -> Result<PolicyDocument, Vec<Problem>> {
    let written: Written = serde_json::from_str(&document.text)
        .map_err(|error| vec![problem::unreadable(document, "device policy", &error)])?;
    let mut problems = check_document(document, &written);
    let lines = problem::lines_of_items(document, "statement");
    let statements = written.statement.iter().enumerate();
    let statements = statements
        .map(|(index, statement)| Statement {
            line: lines.get(index).copied().unwrap_or(0),
            ..read_statement(document, index, statement, &mut problems)
        })
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(PolicyDocument {
        name: written.policy_name,
        file: document.name.clone(),
        statements,
    })
}

fn check_document(document: &Document, written: &Written) -> Vec<Problem> {
    let size = document.text.len();
    let count = written.statement.len();
    let name = &written.policy_name;
    let file_stem = document
        .name
        .strip_suffix(".json")
        .unwrap_or(&document.name);
    let checks = [
        (size > SIZE_MAX).then(|| {
            let message = format!("the document has `{size}` bytes: a device policy may have {SIZE_MAX}, split it");
            problem::whole(document, message)
        }),
        (!(1..=STATEMENTS_MAX).contains(&count)).then(|| {
            let message = format!("it has `{count}` statements: a policy has 1 to {STATEMENTS_MAX}, split it");
            problem::at(document, "statement", message)
        }),
        (!is_name(name)).then(|| {
            let message = format!(
                "the policy name `{}` is not valid: use 1 to {NAME_MAX} letters, digits, `_` and `-`",
                name.escape_debug()
            );
            problem::at(document, name, message)
        }),
        (name != file_stem).then(|| {
            let message = format!(
                "the policy name `{}` is not the file's: policies are bound by name, rename one of them",
                name.escape_debug()
            );
            problem::at(document, name, message)
        }),
    ];
    checks.into_iter().flatten().collect()
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

fn read_statement(
    document: &Document,
    index: usize,
    written: &WrittenStatement,
    problems: &mut Vec<Problem>,
) -> Statement {
    let count = written.resources.len();
    if !(1..=RESOURCES_MAX).contains(&count) {
        let message =
            format!("statement {index} has `{count}` resources: it must have 1 to {RESOURCES_MAX}");
        problems.push(problem::at(document, "resources", message));
    }
    if written.actions.is_empty() {
        let message = format!("statement {index} has no actions: name publish, subscribe or both");
        problems.push(problem::at(document, "actions", message));
    }
    Statement {
        index,
        line: 0,
        effect: written.effect,
        publish: written.actions.contains(&PolicyAction::Publish),
        subscribe: written.actions.contains(&PolicyAction::Subscribe),
        resources: read_resources(document, &written.resources, problems),
    }
}

fn read_resources(
    document: &Document,
    written: &[String],
    problems: &mut Vec<Problem>,
) -> Vec<Resource> {
    let mut resources = Vec::new();
    for text in written {
        match Resource::parse(text) {
            Ok(resource) => resources.push(resource),
            Err(cause) => {
                let message = format!(
                    "the resource `{}` is not valid: {cause}",
                    text.escape_debug()
                );
                problems.push(problem::at(document, text, message));
            }
        }
    }
    resources
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(text: &str) -> Document {
        Document {
            name: "p1.json".into(),
            text: text.into(),
        }
    }

    fn with_statement(statement: &str) -> String {
        format!(r#"{{"policy_name":"p1","statement":[{statement}]}}"#)
    }

    const VENDORS: &str = r#"{"policy_name":"p1","app_id":"0af1","statement":[
        {"effect":"ALLOW","actions":["iotda:devices:publish","iotda:devices:subscribe"],
         "resources":["topic:/v1/${devices.deviceId}/test/hello"]}]}"#;

    #[test]
    fn the_vendors_example_is_read() {
        let policy = read(&document(VENDORS)).unwrap();
        assert_eq!(
            (policy.name.as_str(), policy.file.as_str()),
            ("p1", "p1.json")
        );
        let statement = &policy.statements[0];
        assert_eq!(statement.effect, PolicyEffect::Allow);
        assert!(statement.publish && statement.subscribe);
        assert_eq!((statement.index, statement.line), (0, 2));
        assert_eq!(statement.resources.len(), 1);
    }

    #[test]
    fn what_the_json_reader_refuses_has_a_line() {
        for (text, line, cause) in [
            ("", None, "EOF while parsing"),
            ("{\n\"policy_name\":\"p1\",\n}", Some(3), "trailing comma"),
            (
                "{\"policy_name\":\"p1\"}",
                Some(1),
                "missing field `statement`",
            ),
            (
                "{\"policy_name\":\"p1\",\n\"statements\":[]}",
                Some(2),
                "unknown field `statements`",
            ),
            (
                &with_statement("\n{\"effect\":\"allow\",\"actions\":[],\"resources\":[]}"),
                Some(2),
                "unknown variant `allow`",
            ),
            (
                &with_statement(
                    "{\"effect\":\"DENY\",\n\"actions\":[\"iotda:devices:receive\"],\"resources\":[]}",
                ),
                Some(2),
                "unknown variant `iotda:devices:receive`",
            ),
            (
                &with_statement(
                    "{\"effect\":\"DENY\",\"actions\":[],\"resources\":[],\"condition\":1}",
                ),
                Some(1),
                "unknown field `condition`",
            ),
            (
                "{\"policy_name\":\"p1\",\"policy_name\":\"p2\",\"statement\":[]}",
                Some(1),
                "duplicate field `policy_name`",
            ),
        ] {
            let problems = read(&document(text)).unwrap_err();
            assert_eq!(problems.len(), 1, "{text}");
            assert!(
                problems[0].message.contains(cause),
                "{}",
                problems[0].message
            );
            assert!(
                problems[0]
                    .message
                    .starts_with("this is no device policy: ")
            );
            assert!(line.is_none() || problems[0].line == line, "{text}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_lines() {
        let text = "{\"policy_name\":\"p 1\",\n\"statement\":[\n{\"effect\":\"DENY\",\"actions\":[],\n\
                    \"resources\":[\"a/b\",\n\"topic:a b\"]}]}";
        let problems = read(&document(text)).unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(|problem| (problem.line, problem.message.as_str()))
            .collect();
        assert_eq!(told[0].0, Some(1));
        assert!(told[0].1.contains("the policy name `p 1` is not valid"));
        assert!(told[1].1.contains("is not the file's"));
        assert_eq!(
            told[2],
            (
                Some(3),
                "statement 0 has no actions: name publish, subscribe or both"
            )
        );
        assert!(
            told[3]
                .1
                .contains("`a/b` is not valid: it does not start with `topic:`")
        );
        assert_eq!(told[4].0, Some(5));
        assert!(told[4].1.contains("` ` is not allowed"));
    }

    #[test]
    fn the_vendors_limits_hold() {
        let resources = |count: usize| vec!["\"topic:a\""; count].join(",");
        let statement = |count: usize| {
            let resources = resources(count);
            format!(
                r#"{{"effect":"ALLOW","actions":["iotda:devices:publish"],"resources":[{resources}]}}"#
            )
        };
        let document_with = |count: usize| {
            let statements = vec![statement(1); count].join(",");
            document(&with_statement(&statements))
        };
        for (document, is_valid) in [
            (document(&with_statement(&statement(0))), false),
            (document(&with_statement(&statement(1))), true),
            (document(&with_statement(&statement(10))), true),
            (document(&with_statement(&statement(11))), false),
            (document_with(0), false),
            (document_with(10), true),
            (document_with(11), false),
            (
                document(&format!("{VENDORS}{}", " ".repeat(SIZE_MAX))),
                false,
            ),
        ] {
            assert_eq!(read(&document).is_ok(), is_valid, "{}", document.text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_with_a_problem(text in "[\\[{}\\]\",:a-z_0-9 \n]{0,200}") {
            if let Err(problems) = read(&document(&text)) {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| !problem.message.contains('\n')));
            }
        }
    }
}
