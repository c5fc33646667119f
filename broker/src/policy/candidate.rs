//! What a candidate is made of, and the digests that name it. Pure.

use super::cases::CaseFile;
use super::code::hex_digest;
use super::documents::Folder;
use super::generation::digest_of;
use super::life::Made;
use crate::contract::Document;

/// A component as it came in, with the documents and cases of its generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// The component's bytes.
    pub component: Vec<u8>,
    /// The text of its detached minisign signature.
    pub signature: Option<String>,
    /// Rule documents, in the order of the names' bytes.
    pub documents: Vec<Document>,
    /// Table cases that it must pass: all of them.
    pub cases: Vec<CaseFile>,
}

/// A component as it came in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComponentFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The text of its detached minisign signature.
    pub signature: Option<String>,
}

impl Made {
    /// Of what a candidate is.
    pub(super) fn of(candidate: &Candidate) -> Self {
        let (documents, cases) = digests(&candidate.documents, &candidate.cases);
        Self {
            component: hex_digest(&candidate.component),
            documents,
            cases,
        }
    }

    /// Of documents and cases together: they are overruled and stored as one.
    pub(super) fn rules(&self) -> String {
        hex_digest(format!("{}{}", self.documents, self.cases).as_bytes())
    }
}

/// Of the documents and of the cases of a folder.
pub(super) fn digests(documents: &[Document], cases: &[Document]) -> (String, String) {
    (digest_of(documents), digest_of(cases))
}

impl Folder {
    /// Documents and cases of a candidate.
    pub(super) fn of(candidate: &Candidate) -> Self {
        Self {
            documents: candidate.documents.clone(),
            cases: candidate.cases.clone(),
        }
    }
}
