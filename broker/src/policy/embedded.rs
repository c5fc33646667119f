//! The component, documents and cases that the build put into the binary, so that it serves without any file.

use super::documents::Folder;
use crate::contract::Document;

mod built {
    // `DOCUMENTS` and `CASES`, written by `build.rs`.
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// The `IoTDA` policy component.
pub static COMPONENT: &[u8] = include_bytes!(env!("IOTDA_POLICY_WASM"));

/// `policies/iotda` as it was at build time.
pub fn folder() -> Folder {
    Folder {
        documents: owned(built::DOCUMENTS),
        cases: owned(built::CASES),
    }
}

fn owned(files: &[(&str, &str)]) -> Vec<Document> {
    let document = |(name, text): &(&str, &str)| Document {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    files.iter().map(document).collect()
}
