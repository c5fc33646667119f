//! The registry as its callers use it: on a real file, with more than one handle on it.

use super::*;
use crate::contract::{Client, Credential, Fingerprints, Lookup, Secrets, Status};
use std::{os::unix::fs::PermissionsExt, time::Duration};

struct Fixture {
    data: tempfile::TempDir,
    registry: Registry,
}

fn fixture() -> Fixture {
    let data = tempfile::tempdir().unwrap();
    let registry = Registry::open(&data.path().join("data")).unwrap();
    registry
        .add_product("p1", &["product_rule".into()], &[])
        .unwrap();
    registry.add_product("p2", &[], &[]).unwrap();
    Fixture { data, registry }
}

impl Fixture {
    /// What another process has in its hands.
    fn other(&self) -> Registry {
        Registry::open(&self.data.path().join("data")).unwrap()
    }

    fn found(&self, lookup: &Lookup) -> Option<String> {
        let subject = self.registry.find(lookup).unwrap();
        subject.client.map(|client| client.id)
    }
}

fn device(product: &str, node: &str, credential: Credential) -> Client {
    Client {
        id: String::new(),
        node: node.into(),
        product: product.into(),
        gateway: None,
        application: false,
        status: Status::Active,
        encrypted_only: false,
        credential,
        policies: vec![],
        attributes: vec![("k".into(), "v".into())],
        children: vec![],
    }
}

fn application(name: &str) -> Client {
    Client {
        id: name.into(),
        application: true,
        ..device("", "", Credential::Token(b"a password".to_vec()))
    }
}

fn certificate(primary: Option<u8>, secondary: Option<u8>) -> Credential {
    let print = |byte: Option<u8>| byte.map(|byte| vec![byte; 32]);
    Credential::Certificate(Fingerprints {
        primary: print(primary),
        secondary: print(secondary),
        enrol: primary.is_none(),
    })
}

fn secret(primary: &str) -> Credential {
    Credential::Secret(Secrets {
        primary: Some(primary.into()),
        secondary: None,
    })
}

