//! `policy inspect`: what a component is, without serving it.
//!
//! What cannot be a policy is shown as far as it can be read, then refused with exit code 3. So is what `--key` does not verify. A signature that no
//! key was given for is shown as it says of itself: anybody may have written it.

use super::limits::Limits;
use super::{Failed, OK, USAGE_CODE, built_in, read};
use crate::policy::{Compiler, PublicKey, Rejection, Seal, Trust, component, public_key};
use clap::Args;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// `policy inspect`.
#[derive(Args, Debug)]
pub struct Inspect {
    /// The component's file, or `built-in`
    component: PathBuf,
    /// Verify the signature beside the component with this public key, or with the one in this file
    #[arg(long, value_name = "PUBLICKEY|FILE")]
    key: Option<String>,
    #[command(flatten)]
    limits: Limits,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(&self, compiler: &Compiler, out: &mut dyn Write) -> Result<u8, Failed> {
        let settings = self.limits.settings()?;
        let bytes = read(&self.component)?;
        let key = self.key.as_deref().map(key_of).transpose()?;
        let signed = Signed::find(&self.component, &bytes, key)?;
        let seen = component::inspect(&settings, compiler, &bytes)?;
        if self.json {
            let mut all = json!(seen);
            if let Some(fields) = all.as_object_mut() {
                fields.insert("signature".to_owned(), signed.json());
            }
            writeln!(out, "{all}")?;
        } else {
            print_component(&seen, out)?;
            writeln!(out, "{:<9} {}", "signature", signed.words())?;
        }
        match seen.rejection.or(signed.verified.err()) {
            None => Ok(OK),
            Some(rejection) => Err(rejection.into()),
        }
    }
}

/// A key that was given as itself, else in a file.
fn key_of(given: &str) -> Result<PublicKey, Rejection> {
    let no_key = |cause: String| {
        let help = "give the second line of `minisign.pub`, or that file";
        Rejection::new(USAGE_CODE, cause, help)
    };
    PublicKey::try_from(given.to_owned()).or_else(|cause| {
        let path = Path::new(given);
        if !path.is_file() {
            return Err(no_key(format!("{cause}; nor is it a file")));
        }
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| no_key(format!("`{given}` cannot be read: {error}")))?;
        public_key(&text).map_err(|cause| no_key(format!("`{given}` holds no key: {cause}")))
    })
}

/// The signature beside a component.
struct Signed {
    /// None: there is none.
    seal: Option<Result<Seal, Rejection>>,
    /// With the key that was given: the revision; `Ok(None)` without a key.
    verified: Result<Option<u64>, Rejection>,
}

impl Signed {
    /// A built-in component has none.
    fn find(component: &Path, bytes: &[u8], key: Option<PublicKey>) -> Result<Self, Rejection> {
        let text = match built_in(component) {
            Some(_) => None,
            None => component::read_signature(component)?,
        };
        // The digest matters to a pin and to what was accepted before: neither is asked here.
        let trust = Trust { pin: None, key };
        Ok(Self {
            verified: trust.check(bytes, "", text.as_deref(), None),
            seal: text.as_deref().map(Seal::read),
        })
    }

    /// None where no key was given.
    fn is_verified(&self) -> Option<bool> {
        match self.verified {
            Ok(None) => None,
            Ok(Some(_)) => Some(true),
            Err(_) => Some(false),
        }
    }

    fn json(&self) -> Value {
        let cause = self.verified.as_ref().err();
        match &self.seal {
            None if cause.is_none() => Value::Null,
            None => json!({ "verified": false, "rejection": cause }),
            Some(Err(unreadable)) => {
                json!({ "verified": self.is_verified(), "rejection": unreadable })
            }
            Some(Ok(seal)) => {
                let revision = seal.revision.as_ref();
                let cause = cause.or(revision.err());
                json!({ "key_id": seal.key_id, "revision": revision.ok(), "verified": self.is_verified(), "rejection": cause })
            }
        }
    }

    fn words(&self) -> String {
        let seal = match &self.seal {
            None => return "none".to_owned(),
            Some(Err(unreadable)) => return unreadable.message.clone(),
            Some(Ok(seal)) => seal,
        };
        let revision = match &seal.revision {
            Ok(revision) => format!("revision {revision}"),
            Err(_) => "no revision".to_owned(),
        };
        let verified = match self.is_verified() {
            None => "not verified: give --key",
            Some(true) => "verified",
            Some(false) => "not valid",
        };
        format!("key {}, {revision}, {verified}", seal.key_id)
    }
}

fn print_component(seen: &component::Inspected, out: &mut dyn Write) -> io::Result<()> {
    let names = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let contract = seen.anatomy.contract.map(|version| version.to_string());
    let mut line = |label: &str, value: &str| writeln!(out, "{label:<9} {value}");
    if let Some(policy) = &seen.policy {
        line("name", &policy.name)?;
        line("version", &policy.version)?;
        line("dialect", &policy.dialect)?;
        line("summary", &policy.summary)?;
    }
    line("contract", contract.as_deref().unwrap_or("none"))?;
    line("exports", &names(&seen.anatomy.exports))?;
    line("imports", &names(&seen.anatomy.imports))?;
    line("size", &format!("{} bytes", seen.size))?;
    line("sha256", &seen.sha256)
}
