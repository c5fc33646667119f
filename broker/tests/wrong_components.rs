//! The conformance cases notice every wrong component: each built-in policy with one rule broken, about fifty times (`fixtures/wrong`).

// A test fails by panicking, wherever its helper functions stand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "fixtures/guest.rs"]
mod guest;

use iotda_broker::conformance::{CaseResult, Outcome, component};
use iotda_broker::policy::{BuiltIn, Compiler, Settings, try_out};
use std::sync::Mutex;

/// What stands before the number in the component's data.
const MARK: &[u8] = b"broken-rule-no.:";
/// The issue asks for twenty-five.
const LEAST: usize = 25;

/// The component with the rule of this number broken.
fn with_broken(component: &[u8], number: usize) -> Vec<u8> {
    let places = component.windows(MARK.len());
    let places: Vec<usize> = places
        .enumerate()
        .filter_map(|(place, bytes)| (bytes == MARK).then_some(place + MARK.len()))
        .collect();
    let [place] = places[..] else {
        panic!("{} marks in the component", places.len());
    };
    let mut changed = component.to_vec();
    changed[place..place + 3].copy_from_slice(format!("{number:03}").as_bytes());
    changed
}

/// What is broken, and what the cases say.
fn judged(policy: &BuiltIn, component: &[u8]) -> (String, Vec<CaseResult>) {
    let folder = policy.folder();
    let compiler = Compiler::Child(env!("CARGO_BIN_EXE_iotda-broker").into());
    let generation = try_out(&Settings::default(), &compiler, component, folder.documents);
    let generation = generation.unwrap();
    let results = component::run(&generation, &folder.cases, &|_| true);
    (generation.description().summary.clone(), results)
}

fn failed(results: &[CaseResult]) -> Vec<&CaseResult> {
    let failed = |case: &&CaseResult| case.outcome != Outcome::Pass;
    results.iter().filter(failed).collect()
}

#[test]
fn each_broken_rule_of_iotda_fails_a_case_and_none_broken_fails_none() {
    each_is_noticed(BuiltIn::default_policy(), &guest::build("wrong-policy"));
}

#[test]
fn each_broken_rule_of_aliyun_fails_a_case_and_none_broken_fails_none() {
    let component = guest::build_with("wrong-policy", "aliyun");
    each_is_noticed(BuiltIn::named("aliyun").unwrap(), &component);
}

fn each_is_noticed(policy: &BuiltIn, component: &[u8]) {
    let (what, results) = judged(policy, &with_broken(component, 0));
    assert_eq!(what, "nothing");
    assert_eq!(failed(&results), Vec::<&CaseResult>::new());

    let next = Mutex::new(1);
    let unnoticed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next - 1
                    };
                    let (what, results) = judged(policy, &with_broken(component, number));
                    if what.is_empty() {
                        break;
                    }
                    let failed = failed(&results);
                    println!("{number} {what}: {} cases fail", failed.len());
                    if failed.is_empty() {
                        unnoticed.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    assert_eq!(unnoticed.into_inner().unwrap(), Vec::<String>::new());
    assert!(next.into_inner().unwrap() > LEAST);
}
