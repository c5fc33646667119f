//! `/devices/{device_id}/…`: freeze and unfreeze, new fingerprints, new secrets.
//!
//! Each is one write of the registry, whose change feed ends the sessions that it touches within milliseconds.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Admin;
use super::answer::Refused;
use super::body::{Body, name_of};
use crate::registry::{Error, Registry, fingerprint_hex, parse_fingerprint, random_secret};

/// The vendor's longest device id.
const LONGEST: usize = 128;

pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new()
        .route("/devices/{device_id}/freeze", post(freeze))
        .route("/devices/{device_id}/unfreeze", post(unfreeze))
        .route(
            "/devices/{device_id}/reset-fingerprint",
            post(reset_fingerprint),
        )
        .route("/devices/{device_id}/action", post(action))
}

async fn freeze(
    State(admin): State<Arc<Admin>>,
    Device(id): Device,
) -> Result<StatusCode, Refused> {
    write(&admin, move |registry| registry.freeze(&id, true)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unfreeze(
    State(admin): State<Arc<Admin>>,
    Device(id): Device,
) -> Result<StatusCode, Refused> {
    write(&admin, move |registry| registry.freeze(&id, false)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn reset_fingerprint(
    State(admin): State<Arc<Admin>>,
    Device(id): Device,
    body: Body,
) -> Result<Json<Value>, Refused> {
    let slot = body.slot("fingerprint_type")?;
    let end_session = body.flag("force_disconnect")?;
    // The vendor's clients send an empty one for none.
    let given = body.text("fingerprint")?.filter(|text| !text.is_empty());
    let fingerprint = given.map(parse_fingerprint).transpose()?;
    let answer = json!({
        "device_id": id,
        "fingerprint": fingerprint.as_deref().map(fingerprint_hex).unwrap_or_default(),
        "fingerprint_type": name_of(slot),
    });
    let device = id.clone();
    write(&admin, move |registry| {
        registry.reset_fingerprint(&device, slot, fingerprint)
    })
    .await?;
    if end_session {
        admin.close_record(&id);
    }
    Ok(Json(answer))
}

/// What is done is said in the query, unlike in the other calls.
async fn action(
    State(admin): State<Arc<Admin>>,
    Device(id): Device,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Json<Value>, Refused> {
    match action_in(query.as_deref().unwrap_or_default()) {
        Some("resetSecret") => reset_secret(&admin, id, &body).await,
        other => {
            let shown: String = other.unwrap_or_default().chars().take(100).collect();
            Err(Refused::value(format!(
                "`action_id` is `{shown}`: `resetSecret` is the only one of a device"
            )))
        }
    }
}

async fn reset_secret(admin: &Admin, id: String, body: &Body) -> Result<Json<Value>, Refused> {
    let slot = body.slot("secret_type")?;
    let end_session = body.flag("force_disconnect")?;
    let given = body.text("secret")?.map(str::to_owned);
    let device = id.clone();
    let secret = write(admin, move |registry| {
        let secret = given.map_or_else(random_secret, Ok)?;
        registry.reset_secret(&device, slot, Some(&secret))?;
        Ok(secret)
    })
    .await?;
    if end_session {
        admin.close_record(&id);
    }
    Ok(Json(
        json!({ "device_id": id, "secret": secret, "secret_type": name_of(slot) }),
    ))
}

async fn write<T: Send + 'static>(
    admin: &Admin,
    verb: impl FnOnce(&Registry) -> Result<T, Error> + Send + 'static,
) -> Result<T, Refused> {
    Ok(admin.registry.blocking(verb).await?)
}

/// The last `action_id` of a query.
fn action_in(query: &str) -> Option<&str> {
    query
        .split('&')
        .rev()
        .find_map(|pair| pair.strip_prefix("action_id="))
}

/// The device id of the path, of a form that a device can have.
struct Device(String);

#[derive(Deserialize)]
struct Named {
    device_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Device {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Path(Named { device_id }) = Path::from_request_parts(parts, state)
            .await
            .map_err(|_| malformed("…"))?;
        if is_device_id(&device_id) {
            return Ok(Self(device_id));
        }
        let shown: String = device_id.chars().take(LONGEST).collect();
        Err(malformed(&shown))
    }
}

fn is_device_id(text: &str) -> bool {
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-');
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_letter)
}

fn malformed(shown: &str) -> Refused {
    Refused::value(format!(
        "device id `{shown}` is malformed: 1 to {LONGEST} of the letters A-Z a-z 0-9 _ - are needed"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_action_is_read_from_the_query() {
        for (query, action) in [
            ("action_id=resetSecret", Some("resetSecret")),
            ("x=1&action_id=resetSecret&y", Some("resetSecret")),
            ("action_id=a&action_id=b", Some("b")),
            ("action_id=", Some("")),
            ("action_ids=a", None),
            ("action_id", None),
            ("", None),
        ] {
            assert_eq!(action_in(query), action, "{query}");
        }
    }

    #[test]
    fn device_ids_have_the_vendors_letters() {
        let (long, longer) = ("a".repeat(128), "a".repeat(129));
        for id in ["a", "demo_device-1", &long] {
            assert!(is_device_id(id), "{id}");
        }
        for id in ["", "a b", "a/b", "é", "a\n", "+", &longer] {
            assert!(!is_device_id(id), "{id:?}");
        }
    }
}
