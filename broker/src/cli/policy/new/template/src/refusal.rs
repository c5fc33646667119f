//! Refusals: the codes of the contract by name. A detail is shown to the client: one sentence, no secret in it.

use crate::contract::Refusal;

/// The username does not fit the client id.
pub const USERNAME: u16 = 101;
/// The registry does not know the client.
pub const UNKNOWN_CLIENT: u16 = 200;
/// The password is wrong.
pub const PASSWORD: u16 = 201;
/// Not authorized, for a reason that has no code of its own.
pub const NOT_AUTHORIZED: u16 = 300;
/// The client is frozen or inactive.
pub const STATUS: u16 = 301;
/// The client must use TLS.
pub const ENCRYPTION: u16 = 305;
/// The credential has been replaced since the client connected.
pub const REPLACED: u16 = 306;
/// The payload is not what it must be.
pub const PAYLOAD: u16 = 402;

/// A refusal with the rule or field that decided.
pub fn refuse(code: u16, rule: &str, detail: &str) -> Refusal {
    Refusal {
        code,
        detail: detail.to_owned(),
        rule: Some(rule.to_owned()),
    }
}
