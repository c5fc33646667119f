//! What an operator sees of a policy and does with it.
//!
//! | endpoint | answer |
//! |---|---|
//! | `GET /policy` | of each policy: what is in force, what is on trial, and the last candidates, newest first |
//! | `PUT /policy/{name}/component?stage=…` | body: the component's bytes; `X-Policy-Signature`: its minisign signature, in base64 |
//! | `GET /policy/{name}/documents` | documents and cases in force |
//! | `PUT /policy/{name}/documents?stage=…` | body: `{"documents":{NAME:TEXT},"cases":{NAME:TEXT}}`; without `cases` those in force stay |
//! | `POST /policy/{name}/rollback` | the generation before the active one is in force again |
//! | `POST`, `DELETE /policy/{name}/deny-all` | refuses everything with the fault codes, sessions stay; ends that |
//! | `POST /policy/{name}/promote`, `/discard` | what is on trial becomes active, or is rejected |
//! | `GET /policy/{name}/shadow` | what a shadow's comparison has come to |
//!
//! A change is answered when it is in force (200), on trial (202) or rejected (4xx with the rejection's code); whoever hangs up meanwhile
//! does not undo it. Bounds: a component has `component_max` bytes, documents and cases together 16 MiB; one change at a time.

use super::answer::Refused;
use super::{Admin, Served};
use crate::contract::Document;
use crate::policy::documents::{Folder, is_document};
use crate::policy::rejection::{
    COMPONENT_TOO_LARGE, HOST_FAILED, NOTHING_BEFORE, NOTHING_ON_TRIAL, SHELF_FAILED,
};
use crate::policy::{ComponentFile, Generation, Offer, Origin, Outcome, Policy, Rejection, Stage};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Documents and cases of one upload together.
const RULES_MAX: usize = 16 << 20;
/// A signature has four short lines.
const SIGNATURE: &str = "x-policy-signature";

/// To be guarded by the token.
pub(super) fn routes(component_max: usize) -> Router<Arc<Admin>> {
    // One byte more: what is too large by that is told by the policy, with its limit.
    let component = put(put_component).layer(DefaultBodyLimit::max(component_max + 1));
    let documents = get(documents)
        .put(put_documents)
        .layer(DefaultBodyLimit::max(RULES_MAX));
    Router::new()
        .route("/policy", get(policies))
        .route("/policy/{name}/component", component)
        .route("/policy/{name}/documents", documents)
        .route("/policy/{name}/rollback", post(rollback))
        .route(
            "/policy/{name}/deny-all",
            post(deny_all).delete(allow_again),
        )
        .route("/policy/{name}/promote", post(promote))
        .route("/policy/{name}/discard", post(discard))
        .route("/policy/{name}/shadow", get(shadow))
}

type Answer = Result<Response, Refused>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct How {
    stage: Option<String>,
}

/// Names to texts; a JSON value stands for its own text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    documents: BTreeMap<String, Value>,
    cases: Option<BTreeMap<String, Value>>,
}

// --- reading ----------------------------------------------------------------------------------------------------------------

async fn policies(State(admin): State<Arc<Admin>>) -> Json<Value> {
    let all = admin.served.iter();
    let shown: Map<String, Value> = all.map(|(name, one)| (name.clone(), shown(one))).collect();
    Json(Value::Object(shown))
}

fn shown(served: &Served) -> Value {
    let policy = &served.policy;
    let in_force = policy.in_force();
    let active = in_force.active();
    let description = active.description();
    let mut shown = json!({
        "name": description.name,
        "version": description.version,
        "dialect": description.dialect,
        "summary": description.summary,
        "deny_all": in_force.denies_all(),
        "on_probation": active.counts().on_probation_since().is_some(),
        "calls": active.counts().calls(),
        "faults": active.counts().faults(),
        "serial": in_force.serial(),
        "judged": served.sessions.swept(),
        "trial": policy.on_trial(),
        "history": policy.history().newest_first().collect::<Vec<_>>(),
    });
    if let Some(all) = shown.as_object_mut() {
        all.extend(named(active));
    }
    shown
}

