//! X.509 version 1 leaves: `openssl x509 -req` without an extension file, as in the vendor's guide, makes them, and webpki refuses
//! each one. Here they are taken under these conditions and no others:
//!
//! - no extensions, no unique ids, the same signature algorithm inside and outside;
//! - in time;
//! - issued directly by an authority: the issuer is the authority's subject byte by byte, and the authority is of version 1 itself or
//!   a CA that may sign certificates, and in time (several authorities of one name are tried in turn);
//! - signed by that authority's key with an algorithm of the TLS provider.
//!
//! A version 1 certificate says nothing about what it may be used for, and its subject is the authority's word: the host's own
//! fingerprint check follows in the policy.

use super::{certificate::Certificate, trust::Anchor};
use tokio_rustls::rustls::{CertificateError, pki_types::UnixTime};

/// The authority that issued this leaf; none where no authority has the issuer's name.
///
/// # Errors
///
/// It is malformed, out of time, or signed by none of the authorities in whose name it comes.
pub(super) fn judge<'a>(
    leaf: &Certificate<'_>,
    anchors: impl Iterator<Item = &'a Anchor>,
    now: UnixTime,
) -> Result<Option<&'a Anchor>, CertificateError> {
    check_form(leaf)?;
    leaf.lifetime().check(now)?;
    let mut refused = None;
    for anchor in anchors.filter(|anchor| anchor.issues_version_1(leaf.issuer())) {
        match leaf.check_signature(&anchor.public_key) {
            Ok(()) => return Ok(Some(anchor)),
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(None), Err)
}

/// Version 1 has neither extensions nor unique ids; a certificate that has them lies about its version.
fn check_form(leaf: &Certificate<'_>) -> Result<(), CertificateError> {
    let fields = &leaf.inner().tbs_certificate;
    let is_plain = fields.extensions().is_empty()
        && fields.issuer_uid.is_none()
        && fields.subject_uid.is_none()
        && leaf.inner().signature_algorithm == fields.signature;
    if is_plain {
        Ok(())
    } else {
        Err(CertificateError::BadEncoding)
    }
}
