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
/// devices that work. The documented 128 bytes of a topic are for custom topics and have a rule of their own; 256 hold every system topic (128 bytes of id, a UUID as
/// request id and a suffix make 230). A will is offered, unlike the vendor: the host allows it on topics that the device may publish.
const DEVICE_LIMITS: Limits = Limits {
    keep_alive_max: 1_200,
    session_expiry_max: SESSION_EXPIRY_MAX,
    payload_max: 1_048_576,
    topic_max: 256,
    subscriptions_max: 100,
    filters_max: 0,
    publish_rate: 50,
    publish_rate_acknowledged: 0,
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

/// First match wins: the vendor's system topics, the product's own topics, the length of all others, then the policies.
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
    let is_checked = configuration.model(&client.product).is_some();
    let mut rules = topics::system_rules(&client.id, is_checked);
    rules.extend(configuration.custom_topic_rules(&client.product, &client.id));
    rules.push(topics::length_rule());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authenticate::authenticate;
    use crate::contract::{Connect, Document, Effect, Fingerprints, Status};
    use crate::sample::{
        self, DEVICE1, DEVICE2, EXPIRED, NOW, application, connect, connect_with, device,
        fingerprints, secret, subject,
    };

    fn with_certificate(primary: Option<Vec<u8>>, enrol: bool) -> Subject {
        let known = fingerprints(primary, enrol);
        subject(device("demo_device1", Credential::Certificate(known)))
    }

    /// The session of `demo_device1`, which connected with `DEVICE1`.
    fn session() -> Principal {
        let record = with_certificate(Some(sample::sha256(DEVICE1)), false);
        authenticate(&connect_with(DEVICE1), &record).unwrap()
    }

    fn judged(principal: &Principal, subject: &Subject, now: UtcMs) -> Result<Grant, u16> {
        let grant = authorize(&Configuration::default(), principal, subject, now);
        grant.map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_live_session_lasts_while_its_certificate_is_named() {
        let both = Subject {
            client: Some(device(
                "demo_device1",
                Credential::Certificate(Fingerprints {
                    primary: Some(sample::sha256(DEVICE2)),
                    secondary: Some(sample::sha256(DEVICE1)),
                    enrol: false,
                }),
            )),
            product: None,
        };
        for (subject, expected) in [
            (
                with_certificate(Some(sample::sha256(DEVICE1)), false),
                Ok(()),
            ),
            (with_certificate(Some(sample::sha1(DEVICE1)), false), Ok(())),
            (both, Ok(())),
            (
                with_certificate(Some(sample::sha256(DEVICE2)), false),
                Err(306),
            ),
            (with_certificate(None, true), Err(306)),
            (with_certificate(None, false), Err(306)),
            (
                subject(device("demo_device1", secret("12345678"))),
                Err(306),
            ),
            (subject(device("demo_device2", Credential::None)), Err(200)),
            (
                Subject {
                    client: None,
                    product: None,
                },
                Err(200),
            ),
        ] {
            assert_eq!(
                judged(&session(), &subject, NOW).map(drop),
                expected,
                "{subject:?}"
            );
        }
    }

    #[test]
    fn a_live_session_lasts_while_its_secret_is_one_of_two() {
        let connect = Connect {
            password: Some(
                "e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6".into(),
            ),
            ..connect("demo_device3_0_0_2026112122", Some("demo_device3"))
        };
        let record = |credential| subject(device("demo_device3", credential));
        let principal = authenticate(&connect, &record(secret("12345678"))).unwrap();
        assert!(judged(&principal, &record(secret("12345678")), NOW).is_ok());
        assert_eq!(
            judged(&principal, &record(secret("87654321")), NOW),
            Err(306)
        );
        let flipped = Credential::Certificate(fingerprints(None, true));
        assert_eq!(judged(&principal, &record(flipped), NOW), Err(306));
    }

    #[test]
    fn status_and_place_end_a_live_session() {
        let known = || {
            device(
                "demo_device1",
                Credential::Certificate(fingerprints(Some(sample::sha256(DEVICE1)), false)),
            )
        };
        for (client, expected) in [
            (
                Client {
                    status: Status::Frozen,
                    ..known()
                },
                301,
            ),
            (
                Client {
                    status: Status::Inactive,
                    ..known()
                },
                301,
            ),
            (
                Client {
                    gateway: Some("demo_gw".into()),
                    ..known()
                },
                300,
            ),
        ] {
            assert_eq!(judged(&session(), &subject(client), NOW), Err(expected));
        }
    }

    #[test]
    fn a_plain_session_ends_when_its_client_must_use_tls() {
        let connect = Connect {
            encrypted: false,
            password: Some("app-token-1".into()),
            ..connect("mosq", Some("demo_app"))
        };
        let principal = authenticate(&connect, &subject(application("app-token-1"))).unwrap();
        let strict = Client {
            encrypted_only: true,
            ..application("app-token-1")
        };
        assert_eq!(judged(&principal, &subject(strict), NOW), Err(305));
        assert_eq!(
            judged(&principal, &subject(application("app-token-2")), NOW),
            Err(306)
        );
    }

    #[test]
    fn first_use_is_authorized_once_and_only_until_it_is_stored() {
        let waiting = with_certificate(None, true);
        let first = authenticate(&connect_with(DEVICE1), &waiting).unwrap();
        assert!(judged(&first, &waiting, NOW).is_ok(), "before it is stored");
        let stored = with_certificate(Some(sample::sha256(DEVICE1)), false);
        let live = Principal {
            enrol: None,
            ..first.clone()
        };
        assert!(judged(&live, &stored, NOW).is_ok());
        assert_eq!(
            judged(&live, &waiting, NOW),
            Err(306),
            "reset without a value"
        );
        let other = with_certificate(Some(sample::sha256(DEVICE2)), false);
        assert_eq!(judged(&first, &other, NOW), Err(306), "another was faster");
    }

    #[test]
    fn a_session_does_not_outlive_its_certificate() {
        let record = with_certificate(Some(sample::sha256(EXPIRED)), false);
        let connect = Connect {
            // 2026-11-07T12:00:00Z
            now: 1_794_052_800_000,
            ..connect_with(EXPIRED)
        };
        let principal = authenticate(&connect, &record).unwrap();
        let end = judged(&principal, &record, connect.now)
            .unwrap()
            .valid_until
            .unwrap();
        assert!(judged(&principal, &record, end - 1).is_ok());
        assert_eq!(judged(&principal, &record, end), Err(303));
    }

    #[test]
    fn an_unreadable_proof_proves_nothing() {
        let record = with_certificate(Some(sample::sha256(DEVICE1)), false);
        for proof in [Vec::new(), vec![2, 1, 1], session().proof[..40].to_vec()] {
            let principal = Principal { proof, ..session() };
            assert_eq!(judged(&principal, &record, NOW), Err(300));
        }
    }

    #[test]
    fn a_device_has_the_vendors_limits_and_no_more() {
        let record = with_certificate(Some(sample::sha256(DEVICE1)), false);
        let grant = judged(&session(), &record, NOW).unwrap();
        assert_eq!(grant.client_id, "demo_device1");
        assert!(grant.unsolicited && grant.limits.will);
        assert_eq!(grant.suffix_mark, Some('?'));
        assert_eq!(
            (grant.limits.keep_alive_max, grant.limits.publish_rate),
            (1_200, 50)
        );
        let (last, others) = grant.rules.split_last().unwrap();
        assert_eq!(last.name, "limit:topic-length");
        assert!(
            others
                .iter()
                .all(|rule| rule.pattern.starts_with("$oc/devices/demo_device1/"))
        );
        assert!(
            grant
                .rules
                .iter()
                .all(|rule| rule.effect != Effect::Inspect && !rule.retain)
        );
    }

    /// Each of ten policies is within the vendor's limits; together they are over the contract's.
    fn ten_large_policies(resource: &str) -> (Configuration, Subject) {
        let resources = vec![format!("\"topic:{resource}\""); 10].join(",");
        let statement = format!(
            r#"{{"effect":"DENY","actions":["iotda:devices:publish"],"resources":[{resources}]}}"#
        );
        let statements = vec![statement; 3].join(",");
        let names: Vec<String> = (0..10).map(|number| format!("p{number}")).collect();
        let documents = names.iter().map(|name| Document {
            name: format!("{name}.json"),
            text: format!(r#"{{"policy_name":"{name}","statement":[{statements}]}}"#),
        });
        let configuration = Configuration::read(&documents.collect::<Vec<_>>()).unwrap();
        let known = fingerprints(Some(sample::sha256(DEVICE1)), false);
        let client = Client {
            policies: names,
            ..device("demo_device1", Credential::Certificate(known))
        };
        (configuration, subject(client))
    }

    #[test]
    fn policies_that_add_up_to_too_much_are_refused_with_a_sentence() {
        let (configuration, record) = ten_large_policies("a");
        let refusal = authorize(&configuration, &session(), &record, NOW).unwrap_err();
        assert_eq!(refusal.code, refusal::LIMIT);
        assert!(refusal.detail.contains("328 rules"), "{}", refusal.detail);
    }

    #[test]
    fn a_pattern_that_outgrows_the_contract_is_refused_not_dropped() {
        let (configuration, mut record) = ten_large_policies(&"${devices.deviceId}".repeat(6));
        let id = "d".repeat(128);
        let client = record.client.as_mut().unwrap();
        client.id = id.clone();
        client.policies.truncate(1);
        let principal = Principal { id, ..session() };
        let refusal = authorize(&configuration, &principal, &record, NOW).unwrap_err();
        assert_eq!(refusal.code, refusal::LIMIT);
        assert!(
            refusal.detail.contains("over 512 bytes"),
            "{}",
            refusal.detail
        );
    }
}
