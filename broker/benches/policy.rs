//! What the policy costs: a native check, a cached one, and calls into the built-in component with its built-in documents.
//!
//! `cargo bench -p iotda-broker --bench policy`. Calls are measured on this thread first, then as a session makes them: handed over to a blocking
//! thread and back.

// A bench that cannot be set up may panic; clippy knows only tests.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use iotda_broker::contract::{
    Access, Actions, Certificate, Client, Connect, Credential, Fingerprints, Product, Protocol,
    Qos, Secrets, Status, Subject, UtcMs, Verdict,
};
use iotda_broker::grant::{Decision, DecisionCache, Grant};
use iotda_broker::policy::{Generation, Policy, Settings, Source};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::sync::Arc;

const DEVICE: &str = "demo_device3";
/// 2026-11-21T22:30:00Z.
const NOW: UtcMs = 1_795_300_200_000;
/// Of the secret `12345678` at the hour in [`CLIENT_ID`].
const PASSWORD: &str = "e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6";
const CLIENT_ID: &str = "demo_device3_0_0_2026112122";

const REPORT: &str = "$oc/devices/demo_device3/sys/properties/report";
const MESSAGE: &str = "$oc/devices/demo_device3/sys/messages/up";
const FOREIGN: &str = "$oc/devices/demo_device1/sys/properties/report";
const CUSTOM: &str = "factory/hall7/line2/measurements";

fn checks(criterion: &mut Criterion) {
    let generation = generation();
    let grant = grant(&generation);
    eprintln!(
        "checks run on a grant of {} rules",
        wire_grant(&generation).rules.len()
    );
    for (name, topic) in [
        ("system topic", MESSAGE),
        ("custom topic", CUSTOM),
        ("denied", FOREIGN),
    ] {
        criterion.bench_function(&format!("native check, {name}"), |bencher| {
            bencher.iter(|| grant.publish(black_box(topic), Qos::AtLeastOnce));
        });
    }
    let mut cache = DecisionCache::new();
    criterion.bench_function("cached check", |bencher| {
        bencher.iter(|| cache.publish(&grant, black_box(MESSAGE), Qos::AtLeastOnce));
    });
}

fn calls(criterion: &mut Criterion) {
    let generation = generation();
    let policy = generation.blocking();
    let (connect, subject) = (by_secret(), subject(secret()));
    criterion.bench_function("identify", |bencher| {
        bencher.iter(|| policy.identify(&connect).unwrap().unwrap());
    });
    criterion.bench_function("authenticate by secret", |bencher| {
        bencher.iter(|| policy.authenticate(&connect, &subject).unwrap().unwrap());
    });
    let principal = policy.authenticate(&connect, &subject).unwrap().unwrap();
    criterion.bench_function("authorize", |bencher| {
        bencher.iter(|| {
            policy
                .authorize(&principal, &subject, NOW)
                .unwrap()
                .unwrap()
        });
    });
    let (connect, subject) = by_certificate();
    criterion.bench_function("authenticate by certificate", |bencher| {
        bencher.iter(|| policy.authenticate(&connect, &subject).unwrap().unwrap());
    });
    let wire = wire_grant(&generation);
    criterion.bench_function("compile a grant", |bencher| {
        bencher.iter(|| Grant::compile(wire.clone(), generation.inboxes(), &subject).unwrap());
    });
}

