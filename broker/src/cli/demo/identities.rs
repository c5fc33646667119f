//! `data/demo/identities.toml`: whom the conformance harness connects as. Written anew at every start, from what the demo registers.

use super::{
    APPLICATION, Error, GATEWAY, PRODUCT, SECRET, SECRET_DEVICES, SENSOR, STRICT_PRODUCT,
    device_id, strict_device_id,
};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The file's name in `data/demo`.
pub(super) const FILE: &str = "identities.toml";

/// Beside the files that it names; the paths are relative to it.
pub(super) fn write(folder: &Path, has_own_root: bool) -> Result<(), Error> {
    let file = folder.join(FILE);
    let written = fs::write(&file, text(has_own_root));
    written.map_err(Error::start(&format!(
        "`{}` cannot be written",
        file.display()
    )))
}

fn text(has_own_root: bool) -> String {
    let mut text = String::from(
        "# The demo's devices and its application, for `iotda-broker conform`. Written anew at every start with --demo.\n\n",
    );
    if has_own_root {
        text.push_str("ca = \"../pki/ca.pem\"\nserver_name = \"localhost\"\n");
    }
    // A role with several players runs as many cases at a time.
    let mut secrets = SECRET_DEVICES.iter();
    for (role, count) in [("device", 3), ("other_device", usize::MAX)] {
        for node in secrets.by_ref().take(count) {
            add(&mut text, &format!("[{role}]"), node, &secret());
        }
    }
    for (role, node) in [
        ("certificate_device", "device1"),
        ("other_certificate_device", "device2"),
    ] {
        let files = format!("certificate = \"{node}.pem\"\nkey = \"{node}.key\"\n");
        add(&mut text, role, node, &files);
    }
    let child = device_id(SENSOR);
    add(
        &mut text,
        "gateway",
        GATEWAY,
        &format!("{}facts = {{ child = \"{child}\" }}\n", secret()),
    );
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n[strict_device]\nid = \"{}\"\nproduct = \"{STRICT_PRODUCT}\"\n{}",
        strict_device_id(),
        secret()
    );
    let _ = write!(
        text,
        "\n[application]\nusername = \"{APPLICATION}\"\npassword_file = \"app.password\"\nshared = true\n"
    );
    text
}

fn secret() -> String {
    format!("secret = \"{SECRET}\"\n")
}

fn add(text: &mut String, role: &str, node: &str, login: &str) {
    let id = device_id(node);
    let _ = write!(
        text,
        "\n[{role}]\nid = \"{id}\"\nproduct = \"{PRODUCT}\"\n{login}"
    );
}