#[test]
fn only_the_owner_may_read_the_files() {
    let f = fixture();
    let mode = |path: &str| {
        let path = f.data.path().join(path);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("data"), 0o700);
    for file in [
        "data/registry.db",
        "data/registry.db-wal",
        "data/registry.db-shm",
    ] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[test]
fn a_file_that_others_could_read_is_closed_to_them() {
    let Fixture { data, registry } = fixture();
    drop(registry);
    let path = data.path().join("data/registry.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    Registry::open(&data.path().join("data")).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let Fixture { data, registry } = fixture();
    drop(registry);
    let path = data.path().join("data/registry.db");
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    let Err(error) = Registry::open(&data.path().join("data")) else {
        panic!("opened a newer schema");
    };
    assert!(error.to_string().contains("99"), "{error}");
    let version: i64 = newer
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 99);
}

#[test]
fn a_record_comes_back_as_it_went_in() {
    let f = fixture();
    for (number, credential) in [
        secret("12345678"),
        certificate(Some(1), Some(2)),
        certificate(None, None),
        Credential::Serial(("authority".into(), "1F".into())),
        Credential::None,
    ]
    .into_iter()
    .enumerate()
    {
        let mut record = device("p1", &format!("n{number}"), credential);
        record.policies = vec!["one".into(), "two".into()];
        record.encrypted_only = true;
        let id = f.registry.add_client(record.clone()).unwrap();
        assert_eq!(id, format!("p1_n{number}"));
        record.id.clone_from(&id);
        let subject = f.registry.subject(&id).unwrap();
        assert_eq!(subject.client, Some(record));
        assert_eq!(subject.product.unwrap().policies, ["product_rule"]);
    }
    f.registry.add_client(application("app")).unwrap();
    let subject = f.registry.subject("app").unwrap();
    assert_eq!(subject.client, Some(application("app")));
    assert_eq!(subject.product, None);
}

#[test]
fn a_serial_number_is_reset_under_a_known_authority_and_for_one_device() {
    let f = fixture();
    let new = NewAuthority {
        common_name: "x".into(),
        certificate: vec![1],
    };
    let ca = f.registry.add_authority(new).unwrap().id;
    for node in ["one", "two"] {
        f.registry
            .add_client(device("p1", node, certificate(Some(1), None)))
            .unwrap();
    }
    f.registry.reset_serial("p1_one", &ca, "AB").unwrap();
    let bound = Lookup::Serial((ca.clone(), "AB".into()));
    assert_eq!(f.found(&bound).as_deref(), Some("p1_one"));
    let refused = [
        ("p1_two", ca.as_str(), "AB"),
        ("p1_two", "nobody", "AC"),
        ("p1_none", ca.as_str(), "AC"),
        ("p1_two", ca.as_str(), "0AC"),
    ];
    for (id, authority, serial) in refused {
        assert!(
            f.registry.reset_serial(id, authority, serial).is_err(),
            "{id} {authority} {serial}"
        );
    }
    f.registry.reset_serial("p1_one", &ca, "AC").unwrap();
    assert_eq!(f.found(&bound), None);
}

#[test]
fn each_look_up_finds_its_own_and_nothing_else() {
    let f = fixture();
    f.registry
        .add_client(device("p1", "unique", certificate(Some(1), Some(2))))
        .unwrap();
    f.registry
        .add_client(device("p1", "shared", certificate(Some(3), None)))
        .unwrap();
    f.registry
        .add_client(device("p2", "shared", certificate(Some(3), None)))
        .unwrap();
    let serial = Credential::Serial(("ca".into(), "AB".into()));
    f.registry
        .add_client(device("p2", "serial", serial))
        .unwrap();
    f.registry.add_client(application("app")).unwrap();
    for (lookup, expected) in [
        (Lookup::Client("p1_unique".into()), Some("p1_unique")),
        (Lookup::Client("app".into()), None),
        (Lookup::Client("nobody".into()), None),
        (Lookup::Application("app".into()), Some("app")),
        (Lookup::Application("p1_unique".into()), None),
        (Lookup::Node("unique".into()), Some("p1_unique")),
        (Lookup::Node("shared".into()), None),
        (Lookup::Node(String::new()), None),
        (
            Lookup::ProductNode(("p2".into(), "shared".into())),
            Some("p2_shared"),
        ),
        (Lookup::ProductNode(("p2".into(), "unique".into())), None),
        (Lookup::Fingerprint(vec![1; 32]), Some("p1_unique")),
        (Lookup::Fingerprint(vec![2; 32]), Some("p1_unique")),
        (Lookup::Fingerprint(vec![3; 32]), None),
        (Lookup::Fingerprint(vec![1; 20]), None),
        (Lookup::Fingerprint(vec![]), None),
        (
            Lookup::Serial(("ca".into(), "AB".into())),
            Some("p2_serial"),
        ),
        (Lookup::Serial(("other".into(), "AB".into())), None),
    ] {
        assert_eq!(f.found(&lookup).as_deref(), expected, "{lookup:?}");
    }
}

#[test]
fn what_exists_already_is_not_replaced() {
    let f = fixture();
    f.registry
        .add_client(device("p1", "n", secret("12345678")))
        .unwrap();
    f.registry.add_client(application("app")).unwrap();
    let same_node = Client {
        id: "other".into(),
        ..device("p1", "n", Credential::None)
    };
    let same_id = Client {
        id: "app".into(),
        ..device("p1", "m", Credential::None)
    };
    let as_application = application("p1_n");
    for record in [
        device("p1", "n", Credential::None),
        same_node,
        same_id,
        as_application,
    ] {
        let error = f.registry.add_client(record).unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
    }
    assert!(matches!(
        f.registry.add_product("p1", &[], &[]),
        Err(Error::Exists { .. })
    ));
    let device = f.registry.client(false, "p1_n").unwrap();
    assert_eq!(device.credential, secret("12345678"));
}

#[test]
fn a_device_needs_its_product_and_its_gateway() {
    let f = fixture();
    let orphan = device("none", "n", Credential::None);
    assert!(matches!(
        f.registry.add_client(orphan),
        Err(Error::Missing {
            what: "product",
            ..
        })
    ));
    let behind = |gateway: &str, node| Client {
        gateway: Some(gateway.into()),
        ..device("p1", node, Credential::None)
    };
    assert!(matches!(
        f.registry.add_client(behind("nobody", "n")),
        Err(Error::Missing { .. })
    ));
    assert!(f.registry.add_client(behind("p1_self", "self")).is_err());

    f.registry
        .add_client(device("p1", "gw", secret("12345678")))
        .unwrap();
    f.registry.add_client(behind("p1_gw", "child")).unwrap();
    assert!(
        f.registry
            .add_client(behind("p1_child", "grandchild"))
            .is_err()
    );
    let gateway = f.registry.subject("p1_gw").unwrap().client.unwrap();
    assert_eq!(gateway.children[0].id, "p1_child");
    assert!(matches!(
        f.registry.remove_client(false, "p1_gw"),
        Err(Error::InUse { .. })
    ));
    assert!(matches!(
        f.registry.freeze("p1_child", true),
        Err(Error::SubDevice { .. })
    ));
    assert!(matches!(
        f.registry.remove_product("p1"),
        Err(Error::InUse { .. })
    ));
    f.registry.remove_client(false, "p1_child").unwrap();
    f.registry.remove_client(false, "p1_gw").unwrap();
    f.registry.remove_product("p1").unwrap();
}

#[test]
fn every_write_tells_whom_it_touches() {
    let f = fixture();
    let r = &f.registry;
    let mut seen = r.last_sequence().unwrap();
    let mut told = || {
        let changes = r.changes_after(seen).unwrap();
        seen = r.last_sequence().unwrap();
        changes
            .into_iter()
            .map(|change| change.what)
            .collect::<Vec<_>>()
    };
    let client = |id: &str| Changed::Client(id.into());

    r.add_client(device("p1", "n", certificate(None, None)))
        .unwrap();
    assert_eq!(told(), [client("p1_n")]);
    let child = Client {
        gateway: Some("p1_n".into()),
        ..device("p1", "c", Credential::None)
    };
    r.add_client(child).unwrap();
    assert_eq!(told(), [client("p1_c"), client("p1_n")]);
    r.remove_client(false, "p1_c").unwrap();
    assert_eq!(told(), [Changed::Removed("p1_c".into()), client("p1_n")]);
    assert!(r.enrol("p1_n", &[7; 32]).unwrap());
    assert_eq!(told(), [client("p1_n")]);
    assert!(!r.enrol("p1_n", &[8; 32]).unwrap());
    assert_eq!(told(), []);
    r.freeze("p1_n", true).unwrap();
    r.freeze("p1_n", false).unwrap();
    assert_eq!(told(), [client("p1_n"), client("p1_n")]);
    assert!(matches!(
        r.freeze("p1_n", false),
        Err(Error::NotFrozen { .. })
    ));
    assert!(r.freeze("nobody", true).is_err());
    assert_eq!(told(), []);
    r.bind_client(false, "p1_n", "rule", true).unwrap();
    assert_eq!(told(), [client("p1_n")]);
    r.bind_product("p1", "rule", true).unwrap();
    assert_eq!(told(), [Changed::Product("p1".into())]);
    let new = NewAuthority {
        common_name: "x".into(),
        certificate: vec![1],
    };
    let authority = r.add_authority(new.clone()).unwrap();
    assert!(r.add_authority(new).is_err());
    r.mark_verified(&authority.id).unwrap();
    r.remove_authority(&authority.id).unwrap();
    assert_eq!(told(), vec![Changed::Authority(authority.id.clone()); 3]);
    assert!(r.mark_verified(&authority.id).is_err());
    assert!(r.remove_authority(&authority.id).is_err());
    assert_eq!(told(), []);
}

#[test]
fn only_verified_authorities_are_handed_to_tls() {
    let f = fixture();
    let new = |byte| NewAuthority {
        common_name: "x".into(),
        certificate: vec![byte],
    };
    let authority = f.registry.add_authority(new(1)).unwrap();
    f.registry.add_authority(new(2)).unwrap();
    assert_eq!(f.registry.verified_authorities().unwrap(), vec![]);
    f.registry.mark_verified(&authority.id).unwrap();
    let verified = f.registry.verified_authorities().unwrap();
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0].id, authority.id);
    assert_eq!((authority.id.len(), authority.verify_code.len()), (24, 32));
}

