//! Proof by certificate: TLS has proved possession of the key and the chain to a verified authority; here the leaf must also be the
//! one that is registered for the client.
//!
//! A stored fingerprint of 32 bytes is compared with the SHA-256 of the DER leaf, one of 20 bytes with its SHA-1; any other length
//! matches nothing. Neither the leaf's names nor its version count (the vendor's own steps make version 1 certificates with free names).
//! Trust on first use adopts the SHA-256.

use crate::contract::{Certificate, Fingerprints, Refusal, UtcMs};
use crate::refusal::{self, refuse_by};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

/// Bytes of a SHA-256 and of a SHA-1.
pub const SHA256_LENGTH: usize = 32;
/// See [`SHA256_LENGTH`].
pub const SHA1_LENGTH: usize = 20;

const MILLISECONDS: u64 = 1_000;

/// What is remembered of a leaf: enough to recognize it in a record later, whichever digest the record has by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// SHA-256 of the DER.
    pub sha256: [u8; SHA256_LENGTH],
    /// SHA-1 of the DER.
    pub sha1: [u8; SHA1_LENGTH],
    /// The first moment of the validity.
    pub not_before: UtcMs,
    /// The last moment of the validity.
    pub not_after: UtcMs,
}

/// The leaf that proves a client, and whether it does so by being the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The leaf.
    pub leaf: Leaf,
    /// The record waits for a certificate and has none yet: this one is to be adopted.
    pub first_use: bool,
}

/// Whether the certificate of the connection is the client's.
pub fn prove(
    presented: Option<&Certificate>,
    known: &Fingerprints,
    now: UtcMs,
) -> Result<Proven, Refusal> {
    let certificate = presented.ok_or_else(missing)?;
    if certificate.authority.is_none() {
        return Err(wrong(
            "the certificate does not chain to a verified authority: add and verify its authority",
        ));
    }
    let der = certificate.chain.first().ok_or_else(missing)?;
    let leaf = read(der)?;
    check_validity(&leaf, now)?;
    let first_use = !leaf.is_known(known) && waits_for_first(known);
    if !first_use && !leaf.is_known(known) {
        return Err(wrong(
            "the certificate's fingerprint is neither the client's primary nor its secondary one",
        ));
    }
    Ok(Proven { leaf, first_use })
}

/// Whether the first certificate that connects shall be adopted.
pub fn waits_for_first(known: &Fingerprints) -> bool {
    known.enrol && known.primary.is_none()
}

/// Whether a leaf may still be used; also asked of live sessions.
pub fn check_not_after(not_after: UtcMs, now: UtcMs) -> Result<(), Refusal> {
    if now <= not_after {
        return Ok(());
    }
    Err(wrong("the certificate has expired: renew it"))
}

impl Leaf {
    /// Whether the record names this leaf, the primary fingerprint first.
    pub fn is_known(&self, known: &Fingerprints) -> bool {
        is_named(known, &self.sha256, &self.sha1)
    }
}

/// Whether one of the record's fingerprints is the digest that its length asks for.
pub fn is_named(
    known: &Fingerprints,
    sha256: &[u8; SHA256_LENGTH],
    sha1: &[u8; SHA1_LENGTH],
) -> bool {
    [&known.primary, &known.secondary]
        .into_iter()
        .flatten()
        .any(|fingerprint| fingerprint == sha256 || fingerprint == sha1)
}

fn read(der: &[u8]) -> Result<Leaf, Refusal> {
    let unreadable =
        || wrong("the certificate cannot be read: it is not one X.509 certificate in DER");
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| unreadable())?;
    if !rest.is_empty() {
        return Err(unreadable());
    }
    let validity = certificate.validity();
    Ok(Leaf {
        sha256: Sha256::digest(der).into(),
        sha1: Sha1::digest(der).into(),
        not_before: milliseconds(validity.not_before.timestamp()),
        not_after: milliseconds(validity.not_after.timestamp()),
    })
}

/// A moment before 1970 counts as 1970: as an end it is long over, as a beginning long past.
fn milliseconds(seconds: i64) -> UtcMs {
    u64::try_from(seconds).map_or(0, |seconds| seconds.saturating_mul(MILLISECONDS))
}

fn check_validity(leaf: &Leaf, now: UtcMs) -> Result<(), Refusal> {
    if now < leaf.not_before {
        return Err(wrong("the certificate is not valid yet: check the clocks"));
    }
    check_not_after(leaf.not_after, now)
}

fn missing() -> Refusal {
    refuse_by(
        refusal::CERTIFICATE_MISSING,
        "certificate",
        "the client proves itself by a certificate and sent none: connect over TLS with it",
    )
}

