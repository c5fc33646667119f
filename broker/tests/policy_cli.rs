//! `policy test` and `policy inspect`: what they print, and the exit codes that scripts rely on.

// A test fails by panicking, wherever its helper functions stand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod fixtures;

use clap::Parser;
use iotda_broker::cli::policy::{Command, execute};
use iotda_broker::policy::Compiler;
use serde_json::Value;
use std::path::{Path, PathBuf};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

struct Ran {
    code: u8,
    out: String,
    errors: String,
}

fn run(arguments: &[&str]) -> Ran {
    let line = Line::try_parse_from([&["policy"], arguments].concat()).unwrap();
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    // The tests' own executable compiles nothing.
    let compiler = Compiler::Child(env!("CARGO_BIN_EXE_iotda-broker").into());
    let code = execute(&line.command, &compiler, &mut out, &mut errors);
    Ran {
        code,
        out: String::from_utf8(out).unwrap(),
        errors: String::from_utf8(errors).unwrap(),
    }
}

#[test]
fn the_policies_of_the_binary_are_listed_and_can_be_named() {
    let ran = run(&["list", "--json"]);
    let listed: Value = serde_json::from_str(&ran.out).unwrap();
    let listed = listed["policies"].as_array().unwrap().clone();
    assert_eq!(ran.code, 0);
    assert!(listed.iter().any(|one| one["name"] == "iotda"));
    for one in listed {
        let name = one["name"].as_str().unwrap();
        let ran = run(&["inspect", &format!("built-in:{name}"), "--json"]);
        let seen: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &seen["sha256"]), (0, &one["sha256"]), "{name}");
        assert_eq!(seen["imports"], Value::Array(Vec::new()), "{name}");
    }
    let ran = run(&["inspect", "built-in:nobody"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.errors.contains("there is no built-in policy `nobody`"),
        "{}",
        ran.errors
    );
    assert!(
        ran.errors.contains("help: built in are `"),
        "{}",
        ran.errors
    );
}

/// A folder with `policy.wasm`, and `rules/` as a policy's folder.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(component: &[u8], rules: &str, cases: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(folder.path("rules/cases")).unwrap();
        std::fs::write(folder.path("policy.wasm"), component).unwrap();
        std::fs::write(folder.path("rules/a.json"), rules).unwrap();
        std::fs::write(folder.path("rules/cases/c.json"), cases).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, verb: &str, folder: &[&str]) -> Ran {
        let component = self.path("policy.wasm");
        let folders: Vec<_> = folder
            .iter()
            .map(|name| {
                if name.starts_with('-') {
                    PathBuf::from(name)
                } else {
                    self.path(name)
                }
            })
            .collect();
        let mut arguments = vec![verb, component.to_str().unwrap()];
        arguments.extend(
            folders
                .iter()
                .map(|path: &PathBuf| Path::to_str(path).unwrap()),
        );
        run(&arguments)
    }
}

const GOOD: &str = r#"[{ "name": "good", "connect": { "client_id": "a" }, "expect": { "grant": {}, "access": [{ "publish": "news", "verdict": "allow" }] } }]"#;
const BAD: &str =
    r#"[{ "name": "bad", "connect": { "client_id": "a" }, "expect": { "refusal": 201 } }]"#;

#[test]
fn cases_are_found_in_the_policys_folder_and_by_their_own() {
    let folder = Folder::new(&fixtures::hostile(), "allow news", GOOD);
    for arguments in [
        &["rules"][..],
        &["rules/cases"],
        &["rules/cases", "--documents", "rules"],
    ] {
        let ran = folder.run("test", arguments);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (
                0,
                "1 cases: 1 passed, 0 failed, 0 errors\n\
                 rules: 0 of 0 decided by a case\n\
                 system rules, written in no document: 1 of 2 decided (not required)\n\
                 documents without a rule in any case's grant: a.json\n"
            ),
            "{arguments:?}"
        );
    }
}

#[test]
fn the_built_in_component_needs_no_file() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/iotda");
    let ran = run(&["test", "built-in", rules.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.errors);
    let ran = run(&["inspect", "built-in", "--json"]);
    let seen: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (ran.code, &seen["policy"]["name"]),
        (0, &Value::from("iotda"))
    );
}

