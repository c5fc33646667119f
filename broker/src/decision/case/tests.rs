//! Lines as cases, and what the built-in policy says of each: a case that does not pass would prove nothing.

use super::*;
use crate::contract::{
    self, Certificate, Connect, Fingerprints, Product, Protocol, Qos, Secrets, Status,
};
use crate::decision::{Claim, Level, Record};
use crate::policy::cases::{self, Outcome};
use crate::policy::{BuiltIn, Compiler, Generation, Settings, Source as Files, try_out};
use serde_json::Value;
use std::sync::LazyLock;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

/// 2026-11-21T22:30:00Z.
const NOW: u64 = 1_795_300_200_000;
/// Of the secret [`SECRET`] in that hour.
const PASSWORD: &str = "e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6";
const SECRET: &str = "12345678";
const TOKEN: &str = "a-token-that-must-not-show";
const DEVICE1: &str = include_str!("../../../../plugin/iotda/fixtures/device1.pem");
const REPORT: &str = "$oc/devices/demo_device3/sys/properties/report";
/// No rule asks for an inspection of it.
const FREE_FORM: &str = "$oc/devices/demo_device3/sys/messages/up";
const FOREIGN: &str = "$oc/devices/demo_device1/sys/properties/report";

static POLICY: LazyLock<Generation> = LazyLock::new(|| {
    let documents = Files::default().load().unwrap().documents;
    try_out(
        &Settings::default(),
        &Compiler::InProcess,
        BuiltIn::default_policy().component,
        documents,
    )
    .unwrap()
});

// --- records -----------------------------------------------------------------------------------------------------------------

fn client(credential: Credential) -> Client {
    Client {
        id: "demo_device3".into(),
        node: "device3".into(),
        product: "demo".into(),
        gateway: None,
        application: false,
        status: Status::Active,
        encrypted_only: false,
        credential,
        policies: Vec::new(),
        attributes: Vec::new(),
        children: Vec::new(),
    }
}

fn application() -> Client {
    Client {
        id: "demo_app".into(),
        node: String::new(),
        product: String::new(),
        application: true,
        policies: vec!["demo_app_policy".into()],
        ..client(Credential::Token(TOKEN.into()))
    }
}

fn secret() -> Credential {
    Credential::Secret(Secrets {
        primary: Some(SECRET.into()),
        secondary: Some(b"another-secret".to_vec()),
    })
}

fn fingerprint(primary: Vec<u8>) -> Credential {
    Credential::Certificate(Fingerprints {
        primary: Some(primary),
        secondary: None,
        enrol: false,
    })
}

fn registered(client: Client) -> Subject {
    let product = Product {
        id: client.product.clone(),
        policies: Vec::new(),
        attributes: Vec::new(),
    };
    Subject {
        product: (!client.application).then_some(product),
        client: Some(client),
    }
}

const NOBODY: Subject = Subject {
    client: None,
    product: None,
};

// --- claims and lines --------------------------------------------------------------------------------------------------------

fn device3() -> Connect {
    Connect {
        client_id: "demo_device3_0_0_2026112122".into(),
        client_id_assigned: false,
        username: Some("demo_device3".into()),
        password: Some(PASSWORD.into()),
        certificate: None,
        protocol: Protocol::Mqtt5,
        keep_alive: 60,
        clean_start: true,
        session_expiry: 0,
        will: None,
        listener: "mqtt".into(),
        encrypted: false,
        server_name: None,
        peer: "192.0.2.7:40312".into(),
        authentication_method: None,
        user_properties: vec![("token".into(), TOKEN.into())],
        now: NOW,
        extra: Vec::new(),
    }
}

fn with_certificate() -> Connect {
    let der = CertificateDer::from_pem_slice(DEVICE1.as_bytes()).unwrap();
    Connect {
        password: None,
        certificate: Some(Certificate {
            chain: vec![der.to_vec()],
            authority: Some("ca1".into()),
        }),
        encrypted: true,
        ..device3()
    }
}

fn app() -> Connect {
    Connect {
        client_id: "backend-7".into(),
        username: Some("demo_app".into()),
        password: Some(TOKEN.into()),
        ..device3()
    }
}

fn refused(connect: &Connect, stage: Stage, code: u16, record: &str) -> Kept {
    let record = Record {
        generation: 3,
        raw_client: &connect.client_id,
        username: connect.username.as_deref(),
        record,
        product: "demo",
        verdict: Verdict::Deny,
        code,
        ..Record::new(NOW, Action::Connect)
    };
    Kept::new(&record.at_stage(stage), Claim::of(connect))
}

