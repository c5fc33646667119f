//! What cases show beside what they expect: how clients of this policy connect, and which topics matter to it.
//!
//! For tools that have neither a password nor traffic. A case that cannot be read, and one of documents, shows nothing.

use super::CaseFile;
use super::expect;
use super::reading::{self, Case};
use crate::contract::{Connect, Document, Qos, Subject};
use crate::decision::Action;
use std::sync::Arc;

/// A client of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Its CONNECT.
    pub connect: Connect,
    /// Its record.
    pub subject: Subject,
    /// The documents that its file brings instead of the policy's own.
    pub documents: Option<Arc<Vec<Document>>>,
    /// The case expects that it is let in.
    pub is_let_in: bool,
    /// Action (publish, subscribe or receive), topic or filter, and `QoS`.
    pub accesses: Vec<(Action, String, Qos)>,
    /// The payloads of those that show one.
    pub payloads: Vec<(Action, String, Qos, Vec<u8>)>,
}

/// The clients of all files.
pub fn samples(files: &[CaseFile]) -> Vec<Sample> {
    let read = files.iter().filter_map(|file| samples_of(file).ok());
    read.flatten().collect()
}

/// The clients of one file.
///
/// # Errors
///
/// The file is none of cases, or one of its cases cannot be read.
pub fn samples_of(file: &CaseFile) -> Result<Vec<Sample>, String> {
    let read = reading::cases(&file.name, &file.text)?;
    let documents = read.documents.map(Arc::new);
    let mut samples = Vec::new();
    for case in read.cases {
        match case.case {
            Ok(Case::Client(client)) => samples.push(sample(*client, documents.clone())),
            Ok(Case::Documents { .. }) => {}
            Err(cause) => return Err(format!("`{}`: {cause}", case.about.name)),
        }
    }
    Ok(samples)
}

fn sample(client: reading::Client, documents: Option<Arc<Vec<Document>>>) -> Sample {
    let shown = |access: &expect::Access| {
        let payload = access.payload.clone()?;
        let action = action(access.action);
        Some((action, access.topic.clone(), access.qos, payload))
    };
    let payloads = client.expect.access.iter().filter_map(shown).collect();
    let accesses = client.expect.access.into_iter();
    Sample {
        payloads,
        connect: client.connect,
        subject: client.subject,
        documents,
        is_let_in: client.expect.grant.is_some(),
        accesses: accesses
            .map(|access| (action(access.action), access.topic, access.qos))
            .collect(),
    }
}

fn action(action: expect::Action) -> Action {
    match action {
        expect::Action::Publish => Action::Publish,
        expect::Action::Subscribe => Action::Subscribe,
        expect::Action::Receive => Action::Receive,
    }
}
