//! Signed components: signatures by the `minisign` program itself, over the built-in component, at a broker that asks for them.

use std::fs;
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
