//! The demo of each built-in policy that brings one: its listener, products, devices and applications.
//!
//! As with the demo's own records only what is absent is made. A listener is added only where the configuration has none of that policy, and none
//! of that name.

use super::file::{self, DemoDevice, DemoFile, DemoProof};
use super::{Error, add_application, add_product_with, device, is_absent, pair, secret_of};
use crate::config::{Config, Listener, ListenerKind};
use crate::contract::{Client, Credential};
use crate::policy::BuiltIn;
use crate::registry::Registry;
use crate::tls::{issue::Root, pem};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use x509_parser::parse_x509_certificate;

/// Adds what listens in the demo. `is_given`: somebody wrote a configuration, so only what it names is served. `free`: take free ports.
pub(super) fn listen(
    config: &mut Config,
    is_given: bool,
    free: bool,
) -> Result<Vec<(&'static BuiltIn, DemoFile)>, Error> {
    let mut served = Vec::new();
    for (policy, file) in file::all()? {
        let has_one = config
            .listeners
            .values()
            .any(|listener| listener.policy == policy.name);
        if !has_one && (is_given || config.listeners.contains_key(&file.listener.name)) {
            continue;
        }
        if !has_one {
            let port = if free { 0 } else { file.listener.port };
            let listener = Listener {
                address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
                kind: ListenerKind::Mqtts,
                policy: policy.name.to_owned(),
            };
            config
                .listeners
                .insert(file.listener.name.clone(), listener);
            config.policies.entry(policy.name.to_owned()).or_default();
        }
        served.push((policy, file));
    }
    Ok(served)
}

/// Makes what is absent. `authority`: the demo's, which signs with `root`.
pub(super) fn register(
    registry: &Registry,
    file: &DemoFile,
    folder: &Path,
    root: &Root,
    authority: &str,
) -> Result<(), Error> {
    for product in &file.product {
        add_product_with(registry, &product.id, &product.policies)?;
    }
    for one in &file.device {
        add_device(registry, one, folder, root, authority)?;
    }
    for one in &file.application {
        let password = folder.join(format!("{}.password", one.name));
        add_application(registry, &one.name, &one.policies, &password)?;
    }
    Ok(())
}

fn add_device(
    registry: &Registry,
    one: &DemoDevice,
    folder: &Path,
    root: &Root,
    authority: &str,
) -> Result<(), Error> {
    let id = format!("{}_{}", one.product, one.node);
    let credential = match &one.proof {
        DemoProof::Secret(secret) => secret_of(secret),
        DemoProof::Serial => {
            let files = pair(folder, &id);
            root.device(&id, &files)?;
            let serial = serial_of(&pem::certificate(&files.certificate)?)?;
            Credential::Serial((authority.to_owned(), serial))
        }
    };
    if is_absent(registry, &id)? {
        registry.add_client(Client {
            id,
            product: one.product.clone(),
            ..device(&one.node, credential)
        })?;
    }
    Ok(())
}

/// Upper-case hex without leading zeros, as the contract's look-up by serial number has it.
fn serial_of(leaf: &[u8]) -> Result<String, Error> {
    let (_, certificate) = parse_x509_certificate(leaf)
        .map_err(Error::start("the demo's certificate is malformed"))?;
    Ok(format!("{:X}", certificate.tbs_certificate.serial))
}
