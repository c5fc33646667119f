//! A principal without a password: a client proves itself by a stand-in for its credential.
//!
//! Whether a client may connect is the policy's to say, and what it computes of a secret nobody else can. So the host lays another credential
//! into the record, one that it can prove in any dialect that knows it, and asks `identify` and `authenticate` as at any CONNECT:
//!
//! | credential of the record | tried, until one is let in |
//! |---|---|
//! | token | the token itself; then as for a secret |
//! | serial | a certificate with that serial number, of that authority; then as for a certificate |
//! | certificate, secret, none | a fingerprint, and a certificate that has it; trust on first use; a serial number, and its certificate; a token, and it as the password |
//!
//! Nothing secret is made up or printed, and no key is needed: the contract says that TLS has proved possession. What a stand-in cannot show is
//! said by the caller: the end of the real certificate. A client that is let in by none of these is asked about once more as if it were active and no
//! sub-device: where that lets it in, what the policy says of the record as it is, is its refusal. Otherwise nobody knows ([`NoPrincipal`]).
//!
//! Bounds: at most seven proofs of [`SHAPES_MAX`](super::shape::SHAPES_MAX) forms, twice.

use super::Failure;
use crate::contract::{
    Certificate, Client, Connect, Credential, Fingerprints, Lookup, Principal, Refusal, Status,
    Subject,
};
use crate::decision::case;
use crate::policy::{Fault, Generation};
use crate::tls::issue;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
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

/// A client that has proved itself.
#[derive(Clone, Debug)]
pub struct Proven {
    /// What the policy made of it.
    pub principal: Principal,
    /// The record with the stand-in.
    pub subject: Subject,
    /// What was sent.
    pub connect: Connect,
    /// By what.
    pub means: Means,
}

/// A client that can be judged.
#[derive(Clone, Debug)]
pub struct Standing {
    /// As whom; as if it were let in, where it is not.
    pub proven: Proven,
    /// Why it is not let in.
    pub refused: Option<Refusal>,
}

/// No stand-in is let in, so nothing can be said of what the client may do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("nobody could prove to be `{client}`: {tried} stand-ins were refused{}", .last.as_ref().map_or(String::new(), |refusal| format!(", the last that named it with {}: {}", refusal.code, refusal.detail)))]
pub struct NoPrincipal {
    /// The record's id.
    pub client: String,
    /// How many were tried.
    pub tried: usize,
    /// What was said of one that was recognized as the client; none where no CONNECT was.
    pub last: Option<Refusal>,
}

/// Proves clients to one generation.
pub struct Prover<'g> {
    generation: &'g Generation,
    /// What worked for a client of this kind works for the next one: which form, by which means.
    worked: HashMap<(bool, &'static str), (usize, Means)>,
}

enum Tried {
    LetIn(Box<Proven>),
    /// By `authenticate`.
    Refused(Refusal),
    /// The CONNECT is refused unseen, or names somebody else.
    NotThisOne,
}

impl<'g> Prover<'g> {
    /// Nothing is asked yet.
    pub fn new(generation: &'g Generation) -> Self {
        Self {
            generation,
            worked: HashMap::new(),
        }
    }

    /// The client of this record as one that has proved itself, in one of these forms.
    ///
    /// # Errors
    ///
    /// The component fails, or lets no stand-in in.
    pub fn prove(&mut self, subject: &Subject, connects: &[Connect]) -> Result<Standing, Failure> {
        let mut last = None;
        if let Some(proven) = self.search(subject, connects, &mut last)? {
            let refused = self.without_credential(&proven, subject)?;
            return Ok(Standing { proven, refused });
        }
        let healthy = healthy(subject);
        if healthy != *subject
            && let Some(proven) = self.search(&healthy, connects, &mut None)?
        {
            let refused = self.as_it_is(&proven, subject)?;
            return Ok(Standing { proven, refused });
        }
        let client = subject.client.as_ref();
        Err(Failure::NoPrincipal(NoPrincipal {
            client: client.map_or_else(String::new, |client| client.id.clone()),
            tried: connects.len() * client.map_or(0, |client| means(&client.credential).len()),
            last,
        }))
    }

