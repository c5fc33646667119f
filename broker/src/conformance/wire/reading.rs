//! Reads files of wire cases. Pure: texts come in.
//!
//! A case that cannot be read is an error of its own, with the case, the step and the field named; the others of its file still run. Whatever can
//! be known before a connection is opened is checked here: verbs, fields, connections that nobody opens, templates that nobody fills.

use super::codes::Version;
use super::codes::Versions;
use super::format::{Action, Feature, Step, WireCase};
use super::template::names;
use crate::conformance::{About, Level};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// A case as it is read, or why it is not.
pub(super) struct Read {
    pub(super) about: About,
    pub(super) case: Result<WireCase, String>,
}

/// What holds for all cases of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// For people.
    about: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    level: Level,
    #[serde(default = "both")]
    versions: Vec<Version>,
    #[serde(default)]
    case: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    level: Option<Level>,
    #[serde(default)]
    rows: Vec<String>,
    source: Option<String>,
    #[serde(default)]
    clauses: Vec<String>,
    why: Option<String>,
    versions: Option<Versions>,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    when: Vec<Feature>,
    #[serde(default = "half_a_minute")]
    seconds: u64,
    steps: Vec<toml::Table>,
}

const LONGEST: u64 = 180;

fn both() -> Vec<Version> {
    vec![Version::V311, Version::V5]
}

const fn half_a_minute() -> u64 {
    30
}

/// Every case of a file, once for each version that it is for.
pub(super) fn cases(file: &str, text: &str) -> Vec<Read> {
    let read: Result<File, _> = toml::from_str(text);
    let of_file = match read {
        Ok(of_file) => of_file,
        Err(error) => return vec![unreadable(about(file, "the file"), one_line(&error))],
    };
    if of_file.about.trim().is_empty() {
        let cause = "`about` is empty: say what the file is about".to_owned();
        return vec![unreadable(about(file, "the file"), cause)];
    }
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for table in &of_file.case {
        let name = table.get("name").and_then(toml::Value::as_str);
        let name = name.map_or_else(|| format!("case {}", seen.len() + 1), str::to_owned);
        let is_new = seen.insert(name.clone());
        match case(file, &of_file, table) {
            _ if !is_new => all.push(unreadable(
                about(file, &name),
                "another case of this file has the same name".into(),
            )),
            Ok(cases) => all.extend(cases),
            Err(cause) => all.push(unreadable(about(file, &name), cause)),
        }
    }
    all
}

fn about(file: &str, name: &str) -> About {
    About {
        file: file.to_owned(),
        name: name.to_owned(),
        ..About::default()
    }
}

fn unreadable(about: About, cause: String) -> Read {
    Read {
        about,
        case: Err(cause),
    }
}

pub(super) fn one_line(error: &toml::de::Error) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn case(file: &str, of_file: &File, table: &toml::Table) -> Result<Vec<Read>, String> {
    let case: Case = table.clone().try_into().map_err(|error| one_line(&error))?;
    if !(1..=LONGEST).contains(&case.seconds) {
        return Err(format!(
            "`seconds` is `{}`: it must be 1 to {LONGEST}",
            case.seconds
        ));
    }
    let steps = steps(&case.steps)?;
    let needs = needs(&case, &steps)?;
    check_connections(&steps)?;
    let versions = case
        .versions
        .as_ref()
        .map_or(of_file.versions.as_slice(), Versions::list);
    if versions.is_empty() {
        return Err("`versions` is empty: it would never run".into());
    }
    let read = versions.iter().map(|version| {
        let about = About {
            file: file.to_owned(),
            name: match versions {
                [_] => case.name.clone(),
                _ => format!("{} ({})", case.name, version.name()),
            },
            level: case.level.unwrap_or(of_file.level),
            rows: case.rows.clone(),
            source: source(of_file, &case),
            why: case.why.clone().unwrap_or_else(|| of_file.why.clone()),
        };
        Read {
            about,
            case: Ok(WireCase {
                version: *version,
                needs: needs.clone(),
                when: case.when.clone(),
                limit: Duration::from_secs(case.seconds),
                steps: steps.clone(),
            }),
        }
    });
    Ok(read.collect())
}

