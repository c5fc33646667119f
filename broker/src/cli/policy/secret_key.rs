//! The file of a secret key, opened: of `policy keygen`, or of `minisign -G` with a password or without (`-W`).
//!
//! A password is asked of a file, never of a terminal: scripts sign, too. Whatever cannot be opened is told with what to do.

use super::Failed;
use super::keygen::password;
use crate::policy::decode_base64;
use minisign::{SecretKey, SecretKeyBox};
use std::fs;
use std::path::Path;

/// The secret key cannot be used.
const KEY_UNUSABLE: &str = "key-unusable";
/// Bytes of the checksum, which are the last ones.
const CHECKSUM: usize = 32;

pub(super) fn open(file: &Path, password_file: Option<&Path>) -> Result<SecretKey, Failed> {
    let unusable = |cause: String, help: &str| {
        let message = format!(
            "the secret key `{}` cannot be used: {cause}",
            file.display()
        );
        Failed::unreadable(KEY_UNUSABLE, message, help)
    };
    let password = password_file.map(password).transpose()?;
    let text = fs::read_to_string(file).map_err(|error| {
        unusable(
            error.to_string(),
            "`policy keygen` makes a key; name its file with --key",
        )
    })?;
    if let Some(key) = without_checksum(&text) {
        return Ok(key);
    }
    let boxed = || SecretKeyBox::from_string(&text);
    let plain = boxed().and_then(SecretKeyBox::into_unencrypted_secret_key);
    let (Err(refused), true) = (&plain, is_encrypted(&text)) else {
        return plain.map_err(|error| {
            unusable(
                error.to_string(),
                "give the file of the secret key, not that of the public one: of `policy keygen` or `minisign -G`",
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
    opened.map_err(|error| unusable(error.to_string(), "check the first line of --password-file"))
}

/// By the two letters for how a key is derived, the third and fourth byte of the second line: base64 of `EdSc` begins so.
fn is_encrypted(text: &str) -> bool {
    let line = text.lines().nth(1).unwrap_or_default();
    line.starts_with("RWRTY")
}

/// A key of `minisign -G -W`: it has nothing in place of the checksum, which the library takes for a broken key. That the key is whole shows when its
/// signature is verified.
fn without_checksum(text: &str) -> Option<SecretKey> {
    let bytes = decode_base64(text.lines().nth(1)?.trim())?;
    let (rest, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let is_plain = rest.starts_with(b"Ed\0\0");
    let key = (is_plain && *checksum == [0; CHECKSUM]).then(|| SecretKey::from_bytes(&bytes))?;
    key.ok()
}
