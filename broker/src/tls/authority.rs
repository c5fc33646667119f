//! What a certificate must be to become a device authority, and how its owner proves possession of its key: the vendor's two steps.

use super::{Error, algorithms, certificate::Certificate, pem, trust};
use crate::registry::{Authority, NewAuthority};
use std::path::Path;
use tokio_rustls::rustls::{CertificateError, pki_types::UnixTime};
use webpki::anchor_from_trusted_cert;
use x509_parser::public_key::PublicKey;

/// Smaller RSA keys can be factored, and no TLS library takes them.
const RSA_BITS: usize = 2048;

/// Reads a CA certificate from a PEM file and checks that it can be an authority: in time, RSA of at least 2048 bits or an elliptic
/// curve, and either a version 3 CA that may sign certificates or a self-signed certificate of version 1.
///
/// # Errors
///
/// [`Error::File`], [`Error::Malformed`] and [`Error::NoAuthority`], each with the cause.
pub fn read(file: &Path) -> Result<NewAuthority, Error> {
    let der = pem::certificate(file)?;
    let refuse = |cause: String| Error::NoAuthority {
        file: file.to_owned(),
        cause,
    };
    let certificate = Certificate::parse(&der).map_err(|error| Error::Malformed {
        file: file.to_owned(),
        wanted: "an X.509 certificate",
        cause: told(&error),
    })?;
    check(&certificate).map_err(refuse)?;
    anchor_from_trusted_cert(&der).map_err(|error| refuse(error.to_string()))?;
    Ok(NewAuthority {
        common_name: certificate.common_name().unwrap_or_default().to_owned(),
        certificate: der.to_vec(),
    })
}

fn check(certificate: &Certificate<'_>) -> Result<(), String> {
    certificate
        .lifetime()
        .check(UnixTime::now())
        .map_err(|error| told(&error))?;
    check_key(certificate)?;
    let is_self_issued = certificate.issuer() == certificate.subject();
    if is_self_issued {
        certificate
            .check_signature(&certificate.public_key())
            .map_err(|error| told(&error))?;
    }
    if certificate.is_version_1() && !is_self_issued {
        return Err("it is of version 1 and not self-signed: a device certificate, perhaps? use the root that signs the devices' certificates".into());
    }
    if !certificate.is_version_1() && !trust::may_sign(certificate) {
        return Err("it is no CA: `basicConstraints` must say CA:TRUE, and `keyUsage`, if present, keyCertSign (`openssl req -x509` makes such a certificate)".into());
    }
    Ok(())
}

fn check_key(certificate: &Certificate<'_>) -> Result<(), String> {
    match certificate.inner().public_key().parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < RSA_BITS => Err(format!(
            "its RSA key has {} bits: at least {RSA_BITS} are needed (`openssl genrsa 2048`)",
            key.key_size()
        )),
        Ok(PublicKey::RSA(_) | PublicKey::EC(_)) => check_algorithm(certificate),
        _ => Err("its key is neither RSA nor of an elliptic curve".into()),
    }
}

/// A curve that the TLS provider does not know would verify nobody.
fn check_algorithm(certificate: &Certificate<'_>) -> Result<(), String> {
    let key = &certificate.inner().public_key().algorithm;
    let named = algorithms().all.iter().any(|known| {
        let known = known.public_key_alg_id();
        encoded(key).is_some_and(|bytes| bytes == known.as_ref())
    });
    named.then_some(()).ok_or_else(|| {
        "its key is of a kind that TLS here does not take: RSA, P-256, P-384 and P-521 are".into()
    })
}

/// The content of an algorithm identifier, as webpki compares it.
fn encoded(algorithm: &x509_parser::x509::AlgorithmIdentifier<'_>) -> Option<Vec<u8>> {
    use x509_parser::asn1_rs::ToDer;
    let mut bytes = algorithm.algorithm.to_der_vec().ok()?;
    if let Some(parameters) = &algorithm.parameters {
        bytes.extend(parameters.to_der_vec().ok()?);
    }
    Some(bytes)
}

/// Checks a verification certificate: signed by the authority's key, its common name the authority's verification code, in time.
///
/// # Errors
///
/// [`Error::NotVerified`] with the cause (the vendor's IOTDA.014307), or the file cannot be read.
pub fn check_verification(authority: &Authority, file: &Path) -> Result<(), Error> {
    let der = pem::certificate(file)?;
    verify(authority, &der).map_err(|cause| Error::NotVerified {
        file: file.to_owned(),
        authority: authority.id.clone(),
        cause,
    })
}

fn verify(authority: &Authority, der: &[u8]) -> Result<(), String> {
    let issuer = Certificate::parse(&authority.certificate).map_err(|error| told(&error))?;
    let proof = Certificate::parse(der).map_err(|error| told(&error))?;
    let names = proof.inner().subject().iter_common_name();
    let names: Vec<_> = names
        .map(|name| name.as_str().unwrap_or_default())
        .collect();
    if names != [authority.verify_code.as_str()] {
        return Err(format!(
            "its common name is `{}` and must be the verification code `{}`",
            names.join("`, `"),
            authority.verify_code
        ));
    }
    if proof.issuer() != issuer.subject() {
        return Err("it names another issuer: sign it with the authority's certificate and key (`openssl x509 -req -CA … -CAkey …`)".into());
    }
    proof
        .check_signature(&issuer.public_key())
        .map_err(|error| told(&error))?;
    let in_time = proof.lifetime().check(UnixTime::now());
    in_time.map_err(|error| told(&error))
}

fn told(error: &CertificateError) -> String {
    match error {
        CertificateError::BadEncoding => "it is not well-formed".into(),
        CertificateError::BadSignature => "its signature is not by the issuer's key".into(),
        CertificateError::Expired => "it has expired: make a new one".into(),
        CertificateError::NotValidYet => {
            "it is not valid yet: check the clock of the machine that made it".into()
        }
        _ => "it is signed with an algorithm that TLS here does not take: use SHA-256".into(),
    }
}
