//! `demo.toml` of a built-in policy: what `serve --demo` registers for it, where it listens, and the lines to try it with.
//!
//! It comes with the binary, so a mistake in it is one of the build: a test reads all of them, and a start tells it.

use super::Error;
use crate::policy::BuiltIn;
use serde::Deserialize;

/// What a policy brings for the demo.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoFile {
    pub(super) listener: DemoListener,
    #[serde(default)]
    pub(super) product: Vec<DemoProduct>,
    #[serde(default)]
    pub(super) device: Vec<DemoDevice>,
    #[serde(default)]
    pub(super) application: Vec<DemoApplication>,
    /// For another terminal. `{server}`: how `mosquitto_pub` reaches the listener; `{files}`: the folder of certificates and passwords, for
    /// use between double quotes.
    pub(super) lines: Vec<String>,
}

/// A TLS listener on the loopback address.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoListener {
    pub(super) name: String,
    /// Where it is taken, a free one.
    pub(super) port: u16,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoProduct {
    pub(super) id: String,
    /// Rule documents that are bound to it.
    #[serde(default)]
    pub(super) policies: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoDevice {
    pub(super) product: String,
    pub(super) node: String,
    pub(super) proof: DemoProof,
}

/// How it proves itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DemoProof {
    /// By a certificate of the demo's authority, bound by its serial number: `{files}/PRODUCT_NODE.pem` and `.key`.
    Serial,
    /// By a secret, which is no secret.
    Secret(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemoApplication {
    /// Its password stands in `{files}/NAME.password`.
    pub(super) name: String,
    /// Rule documents that are bound to it.
    #[serde(default)]
    pub(super) policies: Vec<String>,
}

/// Of every built-in policy that has one.
pub(super) fn all() -> Result<Vec<(&'static BuiltIn, DemoFile)>, Error> {
    let with_demo = BuiltIn::all()
        .iter()
        .filter_map(|one| Some((*one, one.demo?)));
    let read = with_demo.map(|(policy, text)| {
        let file: DemoFile = toml::from_str(text).map_err(Error::start(&format!(
            "the demo of the policy `{}` is malformed",
            policy.name
        )))?;
        Ok((policy, file))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demos_in_the_binary_can_be_read() {
        for (policy, file) in all().unwrap() {
            let text = file.lines.join("\n");
            assert!(text.contains("{server}"), "{}", policy.name);
        }
    }
}