#[test]
fn the_hundred_and_first_authority_is_refused() {
    let f = fixture();
    let add = |byte: u8| {
        let certificate = vec![byte];
        f.registry.add_authority(NewAuthority {
            common_name: "x".into(),
            certificate,
        })
    };
    (0..100).for_each(|byte| drop(add(byte).unwrap()));
    let error = add(100).unwrap_err().to_string();
    assert!(error.contains("100 authorities"), "{error}");
}

#[test]
fn credentials_are_reset() {
    let f = fixture();
    let r = &f.registry;
    r.add_client(device("p1", "n", secret("12345678"))).unwrap();
    let credential = || r.client(false, "p1_n").unwrap().credential;
    let prints = |primary, secondary, enrol| {
        Credential::Certificate(Fingerprints {
            primary,
            secondary,
            enrol,
        })
    };

    let removed = r.reset_fingerprint("p1_n", Slot::Secondary, None);
    assert!(
        matches!(removed, Err(Error::State { .. })),
        "a secret device would be left with nothing to show"
    );
    assert_eq!(credential(), secret("12345678"));
    r.reset_fingerprint("p1_n", Slot::Secondary, Some(vec![2; 20]))
        .unwrap();
    assert_eq!(credential(), prints(None, Some(vec![2; 20]), false));
    assert!(r.reset_fingerprint("p1_n", Slot::Secondary, None).is_err());
    r.reset_fingerprint("p1_n", Slot::Primary, Some(vec![1; 32]))
        .unwrap();
    assert_eq!(
        credential(),
        prints(Some(vec![1; 32]), Some(vec![2; 20]), false)
    );
    r.reset_fingerprint("p1_n", Slot::Primary, None).unwrap();
    assert_eq!(credential(), prints(None, Some(vec![2; 20]), true));
    assert!(r.enrol("p1_n", &[9; 32]).unwrap());
    assert_eq!(
        credential(),
        prints(Some(vec![9; 32]), Some(vec![2; 20]), false)
    );
    assert!(
        r.reset_fingerprint("p1_n", Slot::Primary, Some(vec![1; 31]))
            .is_err()
    );

    assert!(
        r.reset_secret("p1_n", Slot::Secondary, Some("abcdefgh"))
            .is_err()
    );
    r.reset_secret("p1_n", Slot::Primary, Some("abcdefgh"))
        .unwrap();
    assert_eq!(credential(), secret("abcdefgh"));
    assert!(!r.enrol("p1_n", &[9; 32]).unwrap());
    assert!(r.reset_secret("p1_n", Slot::Primary, None).is_err());
    assert!(
        r.reset_secret("p1_n", Slot::Primary, Some("short"))
            .is_err()
    );
    assert_eq!(credential(), secret("abcdefgh"));
}

