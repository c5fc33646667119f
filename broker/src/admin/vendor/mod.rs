//! The vendor's REST: his paths, bodies and error codes on our registry, so that tools written for his cloud revoke and restore here, too.
//!
//! | call, below `/v5/iot/{project_id}` | answer |
//! |---|---|
//! | `POST /devices/{device_id}/freeze` | 204: its session is ended, and it may not connect; also where it was frozen already |
//! | `POST /devices/{device_id}/unfreeze` | 204; 403 `IOTDA.014040`: it is not frozen |
//! | `POST /devices/{device_id}/reset-fingerprint` | 200 `{device_id, fingerprint, fingerprint_type}` |
//! | `POST /devices/{device_id}/action?action_id=resetSecret` | 200 `{device_id, secret, secret_type}` |
//!
//! Any project id will do: a broker is one project. The token is that of the admin API, in `X-Auth-Token` or as a bearer. Members of a body that
//! are not known are ignored, because the vendor adds some with every year; what is known must be right. Where the vendor's documents are silent,
//! we chose:
//!
//! * A session whose credential was replaced is always ended (MQTT 5: DISCONNECT 0x87), `force_disconnect` or not: nobody stays on a credential that
//!   is gone. `force_disconnect` ends the device's session also where it had shown the other credential of the two, which still holds.
//! * A reset of the primary fingerprint without a value enrols the next certificate of a verified authority; one of the secondary takes it away.
//! * A reset of a fingerprint makes a certificate device of a secret one, as in the vendor's cloud, and a reset of a secret the other way round.
//!
//! Bounds: [`body`] and those of the admin port. Failure: an error has the vendor's form, see [`answer`]. A call that was let in is one line
//! of the log, without its body.

mod answer;
mod body;
mod devices;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tracing::info;

use super::{Admin, token};
use answer::{Code, Refused};

/// Letters of a path that a line of the log shows: more than the longest one that is right.
const SHOWN: usize = 300;

pub(super) fn routes(admin: &Arc<Admin>) -> Router<Arc<Admin>> {
    let calls = devices::routes()
        .fallback(async |uri: Uri| Refused::no_such_call(uri.path()))
        .method_not_allowed_fallback(async |method: Method| Refused::wrong_method(&method))
        .layer(middleware::from_fn(log))
        .layer(middleware::from_fn_with_state(Arc::clone(admin), require));
    Router::new().nest("/v5/iot/{project_id}", calls)
}

/// Before the body is read: nobody without a token makes us wait for one.
async fn require(State(admin): State<Arc<Admin>>, request: Request, next: Next) -> Response {
    match presented(request.headers()) {
        None => Refused::no_token().into_response(),
        Some(token) if admin.token.is(token) => next.run(request).await,
        Some(_) => Refused::wrong_token().into_response(),
    }
}

/// The vendor's header first: his clients may use the other one for something else.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let own = headers.get("x-auth-token").map(|value| value.to_str().ok());
    match own {
        Some(token) => Some(token.unwrap_or_default()),
        None => token::bearer(headers),
    }
}

async fn log(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let uri = request.uri().clone();
    let answer = next.run(request).await;
    let path: String = uri.path().chars().take(SHOWN).collect();
    let status = answer.status().as_u16();
    match answer.extensions().get::<Code>() {
        None => info!(%method, path, status, "call of the vendor's API"),
        Some(Code(code)) => info!(%method, path, status, code, "call of the vendor's API refused"),
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_header_wins_and_each_has_its_form() {
        for (headers, expected) in [
            (vec![], None),
            (vec![("x-auth-token", "abc")], Some("abc")),
            (vec![("X-Auth-Token", "Bearer abc")], Some("Bearer abc")),
            (vec![("authorization", "Bearer abc")], Some("abc")),
            (vec![("authorization", "abc")], None),
            (vec![("x-auth-token", "")], Some("")),
            (
                vec![("authorization", "Bearer abc"), ("x-auth-token", "wrong")],
                Some("wrong"),
            ),
            (
                vec![
                    ("authorization", "SDK-HMAC-SHA256 x"),
                    ("x-auth-token", "abc"),
                ],
                Some("abc"),
            ),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in &headers {
                let name = axum::http::HeaderName::try_from(*name).unwrap();
                map.insert(name, value.parse().unwrap());
            }
            assert_eq!(presented(&map), expected, "{headers:?}");
        }
        let mut binary = HeaderMap::new();
        let value = axum::http::HeaderValue::from_bytes(b"\xFF").unwrap();
        binary.insert("x-auth-token", value);
        assert_eq!(presented(&binary), Some(""), "no text is no token");
    }
}
