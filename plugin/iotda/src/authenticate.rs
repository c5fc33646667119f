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
            password::refuse_unknown(claimed.sign, claimed.timestamp, sent_password(connect));
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
    let password = sent_password(connect);
    let secret = password::proven(known, claimed.sign, claimed.timestamp, password)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, DEVICE1, application, connect, connect_with, device, subject};

    /// Codes and order of the checks are in the table cases; here is what a principal carries.
    fn with_secret(password: &str) -> Connect {
        Connect {
            password: Some(password.into()),
            ..connect("demo_device3_0_0_2026112122", Some("demo_device3"))
        }
    }

    const PASSWORD: &str = "e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6";

    #[test]
    fn the_principal_never_holds_the_secret_or_the_password() {
        let record = subject(device("demo_device3", sample::secret("12345678")));
        let principal = authenticate(&with_secret(PASSWORD), &record).unwrap();
        assert_eq!(principal.id, "demo_device3");
        assert_eq!(principal.enrol, None);
        for hidden in ["12345678".as_bytes(), PASSWORD.as_bytes()] {
            let mut windows = principal.proof.windows(hidden.len());
            assert!(!windows.any(|window| window == hidden));
        }
    }

    #[test]
    fn no_refusal_shows_the_secret_or_the_password() {
        let record = subject(device("demo_device3", sample::secret("12345678")));
        let refusal = authenticate(&with_secret("c0ffee"), &record).unwrap_err();
        assert_eq!(refusal.code, refusal::PASSWORD);
        assert!(!refusal.detail.contains("c0ffee") && !refusal.detail.contains("12345678"));
    }

    #[test]
    fn the_first_certificate_is_handed_over_for_enrolment() {
        let waiting = Credential::Certificate(sample::fingerprints(None, true));
        let record = subject(device("demo_device1", waiting));
        let principal = authenticate(&connect_with(DEVICE1), &record).unwrap();
        assert_eq!(principal.enrol, Some(sample::sha256(DEVICE1)));
    }

    #[test]
    fn if_another_was_faster_the_second_certificate_is_refused() {
        let adopted = Credential::Certificate(sample::fingerprints(
            Some(sample::sha256(sample::DEVICE2)),
            true,
        ));
        let record = subject(device("demo_device1", adopted));
        let refusal = authenticate(&connect_with(DEVICE1), &record).unwrap_err();
        assert_eq!(refusal.code, refusal::CERTIFICATE);
    }

    #[test]
    fn a_token_is_compared_as_a_whole() {
        let record = subject(application("app-token-1"));
        for (sent, is_proven) in [
            ("app-token-1", true),
            ("app-token-", false),
            ("app-token-11", false),
            ("App-token-1", false),
            ("", false),
        ] {
            let connect = Connect {
                password: Some(sent.into()),
                ..connect("mosq", Some("demo_app"))
            };
            assert_eq!(authenticate(&connect, &record).is_ok(), is_proven, "{sent}");
        }
    }
}
