//! The vendor's own steps with `openssl`, to the letter: root, verification certificate, device certificate (X.509 version 1), fingerprint.

use std::process::Command;

use crate::support::openssl::{fingerprint, openssl, root, sign};
use crate::support::{Broker, have, this_hour, wait_until};

const DEVICE: &str = "demo_vendor";

/// `mosquitto_pub` as the device; true where it was accepted. rustls clients refuse to load a version 1 certificate.
fn publishes(broker: &Broker, certificate: &str) -> bool {
    let arguments = format!(
        "-h localhost -p {port} --cafile data/pki/ca.pem -k 60 --cert {certificate}.pem --key {certificate}.key \
         -i {DEVICE}_0_0_{hour} -u {DEVICE} -t $oc/devices/{DEVICE}/sys/properties/report -m {{}} -q 1",
        port = broker.port("mqtts"),
        hour = this_hour()
    );
    Command::new("mosquitto_pub")
        .current_dir(broker.path(""))
        .args(arguments.split_whitespace())
        .status()
        .unwrap()
        .success()
}

#[test]
fn the_vendors_steps() {
    if !have("openssl", &["version"]) || !have("mosquitto_pub", &["--help"]) {
        return;
    }
    let broker = Broker::demo();
    let folder = &broker.path("");
    root(folder, "rootCA", "Device-root");
    let added = broker.cli_json(&["ca", "add", "rootCA.pem"]);
    let (id, code) = (
        added["certificate_id"].as_str().unwrap(),
        added["verify_code"].as_str().unwrap(),
    );

    sign(folder, "rootCA", "deviceCert", "whatever-the-guide-says");
    let text = openssl(folder, "x509 -in deviceCert.pem -noout -text");
    assert!(
        text.contains("Version: 1 (0x0)") || text.contains("Version: 3"),
        "{text}"
    );
    let sha256 = fingerprint(folder, "deviceCert", "sha256");
    let add = ["device", "add", "--node-id", "vendor", "--product", "demo"];
    let device = broker.cli_json(&[&add[..], &["--fingerprint", &sha256]].concat());
    assert_eq!(device["device_id"], DEVICE);
    assert!(
        !publishes(&broker, "deviceCert"),
        "an unverified authority authenticates nobody"
    );

    verify(&broker, id, code);
    wait_until("the verified authority is trusted", || {
        publishes(&broker, "deviceCert")
    });

    // SHA-1, lower case, without colons.
    let sha1 = fingerprint(folder, "deviceCert", "sha1")
        .replace(':', "")
        .to_lowercase();
    broker.cli_json(&["device", "reset-fingerprint", DEVICE, &sha1]);
    assert!(publishes(&broker, "deviceCert"));

    // Another authority of the same name cannot sign for it, and another device's certificate is refused.
    root(folder, "foreign", "Device-root");
    sign(folder, "foreign", "forged", "whatever-the-guide-says");
    assert!(!publishes(&broker, "forged"));
    sign(folder, "rootCA", "other", "another-device");
    assert!(!publishes(&broker, "other"));
    // The secondary fingerprint has the same effect.
    let other = fingerprint(folder, "other", "sha256");
    broker.cli_json(&["device", "reset-fingerprint", DEVICE, &other, "--secondary"]);
    assert!(publishes(&broker, "other"));
    assert!(publishes(&broker, "deviceCert"));
}

/// A verification certificate with a wrong common name, one of another root, then the right one.
fn verify(broker: &Broker, id: &str, code: &str) {
    let folder = &broker.path("");
    root(folder, "stranger", "Device-root");
    sign(folder, "rootCA", "wrong", "0000");
    sign(folder, "stranger", "stolen", code);
    for refused in ["wrong.pem", "stolen.pem"] {
        let output = broker.cli(&["ca", "verify", id, refused]);
        assert_eq!(output.status.code(), Some(1), "{refused}");
    }
    sign(folder, "rootCA", "verify", code);
    let verified = broker.cli_json(&["ca", "verify", id, "verify.pem"]);
    assert_eq!(verified["status"], true);
}