fn wrong(detail: &str) -> Refusal {
    refuse_by(refusal::CERTIFICATE, "certificate", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, DEVICE1, DEVICE2, EXPIRED, NOW, fingerprints, presented};

    fn code(presented: Option<&Certificate>, known: &Fingerprints, now: UtcMs) -> Option<u16> {
        prove(presented, known, now)
            .err()
            .map(|refusal| refusal.code)
    }

    #[test]
    fn the_stored_length_says_which_digest_counts() {
        let certificate = presented(DEVICE1);
        for (stored, is_known) in [
            (sample::sha256(DEVICE1), true),
            (sample::sha1(DEVICE1), true),
            (sample::sha256(DEVICE2), false),
            (sample::sha1(DEVICE2), false),
            (sample::sha256(DEVICE1)[..20].to_vec(), false),
            ([sample::sha1(DEVICE1), vec![0; 12]].concat(), false),
            (Vec::new(), false),
        ] {
            let known = fingerprints(Some(stored.clone()), false);
            assert_eq!(
                code(Some(&certificate), &known, NOW).is_none(),
                is_known,
                "{stored:?}"
            );
            let secondary = Fingerprints {
                primary: Some(vec![7; 32]),
                secondary: Some(stored),
                enrol: false,
            };
            assert_eq!(
                code(Some(&certificate), &secondary, NOW).is_none(),
                is_known
            );
        }
    }

    #[test]
    fn the_first_certificate_is_adopted_and_no_second() {
        let certificate = presented(DEVICE1);
        let first = prove(Some(&certificate), &fingerprints(None, true), NOW).unwrap();
        assert!(first.first_use);
        assert_eq!(first.leaf.sha256.to_vec(), sample::sha256(DEVICE1));
        let adopted = fingerprints(Some(sample::sha256(DEVICE1)), true);
        assert!(!prove(Some(&certificate), &adopted, NOW).unwrap().first_use);
        assert_eq!(code(Some(&presented(DEVICE2)), &adopted, NOW), Some(303));
        assert_eq!(
            code(Some(&certificate), &fingerprints(None, false), NOW),
            Some(303)
        );
    }

    #[test]
    fn a_known_secondary_is_not_adopted_as_primary() {
        let known = Fingerprints {
            primary: None,
            secondary: Some(sample::sha1(DEVICE1)),
            enrol: true,
        };
        assert!(
            !prove(Some(&presented(DEVICE1)), &known, NOW)
                .unwrap()
                .first_use
        );
    }

    #[test]
    fn only_certificates_of_a_verified_authority_count() {
        let unchained = Certificate {
            authority: None,
            ..presented(DEVICE1)
        };
        for known in [
            fingerprints(Some(sample::sha256(DEVICE1)), false),
            fingerprints(None, true),
        ] {
            assert_eq!(code(Some(&unchained), &known, NOW), Some(303));
        }
    }

    #[test]
    fn the_validity_is_closed_at_both_ends() {
        let leaf = read(&sample::der(EXPIRED)).unwrap();
        let known = fingerprints(Some(sample::sha256(EXPIRED)), false);
        let certificate = presented(EXPIRED);
        for (now, expected) in [
            (leaf.not_before - 1, Some(303)),
            (leaf.not_before, None),
            (leaf.not_after, None),
            (leaf.not_after + 1, Some(303)),
        ] {
            assert_eq!(code(Some(&certificate), &known, now), expected, "{now}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let known = fingerprints(Some(sample::sha256(DEVICE1)), true);
        assert_eq!(code(None, &known, NOW), Some(302));
        let whole = sample::der(DEVICE1);
        let longer = [whole.clone(), vec![0]].concat();
        for der in [
            Vec::new(),
            vec![0x30],
            whole[..whole.len() - 1].to_vec(),
            longer,
        ] {
            let certificate = Certificate {
                chain: vec![der],
                authority: Some("ca1".into()),
            };
            assert_eq!(code(Some(&certificate), &known, NOW), Some(303));
        }
        let empty = Certificate {
            chain: Vec::new(),
            authority: Some("ca1".into()),
        };
        assert_eq!(code(Some(&empty), &known, NOW), Some(302));
    }

    proptest::proptest! {
        #[test]
        fn flipped_bytes_never_panic_and_never_match(at in 0_usize..700, bit in 0_u8..8) {
            let mut der = sample::der(DEVICE1);
            let at = at % der.len();
            der[at] ^= 1 << bit;
            let certificate = Certificate { chain: vec![der], authority: Some("ca1".into()) };
            let known = fingerprints(Some(sample::sha256(DEVICE1)), false);
            proptest::prop_assert_eq!(code(Some(&certificate), &known, NOW), Some(303));
        }
    }
}