fn source(of_file: &File, case: &Case) -> String {
    let source = case.source.as_ref().unwrap_or(&of_file.source);
    match case.clauses.as_slice() {
        [] => source.clone(),
        clauses if source.is_empty() => clauses.join(", "),
        clauses => format!("{source}: {}", clauses.join(", ")),
    }
}

fn steps(tables: &[toml::Table]) -> Result<Vec<Step>, String> {
    if tables.is_empty() {
        return Err("`steps` is empty: it proves nothing".into());
    }
    let steps = tables.iter().enumerate().map(|(number, table)| {
        let step = step(table);
        step.map_err(|cause| format!("step {}: {cause}", number + 1))
    });
    steps.collect()
}

fn step(table: &toml::Table) -> Result<Step, String> {
    let mut table = table.clone();
    let only = table.remove("only").map(toml::Value::try_into).transpose();
    let only = only.map_err(|error| format!("`only`: {}", one_line(&error)))?;
    let mut verbs = table.keys();
    let (Some(verb), None) = (verbs.next().cloned(), verbs.next()) else {
        let found: Vec<_> = table.keys().map(|key| format!("`{key}`")).collect();
        return Err(format!(
            "it has {} verbs ({}) instead of one",
            found.len(),
            found.join(", ")
        ));
    };
    let action = Action::deserialize(toml::Value::Table(table));
    let action = action.map_err(|error| format!("{verb}: {}", one_line(&error)))?;
    Ok(Step { verb, only, action })
}

// --- what the steps refer to ------------------------------------------------------------------------------------------------

/// What a template may name beside the roles' fields.
pub(super) const GIVEN: [&str; 7] = ["case", "hour", "n", "now", "topic", "uuid", "version"];

fn needs(case: &Case, steps: &[Step]) -> Result<Vec<String>, String> {
    let mut needs: BTreeSet<&str> = case.needs.iter().map(String::as_str).collect();
    for step in steps {
        needs.extend(step.action.roles());
    }
    for table in &case.steps {
        for (key, value) in table {
            check_templates(value, &needs).map_err(|cause| format!("{key}: {cause}"))?;
        }
    }
    Ok(needs.into_iter().map(str::to_owned).collect())
}

fn check_templates(value: &toml::Value, needs: &BTreeSet<&str>) -> Result<(), String> {
    match value {
        toml::Value::String(text) => names(text).try_for_each(|name| {
            let is_role = name
                .split_once('.')
                .is_some_and(|(role, _)| needs.contains(role));
            if is_role || GIVEN.contains(&name) {
                return Ok(());
            }
            Err(format!(
                "the template `{{{name}}}` is none of {}, nor a field of a role in `needs`",
                GIVEN.join(", ")
            ))
        }),
        toml::Value::Array(values) => values
            .iter()
            .try_for_each(|value| check_templates(value, needs)),
        toml::Value::Table(table) => table
            .values()
            .try_for_each(|value| check_templates(value, needs)),
        _ => Ok(()),
    }
}

fn check_connections(steps: &[Step]) -> Result<(), String> {
    let mut open = BTreeSet::new();
    for (number, step) in steps.iter().enumerate() {
        if let Some(name) = step.action.opens() {
            open.insert(name);
            continue;
        }
        let unknown = step
            .action
            .uses()
            .into_iter()
            .find(|name| !open.contains(name));
        if let Some(unknown) = unknown {
            return Err(format!(
                "step {}: {}: nobody has opened the connection `{unknown}`",
                number + 1,
                step.verb
            ));
        }
        if open.is_empty() && !matches!(step.action, Action::Wait(_)) {
            return Err(format!(
                "step {}: {}: there is no connection yet",
                number + 1,
                step.verb
            ));
        }
    }
    Ok(())
}

impl Action {
    /// The connection that it makes.
    pub(super) fn opens(&self) -> Option<&str> {
        match self {
            Self::Connect(connect) => Some(connect.on.as_deref().unwrap_or(&connect.role)),
            Self::Open(open) => open.on.as_deref().or(open.role.as_deref()).or(Some("raw")),
            _ => None,
        }
    }

