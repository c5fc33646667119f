//! Refusals: the codes of the contract by name, and how a client's own text is shown in a sentence.
//!
//! No code of the 200 family is used: it becomes CONNACK 4, upon which the vendor's C SDK tries eight times in 22 s; upon 5 it gives up at
//! once. A detail never holds a secret, a password or more than 64 characters of what the client sent.

use crate::contract::Refusal;

/// The client id is malformed.
pub const CLIENT_ID: u16 = 100;
/// The keep alive is out of range.
pub const KEEP_ALIVE: u16 = 102;
/// Not authorized, for a reason that has no code of its own.
pub const NOT_AUTHORIZED: u16 = 300;
/// The client is frozen or inactive.
pub const STATUS: u16 = 301;
/// The client proves itself by a certificate and sent none.
pub const CERTIFICATE_MISSING: u16 = 302;
/// The certificate is not the client's.
pub const CERTIFICATE: u16 = 303;
/// The client proves itself in another way.
pub const KIND_OF_PROOF: u16 = 304;
/// The client must use TLS.
pub const ENCRYPTION: u16 = 305;
/// The credential has been replaced since the client connected.
pub const REPLACED: u16 = 306;
/// The rules do not allow this topic.
pub const TOPIC: u16 = 400;
/// The topic is for the other direction.
pub const DIRECTION: u16 = 401;
/// The grant would be larger than the contract allows.
pub const LIMIT: u16 = 500;
/// The topic or filter is too long, or too deep.
pub const TOPIC_LENGTH: u16 = 502;

/// Characters of a client's own text in a detail: enough to recognize it, too few to flood a log.
const SHOWN_MAX: usize = 64;

/// A refusal that no single rule, document or field decided.
pub fn refuse(code: u16, detail: impl Into<String>) -> Refusal {
    Refusal {
        code,
        detail: detail.into(),
        rule: None,
    }
}

/// A refusal with the rule, document or field that decided.
pub fn refuse_by(code: u16, rule: &str, detail: impl Into<String>) -> Refusal {
    Refusal {
        code,
        detail: detail.into(),
        rule: Some(rule.to_owned()),
    }
}

/// A client's own text for a sentence: in backticks, control characters escaped, cut.
pub fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_MAX).collect();
    let mark = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{mark}`", cut.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_text_is_escaped_and_cut() {
        assert_eq!(shown("dev\r\nevil"), "`dev\\r\\nevil`");
        assert_eq!(shown(&"é".repeat(100)), format!("`{}…`", "é".repeat(64)));
    }
}
