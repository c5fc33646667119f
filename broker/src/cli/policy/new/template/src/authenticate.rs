//! Does a CONNECT prove what it claims? Against the record that `identify` asked for.
//!
//! A device sends its secret as the password, an application its token; both over TLS only, because they are sent as they are. What the
//! session keeps is a digest, so that `authorize` can tell later whether the credential has been replaced.

use crate::contract::{Client, Connect, Credential, Principal, Refusal, Subject};
use crate::refusal::{self, refuse};
use sha2::{Digest, Sha256};

/// The proven client.
pub fn authenticate(connect: &Connect, subject: &Subject) -> Result<Principal, Refusal> {
    if !connect.encrypted {
        return Err(refuse(
            refusal::ENCRYPTION,
            "listener",
            "the password would be readable on the way: connect over TLS",
        ));
    }
    let client = subject.client.as_ref().ok_or_else(unknown)?;
    let sent = connect.password.as_deref().unwrap_or_default();
    let used = digest(&client.id, sent);
    if !is_current(client, &used) {
        return Err(refuse(
            refusal::PASSWORD,
            "password",
            "the password is wrong",
        ));
    }
    Ok(Principal {
        id: client.id.clone(),
        proof: used,
        enrol: None,
        extra: Vec::new(),
    })
}

/// Whether this is the digest of what the record holds now: either secret, or the token.
pub fn is_current(client: &Client, used: &[u8]) -> bool {
    let known: Vec<&Vec<u8>> = match &client.credential {
        Credential::Secret(secrets) => [&secrets.primary, &secrets.secondary]
            .into_iter()
            .flatten()
            .collect(),
        Credential::Token(token) => vec![token],
        // This policy knows no certificates: whoever has one proves nothing here.
        Credential::Certificate(_) | Credential::Serial(_) | Credential::None => Vec::new(),
    };
    // Digests are compared, so the time that it takes tells nothing of a secret.
    known
        .iter()
        .any(|secret| !secret.is_empty() && digest(&client.id, secret) == used)
}

/// Under the client's id, so that equal secrets of two clients do not show. Ids have no NUL.
fn digest(client_id: &str, secret: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    digest.update(client_id);
    digest.update([0]);
    digest.update(secret);
    digest.finalize().to_vec()
}

fn unknown() -> Refusal {
    refuse(
        refusal::UNKNOWN_CLIENT,
        "registry",
        "the client is not registered",
    )
}
