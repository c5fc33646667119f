//! Signed components: signatures by the `minisign` program itself, over the built-in component, at a broker that asks for them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use iotda_broker::policy::{PublicKey, Trust, decode_signature};
use iotda_broker::registry::fingerprint_hex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{Broker, Options, have, policy_component, wait_until};

/// A folder with a key pair without a password.
struct Signer(TempDir);

impl Signer {
    /// None where `minisign` is not installed.
    fn new() -> Option<Self> {
        if !have("minisign", &["-v"]) {
            return None;
        }
        let signer = Self(tempfile::tempdir().unwrap());
        signer.run("minisign", &["-G", "-W", "-p", "key.pub", "-s", "key"]);
        Some(signer)
    }

    fn public_key(&self) -> String {
        let text = fs::read_to_string(self.0.path().join("key.pub")).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    }

    /// The text of the signature file.
    fn sign(&self, component: &[u8], more: &[&str]) -> String {
        fs::write(self.0.path().join("policy.wasm"), component).unwrap();
        let arguments = ["-S", "-W", "-s", "key", "-m", "policy.wasm"];
        self.run("minisign", &[&arguments, more].concat());
        fs::read_to_string(self.0.path().join("policy.wasm.minisig")).unwrap()
    }

    fn sign_as(&self, component: &[u8], revision: u64) -> String {
        self.sign(component, &["-t", &format!("revision:{revision}")])
    }

    /// What was signed last, as a header carries it.
    fn header(&self) -> String {
        self.run("base64", &["-w0", "policy.wasm.minisig"])
    }

    /// Runs minisign with a password to read; whether it succeeds. A key without one is not asked for.
    fn with_stdin(&self, password: &str, arguments: &[&str]) -> bool {
        let mut child = Command::new("minisign")
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // One that reads no password may be gone already.
        let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
        child.wait().unwrap().success()
    }

    /// Runs one command that succeeds and returns what it prints.
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.0)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The built-in component with a custom section: another digest, the same policy.
fn rebuilt(mark: u8) -> Vec<u8> {
    let mut component = policy_component();
    component.extend_from_slice(&[0, 3, 1, b'x', mark]);
    component
}

/// Uploads a component; the answer's status, and its code or result.
fn put(broker: &Broker, component: &[u8], signature: Option<&str>) -> (u16, String) {
    let headers: Vec<_> = signature
        .map(|text| ("X-Policy-Signature", text))
        .into_iter()
        .collect();
    let (status, answer) = broker.admin_send("PUT", "/policy/iotda/component", &headers, component);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let word = answer["code"].as_str().or(answer["result"].as_str());
    (status, word.unwrap().to_owned())
}

fn refused(code: &str) -> (u16, String) {
    (422, code.to_owned())
}

fn active() -> (u16, String) {
    (200, "active".to_owned())
}

fn digest(component: &[u8]) -> String {
    fingerprint_hex(&Sha256::digest(component))
}

