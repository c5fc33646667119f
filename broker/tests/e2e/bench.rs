//! `policy bench`: the shape of its result and its exit codes. Figures are the machine's.

use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iotda-broker"))
        .args(["policy", "bench"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn both_policies_are_measured_in_one_run() {
    let output = bench(&["built-in", "--rounds", "40", "--json"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(
        errors.contains("this is a debug build"),
        cfg!(debug_assertions)
    );
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (run["rounds"].as_u64(), run["debug_build"].as_bool()),
        (Some(40), Some(cfg!(debug_assertions)))
    );
    assert_eq!(run["policy"]["digest"], run["built_in"]["digest"]);
    for (name, most) in [
        ("identify", 40),
        ("authenticate", 40),
        ("authorize", 40),
        ("inspect", 40),
        ("configure", 100),
        ("instantiate", 100),
        ("compile", 3),
    ] {
        let cost = &run["costs"][name];
        assert!(cost["ratio"].as_f64().unwrap() > 0.0, "{name}: {cost}");
        for side in ["policy", "built_in"] {
            let figure = |key: &str| cost[side][key].as_f64().unwrap();
            assert!(figure("median_us") > 0.0 && figure("p99_us") >= figure("median_us"));
            let count = cost[side]["count"].as_u64().unwrap();
            assert!((1..=most).contains(&count), "{name}: {cost}");
        }
        assert_eq!(cost["policy"]["count"], cost["built_in"]["count"]);
    }
    // It has no rule that wants to see a payload.
    let table = bench(&["built-in:aliyun", "--rounds", "1"]);
    let shown = String::from_utf8(table.stdout).unwrap();
    assert!(
        shown.starts_with("policy    ")
            && shown.contains("\nidentify ")
            && shown.contains("\ninspect                 -            - "),
        "{shown}"
    );
}

#[test]
fn what_cannot_be_measured_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().to_str().unwrap();
    let broken = folder.path().join("broken.wasm");
    std::fs::write(&broken, "broken").unwrap();
    for (arguments, code, told) in [
        (&["built-in", "--cases", none][..], 2, "(no-cases)"),
        (&["nowhere.wasm"], 1, "`nowhere.wasm` cannot be read"),
        (&[broken.to_str().unwrap()], 3, "(component-invalid)"),
        (&["built-in", "--rounds", "0"], 64, "0"),
    ] {
        let output = bench(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(told), "{arguments:?}: {errors}");
    }
}
