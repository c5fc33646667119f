//! Handshakes with a real client, for the table in the header of this module. The certificates are those of `tests/fixtures/tls/make`.

use super::{issue::Pair, *};
use crate::registry::Authority;
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsConnector, rustls,
    rustls::{
        AlertDescription, ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion,
        client::ResolvesClientCert,
        pki_types::{CertificateDer, ServerName, UnixTime},
        sign::CertifiedKey,
        version::{TLS12, TLS13},
    },
};

fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    folder.join(name)
}

fn certificate(name: &str) -> CertificateDer<'static> {
    pem::certificate(&fixture(&format!("{name}.pem"))).unwrap()
}

fn authority(name: &str) -> Authority {
    Authority {
        id: format!("id of {name}"),
        common_name: name.into(),
        certificate: certificate(name).to_vec(),
        verified: true,
        verify_code: String::new(),
    }
}

fn trusting(names: &[&str]) -> TrustStore {
    let trust = TrustStore::new();
    let authorities: Vec<_> = names.iter().copied().map(authority).collect();
    trust.replace(&authorities, 0);
    trust
}

/// A server with a development certificate, and what a client needs to reach it.
struct Server {
    folder: tempfile::TempDir,
    acceptor: Acceptor,
}

fn server(trust: TrustStore) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let pair = issue::development_pki(&folder.path().join("pki")).unwrap();
    let acceptor = Acceptor::new(&pair.certificate, &pair.key, trust).unwrap();
    Server { folder, acceptor }
}

/// What a client presents: a chain, and a key that may be somebody else's.
#[derive(Debug)]
struct Presented(Arc<CertifiedKey>);

/// `with_client_auth_cert` refuses version 1, a resolver does not ask.
impl ResolvesClientCert for Presented {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
    fn has_certs(&self) -> bool {
        true
    }
}

fn presented(chain: &[&str], key: &str) -> Arc<dyn ResolvesClientCert> {
    let chain = chain.iter().copied().map(certificate).collect();
    let key = pem::key(&fixture(&format!("{key}.key"))).unwrap();
    let key = PROVIDER.key_provider.load_private_key(key).unwrap();
    Arc::new(Presented(Arc::new(CertifiedKey::new(chain, key))))
}

type Version = &'static SupportedProtocolVersion;

impl Server {
    fn client(
        &self,
        client: Option<Arc<dyn ResolvesClientCert>>,
        version: Version,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let root = self.folder.path().join("pki/ca.pem");
        roots.add(pem::certificate(&root).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(PROVIDER.clone())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        match client {
            Some(resolver) => config.with_client_cert_resolver(resolver),
            None => config.with_no_client_auth(),
        }
    }

    /// One handshake: what the server makes of it, and the alert that the client got.
    async fn meet(
        &self,
        config: ClientConfig,
        name: &'static str,
    ) -> (io::Result<Proof>, Option<AlertDescription>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connect = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from(name).unwrap();
            let connector = TlsConnector::from(Arc::new(config));
            match connector.connect(name, stream).await {
                // In TLS 1.3 the client is done before the server has looked at its certificate.
                Ok(mut stream) => stream.read_to_end(&mut Vec::new()).await.err(),
                Err(error) => Some(error),
            }
        };
        let accept = async {
            let (stream, _) = listener.accept().await.unwrap();
            self.acceptor.accept(stream).await.map(|(_, proof)| proof)
        };
        let (error, proof) = tokio::join!(connect, accept);
        (proof, error.and_then(|error| alert(&error)))
    }
}

fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

const BOTH: [Version; 2] = [&TLS12, &TLS13];

