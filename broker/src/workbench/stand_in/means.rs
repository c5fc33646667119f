//! What stands in for a credential: laid into a record and a CONNECT, so that one proves the other. Pure.

use crate::contract::{Certificate, Client, Connect, Credential, Fingerprints, Subject};
use crate::decision::case;
use crate::tls::issue;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

const AUTHORITY: &str = "stand-in";
const TOKEN: &[u8] = b"the stand-in for a credential that is not typed";
/// Of the certificate that stands in for one that is known by its serial number.
const SERIAL: (&str, &[u8]) = ("57A4D1", &[0x57, 0xA4, 0xD1]);

/// By what a client has proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// The CONNECT was given with what proves it.
    AsGiven,
    /// The record's own token.
    OwnToken,
    /// A certificate with the record's own serial number.
    OwnSerial,
    /// A stand-in certificate, whose fingerprint stands in the record.
    Fingerprint,
    /// A stand-in certificate, for which the record waits.
    Enrolment,
    /// A stand-in certificate, whose serial number stands in the record.
    Serial,
    /// A stand-in token.
    Token,
}

impl Means {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::AsGiven => "by the CONNECT as it was given",
            Self::OwnToken => "by its own token",
            Self::OwnSerial => "by a stand-in certificate with its own serial number",
            Self::Fingerprint => "by a stand-in certificate in place of its credential",
            Self::Enrolment => "by a stand-in certificate that its record waits for",
            Self::Serial => "by a stand-in serial number in place of its credential",
            Self::Token => "by a stand-in token in place of its credential",
        }
    }
}

/// What lies nearest to the real credential comes first.
pub(super) fn means(credential: &Credential) -> &'static [Means] {
    use Means::{AsGiven, Enrolment, Fingerprint, OwnSerial, OwnToken, Serial, Token};
    match credential {
        Credential::Token(_) => &[AsGiven, OwnToken, Fingerprint, Enrolment, Serial, Token],
        Credential::Serial(_) => &[AsGiven, OwnSerial, Fingerprint, Enrolment, Serial, Token],
        _ => &[AsGiven, Fingerprint, Enrolment, Serial, Token],
    }
}

/// For programs.
pub fn kind(credential: &Credential) -> &'static str {
    match credential {
        Credential::Secret(_) => "secret",
        Credential::Certificate(_) => "certificate",
        Credential::Serial(_) => "serial",
        Credential::Token(_) => "token",
        Credential::None => "none",
    }
}

/// The CONNECT and the record with what proves one to the other; `None` where these means are not to be had.
pub(super) fn prepared(
    connect: &Connect,
    subject: &Subject,
    means: Means,
) -> Option<(Connect, Subject)> {
    let own = &subject.client.as_ref()?.credential;
    let with_certificate = |chain, authority: &str| Connect {
        password: None,
        certificate: Some(Certificate {
            chain: vec![chain],
            authority: Some(authority.to_owned()),
        }),
        encrypted: true,
        ..connect.clone()
    };
    let with_password = |password: &[u8]| Connect {
        password: Some(password.to_vec()),
        certificate: None,
        ..connect.clone()
    };
    Some(match (means, own) {
        (Means::AsGiven, _) => {
            let has_proof = connect.password.is_some() || connect.certificate.is_some();
            return has_proof.then(|| (connect.clone(), subject.clone()));
        }
        (Means::OwnToken, Credential::Token(token)) => (with_password(token), subject.clone()),
        (Means::OwnSerial, Credential::Serial((authority, serial))) => {
            let leaf = issue::with_serial(&serial_bytes(serial)?).ok()?;
            (with_certificate(leaf, authority), subject.clone())
        }
        (Means::OwnToken | Means::OwnSerial, _) => return None,
        (Means::Fingerprint, _) => {
            let leaf = leaf()?;
            let print = Sha256::digest(&leaf).to_vec();
            let known = fingerprints(Some(print), false);
            (with_certificate(leaf, AUTHORITY), with(subject, known))
        }
        (Means::Enrolment, _) => {
            let known = fingerprints(None, true);
            (with_certificate(leaf()?, AUTHORITY), with(subject, known))
        }
        (Means::Serial, _) => {
            let (serial, bytes) = SERIAL;
            let leaf = issue::with_serial(bytes).ok()?;
            let known = Credential::Serial((AUTHORITY.to_owned(), serial.to_owned()));
            (with_certificate(leaf, AUTHORITY), with(subject, known))
        }
        (Means::Token, _) => {
            let known = Credential::Token(TOKEN.to_vec());
            (with_password(TOKEN), with(subject, known))
        }
    })
}

fn with(subject: &Subject, credential: Credential) -> Subject {
    let client = subject.client.clone().map(|client| Client {
        credential,
        ..client
    });
    Subject {
        client,
        product: subject.product.clone(),
    }
}

fn fingerprints(primary: Option<Vec<u8>>, enrol: bool) -> Credential {
    Credential::Certificate(Fingerprints {
        primary,
        secondary: None,
        enrol,
    })
}

fn leaf() -> Option<Vec<u8>> {
    let der = CertificateDer::from_pem_slice(case::STAND_IN.as_bytes());
    der.ok().map(|der| der.to_vec())
}

/// Upper-case hex without leading zeros.
fn serial_bytes(serial: &str) -> Option<Vec<u8>> {
    let even = format!("{}{serial}", "0".repeat(serial.len() % 2));
    let pairs = even.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}
