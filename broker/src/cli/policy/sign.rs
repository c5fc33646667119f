//! `policy sign`: a component's signature as brokers ask for it, `FILE.minisig`, with the revision in the signed comment.
//!
//! The next revision is one more than that of the signature that is there, which is not trusted for it but may be overruled with `--revision`. The new
//! signature is verified as a broker does before it takes the place of the old one, in one step; on failure the old one stays.

use super::keygen::{key_id, password, print_setting};
use super::{Failed, OK, USAGE_CODE};
use crate::policy::{PublicKey, Rejection, Seal, Trust, component};
use clap::Args;
use minisign::{SecretKey, SecretKeyBox};
use serde_json::json;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

/// The secret key cannot be used.
const KEY_UNUSABLE: &str = "key-unusable";
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
        let key = self.secret_key()?;
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

    fn secret_key(&self) -> Result<SecretKey, Failed> {
        let shown = self.key.display();
        let unusable = |cause: String, help: &str| {
            let message = format!("the secret key `{shown}` cannot be used: {cause}");
            Failed::unreadable(KEY_UNUSABLE, message, help)
        };
        let password = self.password_file.as_deref().map(password).transpose()?;
        let text = fs::read_to_string(&self.key).map_err(|error| {
            unusable(
                error.to_string(),
                "`policy keygen` makes a key; name its file with --key",
            )
        })?;
        let boxed = || SecretKeyBox::from_string(&text);
        let plain = boxed().and_then(SecretKeyBox::into_unencrypted_secret_key);
        let (Err(refused), true) = (&plain, is_encrypted(&text)) else {
            return plain.map_err(|error| {
                unusable(
                    error.to_string(),
                    "give the file of the secret key, not that of the public one: of `policy keygen`, or of `minisign -G` with a password; with a key of `minisign -G -W`, sign with `minisign` itself",
                )
            });
        };
        let Some(password) = password else {
            return Err(unusable(
                format!("it is encrypted ({refused})"),
                "name the file of its password with --password-file",
            ));
        };
        // Without a password the library would ask the terminal: there is one.
        let opened = boxed().and_then(|boxed| boxed.into_secret_key(Some(password)));
        opened
            .map_err(|error| unusable(error.to_string(), "check the first line of --password-file"))
    }
}

/// By the two letters for how a key is derived, the third and fourth byte of the second line: base64 of `EdSc` begins so.
fn is_encrypted(text: &str) -> bool {
    let line = text.lines().nth(1).unwrap_or_default();
    line.starts_with("RWRTY")
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
