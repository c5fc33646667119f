//! A report for people: every case that did not pass with what was expected, what was seen and why it matters; then the numbers, and what
//! was skipped and why, so that nobody takes a skip for a pass.

use super::{About, CaseResult, Outcome, Report};
use std::io::{self, Write};

/// Writes the report.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for case in &report.cases {
        write_case(case, out)?;
    }
    let skips = report.skips();
    if !skips.is_empty() {
        writeln!(out, "SKIPPED, so nothing is known of these:")?;
        for (reason, count) in skips {
            writeln!(out, "  {count} × {reason}")?;
        }
    }
    writeln!(out, "{}", report.summary())?;
    if report.counts().passed == 0 {
        writeln!(out, "no case has passed: nothing is proven")?;
    }
    Ok(())
}

fn write_case(case: &CaseResult, out: &mut dyn Write) -> io::Result<()> {
    match &case.outcome {
        Outcome::Pass | Outcome::Skip { .. } => return Ok(()),
        Outcome::Fail {
            what,
            expected,
            got,
        } => {
            head("FAIL", &case.about, out)?;
            writeln!(out, "  step      {what}")?;
            writeln!(out, "  expected  {expected}")?;
            writeln!(out, "  got       {got}")?;
        }
        Outcome::Error { cause } => {
            head("ERROR", &case.about, out)?;
            writeln!(out, "  cause     {cause}")?;
        }
    }
    for (label, text) in [("source", &case.about.source), ("why", &case.about.why)] {
        if !text.is_empty() {
            writeln!(out, "  {label:<9} {text}")?;
        }
    }
    Ok(())
}

fn head(verdict: &str, about: &About, out: &mut dyn Write) -> io::Result<()> {
    let About { file, name, .. } = about;
    let rows = match about.rows.as_slice() {
        [] => String::new(),
        rows => format!(" [{}]", rows.join(", ")),
    };
    writeln!(out, "{verdict} {file}: {name}{rows}")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{one_of_each, report};
    use super::*;

    fn text(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_failure_tells_what_was_expected_and_why_it_matters() {
        let text = text(&one_of_each());
        for part in [
            "FAIL connect.toml: case 1",
            "step      step 2, publish",
            "expected  PUBACK <7>",
            "got       the connection closed",
            "source    MQTT-3.1.0-1",
            "why       clients hang",
            "ERROR connect.toml: case 2\n  cause     step 1: no verb",
            "1 × no `gateway`",
            "4 cases: 1 passed, 1 failed, 1 errors, 1 skipped",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        assert!(!text.contains("case 0"), "a pass says nothing:\n{text}");
    }

    #[test]
    fn nothing_is_no_proof_and_says_so() {
        assert!(text(&report([])).contains("nothing is proven"));
    }
}
