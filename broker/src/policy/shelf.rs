//! What outlives the process: the history, what is in force, and what the remembered generations are made of.
//!
//! `data/policies/NAME/`: `standing.json`, `components/SHA256.wasm` (and `.minisig`), `rules/SHA256.json` (documents and cases). A file
//! is written under another name, synced and renamed, so a stop at any moment leaves the old or the new one; contents are checked
//! against their names when they are read, so a damaged one is an error and never another policy. For the owner alone (0700, 0600).
//! Bounds: what the history remembers; everything else is removed. Failure to write is the caller's to log: the broker goes on with what
//! it holds in memory.

use super::candidate::{Candidate, ComponentFile};
use super::code::hex_digest;
use super::documents::Folder;
use super::life::Made;
use super::rejection::{Rejection, SHELF_FAILED};
use super::standing::Standing;
use crate::contract::Document;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The folder of one policy.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

/// Documents and cases as they are stored.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    documents: Vec<Document>,
    cases: Vec<Document>,
}

const STANDING: &str = "standing.json";
const COMPONENTS: &str = "components";
const RULES: &str = "rules";

impl Shelf {
    /// The shelf of the policy `name` under `data`; its folders are made.
    ///
    /// # Errors
    ///
    /// A folder cannot be made.
    pub fn open(data: &Path, name: &str) -> io::Result<Self> {
        let folder = data.join("policies").join(name);
        for part in [COMPONENTS, RULES] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder.join(part))?;
        }
        Ok(Self { folder })
    }

    /// What was in force when it was written last; the default where it never was.
    pub(super) fn standing(&self) -> Result<Standing, Rejection> {
        let path = self.folder.join(STANDING);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Standing::default()),
            Err(error) => return Err(failed(&path, &error)),
        };
        serde_json::from_slice(&text).map_err(|error| failed(&path, &error))
    }

    /// Stores what is in force and removes what nobody remembers any more.
    pub(super) fn set_standing(&self, standing: &Standing) -> Result<(), Rejection> {
        let path = self.folder.join(STANDING);
        let text = serde_json::to_vec_pretty(standing).map_err(|error| failed(&path, &error))?;
        replace(&path, &text).map_err(|error| failed(&path, &error))?;
        self.prune(standing).map_err(|error| failed(&path, &error))
    }

    /// Stores what a proven candidate is made of.
    /// `component`: none where it is on the shelf already.
    pub(super) fn put(
        &self,
        made: &Made,
        component: Option<&ComponentFile>,
        folder: &Folder,
    ) -> Result<(), Rejection> {
        if let Some(file) = component {
            let component = self.component(&made.component);
            put(&component, &file.bytes)?;
            if let Some(signature) = &file.signature {
                // Not `put`: the same component may have been signed anew.
                let path = signature_of(&component);
                replace(&path, signature.as_bytes()).map_err(|error| failed(&path, &error))?;
            }
        }
        let rules = self.rules(&made.rules());
        let text = serde_json::to_vec(&Rules {
            documents: folder.documents.clone(),
            cases: folder.cases.clone(),
        });
        put(&rules, &text.map_err(|error| failed(&rules, &error))?)
    }

    /// What a generation was made of.
    pub(super) fn get(&self, made: &Made) -> Result<Candidate, Rejection> {
        let (component, signature) = self.get_component(&made.component)?;
        let path = self.rules(&made.rules());
        let text = fs::read(&path).map_err(|error| failed(&path, &error))?;
        let Rules { documents, cases } =
            serde_json::from_slice(&text).map_err(|error| failed(&path, &error))?;
        let candidate = Candidate {
            component,
            signature,
            documents,
            cases,
        };
        if Made::of(&candidate) == *made {
            return Ok(candidate);
        }
        Err(failed(&path, &"its contents are not those of its name"))
    }

    /// A component and its signature.
    pub(super) fn get_component(
        &self,
        digest: &str,
    ) -> Result<(Vec<u8>, Option<String>), Rejection> {
        let path = self.component(digest);
        let component = fs::read(&path).map_err(|error| failed(&path, &error))?;
        if hex_digest(&component) != digest {
            return Err(failed(&path, &"its contents are not those of its name"));
        }
        let signature = match fs::read_to_string(signature_of(&path)) {
            Ok(signature) => Some(signature),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&signature_of(&path), &error)),
        };
        Ok((component, signature))
    }

    fn prune(&self, standing: &Standing) -> io::Result<()> {
        let mut kept = BTreeSet::new();
        let remembered = standing.history.newest_first().map(|life| &life.made);
        for made in standing.made.iter().chain(remembered) {
            let component = self.component(&made.component);
            kept.insert(signature_of(&component));
            kept.insert(component);
            kept.insert(self.rules(&made.rules()));
        }
        for part in [COMPONENTS, RULES] {
            for entry in fs::read_dir(self.folder.join(part))? {
                let path = entry?.path();
                if !kept.contains(&path) {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(())
    }

    fn component(&self, digest: &str) -> PathBuf {
        self.folder.join(COMPONENTS).join(format!("{digest}.wasm"))
    }

    fn rules(&self, digest: &str) -> PathBuf {
        self.folder.join(RULES).join(format!("{digest}.json"))
    }
}

fn signature_of(component: &Path) -> PathBuf {
    component.with_extension("wasm.minisig")
}

/// What is there already has the same contents: its name says so.
fn put(path: &Path, contents: &[u8]) -> Result<(), Rejection> {
    if path.exists() {
        return Ok(());
    }
    replace(path, contents).map_err(|error| failed(path, &error))
}

fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // The new name itself is in the folder's own data.
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn failed(path: &Path, cause: &impl ToString) -> Rejection {
    let (path, cause) = (path.display(), cause.to_string());
    Rejection::new(
        SHELF_FAILED,
        format!("`{path}` cannot be used: {cause}"),
        "look at the disk and at the rights of the data directory; without it, what was uploaded or rolled back does not outlive a restart",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn candidate(component: &str) -> Candidate {
        let file = |name: &str| Document {
            name: name.into(),
            text: component.into(),
        };
        Candidate {
            component: component.into(),
            signature: Some("signed".into()),
            documents: vec![file("a.json")],
            cases: vec![file("c.json")],
        }
    }

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(data.path(), "iotda").unwrap();
        (data, shelf)
    }

    fn put(shelf: &Shelf, candidate: &Candidate) {
        let file = ComponentFile {
            bytes: candidate.component.clone(),
            signature: candidate.signature.clone(),
        };
        let made = Made::of(candidate);
        shelf
            .put(&made, Some(&file), &Folder::of(candidate))
            .unwrap();
    }

    #[test]
    fn what_is_put_comes_back_and_is_its_owners_alone() {
        let (_data, shelf) = shelf();
        let (one, made) = (candidate("one"), Made::of(&candidate("one")));
        put(&shelf, &one);
        put(&shelf, &one);
        assert_eq!(shelf.get(&made).unwrap(), one);
        for file in [shelf.component(&made.component), shelf.rules(&made.rules())] {
            let permissions = fs::metadata(file).unwrap().permissions();
            assert_eq!(permissions.mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_file_is_an_error_and_no_other_policy() {
        let (_data, shelf) = shelf();
        let (one, made) = (candidate("one"), Made::of(&candidate("one")));
        put(&shelf, &one);
        fs::write(shelf.component(&made.component), "other").unwrap();
        assert_eq!(shelf.get(&made).unwrap_err().code, SHELF_FAILED);
        fs::write(shelf.component(&made.component), "one").unwrap();
        fs::write(shelf.rules(&made.rules()), r#"{"documents":[],"cases":[]}"#).unwrap();
        assert_eq!(shelf.get(&made).unwrap_err().code, SHELF_FAILED);
        fs::write(shelf.folder.join(STANDING), "{").unwrap();
        assert!(shelf.standing().is_err());
    }

    #[test]
    fn nothing_is_kept_that_nobody_remembers() {
        let (_data, shelf) = shelf();
        let (old, new) = (Made::of(&candidate("old")), Made::of(&candidate("new")));
        put(&shelf, &candidate("old"));
        put(&shelf, &candidate("new"));
        let standing = Standing {
            made: Some(new.clone()),
            revision: 7,
            ..Standing::default()
        };
        shelf.set_standing(&standing).unwrap();
        assert_eq!(shelf.standing().unwrap(), standing);
        assert!(shelf.get(&new).is_ok());
        assert!(shelf.get(&old).is_err());
    }
}
