//! What a proven client may do now: asked after `authenticate`, and again of the live session whenever rules or record change.
//!
//! Everything that could end a session is judged again here: registration, status, TLS, the credential that was used, the end of the certificate. The grant's
//! size is checked against the contract, because documents that are bound to an application may add up to more: that is the operator's mistake and refused
//! with a sentence, not a fault of the policy.

use crate::applications;
use crate::certificate;
use crate::configuration::Configuration;
use crate::contract::{
    Client, Grant, Limits, Message, Principal, Qos, Refusal, Rule, Subject, UtcMs,
};
use crate::custom_topics;
use crate::names::Names;
use crate::proof::{Evidence, Proof};
use crate::refusal::{self, refuse, refuse_by};
use crate::standing;
use crate::system_topics;

/// Rules of a grant: the contract's limit.
const RULES_MAX: usize = 256;

/// Where a device that does not know its names is told them.
const IDENTITY: &str = "/ext/auth/identity/response";

/// A device's limits, the vendor's. Seconds of a session without a connection: a week, as long as no page says less; the C SDK subscribes once and never
/// again. A message of 1024 KB a second is beyond the payload's 256 KB anyway. A will is refused, since he has none.
const DEVICE_LIMITS: Limits = Limits {
    keep_alive_max: 1_200,
    session_expiry_max: 604_800,
    payload_max: 262_144,
    topic_max: 128,
    subscriptions_max: 100,
    filters_max: 8,
    publish_rate: 30,
    publish_rate_acknowledged: 10,
    publish_bytes: 1_048_576,
    will: false,
};

/// An application is trusted with the host's own limits.
const APPLICATION_LIMITS: Limits = Limits {
    keep_alive_max: 0,
    session_expiry_max: 0,
    payload_max: 0,
    topic_max: 0,
    subscriptions_max: 0,
    filters_max: 0,
    publish_rate: 0,
    publish_rate_acknowledged: 0,
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
    check_credential(&proof, client)?;
    let valid_until = check_certificate_end(&proof, now)?;
    if client.application {
        return application(configuration, client, &proof);
    }
    Ok(Grant {
        valid_until,
        ..device(configuration, client, &proof)
    })
}

fn registered<'s>(principal: &Principal, subject: &'s Subject) -> Result<&'s Client, Refusal> {
    let client = subject.client.as_ref();
    client
        .filter(|client| client.id == principal.id)
        .ok_or_else(|| {
            refuse(
                refusal::NOT_AUTHORIZED,
                "the client is not registered any more",
            )
        })
}

fn unreadable_proof() -> Refusal {
    refuse(
        refusal::NOT_AUTHORIZED,
        "the session's proof was not written by this version of the policy: connect again",
    )
}

fn check_credential(proof: &Proof, client: &Client) -> Result<(), Refusal> {
    if proof.evidence.is_current(&client.id, &client.credential) {
        return Ok(());
    }
    Err(refuse_by(
        refusal::REPLACED,
        "credential",
        "the credential has been replaced since the client connected: connect with the new one",
    ))
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

/// First match wins: the vendor's system topics, the depth of all others, the product's own, wide filters.
fn device(configuration: &Configuration, client: &Client, proof: &Proof) -> Grant {
    let names = standing::names(client);
    let mut rules = system_topics::rules(&names);
    rules.push(system_topics::depth_rule());
    rules.extend(custom_topics::rules(
        configuration.product(names.product_key),
        &names,
    ));
    rules.push(system_topics::wide_rule(&names));
    Grant {
        unsolicited: proof.subscribed,
        greetings: if proof.named {
            Vec::new()
        } else {
            vec![identity(&names)]
        },
        ..grant(names.to_string(), rules, DEVICE_LIMITS)
    }
}

/// Who named nobody is told its names, at every connect: the SDK keeps them in memory only. They have no character that JSON escapes.
fn identity(names: &Names) -> Message {
    let payload = format!(
        r#"{{"productKey":"{}","deviceName":"{}"}}"#,
        names.product_key, names.device_name
    );
    Message {
        topic: IDENTITY.to_owned(),
        qos: Qos::AtMostOnce,
        payload: payload.into_bytes(),
    }
}

fn application(
    configuration: &Configuration,
    client: &Client,
    proof: &Proof,
) -> Result<Grant, Refusal> {
    let bound = client.policies.iter();
    let bound: Vec<_> = bound.map(|name| configuration.application(name)).collect();
    let rules = applications::rules(&bound);
    let count = rules.len();
    if count > RULES_MAX {
        let detail = format!(
            "the bound documents make {count} rules, over the limit of {RULES_MAX}: bind fewer"
        );
        return Err(refuse_by(refusal::LIMIT, "policies", detail));
    }
    let client_id = format!("{}/{}", client.id, proof.client_id);
    Ok(grant(client_id, rules, APPLICATION_LIMITS))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authenticate::authenticate;
    use crate::sample::{
        self, DEVICE1, NOW, connect, connect_with, device, document, serial, subject,
    };

    fn session() -> (Principal, Client) {
        let record = device("a1demoX509", "device1", serial("ca1", "3476BFA870CC99"));
        let principal = authenticate(&connect_with(DEVICE1), &subject(record.clone())).unwrap();
        (principal, record)
    }

    #[test]
    fn the_largest_product_keeps_within_the_contract() {
        let classes: Vec<String> = (0..50)
            .map(|n| format!(r#"{{"topic":"user/t{n}","permission":"PUB"}}"#))
            .collect();
        let text = format!(
            r#"{{"product_key":"a1demoX509","topics":[{}]}}"#,
            classes.join(",")
        );
        let configuration = Configuration::read(&[document("product_a.json", &text)]).unwrap();
        let (principal, record) = session();
        let grant = authorize(&configuration, &principal, &subject(record), NOW).unwrap();
        assert!(
            grant.rules.len() > 200 && grant.rules.len() <= RULES_MAX,
            "{}",
            grant.rules.len()
        );
        let fits = |rule: &Rule| rule.pattern.len() <= 512 && rule.name.len() <= 128;
        assert!(grant.rules.iter().all(fits));
    }

    #[test]
    fn an_unreadable_proof_proves_nothing() {
        let (session, record) = session();
        for proof in [Vec::new(), vec![2, 1, 1], session.proof[..40].to_vec()] {
            let principal = Principal {
                proof,
                ..session.clone()
            };
            let judged = authorize(
                &Configuration::default(),
                &principal,
                &subject(record.clone()),
                NOW,
            );
            assert_eq!(judged.unwrap_err().code, 300);
        }
    }

    #[test]
    fn documents_of_an_application_that_are_too_many_are_told() {
        let list = vec!["\"/a\""; 100].join(",");
        let text = format!("{{\"publish\":[{list}],\"subscribe\":[{list}]}}");
        let documents = [
            document("application_demo.json", &text),
            document("application_b.json", &text),
        ];
        let configuration = Configuration::read(&documents).unwrap();
        let record = Client {
            policies: vec!["application_demo".into(), "application_b".into()],
            ..sample::application("t")
        };
        let connect = crate::contract::Connect {
            password: Some(b"t".to_vec()),
            ..connect("c", Some("aliyun_app"))
        };
        let principal = authenticate(&connect, &subject(record.clone())).unwrap();
        let refused = authorize(&configuration, &principal, &subject(record), NOW).unwrap_err();
        assert_eq!(refused.code, 500);
        assert!(refused.detail.contains("make 400 rules"));
    }
}
