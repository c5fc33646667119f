//! A report as JUnit XML, which build servers show: one `testsuite` per file of cases.
//!
//! Written by hand: the format is four elements, and a crate for it would bring an XML parser. What XML 1.0 cannot hold (most control
//! characters) becomes U+FFFD, so no answer of a broker can make the file unreadable.

use super::{CaseResult, Outcome, Report};
use std::fmt::Write as _;

/// The whole document.
pub fn document(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all: Vec<_> = report.cases.iter().collect();
    element(&mut out, "testsuites", &numbers(&report.target, &all));
    for cases in suites(report) {
        let file = cases.first().map_or("", |case| &case.about.file);
        element(&mut out, "testsuite", &numbers(file, &cases));
        for case in cases {
            write_case(&mut out, case);
        }
        out.push_str("</testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Cases of one file, in the order in which the files come first.
fn suites(report: &Report) -> Vec<Vec<&CaseResult>> {
    let mut suites: Vec<Vec<&CaseResult>> = Vec::new();
    for case in &report.cases {
        let of_file = |suite: &&mut Vec<&CaseResult>| {
            let first = suite.first();
            first.is_some_and(|first| first.about.file == case.about.file)
        };
        match suites.iter_mut().find(of_file) {
            Some(suite) => suite.push(case),
            None => suites.push(vec![case]),
        }
    }
    suites
}

type Attributes = Vec<(&'static str, String)>;

fn numbers(name: &str, cases: &[&CaseResult]) -> Attributes {
    let count = |wanted: fn(&Outcome) -> bool| {
        let wanted = cases.iter().filter(|case| wanted(&case.outcome));
        wanted.count().to_string()
    };
    let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
    vec![
        ("name", name.to_owned()),
        ("tests", cases.len().to_string()),
        ("failures", count(|it| matches!(it, Outcome::Fail { .. }))),
        ("errors", count(|it| matches!(it, Outcome::Error { .. }))),
        ("skipped", count(|it| matches!(it, Outcome::Skip { .. }))),
        ("time", format!("{seconds:.3}")),
    ]
}

fn write_case(out: &mut String, case: &CaseResult) {
    let about = &case.about;
    let attributes = vec![
        ("classname", about.file.clone()),
        ("name", about.name.clone()),
        ("time", format!("{:.3}", case.seconds)),
    ];
    element(out, "testcase", &attributes);
    let tail = format!("source: {}\nwhy: {}", about.source, about.why);
    match &case.outcome {
        Outcome::Pass => {}
        Outcome::Fail {
            what,
            expected,
            got,
        } => {
            element(out, "failure", &vec![("message", what.clone())]);
            let text = format!("expected: {expected}\ngot: {got}\n{tail}");
            out.push_str(&escaped(&text));
            out.push_str("</failure>\n");
        }
        Outcome::Error { cause } => {
            element(out, "error", &vec![("message", cause.clone())]);
            out.push_str(&escaped(&tail));
            out.push_str("</error>\n");
        }
        Outcome::Skip { reason } => {
            element(out, "skipped", &vec![("message", reason.clone())]);
            out.push_str("</skipped>\n");
        }
    }
    out.push_str("</testcase>\n");
}

/// The opening tag.
fn element(out: &mut String, name: &str, attributes: &Attributes) {
    out.push('<');
    out.push_str(name);
    for (key, value) in attributes {
        // Writing to a string cannot fail.
        let _ = write!(out, " {key}=\"{}\"", escaped(value));
    }
    out.push('>');
    if name.starts_with("testsuite") {
        out.push('\n');
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // In an attribute a bare one would be read as a space.
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter < ' ' => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::one_of_each;
    use super::*;

    #[test]
    fn every_outcome_has_its_element_and_is_counted() {
        let document = document(&one_of_each());
        for part in [
            "<testsuites name=\"mqtt://localhost:1883\" tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"1.000\">",
            "<testsuite name=\"connect.toml\" tests=\"4\" ",
            "<testcase classname=\"connect.toml\" name=\"case 0\" time=\"0.250\"></testcase>",
            "<failure message=\"step 2, publish\">expected: PUBACK &lt;7&gt;&#10;got: the connection closed &amp; &quot;gone&quot;\u{fffd}",
            "<error message=\"step 1: no verb\">",
            "<skipped message=\"no `gateway`\"></skipped>",
        ] {
            assert!(document.contains(part), "{part}:\n{document}");
        }
    }

    #[test]
    fn a_file_is_one_suite_wherever_its_cases_stand() {
        let mut report = one_of_each();
        report.cases[1].about.file = "other.toml".into();
        let document = document(&report);
        assert_eq!(document.matches("<testsuite ").count(), 2, "{document}");
        assert!(document.contains("<testsuite name=\"connect.toml\" tests=\"3\""));
    }

    #[test]
    fn nothing_that_xml_cannot_hold_gets_through() {
        let text: String = (0..=0x20).filter_map(char::from_u32).collect();
        let escaped = escaped(&text);
        assert!(escaped.chars().all(|letter| letter >= ' '), "{escaped:?}");
        assert_eq!(escaped.matches("&#10;").count(), 1);
    }
}
