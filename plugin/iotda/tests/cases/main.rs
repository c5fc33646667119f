//! The table cases of `policies/iotda/cases`, run natively against the documents of `policies/iotda`: whom a CONNECT is looked up as, why
//! it is refused, what its grant is called. What a grant says of single topics is proven by the host's runner, whose matcher counts
//! (`iotda-broker policy test`); here those lines are only read.

// All of this is test code, which may fail by panicking; clippy sees that only inside of test functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod case_file;

use iotda_policy::configuration::Configuration;
use iotda_policy::contract::{Connect, Document, Grant, Lookup, Refusal, Subject};
use iotda_policy::{authenticate, authorize, identify};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The issue asks for sixty; fewer means that files went missing.
const CASES_MIN: usize = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    source: String,
    connect: Connect,
    subject: Subject,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    lookup: Option<Lookup>,
    refusal: Option<u16>,
    grant: Option<ExpectedGrant>,
    #[serde(default)]
    access: Vec<ExpectedAccess>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedGrant {
    client_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedAccess {
    publish: Option<String>,
    subscribe: Option<String>,
    receive: Option<String>,
    #[serde(default)]
    qos: u8,
    verdict: Verdict,
    rule: Option<String>,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Allow,
    Deny,
    Inspect,
}

#[test]
fn every_case_holds() {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/iotda");
    let configuration = configuration(&policy);
    let cases = cases(&policy.join("cases"));
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    assert_eq!(
        cases
            .iter()
            .map(|(name, _)| name)
            .collect::<BTreeSet<_>>()
            .len(),
        cases.len(),
        "a name twice"
    );
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|(name, case)| {
            failure(&configuration, case).map(|why| format!("{name}: {why}"))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} fail:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

#[test]
fn a_wrong_expectation_fails() {
    let connect = r#""name": "n", "source": "s", "connect": {"client_id": "d_0_0_2026112122", "username": "d"}"#;
    for expect in [
        r#"{"refusal": 201}"#,
        r#"{"lookup": {"Client": "e"}}"#,
        r#"{"grant": {"client_id": "d"}}"#,
        "{}",
    ] {
        let case = read_case(
            &serde_json::from_str(&format!(r#"{{{connect}, "expect": {expect}}}"#)).unwrap(),
        );
        assert!(
            failure(&Configuration::default(), &case.unwrap()).is_some(),
            "{expect}"
        );
    }
}

fn failure(configuration: &Configuration, case: &Case) -> Option<String> {
    let granted = judge(configuration, &case.connect, &case.subject);
    let code = granted.as_ref().err().map(|refusal| refusal.code);
    let client_id = granted.as_ref().ok().map(|grant| grant.client_id.as_str());
    let lookup = identify::identify(&case.connect);
    let Expect {
        lookup: wanted,
        refusal,
        grant,
        access,
    } = &case.expect;
    let holds = match (wanted, refusal, grant) {
        (Some(wanted), None, None) => lookup.as_ref() == Ok(wanted),
        (None, Some(wanted), None) => code == Some(*wanted),
        (None, None, Some(wanted)) => client_id == Some(wanted.client_id.as_str()),
        _ => return Some("it must expect one of lookup, refusal and grant".to_owned()),
    };
    if !holds {
        return Some(format!(
            "looked up {lookup:?}, answered {code:?} {client_id:?}"
        ));
    }
    access
        .iter()
        .find_map(|line| misread(line, granted.as_ref().ok()))
}

/// As the host does: identify, look up, authenticate, authorize.
fn judge(
    configuration: &Configuration,
    connect: &Connect,
    subject: &Subject,
) -> Result<Grant, Refusal> {
    identify::identify(connect)?;
    let principal = authenticate::authenticate(connect, subject)?;
    authorize::authorize(configuration, &principal, subject, connect.now)
}

/// Lines about topics are read, not judged: exactly one action, a `QoS` that exists, and a rule that the grant has.
fn misread(line: &ExpectedAccess, grant: Option<&Grant>) -> Option<String> {
    let actions = [&line.publish, &line.subscribe, &line.receive];
    let topics: Vec<_> = actions.into_iter().flatten().collect();
    let has_rule = |name: &String| {
        grant.is_some_and(|grant| grant.rules.iter().any(|rule| rule.name == *name))
    };
    let is_read = topics.len() == 1 && line.qos <= 2 && line.rule.as_ref().is_none_or(has_rule);
    let is_offered = line.verdict != Verdict::Inspect;
    (!is_read || !is_offered).then(|| format!("the line on {topics:?} cannot hold"))
}

fn configuration(policy: &Path) -> Configuration {
    let documents: Vec<Document> = json_files(policy)
        .into_iter()
        .filter(|file| !file.ends_with("clients.json"))
        .map(|file| Document {
            name: file.file_name().unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(file).unwrap(),
        })
        .collect();
    assert!(!documents.is_empty(), "no documents");
    Configuration::read(&documents).unwrap()
}

fn cases(folder: &Path) -> Vec<(String, Case)> {
    let in_file = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let values: Vec<serde_json::Value> = serde_json::from_str(&text)
            .unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        values.into_iter().map(move |value| {
            let case = read_case(&value).unwrap_or_else(|cause| panic!("{stem}: {cause}: {value}"));
            assert!(
                !case.source.is_empty(),
                "{stem}: {} has no source",
                case.name
            );
            (format!("{stem}: {}", case.name), case)
        })
    };
    json_files(folder).into_iter().flat_map(in_file).collect()
}

fn read_case(value: &serde_json::Value) -> Result<Case, String> {
    serde_json::from_value(case_file::filled(value)?).map_err(|cause| cause.to_string())
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|cause| panic!("{}: {cause}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "json")
    });
    files.sort();
    files
}

/// The examples that people copy must be right.
#[test]
fn the_examples_of_the_readme_are_read() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let mut blocks = readme
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let documents: Vec<Document> = ["example_policy.json", "product_demo.json"]
        .into_iter()
        .zip(blocks.by_ref())
        .map(|(name, text)| Document {
            name: name.to_owned(),
            text: text.to_owned(),
        })
        .collect();
    assert_eq!(documents.len(), 2);
    Configuration::read(&documents).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(blocks.next().unwrap()).unwrap();
    let case = read_case(&cases[0]).unwrap();
    assert_eq!(failure(&Configuration::default(), &case), None);
}
