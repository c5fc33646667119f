//! The decision log over HTTP: lines with their gaps, and one line as a table case.
//!
//! | query | meaning | default |
//! |---|---|---|
//! | `after` | the number after which to read: the last `n`, or `to` of the last gap, of the answer before | 0 |
//! | `limit` | lines, at most 10 000 | 1 000 |
//!
//! The lines are newline-delimited JSON, oldest first; an empty answer says that there is nothing new. Bounds: an answer of 10 000 lines
//! takes some 6 MB. Lines are made to text on a thread that may block, so no session waits for it.

use super::Admin;
use super::answer::Refused;
use crate::contract::Subject;
use crate::decision::{Kept, case as table_case};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::sync::Arc;

const LIMIT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;
const QUERY_HELP: &str = "say for example `/decisions?after=0&limit=1000`; a limit is 1 to 10000";

/// `GET /decisions`.
pub(super) async fn list(State(admin): State<Arc<Admin>>, uri: Uri) -> Result<Response, Refused> {
    let Asked { after, limit } = Asked::parse(uri.query().unwrap_or_default())
        .map_err(|message| Refused::bad_request(&message, QUERY_HELP))?;
    let log = admin.decisions.clone();
    let read = tokio::task::spawn_blocking(move || log.read(after, limit)).await;
    let text = read.map_err(|_| stopping())?.map_err(|ahead| {
        let help = "the broker was restarted since, and counts anew: read on with `after=0`";
        Refused::bad_request(&ahead.to_string(), help)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

/// `GET /decisions/{n}/case`.
pub(super) async fn case(
    State(admin): State<Arc<Admin>>,
    Path(number): Path<String>,
) -> Result<Json<Value>, Refused> {
    let kept = number.parse().ok().and_then(|n| admin.decisions.find(n));
    let kept = kept.ok_or_else(|| {
        let message = format!("there is no decision `{number}` in memory");
        Refused::not_found(&message, "`GET /decisions` shows those that are")
    })?;
    let subject = subject(&admin, &kept).await?;
    let case = table_case::of(&kept, subject).map_err(|no| {
        let help = "a case needs a decision of the policy about a client that is registered";
        Refused::conflict(no.code(), &no.to_string(), help)
    })?;
    Ok(Json(case))
}

/// The record that the decision was about, as it now is.
async fn subject(admin: &Admin, kept: &Kept) -> Result<Subject, Refused> {
    let Some(record) = kept.line.record.as_deref().map(str::to_owned) else {
        return Ok(Subject {
            client: None,
            product: None,
        });
    };
    let read = admin
        .registry
        .blocking(move |registry| registry.subject(&record));
    read.await.map_err(|error| {
        Refused::unavailable(&error.to_string(), "look at the disk and at `registry.db`")
    })
}

fn stopping() -> Refused {
    Refused::unavailable("the broker is stopping", "ask again when it runs")
}

/// What a reader wants.
#[derive(Debug, PartialEq)]
struct Asked {
    after: u64,
    limit: usize,
}

impl Asked {
    fn parse(query: &str) -> Result<Self, String> {
        let (mut after, mut limit) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match name {
                "after" => &mut after,
                "limit" => &mut limit,
                _ => return Err(format!("there is no parameter `{name}`")),
            };
            let number: u64 = value
                .parse()
                .map_err(|_| format!("`{pair}` is no number"))?;
            if place.replace(number).is_some() {
                return Err(format!("`{name}` is given twice"));
            }
        }
        let limit = limit.map_or(Some(LIMIT), |limit| {
            usize::try_from(limit)
                .ok()
                .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        });
        Ok(Self {
            after: after.unwrap_or(0),
            limit: limit.ok_or_else(|| format!("`{query}` has a limit out of range"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_whole_or_refused() {
        let asked = |after, limit| Ok(Asked { after, limit });
        for (query, expected) in [
            ("", asked(0, 1_000)),
            ("after=7", asked(7, 1_000)),
            (
                "limit=10000&after=18446744073709551615",
                asked(u64::MAX, 10_000),
            ),
            ("after=7&", asked(7, 1_000)),
        ] {
            assert_eq!(Asked::parse(query), expected, "{query}");
        }
        for (query, told) in [
            ("afer=7", "there is no parameter `afer`"),
            ("after=x", "`after=x` is no number"),
            ("after", "`after` is no number"),
            ("after=-1", "`after=-1` is no number"),
            ("after=1&after=2", "`after` is given twice"),
            ("limit=0", "`limit=0` has a limit out of range"),
            ("limit=10001", "`limit=10001` has a limit out of range"),
        ] {
            assert_eq!(Asked::parse(query), Err(told.to_owned()), "{query}");
        }
    }
}
