//! What the server's side of a handshake sees of certificates that the vendor's steps make, met by `openssl s_client` and `mosquitto_pub`.

use crate::support::have;
use crate::support::openssl::{fingerprint, root, sign};
use iotda_broker::{
    contract::Lookup,
    registry::Registry,
    tls::{Acceptor, Proof, TrustStore, issue},
};
use sha2::{Digest, Sha256};
use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tokio::net::TcpListener;

struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn answer(&self, arguments: &str) -> serde_json::Value {
        let output = Command::new(env!("CARGO_BIN_EXE_iotda-broker"))
            .args(["--json", "--data", "data"])
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {told}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn registry(&self) -> Registry {
        Registry::open(&self.path("data")).unwrap()
    }

    fn trust(&self) -> TrustStore {
        let trust = TrustStore::new();
        trust.replace(&self.registry().verified_authorities().unwrap(), 0);
        trust
    }

    /// What the server makes of one client command; `{port}` stands for the port.
    async fn meet(&self, trust: TrustStore, program: &str, arguments: &str) -> io::Result<Proof> {
        let pair = issue::development_pki(&self.path("pki")).unwrap();
        let acceptor = Acceptor::new(&pair.certificate, &pair.key, trust).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let arguments = arguments.replace("{port}", &port);
        let mut client = Command::new(program)
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let met = tokio::time::timeout(Duration::from_secs(20), async {
            let (stream, _) = listener.accept().await?;
            acceptor.accept(stream).await.map(|(_, proof)| proof)
        });
        let met = met.await;
        // Its connection is closed by now, or it hangs; either way it is not needed any more.
        let _ = client.kill();
        client.wait().unwrap();
        met.expect("no handshake within 20 seconds")
    }
}

#[tokio::test]
async fn the_guide_from_the_root_to_the_handshake() {
    if !have("openssl", &["version"]) {
        return;
    }
    let w = Workshop::new();
    root(w.folder.path(), "rootCA", "Device-root");
    let added = w.answer("ca add rootCA.pem");
    let (id, code) = (
        added["certificate_id"].as_str().unwrap(),
        added["verify_code"].as_str().unwrap(),
    );

    sign(w.folder.path(), "rootCA", "device", "device");
    let fingerprint = fingerprint(w.folder.path(), "device", "sha256");
    w.answer("product add demo");
    let device = w.answer(&format!(
        "device add --node-id n --product demo --fingerprint {fingerprint}"
    ));
    assert_eq!(device["device_id"], "demo_n");

    // Unverified, the authority authenticates nobody.
    for version in ["-tls1_2", "-tls1_3"] {
        let client = format!(
            "s_client -connect 127.0.0.1:{{port}} -servername 127.0.0.1 {version} -cert device.pem -key device.key"
        );
        let proof = w.meet(w.trust(), "openssl", &client).await.unwrap();
        assert_eq!((proof.chain.len(), proof.authority), (1, None));
    }

    sign(w.folder.path(), "rootCA", "verify", code);
    w.answer(&format!("ca verify {id} verify.pem"));

    for version in ["-tls1_2", "-tls1_3"] {
        let client = format!(
            "s_client -connect 127.0.0.1:{{port}} -servername 127.0.0.1 {version} -cert device.pem -key device.key"
        );
        let proof = w.meet(w.trust(), "openssl", &client).await.unwrap();
        assert_eq!(proof.authority.as_deref(), Some(id));
        assert_eq!(proof.server_name, None);
        let lookup = Lookup::Fingerprint(Sha256::digest(&proof.chain[0]).to_vec());
        let found = w.registry().find(&lookup).unwrap().client.unwrap();
        assert_eq!(found.id, "demo_n");
    }

    w.answer(&format!("ca remove {id}"));
    assert!(w.registry().verified_authorities().unwrap().is_empty());
}

#[tokio::test]
async fn mosquitto_sends_its_certificate_unasked_by_name() {
    if !have("openssl", &["version"]) || !have("mosquitto_pub", &["--help"]) {
        return;
    }
    let w = Workshop::new();
    root(w.folder.path(), "rootCA", "Device-root");
    sign(w.folder.path(), "rootCA", "device", "device");
    let client =
        "-h 127.0.0.1 -p {port} --cafile pki/ca.pem --cert device.pem --key device.key -t t -m m";
    let proof = w.meet(w.trust(), "mosquitto_pub", client).await.unwrap();
    assert_eq!((proof.chain.len(), proof.authority), (1, None));
    let client = "-h localhost -p {port} --cafile pki/ca.pem -t t -m m";
    let proof = w.meet(w.trust(), "mosquitto_pub", client).await.unwrap();
    assert!(proof.chain.is_empty());
    assert_eq!(proof.server_name.as_deref(), Some("localhost"));
}

#[tokio::test]
async fn a_key_that_can_be_factored_proves_nothing() {
    if !have("openssl", &["version"]) {
        return;
    }
    let w = Workshop::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    for version in ["-tls1_2", "-tls1_3"] {
        let client = format!(
            "s_client -connect 127.0.0.1:{{port}} {version} -cipher DEFAULT@SECLEVEL=0 -cert {0}/rsa1024_v1.pem -key {0}/rsa1024_v1.key",
            fixtures.display()
        );
        let proof = w.meet(TrustStore::new(), "openssl", &client).await;
        assert!(proof.is_err(), "{version}: {proof:?}");
    }
}
