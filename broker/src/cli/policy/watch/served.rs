//! The policy as a running broker serves it: what is in force, and how something else comes into force.
//!
//! Component and rules (documents with cases) go by two requests, each proven by the broker together with what is in force of the other; only
//! what differs is sent. Where both differ, the component goes first if it passes the cases in force, which is tried here; else the rules go first. Where
//! neither may go first the broker's rejection is told, and nothing has changed; a second half that is refused leaves the first in force, and says so. Always `stage=direct`: two halves cannot be on trial one after
//! another.

use super::http;
use super::told::{InForce, Refused};
use crate::contract::Document;
use crate::policy::documents::Folder;
use crate::policy::rejection::{CASES_FAILED, CONFIGURE_FAILED};
use crate::policy::{Generation, cases};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// There is no broker, or none that lets us in.
pub(super) const UNREACHABLE: &str = "broker-unreachable";

/// A policy of a broker.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) address: String,
    pub(super) token_file: PathBuf,
    pub(super) policy: Option<String>,
}

/// What shall be in force.
#[derive(Clone)]
pub(super) struct Tested {
    pub(super) generation: Arc<Generation>,
    pub(super) component: Arc<Vec<u8>>,
    pub(super) folder: Folder,
}

/// Why it is not.
#[derive(Debug)]
pub(super) enum NotInForce {
    Unreachable(Refused),
    Rejected(Refused),
}

#[derive(Deserialize)]
struct Now {
    revision: u64,
    digest: String,
    documents_digest: String,
}

type Texts = BTreeMap<String, String>;

#[derive(Deserialize, PartialEq)]
struct Rules {
    documents: Texts,
    cases: Texts,
}

impl Served {
    pub(super) async fn swap(&self, tested: &Tested) -> Result<InForce, NotInForce> {
        let began = Instant::now();
        let token = self.token()?;
        let own_name = &tested.generation.description().name;
        let name = self.policy.as_ref().unwrap_or(own_name);
        let mut all: BTreeMap<String, Now> = self.get(&token, "/policy").await?;
        let Some(mut now) = all.remove(name) else {
            return Err(self.not_served(name, all.keys()));
        };
        let path = format!("/policy/{name}");
        let rules: Rules = self.get(&token, &format!("{path}/documents")).await?;
        let sent = halves(tested, &now, &rules).await;
        for (place, half) in sent.iter().enumerate() {
            let body = body(half, tested);
            let path = format!("{path}/{half}?stage=direct");
            let answer = self.ask(&token, "PUT", &path, body).await;
            let is_first_of_both = place == 0 && sent.len() > 1;
            now = answer.map_err(|refused| match sent.first() {
                Some(first) if place > 0 => half_done(refused, first),
                _ => explained(refused, half, is_first_of_both),
            })?;
        }
        Ok(InForce {
            address: self.address.clone(),
            policy: name.clone(),
            sent,
            seconds: began.elapsed().as_secs_f64(),
            revision: now.revision,
            digest: now.digest,
            documents_digest: now.documents_digest,
        })
    }

    fn token(&self) -> Result<String, NotInForce> {
        let read = std::fs::read_to_string(&self.token_file).map_err(|error| {
            let file = self.token_file.display();
            NotInForce::Unreachable(Refused::new(
                UNREACHABLE,
                format!("the token in `{file}` cannot be read: {error}"),
                "name the file `admin.token` in the broker's data folder with --token-file, or build and test only with --no-broker",
            ))
        })?;
        Ok(read.trim().to_owned())
    }

