//! The rows of a policy's `CONTRACT.md`, and whether each has a case. Pure.
//!
//! A row is a line of one of its tables that begins with an id, such as `| C3 |`. A case names the rows that it proves; a row that no case
//! names, and a name that is no row, fail the run.

use super::{About, CaseResult, Level, Outcome};
use std::collections::BTreeSet;

/// One rule of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'t> {
    /// A letter and a number.
    pub id: &'t str,
    /// What the rule says.
    pub rule: &'t str,
}

/// The rows of a contract's text, in its order.
pub fn rows(text: &str) -> Vec<Row<'_>> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<Row<'_>> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let (id, rule) = (cells.next()?, cells.next()?);
    is_id(id).then_some(Row { id, rule })
}

fn is_id(text: &str) -> bool {
    let mut characters = text.chars();
    let letter = characters.next();
    letter.is_some_and(|letter| letter.is_ascii_uppercase())
        && !characters.as_str().is_empty()
        && characters.all(|digit| digit.is_ascii_digit())
}

/// Two results of a run: every row has a case, and every row that a case names exists. `cases`: all there are, whatever was selected.
pub fn coverage(text: &str, cases: &[About]) -> Vec<CaseResult> {
    let rows = rows(text);
    let named: BTreeSet<&str> = cases
        .iter()
        .flat_map(|case| case.rows.iter().map(String::as_str))
        .collect();
    let without = rows.iter().filter(|row| !named.contains(row.id));
    let without: Vec<String> = without
        .map(|row| format!("{} ({})", row.id, row.rule))
        .collect();
    let known: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
    let unknown = cases.iter().flat_map(|case| {
        let wrong = case.rows.iter().filter(|row| !known.contains(row.as_str()));
        wrong.map(|row| format!("{row} ({}: {})", case.file, case.name))
    });
    let unknown: Vec<String> = unknown.collect();
    vec![
        checked(
            "every row has a case",
            "a case for each row",
            "none for",
            &without,
        ),
        checked(
            "every row that a case names exists",
            "rows of the table",
            "no such row:",
            &unknown,
        ),
    ]
}

fn checked(name: &str, expected: &str, got: &str, wrong: &[String]) -> CaseResult {
    let outcome = if wrong.is_empty() {
        Outcome::Pass
    } else {
        Outcome::Fail {
            what: "the rows of CONTRACT.md against the cases".to_owned(),
            expected: expected.to_owned(),
            got: format!("{got} {}", wrong.join(", ")),
        }
    };
    CaseResult {
        about: About {
            file: "CONTRACT.md".to_owned(),
            name: name.to_owned(),
            level: Level::Must,
            rows: Vec::new(),
            source: "CONTRACT.md of the policy".to_owned(),
            why: "a rule without a case is a rule that nobody will miss".to_owned(),
        },
        outcome,
        seconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Title\n\n| row | rule | what | |\n|---|---|---|---|\n| C1 | one | x | D |\n| C2 | two | y | O |\n";

    fn case(rows: &[&str]) -> About {
        About {
            name: "n".into(),
            rows: rows.iter().map(|row| (*row).to_owned()).collect(),
            ..About::default()
        }
    }

    fn passes(cases: &[About]) -> Vec<bool> {
        let results = coverage(TEXT, cases);
        let passes = results.iter().map(|one| one.outcome == Outcome::Pass);
        passes.collect()
    }

    #[test]
    fn only_lines_with_an_id_are_rows() {
        let ids: Vec<&str> = rows(TEXT).iter().map(|row| row.id).collect();
        assert_eq!(ids, ["C1", "C2"]);
    }

    #[test]
    fn a_row_without_a_case_and_a_case_without_a_row_fail() {
        assert_eq!(passes(&[case(&["C1"]), case(&["C2", "C1"])]), [true, true]);
        assert_eq!(passes(&[case(&["C1"])]), [false, true]);
        assert_eq!(passes(&[case(&["C1", "C2", "C3"])]), [true, false]);
    }

    #[test]
    fn every_contract_has_rows_and_no_id_twice() {
        for policy in crate::policy::BuiltIn::all() {
            let rows = rows(policy.contract);
            let ids: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
            assert!(rows.len() >= 40, "{}: {}", policy.name, rows.len());
            assert_eq!(ids.len(), rows.len(), "{}", policy.name);
        }
    }
}
