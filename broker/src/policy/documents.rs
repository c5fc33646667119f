//! Reads a policy's folder: rule documents directly in it, table cases in `cases/`.
//!
//! Files end in `.json`; hidden ones (editors' and Kubernetes' own) and `clients.json`, which belongs to the registry, are left out. Links are followed,
//! so a folder may be switched by renaming a link. Bounds: 256 files of 1 MiB each, documents and cases counted apart. Anything that cannot be
//! read refuses the whole folder: half of the rules are not the rules.

use super::cases::CaseFile;
use super::rejection::{DOCUMENTS_UNREADABLE, Rejection};
use crate::contract::Document;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const FILES_MAX: usize = 256;
const FILE_BYTES: u64 = 1 << 20;
const CASES: &str = "cases";
const CLIENTS: &str = "clients.json";

/// What a policy's folder holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Folder {
    /// In the order of the names' bytes.
    pub documents: Vec<Document>,
    /// In the order of the names' bytes.
    pub cases: Vec<CaseFile>,
}

/// Reads `directory` with its `cases/`, where there is one.
pub fn read(directory: &Path) -> Result<Folder, Rejection> {
    let cases = directory.join(CASES);
    Ok(Folder {
        documents: read_files(directory)?,
        cases: if cases.is_dir() {
            read_files(&cases)?
        } else {
            Vec::new()
        },
    })
}

/// The files directly in one folder.
pub fn read_files(directory: &Path) -> Result<Vec<Document>, Rejection> {
    let files = paths(directory).map_err(|error| unreadable(directory, &error))?;
    if files.len() > FILES_MAX {
        let cause = format!("it has {} files, at most {FILES_MAX} are read", files.len());
        return Err(unreadable(directory, &cause));
    }
    let read = |(name, path): (String, PathBuf)| match text(&path) {
        Ok(text) => Ok(Document { name, text }),
        Err(error) => Err(unreadable(&path, &error)),
    };
    files.into_iter().map(read).collect()
}

/// Name and path of what [`read_files`] would read, sorted by name.
pub(super) fn paths(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        // A link to a folder, a pipe or a socket is no document, whatever its name.
        if let Some(name) = name.filter(|name| is_document(name) && path.is_file()) {
            files.push((name.to_owned(), path.clone()));
        }
    }
    files.sort();
    Ok(files)
}

/// Whether a file of this name is read as a document, or as a case.
pub fn is_document(name: &str) -> bool {
    let is_json = Path::new(name).extension().is_some_and(|end| end == "json");
    is_json && !name.starts_with('.') && name != CLIENTS
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let size = File::open(path)?
        .take(FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if size as u64 > FILE_BYTES {
        let cause = format!("it is longer than {FILE_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, cause));
    }
    Ok(text)
}

fn unreadable(path: &Path, cause: &impl ToString) -> Rejection {
    let (path, cause) = (path.display(), cause.to_string());
    Rejection::new(
        DOCUMENTS_UNREADABLE,
        format!("`{path}` cannot be read: {cause}"),
        "make every `*.json` file in the policy's folder and its `cases/` readable UTF-8 text of at most 1 MiB",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_in_order_without_what_is_not_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir(folder.path().join("cases")).unwrap();
        fs::create_dir(folder.path().join("folder.json")).unwrap();
        for name in [
            "b.json",
            "a.json",
            "B.json",
            "clients.json",
            ".hidden.json",
            "note.txt",
            "json",
            "a.json~",
            "cases/c.json",
        ] {
            write(name, name);
        }
        std::os::unix::fs::symlink(
            folder.path().join("note.txt"),
            folder.path().join("link.json"),
        )
        .unwrap();
        let read = read(folder.path()).unwrap();
        let names: Vec<_> = read
            .documents
            .iter()
            .map(|document| document.name.as_str())
            .collect();
        assert_eq!(names, ["B.json", "a.json", "b.json", "link.json"]);
        assert_eq!(read.documents[3].text, "note.txt");
        assert_eq!(
            read.cases,
            [Document {
                name: "c.json".into(),
                text: "cases/c.json".into()
            }]
        );
    }

    #[test]
    fn what_cannot_be_read_refuses_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        for bytes in [vec![b'x'; (1 << 20) + 1], vec![0xff]] {
            fs::write(&file, bytes).unwrap();
            let rejection = read(folder.path()).unwrap_err();
            assert_eq!(rejection.code, DOCUMENTS_UNREADABLE);
            assert!(rejection.message.contains("a.json"), "{rejection}");
        }
        assert!(read(&folder.path().join("missing")).is_err());
    }
}