#[test]
fn a_failing_case_and_no_case_at_all_exit_with_2() {
    let folder = Folder::new(&fixtures::hostile(), "allow news", BAD);
    let ran = folder.run("test", &["rules"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.out
            .starts_with("FAIL c.json: bad: expected refusal 201, got a grant for `a`\n"),
        "{}",
        ran.out
    );
    let json: Value = serde_json::from_str(&folder.run("test", &["rules", "--json"]).out).unwrap();
    assert_eq!(
        (json["ok"].as_bool(), json["cases"][0]["outcome"].as_str()),
        (Some(false), Some("fail"))
    );
    std::fs::remove_file(folder.path("rules/cases/c.json")).unwrap();
    let none = folder.run("test", &["rules"]);
    assert_eq!(none.code, 2);
    assert!(none.out.contains("no case proves nothing"), "{}", none.out);
}

#[test]
fn an_invalid_policy_exits_with_3_and_says_what_to_do() {
    let refused = Folder::new(&fixtures::hostile(), "refuse", GOOD).run("test", &["rules"]);
    assert_eq!(refused.code, 3);
    assert!(
        refused
            .errors
            .starts_with("error: `a.json` line 1: `refuse` is not a rule"),
        "{}",
        refused.errors
    );
    assert!(
        refused.errors.contains("\n  help: ") && refused.errors.ends_with("(configure-failed)\n"),
        "{}",
        refused.errors
    );
    let wasi = Folder::new(&fixtures::text("wants-wasi.wat"), "", GOOD);
    assert_eq!(wasi.run("test", &["rules"]).code, 3);
    let inspected = wasi.run("inspect", &["--json"]);
    let seen: Value = serde_json::from_str(&inspected.out).unwrap();
    assert_eq!(
        (inspected.code, seen["imports"][0].as_str()),
        (3, Some("wasi:cli/environment@0.2.0"))
    );
    assert_eq!(
        seen["rejection"]["code"].as_str(),
        Some("imports-not-empty")
    );
}

#[test]
fn a_component_is_shown_as_it_is() {
    let folder = Folder::new(&fixtures::hostile(), "", GOOD);
    let ran = folder.run("inspect", &[]);
    assert_eq!(ran.code, 0);
    for line in [
        "name      hostile\n",
        "contract  1.0.0\n",
        "exports   iotda:policy/policy@1.0.0\n",
        "imports   none\n",
    ] {
        assert!(ran.out.contains(line), "{line}{}", ran.out);
    }
    let seen: Value = serde_json::from_str(&folder.run("inspect", &["--json"]).out).unwrap();
    assert_eq!(
        seen["size"].as_u64(),
        Some(fixtures::hostile().len() as u64)
    );
    assert_eq!(
        (
            seen["policy"]["dialect"].as_str(),
            seen["sha256"].as_str().map(str::len)
        ),
        (Some("test"), Some(64))
    );
}

#[test]
fn a_missing_file_exits_with_1() {
    let folder = Folder::new(&[], "", GOOD);
    std::fs::remove_file(folder.path("policy.wasm")).unwrap();
    for verb in [&["test", "rules"][..], &["inspect"]] {
        let ran = folder.run(verb[0], &verb[1..]);
        assert_eq!(ran.code, 1, "{}", ran.errors);
    }
}

#[test]
fn limits_come_from_a_file() {
    let folder = Folder::new(&fixtures::hostile(), "allow news", GOOD);
    let write = |text: &str| std::fs::write(folder.path("limits.toml"), text).unwrap();
    let limits = folder.path("limits.toml");
    let limits = limits.to_str().unwrap();
    let component = folder.path("policy.wasm");
    let rules = folder.path("rules");
    let both = |code: u8, told: &str| {
        for arguments in [
            &["test", component.to_str().unwrap(), rules.to_str().unwrap()][..],
            &["inspect", component.to_str().unwrap()],
        ] {
            let ran = run(&[arguments, &["--limits", limits]].concat());
            assert_eq!(ran.code, code, "{}{}", ran.out, ran.errors);
            assert!(ran.errors.contains(told), "{}", ran.errors);
        }
    };
    write("component_max = 10\n");
    both(3, "(component-too-large)");
    write("component_max = 10000000\nmemory_max = 67108864\n");
    both(0, "");
    write("memory = 1\n");
    both(64, "line 1: unknown field `memory`");
}

/// As a newcomer does it: made, built, tested. The target folder is kept, as that of the other components.
#[test]
fn a_new_policy_builds_and_passes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let made = run(&["new", "my-fleet", "--dir", dir, "--json"]);
    assert_eq!(made.code, 0, "{}", made.errors);
    let json: Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!(
        json["component"].as_str(),
        Some("target/wasm32-unknown-unknown/release/my_fleet_policy.wasm")
    );
    let crate_folder = folder.path().join("my-fleet");
    let component = fixtures::build_alone(&crate_folder, "my_fleet_policy");
    let rules = crate_folder.join("policy");
    let tested = run(&["test", component.to_str().unwrap(), rules.to_str().unwrap()]);
    assert_eq!(tested.code, 0, "{}{}", tested.out, tested.errors);
    assert!(
        tested.out.starts_with("18 cases: 18 passed"),
        "{}",
        tested.out
    );
    let inspected = run(&["inspect", component.to_str().unwrap()]);
    assert!(
        inspected.out.contains("name      my-fleet\n"),
        "{}",
        inspected.out
    );

    let again = run(&["new", "my-fleet", "--dir", dir]);
    assert_eq!(again.code, 1);
    assert!(
        again.errors.contains("nothing is overwritten"),
        "{}",
        again.errors
    );
    assert_eq!(run(&["new", "My", "--dir", dir]).code, 64);
}