#[tokio::test]
async fn certificates_of_a_verified_authority_are_taken() {
    let server = server(trusting(&["twin", "root", "root_v1", "stranger"]));
    for (chain, authority) in [
        (&["rsa_v1"][..], "id of root"),
        (&["p256_v1"], "id of root"),
        (&["p256_v1.root_v1"], "id of root_v1"),
        (&["p256_v1.twin"], "id of twin"),
        (&["p256_v1.stranger"], "id of stranger"),
        (&["rsa_v3"], "id of root"),
        (&["p256_v3"], "id of root"),
        (&["p256_v3.twin"], "id of twin"),
        (&["p256_v3.ca_v3", "ca_v3"], "id of root"),
        // The root sent along, as some devices do.
        (&["p256_v1", "root"], "id of root"),
        (&["p256_v3", "root"], "id of root"),
    ] {
        for version in BOTH {
            let client = presented(chain, chain[0]);
            let (proof, _) = server
                .meet(server.client(Some(client), version), "localhost")
                .await;
            let proof = proof.unwrap_or_else(|error| panic!("{chain:?}: {error}"));
            assert_eq!(proof.authority.as_deref(), Some(authority), "{chain:?}");
            assert_eq!(proof.chain[0], certificate(chain[0]));
            assert_eq!(
                server.acceptor_authority(&proof).as_deref(),
                Some(authority)
            );
        }
    }
}

impl Server {
    /// The answer for a live session must be that of the handshake.
    fn acceptor_authority(&self, proof: &Proof) -> Option<String> {
        self.acceptor.trust().authority_of(&proof.chain)
    }
}

#[tokio::test]
async fn strangers_come_as_far_as_connect_without_an_authority() {
    let server = server(trusting(&["root", "root_no_sign"]));
    for chain in [
        &["p256_v1.stranger"][..],
        &["p256_v3.stranger"],
        &["p256_v3.stranger", "stranger"],
        &["p256_v1.root_v1"],
        // A device's certificate is no authority, whatever it signs.
        &["p256_v1.leaf"],
        &["p256_v1.leaf", "p256_v1"],
        // Version 1 only directly under an authority.
        &["p256_v1.ca_v3", "ca_v3"],
        // The intermediate was not sent.
        &["p256_v3.ca_v3"],
        &["p256_v1.no_sign"],
        // A CA is no device, its own or ours.
        &["stranger"],
        &["ca_v3"],
    ] {
        for version in BOTH {
            let client = presented(chain, chain[0]);
            let (proof, _) = server
                .meet(server.client(Some(client), version), "localhost")
                .await;
            let proof = proof.unwrap_or_else(|error| panic!("{chain:?}: {error}"));
            assert_eq!(proof.authority, None, "{chain:?}");
            assert_eq!(proof.chain[0], certificate(chain[0]));
        }
    }
}