    async fn get<T: DeserializeOwned>(&self, token: &str, path: &str) -> Result<T, NotInForce> {
        self.ask(token, "GET", path, Vec::new()).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, NotInForce> {
        let (status, body) = http::send(&self.address, token, method, path, body)
            .await
            .map_err(|cause| NotInForce::Unreachable(self.unreachable(&cause)))?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| {
                let cause = format!("the answer to `{path}` cannot be understood: {error}");
                NotInForce::Unreachable(self.unreachable(&cause))
            });
        }
        let refused = serde_json::from_slice(&body)
            .unwrap_or_else(|_| self.unreachable(&format!("it answers {status}")));
        Err(match status {
            StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::CONFLICT
            | StatusCode::PAYLOAD_TOO_LARGE => NotInForce::Rejected(refused),
            _ => NotInForce::Unreachable(refused),
        })
    }

    fn unreachable(&self, cause: &str) -> Refused {
        Refused::new(
            UNREACHABLE,
            format!("no broker answers at `http://{}`: {cause}", self.address),
            "start one, name its admin port with --broker, or build and test only with --no-broker",
        )
    }

    fn not_served<'n>(&self, name: &str, names: impl Iterator<Item = &'n String>) -> NotInForce {
        let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
        NotInForce::Unreachable(Refused::new(
            "not-found",
            format!(
                "the broker at `http://{}` serves no policy `{name}`: it serves {}",
                self.address,
                names.join(", ")
            ),
            "add `[policies.NAME]` to its configuration, or name one of them with --policy",
        ))
    }
}

/// What differs, in the order in which it goes.
async fn halves(tested: &Tested, now: &Now, rules: &Rules) -> Vec<&'static str> {
    let is_same_component = tested.generation.component_digest() == now.digest;
    let is_same_rules = Rules::of(&tested.folder) == *rules;
    match (is_same_component, is_same_rules) {
        (true, true) => Vec::new(),
        (true, false) => vec!["documents"],
        (false, true) => vec!["component"],
        (false, false) if passes(tested, rules).await => vec!["component", "documents"],
        (false, false) => vec!["documents", "component"],
    }
}

/// Whether the new component may judge by the rules in force.
async fn passes(tested: &Tested, rules: &Rules) -> bool {
    let generation = Arc::clone(&tested.generation);
    let (documents, files) = (files(&rules.documents), files(&rules.cases));
    let tried = tokio::task::spawn_blocking(move || {
        let generation = generation.with_documents(documents).ok()?;
        let report = cases::run(&generation, &files);
        report.failures().next().is_none().then_some(())
    });
    matches!(tried.await, Ok(Some(())))
}

fn body(half: &str, tested: &Tested) -> Vec<u8> {
    if half == "component" {
        return tested.component.to_vec();
    }
    let rules = Rules::of(&tested.folder);
    json!({ "documents": rules.documents, "cases": rules.cases })
        .to_string()
        .into_bytes()
}

/// A half that is refused because of the other one is no fault of its author.
fn explained(refused: NotInForce, half: &str, is_first_of_both: bool) -> NotInForce {
    match refused {
        NotInForce::Rejected(told)
            if is_first_of_both && [CASES_FAILED, CONFIGURE_FAILED].contains(&&*told.code) =>
        {
            NotInForce::Rejected(Refused {
                help: format!(
                    "the new component does not pass the rules in force, and the one in force does not pass the new {half}: \
                     save a step in between that both pass, or let the broker take both at once from its own files ({})",
                    told.help
                ),
                ..told
            })
        }
        other => other,
    }
}

/// The first of two halves is in force, and the second is not.
fn half_done(refused: NotInForce, first: &str) -> NotInForce {
    let told = |told: Refused| Refused {
        message: format!(
            "the new {first} is in force already, the rest is not: {}",
            told.message
        ),
        ..told
    };
    match refused {
        NotInForce::Rejected(refused) => NotInForce::Rejected(told(refused)),
        NotInForce::Unreachable(refused) => NotInForce::Unreachable(told(refused)),
    }
}

impl Rules {
    fn of(folder: &Folder) -> Self {
        let texts = |files: &[Document]| -> Texts {
            let pair = |file: &Document| (file.name.clone(), file.text.clone());
            files.iter().map(pair).collect()
        };
        Self {
            documents: texts(&folder.documents),
            cases: texts(&folder.cases),
        }
    }
}

fn files(texts: &Texts) -> Vec<Document> {
    let file = |(name, text): (&String, &String)| Document {
        name: name.clone(),
        text: text.clone(),
    };
    texts.iter().map(file).collect()
}