    fn search(
        &mut self,
        subject: &Subject,
        connects: &[Connect],
        last: &mut Option<Refusal>,
    ) -> Result<Option<Proven>, Fault> {
        let Some(client) = &subject.client else {
            return Ok(None);
        };
        let kind = (client.application, kind(&client.credential));
        let every = means(&client.credential)
            .iter()
            .flat_map(|means| (0..connects.len()).map(|place| (place, *means)));
        for (place, means) in self.worked.get(&kind).copied().into_iter().chain(every) {
            let Some(connect) = connects.get(place) else {
                continue;
            };
            match self.attempt(connect, subject, means)? {
                Tried::LetIn(proven) => {
                    self.worked.insert(kind, (place, means));
                    return Ok(Some(*proven));
                }
                Tried::Refused(refusal) => *last = Some(refusal),
                Tried::NotThisOne => {}
            }
        }
        Ok(None)
    }

    fn attempt(&self, connect: &Connect, subject: &Subject, means: Means) -> Result<Tried, Fault> {
        let Some((connect, subject)) = prepared(connect, subject, means) else {
            return Ok(Tried::NotThisOne);
        };
        let Some(client) = &subject.client else {
            return Ok(Tried::NotThisOne);
        };
        match self.generation.identify_now(&connect)? {
            Ok(lookup) if finds(&lookup, client) => {}
            _ => return Ok(Tried::NotThisOne),
        }
        Ok(
            match self.generation.authenticate_now(&connect, &subject)? {
                Ok(principal) if principal.id == client.id => Tried::LetIn(Box::new(Proven {
                    principal,
                    subject,
                    connect,
                    means,
                })),
                Ok(_) => Tried::NotThisOne,
                Err(refusal) => Tried::Refused(refusal),
            },
        )
    }

    /// What is said of the record as it is to who would be let in otherwise.
    fn as_it_is(&self, proven: &Proven, subject: &Subject) -> Result<Option<Refusal>, Fault> {
        let asked = match prepared(&proven.connect, subject, proven.means) {
            Some((connect, subject)) => self.generation.authenticate_now(&connect, &subject)?,
            None => return Ok(None),
        };
        Ok(asked.err())
    }

    /// A record without a credential lets nobody in, whatever stands in for it.
    fn without_credential(
        &self,
        proven: &Proven,
        subject: &Subject,
    ) -> Result<Option<Refusal>, Fault> {
        let client = subject.client.as_ref();
        if client.is_none_or(|client| client.credential != Credential::None) {
            return Ok(None);
        }
        let asked = self.generation.authenticate_now(&proven.connect, subject)?;
        Ok(asked.err())
    }
}

/// What lies nearest to the real credential comes first.
fn means(credential: &Credential) -> &'static [Means] {
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
fn prepared(connect: &Connect, subject: &Subject, means: Means) -> Option<(Connect, Subject)> {
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

/// Whether the look-up finds this record.
fn finds(lookup: &Lookup, client: &Client) -> bool {
    let is_device = !client.application;
    match lookup {
        Lookup::Client(id) => is_device && *id == client.id,
        Lookup::Node(node) => is_device && *node == client.node,
        Lookup::ProductNode((product, node)) => {
            is_device && (product, node) == (&client.product, &client.node)
        }
        Lookup::Application(name) => client.application && *name == client.id,
        Lookup::Fingerprint(print) => matches!(
            &client.credential,
            Credential::Certificate(known) if [&known.primary, &known.secondary].contains(&&Some(print.clone()))
        ),
        Lookup::Serial(serial) => {
            matches!(&client.credential, Credential::Serial(own) if own == serial)
        }
    }
}

/// As if nothing but its credential kept it out.
fn healthy(subject: &Subject) -> Subject {
    let client = subject.client.clone().map(|client| Client {
        status: Status::Active,
        gateway: None,
        ..client
    });
    Subject {
        client,
        product: subject.product.clone(),
    }
}
