//! What a session keeps of its proof, so that it can be judged again after the record has changed.
//!
//! Kept are digests, never a secret: of a certificate its SHA-256 and SHA-1 (a record may later name the same certificate by the other
//! one), of a secret or token an HMAC under the client id (so that equal secrets of two clients do not show). At most 319 bytes of
//! the contract's 1 KiB. A proof that another version of this policy wrote and this one cannot read proves nothing.

use crate::certificate::{self, Leaf, SHA1_LENGTH, SHA256_LENGTH};
use crate::contract::{Credential, UtcMs};
use crate::password::{MAC_LENGTH, hmac_sha256, is_equal};

/// The first byte; a change of the layout takes a new one.
const LAYOUT: u8 = 1;

/// A proof, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The client id of the CONNECT, which rules may name as `${devices.clientId}`.
    pub client_id: String,
    /// The connection is protected by TLS.
    pub encrypted: bool,
    /// What proved the client.
    pub evidence: Evidence,
}

/// What proved a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A certificate.
    Certificate {
        /// SHA-256 of the leaf.
        sha256: [u8; SHA256_LENGTH],
        /// SHA-1 of the leaf.
        sha1: [u8; SHA1_LENGTH],
        /// The end of its validity.
        not_after: UtcMs,
    },
    /// A shared secret, by its digest.
    Secret([u8; MAC_LENGTH]),
    /// A token that was sent as it is, by its digest.
    Token([u8; MAC_LENGTH]),
}

impl Evidence {
    /// A certificate was presented.
    pub fn certificate(leaf: &Leaf) -> Self {
        Self::Certificate {
            sha256: leaf.sha256,
            sha1: leaf.sha1,
            not_after: leaf.not_after,
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Certificate { .. } => 1,
            Self::Secret(_) => 2,
            Self::Token(_) => 3,
        }
    }
}

impl Proof {
    /// Whether what proved the client is still a credential of its record.
    pub fn is_current(&self, credential: &Credential) -> bool {
        match (&self.evidence, credential) {
            (Evidence::Certificate { sha256, sha1, .. }, Credential::Certificate(known)) => {
                certificate::is_named(known, sha256, sha1)
            }
            (Evidence::Secret(used), Credential::Secret(known)) => {
                [&known.primary, &known.secondary]
                    .into_iter()
                    .flatten()
                    .any(|secret| self.is_digest_of(used, secret))
            }
            (Evidence::Token(used), Credential::Token(token)) => self.is_digest_of(used, token),
            _ => false,
        }
    }

    fn is_digest_of(&self, used: &[u8; MAC_LENGTH], secret: &[u8]) -> bool {
        digest(&self.client_id, secret).is_some_and(|digest| is_equal(&digest, used))
    }

    /// The bytes that the host keeps.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![LAYOUT, u8::from(self.encrypted), self.evidence.kind()];
        match &self.evidence {
            Evidence::Certificate {
                sha256,
                sha1,
                not_after,
            } => {
                bytes.extend_from_slice(sha256);
                bytes.extend_from_slice(sha1);
                bytes.extend_from_slice(&not_after.to_be_bytes());
            }
            Evidence::Secret(digest) | Evidence::Token(digest) => bytes.extend_from_slice(digest),
        }
        bytes.extend_from_slice(self.client_id.as_bytes());
        bytes
    }

    /// Reads what [`Self::encode`] wrote; none for everything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let ([layout, encrypted, kind], rest) = bytes.split_first_chunk()?;
        if *layout != LAYOUT || *encrypted > 1 {
            return None;
        }
        let (evidence, client_id) = decode_evidence(*kind, rest)?;
        Some(Self {
            client_id: str::from_utf8(client_id).ok()?.to_owned(),
            encrypted: *encrypted == 1,
            evidence,
        })
    }
}

/// A secret as a session keeps it.
pub fn digest(client_id: &str, secret: &[u8]) -> Option<[u8; MAC_LENGTH]> {
    hmac_sha256(client_id.as_bytes(), secret)
}

fn decode_evidence(kind: u8, bytes: &[u8]) -> Option<(Evidence, &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<SHA256_LENGTH>()?;
    match kind {
        1 => {
            let (sha1, rest) = rest.split_first_chunk()?;
            let (not_after, rest) = rest.split_first_chunk()?;
            let evidence = Evidence::Certificate {
                sha256: *first,
                sha1: *sha1,
                not_after: u64::from_be_bytes(*not_after),
            };
            Some((evidence, rest))
        }
        2 => Some((Evidence::Secret(*first), rest)),
        3 => Some((Evidence::Token(*first), rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Fingerprints, Secrets};
    use proptest::prelude::*;

    fn evidence() -> impl Strategy<Value = Evidence> {
        prop_oneof![
            (any::<[u8; 32]>(), any::<[u8; 20]>(), any::<u64>()).prop_map(
                |(sha256, sha1, not_after)| Evidence::Certificate {
                    sha256,
                    sha1,
                    not_after
                }
            ),
            any::<[u8; 32]>().prop_map(Evidence::Secret),
            any::<[u8; 32]>().prop_map(Evidence::Token),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(client_id in ".{0,60}", encrypted: bool, evidence in evidence()) {
            let proof = Proof { client_id, encrypted, evidence };
            prop_assert_eq!(Proof::decode(&proof.encode()), Some(proof));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Some(proof) = Proof::decode(&bytes) {
                prop_assert_eq!(proof.encode(), bytes);
            }
        }
    }

    #[test]
    fn the_longest_proof_fits_the_contract() {
        let proof = Proof {
            client_id: "d".repeat(crate::client_id::LENGTH_MAX),
            encrypted: true,
            evidence: Evidence::Certificate {
                sha256: [0; 32],
                sha1: [0; 20],
                not_after: 0,
            },
        };
        assert_eq!(proof.encode().len(), 319);
    }

    #[test]
    fn a_secret_is_current_while_it_is_one_of_the_records() {
        let proof = Proof {
            client_id: "d_0_0_2026112122".into(),
            encrypted: false,
            evidence: Evidence::Secret(digest("d_0_0_2026112122", b"12345678").unwrap()),
        };
        let record = |primary: &[u8], secondary: Option<&[u8]>| {
            Credential::Secret(Secrets {
                primary: Some(primary.to_vec()),
                secondary: secondary.map(<[u8]>::to_vec),
            })
        };
        assert!(proof.is_current(&record(b"12345678", None)));
        assert!(proof.is_current(&record(b"another1", Some(b"12345678"))));
        assert!(!proof.is_current(&record(b"another1", None)));
        assert!(!proof.is_current(&Credential::Token(b"12345678".to_vec())));
        assert!(!proof.is_current(&Credential::None));
        assert!(!String::from_utf8_lossy(&proof.encode()).contains("12345678"));
    }

    #[test]
    fn a_certificate_is_current_by_either_digest() {
        let proof = Proof {
            client_id: "d".into(),
            encrypted: true,
            evidence: Evidence::Certificate {
                sha256: [1; 32],
                sha1: [2; 20],
                not_after: 0,
            },
        };
        let record = |primary: Option<Vec<u8>>, enrol| {
            Credential::Certificate(Fingerprints {
                primary,
                secondary: None,
                enrol,
            })
        };
        assert!(proof.is_current(&record(Some(vec![1; 32]), false)));
        assert!(proof.is_current(&record(Some(vec![2; 20]), false)));
        assert!(!proof.is_current(&record(Some(vec![3; 32]), false)));
        assert!(!proof.is_current(&record(Some(vec![1; 31]), false)));
        assert!(
            !proof.is_current(&record(None, true)),
            "reset without a value"
        );
    }
}
