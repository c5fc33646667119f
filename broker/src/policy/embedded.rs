//! The components, documents and cases that the build put into the binary, so that it serves without any file.

use super::documents::Folder;
use crate::contract::Document;

mod built {
    use super::BuiltIn;
    // `ALL` and `DEFAULT`, written by `build.rs`.
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// One policy of the binary.
#[derive(Debug)]
pub struct BuiltIn {
    /// Its folder under `policies/` and `plugin/`.
    pub name: &'static str,
    /// The component's file.
    pub component: &'static [u8],
    documents: &'static [(&'static str, &'static str)],
    cases: &'static [(&'static str, &'static str)],
    /// `CONTRACT.md`: the rules that it keeps, a row each.
    pub contract: &'static str,
    /// The wire cases of these rules: names and texts.
    pub wire: &'static [(&'static str, &'static str)],
    /// `demo.toml`: what `serve --demo` registers for it.
    pub demo: Option<&'static str>,
}

impl BuiltIn {
    /// All of them, by name.
    pub fn all() -> &'static [&'static Self] {
        built::ALL
    }

    /// The one that judges where nothing else is said.
    pub fn default_policy() -> &'static Self {
        built::DEFAULT
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        let mut all = built::ALL.iter().copied();
        all.find(|one| one.name == name)
    }

    /// Its folder under `policies/`, as it was at build time.
    pub fn folder(&self) -> Folder {
        Folder {
            documents: owned(self.documents),
            cases: owned(self.cases),
        }
    }

    /// The names of all, for a sentence.
    pub fn names() -> String {
        let all = built::ALL.iter();
        let names: Vec<_> = all.map(|one| format!("`{}`", one.name)).collect();
        names.join(", ")
    }
}

fn owned(files: &[(&str, &str)]) -> Vec<Document> {
    let document = |(name, text): &(&str, &str)| Document {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    files.iter().map(document).collect()
}
