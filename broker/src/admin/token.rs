//! The bearer token of the admin API.
//!
//! Compared by digests in constant time, so that neither its content nor its length leaks. It has no `Debug` and is never logged.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Admin;
use super::answer::Refused;

/// What a caller must present. Only its digest is kept.
pub struct Token([u8; 32]);

impl Token {
    /// The text of the token file; white space around it does not count.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text.trim()).into())
    }

    pub(super) fn is(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0.ct_eq(&presented).into()
    }
}

pub(super) async fn require(
    State(admin): State<Arc<Admin>>,
    request: Request,
    next: Next,
) -> Response {
    match bearer(request.headers()) {
        Some(presented) if admin.token.is(presented) => next.run(request).await,
        _ => Refused::unauthorized().into_response(),
    }
}

/// The token after `Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_token_and_nothing_else() {
        let token = Token::new("abc\n");
        assert!(token.is("abc"));
        for wrong in ["", "ab", "abcd", "ABC", "abc\n"] {
            assert!(!token.is(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn reads_bearer_headers_only() {
        for (value, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc", Some("abc")),
            ("Basic abc", None),
            ("abc", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer(&headers), token, "{value}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