fn named(generation: &Generation) -> Map<String, Value> {
    [
        ("revision", json!(generation.revision())),
        ("digest", json!(generation.component_digest())),
        ("documents_digest", json!(generation.documents_digest())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

async fn documents(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer {
    let in_force = find(&admin, &name)?.in_force();
    let texts = |files: &[Document]| -> Map<String, Value> {
        let pair = |file: &Document| (file.name.clone(), json!(file.text));
        files.iter().map(pair).collect()
    };
    let Folder { documents, cases } = in_force.folder();
    Ok(Json(json!({ "documents": texts(documents), "cases": texts(cases) })).into_response())
}

async fn shadow(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer {
    let in_force = find(&admin, &name)?.in_force();
    match in_force.report() {
        // Not as a value, which would lose the order of its fields.
        Some(report) => Ok(Json(&*report).into_response()),
        None => Err(Refused::conflict(
            NOTHING_ON_TRIAL,
            "no shadow has been on trial since the start",
            "offer a candidate with `?stage=shadow`",
        )),
    }
}

// --- changing ---------------------------------------------------------------------------------------------------------------

async fn put_component(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    how: Result<Query<How>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let policy = find(&admin, &name)?;
    let file = ComponentFile {
        signature: signature(&headers)?,
        bytes: body
            .map_err(|error| unread(&error, policy.component_max()))?
            .to_vec(),
    };
    let offer = Offer {
        origin: Origin::Upload,
        component: Some(file),
        folder: None,
        stage: stage(how)?,
    };
    put_offer(policy, offer).await
}

async fn put_documents(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
    how: Result<Query<How>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let policy = find(&admin, &name)?;
    let body = body.map_err(|error| unread(&error, RULES_MAX))?;
    let rules: Rules = serde_json::from_slice(&body).map_err(|error| {
        Refused::bad_request(
            &format!("the body is malformed: {error}"),
            "send `{\"documents\":{\"NAME.json\":\"TEXT\"},\"cases\":{\"NAME.json\":\"TEXT\"}}`, all documents that shall be in force",
        )
    })?;
    let documents = files(rules.documents)?;
    let cases = match rules.cases {
        Some(cases) => files(cases)?,
        None => policy.in_force().folder().cases.clone(),
    };
    let offer = Offer {
        origin: Origin::Upload,
        component: None,
        folder: Some(Folder { documents, cases }),
        stage: stage(how)?,
    };
    put_offer(policy, offer).await
}

/// On a task of its own: whoever hangs up meanwhile leaves no half a swap behind.
async fn put_offer(policy: &Policy, offer: Offer) -> Answer {
    let offering = policy.clone();
    let offered = tokio::spawn(async move { offering.offer_any(offer).await });
    let outcome = offered.await.map_err(|error| cut_off(&error))??;
    Ok(match outcome {
        Outcome::Active(generation) => in_force(&generation, "active"),
        Outcome::Same(generation) => in_force(&generation, "same"),
        Outcome::OnTrial(number) => {
            let trial = policy.history().get(number).cloned();
            let body = json!({ "result": "trial", "trial": trial });
            (StatusCode::ACCEPTED, Json(body)).into_response()
        }
    })
}

async fn rollback(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer {
    let policy = find(&admin, &name)?.clone();
    let rolled = tokio::spawn(async move { policy.rollback().await });
    let generation = rolled.await.map_err(|error| cut_off(&error))??;
    Ok(in_force(&generation, "rolled-back"))
}

async fn promote(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer {
    let policy = find(&admin, &name)?.clone();
    let promoted = tokio::spawn(async move { policy.promote().await });
    let generation = promoted.await.map_err(|error| cut_off(&error))??;
    Ok(in_force(&generation, "active"))
}

async fn discard(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer {
    let policy = find(&admin, &name)?.clone();
    let discarded = tokio::spawn(async move { policy.discard().await });
    discarded.await.map_err(|error| cut_off(&error))??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn deny_all(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer {
    shut(&admin, &name, true).await
}

async fn allow_again(State(admin): State<Arc<Admin>>, Path(name): Path<String>) -> Answer {
    shut(&admin, &name, false).await
}

async fn shut(admin: &Admin, name: &str, denies_all: bool) -> Answer {
    let policy = find(admin, name)?.clone();
    let shut = tokio::spawn(async move { policy.deny_all(denies_all).await });
    shut.await.map_err(|error| cut_off(&error))?;
    Ok(Json(json!({ "deny_all": denies_all })).into_response())
}

// --- what they have in common -----------------------------------------------------------------------------------------------

fn find<'a>(admin: &'a Admin, name: &str) -> Result<&'a Policy, Refused> {
    let served = admin.served.get(name);
    served.map(|one| &one.policy).ok_or_else(|| {
        Refused::not_found(
            &format!("there is no policy `{name}`"),
            "`GET /policy` shows the names",
        )
    })
}

fn stage(how: Result<Query<How>, QueryRejection>) -> Result<Option<Stage>, Refused> {
    let Query(how) = how.map_err(|error| {
        Refused::bad_request(
            &format!("the query is malformed: {error}"),
            "say `?stage=direct`, `?stage=shadow`, `?stage=canary`, or nothing",
        )
    })?;
    let Some(text) = how.stage else {
        return Ok(None);
    };
    let stage = Stage::parse(&text).ok_or_else(|| {
        Refused::bad_request(
            &format!("`{text}` is no stage"),
            "say `direct`, `shadow` or `canary`, or leave it to the configuration",
        )
    })?;
    Ok(Some(stage))
}

fn signature(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(header) = headers.get(SIGNATURE) else {
        return Ok(None);
    };
    let malformed = || {
        Refused::bad_request(
            "the header `X-Policy-Signature` is malformed: it is no base64 of a signature's text",
            "send the output of `base64 -w0 POLICY.wasm.minisig`",
        )
    };
    let text = header.to_str().map_err(|_| malformed())?;
    crate::policy::decode_signature(text)
        .map(Some)
        .ok_or_else(malformed)
}

fn files(texts: BTreeMap<String, Value>) -> Result<Vec<Document>, Refused> {
    let file = |(name, text): (String, Value)| {
        if !is_document(&name) || name.contains('/') {
            return Err(Refused::bad_request(
                &format!("`{name}` is no name of a document"),
                "say a file's name that ends in `.json`, without a folder; `clients.json` belongs to the registry",
            ));
        }
        let text = match text {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Document { name, text })
    };
    texts.into_iter().map(file).collect()
}

fn in_force(generation: &Generation, result: &str) -> Response {
    let mut body = named(generation);
    body.insert("result".into(), json!(result));
    Json(Value::Object(body)).into_response()
}

fn unread(error: &BytesRejection, limit: usize) -> Refused {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Refused::too_large(limit);
    }
    Refused::bad_request(
        &format!("the body cannot be read: {error}"),
        "send it again, whole",
    )
}

fn cut_off(error: &tokio::task::JoinError) -> Refused {
    Refused::unavailable(
        &format!("the change was cut off: {error}"),
        "look at `GET /policy` and at the log",
    )
}

/// A rejection is the caller's to mend, but for the host's own faults.
impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        let status = match rejection.code {
            NOTHING_BEFORE | NOTHING_ON_TRIAL => StatusCode::CONFLICT,
            COMPONENT_TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
            HOST_FAILED | SHELF_FAILED => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, rejection.code, &rejection.message, &rejection.help)
    }
}
