//! Verbs as they are typed, against a registry of their own.

use super::*;
use crate::contract::Credential;
use serde_json::{Value, json};
use std::{fs, path::Path};

struct Fixture {
    folder: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    Fixture { folder }
}

impl Fixture {
    fn registry(&self) -> Registry {
        Registry::open(&self.folder.path().join("data")).unwrap()
    }

    fn answer(&self, line: &str) -> Result<Value, Error> {
        let words = line.split_whitespace();
        let cli = Cli::try_parse_from(std::iter::once("iotda-broker").chain(words))
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let registry = self.registry();
        let answer = match cli.verb {
            Verb::Product(verb) => verb.run(&registry)?,
            Verb::Device(verb) => verb.run(&registry)?,
            Verb::Ca(verb) => verb.run(&registry)?,
            Verb::App(verb) => verb.run(&registry)?,
            Verb::Serve(_) | Verb::Policy(_) | Verb::Conform(_) | Verb::CompileComponent(_) => {
                panic!("no verb of the registry")
            }
        };
        Ok(answer.json().clone())
    }

    fn ok(&self, line: &str) -> Value {
        self.answer(line)
            .unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn error(&self, line: &str) -> String {
        self.answer(line).unwrap_err().to_string()
    }
}

/// The exit code of a whole process is only comparable by its form.
fn exit(words: &[&str]) -> String {
    let words = std::iter::once("iotda-broker").chain(words.iter().copied());
    format!("{:?}", run_with(words.map(OsString::from)))
}

#[test]
fn a_device_from_its_registration_to_its_removal() {
    let f = fixture();
    assert_eq!(
        f.ok("product add demo --attribute a=b=c"),
        json!({"product_id": "demo"})
    );
    let colons = vec!["AB:cd"; 16].join(":");
    let added = f.ok(&format!(
        "device add --node-id n1 --product demo --fingerprint {colons}"
    ));
    assert_eq!(added, json!({"device_id": "demo_n1"}));
    let shown = f.ok("device show demo_n1");
    assert_eq!(shown["fingerprint"], "abcd".repeat(16));
    assert_eq!(
        (&shown["status"], &shown["auth_type"]),
        (&json!("ACTIVE"), &json!("CERTIFICATES"))
    );

    f.ok("device freeze demo_n1");
    assert_eq!(f.ok("device show demo_n1")["status"], "FROZEN");
    assert_eq!(f.ok("device list")["devices"].as_array().unwrap().len(), 1);
    f.ok("device unfreeze demo_n1");
    f.ok("device reset-fingerprint demo_n1");
    assert_eq!(f.ok("device show demo_n1")["enrol"], true);
    f.ok(&format!(
        "device reset-fingerprint demo_n1 {} --secondary",
        "ef".repeat(20)
    ));
    assert_eq!(
        f.ok("device show demo_n1")["secondary_fingerprint"],
        "ef".repeat(20)
    );
    f.ok("device bind demo_n1 rule");
    assert_eq!(f.ok("device show demo_n1")["policies"], json!(["rule"]));
    f.ok("device unbind demo_n1 rule");
    assert!(f.error("product remove demo").contains("1 devices"));
    f.ok("device remove demo_n1");
    f.ok("product remove demo");
    assert!(f.error("device show demo_n1").contains("`demo_n1`"));
}

#[test]
fn the_flags_of_a_registration_choose_the_credential() {
    let f = fixture();
    f.ok("product add p");
    let credential = |id: &str| f.registry().client(false, id).unwrap().credential;
    f.ok("device add --product p --node-id a --secret 12345678");
    assert!(matches!(credential("p_a"), Credential::Secret(secrets)
        if secrets.primary.as_deref() == Some(b"12345678")));
    let made_up = f.ok("device add --product p --node-id b");
    assert!(matches!(credential("p_b"), Credential::Secret(secrets)
        if secrets.primary.as_deref() == made_up["secret"].as_str().map(str::as_bytes)));
    f.ok("device add --product p --node-id c --auth certificate");
    assert!(matches!(credential("p_c"), Credential::Certificate(prints)
        if prints.enrol && prints.primary.is_none()));
    f.ok("device add --product p --node-id d --authority ca1 --serial 1F");
    assert_eq!(
        credential("p_d"),
        Credential::Serial(("ca1".into(), "1F".into()))
    );
    f.ok("device add --product p --node-id e --gateway p_a");
    assert_eq!(credential("p_e"), Credential::None);
    f.ok("device add --product p --node-id f --id chosen --encrypted-only --policy x --secret -1234567");
    let chosen = f.registry().client(false, "chosen").unwrap();
    assert!(chosen.encrypted_only && chosen.policies == ["x"]);
}

#[test]
fn secrets_are_not_shown() {
    let f = fixture();
    f.ok("product add p");
    f.ok("device add --product p --node-id a --secret verySecret1");
    f.ok("app add backend --password verySecret2");
    let reset = f.ok("device reset-secret p_a --secondary");
    assert_eq!(reset["secret"].as_str().unwrap().len(), 32);
    for line in [
        "device show p_a",
        "device list",
        "app show backend",
        "app list",
    ] {
        let shown = f.ok(line).to_string();
        assert!(!shown.contains("verySecret"), "{shown}");
        assert!(
            !shown.contains(reset["secret"].as_str().unwrap()),
            "{shown}"
        );
    }
    assert_eq!(
        f.ok("device reset-secret p_a verySecret3"),
        json!({"device_id": "p_a"})
    );
    assert_eq!(
        f.ok("device reset-secret p_a --secondary --remove"),
        json!({"device_id": "p_a"})
    );
    let made_up = f.ok("app reset-password backend");
    assert_eq!(made_up["password"].as_str().unwrap().len(), 32);
    assert!(
        !f.error("device add --product p --node-id b --secret sh0rt")
            .contains("sh0rt")
    );
}

#[test]
fn mistakes_are_answered_with_what_to_do() {
    let f = fixture();
    f.ok("product add p");
    for (line, told) in [
        (
            "device add --product none --node-id a",
            "there is no product `none`",
        ),
        ("device add --product p --node-id a/b", "node id `a/b`"),
        (
            "device add --product p --node-id a --fingerprint abc",
            "64 (SHA-256)",
        ),
        ("device freeze nobody", "there is no device `nobody`"),
        ("product add p", "exists already"),
        ("app remove nobody", "there is no app `nobody`"),
        ("ca show nobody", "there is no ca `nobody`"),
        ("ca add /no/such/file", "/no/such/file"),
    ] {
        let error = f.error(line);
        assert!(error.contains(told), "{line}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn exit_codes_tell_bad_usage_from_failure() {
    let f = fixture();
    let data = f.folder.path().join("data");
    let data = data.to_str().unwrap();
    let (ok, failure, usage) = (
        "ExitCode(unix_exit_status(0))",
        "ExitCode(unix_exit_status(1))",
        "ExitCode(unix_exit_status(64))",
    );
    // A mistyped directory is neither made nor shown as an empty registry.
    assert_eq!(exit(&["--data", data, "product", "list"]), usage);
    assert_eq!(exit(&["--data", data, "device", "freeze", "d"]), usage);
    assert!(!Path::new(data).join("registry.db").exists());
    assert_eq!(exit(&["--data", data, "product", "add", "p"]), ok);
    assert_eq!(exit(&["--data", data, "--json", "product", "list"]), ok);
    assert_eq!(
        exit(&["--data", data, "product", "show", "nobody"]),
        failure
    );
    assert_eq!(exit(&["--data", data, "product", "add", "p/q"]), usage);
    assert_eq!(exit(&["no", "such", "verb"]), usage);
    assert_eq!(exit(&["--help"]), ok);
    assert_eq!(
        exit(&["--data", data, "serve", "--config", "/no/such/file"]),
        usage
    );
    assert_eq!(
        exit(&["--data", data, "serve", "--mqtts", "nowhere"]),
        usage
    );
    assert_eq!(exit(&[]), usage);
}

#[test]
fn the_admin_token_is_made_once_and_kept() {
    use std::os::unix::fs::PermissionsExt;
    let f = fixture();
    let token = admin_token::load_or_make(f.folder.path()).unwrap();
    assert_eq!(token.len(), 64);
    assert_eq!(admin_token::load_or_make(f.folder.path()).unwrap(), token);
    let file = f.folder.path().join("admin.token");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    fs::write(&file, "short").unwrap();
    assert!(admin_token::load_or_make(f.folder.path()).is_err());
}

#[test]
fn an_authority_is_verified_by_its_key_and_code_alone() {
    let f = fixture();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    let file = |name: &str| fixtures.join(name).display().to_string();
    let added = f.ok(&format!("ca add {}", file("root.pem")));
    let id = added["certificate_id"].as_str().unwrap();
    assert_eq!(added["verify_code"].as_str().unwrap().len(), 32);
    let error = f.error(&format!("ca verify {id} {}", file("p256_v1.pem")));
    assert!(
        error.contains(added["verify_code"].as_str().unwrap()),
        "{error}"
    );
    assert_eq!(f.ok(&format!("ca show {id}"))["status"], false);
    assert!(f.registry().verified_authorities().unwrap().is_empty());
    f.ok(&format!("ca remove {id}"));
    assert_eq!(f.ok("ca list"), json!({"certificates": []}));
}