fn access(action: Action, topic: &str, verdict: Verdict, rule: &str) -> Kept {
    let record = Record {
        topic,
        rule,
        verdict,
        code: if verdict == Verdict::Deny { 400 } else { 0 },
        source: Source::Cache,
        qos: Some(1),
        ..session(action)
    };
    Kept::new(&record, None)
}

/// Of the live session of `demo_device3`.
fn session(action: Action) -> Record<'static> {
    Record {
        generation: 3,
        client: "demo_device3",
        raw_client: "demo_device3_0_0_2026112122",
        username: Some("demo_device3"),
        record: "demo_device3",
        product: "demo",
        listener: "mqtts",
        level: Some(Level::V4),
        ..Record::new(NOW, action)
    }
}

fn run(case: &Value) -> Outcome {
    let file = contract::Document {
        name: "decision.json".into(),
        text: case.to_string(),
    };
    let mut report = cases::run(&POLICY, &[file]);
    assert_eq!(report.cases.len(), 1);
    report.cases.remove(0).outcome
}

fn passes(what: &str, kept: &Kept, subject: Subject) -> Value {
    let case = of(kept, subject).unwrap_or_else(|no| panic!("{what}: {no}"));
    let text = case.to_string();
    for hidden in [PASSWORD, SECRET, "another-secret", TOKEN] {
        assert!(!text.contains(hidden), "{what}: {text}");
        let numbers = serde_json::json!(hidden.as_bytes()).to_string();
        assert!(!text.contains(&numbers), "{what}: {text}");
    }
    assert_eq!(run(&case), Outcome::Pass, "{what}: {case:#}");
    case
}

// --- what comes out as it did ------------------------------------------------------------------------------------------------

#[test]
fn what_identify_refused() {
    let rows = [
        (
            "malformed id",
            Connect {
                client_id: "nonsense\u{1}".into(),
                ..device3()
            },
            100,
        ),
        (
            "another username",
            Connect {
                username: Some("demo_device1".into()),
                ..device3()
            },
            101,
        ),
        (
            "keep alive",
            Connect {
                keep_alive: 5,
                ..device3()
            },
            102,
        ),
    ];
    for (what, connect, code) in rows {
        let case = passes(what, &refused(&connect, Stage::Identify, code, ""), NOBODY);
        assert_eq!(case[0]["connect"]["peer"], "192.0.2.7:40312");
        assert_eq!(case[0]["connect"]["encrypted"], false);
    }
}

#[test]
fn what_authenticate_refused() {
    let stale = Connect {
        client_id: "demo_device3_0_1_2026112120".into(),
        ..device3()
    };
    let wrong = Connect {
        password: Some(vec![b'0'; 64]),
        ..device3()
    };
    let frozen = |credential| Client {
        status: Status::Frozen,
        ..client(credential)
    };
    let sub_device = Client {
        gateway: Some("demo_gateway".into()),
        ..client(secret())
    };
    let tls_only = Client {
        encrypted_only: true,
        ..client(secret())
    };
    let der = with_certificate().certificate.unwrap().chain.remove(0);
    let known = || fingerprint(sha256(&der));
    let rows = [
        ("unknown client", device3(), 200, None),
        ("unknown application", app(), 100, None),
        ("bad password", wrong, 201, Some(client(secret()))),
        ("bad token", app(), 201, Some(application())),
        ("stale hour", stale, 202, Some(client(secret()))),
        ("sub-device", device3(), 300, Some(sub_device)),
        (
            "no credential",
            device3(),
            300,
            Some(client(Credential::None)),
        ),
        ("frozen, secret", device3(), 301, Some(frozen(secret()))),
        (
            "frozen, certificate",
            with_certificate(),
            301,
            Some(frozen(known())),
        ),
        ("no certificate", device3(), 302, Some(client(known()))),
        (
            "wrong fingerprint",
            with_certificate(),
            303,
            Some(client(fingerprint(vec![7; 32]))),
        ),
        (
            "certificate, not secret",
            with_certificate(),
            304,
            Some(client(secret())),
        ),
        ("tls only", device3(), 305, Some(tls_only)),
    ];
    for (what, connect, code, record) in rows {
        let id = record.as_ref().map_or("", |record| record.id.as_str());
        let kept = refused(&connect, Stage::Authenticate, code, id);
        passes(what, &kept, record.clone().map_or(NOBODY, registered));
    }
}