fn in_force(broker: &Broker) -> String {
    broker.admin_json("/policy")["iotda"]["digest"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn what_minisign_signs_is_trusted_and_nothing_else() {
    let (Some(ours), Some(theirs)) = (Signer::new(), Signer::new()) else {
        return;
    };
    let component = policy_component();
    let check = |signer: &Signer, component: &[u8], signature: &str, highest| {
        let trust = Trust {
            pin: None,
            key: Some(PublicKey::try_from(signer.public_key()).unwrap()),
        };
        let checked = trust.check(component, &digest(component), Some(signature), highest);
        checked.map_err(|rejection| rejection.code)
    };
    let signature = ours.sign_as(&component, 12);
    assert_eq!(decode_signature(&ours.header()).unwrap(), signature);
    assert_eq!(check(&ours, &component, &signature, None), Ok(Some(12)));
    let highest = Some((13, String::new()));
    for (checked, code) in [
        (
            check(&ours, &component, &signature, highest),
            "revision-replayed",
        ),
        (
            check(&theirs, &component, &signature, None),
            "signature-invalid",
        ),
        (
            check(&ours, &component[1..], &signature, None),
            "signature-invalid",
        ),
    ] {
        assert_eq!(checked, Err(code));
    }
    for (more, code) in [
        (vec![], "signature-without-revision"),
        (vec!["-l", "-t", "revision:12"], "signature-invalid"),
    ] {
        let signature = ours.sign(&component, &more);
        assert_eq!(
            check(&ours, &component, &signature, None),
            Err(code),
            "{more:?}"
        );
    }
}

#[test]
fn a_broker_with_a_key_takes_what_is_signed_and_never_an_older_one() {
    let (Some(ours), Some(theirs)) = (Signer::new(), Signer::new()) else {
        return;
    };
    let (file, first) = (ours.0.path().join("deployed.wasm"), policy_component());
    let signature_file = ours.0.path().join("deployed.wasm.minisig");
    fs::write(&file, &first).unwrap();
    fs::write(&signature_file, ours.sign_as(&first, 5)).unwrap();
    let options = Options {
        config: format!(
            "[policies.iotda]\ncomponent = {file:?}\n[policies.iotda.signature]\npublic_key = {:?}\n",
            ours.public_key()
        ),
        ..Options::default()
    };
    let broker = Broker::start(&options);
    let mut device = broker.device3(4);

    let second = rebuilt(1);
    assert_eq!(put(&broker, &second, None), refused("signature-missing"));
    assert_eq!(put(&broker, &second, Some("no base64")).0, 400);
    theirs.sign_as(&second, 6);
    let foreign = theirs.header();
    assert_eq!(
        put(&broker, &second, Some(&foreign)),
        refused("signature-invalid")
    );
    ours.sign_as(&second, 4);
    let older = ours.header();
    assert_eq!(
        put(&broker, &second, Some(&older)),
        refused("revision-replayed")
    );
    ours.sign_as(&second, 5);
    let same = ours.header();
    assert_eq!(
        put(&broker, &second, Some(&same)),
        refused("revision-replayed")
    );
    assert_eq!(in_force(&broker), digest(&first));
    ours.sign_as(&second, 6);
    let newer = ours.header();
    let altered = rebuilt(2);
    assert_eq!(
        put(&broker, &altered, Some(&newer)),
        refused("signature-invalid")
    );
    assert_eq!(put(&broker, &second, Some(&newer)), active());
    assert_eq!(in_force(&broker), digest(&second));

    // By file: the signature first, for without it the component would be refused.
    let third = rebuilt(3);
    fs::write(&signature_file, ours.sign_as(&third, 7)).unwrap();
    fs::write(&file, &third).unwrap();
    wait_until("the component from the file", || {
        in_force(&broker) == digest(&third)
    });
    device.ping();

    // What was the highest is still so after a restart.
    broker.signal("TERM");
    let (code, folder) = broker.wait_keeping_dir();
    assert_eq!(code, Some(0));
    let broker = Broker::start_in(folder, &options);
    assert_eq!(in_force(&broker), digest(&third));
    assert_eq!(
        put(&broker, &second, Some(&newer)),
        refused("revision-replayed")
    );
    broker.device3(4).ping();

    // A rollback may go back to it, and so may a restart after that; what was the highest stays so.
    let (status, answer) = broker.admin_send("POST", "/policy/iotda/rollback", &[], b"");
    assert_eq!(status, 200, "{answer}");
    assert_eq!(in_force(&broker), digest(&second));
    broker.signal("TERM");
    let (_, folder) = broker.wait_keeping_dir();
    let broker = Broker::start_in(folder, &options);
    assert_eq!(in_force(&broker), digest(&second));
    ours.sign_as(&altered, 6);
    assert_eq!(
        put(&broker, &altered, Some(&ours.header())),
        refused("revision-replayed")
    );
}

#[test]
fn a_pinned_component_lets_no_other_in() {
    let config = format!(
        "[policies.iotda]\ncomponent_sha256 = {:?}\n",
        digest(&policy_component()).to_uppercase()
    );
    let broker = Broker::start(&Options {
        config,
        ..Options::default()
    });
    assert_eq!(put(&broker, &rebuilt(1), None), refused("pin-mismatch"));
    assert_eq!(in_force(&broker), digest(&policy_component()));
}

/// Runs our own verb in the signer's folder: exit code, stdout, stderr.
fn policy(signer: &Signer, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_iotda-broker"))
        .arg("policy")
        .args(arguments)
        .current_dir(&signer.0)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

/// What a verb that succeeds prints as JSON.
fn told(signer: &Signer, arguments: &[&str]) -> Value {
    let (code, out, errors) = policy(signer, &[arguments, &["--json"]].concat());
    assert_eq!(code, 0, "{arguments:?}: {out}{errors}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn our_keys_and_signatures_are_minisigns() {
    let Some(signer) = Signer::new() else {
        return;
    };
    let path = |name: &str| signer.0.path().join(name);
    fs::write(path("policy.wasm"), policy_component()).unwrap();
    fs::write(path("password"), "correct horse\nnot this line\n").unwrap();
    fs::write(path("wrong"), "battery staple\n").unwrap();
    for (out, how) in [
        ("plain.key", &["--no-password"][..]),
        ("locked.key", &["--password-file", "password"]),
    ] {
        let made = told(&signer, &[&["keygen", "--out", out], how].concat());
        let permissions = fs::metadata(path(out)).unwrap().permissions().mode();
        assert_eq!(permissions & 0o777, 0o600, "{out}");
        let password = if out == "locked.key" { how } else { &[] };
        let sign = ["sign", "policy.wasm", "--key", out];
        let by_ours = told(&signer, &[&sign, password].concat());
        assert_eq!(by_ours["public_key"], made["public_key"]);
        assert_eq!(by_ours["key_id"], made["key_id"]);
        let public = made["public"].as_str().unwrap();
        let verified = signer.run("minisign", &["-VHm", "policy.wasm", "-p", public, "-Q"]);
        assert_eq!(verified, format!("revision:{}\n", by_ours["revision"]));
        // The other way: the program signs with our key, and makes the same public key of it.
        let secret = signer.with_stdin(
            "correct horse\n",
            &["-R", "-f", "-s", out, "-p", "again.pub"],
        );
        assert!(secret, "{out}");
        let again = fs::read_to_string(path("again.pub")).unwrap();
        assert_eq!(again.lines().nth(1), made["public_key"].as_str());
        let comment = "revision:50";
        let arguments = [
            "-S",
            "-s",
            out,
            "-m",
            "policy.wasm",
            "-x",
            "x",
            "-t",
            comment,
        ];
        assert!(signer.with_stdin("correct horse\n", &arguments));
        let trust = Trust {
            pin: None,
            key: Some(PublicKey::try_from(again.lines().nth(1).unwrap().to_owned()).unwrap()),
        };
        let signature = fs::read_to_string(path("x")).unwrap();
        let checked = trust.check(&policy_component(), "", Some(&signature), None);
        assert_eq!(checked, Ok(Some(50)));
    }
    // Revisions count up, and are not what another file says.
    let revisions = fs::read_to_string(path("policy.wasm.minisig")).unwrap();
    assert!(revisions.contains("\ntrusted comment: revision:2\n"));

    // Nothing is overwritten, and what cannot be is told.
    let before = fs::read(path("plain.key")).unwrap();
    let plain = ["sign", "policy.wasm", "--key", "plain.key"];
    let locked = ["sign", "policy.wasm", "--key", "locked.key"];
    for (arguments, code, words) in [
        (
            &["keygen", "--out", "plain.key", "--no-password"][..],
            1,
            "nothing is overwritten",
        ),
        (&["keygen", "--out", "new.key"], 64, "--no-password"),
        (
            &["keygen", "--out", "new.pub", "--no-password"],
            64,
            "the public key's name",
        ),
        (
            &["keygen", "--out", "none/k", "--no-password"],
            1,
            "`none/k` cannot be made",
        ),
        (&locked, 1, "it is encrypted"),
        (
            &[&locked[..], &["--password-file", "wrong"]].concat(),
            1,
            "Wrong password",
        ),
        (
            &[&locked[..], &["--password-file", "none"]].concat(),
            1,
            "`none` cannot be read",
        ),
        (
            &["sign", "policy.wasm", "--key", "plain.pub"],
            1,
            "not that of the public one",
        ),
        (&["sign", "none.wasm", "--key", "plain.key"], 1, "none.wasm"),
        (
            &[&plain[..], &["--revision", "1"]].concat(),
            64,
            "revision 1 is below 2",
        ),
    ] {
        let (got, out, errors) = policy(&signer, arguments);
        assert_eq!(got, code, "{arguments:?}: {out}{errors}");
        assert!(errors.starts_with("error: ") && errors.contains("\n  help: "));
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }
    assert_eq!(fs::read(path("plain.key")).unwrap(), before);
    assert!(!path("new.key").exists());
}

/// It has no checksum.
#[test]
fn a_key_of_minisign_without_a_password_signs_and_a_damaged_one_does_not() {
    let Some(signer) = Signer::new() else {
        return;
    };
    let path = |name: &str| signer.0.path().join(name);
    fs::write(path("policy.wasm"), policy_component()).unwrap();
    let made = told(&signer, &["sign", "policy.wasm", "--key", "key"]);
    assert_eq!(made["public_key"], signer.public_key());
    signer.run("minisign", &["-V", "-p", "key.pub", "-m", "policy.wasm"]);
    let signature = fs::read(path("policy.wasm.minisig")).unwrap();
    // A digit in the middle of the secret.
    let whole = fs::read_to_string(path("key")).unwrap();
    let place = whole.find("\nRW").unwrap() + 110;
    let digit = if whole.as_bytes()[place] == b'A' {
        "B"
    } else {
        "A"
    };
    let damaged = [&whole[..place], digit, &whole[place + 1..]].concat();
    fs::write(path("damaged"), damaged).unwrap();
    let (code, _, errors) = policy(&signer, &["sign", "policy.wasm", "--key", "damaged"]);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("(sign-failed)"), "{errors}");
    assert_eq!(fs::read(path("policy.wasm.minisig")).unwrap(), signature);
}

#[test]
fn our_key_signs_for_a_broker_which_takes_no_lower_revision() {
    let Some(signer) = Signer::new() else {
        return;
    };
    let path = |name: &str| signer.0.path().join(name);
    let component = rebuilt(1);
    fs::write(path("policy.wasm"), policy_component()).unwrap();
    let made = told(&signer, &["keygen", "--out", "own.key", "--no-password"]);
    let public_key = made["public_key"].as_str().unwrap();
    let by_ours = told(&signer, &["sign", "policy.wasm", "--key", "own.key"]);
    assert_eq!(by_ours["public_key"], made["public_key"]);
    let config = format!(
        "[policies.iotda]\ncomponent = {:?}\n[policies.iotda.signature]\npublic_key = {:?}\n",
        path("policy.wasm"),
        public_key
    );
    let broker = Broker::start(&Options {
        config,
        ..Options::default()
    });
    assert_eq!(in_force(&broker), digest(&policy_component()));
    // Another file's name, so that the broker's watch of the first sees nothing of it.
    fs::write(path("next.wasm"), &component).unwrap();
    let header = |revision: &str| {
        let _ = fs::remove_file(path("next.wasm.minisig"));
        let sign = [
            "sign",
            "next.wasm",
            "--key",
            "own.key",
            "--revision",
            revision,
        ];
        told(&signer, &sign);
        signer.run("base64", &["-w0", "next.wasm.minisig"])
    };
    assert_eq!(put(&broker, &component, Some(&header("5"))), active());
    assert_eq!(in_force(&broker), digest(&component));
    let older = rebuilt(2);
    fs::write(path("next.wasm"), &older).unwrap();
    let lower = header("4");
    assert_eq!(
        put(&broker, &older, Some(&lower)),
        refused("revision-replayed")
    );
    assert_eq!(in_force(&broker), digest(&component));

    // The same signature, as `inspect` sees it.
    let inspect = |arguments: &[&str]| {
        let arguments = [&["inspect", "next.wasm", "--json"], arguments].concat();
        let (code, out, errors) = policy(&signer, &arguments);
        let seen: Value = serde_json::from_str(&out).unwrap_or_default();
        (code, seen["signature"].clone(), errors)
    };
    let (code, seen, _) = inspect(&[]);
    assert_eq!(
        (code, &seen["revision"], &seen["verified"]),
        (0, &4.into(), &Value::Null)
    );
    assert_eq!(seen["key_id"], by_ours["key_id"]);
    for key in [public_key, "own.pub"] {
        let (code, seen, errors) = inspect(&["--key", key]);
        assert_eq!((code, &seen["verified"]), (0, &true.into()), "{errors}");
    }
    told(&signer, &["keygen", "--out", "other.key", "--no-password"]);
    let (code, seen, errors) = inspect(&["--key", "other.pub"]);
    assert_eq!((code, &seen["verified"]), (3, &false.into()), "{errors}");
    assert!(errors.contains("another key"), "{errors}");
    let (code, _, errors) = inspect(&["--key", "nowhere.pub"]);
    assert_eq!(code, 64, "{errors}");
    assert!(
        errors.contains("`nowhere.pub` is no public key"),
        "{errors}"
    );
    fs::write(path("next.wasm"), rebuilt(3)).unwrap();
    let (code, _, errors) = inspect(&["--key", "own.pub"]);
    assert_eq!(code, 3);
    assert!(errors.contains("were altered"), "{errors}");
    fs::remove_file(path("next.wasm.minisig")).unwrap();
    assert_eq!(inspect(&[]).1, Value::Null);
    let (code, _, errors) = inspect(&["--key", "own.pub"]);
    assert_eq!(code, 3);
    assert!(errors.contains("(signature-missing)"), "{errors}");
}
