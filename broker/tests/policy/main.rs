//! The policy host against components that misbehave, documents that are wrong, and files that change.

// A test fails by panicking, wherever its helper functions stand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod compiling;
#[path = "../fixtures/mod.rs"]
mod fixtures;
#[path = "../fixtures/generated.rs"]
mod generated;
mod hostile;

use fixtures::hostile;
use iotda_broker::contract::{
    Access, Actions, Connect, Document, Grant as WireGrant, Lookup, Principal, Protocol, Qos,
    Subject, Verdict,
};
use iotda_broker::grant::{Decision, Grant};
use iotda_broker::policy::{
    Candidate, Fault, Generation, Policy, Settings, Source, rejection, watch,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

const EMPTY: Subject = Subject {
    client: None,
    product: None,
};

fn document(name: &str, text: &str) -> Document {
    Document {
        name: name.into(),
        text: text.into(),
    }
}

fn candidate(rules: &str) -> Candidate {
    Candidate {
        component: hostile(),
        documents: vec![document("rules.json", rules)],
        ..Candidate::default()
    }
}

fn start(rules: &str) -> Policy {
    Policy::start(Settings::default(), candidate(rules)).unwrap()
}

/// Filling 16 MiB of memory takes some milliseconds on a core, on a busy machine more than a call may take.
fn start_patiently(rules: &str) -> Policy {
    let settings = Settings {
        call_deadline: Duration::from_millis(250),
        ..Settings::default()
    };
    Policy::start(settings, candidate(rules)).unwrap()
}

fn connect(client_id: &str) -> Arc<Connect> {
    Arc::new(Connect {
        client_id: client_id.into(),
        client_id_assigned: false,
        username: None,
        password: None,
        certificate: None,
        protocol: Protocol::Mqtt311,
        keep_alive: 120,
        clean_start: true,
        session_expiry: 0,
        will: None,
        listener: "mqtts".into(),
        encrypted: true,
        server_name: None,
        peer: "127.0.0.1:1".into(),
        authentication_method: None,
        user_properties: Vec::new(),
        now: 0,
        extra: Vec::new(),
    })
}

fn principal(id: &str) -> Principal {
    Principal {
        id: id.into(),
        proof: Vec::new(),
        enrol: None,
        extra: Vec::new(),
    }
}

async fn authorized(generation: &Arc<Generation>, id: &str) -> Result<WireGrant, Fault> {
    let grant = generation.authorize(&principal(id), &EMPTY, 0).await?;
    Ok(grant.unwrap())
}

async fn may_publish(policy: &Policy, topic: &str) -> bool {
    let generation = policy.active();
    let grant = authorized(&generation, "someone").await.unwrap();
    let grant = Grant::compile(grant, generation.inboxes(), &EMPTY).unwrap();
    matches!(
        grant.publish(topic, Qos::AtMostOnce),
        Decision::Allow { .. }
    )
}

// --- calls ------------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_policy_is_asked_and_answers() {
    let generation = start("allow news/#").active();
    assert_eq!(
        (
            generation.revision(),
            generation.description().name.as_str()
        ),
        (1, "hostile")
    );
    assert_eq!(generation.inboxes().templates.len(), 1);
    let connect = connect("a");
    let lookup = generation.identify(&connect).await.unwrap().unwrap();
    assert_eq!(lookup, Lookup::Client("a".into()));
    let proven = generation
        .authenticate(&connect, &EMPTY)
        .await
        .unwrap()
        .unwrap();
    let grant = generation
        .authorize(&proven, &EMPTY, 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((grant.client_id.as_str(), grant.rules.len()), ("a", 2));
}

#[tokio::test]
async fn a_refusal_is_no_fault_and_is_cut_to_size() {
    let generation = start("").active();
    let refused = generation
        .identify(&connect("refused"))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.rule.as_deref()),
        (100, Some("hostile"))
    );
    let long = generation
        .identify(&connect("long-refusal"))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(long.detail.len(), 512);
    assert!(!long.detail.contains('\n'));
}

