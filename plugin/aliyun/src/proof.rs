//! What a session keeps of its CONNECT, so that it can be judged again after the record has changed.
//!
//! Kept are digests, never a secret: of a certificate the SHA-256 of its authority and serial number, of a secret or token an HMAC under the record's id (so
//! that equal secrets of two clients do not show). At most 298 bytes of the contract's 1 KiB. A proof that another version of this policy wrote and this
//! one cannot read proves nothing.

use crate::certificate::Leaf;
use crate::contract::{Credential, UtcMs};
use crate::signature::{MAC_LENGTH, hmac_sha256, is_equal};
use sha2::{Digest, Sha256};

/// The first byte; a change of the layout takes a new one.
const LAYOUT: u8 = 1;

/// A proof, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The connection is protected by TLS.
    pub encrypted: bool,
    /// The CONNECT named the device; else it is told its names.
    pub named: bool,
    /// `_ss=1`: system topics arrive without a SUBSCRIBE.
    pub subscribed: bool,
    /// What proved the client.
    pub evidence: Evidence,
    /// The client id of an application's connection; empty for devices, which have one session each.
    pub client_id: String,
}

/// What proved a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A certificate.
    Certificate {
        /// Of authority and serial number.
        digest: [u8; MAC_LENGTH],
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
            digest: identity(&leaf.authority, &leaf.serial),
            not_after: leaf.not_after,
        }
    }

    /// Whether what proved the client is still the credential of its record.
    pub fn is_current(&self, id: &str, credential: &Credential) -> bool {
        let matches = |used: &[u8], secret: &[u8]| {
            digest(id, secret).is_some_and(|digest| is_equal(&digest, used))
        };
        match (self, credential) {
            (Self::Certificate { digest, .. }, Credential::Serial((authority, serial))) => {
                identity(authority, serial) == *digest
            }
            (Self::Secret(used), Credential::Secret(known)) => [&known.primary, &known.secondary]
                .into_iter()
                .flatten()
                .any(|secret| matches(used, secret)),
            (Self::Token(used), Credential::Token(token)) => matches(used, token),
            _ => false,
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Certificate { .. } => 1,
            Self::Secret(_) => 2,
            Self::Token(_) => 3,
        }
    }

    const fn digest(&self) -> &[u8; MAC_LENGTH] {
        match self {
            Self::Certificate { digest, .. } | Self::Secret(digest) | Self::Token(digest) => digest,
        }
    }

    const fn not_after(&self) -> UtcMs {
        match self {
            Self::Certificate { not_after, .. } => *not_after,
            Self::Secret(_) | Self::Token(_) => 0,
        }
    }
}

impl Proof {
    /// The bytes that the host keeps.
    pub fn encode(&self) -> Vec<u8> {
        let flags =
            u8::from(self.encrypted) | u8::from(self.named) << 1 | u8::from(self.subscribed) << 2;
        let mut bytes = vec![LAYOUT, flags, self.evidence.kind()];
        bytes.extend_from_slice(self.evidence.digest());
        bytes.extend_from_slice(&self.evidence.not_after().to_be_bytes());
        bytes.extend_from_slice(self.client_id.as_bytes());
        bytes
    }

    /// Reads what [`Self::encode`] wrote; none for everything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let ([layout, flags, kind], rest) = bytes.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk::<MAC_LENGTH>()?;
        let (not_after, client_id) = rest.split_first_chunk()?;
        if *layout != LAYOUT || *flags > 7 {
            return None;
        }
        let evidence = match (kind, u64::from_be_bytes(*not_after)) {
            (1, not_after) => Evidence::Certificate {
                digest: *digest,
                not_after,
            },
            (2, 0) => Evidence::Secret(*digest),
            (3, 0) => Evidence::Token(*digest),
            _ => return None,
        };
        Some(Self {
            encrypted: flags & 1 != 0,
            named: flags & 2 != 0,
            subscribed: flags & 4 != 0,
            evidence,
            client_id: str::from_utf8(client_id).ok()?.to_owned(),
        })
    }
}

/// A secret as a session keeps it; `id` is the record's.
pub fn digest(id: &str, secret: &[u8]) -> Option<[u8; MAC_LENGTH]> {
    hmac_sha256(id.as_bytes(), secret)
}

/// A serial number has hex digits only, so the last space ends the authority.
fn identity(authority: &str, serial: &str) -> [u8; MAC_LENGTH] {
    Sha256::digest(format!("{authority} {serial}").as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn evidence() -> impl Strategy<Value = Evidence> {
        let digest = || any::<[u8; MAC_LENGTH]>();
        prop_oneof![
            (digest(), any::<u64>())
                .prop_map(|(digest, not_after)| Evidence::Certificate { digest, not_after }),
            digest().prop_map(Evidence::Secret),
            digest().prop_map(Evidence::Token),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            flags in any::<[bool; 3]>(),
            evidence in evidence(),
            client_id in "[^\\x00]{0,60}",
        ) {
            let [encrypted, named, subscribed] = flags;
            let proof = Proof { encrypted, named, subscribed, evidence, client_id };
            let bytes = proof.encode();
            prop_assert!(bytes.len() <= 1_024);
            prop_assert_eq!(Proof::decode(&bytes), Some(proof));
        }

        #[test]
        fn anything_else_is_refused_or_read_as_it_is(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(proof) = Proof::decode(&bytes) {
                prop_assert_eq!(proof.encode(), bytes);
            }
        }
    }

    #[test]
    fn evidence_is_bound_to_its_kind_and_record() {
        let token = Evidence::Token(digest("app", b"t").unwrap());
        assert!(token.is_current("app", &Credential::Token(b"t".to_vec())));
        assert!(!token.is_current("other", &Credential::Token(b"t".to_vec())));
        assert!(!token.is_current("app", &Credential::None));
        let leaf = Leaf {
            authority: "ca1".into(),
            serial: "AB".into(),
            not_after: 0,
        };
        let certificate = Evidence::certificate(&leaf);
        for (authority, serial, expected) in [
            ("ca1", "AB", true),
            ("ca1", "AC", false),
            ("ca2", "AB", false),
        ] {
            let bound = Credential::Serial((authority.into(), serial.into()));
            assert_eq!(certificate.is_current("d", &bound), expected);
        }
    }
}
