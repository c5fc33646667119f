//! `policy new NAME`: writes a small policy crate that builds and passes its cases at once.
//!
//! The crate stands alone, with its own workspace, lock file, tool chain and copy of the contract, so that it builds anywhere. Nothing is ever
//! overwritten: a folder that is there is an error. Bounds: a name of at most 64 letters, so that package and file names stay short.

mod files;

use super::{Failed, OK, USAGE_CODE};
use crate::policy::Rejection;
use clap::Args;
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file or folder cannot be made.
pub(super) const NEW_FAILED: &str = "new-failed";
const NAME_MAX: usize = 64;

/// `policy new`.
#[derive(Args, Debug)]
pub struct New {
    /// Its name: lower-case letters, digits and dashes, a letter first
    name: String,
    /// The folder in which the crate's folder is made
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl New {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<u8, Failed> {
        check_name(&self.name)?;
        let folder = self.dir.join(&self.name);
        write(&self.name, &folder)?;
        let names = files::all(&self.name).map(|file| file.path);
        if self.json {
            let files: Vec<_> = names.collect();
            let made = json!({ "name": self.name, "folder": folder, "files": files, "component": component(&self.name) });
            writeln!(out, "{made}")?;
        } else {
            let (shown, component) = (folder.display(), component(&self.name));
            writeln!(
                out,
                "made `{shown}`: {} files; next:\n  cd {shown}\n  cargo build --release --target wasm32-unknown-unknown\n  iotda-broker policy test {component} policy",
                names.count()
            )?;
        }
        Ok(OK)
    }
}

/// Where a build in the crate's folder writes it.
fn component(name: &str) -> String {
    let package = name.replace('-', "_");
    format!("target/wasm32-unknown-unknown/release/{package}_policy.wasm")
}

fn check_name(name: &str) -> Result<(), Rejection> {
    let is_letter = |letter: char| letter.is_ascii_lowercase();
    let is_inner = |letter: char| is_letter(letter) || letter.is_ascii_digit() || letter == '-';
    if name.starts_with(is_letter) && name.len() <= NAME_MAX && name.chars().all(is_inner) {
        return Ok(());
    }
    let shown: String = name.chars().take(100).collect();
    Err(Rejection::new(
        USAGE_CODE,
        format!("`{}` is no name of a policy", shown.escape_debug()),
        format!(
            "use lower-case letters, digits and dashes, a letter first, at most {NAME_MAX}: for example `my-fleet`"
        ),
    ))
}

fn write(name: &str, folder: &Path) -> Result<(), Rejection> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
    fs::create_dir(folder).map_err(|error| failed(folder, &error))?;
    for file in files::all(name) {
        let path = folder.join(file.path);
        write_file(&path, &file.text).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create_new(path)?.write_all(text.as_bytes())
}

fn failed(path: &Path, error: &io::Error) -> Rejection {
    let help = match error.kind() {
        io::ErrorKind::AlreadyExists => {
            "nothing is overwritten: choose another name, or another folder with --dir"
        }
        _ => "name a folder that you may write to with --dir",
    };
    Rejection::new(
        NEW_FAILED,
        format!("`{}` cannot be made: {error}", path.display()),
        help,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_folders_and_packages() {
        let long = "a".repeat(64);
        for name in ["a", "my-fleet2", &long] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let longer = "a".repeat(65);
        for name in ["", "A", "1a", "-a", "a_b", "a/b", "..", "ä", "a b", &longer] {
            let rejection = check_name(name).unwrap_err();
            assert_eq!(rejection.code, USAGE_CODE, "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("deep/fleet");
        write("fleet", &made).unwrap();
        let manifest = fs::read_to_string(made.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"fleet-policy\""), "{manifest}");
        fs::write(made.join("Cargo.toml"), "mine").unwrap();
        let rejection = write("fleet", &made).unwrap_err();
        assert!(rejection.help.starts_with("nothing is overwritten"));
        assert_eq!(fs::read_to_string(made.join("Cargo.toml")).unwrap(), "mine");
    }
}
