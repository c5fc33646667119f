//! Does a CONNECT prove what it claims? Against the record that `identify` asked for.
//!
//! | credential of the record | proof | anything else |
//! |---|---|---|
//! | serial number | the certificate with it, of its authority; the password is ignored, sent or not (SDKs do either) | none: 302, another: 303 |
//! | secret | the password, and **no** certificate | certificate: 304, password: 300 |
//! | token (applications) | the password, equal to the token, and no certificate | certificate: 304, password: 300 |
//!
//! The vendor excludes a device with certificate and secret at once, so a secret device that presents a certificate is refused even if its password is
//! right. An unknown device costs the same HMAC as a known one, and is told no more.

use crate::certificate;
use crate::client_id::{ClientId, SignMethod};
use crate::contract::{Client, Connect, Credential, Principal, Refusal, Secrets, Subject};
use crate::identify::{self, Claim};
use crate::names::Names;
use crate::proof::{self, Evidence, Proof};
use crate::refusal::{self, refuse, refuse_by};
use crate::signature;
use crate::standing;

/// The proven client, with what its session keeps.
pub fn authenticate(connect: &Connect, subject: &Subject) -> Result<Principal, Refusal> {
    let claim = identify::claim(connect)?;
    let client = subject.client.as_ref();
    let client = client.filter(|client| is_claimed(client, &claim));
    let client = client.ok_or_else(|| unknown(connect, &claim))?;
    standing::check_encryption(client, connect.encrypted)?;
    let evidence = prove(connect, &claim, client)?;
    standing::check(client, connect.encrypted)?;
    Ok(Principal {
        id: client.id.clone(),
        proof: proof(connect, &claim, evidence).encode(),
        enrol: None,
        extra: Vec::new(),
    })
}

/// The host looks up what `identify` asked for; a record that is something else proves nobody.
fn is_claimed(client: &Client, claim: &Claim) -> bool {
    match claim {
        Claim::Bearer(_) => {
            !client.application && matches!(client.credential, Credential::Serial(_))
        }
        Claim::Device(_, names) => !client.application && standing::names(client) == *names,
        Claim::Application(name) => client.application && client.id == *name,
    }
}

fn unknown(connect: &Connect, claim: &Claim) -> Refusal {
    match claim {
        Claim::Bearer(_) => certificate::wrong(
            "the certificate's serial number is bound to no device: register the device with its authority and serial number",
        ),
        Claim::Device(id, names) => {
            signature::refuse_unknown(id, names, sent_password(connect));
            not_proven()
        }
        Claim::Application(_) => not_proven(),
    }
}

fn prove(connect: &Connect, claim: &Claim, client: &Client) -> Result<Evidence, Refusal> {
    match (&client.credential, claim) {
        (Credential::Serial(bound), Claim::Bearer(_) | Claim::Device(..)) => {
            by_certificate(connect, bound)
        }
        (Credential::Secret(known), Claim::Device(id, names)) => {
            let secret = by_secret(connect, id, names, known)?;
            Ok(Evidence::Secret(kept(client, secret)?))
        }
        (Credential::Token(token), Claim::Application(_)) => {
            by_token(connect, token)?;
            Ok(Evidence::Token(kept(client, token)?))
        }
        _ => Err(refuse_by(
            refusal::NOT_AUTHORIZED,
            "credential",
            "the client has no credential that it could prove here: register a serial number or a secret (an application: a token)",
        )),
    }
}

fn by_certificate(connect: &Connect, bound: &(String, String)) -> Result<Evidence, Refusal> {
    let leaf = certificate::presented(connect)?;
    if (&leaf.authority, &leaf.serial) != (&bound.0, &bound.1) {
        return Err(certificate::wrong(
            "the certificate is not the one that is bound to this device: use its own, or bind this one",
        ));
    }
    Ok(Evidence::certificate(&leaf))
}

