//! The vendor's own steps with `openssl`, to the letter: root, verification certificate, device certificate (X.509 version 1), fingerprint.

use std::process::Command;

use crate::support::{Broker, have, this_hour};

fn openssl(broker: &Broker, args: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(args)
        .current_dir(broker.path(""))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "openssl {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn root(broker: &Broker, name: &str) {
    openssl(broker, &["genrsa", "-out", &format!("{name}.key"), "2048"]);
    openssl(
        broker,
        &[
            "req",
            "-x509",
            "-new",
            "-nodes",
            "-key",
            &format!("{name}.key"),
            "-sha256",
            "-days",
            "1024",
            "-subj",
            "/C=CN/O=Test/CN=Device root",
            "-out",
            &format!("{name}.pem"),
        ],
    );
}

/// Key, request and `openssl x509 -req`: with OpenSSL 3.0 a version 1 certificate.
fn sign(broker: &Broker, ca: &str, name: &str, common_name: &str) {
    openssl(broker, &["genrsa", "-out", &format!("{name}.key"), "2048"]);
    openssl(
        broker,
        &[
            "req",
            "-new",
            "-key",
            &format!("{name}.key"),
            "-subj",
            &format!("/CN={common_name}"),
            "-out",
            &format!("{name}.csr"),
        ],
    );
    openssl(
        broker,
        &[
            "x509",
            "-req",
            "-in",
            &format!("{name}.csr"),
            "-CA",
            &format!("{ca}.pem"),
            "-CAkey",
            &format!("{ca}.key"),
            "-CAcreateserial",
            "-out",
            &format!("{name}.pem"),
            "-days",
            "500",
            "-sha256",
        ],
    );
}

/// `mosquitto_pub` as the device; true where it was accepted. rustls clients refuse to load a version 1 certificate.
fn publishes(broker: &Broker, device: &str, certificate: &str) -> bool {
    Command::new("mosquitto_pub")
        .current_dir(broker.path(""))
        .args([
            "-h",
            "localhost",
            "-p",
            &broker.port("mqtts"),
            "--cafile",
            "data/pki/ca.pem",
            "-k",
            "60",
        ])
        .args([
            "--cert",
            &format!("{certificate}.pem"),
            "--key",
            &format!("{certificate}.key"),
        ])
        .args([
            "-i",
            &format!("{device}_0_0_{}", this_hour()),
            "-u",
            device,
            "-t",
            &format!("$oc/devices/{device}/sys/properties/report"),
            "-m",
            "{}",
            "-q",
            "1",
        ])
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
    root(&broker, "rootCA");
    let added = broker.cli_json(&["ca", "add", "rootCA.pem"]);
    let (id, code) = (
        added["certificate_id"].as_str().unwrap(),
        added["verify_code"].as_str().unwrap(),
    );

    sign(
        &broker,
        "rootCA",
        "deviceCert",
        "whatever the vendor's guide says",
    );
    let text = openssl(
        &broker,
        &["x509", "-in", "deviceCert.pem", "-noout", "-text"],
    );
    assert!(
        text.contains("Version: 1 (0x0)") || text.contains("Version: 3"),
        "{text}"
    );
    let printed = openssl(
        &broker,
        &[
            "x509",
            "-fingerprint",
            "-sha256",
            "-noout",
            "-in",
            "deviceCert.pem",
        ],
    );
    let fingerprint = printed.trim().split('=').next_back().unwrap();
    assert!(fingerprint.contains(':'));
    let device = broker.cli_json(&[
        "device",
        "add",
        "--node-id",
        "vendor",
        "--product",
        "demo",
        "--fingerprint",
        fingerprint,
    ]);
    assert_eq!(device["device_id"], "demo_vendor");
    assert!(
        !publishes(&broker, "demo_vendor", "deviceCert"),
        "an unverified authority authenticates nobody"
    );

    // A verification certificate with a wrong common name, then the right one.
    sign(&broker, "rootCA", "wrong", "0000");
    assert_eq!(
        broker.cli(&["ca", "verify", id, "wrong.pem"]).status.code(),
        Some(1)
    );
    sign(&broker, "rootCA", "verify", code);
    let verified = broker.cli(&["ca", "verify", id, "verify.pem"]);
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    crate::support::wait_until("the verified authority is trusted", || {
        publishes(&broker, "demo_vendor", "deviceCert")
    });

    // SHA-1, lower case, without colons.
    let sha1 = openssl(
        &broker,
        &[
            "x509",
            "-fingerprint",
            "-sha1",
            "-noout",
            "-in",
            "deviceCert.pem",
        ],
    );
    let sha1 = sha1
        .trim()
        .split('=')
        .next_back()
        .unwrap()
        .replace(':', "")
        .to_lowercase();
    broker.cli_json(&["device", "reset-fingerprint", "demo_vendor", &sha1]);
    assert!(publishes(&broker, "demo_vendor", "deviceCert"));

    // Another authority of the same name cannot sign for it, and another device's certificate is refused.
    root(&broker, "foreign");
    sign(
        &broker,
        "foreign",
        "forged",
        "whatever the vendor's guide says",
    );
    assert!(!publishes(&broker, "demo_vendor", "forged"));
    sign(&broker, "rootCA", "other", "another device");
    assert!(!publishes(&broker, "demo_vendor", "other"));
    // The secondary fingerprint has the same effect.
    let printed = openssl(
        &broker,
        &[
            "x509",
            "-fingerprint",
            "-sha256",
            "-noout",
            "-in",
            "other.pem",
        ],
    );
    broker.cli_json(&[
        "device",
        "reset-fingerprint",
        "demo_vendor",
        printed.trim().split('=').next_back().unwrap(),
        "--secondary",
    ]);
    assert!(publishes(&broker, "demo_vendor", "other"));
    assert!(publishes(&broker, "demo_vendor", "deviceCert"));
}
