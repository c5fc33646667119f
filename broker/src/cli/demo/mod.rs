//! `serve --demo`: a product, a verified authority, devices and an application to try the broker with, and the file of their identities for
//! the conformance harness. Built-in policies besides the default one bring a demo of their own, see `file`.
//!
//! Only what is absent is made: files in `data/demo`, records in the registry. Whatever an operator changed on the records (a freeze,
//! a reset fingerprint) stays; a device whose files were removed gets new ones and is registered with them.

mod file;
mod identities;
mod lines;
mod policies;

#[cfg(test)]
mod tests;

use super::Error;
use crate::{
    config::{Config, ListenerKind},
    contract::{Client, Credential, Fingerprints, Secrets, Status},
    policy::BuiltIn,
    registry::{Registry, Slot, application, random_secret},
    tls::{
        authority,
        issue::{Pair, Root, create_folder},
        pem::{self, Readers},
    },
};
use file::DemoFile;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const PRODUCT: &str = "demo";
const AUTHORITY: &str = "iotda-broker demo device authority";
/// Public by design: the demo device that the documentation can compute passwords for.
const SECRET: &str = "12345678";
/// The third is the documentation's; the others give the conformance harness somebody to be.
const SECRET_DEVICES: [&str; 5] = ["device3", "device4", "device5", "device6", "device7"];
/// Its rule document refuses payloads that do not match the product's model; it comes with the policy's default documents.
const STRICT_PRODUCT: &str = "demo_strict";
const STRICT_DEVICE: &str = "device1";
const GATEWAY: &str = "gateway";
/// A device behind the gateway: it does not connect.
const SENSOR: &str = "sensor1";
const APPLICATION: &str = "demo_app";
/// The rule document of the application; it comes with the policy's default documents.
const APPLICATION_POLICY: &str = "demo_app_policy";

/// What the demo's lines are made of.
#[derive(Clone, Debug)]
pub struct Demo {
    folder: PathBuf,
    /// What clients verify the server with; none where the operator has brought a certificate of a public authority.
    root: Option<PathBuf>,
    /// The listener that the lines are for.
    listener: String,
    /// Of the other built-in policies.
    others: Vec<Other>,
}

/// The demo of another policy.
#[derive(Clone, Debug)]
struct Other {
    file: DemoFile,
    listener: String,
    /// Nobody but the demo has asked for its port.
    may_move: bool,
}

/// Who asks for a demo.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// With a configuration's file: only what it names is served.
    pub with_config: bool,
    /// With a port of 0 for the main listener: the others take free ports, too.
    pub free_ports: bool,
}

/// Adds the listeners of the demo to the configuration.
///
/// # Errors
///
/// A demo in the binary is malformed.
pub fn listen(config: &mut Config, asked: Asked) -> Result<Listens, Error> {
    let known: Vec<String> = config.listeners.keys().cloned().collect();
    let served = policies::listen(config, asked.with_config, asked.free_ports)?;
    let other = |(policy, file): (&BuiltIn, DemoFile)| {
        let listener = listener(config, policy.name)?;
        let may_move = !known.contains(&listener);
        Some(Other {
            file,
            listener,
            may_move,
        })
    };
    Ok(Listens(served.into_iter().filter_map(other).collect()))
}

/// What the demo serves besides the default policy.
#[derive(Debug)]
pub struct Listens(Vec<Other>);

/// Makes what is absent.
///
/// # Errors
///
/// A file or the registry cannot be written, or one of two files that belong together is missing.
pub fn prepare(config: &Config, registry: &Registry, listens: Listens) -> Result<Demo, Error> {
    let folder = config.data.join("demo");
    create_folder(&folder)?;
    add_product(registry, PRODUCT)?;
    add_product(registry, STRICT_PRODUCT)?;
    let root = Root::load_or_make(AUTHORITY, &pair(&folder, "ca"))?;
    let authority = add_authority(registry, &folder)?;
    for node in ["device1", "device2"] {
        add_certificate_device(registry, &root, &folder, node)?;
    }
    for node in SECRET_DEVICES {
        if is_absent(registry, &device_id(node))? {
            registry.add_client(device(node, secret()))?;
        }
    }
    add_strict_device(registry)?;
    add_gateway(registry)?;
    let password = folder.join("app.password");
    let bound = [APPLICATION_POLICY.to_owned()];
    add_application(registry, APPLICATION, &bound, &password)?;
    for other in &listens.0 {
        policies::register(registry, &other.file, &folder, &root, &authority)?;
    }
    let is_ours = config.tls.is_none();
    identities::write(&folder, is_ours)?;
    Ok(Demo {
        folder,
        root: is_ours.then(|| config.data.join("pki/ca.pem")),
        listener: listener(config, BuiltIn::default_policy().name)
            .unwrap_or_else(|| "mqtts".to_owned()),
        others: listens.0,
    })
}