#[tokio::test]
async fn whatever_a_component_does_is_a_fault_of_its_own_and_the_next_call_is_answered() {
    let generation = start_patiently("").active();
    for (client_id, kind) in [
        ("trap", "trap"),
        ("recurse", "stack"),
        ("spin", "deadline"),
        ("alloc", "memory"),
        ("bad-fingerprint", "value"),
        ("huge-string", "too-large"),
        ("many-strings", "too-large"),
    ] {
        let began = Instant::now();
        let fault = generation.identify(&connect(client_id)).await.unwrap_err();
        assert_eq!(fault.kind(), kind, "{client_id}: {fault}");
        // A quarter of a second, and what a loaded machine adds.
        assert!(began.elapsed() < Duration::from_secs(2), "{client_id}");
        assert!(
            generation.identify(&connect("a")).await.unwrap().is_ok(),
            "after {client_id}"
        );
    }
}

#[tokio::test]
async fn a_value_over_a_limit_is_a_fault_and_not_cut() {
    let generation = start_patiently("").active();
    let fault = generation
        .authenticate(&connect("huge-proof"), &EMPTY)
        .await
        .unwrap_err();
    assert_eq!(
        fault.to_string(),
        "the policy returned too much from `authenticate`: the length of the proof is 1025, over the limit of 1024"
    );
    let fault = authorized(&generation, "many-rules").await.unwrap_err();
    assert_eq!(fault.kind(), "too-large", "{fault}");
    assert_eq!(
        authorized(&generation, "greedy").await.unwrap_err().kind(),
        "memory"
    );
    let bad = authorized(&generation, "bad-pattern").await.unwrap();
    let unusable = Grant::compile(bad, generation.inboxes(), &EMPTY).unwrap_err();
    assert_eq!(Fault::from(unusable).kind(), "value");
}

#[tokio::test]
async fn an_inspection_allows_replaces_denies_or_faults() {
    let generation = start("").active();
    let inspect = |topic: &str| {
        let access = Access {
            principal: principal("a"),
            subject: EMPTY,
            action: Actions::PUBLISH,
            topic: topic.into(),
            qos: Qos::AtMostOnce,
            retain: false,
            payload: vec![1, 2, 3],
            rule: "r".into(),
            now: 0,
            extra: Vec::new(),
        };
        generation.inspect(access)
    };
    assert_eq!(inspect("fine").await.unwrap(), Verdict::Allow);
    assert_eq!(
        inspect("replace").await.unwrap(),
        Verdict::Replace(vec![3, 2, 1])
    );
    let Verdict::Deny(reason) = inspect("deny").await.unwrap() else {
        panic!("not denied");
    };
    assert_eq!((reason.code, reason.detail.len()), (402, 512));
    assert_eq!(inspect("spin").await.unwrap_err().kind(), "deadline");
}

#[tokio::test]
async fn a_loop_in_some_calls_does_not_stall_the_others() {
    let generation = start("").active();
    let ask = |client_id: &'static str| {
        let generation = Arc::clone(&generation);
        tokio::spawn(async move { generation.identify(&connect(client_id)).await })
    };
    let spinning: Vec<_> = (0..10).map(|_| ask("spin")).collect();
    let others: Vec<_> = (0..50).map(|_| ask("a")).collect();
    for other in others {
        assert!(other.await.unwrap().is_ok());
    }
    for spun in spinning {
        assert_eq!(spun.await.unwrap().unwrap_err().kind(), "deadline");
    }
}

#[tokio::test]
async fn waiting_for_an_instance_has_an_end() {
    let settings = Settings {
        instances_max: 1,
        call_deadline: Duration::from_millis(500),
        wait_max: Duration::from_millis(20),
        ..Settings::default()
    };
    let generation = Policy::start(settings, candidate("")).unwrap().active();
    let (spinning, connect) = (connect("spin"), connect("a"));
    let (spun, waited) = tokio::join!(
        generation.identify(&spinning),
        generation.identify(&connect)
    );
    assert_eq!(spun.unwrap_err().kind(), "deadline");
    assert_eq!(waited.unwrap_err().kind(), "busy");
    assert!(generation.identify(&connect).await.unwrap().is_ok());
}

#[tokio::test]
async fn the_built_in_policy_passes_its_own_cases_under_production_limits() {
    let built_in = Source::default().load().unwrap();
    assert!(!built_in.documents.is_empty() && !built_in.cases.is_empty());
    let policy = Policy::start(Settings::default(), built_in).unwrap();
    assert_eq!(policy.active().description().name, "iotda");
    assert!(!policy.active().inboxes().templates.is_empty());
}

