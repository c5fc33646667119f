//! `iotda-broker ca …`: the vendor's two steps, upload and verification.

use super::{Answer, Error};
use crate::{
    registry::{Authority, Registry},
    tls::authority,
};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The vendor's guide; here CODE stands for the verification code.
const VERIFICATION: &str = "\
Such a certificate is made by:

  openssl genrsa -out verify.key 2048
  openssl req -new -key verify.key -subj /CN=CODE -out verify.csr
  openssl x509 -req -in verify.csr -CA rootCA.pem -CAkey rootCA.key -CAcreateserial -out verify.pem -days 500 -sha256

The vendor's error for a certificate that proves nothing is IOTDA.014307.";

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Register a CA certificate (PEM). Prints its id and the verification code; until it is verified it authenticates nobody.
    ///
    /// The vendor's error for a certificate that cannot be taken is IOTDA.014301.
    Add {
        /// The certificate (PEM), such as `rootCA.pem`.
        file: PathBuf,
    },
    /// Verify a registered CA by a certificate whose common name is the verification code, signed with the CA's key.
    #[command(after_long_help = VERIFICATION)]
    Verify {
        /// The id that `ca add` printed.
        certificate_id: String,
        /// The verification certificate (PEM), such as `verify.pem`.
        file: PathBuf,
    },
    /// Show one CA.
    Show {
        /// Its id; see `ca list`.
        certificate_id: String,
    },
    /// List all CAs.
    List,
    /// Remove a CA: its devices may connect no more, and their sessions end.
    Remove {
        /// Its id; see `ca list`.
        certificate_id: String,
    },
}

impl Verb {
    pub(super) fn run(self, registry: &Registry) -> Result<Answer, Error> {
        match self {
            Self::Add { file } => {
                let added = registry.add_authority(authority::read(&file)?)?;
                Ok(Answer::record(json!({
                    "certificate_id": added.id,
                    "verify_code": added.verify_code,
                })))
            }
            Self::Verify {
                certificate_id,
                file,
            } => {
                let registered = registry.authority(&certificate_id)?;
                authority::check_verification(&registered, &file)?;
                registry.mark_verified(&certificate_id)?;
                Ok(Answer::record(json!({
                    "certificate_id": certificate_id,
                    "status": true,
                })))
            }
            Self::Show { certificate_id } => {
                Ok(Answer::record(shown(&registry.authority(&certificate_id)?)))
            }
            Self::List => {
                let all = registry.authorities()?;
                let columns = ["certificate_id", "status", "cn_name"];
                Ok(Answer::list(
                    "certificates",
                    &columns,
                    all.iter().map(shown).collect(),
                ))
            }
            Self::Remove { certificate_id } => {
                registry.remove_authority(&certificate_id)?;
                Ok(Answer::new(
                    json!({ "certificate_id": certificate_id }),
                    vec![certificate_id],
                ))
            }
        }
    }
}

/// In the vendor's words: `status` is true where it is verified.
fn shown(authority: &Authority) -> Value {
    json!({
        "certificate_id": authority.id,
        "cn_name": authority.common_name,
        "status": authority.verified,
        "verify_code": authority.verify_code,
    })
}
