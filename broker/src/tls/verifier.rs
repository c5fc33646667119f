//! What rustls asks about a client's certificate during one handshake: what is the chain worth, and is the leaf's key proven.
//!
//! Possession is proven in every handshake with a certificate, known authority or not: that is what makes a stranger harmless.

use super::{TrustStore, algorithms, certificate, certificate::Certificate};
use std::sync::{Arc, OnceLock};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};

/// One per handshake, so that it can hand on the authority that it found.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: TrustStore,
    authority: OnceLock<Option<Arc<str>>>,
}

impl Verifier {
    pub(super) fn new(trust: TrustStore) -> Self {
        let authority = OnceLock::new();
        Self { trust, authority }
    }

    /// The authority of the chain that was verified, if any.
    pub(super) fn authority(&self) -> Option<String> {
        let authority = self.authority.get()?.as_deref()?;
        Some(authority.to_owned())
    }
}

impl ClientCertVerifier for Verifier {
    /// Devices with a secret share the port and have no certificate.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// Empty: some clients send their certificate only to a server that names its issuer, and strangers shall get a CONNACK code.
    /// It also tells nobody whose authorities are registered here.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(leaf).chain(others).cloned().collect();
        let authority = self.trust.judge(&chain, now)?;
        // Asked once per handshake; were it asked again, the first answer would stand.
        self.authority.get_or_init(|| authority);
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        proof: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let parsed = Certificate::parse(leaf)?;
        if !parsed.is_version_1() {
            return verify_tls12_signature(message, leaf, proof, &algorithms());
        }
        // TLS 1.2 names no curve in its schemes: each algorithm of the scheme is tried, as rustls does.
        let of_scheme = algorithms()
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == proof.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let candidates = of_scheme.1.iter().copied();
        certificate::check_with(candidates, &parsed.public_key(), message, proof.signature())?;
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        proof: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let parsed = Certificate::parse(leaf)?;
        if parsed.is_version_1() {
            let key = parsed.public_key();
            return verify_tls13_signature_with_raw_key(message, &key, proof, &algorithms());
        }
        verify_tls13_signature(message, leaf, proof, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

/// Of the other certificates that the client sent, those that are in time: the contract promises no others to a policy.
pub(super) fn in_time(others: &[CertificateDer<'_>]) -> Vec<CertificateDer<'static>> {
    let now = UnixTime::now();
    let is_valid = |der: &&CertificateDer<'_>| -> Result<(), CertificateError> {
        Certificate::parse(der)?.lifetime().check(now)
    };
    others
        .iter()
        .filter(|der| is_valid(der).is_ok())
        .map(|der| der.clone().into_owned())
        .collect()
}