#[test]
fn of_many_who_enrol_at_once_one_wins() {
    let f = fixture();
    f.registry
        .add_client(device("p1", "n", certificate(None, None)))
        .unwrap();
    let winners: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|number| {
                let registry = f.other();
                scope.spawn(move || registry.enrol("p1_n", &[number; 32]).unwrap())
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| usize::from(thread.join().unwrap()))
            .sum()
    });
    assert_eq!(winners, 1);
}

#[test]
fn pages_follow_each_other() {
    let f = fixture();
    for node in ["a", "b", "c"] {
        f.registry
            .add_client(device("p1", node, Credential::None))
            .unwrap();
    }
    f.registry
        .add_client(device("p2", "d", Credential::None))
        .unwrap();
    let ids = |product, after: &str, limit: u32| {
        let page = Page {
            after: after.into(),
            limit,
        };
        let clients = f.registry.clients(false, product, &page).unwrap();
        clients
            .into_iter()
            .map(|client| client.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(None, "", 3), ["p1_a", "p1_b", "p1_c"]);
    assert_eq!(ids(None, "p1_c", 3), ["p2_d"]);
    assert_eq!(ids(Some("p1"), "p1_a", 3), ["p1_b", "p1_c"]);
}

#[tokio::test]
async fn a_follower_sees_the_writes_of_this_and_of_other_processes() {
    let f = fixture();
    let from = f.registry.last_sequence().unwrap();
    let mut follower = f.registry.watch(from, Duration::from_millis(20)).unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(100), follower.next()).await;
    assert!(quiet.is_err());

    let other = f.other();
    other.add_product("other", &[], &[]).unwrap();
    let soon = Duration::from_secs(5);
    let changes = tokio::time::timeout(soon, follower.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(changes[0].what, Changed::Product("other".into()));

    f.registry.add_product("own", &[], &[]).unwrap();
    let changes = tokio::time::timeout(soon, follower.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(changes[0].what, Changed::Product("own".into()));
}

#[tokio::test]
async fn an_own_write_wakes_the_follower_before_its_interval() {
    let f = fixture();
    let from = f.registry.last_sequence().unwrap();
    let mut follower = f.registry.watch(from, Duration::from_hours(1)).unwrap();
    let write = f
        .registry
        .blocking(|registry| registry.add_product("own", &[], &[]));
    let soon = Duration::from_secs(5);
    let (changes, written) = tokio::join!(tokio::time::timeout(soon, follower.next()), write);
    written.unwrap();
    assert_eq!(changes.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_follower_gets_through_more_than_a_batch() {
    let f = fixture();
    for number in 0..1_500 {
        f.registry
            .add_product(&format!("q{number}"), &[], &[])
            .unwrap();
    }
    let mut follower = f.registry.watch(0, Duration::from_hours(1)).unwrap();
    let mut seen = 0;
    while seen < 1_502 {
        let soon = Duration::from_secs(5);
        seen += tokio::time::timeout(soon, follower.next())
            .await
            .unwrap()
            .unwrap()
            .len();
    }
    assert_eq!(seen, 1_502);
}