fn add_product(registry: &Registry, id: &str) -> Result<(), Error> {
    add_product_with(registry, id, &[])
}

fn add_product_with(registry: &Registry, id: &str, policies: &[String]) -> Result<(), Error> {
    let products = registry.products()?;
    if products.iter().any(|product| product.id == id) {
        return Ok(());
    }
    Ok(registry.add_product(id, policies, &[])?)
}

/// Verified without the vendor's second step: the key is in our own hands.
fn add_authority(registry: &Registry, folder: &Path) -> Result<String, Error> {
    let new = authority::read(&folder.join("ca.pem"))?;
    let known = registry.authorities()?;
    let known = known
        .into_iter()
        .find(|known| known.certificate == new.certificate);
    let authority = match known {
        Some(known) => known,
        None => registry.add_authority(new)?,
    };
    if !authority.verified {
        registry.mark_verified(&authority.id)?;
    }
    Ok(authority.id)
}

fn add_certificate_device(
    registry: &Registry,
    root: &Root,
    folder: &Path,
    node: &str,
) -> Result<(), Error> {
    let id = device_id(node);
    let files = pair(folder, node);
    let is_new = root.device(&id, &files)?;
    let leaf = pem::certificate(&files.certificate)?;
    let fingerprint = Sha256::digest(&leaf).to_vec();
    if is_absent(registry, &id)? {
        registry.add_client(device(node, certificate(fingerprint)))?;
    } else if is_new {
        registry.reset_fingerprint(&id, Slot::Primary, Some(fingerprint))?;
    }
    Ok(())
}

fn strict_device_id() -> String {
    format!("{STRICT_PRODUCT}_{STRICT_DEVICE}")
}

fn add_strict_device(registry: &Registry) -> Result<(), Error> {
    let id = strict_device_id();
    if is_absent(registry, &id)? {
        registry.add_client(Client {
            id,
            product: STRICT_PRODUCT.to_owned(),
            ..device(STRICT_DEVICE, secret())
        })?;
    }
    Ok(())
}

fn add_gateway(registry: &Registry) -> Result<(), Error> {
    if is_absent(registry, &device_id(GATEWAY))? {
        registry.add_client(device(GATEWAY, secret()))?;
    }
    if is_absent(registry, &device_id(SENSOR))? {
        registry.add_client(Client {
            gateway: Some(device_id(GATEWAY)),
            ..device(SENSOR, secret())
        })?;
    }
    Ok(())
}

fn add_application(
    registry: &Registry,
    name: &str,
    policies: &[String],
    file: &Path,
) -> Result<(), Error> {
    let (password, is_new) = password_file(file)?;
    if is_absent(registry, name)? {
        registry.add_client(Client {
            policies: policies.to_vec(),
            ..application(name, &password)
        })?;
    } else if is_new {
        registry.reset_token(name, &password)?;
    }
    Ok(())
}

/// What the file says, and whether it was made just now.
fn password_file(file: &Path) -> Result<(String, bool), Error> {
    let is_new = !file.exists();
    if is_new {
        pem::write_new(file, &random_secret()?, Readers::Owner)?;
    }
    Ok((pem::text(file)?.trim_end().to_owned(), is_new))
}

fn is_absent(registry: &Registry, id: &str) -> Result<bool, Error> {
    Ok(registry.subject(id)?.client.is_none())
}

fn device_id(node: &str) -> String {
    format!("{PRODUCT}_{node}")
}

fn pair(folder: &Path, name: &str) -> Pair {
    Pair {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    }
}

fn device(node: &str, credential: Credential) -> Client {
    Client {
        id: device_id(node),
        node: node.to_owned(),
        product: PRODUCT.to_owned(),
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

fn certificate(fingerprint: Vec<u8>) -> Credential {
    Credential::Certificate(Fingerprints {
        primary: Some(fingerprint),
        secondary: None,
        enrol: false,
    })
}

fn secret() -> Credential {
    secret_of(SECRET)
}

fn secret_of(text: &str) -> Credential {
    Credential::Secret(Secrets {
        primary: Some(text.as_bytes().to_vec()),
        secondary: None,
    })
}

/// The TLS listener of a policy that is most likely meant: `mqtts`, else the first one.
fn listener(config: &Config, policy: &str) -> Option<String> {
    let mut of_tls = config
        .listeners
        .iter()
        .filter(|(_, listener)| listener.kind == ListenerKind::Mqtts && listener.policy == policy)
        .map(|(name, _)| name.as_str());
    let first = of_tls.next()?;
    let is_named = of_tls.any(|name| name == "mqtts");
    Some(if is_named { "mqtts" } else { first }.to_owned())
}
