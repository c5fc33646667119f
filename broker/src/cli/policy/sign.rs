//! `policy sign`: a component's signature as brokers ask for it, `FILE.minisig`, with the revision in the signed comment.
//!
//! The next revision is one more than that of the signature that is there, which is not trusted for it but may be overruled with `--revision`. The new
//! signature is verified as a broker does before it takes the place of the old one, in one step; on failure the old one stays.

use super::keygen::{key_id, print_setting};
use super::{Failed, OK, USAGE_CODE, secret_key};
use crate::policy::{PublicKey, Rejection, Seal, Trust, component};
use clap::Args;
use minisign::SecretKey;
use serde_json::json;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

/// The signature cannot be made or written.
const SIGN_FAILED: &str = "sign-failed";

/// `policy sign`.
#[derive(Args, Debug)]
pub struct Sign {
    /// The component's file
    component: PathBuf,
    /// The file of the secret key, of `policy keygen` or `minisign -G`
    #[arg(long)]
    key: PathBuf,
    /// The revision, which brokers never let go back [default: one more than in the signature beside the file, else 1]
    #[arg(long)]
    revision: Option<u64>,
    /// The file whose first line is the key's password
    #[arg(long)]
    password_file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Sign {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<u8, Failed> {
        let bytes = component::read(&self.component)?;
        let revision = self.next_revision()?;
        let key = secret_key::open(&self.key, self.password_file.as_deref())?;
        let (text, public) = signature(&bytes, &key, revision).map_err(|cause| {
            let help = "check that the key's file is whole, with `minisign -R`";
            Failed::unreadable(
                SIGN_FAILED,
                format!("the signature cannot be made: {cause}"),
                help,
            )
        })?;
        let path = component::signature_path(&self.component);
        replace(&path, &text)?;
        let (id, public) = (key_id(&public), public.to_base64());
        if self.json {
            let signed = json!({
                "component": self.component, "signature": path, "revision": revision, "key_id": id, "public_key": public,
            });
            writeln!(out, "{signed}")?;
        } else {
            writeln!(
                out,
                "signed `{}` as revision {revision} with key {id}: `{}`",
                self.component.display(),
                path.display()
            )?;
            print_setting(&public, out)?;
        }
        Ok(OK)
    }

    fn next_revision(&self) -> Result<u64, Failed> {
        let usage =
            |message: String, help: &str| Failed::Usage(Rejection::new(USAGE_CODE, message, help));
        let path = component::signature_path(&self.component);
        let there = component::read_signature(&self.component)?;
        let there = there.map(|text| Seal::read(&text).and_then(|seal| seal.revision));
        match (self.revision, there) {
            (Some(asked), Some(Ok(there))) if asked < there => Err(usage(
                format!(
                    "revision {asked} is below {there}, that of `{}`",
                    path.display()
                ),
                "brokers refuse an older revision: leave out --revision, or move that file away if you mean it",
            )),
            (Some(asked), _) => Ok(asked),
            (None, None) => Ok(1),
            (None, Some(Ok(there))) => there.checked_add(1).ok_or_else(|| {
                usage(
                    format!("`{}` has the last revision, {there}", path.display()),
                    "there is none after it: make a new key and give it to the brokers",
                )
            }),
            (None, Some(Err(unreadable))) => Err(usage(
                format!(
                    "the revision of `{}` cannot be read: {}",
                    path.display(),
                    unreadable.message
                ),
                "name the revision with --revision",
            )),
        }
    }
}

/// The text of the signature, which a broker with the public key would take.
fn signature(
    bytes: &[u8],
    key: &SecretKey,
    revision: u64,
) -> Result<(String, minisign::PublicKey), String> {
    let public = minisign::PublicKey::from_secret_key(key).map_err(|error| error.to_string())?;
    let trusted = format!("revision:{revision}");
    let untrusted = "signature from minisign secret key";
    let signed = minisign::sign(
        Some(&public),
        key,
        Cursor::new(bytes),
        Some(&trusted),
        Some(untrusted),
    );
    let text = signed.map_err(|error| error.to_string())?.into_string();
    let trust = Trust {
        pin: None,
        key: Some(PublicKey::try_from(public.to_base64())?),
    };
    let verified = trust.check(bytes, "", Some(&text), None);
    match verified.map_err(|rejection| rejection.message)? {
        Some(read) if read == revision => Ok((text, public)),
        _ => Err("it does not verify".to_owned()),
    }
}

/// In one step: a broker that watches the file never reads half of it.
fn replace(path: &Path, text: &str) -> Result<(), Failed> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        let message = format!("`{}` cannot be written: {error}", path.display());
        let help = "sign a file in a folder that you may write to";
        Failed::unreadable(SIGN_FAILED, message, help)
    })
}
