//! What a message says: asked only for rules with the effect `inspect`.
//!
//! An alarm is a JSON object with a `level` of 1 to 5; other fields are the device's own.

use crate::contract::{Access, Verdict};
use crate::refusal::{self, refuse};
use serde::Deserialize;

#[derive(Deserialize)]
struct Alarm {
    level: u8,
}

/// Whether the message passes.
pub fn inspect(access: &Access) -> Verdict {
    match serde_json::from_slice::<Alarm>(&access.payload) {
        Ok(Alarm { level: 1..=5 }) => Verdict::Allow,
        Ok(Alarm { level }) => deny(
            &access.rule,
            &format!("`level` is {level}: it must be 1 to 5"),
        ),
        Err(_) => deny(
            &access.rule,
            "an alarm is a JSON object with a `level` of 1 to 5",
        ),
    }
}

fn deny(rule: &str, detail: &str) -> Verdict {
    Verdict::Deny(refuse(refusal::PAYLOAD, rule, detail))
}
