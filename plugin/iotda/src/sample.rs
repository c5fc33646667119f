//! Records for tests: the vendor's demo device with certificate, the one with secret, an application.

use crate::contract::{
    Certificate, Client, Connect, Credential, Fingerprints, Product, Protocol, Secrets, Status,
    Subject, UtcMs,
};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;

/// 2026-11-21T22:30:00Z.
pub(crate) const NOW: UtcMs = 1_795_300_200_000;

/// Made with the vendor's own steps: version 1, RSA-2048.
pub(crate) const DEVICE1: &str = include_str!("../fixtures/device1.pem");
/// Another device of the same authority.
pub(crate) const DEVICE2: &str = include_str!("../fixtures/device2.pem");
/// Valid from 2026-11-01 to 2026-11-08.
pub(crate) const EXPIRED: &str = include_str!("../fixtures/expired.pem");

pub(crate) fn der(pem: &str) -> Vec<u8> {
    let first = Pem::iter_from_buffer(pem.as_bytes()).next();
    first.unwrap().unwrap().contents
}

pub(crate) fn sha256(pem: &str) -> Vec<u8> {
    Sha256::digest(der(pem)).to_vec()
}

pub(crate) fn sha1(pem: &str) -> Vec<u8> {
    Sha1::digest(der(pem)).to_vec()
}

pub(crate) fn presented(pem: &str) -> Certificate {
    Certificate {
        chain: vec![der(pem)],
        authority: Some("ca1".into()),
    }
}

pub(crate) fn fingerprints(primary: Option<Vec<u8>>, enrol: bool) -> Fingerprints {
    Fingerprints {
        primary,
        secondary: None,
        enrol,
    }
}

pub(crate) fn secret(primary: &str) -> Credential {
    Credential::Secret(Secrets {
        primary: Some(primary.into()),
        secondary: None,
    })
}

pub(crate) fn connect(client_id: &str, username: Option<&str>) -> Connect {
    Connect {
        client_id: client_id.into(),
        client_id_assigned: false,
        username: username.map(Into::into),
        password: None,
        certificate: None,
        protocol: Protocol::Mqtt311,
        keep_alive: 120,
        clean_start: true,
        session_expiry: 0,
        will: None,
        listener: "mqtts".into(),
        encrypted: true,
        server_name: None,
        peer: "127.0.0.1:1".into(),
        authentication_method: None,
        user_properties: Vec::new(),
        now: NOW,
        extra: Vec::new(),
    }
}

/// `demo_device1` with this certificate.
pub(crate) fn connect_with(pem: &str) -> Connect {
    Connect {
        certificate: Some(presented(pem)),
        ..connect("demo_device1_0_0_2026112122", Some("demo_device1"))
    }
}

pub(crate) fn device(id: &str, credential: Credential) -> Client {
    Client {
        id: id.into(),
        node: "node1".into(),
        product: "demo".into(),
        gateway: None,
        application: false,
        status: Status::Active,
        encrypted_only: false,
        credential,
        policies: Vec::new(),
        attributes: Vec::new(),
        children: Vec::new(),
    }
}

pub(crate) fn application(token: &str) -> Client {
    Client {
        application: true,
        node: String::new(),
        product: String::new(),
        ..device("demo_app", Credential::Token(token.into()))
    }
}

pub(crate) fn subject(client: Client) -> Subject {
    Subject {
        client: Some(client),
        product: Some(Product {
            id: "demo".into(),
            policies: Vec::new(),
            attributes: Vec::new(),
        }),
    }
}
