//! The verified authorities, and what a chain of certificates is worth under them.
//!
//! Immutable snapshots behind one pointer: a handshake takes one and never waits; the next handshake sees the next one. Authorities
//! that are out of time at the moment of the question do not count.

use super::{algorithms, certificate::Certificate, certificate::Lifetime, version1};
use crate::registry::Authority;
use arc_swap::ArcSwap;
use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_rustls::rustls::{
    CertificateError, OtherError,
    pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime},
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// The verified authorities; replaced as a whole while connections live. Clone is cheap and shares them.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    anchors: Arc<ArcSwap<Anchors>>,
    /// Up to which change of the registry the anchors are known to be true.
    as_of: Arc<Mutex<u64>>,
}

impl TrustStore {
    /// Trusts nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces what is trusted from the next handshake on. An authority that is not verified, or that cannot be read, is left out.
    ///
    /// `as_of`: a change of the registry that was there before the authorities were read. Each policy follows the registry for itself: what one read
    /// earlier and brings later than another is not taken, or a removed authority would be back for a moment.
    pub fn replace(&self, authorities: &[Authority], as_of: u64) {
        let mut known = self.as_of.lock().unwrap_or_else(PoisonError::into_inner);
        if as_of < *known {
            return;
        }
        *known = as_of;
        let verified = authorities.iter().filter(|authority| authority.verified);
        let list: Vec<_> = verified.filter_map(readable).collect();
        let trusted = list.iter().map(|anchor| anchor.trusted.clone()).collect();
        self.anchors.store(Arc::new(Anchors { list, trusted }));
    }

    /// Under which authority is this chain valid now? For live sessions after an authority was removed or expired.
    pub fn authority_of(&self, chain: &[CertificateDer<'_>]) -> Option<String> {
        let authority = self.judge(chain, UnixTime::now()).ok().flatten();
        authority.map(|id| id.as_ref().to_owned())
    }

    /// The authority of a chain (leaf first); none where the leaf is sound but of no authority that we know.
    pub(super) fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Option<Arc<str>>, CertificateError> {
        let (leaf, others) = chain.split_first().ok_or(CertificateError::BadEncoding)?;
        let anchors = self.anchors.load();
        let parsed = Certificate::parse(leaf)?;
        let anchor = if parsed.is_version_1() {
            version1::judge(&parsed, anchors.valid(now), now)?
        } else {
            anchors.judge_version_3(leaf, others, now)?
        };
        Ok(anchor.map(|anchor| anchor.id.clone()))
    }
}

#[derive(Debug, Default)]
struct Anchors {
    list: Vec<Anchor>,
    /// The same in webpki's form, in the same order.
    trusted: Vec<TrustAnchor<'static>>,
}

/// One authority, read once.
#[derive(Debug)]
pub(super) struct Anchor {
    id: Arc<str>,
    subject: Vec<u8>,
    pub(super) public_key: SubjectPublicKeyInfoDer<'static>,
    lifetime: Lifetime,
    may_sign: bool,
    trusted: TrustAnchor<'static>,
}

impl Anchor {
    fn read(authority: &Authority) -> Result<Self, CertificateError> {
        let der = CertificateDer::from(authority.certificate.as_slice());
        let parsed = Certificate::parse(&der)?;
        Ok(Self {
            id: authority.id.as_str().into(),
            subject: parsed.subject().to_vec(),
            public_key: SubjectPublicKeyInfoDer::from(parsed.public_key().to_vec()),
            lifetime: parsed.lifetime(),
            may_sign: parsed.is_version_1() || may_sign(&parsed),
            trusted: anchor_from_trusted_cert(&der).map_err(alert)?.to_owned(),
        })
    }

    pub(super) fn issues_version_1(&self, issuer: &[u8]) -> bool {
        self.may_sign && self.subject == issuer
    }
}

impl Anchors {
    fn valid(&self, now: UnixTime) -> impl Iterator<Item = &Anchor> {
        let list = self.list.iter();
        list.filter(move |anchor| anchor.lifetime.check(now).is_ok())
    }

    /// What rustls' own verifier does, with the same calls; asked directly, because that one does not say which authority it was.
    fn judge_version_3(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Option<&Anchor>, CertificateError> {
        use webpki::Error::{CaUsedAsEndEntity, UnknownIssuer, UnsupportedCertVersion};
        let leaf = EndEntityCert::try_from(leaf).map_err(alert)?;
        let (known, usage) = (algorithms().all, KeyUsage::client_auth());
        let trusted = self.trusted_at(now);
        match leaf.verify_for_usage(known, &trusted, others, now, usage, None, None) {
            Ok(path) => Ok(self
                .valid(now)
                .find(|anchor| anchor.trusted == *path.anchor())),
            // The leaf itself was read and is in time: a stranger. (The version is that of a root which was sent along.)
            Err(UnknownIssuer | CaUsedAsEndEntity | UnsupportedCertVersion) => Ok(None),
            Err(error) => Err(alert(error)),
        }
    }

    /// webpki does not look at the lifetime of what it is told to trust.
    fn trusted_at(&self, now: UnixTime) -> Cow<'_, [TrustAnchor<'static>]> {
        if self.valid(now).count() == self.list.len() {
            return Cow::Borrowed(&self.trusted);
        }
        self.valid(now)
            .map(|anchor| anchor.trusted.clone())
            .collect()
    }
}

/// A version 3 authority may sign certificates where it is a CA and its key usage, if it has one, says so.
pub(super) fn may_sign(certificate: &Certificate<'_>) -> bool {
    let usage = certificate.inner().key_usage();
    let usage_allows =
        usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()));
    certificate.inner().is_ca() && usage_allows
}

fn readable(authority: &Authority) -> Option<Anchor> {
    Anchor::read(authority)
        .inspect_err(|error| {
            tracing::warn!(authority = %authority.id, "an authority of the registry cannot be used: {error}");
        })
        .ok()
}

/// webpki's errors for the alert that the client gets; what has no alert of its own is `certificate_unknown`.
pub(super) fn alert(error: webpki::Error) -> CertificateError {
    use webpki::Error as E;
    match error {
        E::BadDer | E::BadDerTime | E::TrailingData(_) => CertificateError::BadEncoding,
        E::CertExpired { .. } | E::InvalidCertValidity => CertificateError::Expired,
        E::CertNotValidYet { .. } => CertificateError::NotValidYet,
        E::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        E::UnknownIssuer => CertificateError::UnknownIssuer,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    }
}