fn handed_over(criterion: &mut Criterion) {
    let generation = generation();
    let (connect, subject) = (Arc::new(by_secret()), subject(secret()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    criterion.bench_function("authenticate by secret, handed over", |bencher| {
        bencher.iter(|| {
            let call = generation.authenticate(&connect, &subject);
            runtime.block_on(call).unwrap().unwrap()
        });
    });
}

/// What a look into a payload costs, beside the native check of an uplink that nobody looks into. What matches the model is allowed as it
/// is, and a report without a time comes back with one.
fn inspections(criterion: &mut Criterion) {
    let generation = generation();
    let policy = generation.blocking();
    let mut subject = subject(secret());
    let principal = policy
        .authenticate(&by_secret(), &subject)
        .unwrap()
        .unwrap();
    // The model with every data type.
    subject.client.as_mut().unwrap().product = "demo_strict".into();
    let mut group = criterion.benchmark_group("inspect");
    let grant = grant(&generation);
    group.bench_function("unchecked uplink, native", |bencher| {
        bencher.iter(|| grant.publish(black_box(MESSAGE), Qos::AtLeastOnce));
    });
    for (name, payload, is_replaced) in [
        ("empty report", r#"{"services":[]}"#.to_owned(), false),
        ("small report", report(1, TIME), false),
        ("small report without a time", report(1, ""), true),
        ("report of 64 KB", report(REPORT_SERVICES, TIME), false),
        (
            "report of 64 KB without times",
            report(REPORT_SERVICES, ""),
            true,
        ),
    ] {
        let access = Access {
            principal: principal.clone(),
            subject: subject.clone(),
            action: Actions::PUBLISH,
            topic: REPORT.into(),
            qos: Qos::AtLeastOnce,
            retain: false,
            payload: payload.into_bytes(),
            rule: "system:properties/report".into(),
            now: NOW,
            extra: Vec::new(),
        };
        let bytes = u64::try_from(access.payload.len()).unwrap();
        group.throughput(Throughput::Bytes(bytes));
        let first = policy.inspect(&access).unwrap();
        assert_eq!(
            matches!(first, Verdict::Replace(_)),
            is_replaced,
            "{name}: {first:?}"
        );
        assert!(is_replaced || first == Verdict::Allow, "{name}: {first:?}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| policy.inspect(&access).unwrap());
        });
    }
    group.finish();
}

/// Services that make a report of just under 65 536 bytes.
const REPORT_SERVICES: usize = 568;
const TIME: &str = r#","event_time":"20261121T223000Z""#;

fn report(services: usize, time: &str) -> String {
    let service = format!(
        r#"{{"service_id":"Meter","properties":{{"level":71,"temperature":-12.5,"mode":"auto"}}{time}}}"#
    );
    format!(r#"{{"services":[{}]}}"#, vec![service; services].join(","))
}

fn generation() -> Arc<Generation> {
    let candidate = Source::default().load().unwrap();
    Policy::start(Settings::default(), candidate)
        .unwrap()
        .active()
}

fn wire_grant(generation: &Generation) -> iotda_broker::contract::Grant {
    let (connect, subject) = (by_secret(), subject(secret()));
    let policy = generation.blocking();
    let principal = policy.authenticate(&connect, &subject).unwrap().unwrap();
    policy
        .authorize(&principal, &subject, NOW)
        .unwrap()
        .unwrap()
}

fn grant(generation: &Generation) -> Grant {
    let grant = Grant::compile(
        wire_grant(generation),
        generation.inboxes(),
        &subject(secret()),
    )
    .unwrap();
    let allowed = |topic| {
        matches!(
            grant.publish(topic, Qos::AtLeastOnce),
            Decision::Allow { .. }
        )
    };
    assert!(allowed(MESSAGE) && allowed(CUSTOM) && !allowed(FOREIGN));
    grant
}

fn by_secret() -> Connect {
    connect(CLIENT_ID, Some(PASSWORD), None)
}

/// A certificate of about 400 bytes; the vendor's RSA ones have twice as many.
fn by_certificate() -> (Connect, Subject) {
    let made = rcgen::generate_simple_self_signed([DEVICE.to_owned()]).unwrap();
    let der = made.cert.der().to_vec();
    let credential = Credential::Certificate(Fingerprints {
        primary: Some(Sha256::digest(&der).to_vec()),
        secondary: None,
        enrol: false,
    });
    let certificate = Certificate {
        chain: vec![der],
        authority: Some("authority".into()),
    };
    (
        connect(CLIENT_ID, None, Some(certificate)),
        subject(credential),
    )
}

fn secret() -> Credential {
    Credential::Secret(Secrets {
        primary: Some(b"12345678".to_vec()),
        secondary: None,
    })
}

fn connect(client_id: &str, password: Option<&str>, certificate: Option<Certificate>) -> Connect {
    Connect {
        client_id: client_id.into(),
        client_id_assigned: false,
        username: Some(DEVICE.into()),
        password: password.map(|password| password.as_bytes().to_vec()),
        certificate,
        protocol: Protocol::Mqtt311,
        keep_alive: 120,
        clean_start: true,
        session_expiry: 0,
        will: None,
        listener: "mqtts".into(),
        encrypted: true,
        server_name: None,
        peer: "127.0.0.1:40000".into(),
        authentication_method: None,
        user_properties: Vec::new(),
        now: NOW,
        extra: Vec::new(),
    }
}

fn subject(credential: Credential) -> Subject {
    let client = Client {
        id: DEVICE.into(),
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
    };
    let product = Product {
        id: "demo".into(),
        policies: Vec::new(),
        attributes: Vec::new(),
    };
    Subject {
        client: Some(client),
        product: Some(product),
    }
}

criterion_group!(benches, checks, calls, inspections, handed_over);
criterion_main!(benches);