// --- candidates -------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn wrong_documents_are_rejected_with_place_and_cause() {
    let policy = start("");
    for (rules, code, told) in [
        (
            "refuse",
            rejection::CONFIGURE_FAILED,
            "`rules.json` line 1: `refuse` is not a rule",
        ),
        (
            "refuse-silently",
            rejection::CONFIGURE_FAILED,
            "without saying why",
        ),
        ("bad-inbox", rejection::SETUP_INVALID, "inbox `in/#`: "),
    ] {
        let rejected = policy.offer(candidate(rules)).await.unwrap_err();
        assert_eq!(rejected.code, code, "{rules}: {rejected}");
        assert!(rejected.message.contains(told), "{rules}: {rejected}");
    }
    let often = policy.offer(candidate("refuse-often")).await.unwrap_err();
    assert_eq!(often.message.matches("is not a rule").count(), 64);
    assert_eq!(policy.active().revision(), 1);
}

#[tokio::test]
async fn a_swap_is_seen_by_readers_and_leaves_the_former_generation_whole() {
    let policy = start("allow a");
    let mut revisions = policy.changes();
    let former = policy.active();
    assert!(may_publish(&policy, "a").await && !may_publish(&policy, "b").await);

    let same = policy.offer(candidate("allow a")).await.unwrap();
    assert!(Arc::ptr_eq(&former, &same) && !revisions.has_changed().unwrap());

    let next = policy.offer(candidate("allow b")).await.unwrap();
    assert_eq!((next.revision(), *revisions.borrow_and_update()), (2, 2));
    assert_eq!(next.component_digest(), former.component_digest());
    assert_ne!(next.documents_digest(), former.documents_digest());
    assert!(may_publish(&policy, "b").await && !may_publish(&policy, "a").await);
    assert_eq!(
        authorized(&former, "x").await.unwrap().rules[0].pattern,
        "a"
    );
}

#[tokio::test]
async fn offers_at_the_same_time_are_taken_one_after_another() {
    let policy = start("allow a");
    let offers = (0..8).map(|number| {
        let policy = policy.clone();
        tokio::spawn(async move { policy.offer(candidate(&format!("allow t{number}"))).await })
    });
    let mut revisions = Vec::new();
    for offer in offers.collect::<Vec<_>>() {
        revisions.push(offer.await.unwrap().unwrap().revision());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=9).collect::<Vec<_>>());
    assert_eq!(policy.active().revision(), 9);
}

// --- cases ------------------------------------------------------------------------------------------------------------------

const PASSING: &str = r#"[
  { "name": "looks up", "connect": { "client_id": "a" }, "expect": { "lookup": { "client": "a" } } },
  { "name": "refused", "source": "test", "connect": { "client_id": "refused" }, "expect": { "refusal": 100, "rule": "hostile" } },
  { "name": "bad password", "connect": { "client_id": "bad-password" }, "expect": { "refusal": 201 } },
  { "name": "grants", "connect": { "client_id": "a" }, "expect": { "grant": { "client_id": "a" }, "access": [
    { "publish": "own/a/x", "qos": 1, "verdict": "allow", "rule": "rule own/a/#" },
    { "publish": "own/a/x", "qos": 2, "verdict": "deny" },
    { "publish": "own/a/+", "verdict": "deny" },
    { "subscribe": "own/a/+", "verdict": "allow" },
    { "subscribe": "own/#", "verdict": "deny" },
    { "receive": "news/x", "verdict": "allow" } ] } },
  { "name": "will", "connect": { "client_id": "a", "will": { "topic": "own/b/x" } }, "expect": { "refusal": 307 } }
]"#;

fn with_cases(cases: &str) -> Candidate {
    Candidate {
        cases: vec![document("cases.json", cases)],
        ..candidate("allow news/#")
    }
}

