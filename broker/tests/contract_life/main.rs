//! The life of the contract: today's `wit/` keeps what every archived version of its major promised, and components that were built for them are
//! served as they were. `wit/CHANGELOG.md` has the rules in words.

// A test fails by panicking, wherever its helper functions stand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod kept_components;
mod shape;
mod table;

use shape::Shape;
use std::path::{Path, PathBuf};

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn today() -> String {
    read(&wit().join("policy.wit"))
}

/// Version and text of what is archived.
fn archive() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(wit().join("archive")).unwrap();
    let versions = entries.map(|entry| {
        let path = entry.unwrap().path();
        let version = path.file_name().unwrap().to_str().unwrap().to_owned();
        (version, read(&path.join("policy.wit")))
    });
    versions.collect()
}

#[test]
fn today_keeps_what_was_published() {
    let now = Shape::read(&today());
    let archive = archive();
    assert!(!archive.is_empty(), "nothing is archived");
    for (version, text) in archive {
        let then = Shape::read(&text);
        assert_eq!(then.version.to_string(), version, "the folder's name");
        // A new major is another contract, which a host offers beside the old one.
        if then.version.major == now.version.major {
            assert_eq!(now.breaks(&then), Vec::<String>::new(), "since {version}");
        }
    }
}

#[test]
fn a_published_version_is_not_edited() {
    let now = Shape::read(&today()).version.to_string();
    for (version, text) in archive() {
        assert!(
            version != now || text == today(),
            "wit/policy.wit says {now} and is not wit/archive/{now}/policy.wit: what is published stays, a change needs a new version"
        );
    }
}
