//! The vendor's form of an error: `{"error_code":"IOTDA.xxxxxx","error_msg":"…"}`.
//!
//! | code | status | when |
//! |---|---|---|
//! | `IOTDA.000002` | 401 | there is no token |
//! | `IOTDA.000004` | 403 | the token is wrong |
//! | `IOTDA.000006` | 400 | a value is wrong, or does not fit the device |
//! | `IOTDA.000008` | 400, 413, 408 | the body is no JSON object, too large, or does not come |
//! | `IOTDA.014000` | 404 | there is no such device |
//! | `IOTDA.014038` | 403 | a sub-device cannot be frozen |
//! | `IOTDA.014040` | 403 | the device is not frozen |
//! | `IOTDA.999404`, `.999405`, `.999503` | 404, 405, 503 | ours, for what the vendor's list has no number: no such call, wrong method, no registry |
//!
//! Messages name the value and the cause, never a secret.

use axum::Json;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::registry::Error;

/// A call that was refused.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// The code of a refused call, for its line of the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code(pub(super) &'static str);

impl Refused {
    pub(super) fn no_token() -> Self {
        let message = "there is no token: send the text of `data/admin.token` as `X-Auth-Token`, or as `Authorization: Bearer`";
        Self::new(StatusCode::UNAUTHORIZED, "IOTDA.000002", message)
    }

    pub(super) fn wrong_token() -> Self {
        let message = "the token is wrong: send the text of `data/admin.token`";
        Self::new(StatusCode::FORBIDDEN, "IOTDA.000004", message)
    }

    pub(super) fn no_such_call(path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        let message = format!(
            "there is no call `{path}`: see the README for those of the vendor's API that this broker has"
        );
        Self::new(StatusCode::NOT_FOUND, "IOTDA.999404", message)
    }

    pub(super) fn wrong_method(method: &Method) -> Self {
        let method: String = method.as_str().chars().take(20).collect();
        let message = format!("this call does not have the method `{method}`: it is a POST");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "IOTDA.999405", message)
    }

    /// A value that may not be.
    pub(super) fn value(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "IOTDA.000006", message)
    }

    /// A body that cannot be read. `status`: 400, 408 or 413.
    pub(super) fn body(status: StatusCode, message: impl Into<String>) -> Self {
        Self::new(status, "IOTDA.000008", message)
    }

    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Missing { .. } => (StatusCode::NOT_FOUND, "IOTDA.014000"),
            Error::SubDevice { .. } => (StatusCode::FORBIDDEN, "IOTDA.014038"),
            Error::NotFrozen { .. } => (StatusCode::FORBIDDEN, "IOTDA.014040"),
            Error::Document(_)
            | Error::Exists { .. }
            | Error::InUse { .. }
            | Error::Malformed { .. }
            | Error::State { .. } => (StatusCode::BAD_REQUEST, "IOTDA.000006"),
            Error::Cancelled
            | Error::Newer { .. }
            | Error::Open { .. }
            | Error::Random(_)
            | Error::Replaced { .. }
            | Error::Sqlite(_) => (StatusCode::SERVICE_UNAVAILABLE, "IOTDA.999503"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error_code": self.code, "error_msg": self.message });
        let mut response = (self.status, Json(body)).into_response();
        response.extensions_mut().insert(Code(self.code));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_registry_says_has_the_vendors_number() {
        let id = || "d".to_owned();
        let malformed = Error::Malformed {
            what: "secret",
            value: "…".into(),
            rule: "8 to 32 letters".into(),
        };
        let state = Error::State {
            id: id(),
            cause: "would be left without one",
        };
        for (error, status, code) in [
            (
                Error::Missing {
                    what: "device",
                    id: id(),
                },
                404,
                "IOTDA.014000",
            ),
            (Error::SubDevice { id: id() }, 403, "IOTDA.014038"),
            (Error::NotFrozen { id: id() }, 403, "IOTDA.014040"),
            (malformed, 400, "IOTDA.000006"),
            (state, 400, "IOTDA.000006"),
            (Error::Cancelled, 503, "IOTDA.999503"),
        ] {
            let told = error.to_string();
            let refused = Refused::from(error);
            assert_eq!((refused.status.as_u16(), refused.code), (status, code));
            assert_eq!(refused.message, told);
        }
    }
}
