//! One X.509 certificate, read as far as our own checks need it. Pure.
//!
//! Version 3 leaves are judged by webpki; this is for what webpki does not do: version 1, authorities, verification certificates.

use super::algorithms;
use tokio_rustls::rustls::{
    CertificateError,
    pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, UnixTime},
};
use webpki::RawPublicKeyEntity;
use x509_parser::{
    asn1_rs::{Any, FromDer},
    certificate::X509Certificate,
    x509::X509Version,
};

#[derive(Debug)]
pub(super) struct Certificate<'c> {
    inner: X509Certificate<'c>,
    /// The content of the outer signature algorithm: what webpki's algorithms are compared with, byte by byte.
    algorithm: &'c [u8],
}

impl<'c> Certificate<'c> {
    pub(super) fn parse(der: &'c [u8]) -> Result<Self, CertificateError> {
        let bad = CertificateError::BadEncoding;
        match X509Certificate::from_der(der) {
            Ok(([], inner)) => Ok(Self {
                inner,
                algorithm: outer_algorithm(der).ok_or(bad)?,
            }),
            _ => Err(bad),
        }
    }

    pub(super) fn inner(&self) -> &X509Certificate<'c> {
        &self.inner
    }

    pub(super) fn is_version_1(&self) -> bool {
        self.inner.version() == X509Version::V1
    }

    pub(super) fn issuer(&self) -> &'c [u8] {
        self.inner.tbs_certificate.issuer.as_raw()
    }

    pub(super) fn subject(&self) -> &'c [u8] {
        self.inner.tbs_certificate.subject.as_raw()
    }

    pub(super) fn public_key(&self) -> SubjectPublicKeyInfoDer<'c> {
        SubjectPublicKeyInfoDer::from(self.inner.tbs_certificate.subject_pki.raw)
    }

    /// The first common name, for people.
    pub(super) fn common_name(&self) -> Option<&str> {
        let mut names = self.inner.tbs_certificate.subject.iter_common_name();
        names.find_map(|name| name.as_str().ok())
    }

    /// First and last second in which it is valid.
    pub(super) fn lifetime(&self) -> Lifetime {
        let validity = self.inner.validity();
        Lifetime {
            from: validity.not_before.timestamp(),
            to: validity.not_after.timestamp(),
        }
    }

    /// Is it signed by this key, and by an algorithm that the TLS provider takes?
    pub(super) fn check_signature(
        &self,
        key: &SubjectPublicKeyInfoDer<'_>,
    ) -> Result<(), CertificateError> {
        let signature = &self.inner.signature_value;
        if signature.unused_bits != 0 || !self.states_one_algorithm() {
            return Err(CertificateError::BadEncoding);
        }
        let candidates = algorithms()
            .all
            .iter()
            .filter(|algorithm| algorithm.signature_alg_id().as_ref() == self.algorithm);
        let signed = self.inner.tbs_certificate.as_ref();
        check_with(candidates.copied(), key, signed, &signature.data)
    }

    /// The algorithm is stated twice, and only one of the two is signed.
    fn states_one_algorithm(&self) -> bool {
        self.inner.signature_algorithm == self.inner.tbs_certificate.signature
    }
}

/// Verifies with each algorithm that fits the key, as rustls does for certificates: the first one that fits decides.
pub(super) fn check_with(
    algorithms: impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm>,
    key: &SubjectPublicKeyInfoDer<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), CertificateError> {
    use webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext as OtherKind;
    let key = RawPublicKeyEntity::try_from(key).map_err(|_| CertificateError::BadEncoding)?;
    for algorithm in algorithms {
        match key.verify_signature(algorithm, message, signature) {
            Ok(()) => return Ok(()),
            Err(OtherKind(_)) => {}
            Err(_) => return Err(CertificateError::BadSignature),
        }
    }
    Err(CertificateError::UnsupportedSignatureAlgorithmContext {
        signature_algorithm_id: Vec::new(),
        supported_algorithms: Vec::new(),
    })
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }`: the content of the second.
fn outer_algorithm(der: &[u8]) -> Option<&[u8]> {
    let (_, certificate) = Any::from_der(der).ok()?;
    let (after_tbs, _) = Any::from_der(certificate.data).ok()?;
    let (_, algorithm) = Any::from_der(after_tbs).ok()?;
    Some(algorithm.data)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lifetime {
    from: i64,
    to: i64,
}

impl Lifetime {
    pub(super) fn check(self, now: UnixTime) -> Result<(), CertificateError> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < self.from {
            return Err(CertificateError::NotValidYet);
        }
        if now > self.to {
            return Err(CertificateError::Expired);
        }
        Ok(())
    }
}
