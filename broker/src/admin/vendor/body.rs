//! The body of a call: a JSON object, read and looked into member by member, so that an error names the member and its value.
//!
//! Bounds: the admin API's limit of bytes, and [`DEADLINE`]. An empty body is an empty object, `null` is an absent member. On failure: a
//! [`Refused`] that shows no secret.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::super::BODY_MAX;
use super::answer::Refused;
use crate::registry::Slot;

/// From the head of a request to the end of its body.
const DEADLINE: Duration = Duration::from_secs(10);
/// The member whose value is never shown.
const SECRET: &str = "secret";
/// Of a wrong value an error shows so many letters.
const SHOWN: usize = 100;

/// The members of a body.
#[derive(Debug)]
pub(super) struct Body(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let read = timeout(DEADLINE, Bytes::from_request(request, state)).await;
        let bytes = read.map_err(|_| late())?.map_err(|rejection| {
            let status = rejection.status();
            Refused::body(
                status,
                match status {
                    StatusCode::PAYLOAD_TOO_LARGE => {
                        format!("the body is larger than {BODY_MAX} bytes")
                    }
                    _ => "the body broke off: send it again, whole".into(),
                },
            )
        })?;
        Self::parse(&bytes)
    }
}

impl Body {
    fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        let object = serde_json::from_slice(bytes);
        object.map(Self).map_err(|error| {
            let message = format!(
                "the body is no JSON object: line {}, column {}",
                error.line(),
                error.column()
            );
            Refused::body(StatusCode::BAD_REQUEST, message)
        })
    }

    /// A text, where it is there.
    pub(super) fn text(&self, member: &str) -> Result<Option<&str>, Refused> {
        match self.member(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(member, other, "a text is needed")),
        }
    }

    /// True where it is there and true.
    pub(super) fn flag(&self, member: &str) -> Result<bool, Refused> {
        match self.member(member) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong(member, other, "true or false is needed")),
        }
    }

    /// Which of the two credentials; the primary one where it is not said.
    pub(super) fn slot(&self, member: &str) -> Result<Slot, Refused> {
        match self.member(member) {
            None => Ok(Slot::Primary),
            Some(Value::String(text)) if text == name_of(Slot::Primary) => Ok(Slot::Primary),
            Some(Value::String(text)) if text == name_of(Slot::Secondary) => Ok(Slot::Secondary),
            Some(other) => Err(wrong(member, other, "PRIMARY or SECONDARY is needed")),
        }
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }
}

/// The vendor's word.
pub(super) fn name_of(slot: Slot) -> &'static str {
    match slot {
        Slot::Primary => "PRIMARY",
        Slot::Secondary => "SECONDARY",
    }
}

fn late() -> Refused {
    let message = format!("the body did not come within {} s", DEADLINE.as_secs());
    Refused::body(StatusCode::REQUEST_TIMEOUT, message)
}

fn wrong(member: &str, value: &Value, rule: &str) -> Refused {
    let shown: String = match member {
        SECRET => "…".into(),
        _ => value.to_string().chars().take(SHOWN).collect(),
    };
    Refused::value(format!("`{member}` is `{shown}`: {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Body {
        Body::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for text in ["", " \r\n", "{}", r#"{"unknown": [1]}"#] {
            let body = body(text);
            assert_eq!(body.text("secret").unwrap(), None, "{text}");
            assert!(!body.flag("force_disconnect").unwrap(), "{text}");
            assert_eq!(body.slot("secret_type").unwrap(), Slot::Primary, "{text}");
        }
        for text in [
            "[]",
            "3",
            "\"{}\"",
            "{",
            "{}{}",
            "{\"secret\":hunter22}",
            "null",
            "\u{FEFF}{}",
        ] {
            let told = format!("{:?}", Body::parse(text.as_bytes()).unwrap_err());
            assert!(
                told.contains("IOTDA.000008") && told.contains("400"),
                "{told}"
            );
            assert!(!told.contains("hunter22"), "{told}");
        }
        assert!(Body::parse(b"{\"secret\":\"\xFF\"}").is_err());
    }

    #[test]
    fn members_are_read_and_null_is_absent() {
        let body =
            body(r#"{"a": "x", "b": true, "c": "SECONDARY", "d": null, "e": "", "f": false}"#);
        assert_eq!(body.text("a").unwrap(), Some("x"));
        assert_eq!(body.text("e").unwrap(), Some(""));
        assert_eq!(body.text("d").unwrap(), None);
        assert!(body.flag("b").unwrap() && !body.flag("f").unwrap() && !body.flag("d").unwrap());
        assert_eq!(body.slot("c").unwrap(), Slot::Secondary);
        assert_eq!(body.slot("d").unwrap(), Slot::Primary);
    }

    #[test]
    fn a_wrong_value_is_shown_but_a_secret_is_not() {
        let long = "x".repeat(1000);
        let text = format!(
            r#"{{"t": 3, "f": "true", "s": "secondary", "l": ["{long}"], "secret": [12345678]}}"#
        );
        let body = body(&text);
        let told = |refused: Refused| format!("{refused:?}");
        for (told, contains) in [
            (
                told(body.text("t").unwrap_err()),
                "`t` is `3`: a text is needed",
            ),
            (told(body.flag("f").unwrap_err()), "true or false is needed"),
            (
                told(body.slot("s").unwrap_err()),
                "PRIMARY or SECONDARY is needed",
            ),
            (
                told(body.slot("t").unwrap_err()),
                "PRIMARY or SECONDARY is needed",
            ),
            (told(body.text("secret").unwrap_err()), "`secret` is `…`"),
        ] {
            assert!(
                told.contains(contains) && told.contains("IOTDA.000006"),
                "{told}"
            );
            assert!(!told.contains("12345678"), "{told}");
        }
        assert!(told(body.text("l").unwrap_err()).len() < 300);
    }
}
