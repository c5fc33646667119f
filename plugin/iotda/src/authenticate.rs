//! Does a CONNECT prove what it claims? Against the record that `identify` asked for.
//!
//! | credential of the record | proof | anything else |
//! |---|---|---|
//! | certificate | the registered leaf; the password is ignored, sent or not (SDKs do either) | none: 302, another: 303 |
//! | secret | the password, and **no** certificate | certificate: 304, password: 201, time stamp: 202 |
//! | token (applications) | the password, equal to the token, and no certificate | certificate: 304, password: 201 |
//!
//! A secret device that presents a certificate is refused even if its password is right. A policy cannot see whom that certificate
//! belongs to, the vendor's SDKs present none in secret mode, and what does present one has been set up as a certificate device or
//! holds another device's certificate: both want the operator's eye (`device reset-fingerprint` switches the kind of proof), not silence.
//!
//! An unknown device costs the same HMAC as a known one.

use crate::certificate::{self, Proven};
use crate::client_id::{ClientId, Kind, Sign};
use crate::contract::{
    Client, Connect, Credential, Fingerprints, Principal, Refusal, Secrets, Subject,
};
use crate::identify::{self, Claim};
use crate::password;
use crate::proof::{self, Evidence, Proof};
use crate::refusal::{self, refuse, refuse_by, shown};
use crate::standing;
use crate::timestamp;

/// The proven client, with what its session keeps.
pub fn authenticate(connect: &Connect, subject: &Subject) -> Result<Principal, Refusal> {
    let claim = identify::claim(connect)?;
    let claimed = subject.client.as_ref();
    let Some(client) = claimed.filter(|client| is_claimed(client, &claim)) else {
        return Err(unknown(connect, &claim));
    };
    standing::check_encryption(client, connect.encrypted)?;
    let (evidence, enrol) = prove(connect, &claim, &client.credential)?;
    standing::check(client, connect.encrypted)?;
    let proof = Proof {
        client_id: connect.client_id.clone(),
        encrypted: connect.encrypted,
        evidence,
    };
    Ok(Principal {
        id: client.id.clone(),
        proof: proof.encode(),
        enrol,
        extra: Vec::new(),
    })
}

/// The host looks up what `identify` asked for; a record that is something else proves nobody.
fn is_claimed(client: &Client, claim: &Claim) -> bool {
    match claim {
        Claim::Device(claimed) => !client.application && claimed.id == named(client, claimed.kind),
        Claim::Application { name, .. } => client.application && client.id == *name,
    }
}

fn named(client: &Client, kind: Kind) -> &str {
    match kind {
        Kind::Device => &client.id,
        Kind::Node => &client.node,
    }
}

fn unknown(connect: &Connect, claim: &Claim) -> Refusal {
    match claim {
        Claim::Device(claimed) => {
            password::refuse_unknown(claimed.timestamp, sent_password(connect));
            let shown = shown(claimed.id);
            refuse(
                refusal::UNKNOWN_CLIENT,
                format!("the device {shown} is not registered"),
            )
        }
        Claim::Application { not_a_device, .. } => {
            identify::malformed(&connect.client_id, *not_a_device)
        }
    }
}

type Proved = (Evidence, Option<Vec<u8>>);

fn prove(connect: &Connect, claim: &Claim, credential: &Credential) -> Result<Proved, Refusal> {
    match (credential, claim) {
        (Credential::Certificate(known), _) => by_certificate(connect, known),
        (Credential::Secret(known), Claim::Device(claimed)) => by_secret(connect, claimed, known),
        (Credential::Token(token), Claim::Application { .. }) => by_token(connect, token),
        _ => Err(refuse_by(
            refusal::NOT_AUTHORIZED,
            "credential",
            "the client has no credential of a kind that it could prove here: register one",
        )),
    }
}

fn by_certificate(connect: &Connect, known: &Fingerprints) -> Result<Proved, Refusal> {
    let Proven { leaf, first_use } =
        certificate::prove(connect.certificate.as_ref(), known, connect.now)?;
    let enrol = first_use.then(|| leaf.sha256.to_vec());
    Ok((Evidence::certificate(&leaf), enrol))
}

fn by_secret(connect: &Connect, claimed: &ClientId, known: &Secrets) -> Result<Proved, Refusal> {
    check_no_certificate(connect)?;
    check_window(claimed, connect)?;
    let secret = password::proven(known, claimed.timestamp, sent_password(connect))
        .ok_or_else(wrong_password)?;
    Ok((Evidence::Secret(kept(connect, secret)?), None))
}

fn by_token(connect: &Connect, token: &[u8]) -> Result<Proved, Refusal> {
    check_no_certificate(connect)?;
    if token.is_empty() || !password::is_equal(token, sent_password(connect)) {
        return Err(wrong_password());
    }
    Ok((Evidence::Token(kept(connect, token)?), None))
}

fn check_no_certificate(connect: &Connect) -> Result<(), Refusal> {
    if connect.certificate.is_none() {
        return Ok(());
    }
    Err(refuse_by(
        refusal::KIND_OF_PROOF,
        "credential",
        "the client proves itself by a password but presented a certificate: present none, or register its fingerprint",
    ))
}

fn check_window(claimed: &ClientId, connect: &Connect) -> Result<(), Refusal> {
    if claimed.sign == Sign::Unchecked || timestamp::is_in_window(claimed.timestamp, connect.now) {
        return Ok(());
    }
    Err(refuse_by(
        refusal::TIMESTAMP,
        "sign-type",
        format!(
            "the time stamp `{}` is outside its window: it must be this hour, the last or the next in UTC",
            claimed.timestamp
        ),
    ))
}

fn sent_password(connect: &Connect) -> &[u8] {
    connect.password.as_deref().unwrap_or_default()
}

fn kept(connect: &Connect, secret: &[u8]) -> Result<[u8; password::MAC_LENGTH], Refusal> {
    proof::digest(&connect.client_id, secret).ok_or_else(wrong_password)
}

fn wrong_password() -> Refusal {
    refuse_by(refusal::PASSWORD, "password", "the password is wrong")
}
