//! The demo's records and files, made once, twice, and after a part was lost.

use super::*;
use crate::{config::Flags, contract::Lookup, tls::TrustStore};
use std::os::unix::fs::PermissionsExt;

struct Fixture {
    _folder: tempfile::TempDir,
    config: Config,
    registry: Registry,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags {
        data: Some(folder.path().join("data")),
        ..Flags::default()
    };
    let mut config = Config::load(None, &flags).unwrap();
    let asked = Asked {
        with_config: false,
        free_ports: true,
    };
    let listens = listen(&mut config, asked).unwrap();
    let registry = Registry::open(&config.data).unwrap();
    prepare(&config, &registry, listens).unwrap();
    Fixture {
        _folder: folder,
        config,
        registry,
    }
}

impl Fixture {
    fn file(&self, name: &str) -> PathBuf {
        self.config.data.join("demo").join(name)
    }
}

#[test]
fn what_the_lines_need_is_there() {
    let f = fixture();
    let trust = TrustStore::new();
    trust.replace(&f.registry.verified_authorities().unwrap(), 0);
    for device in ["device1", "device2"] {
        let leaf = pem::certificate(&f.file(&format!("{device}.pem"))).unwrap();
        let lookup = Lookup::Fingerprint(Sha256::digest(&leaf).to_vec());
        let found = f.registry.find(&lookup).unwrap().client.unwrap();
        assert_eq!(found.id, format!("demo_{device}"));
        assert!(trust.authority_of(&[leaf]).is_some());
    }
    let third = f.registry.client(false, "demo_device3").unwrap();
    assert_eq!(third.credential, secret());
    let app = f.registry.client(true, "demo_app").unwrap();
    let password = std::fs::read(f.file("app.password")).unwrap();
    assert_eq!(app.credential, Credential::Token(password));
    assert_eq!(app.policies, ["demo_app_policy"]);
    for private in ["ca.key", "device1.key", "device2.key", "app.password"] {
        let mode = std::fs::metadata(f.file(private))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
}

#[test]
fn the_identities_are_those_that_are_registered() {
    let f = fixture();
    let identities = crate::conformance::identities::read(&f.file("identities.toml")).unwrap();
    assert!(identities.ca.unwrap().ends_with("pki/ca.pem"));
    for (role, players) in &identities.roles {
        for identity in players {
            let application = role == "application";
            let client = f.registry.client(application, &identity.id).unwrap();
            assert_eq!(client.product, identity.product, "{role}");
        }
    }
    let device = &identities.roles["device"][0];
    assert_eq!(device.id, "demo_device3");
    let sensor = &identities.roles["gateway"][0].facts["child"];
    let sensor = f.registry.client(false, sensor).unwrap();
    assert_eq!(sensor.gateway.as_deref(), Some("demo_gateway"));
}

#[test]
fn a_second_start_changes_nothing() {
    let f = fixture();
    f.registry.freeze("demo_device1", true).unwrap();
    f.registry
        .reset_fingerprint("demo_device2", Slot::Primary, None)
        .unwrap();
    let before = f.registry.last_sequence().unwrap();
    prepare(&f.config, &f.registry, Listens(Vec::new())).unwrap();
    assert_eq!(f.registry.last_sequence().unwrap(), before);
}

#[test]
fn what_was_lost_is_made_again() {
    let f = fixture();
    std::fs::remove_file(f.file("device1.pem")).unwrap();
    std::fs::remove_file(f.file("device1.key")).unwrap();
    std::fs::remove_file(f.file("app.password")).unwrap();
    f.registry.remove_client(false, "demo_device2").unwrap();
    prepare(&f.config, &f.registry, Listens(Vec::new())).unwrap();
    for device in ["device1", "device2"] {
        let leaf = pem::certificate(&f.file(&format!("{device}.pem"))).unwrap();
        let lookup = Lookup::Fingerprint(Sha256::digest(&leaf).to_vec());
        assert!(
            f.registry.find(&lookup).unwrap().client.is_some(),
            "{device}"
        );
    }
    let app = f.registry.client(true, "demo_app").unwrap();
    let password = std::fs::read(f.file("app.password")).unwrap();
    assert_eq!(app.credential, Credential::Token(password));

    std::fs::remove_file(f.file("device1.key")).unwrap();
    let error = prepare(&f.config, &f.registry, Listens(Vec::new()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("device1.key"), "{error}");
}