#[tokio::test]
async fn what_is_wrong_in_itself_ends_as_an_alert() {
    use AlertDescription as Alert;
    let server = server(trusting(&["root"]));
    for (chain, key, expected) in [
        (
            "p256_v1_expired",
            "p256_v1_expired",
            Alert::CertificateExpired,
        ),
        (
            "p256_v3_expired",
            "p256_v3_expired",
            Alert::CertificateExpired,
        ),
        (
            "p256_v1_expired.stranger",
            "p256_v1_expired.stranger",
            Alert::CertificateExpired,
        ),
        // Another authority of the same name.
        ("p256_v1.twin", "p256_v1.twin", Alert::DecryptError),
        ("p256_v3.twin", "p256_v3.twin", Alert::DecryptError),
        // Stolen: the certificate is public, the key is not. The kinds of keys agree, so the signature itself is what fails.
        ("p256_v1", "p256_v3", Alert::DecryptError),
        ("p256_v3", "p256_v1", Alert::DecryptError),
        ("rsa_v1", "rsa_v3", Alert::DecryptError),
        ("rsa_v3", "rsa_v1", Alert::DecryptError),
        ("p256_v1.stranger", "p256_v1", Alert::DecryptError),
        ("p256_v3.stranger", "p256_v1", Alert::DecryptError),
        // Of another kind of key than the certificate's.
        ("p256_v1", "rsa_v1", Alert::CertificateUnknown),
        (
            "p256_v3.server",
            "p256_v3.server",
            Alert::CertificateUnknown,
        ),
        ("p256_v1_sha1", "p256_v1_sha1", Alert::DecryptError),
    ] {
        for version in BOTH {
            let what = format!("{chain} with the key of {key}, {version:?}");
            let client = presented(&[chain], key);
            let (proof, told) = server
                .meet(server.client(Some(client), version), "localhost")
                .await;
            assert!(proof.is_err(), "{what}");
            if (chain, key) == ("p256_v1", "rsa_v1") {
                // Which alert the library chooses for a key of another kind is not ours to say.
                assert!(told.is_some(), "{what}");
            } else {
                assert_eq!(told, Some(expected), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn without_a_certificate_the_chain_is_empty() {
    let server = server(trusting(&["root"]));
    for version in BOTH {
        let (proof, _) = server.meet(server.client(None, version), "localhost").await;
        let proof = proof.unwrap();
        assert!(proof.chain.is_empty() && proof.authority.is_none());
        assert_eq!(proof.server_name.as_deref(), Some("localhost"));
    }
}

#[tokio::test]
async fn a_client_that_names_an_address_is_served() {
    let server = server(trusting(&[]));
    let (proof, _) = server.meet(server.client(None, &TLS13), "127.0.0.1").await;
    assert_eq!(proof.unwrap().server_name, None);
}

#[tokio::test]
async fn trust_changes_with_the_next_handshake() {
    let trust = trusting(&[]);
    let server = server(trust.clone());
    for (authorities, expected) in [
        (vec![], None),
        (vec![authority("root")], Some("id of root")),
        (
            vec![Authority {
                verified: false,
                ..authority("root")
            }],
            None,
        ),
        (
            vec![
                Authority {
                    certificate: vec![1, 2, 3],
                    ..authority("twin")
                },
                authority("root"),
            ],
            Some("id of root"),
        ),
        (vec![], None),
    ] {
        trust.replace(&authorities, 0);
        for leaf in ["p256_v1", "p256_v3"] {
            let client = presented(&[leaf], leaf);
            let (proof, _) = server
                .meet(server.client(Some(client), &TLS13), "localhost")
                .await;
            assert_eq!(proof.unwrap().authority.as_deref(), expected, "{leaf}");
            let live = trust.authority_of(&[certificate(leaf)]);
            assert_eq!(live.as_deref(), expected, "{leaf}");
        }
    }
}

#[tokio::test]
async fn nothing_is_resumed_around_a_removed_authority() {
    let trust = trusting(&["root"]);
    let server = server(trust.clone());
    for version in BOTH {
        trust.replace(&[authority("root")], 0);
        // One configuration for both handshakes: it would keep tickets and session ids, were there any.
        let config = server.client(Some(presented(&["p256_v1"], "p256_v1")), version);
        let (first, _) = server.meet(config.clone(), "localhost").await;
        assert!(first.unwrap().authority.is_some());
        trust.replace(&[], 0);
        let (second, _) = server.meet(config, "localhost").await;
        assert_eq!(second.unwrap().authority, None);
    }
}

#[test]
fn an_older_word_on_whom_to_trust_is_not_taken() {
    let trust = TrustStore::new();
    let knows_root = || trust.authority_of(&[certificate("p256_v1")]).is_some();
    trust.replace(&[], 7);
    trust.replace(&[authority("root")], 6);
    assert!(!knows_root());
    trust.replace(&[authority("root")], 7);
    assert!(knows_root());
}

#[test]
fn nobody_is_trusted_before_or_after_the_lifetime() {
    let trust = trusting(&["root"]);
    let century = std::time::Duration::from_hours(101 * 365 * 24);
    let now = UnixTime::now();
    let later = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.as_secs()) + century);
    let earlier = UnixTime::since_unix_epoch(century / 5);
    for leaf in ["p256_v1", "p256_v3"] {
        let chain = [certificate(leaf)];
        assert!(trust.judge(&chain, now).unwrap().is_some());
        assert!(trust.judge(&chain, later).is_err());
        assert!(trust.judge(&chain, earlier).is_err());
    }
    assert!(trust.judge(&[], now).is_err());
    assert!(
        trust
            .judge(&[CertificateDer::from(vec![0x30, 0])], now)
            .is_err()
    );
}

#[test]
fn an_expired_authority_authenticates_nobody() {
    let trust = trusting(&["root", "root_expired"]);
    for leaf in ["p256_v1.root_expired", "p256_v3.root_expired"] {
        let (root, leaf_der) = (certificate("root_expired"), certificate(leaf));
        let root = certificate::Certificate::parse(&root).unwrap();
        let parsed = certificate::Certificate::parse(&leaf_der).unwrap();
        assert_eq!(parsed.issuer(), root.subject());
        assert_eq!(parsed.check_signature(&root.public_key()), Ok(()));
        assert_eq!(parsed.lifetime().check(UnixTime::now()), Ok(()));
        assert_eq!(
            trust.judge(&[certificate(leaf)], UnixTime::now()),
            Ok(None),
            "{leaf}"
        );
    }
    // The others are not touched by its end.
    for leaf in ["p256_v1", "p256_v3"] {
        let authority = trust.authority_of(&[certificate(leaf)]);
        assert_eq!(authority.as_deref(), Some("id of root"));
    }
}

#[test]
fn every_altered_byte_of_a_version_1_leaf_is_noticed() {
    let trust = trusting(&["root"]);
    let sound = certificate("p256_v1");
    for position in 0..sound.len() {
        let mut altered = sound.to_vec();
        altered[position] ^= 1;
        let chain = [CertificateDer::from(altered)];
        assert_eq!(trust.authority_of(&chain), None, "byte {position}");
    }
    let longer = CertificateDer::from([&sound[..], &[0]].concat());
    assert_eq!(trust.authority_of(&[longer]), None);
}

#[tokio::test]
async fn a_reload_swaps_the_certificate_and_a_failed_one_does_not() {
    let server = server(trusting(&[]));
    let folder = server.folder.path();
    let old = server.client(None, &TLS13);
    assert!(server.meet(old.clone(), "localhost").await.0.is_ok());

    std::fs::write(folder.join("pki/server.key"), "garbage").unwrap();
    assert!(server.acceptor.reload().is_err());
    assert!(server.meet(old.clone(), "localhost").await.0.is_ok());

    std::fs::rename(folder.join("pki"), folder.join("old")).unwrap();
    let pair = issue::development_pki(&folder.join("pki")).unwrap();
    server.acceptor.reload().unwrap();
    let new = server.client(None, &TLS13);
    assert!(server.meet(new, "localhost").await.0.is_ok());
    assert!(server.meet(old, "localhost").await.0.is_err());
    assert!(pair.exists().unwrap());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let one = issue::development_pki(&folder.path().join("one")).unwrap();
    let other = issue::development_pki(&folder.path().join("other")).unwrap();
    let mixed = Acceptor::new(&one.certificate, &other.key, TrustStore::new());
    let error = mixed.err().unwrap().to_string();
    assert!(
        error.contains("server.key") && error.contains("server.pem"),
        "{error}"
    );
    let missing = Acceptor::new(Path::new("/nowhere.pem"), &one.key, TrustStore::new());
    assert!(missing.err().unwrap().to_string().contains("/nowhere.pem"));
    let swapped = Acceptor::new(&one.key, &one.certificate, TrustStore::new());
    assert!(
        swapped
            .err()
            .unwrap()
            .to_string()
            .contains("BEGIN CERTIFICATE")
    );
}

#[test]
fn development_files_are_made_once_and_never_over_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let pki = folder.path().join("pki");
    let pair = issue::development_pki(&pki).unwrap();
    let before = std::fs::read(&pair.certificate).unwrap();
    assert_eq!(issue::development_pki(&pki).unwrap(), pair);
    assert_eq!(std::fs::read(&pair.certificate).unwrap(), before);
    let mode = |file: &Path| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&pki), mode(&pair.key)), (0o700, 0o600));

    std::fs::remove_file(&pair.key).unwrap();
    let error = issue::development_pki(&pki).unwrap_err().to_string();
    assert!(
        error.contains("server.pem") && error.contains("server.key"),
        "{error}"
    );
    std::fs::remove_file(&pair.certificate).unwrap();
    let error = issue::development_pki(&pki).unwrap_err().to_string();
    assert!(error.contains("ca.pem"), "{error}");
}

