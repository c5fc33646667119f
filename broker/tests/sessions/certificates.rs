//! Devices that prove themselves by a certificate: they live and die with it, with its authority and with their record.

use crate::harness::{Client, REPORT, Running, device, start};
use iotda_broker::contract::{self, Credential, Fingerprints, Status};
use iotda_broker::registry::NewAuthority;
use iotda_broker::session::wire::{Connect, Level};
use iotda_broker::tls::issue::{Pair, Root};
use iotda_broker::tls::pem;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

struct Fleet {
    running: Running,
    root: Root,
    authority: String,
}

async fn fleet() -> Fleet {
    let running = start().await;
    let files = pair(&running, "root");
    let root = Root::load_or_make("fleet", &files).unwrap();
    let registry = &running.broker.registry;
    let new = NewAuthority {
        common_name: "fleet".into(),
        certificate: pem::certificate(&files.certificate).unwrap().to_vec(),
    };
    let authority = registry.add_authority(new).unwrap().id;
    registry.mark_verified(&authority).unwrap();
    // Until the feed has told the listeners.
    tokio::time::sleep(Duration::from_millis(250)).await;
    Fleet {
        running,
        root,
        authority,
    }
}

fn pair(running: &Running, name: &str) -> Pair {
    let file = |end| running.data.path().join(format!("{name}.{end}"));
    Pair {
        certificate: file("pem"),
        key: file("key"),
    }
}

impl Fleet {
    /// Makes a certificate, and registers a device that is known by it or adopts the first one.
    fn add(&self, node: &str, enrol: bool) -> Pair {
        let files = pair(&self.running, node);
        self.root.device(node, &files).unwrap();
        let print = fingerprint(&pem::certificate(&files.certificate).unwrap());
        let client = contract::Client {
            id: String::new(),
            node: node.into(),
            product: "demo".into(),
            gateway: None,
            application: false,
            status: Status::Active,
            encrypted_only: false,
            credential: Credential::Certificate(Fingerprints {
                primary: (!enrol).then_some(print),
                secondary: None,
                enrol,
            }),
            policies: Vec::new(),
            attributes: Vec::new(),
            children: Vec::new(),
        };
        self.running.broker.registry.add_client(client).unwrap();
        files
    }

    async fn connect(&self, files: Option<&Pair>, connect: Connect) -> (Client, u8) {
        let root = self.running.data.path().join("pki/ca.pem");
        let mut roots = RootCertStore::empty();
        roots.add(pem::certificate(&root).unwrap()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = match files {
            None => config.with_no_client_auth(),
            Some(files) => {
                let chain = pem::certificates(&files.certificate).unwrap();
                config
                    .with_client_auth_cert(chain, pem::key(&files.key).unwrap())
                    .unwrap()
            }
        };
        let stream = TcpStream::connect(self.running.tls).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .unwrap();
        let mut client = Client::over(Box::new(stream), connect.level);
        let (code, _) = client.hello(connect).await;
        (client, code)
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Vec<u8> {
    Sha256::digest(certificate).to_vec()
}

fn without_password(level: Level, node: &str) -> Connect {
    Connect {
        password: None,
        ..device(level, node)
    }
}

#[tokio::test]
async fn a_certificate_connects_its_own_device_and_no_other() {
    let fleet = fleet().await;
    let (own, other) = (fleet.add("x1", false), fleet.add("x2", false));
    for (level, refused) in [(Level::V4, 5), (Level::V5, 0x87)] {
        let connect = || without_password(level, "x1");
        let (mut client, code) = fleet.connect(Some(&own), connect()).await;
        assert_eq!(code, 0);
        assert_eq!(
            client.publish(&REPORT.replace("demo_d1", "demo_x1")).await,
            0
        );
        assert_eq!(fleet.connect(Some(&other), connect()).await.1, refused);
        assert_eq!(fleet.connect(None, connect()).await.1, refused);
        // A device with a secret on the same port.
        assert_eq!(fleet.connect(None, device(level, "d1")).await.1, 0);
    }
}

#[tokio::test]
async fn the_first_certificate_is_adopted_and_the_second_is_not() {
    let fleet = fleet().await;
    let (first, second) = (fleet.add("x1", true), fleet.add("x2", false));
    let connect = || without_password(Level::V5, "x1");
    let (mut client, code) = fleet.connect(Some(&first), connect()).await;
    assert_eq!(code, 0);
    assert_eq!(fleet.connect(Some(&second), connect()).await.1, 0x87);
    // Its own enrolment does not end the session.
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(
        client.publish(&REPORT.replace("demo_d1", "demo_x1")).await,
        0
    );
}

#[tokio::test]
async fn sessions_end_with_their_authority_and_others_stay() {
    let fleet = fleet().await;
    let files = fleet.add("x1", false);
    let (mut client, _) = fleet
        .connect(Some(&files), without_password(Level::V5, "x1"))
        .await;
    let (mut secret, _) = fleet.connect(None, device(Level::V5, "d1")).await;
    let removed = Instant::now();
    fleet
        .running
        .broker
        .registry
        .remove_authority(&fleet.authority)
        .unwrap();
    assert_eq!(client.ended().await, 0x87);
    assert!(
        removed.elapsed() < Duration::from_millis(250),
        "{:?}",
        removed.elapsed()
    );
    assert_eq!(secret.publish(REPORT).await, 0);
    assert_eq!(
        fleet
            .connect(Some(&files), without_password(Level::V5, "x1"))
            .await
            .1,
        0x87
    );
}

#[tokio::test]
async fn a_reset_fingerprint_ends_the_session() {
    let fleet = fleet().await;
    let files = fleet.add("x1", false);
    let (mut client, _) = fleet
        .connect(Some(&files), without_password(Level::V5, "x1"))
        .await;
    let slot = iotda_broker::registry::Slot::Primary;
    let other = "00".repeat(32);
    let other = iotda_broker::registry::parse_fingerprint(&other).unwrap();
    fleet
        .running
        .broker
        .registry
        .reset_fingerprint("demo_x1", slot, Some(other))
        .unwrap();
    assert_eq!(client.ended().await, 0x87);
    assert_eq!(
        fleet
            .connect(Some(&files), without_password(Level::V4, "x1"))
            .await
            .1,
        5
    );
}
