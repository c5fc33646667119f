//! What a proven client may do now: asked after `authenticate`, and again of the live session whenever rules or record change.
//!
//! So everything that could end a session is judged here: registration, status, the credential that was used.

use crate::authenticate::is_current;
use crate::contract::{Client, Grant, Limits, Principal, Refusal, Status, Subject};
use crate::document::Rules;
use crate::refusal::{self, refuse};

/// 0 stands for the host's own limit.
const LIMITS: Limits = Limits {
    keep_alive_max: 1_200,
    session_expiry_max: 86_400,
    payload_max: 65_536,
    topic_max: 0,
    subscriptions_max: 50,
    filters_max: 0,
    publish_rate: 50,
    publish_rate_acknowledged: 0,
    publish_bytes: 0,
    will: true,
};

/// The grant of a proven client.
pub fn authorize(
    rules: &Rules,
    principal: &Principal,
    subject: &Subject,
) -> Result<Grant, Refusal> {
    let client = registered(principal, subject)?;
    if client.status != Status::Active {
        return Err(refuse(
            refusal::STATUS,
            "status",
            "the client is frozen or switched off",
        ));
    }
    if !is_current(client, &principal.proof) {
        return Err(refuse(
            refusal::REPLACED,
            "credential",
            "the credential has been replaced: connect with the new one",
        ));
    }
    Ok(Grant {
        client_id: client.id.clone(),
        rules: rules.of(client),
        unsolicited: false,
        greetings: Vec::new(),
        limits: LIMITS,
        valid_until: None,
        suffix_mark: None,
        extra: Vec::new(),
    })
}

fn registered<'s>(principal: &Principal, subject: &'s Subject) -> Result<&'s Client, Refusal> {
    let client = subject.client.as_ref();
    client
        .filter(|client| client.id == principal.id)
        .ok_or_else(|| {
            refuse(
                refusal::UNKNOWN_CLIENT,
                "registry",
                "the client is not registered any more",
            )
        })
}
