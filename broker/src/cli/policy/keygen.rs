//! `policy keygen`: a key pair in minisign's format, to sign components with.
//!
//! Two files: the secret key (mode 0600) and beside it, with the ending `.pub`, the public one. Nothing is ever overwritten, and on failure neither
//! file stays. A password is read from a file, never asked for: a script would wait for ever.

use super::{Failed, OK, USAGE_CODE};
use crate::policy::{self, Rejection};
use clap::Args;
use minisign::{KeyPair, PublicKey};
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The pair cannot be made.
const KEYGEN_FAILED: &str = "keygen-failed";
/// Bytes of a password; that of the format.
const PASSWORD_MAX: usize = 1024;

/// `policy keygen`.
#[derive(Args, Debug)]
pub struct Keygen {
    /// The file of the secret key; the public key goes beside it, as `.pub`
    #[arg(long, default_value = "policy.key")]
    out: PathBuf,
    /// Encrypt the secret key with the password in this file's first line
    #[arg(long, conflicts_with = "no_password")]
    password_file: Option<PathBuf>,
    /// Leave the secret key unencrypted, for a machine that keeps it safe otherwise
    #[arg(long)]
    no_password: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Keygen {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<u8, Failed> {
        let password = self.password_file.as_deref().map(password).transpose()?;
        if password.is_none() && !self.no_password {
            return Err(Failed::Usage(Rejection::new(
                USAGE_CODE,
                "nothing says how the secret key is protected",
                "write a password into a file and name it with --password-file, or say --no-password",
            )));
        }
        let (secret, public) = (&self.out, self.out.with_extension("pub"));
        if *secret == public {
            let message = format!("`{}` is the public key's name", public.display());
            let help = "name the secret key otherwise with --out, such as `policy.key`";
            return Err(Failed::Usage(Rejection::new(USAGE_CODE, message, help)));
        }
        let is_encrypted = password.is_some();
        let pair = Pair::generate(password).map_err(|error| {
            let message = format!("the key pair cannot be made: {error}");
            Failed::unreadable(KEYGEN_FAILED, message, "try again with free memory")
        })?;
        pair.write(secret, &public)?;
        if self.json {
            let made = json!({
                "key": secret, "public": public, "encrypted": is_encrypted, "key_id": pair.key_id, "public_key": pair.public_key,
            });
            writeln!(out, "{made}")?;
        } else {
            let how = if is_encrypted {
                "encrypted with the password"
            } else {
                "not encrypted: whoever reads it signs"
            };
            let (secret, public) = (secret.display(), public.display());
            writeln!(
                out,
                "made `{secret}` (secret, {how}) and `{public}`, key {}",
                pair.key_id
            )?;
            print_setting(&pair.public_key, out)?;
        }
        Ok(OK)
    }
}

/// What the configuration of a broker that shall take signed components needs.
pub(super) fn print_setting(public_key: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "for the configuration, with the policy's name:\n[policies.NAME.signature]\npublic_key = \"{public_key}\""
    )
}

/// The first line of a password's file.
pub(super) fn password(file: &Path) -> Result<String, Failed> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| {
        let message = format!("the password's file `{shown}` cannot be read: {error}");
        let help = "name a text file that you may read with --password-file";
        Failed::unreadable("password-unreadable", message, help)
    })?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() || password.len() > PASSWORD_MAX {
        return Err(Failed::Usage(Rejection::new(
            USAGE_CODE,
            format!(
                "the first line of `{shown}` has {} bytes: that is no password",
                password.len()
            ),
            format!("write 1 to {PASSWORD_MAX} bytes into its first line"),
        )));
    }
    Ok(password.to_owned())
}

/// As minisign prints it.
pub(super) fn key_id(key: &PublicKey) -> String {
    policy::key_id(&key.to_base64()).unwrap_or_default()
}

struct Pair {
    secret_text: String,
    public_text: String,
    public_key: String,
    key_id: String,
}

impl Pair {
    fn generate(password: Option<String>) -> minisign::Result<Self> {
        let comment = match password {
            Some(_) => "minisign encrypted secret key",
            None => "minisign unencrypted secret key",
        };
        let pair = match password {
            Some(_) => KeyPair::generate_encrypted_keypair(password)?,
            None => KeyPair::generate_unencrypted_keypair()?,
        };
        Ok(Self {
            secret_text: pair.sk.to_box(Some(comment))?.into_string(),
            public_text: pair.pk.to_box()?.into_string(),
            public_key: pair.pk.to_base64(),
            key_id: key_id(&pair.pk),
        })
    }

    fn write(&self, secret: &Path, public: &Path) -> Result<(), Failed> {
        create(secret, &self.secret_text, 0o600)?;
        create(public, &self.public_text, 0o644).inspect_err(|_| {
            // Ours, and of no use without its other half. Where it cannot be removed, the error tells enough.
            let _ = fs::remove_file(secret);
        })
    }
}

fn create(path: &Path, text: &str, mode: u32) -> Result<(), Failed> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    let failed = |error: &io::Error| {
        let help = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                "nothing is overwritten: name another file with --out, or move this one away"
            }
            _ => "name a file in a folder that you may write to with --out",
        };
        let message = format!("`{}` cannot be made: {error}", path.display());
        Failed::unreadable(KEYGEN_FAILED, message, help)
    };
    let mut file = file.map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| {
            let _ = fs::remove_file(path);
            failed(&error)
        })
}