/// The built-in policy with one document of its own, and these accesses of one device that is bound to it.
fn own_rules(accesses: &str) -> Folder {
    let document = r#"{
  "policy_name": "a",
  "statement": [
    {"effect": "ALLOW", "actions": ["iotda:devices:publish"], "resources": ["topic:one"]},
    {"effect": "DENY", "actions": ["iotda:devices:publish"], "resources": ["topic:two"]}
  ]
}"#;
    let cases = format!(
        r#"{{"connect": {{"client_id": "d_0_0_2026112122", "username": "d", "certificate": {{"chain": [[1]]}}}},
            "cases": [{{"name": "own", "connect": {{"client_id": "demo_app", "username": "demo_app", "password": "t", "certificate": null}},
            "subject": {{"client": {{"id": "demo_app", "application": true, "credential": {{"Token": "text:t"}}, "policies": ["a"]}}}},
            "expect": {{"grant": {{}}, "access": [{accesses}]}}}}]}}"#
    );
    let component = iotda_broker::policy::BuiltIn::default_policy().component;
    Folder::new(component, document, &cases)
}

#[test]
fn rules_that_no_case_decides_are_named() {
    let one = r#"{"publish": "one", "verdict": "allow", "rule": "a.json#0"}"#;
    let two = r#"{"publish": "two", "verdict": "deny", "rule": "a.json#1", "detail": "do not allow to publish"}"#;
    let half = own_rules(one);
    let ran = half.run("test", &["rules"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.errors);
    assert!(
        ran.out
            .contains("\nrules: 1 of 2 decided by a case; never: a.json#1 (line 5)\n"),
        "{}",
        ran.out
    );
    let ran = half.run("test", &["rules", "--require-coverage"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.out.contains("write an access into a case"),
        "{}",
        ran.out
    );
    let ran = half.run("test", &["rules", "--require-coverage", "--json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["ok"]), (2, &false.into()));
    assert_eq!(json["coverage"]["never"][0]["rule"], "a.json#1");
    assert_eq!(json["coverage"]["never"][0]["line"], 5);

    let whole = own_rules(&format!("{one}, {two}"));
    let ran = whole.run("test", &["rules", "--require-coverage", "--json"]);
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["ok"]), (0, &true.into()), "{}", ran.out);
    assert_eq!(json["coverage"]["decided"], 2);
}

#[test]
fn a_case_may_expect_words_of_a_sentence() {
    let deny = |more: &str| format!(r#"{{"publish": "two", "verdict": "deny"{more}}}"#);
    for (access, code, told) in [
        (
            deny(r#", "detail": "to publish on this topic""#),
            0,
            "1 passed",
        ),
        (
            deny(r#", "detail": "another reason""#),
            2,
            "FAIL c.json: own: expected deny of publish `two` at QoS 0 saying «another reason», got deny",
        ),
        (
            deny(r#", "detail": " ""#),
            2,
            "ERROR c.json: own: `detail` is empty",
        ),
        (
            r#"{"publish": "one", "verdict": "allow", "detail": "x"}"#.to_owned(),
            2,
            "ERROR c.json: own: `detail` needs the verdict",
        ),
    ] {
        let ran = own_rules(&access).run("test", &["rules"]);
        assert_eq!(ran.code, code, "{}{}", ran.out, ran.errors);
        assert!(ran.out.contains(told), "{}", ran.out);
    }
    let refused = |detail: &str| {
        let case = r#"[{"name": "r", "connect": {"client_id": "x"}, "expect": {"refusal": 201, "detail": "WORDS"}}]"#;
        let component = iotda_broker::policy::BuiltIn::default_policy().component;
        let folder = Folder::new(component, "{}", &case.replace("WORDS", detail));
        std::fs::remove_file(folder.path("rules/a.json")).unwrap();
        folder.run("test", &["rules"])
    };
    let ran = refused("no such words");
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert!(ran.out.contains("saying «no such words»"), "{}", ran.out);
}

/// Made by the `minisign` program for the eight bytes `component`, which are no component: what is verified is seen all the same.
#[test]
fn the_signature_beside_a_file_is_shown_and_verified() {
    let key = "RWSTwvW1xtVI0W/WgO1bwY2/tAy9upPWKgju56a+7fx0gdHrYUAUsJb7";
    let signature = "untrusted comment: x\nRUSTwvW1xtVI0aDg0SzOe/8KAsiNEvI1evHdtUAd2K1LaYWlAz98P1p8V7CziaUjXxD0whQCbX/sf0EvaGRvjZVOU95U5Fhv1Aw=\ntrusted comment: revision:7\nnN2lZyjslitc4O/RUvU0XB2if+ZD7ybkBzY0eoBGfc6CRUHV7FS5OwEEfAF7jMLEYenWv+4Eti1n/T31SO4jAQ==\n";
    let folder = Folder::new(&fixtures::hostile(), "", GOOD);
    let seen = |arguments: &[&str]| {
        let ran = folder.run("inspect", &[arguments, &["--json"]].concat());
        let seen: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        (ran.code, seen["signature"].clone(), ran.errors)
    };
    assert_eq!(seen(&[]).1, Value::Null);
    let equals = format!("--key={key}");
    let (code, none, errors) = seen(&[&equals]);
    assert_eq!((code, &none["verified"]), (3, &false.into()));
    assert!(errors.contains("(signature-missing)"), "{errors}");
    std::fs::write(folder.path("policy.wasm.minisig"), signature).unwrap();
    let (code, shown, _) = seen(&[]);
    assert_eq!((code, &shown["revision"]), (0, &7.into()));
    assert_eq!(shown["key_id"], "D148D5C6B5F5C293");
    assert_eq!(shown["verified"], Value::Null);
    // Of other bytes.
    std::fs::write(
        folder.path("key.pub"),
        format!("untrusted comment: x\n{key}\n"),
    )
    .unwrap();
    let in_file = format!("--key={}", folder.path("key.pub").display());
    for key in [&equals, &in_file] {
        let (code, shown, errors) = seen(&[key]);
        assert_eq!((code, &shown["verified"]), (3, &false.into()), "{errors}");
        assert!(errors.contains("were altered"), "{errors}");
    }
    let (code, _, errors) = seen(&["--key=nowhere.pub"]);
    assert_eq!(code, 64);
    assert!(
        errors.contains("`nowhere.pub` is no public key"),
        "{errors}"
    );
    std::fs::write(folder.path("policy.wasm.minisig"), "nonsense").unwrap();
    let (code, shown, _) = seen(&[]);
    assert_eq!(
        (code, &shown["rejection"]["code"]),
        (0, &"signature-invalid".into())
    );
}