#[test]
fn what_the_rules_said_of_wills_and_clients_that_had_proven_themselves() {
    let will = |topic: &str, qos| Connect {
        protocol: Protocol::Mqtt311,
        will: Some(contract::Will {
            topic: topic.into(),
            qos,
            retain: false,
            payload_length: 3,
            delay: 0,
        }),
        ..device3()
    };
    let forbidden = will(FOREIGN, Qos::AtLeastOnce);
    let kept = refused(&forbidden, Stage::Will, 307, "demo_device3");
    passes("forbidden will", &kept, registered(client(secret())));

    // 3.1.1's QoS 2 is taken as 1.
    for (what, connect, record, canonical) in [
        ("device", device3(), client(secret()), "demo_device3"),
        (
            "will",
            will("t", Qos::ExactlyOnce),
            client(secret()),
            "demo_device3",
        ),
        (
            "certificate",
            with_certificate(),
            client(fingerprint(vec![1; 20])),
            "demo_device3",
        ),
        ("application", app(), application(), "demo_app/backend-7"),
    ] {
        let record = Record {
            client: canonical,
            raw_client: &connect.client_id,
            record: &record.id.clone(),
            ..session(Action::Connect)
        };
        let kept = Kept::new(&record.at_stage(Stage::Authorize), Claim::of(&connect));
        let subject = if canonical == "demo_device3" {
            registered(client(secret()))
        } else {
            registered(application())
        };
        passes(what, &kept, subject);
    }
}

#[test]
fn what_the_rules_said_of_accesses() {
    use Verdict::{Allow, Deny};
    let rows = [
        (Action::Publish, FOREIGN, Deny, ""),
        (Action::Publish, FREE_FORM, Allow, "system:messages/up"),
        (Action::Publish, "factory/1", Allow, ""),
        (Action::Subscribe, "$oc/#", Deny, ""),
        (Action::Subscribe, "factory/#", Allow, ""),
        (Action::Receive, REPORT, Deny, ""),
        (Action::Receive, "factory/1", Allow, ""),
        (Action::Will, FOREIGN, Deny, ""),
        (Action::Will, "factory/1", Allow, ""),
    ];
    for (action, topic, verdict, rule) in rows {
        let what = format!("{verdict:?} {action:?} {topic}");
        let kept = access(action, topic, verdict, rule);
        let case = passes(&what, &kept, registered(client(secret())));
        // The other way round it fails, so the case does prove something.
        let other = if verdict == Allow { Deny } else { Allow };
        let wrong = of(
            &access(action, topic, other, ""),
            registered(client(secret())),
        )
        .unwrap();
        assert!(matches!(run(&wrong), Outcome::Fail { .. }), "{what}");
        assert_eq!(
            case[0]["source"],
            "decision log, 2026-11-21T22:30:00.000Z, generation 3"
        );
    }
}

#[test]
fn what_ended_a_live_session() {
    let judged = |code| {
        let record = Record {
            verdict: Verdict::Deny,
            code,
            ..session(Action::Judge)
        };
        Kept::new(&record.at_stage(Stage::Authorize), None)
    };
    let frozen = Client {
        status: Status::Frozen,
        ..client(secret())
    };
    passes("frozen", &judged(301), registered(frozen));
    passes("deleted", &judged(200), NOBODY);
    assert_eq!(
        of(&judged(306), registered(client(secret()))),
        Err(NoCase::Replaced(0))
    );
}

// --- what cannot be a case ---------------------------------------------------------------------------------------------------

#[test]
fn what_cannot_be_a_case_says_why() {
    let here = || registered(client(secret()));
    let fault = Record {
        verdict: Verdict::Fault,
        ..session(Action::Publish)
    };
    let host = Record {
        verdict: Verdict::Deny,
        source: Source::Host,
        ..session(Action::Publish)
    };
    let long = "x".repeat(513);
    let cut = access(Action::Publish, &long, Verdict::Deny, "");
    let huge = Connect {
        client_id: "x".repeat(9_000),
        ..device3()
    };
    let huge = refused(&huge, Stage::Identify, 100, "");
    assert_eq!(huge.claim, None);
    let gone = access(Action::Publish, REPORT, Verdict::Allow, "");
    for (kept, subject, code) in [
        (Kept::new(&fault, None), here(), "fault"),
        (Kept::new(&host, None), here(), "host-decision"),
        (cut, here(), "too-large"),
        (huge, NOBODY, "too-large"),
        (gone, NOBODY, "record-gone"),
    ] {
        let no = of(&kept, subject).unwrap_err();
        assert_eq!(no.code(), code, "{no}");
    }
}

fn sha256(der: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(der).to_vec()
}