    /// The connections that it names.
    fn uses(&self) -> Vec<&str> {
        let on = match self {
            Self::Open(_) | Self::Connect(_) | Self::Wait(_) => &None,
            Self::Publish(step) => &step.on,
            Self::Subscribe(step) => &step.on,
            Self::Unsubscribe(step) => &step.on,
            Self::Ping(step) | Self::Drop(step) => &step.on,
            Self::Ack(step) => &step.on,
            Self::Expect(step) => &step.on,
            Self::ExpectAll(step) => &step.on,
            Self::ExpectAny(step) => &step.on,
            Self::ExpectNothing(step) => &step.on,
            Self::ExpectClose(step) => &step.on,
            Self::ExpectRaw(step) => &step.on,
            Self::SendRaw(step) => &step.on,
            Self::Disconnect(step) => &step.on,
            Self::Drain(step) => &step.on,
        };
        let sentinel = match self {
            Self::ExpectNothing(step) => step.sentinel.as_ref(),
            _ => None,
        };
        on.as_deref()
            .into_iter()
            .chain(sentinel.map(|sentinel| sentinel.from.as_str()))
            .collect()
    }

    fn roles(&self) -> Vec<&str> {
        match self {
            Self::Connect(connect) => {
                let of = connect.certificate_of.as_deref();
                of.into_iter().chain([connect.role.as_str()]).collect()
            }
            Self::Open(open) => open.role.as_deref().into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        about = "a test"
        source = "MQTT"
        [[case]]
        name = "one"
        clauses = ["MQTT-3.1.0-1"]
        steps = [
          { connect = { as = "device" } },
          { only = "5", publish = { topic = "{topic}/{device.id}", payload = '{"a":1}', qos = 1 } },
          { expect = { on = "device", within = 100 } },
        ]
    "#;

    fn error(text: &str) -> String {
        let all = cases("f.toml", text);
        let found = all.into_iter().find_map(|read| read.case.err());
        found.unwrap_or_else(|| panic!("no error in {text}"))
    }

    fn edited(from: &str, to: &str) -> String {
        assert!(FILE.contains(from), "{from}");
        error(&FILE.replace(from, to))
    }

    #[test]
    fn a_case_is_read_for_each_version() {
        let read = cases("f.toml", FILE);
        let names: Vec<_> = read.iter().map(|read| read.about.name.as_str()).collect();
        assert_eq!(names, ["one (3.1.1)", "one (5)"]);
        let case = read[0].case.as_ref().unwrap();
        assert_eq!(case.needs, ["device"]);
        assert_eq!(read[0].about.source, "MQTT: MQTT-3.1.0-1");
        assert_eq!(case.steps.len(), 3);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_step_and_field() {
        for (from, to, parts) in [
            ("about = \"a test\"", "about = \"\"", &["`about`"][..]),
            ("about = \"a test\"", "abut = \"a\"", &["abut"]),
            ("clauses =", "clause =", &["clause"]),
            ("expect =", "expct =", &["step 3", "expct"]),
            (
                "within = 100",
                "witin = 100",
                &["step 3", "expect", "witin"],
            ),
            ("within = 100", "within = 900000", &["step 3", "900000"]),
            (
                "qos = 1 }",
                "qos = 1 }, ping = {}",
                &["step 2", "2 verbs", "`ping`", "`publish`"],
            ),
            ("only = \"5\"", "only = \"6\"", &["step 2", "`only`"]),
            ("{device.id}", "{devise.id}", &["publish", "`{devise.id}`"]),
            (
                "on = \"device\"",
                "on = \"devise\"",
                &["step 3", "expect", "`devise`"],
            ),
            (
                "{ connect = { as = \"device\" } },",
                "{ wait = { ms = 1 } },",
                &["publish", "`{device.id}`"],
            ),
        ] {
            let error = edited(from, to);
            for part in parts {
                assert!(error.contains(part), "{to}: no `{part}` in: {error}");
            }
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_wrong_case_leaves_the_others_alone() {
        let second = FILE
            .split_once("[[case]]")
            .unwrap()
            .1
            .replace("\"one\"", "\"two\"");
        let text = format!("{}[[case]]{second}", FILE.replace("expect =", "expct ="));
        let read = cases("f.toml", &text);
        let ok: Vec<_> = read.iter().map(|read| read.case.is_ok()).collect();
        assert_eq!(ok, [false, true, true]);
        assert_eq!(read[0].about.name, "one");
        let twice = format!("{FILE}[[case]]{}", FILE.split_once("[[case]]").unwrap().1);
        assert!(error(&twice).contains("same name"));
    }
}
