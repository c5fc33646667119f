//! What ends a session from outside: certificates, authorities and records that change, in ways that are easy to miss.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use iotda_broker::contract::{Client, Credential, Fingerprints, Status};
use iotda_broker::registry::{NewAuthority, Registry};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::support::{Broker, Connect, Wire, publish, publish_v5, subscribe, wait_until};

/// A root's key: it may sign several root certificates of one name.
struct Root {
    key: KeyPair,
    common_name: &'static str,
}

/// A device certificate on disk.
struct Identity {
    chain: PathBuf,
    key: PathBuf,
    fingerprint: Vec<u8>,
}

impl Root {
    fn new(common_name: &'static str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self { key, common_name }
    }

    fn params(&self, serial: u64) -> CertificateParams {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, self.common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.serial_number = Some(SerialNumber::from(serial));
        params
    }

    fn certificate(&self, serial: u64) -> NewAuthority {
        let root = self.params(serial).self_signed(&self.key).unwrap();
        NewAuthority {
            common_name: self.common_name.to_owned(),
            certificate: root.der().to_vec(),
        }
    }

    /// A leaf that is valid for so long from now.
    fn device(&self, broker: &Broker, name: &str, life: Duration) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = OffsetDateTime::now_utc() - Duration::from_mins(1);
        params.not_after = OffsetDateTime::now_utc() + life;
        let issuer = Issuer::new(self.params(1), &self.key);
        let leaf = params.signed_by(&key, &issuer).unwrap();
        let (chain, key_file) = (
            broker.path(&format!("{name}.pem")),
            broker.path(&format!("{name}.key")),
        );
        fs::write(&chain, leaf.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        Identity {
            chain,
            key: key_file,
            fingerprint: Sha256::digest(leaf.der()).to_vec(),
        }
    }
}

impl Identity {
    fn tls(&self, broker: &Broker) -> Wire {
        let ca = broker.path("data/pki/ca.pem");
        let identity = (self.chain.as_path(), self.key.as_path());
        Wire::tls(&broker.addr("mqtts"), &ca, Some(identity)).unwrap()
    }
}

/// The broker's registry, written by this process beside it.
fn registry(broker: &Broker) -> Registry {
    Registry::open(&broker.path("data")).unwrap()
}

fn verified(registry: &Registry, new: NewAuthority) -> String {
    let id = registry.add_authority(new).unwrap().id;
    registry.mark_verified(&id).unwrap();
    id
}

fn add_device(registry: &Registry, node: &str, identity: &Identity) -> String {
    let credential = Credential::Certificate(Fingerprints {
        primary: Some(identity.fingerprint.clone()),
        secondary: None,
        enrol: false,
    });
    let device = Client {
        id: String::new(),
        node: node.to_owned(),
        product: "demo".to_owned(),
        gateway: None,
        application: false,
        status: Status::Active,
        encrypted_only: false,
        credential,
        policies: Vec::new(),
        attributes: Vec::new(),
        children: Vec::new(),
    };
    registry.add_client(device).unwrap()
}

const LONG: Duration = Duration::from_hours(1);

/// Waits until the broker has followed what was written, by a record whose change it shows.
fn connects_soon(code: u8, mut connect: impl FnMut() -> u8) {
    wait_until("the broker to see the change", || connect() == code);
}

#[test]
fn a_session_outlives_no_authority_that_came_after_it() {
    let broker = Broker::demo();
    let records = registry(&broker);
    let root = Root::new("one name");
    let identity = root.device(&broker, "d9", LONG);
    let id = add_device(&records, "d9", &identity);
    let first = verified(&records, root.certificate(1));
    let connect = Connect::certificate_device(5, &id);
    connects_soon(0, || identity.tls(&broker).connect(&connect));
    let mut session = identity.tls(&broker).join(&connect);
    // The renewed certificate of the same authority: same name, same key. Either of the two vouches for the device.
    let second = verified(&records, root.certificate(2));
    records.remove_authority(&first).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    session.ping();
    records.remove_authority(&second).unwrap();
    let told = session.until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x87))
    );
}

#[test]
fn a_foreign_authority_of_the_same_name_vouches_for_nobody() {
    let broker = Broker::demo();
    let records = registry(&broker);
    let (ours, foreign) = (Root::new("one name"), Root::new("one name"));
    let identity = ours.device(&broker, "d9", LONG);
    let id = add_device(&records, "d9", &identity);
    let connect = Connect::certificate_device(4, &id);
    verified(&records, foreign.certificate(1));
    verified(&records, ours.certificate(2));
    connects_soon(0, || identity.tls(&broker).connect(&connect));
    // A certificate of the foreign one with the device's name is not the device's.
    let stranger = foreign.device(&broker, "stranger", LONG);
    assert_eq!(stranger.tls(&broker).connect(&connect), 5);
}

#[test]
fn an_authority_that_is_not_verified_vouches_for_nobody() {
    let broker = Broker::demo();
    let records = registry(&broker);
    let root = Root::new("unverified");
    let identity = root.device(&broker, "d9", LONG);
    let id = add_device(&records, "d9", &identity);
    let authority = records.add_authority(root.certificate(1)).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    for (level, code) in [(4, 5), (5, 0x87)] {
        let connect = Connect::certificate_device(level, &id);
        assert_eq!(identity.tls(&broker).connect(&connect), code);
    }
    records.mark_verified(&authority.id).unwrap();
    let connect = Connect::certificate_device(4, &id);
    connects_soon(0, || identity.tls(&broker).connect(&connect));
}

