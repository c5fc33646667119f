//! Where a policy's candidates come from: a component file and a folder of documents, or what is built into the binary.
//!
//! Built-in documents stand in for a folder that does not exist, until it has been used once: a folder that disappears under a running broker is an
//! error, not another set of rules.

use super::candidate::Candidate;
use super::component;
use super::documents::{self, Folder};
use super::embedded::BuiltIn;
use super::rejection::{COMPONENT_UNREADABLE, DOCUMENTS_UNREADABLE, Rejection};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Component and folder of one policy.
#[derive(Debug)]
pub struct Source {
    /// What stands in for files that are not named, or for a folder that does not exist.
    built_in: Option<&'static BuiltIn>,
    component: Option<PathBuf>,
    directory: Option<PathBuf>,
    directory_used: AtomicBool,
}

/// What tells one state of the files from another, without reading them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Option<FileStamp>)>);

/// Size, inode, and the times of the last change of the contents and of the inode in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp {
    size: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Source {
    /// `None` stands for what is built in under this name.
    pub fn new(policy: &str, component: Option<PathBuf>, directory: Option<PathBuf>) -> Self {
        Self {
            built_in: BuiltIn::named(policy),
            component,
            directory,
            directory_used: AtomicBool::new(false),
        }
    }

    /// Reads everything. Blocks.
    pub fn load(&self) -> Result<Candidate, Rejection> {
        let Folder { documents, cases } = self.folder()?;
        let (component, signature) = self.component()?;
        Ok(Candidate {
            component,
            signature,
            documents,
            cases,
        })
    }

    /// Folders in which a change may matter.
    pub(super) fn folders(&self) -> Vec<PathBuf> {
        let component = self.component.as_deref().and_then(Path::parent);
        let cases = self
            .directory
            .as_ref()
            .map(|directory| directory.join("cases"));
        let folders = [component.map(Path::to_owned), self.directory.clone(), cases];
        folders
            .into_iter()
            .flatten()
            .filter(|folder| folder.is_dir())
            .collect()
    }

    /// The state of all files. Blocks for microseconds.
    pub(super) fn stamp(&self) -> Stamp {
        let mut paths: Vec<PathBuf> = self.component.iter().cloned().collect();
        paths.extend(self.component.as_deref().map(component::signature_path));
        if let Some(directory) = &self.directory {
            // A folder that comes or goes is a change too.
            paths.push(directory.clone());
            for folder in [directory.clone(), directory.join("cases")] {
                let files = documents::paths(&folder).unwrap_or_default();
                paths.extend(files.into_iter().map(|(_, path)| path));
            }
        }
        let stamped = |path: PathBuf| {
            let stamp = FileStamp::of(&path);
            (path, stamp)
        };
        Stamp(paths.into_iter().map(stamped).collect())
    }

    fn folder(&self) -> Result<Folder, Rejection> {
        match &self.directory {
            Some(directory) if directory.is_dir() => {
                let folder = documents::read(directory)?;
                self.directory_used.store(true, Ordering::Relaxed);
                Ok(folder)
            }
            Some(directory) if self.directory_used.load(Ordering::Relaxed) => Err(gone(directory)),
            directory => match self.built_in {
                Some(built_in) => Ok(built_in.folder()),
                None => Err(missing(directory.as_deref())),
            },
        }
    }

    /// The component and its signature, which lies beside it.
    fn component(&self) -> Result<(Vec<u8>, Option<String>), Rejection> {
        match (&self.component, self.built_in) {
            (Some(path), _) => Ok((component::read(path)?, component::read_signature(path)?)),
            (None, Some(built_in)) => Ok((built_in.component.to_vec(), None)),
            (None, None) => Err(Rejection::new(
                COMPONENT_UNREADABLE,
                "the policy names no component, and none is built in under its name".to_owned(),
                "name a file in `component` of its section",
            )),
        }
    }
}

/// The default policy as it is built in.
impl Default for Source {
    fn default() -> Self {
        Self::new(BuiltIn::default_policy().name, None, None)
    }
}

fn missing(directory: Option<&Path>) -> Rejection {
    let folder = directory.unwrap_or(Path::new("policies")).display();
    Rejection::new(
        DOCUMENTS_UNREADABLE,
        format!(
            "the policy's folder `{folder}` does not exist, and no documents are built in under its name"
        ),
        "make it, with the rule documents and `cases/`, or name another in `directory` of its section",
    )
}

fn gone(directory: &Path) -> Rejection {
    Rejection::new(
        DOCUMENTS_UNREADABLE,
        format!("the policy's folder `{}` is gone", directory.display()),
        "put it back; a restart without it serves the built-in documents",
    )
}

impl FileStamp {
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        if file.is_dir() {
            return Some(Self {
                size: 0,
                inode: file.ino(),
                modified: (0, 0),
                changed: (0, 0),
            });
        }
        Some(Self {
            size: file.len(),
            inode: file.ino(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}
