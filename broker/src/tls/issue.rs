//! Makes certificates: the development PKI of a first start, and the demo's devices.
//!
//! Existing files are used and never written over. A pair of which one file is missing is an error, because making a new one would
//! quietly cut off everybody who trusts the other.

use super::{
    Error,
    pem::{self, Readers},
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use std::{
    fs::{self, DirBuilder},
    net::{Ipv4Addr, Ipv6Addr},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};
use time::{Duration, OffsetDateTime};

/// Ten years: nobody renews a development certificate.
const LIFETIME: Duration = Duration::days(3650);
/// Clocks of devices are behind sometimes.
const BACKDATED: Duration = Duration::days(1);

/// A certificate and its key on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// PEM, the chain with the leaf first.
    pub certificate: PathBuf,
    /// PEM, mode 0600 where we made it.
    pub key: PathBuf,
}

impl Pair {
    /// Both there (true), both absent (false), or [`Error::Half`].
    ///
    /// # Errors
    ///
    /// One of the two is there and the other is not.
    pub fn exists(&self) -> Result<bool, Error> {
        let half = |there: &PathBuf, missing: &PathBuf| Error::Half {
            there: there.clone(),
            missing: missing.clone(),
        };
        match (self.certificate.exists(), self.key.exists()) {
            (true, true) => Ok(true),
            (false, false) => Ok(false),
            (true, false) => Err(half(&self.certificate, &self.key)),
            (false, true) => Err(half(&self.key, &self.certificate)),
        }
    }
}

/// The server's certificate in `folder` (`ca.pem`, `server.pem`, `server.key`), made where the folder does not exist: for `localhost`,
/// `127.0.0.1` and `::1`, P-256 (twice the handshakes per second of RSA-2048), signed by a root whose key is thrown away at once, so
/// that nobody can ever sign anything else with it.
///
/// # Errors
///
/// A file is missing or cannot be written.
pub fn development_pki(folder: &Path) -> Result<Pair, Error> {
    let pair = |folder: &Path| Pair {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
    };
    let there = pair(folder);
    if there.exists()? {
        return Ok(there);
    }
    let root = folder.join("ca.pem");
    if root.exists() {
        let missing = there.certificate;
        return Err(Error::Half {
            there: root,
            missing,
        });
    }
    // Made beside, then renamed: a crash in between leaves no half.
    let draft = folder.with_extension(format!("new-{}", std::process::id()));
    create_folder(&draft)?;
    make_development_pki(&draft, &pair(&draft))?;
    fs::rename(&draft, folder).map_err(Error::file(folder))?;
    Ok(there)
}

fn make_development_pki(folder: &Path, pair: &Pair) -> Result<(), Error> {
    let root = Root::new("iotda-broker development root")?;
    pem::write_new(&folder.join("ca.pem"), &root.pem()?, Readers::Everybody)?;
    let mut params = leaf("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let names = [
        "localhost".to_owned(),
        Ipv4Addr::LOCALHOST.to_string(),
        Ipv6Addr::LOCALHOST.to_string(),
    ];
    params.subject_alt_names = CertificateParams::new(names)
        .map_err(issue("localhost"))?
        .subject_alt_names;
    root.sign(&params, pair)
}

/// A root of our own, P-256.
pub struct Root {
    params: CertificateParams,
    key: KeyPair,
}

impl Root {
    /// A new root with a new key.
    ///
    /// # Errors
    ///
    /// The library fails.
    pub fn new(common_name: &str) -> Result<Self, Error> {
        let key = KeyPair::generate().map_err(issue(common_name))?;
        Ok(Self::with_key(common_name, key))
    }

    /// The root in a pair of files; made where both are absent.
    ///
    /// # Errors
    ///
    /// One of the two is missing, or a file cannot be used.
    pub fn load_or_make(common_name: &str, pair: &Pair) -> Result<Self, Error> {
        if pair.exists()? {
            let key = KeyPair::from_pem(&pem::text(&pair.key)?).map_err(issue(common_name))?;
            return Ok(Self::with_key(common_name, key));
        }
        let root = Self::new(common_name)?;
        write_pair(pair, &root.pem()?, &root.key.serialize_pem())?;
        Ok(root)
    }

    fn with_key(common_name: &str, key: KeyPair) -> Self {
        let mut params = dated(common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self { params, key }
    }

    fn pem(&self) -> Result<String, Error> {
        let name = "a development root";
        let root = self.params.self_signed(&self.key).map_err(issue(name))?;
        Ok(root.pem())
    }

    /// A device's certificate in a pair of files; made where both are absent. True where it was made.
    ///
    /// # Errors
    ///
    /// One of the two is missing, or a file cannot be written.
    pub fn device(&self, common_name: &str, pair: &Pair) -> Result<bool, Error> {
        if pair.exists()? {
            return Ok(false);
        }
        let params = leaf(common_name, ExtendedKeyUsagePurpose::ClientAuth);
        self.sign(&params, pair).map(|()| true)
    }

    fn sign(&self, params: &CertificateParams, pair: &Pair) -> Result<(), Error> {
        let subject = pair.certificate.display().to_string();
        let key = KeyPair::generate().map_err(issue(&subject))?;
        let issuer = Issuer::from_params(&self.params, &self.key);
        let signed = params.signed_by(&key, &issuer).map_err(issue(&subject))?;
        write_pair(pair, &signed.pem(), &key.serialize_pem())
    }
}

/// A certificate (DER) with this serial number, big-endian, whose key is thrown away at once: for tools that judge as if somebody had
/// proved to have it.
///
/// # Errors
///
/// The library fails.
pub fn with_serial(serial: &[u8]) -> Result<Vec<u8>, Error> {
    let name = "stand-in";
    let mut params = leaf(name, ExtendedKeyUsagePurpose::ClientAuth);
    params.use_authority_key_identifier_extension = false;
    // The CONNECT of a table case is of the case's time, which may lie long before today.
    params.not_before = OffsetDateTime::UNIX_EPOCH;
    params.serial_number = Some(SerialNumber::from_slice(serial));
    let key = KeyPair::generate().map_err(issue(name))?;
    let signed = params.self_signed(&key).map_err(issue(name))?;
    Ok(signed.der().to_vec())
}

fn write_pair(pair: &Pair, certificate: &str, key: &str) -> Result<(), Error> {
    pem::write_new(&pair.key, key, Readers::Owner)?;
    pem::write_new(&pair.certificate, certificate, Readers::Everybody)
}

fn leaf(common_name: &str, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = dated(common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params
}

fn dated(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let now = OffsetDateTime::now_utc();
    params.not_before = now - BACKDATED;
    params.not_after = now + LIFETIME;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params
}

/// Makes a folder, and those above it, that only its owner can enter.
///
/// # Errors
///
/// It cannot be made.
pub fn create_folder(folder: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(Error::file(folder))
}

fn issue(subject: &str) -> impl FnOnce(rcgen::Error) -> Error {
    let subject = subject.to_owned();
    move |cause| Error::Issue { subject, cause }
}