#[test]
fn a_session_ends_with_its_certificate() {
    let broker = Broker::demo();
    let records = registry(&broker);
    let root = Root::new("root");
    let identity = root.device(&broker, "d9", Duration::from_secs(6));
    let id = add_device(&records, "d9", &identity);
    verified(&records, root.certificate(1));
    let will = ("will/x".to_owned(), b"x".to_vec(), 0, false);
    let connect = Connect {
        will: Some(will),
        ..Connect::certificate_device(5, &id)
    };
    let mut watcher = broker.device3(4);
    watcher
        .send(&subscribe(1, &[("will/+", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    connects_soon(0, || {
        let mut wire = identity.tls(&broker);
        let code = wire.connect(&connect);
        wire.send(&[0xE0, 0]);
        code
    });
    let mut session = identity.tls(&broker).join(&connect);
    session.ping();
    let told = session.until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x87)),
        "nothing but the certificate's end ended it"
    );
    watcher.expect_silence();
}

#[test]
fn a_freeze_beats_the_traffic() {
    let broker = Broker::demo();
    let mut device = broker.device3(5);
    device.send(&crate::support::subscribe_v5(1, &[("t", 1)], &[]));
    device.receive();
    let mut writer = broker.app(5, "writer");
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (stopped, sender) = (stop.clone(), broker.device1(5));
    let traffic = std::thread::spawn(move || {
        let mut sender = sender;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            sender.send(&publish_v5("t", &[7; 200], 1, 1, &[]));
            sender.receive();
        }
    });
    let acknowledge = |device: &mut Wire| -> bool {
        let got = device.receive();
        if got.kind() != 3 {
            assert_eq!((got.first, got.body[0]), (0xE0, 0x87));
            return false;
        }
        device.send(&crate::support::puback(got.packet_id()));
        true
    };
    for _ in 0..20 {
        assert!(acknowledge(&mut device));
    }
    broker.cli_json(&["device", "freeze", "demo_device3"]);
    let frozen = Instant::now();
    while acknowledge(&mut device) {}
    let took = frozen.elapsed();
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    traffic.join().unwrap();
    assert!(took < Duration::from_secs(1), "{took:?}");
    device.expect_close();
    writer.ping();
}

#[test]
fn a_device_that_moved_to_another_product_connects_anew() {
    let broker = Broker::demo();
    let records = registry(&broker);
    let file = |product: &str| {
        format!(
            r#"{{"products": [{{"id": "before"}}, {{"id": "after"}}],
            "devices": [{{"id": "mover", "product": "{product}", "node": "m", "secret": "12345678"}}]}}"#
        )
    };
    records.upsert_from(&file("before")).unwrap();
    let connect = Connect::secret_device(5, "mover", "12345678");
    let mut session = broker.plain().join(&connect);
    records.upsert_from(&file("after")).unwrap();
    let told = session.until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x87))
    );
    broker.plain().join(&connect).ping();
}

#[test]
fn a_registry_that_was_replaced_lets_nobody_in() {
    let broker = Broker::demo();
    let mut live = broker.device3(4);
    for file in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        let from = broker.path(&format!("data/{file}"));
        if from.exists() {
            fs::rename(&from, broker.path(&format!("data/gone-{file}"))).unwrap();
        }
    }
    let connect = Connect::secret_device(4, "demo_device3", "12345678");
    assert_eq!(broker.plain().connect(&connect), 3, "the file is gone");
    broker.wait_for_log("was replaced");
    // Another file under the name, such as a restored one: its freezes are not followed, so its clients are not let in either.
    drop(registry(&broker));
    assert_eq!(broker.plain().connect(&connect), 3, "another file is there");
    assert_eq!(broker.admin_get("/readyz", false).0, 503);
    live.send(&publish("t", b"x", 0, 0)).ping();
}

#[test]
fn sighup_takes_a_new_server_certificate_and_keeps_sessions() {
    let broker = Broker::demo();
    let (certificate, key) = (
        broker.path("data/pki/server.pem"),
        broker.path("data/pki/server.key"),
    );
    let before = fs::read(&certificate).unwrap();
    let renewed = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let renewed_key = KeyPair::generate().unwrap();
    let renewed = renewed.self_signed(&renewed_key).unwrap();
    // Half of the pair: refused, and the old one stays.
    fs::write(&certificate, renewed.pem()).unwrap();
    broker.signal("HUP");
    broker.wait_for_log("the server certificate is not replaced");
    let mut live = broker.device1(4);
    fs::write(&key, renewed_key.serialize_pem()).unwrap();
    broker.signal("HUP");
    let trusts = |ca: &[u8]| {
        fs::write(broker.path("trusted.pem"), ca).unwrap();
        Wire::tls(&broker.addr("mqtts"), &broker.path("trusted.pem"), None).is_ok()
    };
    wait_until("the new certificate", || trusts(renewed.pem().as_bytes()));
    assert!(!trusts(&before));
    live.ping();
}