fn by_secret<'s>(
    connect: &Connect,
    id: &ClientId,
    names: &Names,
    known: &'s Secrets,
) -> Result<&'s [u8], Refusal> {
    check_no_certificate(connect)?;
    if id.sign_method == SignMethod::Unknown {
        return Err(refuse_by(
            refusal::CLIENT_ID,
            "signmethod",
            "the client id's `signmethod` is unknown: use `hmacmd5`, `hmacsha1` or `hmacsha256`",
        ));
    }
    signature::proven(known, id, names, sent_password(connect)).ok_or_else(not_proven)
}

fn by_token(connect: &Connect, token: &[u8]) -> Result<(), Refusal> {
    check_no_certificate(connect)?;
    if token.is_empty() || !signature::is_equal(token, sent_password(connect)) {
        return Err(not_proven());
    }
    Ok(())
}

fn check_no_certificate(connect: &Connect) -> Result<(), Refusal> {
    if connect.certificate.is_none() {
        return Ok(());
    }
    Err(refuse_by(
        refusal::KIND_OF_PROOF,
        "credential",
        "the client proves itself by a password but presented a certificate: present none, or register its serial number",
    ))
}

/// The same words for a wrong password and an unknown client: who has no secret learns nothing.
fn not_proven() -> Refusal {
    refuse(
        refusal::NOT_AUTHORIZED,
        "the client is not registered, or its password is wrong: check the names, the secret and what is signed",
    )
}

fn sent_password(connect: &Connect) -> &[u8] {
    connect.password.as_deref().unwrap_or_default()
}

fn kept(client: &Client, secret: &[u8]) -> Result<[u8; signature::MAC_LENGTH], Refusal> {
    proof::digest(&client.id, secret).ok_or_else(not_proven)
}

fn proof(connect: &Connect, claim: &Claim, evidence: Evidence) -> Proof {
    let (named, subscribed, client_id) = match claim {
        Claim::Bearer(id) => (false, id.subscribed, ""),
        Claim::Device(id, _) => (true, id.subscribed, ""),
        Claim::Application(_) => (true, false, connect.client_id.as_str()),
    };
    Proof {
        encrypted: connect.encrypted,
        named,
        subscribed,
        evidence,
        client_id: client_id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, DEVICE1, device, secret, serial, subject};

    /// Codes are in the table cases; here is what stays behind.
    #[test]
    fn a_proof_holds_no_secret() {
        let connect = Connect {
            password: Some(b"app-token-1".to_vec()),
            ..sample::connect("c1", Some("aliyun_app"))
        };
        let record = subject(sample::application("app-token-1"));
        let principal = authenticate(&connect, &record).unwrap();
        let kept = String::from_utf8_lossy(&principal.proof).into_owned();
        assert!(!kept.contains("app-token-1") && principal.extra.is_empty());
        let proof = Proof::decode(&principal.proof).unwrap();
        assert_eq!((proof.client_id.as_str(), proof.named), ("c1", true));
    }

    #[test]
    fn an_unknown_device_and_a_wrong_password_are_told_the_same() {
        let connect = sample::connect("d|securemode=2|", Some("device3&a1demo"));
        let nobody = Subject {
            client: None,
            product: None,
        };
        let known = subject(device("a1demo", "device3", secret("12345678")));
        let told = |subject: &Subject| authenticate(&connect, subject).unwrap_err();
        assert_eq!(told(&nobody), told(&known));
    }

    #[test]
    fn a_record_that_was_not_asked_for_proves_nobody() {
        let connect = sample::connect_with(DEVICE1);
        let mine = device("a1demoX509", "device1", serial("ca1", "3476BFA870CC99"));
        assert!(authenticate(&connect, &subject(mine.clone())).is_ok());
        for other in [
            Client {
                application: true,
                ..mine.clone()
            },
            Client {
                credential: serial("ca2", "3476BFA870CC99"),
                ..mine.clone()
            },
            Client {
                credential: serial("ca1", "57DD8B56FD6B27"),
                ..mine.clone()
            },
            Client {
                credential: secret("12345678"),
                ..mine
            },
        ] {
            let refusal = authenticate(&connect, &subject(other)).unwrap_err();
            assert_eq!(refusal.code, 303);
        }
    }
}
