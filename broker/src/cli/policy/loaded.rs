//! A component with the documents and cases that belong to it, for the verbs that judge without a broker.
//!
//! Documents are, in this order: those of the folder that was named; `policies/NAME` where the verb is called, with the name that the component gives
//! itself; what the binary carries under that name. None at all is an error: half of a policy is no policy.

use super::{built_in, read};
use crate::contract::{Connect, Document};
use crate::policy::cases::{self, Sample};
use crate::policy::documents::{self, Folder};
use crate::policy::rejection::DOCUMENTS_UNREADABLE;
use crate::policy::{BuiltIn, Compiler, Generation, Rejection, Settings, try_out_as};
use std::path::{Path, PathBuf};

/// A CONNECT that was given as a case cannot be read.
const CONNECT_UNREADABLE: &str = "connect-unreadable";

/// A policy that can be asked.
pub(super) struct Loaded {
    pub(super) generation: Generation,
    pub(super) documents: Vec<Document>,
    /// The clients of its cases.
    pub(super) samples: Vec<Sample>,
}

impl Loaded {
    /// `component`: a file or `built-in`; `folder`: of documents, with `cases/`.
    pub(super) fn load(
        settings: &Settings,
        compiler: &Compiler,
        component: &Path,
        folder: Option<&Path>,
    ) -> Result<Self, Rejection> {
        let bytes = read(component)?;
        let own_name = built_in(component).transpose()?.map(|policy| policy.name);
        let mut found = Folder::default();
        let generation = try_out_as(settings, compiler, &bytes, |description| {
            found = find(folder, own_name.unwrap_or(&description.name))?;
            Ok(found.documents.clone())
        })?;
        // A folder may have no cases: clients connect as those of the built-in policy with this name do.
        let built_in = BuiltIn::named(&generation.description().name);
        let built_in = built_in.map_or_else(Vec::new, |policy| policy.folder().cases);
        // The same file twice would show nothing more.
        let built_in = built_in
            .into_iter()
            .filter(|file| !found.cases.contains(file));
        let cases: Vec<_> = found.cases.iter().cloned().chain(built_in).collect();
        Ok(Self {
            generation,
            documents: found.documents,
            samples: cases::samples(&cases),
        })
    }
}

fn find(folder: Option<&Path>, name: &str) -> Result<Folder, Rejection> {
    if let Some(folder) = folder {
        return documents::read(folder);
    }
    // A component's word is no path.
    let is_name = !name.is_empty() && !name.contains(['/', '\\', '\0']) && !name.starts_with('.');
    let beside = PathBuf::from("policies").join(name);
    match BuiltIn::named(name) {
        _ if is_name && beside.is_dir() => documents::read(&beside),
        Some(built_in) => Ok(built_in.folder()),
        None => Err(Rejection::new(
            DOCUMENTS_UNREADABLE,
            format!(
                "there are no rule documents for the policy `{name}`: `policies/{name}` is no folder here, and none are built in"
            ),
            "name their folder",
        )),
    }
}

/// The CONNECT of the first case in a file.
pub(super) fn connect(file: &Path) -> Result<Connect, Rejection> {
    let refused = |cause: String| {
        Rejection::new(
            CONNECT_UNREADABLE,
            format!("`{}` has no CONNECT: {cause}", file.display()),
            "write it as a table case: `[{\"name\": \"…\", \"connect\": {\"client_id\": \"…\"}, \"expect\": {\"grant\": {}}}]`",
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let name = "connect".to_owned();
    let samples = cases::samples_of(&Document { name, text }).map_err(&refused)?;
    let first = samples.into_iter().next();
    let first = first.ok_or_else(|| refused("it holds no case of a client".to_owned()))?;
    Ok(first.connect)
}
