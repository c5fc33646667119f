//! Admin HTTP.
//!
//! | endpoint | token | answer |
//! |---|---|---|
//! | `GET /livez` | no | 200 while the process serves HTTP |
//! | `GET /readyz` | no | 200 where the engine runs and the registry answers, else 503 with what does not |
//! | `GET /metrics` | no | Prometheus text |
//! | `/policy…` | yes | what is in force, and changing it: see `policy` |
//! | `GET /sessions` | yes | every session of every policy, parked ones included |
//! | `GET /decisions?after=N&limit=K` | yes | the decision log after line N: JSON lines, with gaps; see `decisions` |
//! | `GET /decisions/{n}/case` | yes | the line as a table case of `policy test`; 404: it is not in memory; 409: it cannot be one |
//! | `DELETE /sessions/{id}` | yes | 204: the session of this canonical id is ended, with its state, under every policy that has one; 404: there is none |
//! | `POST /v5/iot/{project_id}/devices/…` | yes | the vendor's calls: see `vendor` |
//!
//! The token is `Authorization: Bearer …` from `data/admin.token`, compared in constant time. Bounds: a body has 64 KiB, but those of
//! `policy`; connections are bounded by `serve`. No CORS, no HTML. Failure: an error has the form `{"code","message","help"}`, below `/v5` the
//! vendor's.

mod answer;
mod decisions;
mod policy;
mod serve;
mod token;
mod vendor;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router, middleware};
use tokio::net::TcpListener;

use crate::decision;
use crate::engine::Engine;
use crate::metrics::{Metrics, PolicyGauges};
use crate::policy::Policy;
use crate::registry::Registry;
use crate::session::{Listed, Sessions};
use answer::Refused;
pub use token::Token;

/// Bytes of a request's body, where its endpoint has no limit of its own (a route's inner `DefaultBodyLimit` wins).
const BODY_MAX: usize = 64 << 10;

/// What the endpoints look at.
pub struct Admin {
    /// What is served, by the policies' names in the configuration.
    pub served: BTreeMap<String, Served>,
    /// Asked by `/readyz`.
    pub registry: Registry,
    /// Read by `/decisions`.
    pub decisions: decision::Log,
    /// Encoded by `/metrics`.
    pub metrics: Metrics,
    /// Guards everything but `/livez`, `/readyz` and `/metrics`.
    pub token: Token,
}

/// One policy and those whom it judges.
#[derive(Clone)]
pub struct Served {
    /// Its active generation is shown.
    pub policy: Policy,
    /// Asked by `/readyz`.
    pub engine: Engine,
    /// Listed and ended.
    pub sessions: Sessions,
}

impl Admin {
    /// Ends the sessions of one record, under whatever policy.
    fn close_record(&self, record: &str) -> usize {
        let served = self.served.values();
        served.map(|one| one.sessions.close_record(record)).sum()
    }

    /// The most bytes of a component that any policy takes.
    fn component_max(&self) -> usize {
        let all = self.served.values().map(|one| one.policy.component_max());
        all.max().unwrap_or_default()
    }

    /// Serves until `stopped` is done, then finishes the requests under way.
    pub async fn serve(self, listener: TcpListener, stopped: impl Future<Output = ()>) {
        let bounds = serve::Bounds::default();
        serve::serve(listener, routes(Arc::new(self)), bounds, stopped).await;
    }
}

fn routes(admin: Arc<Admin>) -> Router {
    let guarded = Router::new()
        .merge(policy::routes(admin.component_max()))
        .route("/sessions", get(sessions))
        .route("/decisions", get(decisions::list))
        .route("/decisions/{n}/case", get(decisions::case))
        // An application's canonical id has a slash in it.
        .route("/sessions/{*id}", delete(close_session))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&admin),
            token::require,
        ));
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(guarded)
        .merge(vendor::routes(&admin))
        .fallback(async || {
            Refused::not_found(
                "there is no such endpoint",
                "see `GET /policy`, `/sessions`, `/decisions`, `/metrics`",
            )
        })
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(admin)
}

async fn readyz(State(admin): State<Arc<Admin>>) -> Response {
    let mut served = admin.served.iter();
    if let Some((name, _)) = served.find(|(_, one)| one.engine.is_down()) {
        return Refused::unavailable(
            &format!("the message engine of the policy `{name}` is down"),
            "it is being started again: see the log",
        )
        .into_response();
    }
    let registry = admin.registry.clone();
    let answers = tokio::task::spawn_blocking(move || registry.last_sequence().is_ok()).await;
    if !answers.unwrap_or(false) {
        return Refused::unavailable(
            "the registry cannot be read",
            "look at the disk and at `registry.db`",
        )
        .into_response();
    }
    "ok\n".into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    for (name, one) in &admin.served {
        let now = PolicyGauges {
            revision: one.policy.active().revision(),
            sessions: one.sessions.len(),
            engine_depth: one.engine.depth(),
        };
        admin.metrics.policy(name, now);
    }
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], admin.metrics.encode())
}

async fn sessions(State(admin): State<Arc<Admin>>) -> Json<serde_json::Value> {
    let of = |(name, one): (&String, &Served)| {
        let listed = one.sessions.list().into_iter();
        let policy = name.clone();
        listed.map(move |session| Shown {
            policy: policy.clone(),
            session,
        })
    };
    let all: Vec<_> = admin.served.iter().flat_map(of).collect();
    Json(serde_json::json!({ "sessions": all }))
}

/// A session, and the policy that judges it.
#[derive(serde::Serialize)]
struct Shown {
    policy: String,
    #[serde(flatten)]
    session: Listed,
}

/// Two policies may have a client of the same id each: both are ended, because nobody said which.
async fn close_session(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    let closed = admin.served.values().filter(|one| one.sessions.close(&id));
    if closed.count() > 0 {
        tracing::info!(client = id, "session ended by the admin API");
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Refused::not_found(
        &format!("there is no session `{id}`"),
        "`GET /sessions` lists the canonical ids",
    ))
}
