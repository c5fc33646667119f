//! Records for tests: a device with certificate, one with secret, an application.

use crate::contract::{
    Certificate, Client, Connect, Credential, Document, Product, Protocol, Secrets, Status,
    Subject, UtcMs,
};
use x509_parser::pem::Pem;

/// 2026-11-21T22:30:00Z.
pub(crate) const NOW: UtcMs = 1_795_300_200_000;

/// Serial number `3476BFA870CC99`.
pub(crate) const DEVICE1: &str = include_str!("../fixtures/device1.pem");
/// Serial number `8F00A1`, with a zero byte before it.
pub(crate) const ZEROS: &str = include_str!("../fixtures/zeros.pem");
/// Valid from 2026-11-01 to 2026-11-08.
pub(crate) const EXPIRED: &str = include_str!("../fixtures/expired.pem");

pub(crate) fn der(pem: &str) -> Vec<u8> {
    let first = Pem::iter_from_buffer(pem.as_bytes()).next();
    first.unwrap().unwrap().contents
}

pub(crate) fn presented(pem: &str) -> Certificate {
    Certificate {
        chain: vec![der(pem)],
        authority: Some("ca1".into()),
    }
}

pub(crate) fn serial(authority: &str, serial: &str) -> Credential {
    Credential::Serial((authority.into(), serial.into()))
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

/// A device that knows nothing of itself but its certificate.
pub(crate) fn connect_with(pem: &str) -> Connect {
    Connect {
        certificate: Some(presented(pem)),
        ..connect(".|securemode=2,_ss=1|", Some("&"))
    }
}

pub(crate) fn device(product: &str, node: &str, credential: Credential) -> Client {
    Client {
        id: format!("{product}_{node}"),
        node: node.into(),
        product: product.into(),
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
        id: "aliyun_app".into(),
        application: true,
        policies: vec!["application_demo".into()],
        ..device("", "", Credential::Token(token.into()))
    }
}

pub(crate) fn subject(client: Client) -> Subject {
    Subject {
        product: (!client.application).then(|| Product {
            id: client.product.clone(),
            policies: Vec::new(),
            attributes: Vec::new(),
        }),
        client: Some(client),
    }
}

pub(crate) fn document(name: &str, text: &str) -> Document {
    Document {
        name: name.into(),
        text: text.into(),
    }
}
