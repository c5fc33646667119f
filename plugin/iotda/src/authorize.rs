//! What a proven client may do now: asked after `authenticate`, and again of the live session whenever rules or record change.
//!
//! Everything that could end a session is judged again here: registration, status, TLS, the credential that was used, the end of the
//! certificate. The grant's size is checked against the contract, because bound documents may add up to more: that is the operator's
//! mistake and refused with a sentence, not a fault of the policy.

use crate::certificate;
use crate::configuration::Configuration;
use crate::contract::{
    Client, Credential, Grant, Limits, Principal, Refusal, Rule, Subject, UtcMs,
};
use crate::policy_rules;
use crate::proof::{Evidence, Proof};
use crate::refusal::{self, refuse, refuse_by};
use crate::resource::Variables;
use crate::standing;
use crate::topics;

/// Rules of a grant, bytes of a pattern and of a name: the contract's limits.
const RULES_MAX: usize = 256;
const PATTERN_MAX: usize = 512;
const NAME_MAX: usize = 128;

/// Seconds: a device's session may outlive its connection by a day, as long as its messages are kept.
const SESSION_EXPIRY_MAX: u32 = 86_400;

/// A device's limits. The vendor's pages disagree on subscriptions (100, newer ones 50): 100, because a limit that is too low breaks
/// devices that work. The documented 128 bytes of a topic are for custom topics; 256 hold every system topic (128 bytes of id, a UUID as
/// request id and a suffix make 230). A will is offered, unlike the vendor: the host allows it on topics that the device may publish.
const DEVICE_LIMITS: Limits = Limits {
    keep_alive_max: 1_200,
    session_expiry_max: SESSION_EXPIRY_MAX,
    payload_max: 1_048_576,
    topic_max: 256,
    subscriptions_max: 100,
    publish_rate: 50,
    publish_bytes: 1_048_576,
    will: true,
};

/// An application is trusted with the host's own limits.
const APPLICATION_LIMITS: Limits = Limits {
    keep_alive_max: 0,
    session_expiry_max: 0,
    payload_max: 0,
    topic_max: 0,
    subscriptions_max: 0,
    publish_rate: 0,
    publish_bytes: 0,
    will: true,
};

/// The grant of a proven client.
pub fn authorize(
    configuration: &Configuration,
    principal: &Principal,
    subject: &Subject,
    now: UtcMs,
) -> Result<Grant, Refusal> {
    let client = registered(principal, subject)?;
    let proof = Proof::decode(&principal.proof).ok_or_else(unreadable_proof)?;
    standing::check(client, proof.encrypted)?;
    check_credential(principal, &proof, client)?;
    let valid_until = check_certificate_end(&proof, now)?;
    let grant = if client.application {
        application(configuration, client, &proof)
    } else {
        device(configuration, client, subject, &proof)
    };
    check_size(Grant {
        valid_until,
        ..grant
    })
}

fn registered<'s>(principal: &Principal, subject: &'s Subject) -> Result<&'s Client, Refusal> {
    let client = subject.client.as_ref();
    client
        .filter(|client| client.id == principal.id)
        .ok_or_else(|| refuse(refusal::UNKNOWN_CLIENT, "the client is not registered"))
}

fn unreadable_proof() -> Refusal {
    refuse(
        refusal::NOT_AUTHORIZED,
        "the session's proof was not written by this version of the policy: connect again",
    )
}

fn check_credential(principal: &Principal, proof: &Proof, client: &Client) -> Result<(), Refusal> {
    if proof.is_current(&client.credential) || is_being_enrolled(principal, proof, client) {
        return Ok(());
    }
    Err(refuse_by(
        refusal::REPLACED,
        "credential",
        "the credential has been replaced since the client connected: connect with the new one",
    ))
}

/// Between `authenticate` and the host's storing of the first fingerprint the record does not know the certificate yet.
fn is_being_enrolled(principal: &Principal, proof: &Proof, client: &Client) -> bool {
    match (&proof.evidence, &client.credential) {
        (Evidence::Certificate { sha256, .. }, Credential::Certificate(known)) => {
            certificate::waits_for_first(known)
                && principal.enrol.as_deref() == Some(sha256.as_slice())
        }
        _ => false,
    }
}

fn check_certificate_end(proof: &Proof, now: UtcMs) -> Result<Option<UtcMs>, Refusal> {
    match proof.evidence {
        Evidence::Certificate { not_after, .. } => {
            certificate::check_not_after(not_after, now)?;
            // One millisecond later, so that the judgement then finds it over.
            Ok(Some(not_after.saturating_add(1)))
        }
        Evidence::Secret(_) | Evidence::Token(_) => Ok(None),
    }
}

/// First match wins: the vendor's system topics, the product's own topics, then the policies.
fn device(
    configuration: &Configuration,
    client: &Client,
    subject: &Subject,
    proof: &Proof,
) -> Grant {
    let variables = Variables {
        device_id: &client.id,
        client_id: &proof.client_id,
        product_id: &client.product,
    };
    let product_policies = subject.product.iter().flat_map(|product| &product.policies);
    let bound = client.policies.iter().chain(product_policies);
    let policies = configuration.policies_of_device(bound.map(String::as_str));
    let mut rules = topics::system_rules(&client.id);
    rules.extend(configuration.custom_topic_rules(&client.product, &client.id));
    rules.extend(policy_rules::rules(&policies, Some(&variables)));
    Grant {
        unsolicited: true,
        suffix_mark: Some(topics::SUFFIX_MARK),
        ..grant(client.id.clone(), rules, DEVICE_LIMITS)
    }
}

fn application(configuration: &Configuration, client: &Client, proof: &Proof) -> Grant {
    let bound = client.policies.iter().map(String::as_str);
    let rules = policy_rules::rules(&configuration.policies(bound), None);
    let client_id = format!("{}/{}", client.id, proof.client_id);
    grant(client_id, rules, APPLICATION_LIMITS)
}

fn grant(client_id: String, rules: Vec<Rule>, limits: Limits) -> Grant {
    Grant {
        client_id,
        rules,
        unsolicited: false,
        greetings: Vec::new(),
        limits,
        valid_until: None,
        suffix_mark: None,
        extra: Vec::new(),
    }
}

/// A rule that does not fit cannot be left out: it might be a DENY.
fn check_size(grant: Grant) -> Result<Grant, Refusal> {
    let count = grant.rules.len();
    if count > RULES_MAX {
        return Err(refuse_by(
            refusal::LIMIT,
            "policies",
            format!(
                "the bound policies make {count} rules, over the limit of {RULES_MAX}: bind fewer"
            ),
        ));
    }
    let too_long = |rule: &&Rule| rule.pattern.len() > PATTERN_MAX || rule.name.len() > NAME_MAX;
    match grant.rules.iter().find(too_long) {
        None => Ok(grant),
        Some(rule) => Err(refuse_by(
            refusal::LIMIT,
            "policies",
            format!(
                "a pattern of the rule {} is over {PATTERN_MAX} bytes with this client's ids: shorten it",
                refusal::shown(&rule.name)
            ),
        )),
    }
}