#[tokio::test]
async fn a_candidate_must_pass_its_cases() {
    let policy = Policy::start(Settings::default(), with_cases(PASSING)).unwrap();
    for (case, told) in [
        (
            r#"{ "name": "n", "connect": { "client_id": "refused" }, "expect": { "refusal": 101 } }"#,
            "1 failed, 0 errors; the first: FAIL cases.json: n: expected refusal 101, got refusal 100",
        ),
        (
            r#"{ "name": "n", "connect": { "client_id": "refused" }, "expect": { "refusal": 100, "rule": "r" } }"#,
            "expected refusal 100 by `r`",
        ),
        (
            r#"{ "name": "n", "connect": { "client_id": "a" }, "expect": { "lookup": { "node": "a" } } }"#,
            "1 failed",
        ),
        (
            r#"{ "name": "n", "connect": { "client_id": "a" }, "expect": { "refusal": 201 } }"#,
            "expected refusal 201, got a grant for `a`",
        ),
        (
            r#"{ "name": "n", "connect": { "client_id": "a" }, "expect": { "grant": { "client_id": "b" } } }"#,
            "expected a grant with the client id `b`",
        ),
        (
            r#"{ "name": "n", "expect": { "grant": {}, "access": [{ "publish": "x", "verdict": "allow" }] } }"#,
            "1 errors",
        ),
        (
            r#"{ "name": "n", "connect": { "client_id": "a" }, "expect": { "grant": {}, "access": [{ "publish": "x", "verdict": "allow" }] } }"#,
            "expected allow of publish `x` at QoS 0, got deny by the rule ``",
        ),
        (
            r#"{ "name": "n", "connect": { "client_id": "spin" }, "expect": { "refusal": 100 } }"#,
            "ERROR cases.json: n: the policy did not answer `identify` within 10ms",
        ),
        (
            r#"{ "name": "n", "connect": { "clientid": "a" }, "expect": { "refusal": 100 } }"#,
            "`connect` has no field `clientid`",
        ),
        (
            r#"{ "name": "n", "expects": { "refusal": 100 } }"#,
            "1 errors",
        ),
        (r#"{ "name": "n", "expect": {} }"#, "neither"),
        (r"{ ", "this is no JSON array of cases"),
    ] {
        let rejected = policy
            .offer(with_cases(&format!("[{case}]")))
            .await
            .unwrap_err();
        assert_eq!(rejected.code, rejection::CASES_FAILED);
        assert!(rejected.message.contains(told), "{told}: {rejected}");
    }
    assert_eq!(policy.active().revision(), 1);
    let other_cases = policy.offer(with_cases("[]")).await.unwrap();
    assert_eq!(
        other_cases.revision(),
        1,
        "cases are no part of a generation"
    );
}

// --- files ------------------------------------------------------------------------------------------------------------------

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn changed_files_are_in_force_and_broken_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, component) = (
        folder.path().join("rules"),
        folder.path().join("policy.wasm"),
    );
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(&component, hostile()).unwrap();
    std::fs::write(rules.join("a.json"), "allow a").unwrap();
    let source = Source::new("iotda", Some(component.clone()), Some(rules.clone()));
    let policy = Policy::start(Settings::default(), source.load().unwrap()).unwrap();
    let watch = watch::follow(policy.clone(), source);
    assert!(may_publish(&policy, "a").await);

    // Written in place.
    std::fs::write(rules.join("a.json"), "allow b").unwrap();
    until("written", async || may_publish(&policy, "b").await).await;
    // Replaced by a rename, as editors and git do.
    std::fs::write(rules.join(".new"), "allow c").unwrap();
    std::fs::rename(rules.join(".new"), rules.join("a.json")).unwrap();
    until("renamed", async || may_publish(&policy, "c").await).await;
    // Another file.
    std::fs::write(rules.join("b.json"), "allow d").unwrap();
    until("added", async || may_publish(&policy, "d").await).await;

    let before = policy.active().revision();
    std::fs::write(rules.join("b.json"), "refuse").unwrap();
    std::fs::write(&component, &hostile()[..1_000]).unwrap();
    watch.reload();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(policy.active().revision(), before);
    // The folder disappears: the built-in rules are no stand-in.
    std::fs::rename(&rules, folder.path().join("away")).unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    watch.reload();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(policy.active().revision(), before);
    // Mended, all at once, by switching a link.
    std::fs::write(&component, hostile()).unwrap();
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("a.json"), "allow e").unwrap();
    std::os::unix::fs::symlink(&other, &rules).unwrap();
    until("mended", async || may_publish(&policy, "e").await).await;
    assert!(!may_publish(&policy, "c").await);
}
