//! The one form of an error: `{"code","message","help"}` with a fitting status.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// A request that was refused.
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    help: String,
}

impl Refused {
    pub(super) fn bad_request(message: &str, help: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", message, help)
    }

    /// `code`: what stands in the way.
    pub(super) fn conflict(code: &'static str, message: &str, help: &str) -> Self {
        Self::new(StatusCode::CONFLICT, code, message, help)
    }

    pub(super) fn not_found(message: &str, help: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message, help)
    }

    pub(super) fn unauthorized() -> Self {
        let help = "send `Authorization: Bearer` with the text of `data/admin.token`";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the bearer token is missing or wrong",
            help,
        )
    }

    pub(super) fn unavailable(message: &str, help: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            message,
            help,
        )
    }

    /// `limit`: bytes of a body.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            &format!("the body is larger than {limit} bytes"),
            "send less, or raise the limit in the configuration where there is one",
        )
    }

    pub(super) fn new(status: StatusCode, code: &'static str, message: &str, help: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            help: help.to_owned(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body =
            serde_json::json!({ "code": self.code, "message": self.message, "help": self.help });
        (self.status, Json(body)).into_response()
    }
}