#[test]
fn a_root_signs_again_after_it_was_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let pair = |name: &str| Pair {
        certificate: folder.path().join(format!("{name}.pem")),
        key: folder.path().join(format!("{name}.key")),
    };
    let root = issue::Root::load_or_make("test root", &pair("ca")).unwrap();
    assert!(root.device("one", &pair("one")).unwrap());
    let root = issue::Root::load_or_make("test root", &pair("ca")).unwrap();
    assert!(root.device("two", &pair("two")).unwrap());
    assert!(!root.device("two", &pair("two")).unwrap());

    let new = authority::read(&pair("ca").certificate).unwrap();
    let trust = TrustStore::new();
    trust.replace(
        &[Authority {
            certificate: new.certificate,
            ..authority("root")
        }],
        0,
    );
    for device in ["one", "two"] {
        let leaf = pem::certificate(&pair(device).certificate).unwrap();
        assert!(trust.authority_of(&[leaf]).is_some(), "{device}");
    }
}

#[test]
fn what_may_become_an_authority() {
    for good in ["root", "root_v1", "ca_v3"] {
        assert!(
            authority::read(&fixture(&format!("{good}.pem"))).is_ok(),
            "{good}"
        );
    }
    for (bad, cause) in [
        ("root_no_sign.pem", "keyCertSign"),
        ("p256_v1.pem", "version 1 and not self-signed"),
        ("p256_v3.pem", "CA:TRUE"),
        ("p256_v1_expired.pem", "expired"),
        ("rsa1024_v1.pem", "1024 bits"),
        ("root.key", "BEGIN CERTIFICATE"),
        ("missing.pem", "missing.pem"),
        ("make", "BEGIN CERTIFICATE"),
    ] {
        let error = authority::read(&fixture(bad)).unwrap_err().to_string();
        assert!(error.contains(cause) && error.contains(bad), "{error}");
    }
}

#[test]
fn only_the_code_under_the_authoritys_key_verifies() {
    let with_code = |name: &str, code: &str| Authority {
        verify_code: code.into(),
        ..authority(name)
    };
    let check = |authority: &Authority, file: &str| {
        authority::check_verification(authority, &fixture(file)).map_err(|error| error.to_string())
    };
    assert_eq!(check(&with_code("root", "device"), "p256_v1.pem"), Ok(()));
    assert_eq!(check(&with_code("root", "device"), "p256_v3.pem"), Ok(()));
    for (authority, file, cause) in [
        (with_code("root", "another"), "p256_v1.pem", "`another`"),
        (with_code("root", ""), "p256_v1.pem", "common name"),
        (
            with_code("root", "device"),
            "p256_v1.twin.pem",
            "not by the issuer's key",
        ),
        (
            with_code("root", "device"),
            "p256_v1.stranger.pem",
            "another issuer",
        ),
        (
            with_code("root", "device"),
            "p256_v1_expired.pem",
            "expired",
        ),
        (with_code("root", "device"), "p256_v1_sha1.pem", "SHA-256"),
    ] {
        let error = check(&authority, file).unwrap_err();
        assert!(error.contains(cause), "{error}");
    }
}
