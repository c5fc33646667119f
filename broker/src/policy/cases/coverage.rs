//! Which rules of the grants that cases obtained decided an access of a case, and which never did. Pure.
//!
//! A rule is known by its name: several lines of a grant with one name are one rule of its author. An author's rule is one that is written in a
//! document, so that its name begins with the document's name and `#`; every other one is the component's own, counted apart. A file of cases with
//! documents of its own counts for nothing here. Bounded by the rules of a grant (256) times the cases.

use crate::contract;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// What the cases have met so far.
#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<String, Met>);

#[derive(Debug)]
struct Met {
    line: u32,
    is_decided: bool,
}

/// How far the cases cover the rules of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Covered {
    /// Rules of documents that stood in the grant of a case.
    pub rules: usize,
    /// Those of them that decided at least one access of a case.
    pub decided: usize,
    /// The others, by document and line.
    pub never: Vec<Rule>,
    /// Documents none of whose rules stood in a grant. One without rules, such as a product model alone, is among them.
    pub documents_without: Vec<String>,
    /// Rules that are written in no document.
    pub system_rules: usize,
    /// Those of them that decided at least one access of a case.
    pub system_decided: usize,
}

/// A rule that no case decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Rule {
    /// The name of its document.
    pub document: String,
    /// Counted from 1; 0: not known.
    pub line: u32,
    /// As the grant names it.
    pub rule: String,
}

impl Coverage {
    pub(super) fn granted(&mut self, rules: &[contract::Rule]) {
        for rule in rules {
            if !self.0.contains_key(&rule.name) {
                let met = Met {
                    line: rule.line,
                    is_decided: false,
                };
                self.0.insert(rule.name.clone(), met);
            }
        }
    }

    pub(super) fn decided(&mut self, name: &str) {
        if let Some(met) = self.0.get_mut(name) {
            met.is_decided = true;
        }
    }

    /// `documents`: the names of the policy's rule documents.
    pub fn of(&self, documents: &[String]) -> Covered {
        let mut covered = Covered::default();
        let mut is_met = vec![false; documents.len()];
        for (name, met) in &self.0 {
            let at = documents.iter().position(|document| {
                let rest = name.strip_prefix(document.as_str());
                rest.is_some_and(|rest| rest.starts_with('#'))
            });
            match at.and_then(|at| Some((documents.get(at)?, is_met.get_mut(at)?))) {
                None => {
                    covered.system_rules += 1;
                    covered.system_decided += usize::from(met.is_decided);
                }
                Some((document, is_met)) => {
                    *is_met = true;
                    covered.rules += 1;
                    covered.decided += usize::from(met.is_decided);
                    if !met.is_decided {
                        covered.never.push(Rule {
                            document: document.clone(),
                            line: met.line,
                            rule: name.clone(),
                        });
                    }
                }
            }
        }
        covered.never.sort();
        let without = documents.iter().zip(is_met).filter(|(_, is_met)| !is_met);
        covered.documents_without = without.map(|(document, _)| document.clone()).collect();
        covered
    }
}

impl Covered {
    /// Every author's rule that a case obtained decided something.
    pub fn is_complete(&self) -> bool {
        self.never.is_empty()
    }
}

impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rules: {} of {} decided by a case",
            self.decided, self.rules
        )?;
        let never: Vec<_> = self.never.iter().map(ToString::to_string).collect();
        if !never.is_empty() {
            write!(f, "; never: {}", never.join(", "))?;
        }
        write!(
            f,
            "\nsystem rules, written in no document: {} of {} decided (not required)",
            self.system_decided, self.system_rules
        )?;
        if self.documents_without.is_empty() {
            return Ok(());
        }
        let without = self.documents_without.join(", ");
        write!(
            f,
            "\ndocuments without a rule in any case's grant: {without}"
        )
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.rule),
            line => write!(f, "{} (line {line})", self.rule),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Actions, Effect, Qos, Syntax};

    fn rule(name: &str, line: u32) -> contract::Rule {
        contract::Rule {
            effect: Effect::Allow,
            actions: Actions::PUBLISH,
            pattern: "a".into(),
            syntax: Syntax::MqttFilter,
            max_qos: Qos::AtLeastOnce,
            retain: false,
            code: 0,
            name: name.into(),
            line,
        }
    }

    #[test]
    fn authors_rules_are_those_of_documents() {
        let mut coverage = Coverage::default();
        let one = [
            rule("a.json#10", 70),
            rule("a.json#2", 7),
            rule("a.json#2", 8),
        ];
        coverage.granted(&one);
        coverage.granted(&[
            rule("system:up", 0),
            rule("a.jsonx#0", 1),
            rule("b.json#x", 0),
        ]);
        coverage.decided("system:up");
        coverage.decided("");
        let documents = ["a.json", "b.json", "c.json"].map(str::to_owned);
        let covered = coverage.of(&documents);
        assert_eq!((covered.rules, covered.decided), (3, 0));
        assert_eq!((covered.system_rules, covered.system_decided), (2, 1));
        assert!(!covered.is_complete());
        assert_eq!(
            covered.to_string(),
            "rules: 0 of 3 decided by a case; never: a.json#2 (line 7), a.json#10 (line 70), b.json#x\n\
             system rules, written in no document: 1 of 2 decided (not required)\n\
             documents without a rule in any case's grant: c.json"
        );
        // A grant that comes later takes nothing back.
        coverage.decided("a.json#2");
        coverage.granted(&one);
        coverage.decided("a.json#10");
        coverage.decided("b.json#x");
        assert!(coverage.of(&documents).is_complete());
    }
}
