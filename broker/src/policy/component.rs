//! Looks at a component without its documents: what it is, and whether this host could use it.

use super::anatomy::Anatomy;
use super::code::{self, Code};
use super::compile::Compiler;
use super::instance::Instance;
use super::rejection::{COMPONENT_UNREADABLE, Rejection};
use super::settings::Settings;
use crate::contract::Description;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// A component as seen from outside, and by its own word.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspected {
    /// Who it says it is; `None` where it is no usable policy.
    pub policy: Option<Description>,
    /// Names and contract.
    #[serde(flatten)]
    pub anatomy: Anatomy,
    /// Bytes.
    pub size: usize,
    /// Lower-case hex.
    pub sha256: String,
    /// Why this host would refuse it.
    pub rejection: Option<Rejection>,
}

/// Err where the bytes are no component at all.
pub fn inspect(
    settings: &Settings,
    compiler: &Compiler,
    bytes: &[u8],
) -> Result<Inspected, Rejection> {
    let engine = code::engine(settings)?;
    let component = code::component(&engine, bytes, &settings.in_haste(), compiler)?;
    let anatomy = Anatomy::of(&component, &engine);
    let described = Code::link(&component, &anatomy, bytes).and_then(|code| {
        let mut instance = Instance::start(&code, settings)?;
        Ok(instance.describe()?)
    });
    let (policy, rejection) = match described {
        Ok(description) => (Some(description), None),
        Err(rejection) => (None, Some(rejection)),
    };
    Ok(Inspected {
        policy,
        anatomy,
        size: bytes.len(),
        sha256: code::hex_digest(bytes),
        rejection,
    })
}

/// Where the signature of a component's file lies: `policy.wasm.minisig` beside `policy.wasm`, as minisign names it.
pub fn signature_path(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".minisig");
    PathBuf::from(name)
}

/// The text of that file, where there is one.
pub fn read_signature(component: &Path) -> Result<Option<String>, Rejection> {
    /// Four short lines.
    const LONGEST: usize = 4 << 10;
    let path = signature_path(component);
    let text = match fs::read_to_string(&path) {
        Ok(text) if text.len() <= LONGEST => return Ok(Some(text)),
        Ok(_) => format!("it is longer than {LONGEST} bytes"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => error.to_string(),
    };
    Err(Rejection::new(
        COMPONENT_UNREADABLE,
        format!("the signature `{}` cannot be read: {text}", path.display()),
        "give the file that `minisign -S` wrote beside the component",
    ))
}

/// The bytes of a component's file.
pub fn read(path: &Path) -> Result<Vec<u8>, Rejection> {
    fs::read(path).map_err(|error| {
        Rejection::new(
            COMPONENT_UNREADABLE,
            format!("the component `{}` cannot be read: {error}", path.display()),
            "name the file that `cargo policy` or another component tool chain wrote",
        )
    })
}
