//! A candidate beside the active policy, on what clients really do: what it is shown, what comes out, and that no client notices.

use crate::fixtures::hostile;
use crate::harness::{Client, MESSAGE, Running, UPLINK, app, device, start_rollout};
use iotda_broker::contract::{Document, Lookup, Principal, Qos, Subject};
use iotda_broker::decision::Action;
use iotda_broker::grant::Decision;
use iotda_broker::policy::documents::Folder;
use iotda_broker::policy::shadow::{AccessSeen, Kind, QUEUE, Records, Report, Skipped};
use iotda_broker::policy::{
    ComponentFile, Life, Offer, Origin, Outcome, Policy, Rollout, Shadow, Source, Stage, State,
};
use iotda_broker::session::wire::Level;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Every access is shown, and nothing ends the trial.
fn patient() -> Rollout {
    Rollout {
        sample: 1,
        duration: Duration::ZERO,
        disagreements_max: 1_000_000,
        ..Rollout::default()
    }
}

/// The documents in force, changed.
fn rules(change: impl FnOnce(&mut Vec<Document>)) -> Folder {
    let mut documents = Source::default().load().unwrap().documents;
    change(&mut documents);
    Folder {
        documents,
        cases: Vec::new(),
    }
}

/// Nothing but the system topics is allowed.
fn strict() -> Folder {
    rules(|documents| documents.retain(|one| one.name != "system_default_policy.json"))
}

/// Offers a shadow; its number in the history.
async fn shadow(policy: &Policy, component: Option<Vec<u8>>, folder: Folder) -> u64 {
    let offer = Offer {
        origin: Origin::Upload,
        component: component.map(|bytes| ComponentFile {
            bytes,
            signature: None,
        }),
        folder: Some(folder),
        stage: Some(Stage::Shadow),
    };
    match policy.offer_any(offer).await.unwrap() {
        Outcome::OnTrial(number) => number,
        other => panic!("not on trial: {other:?}"),
    }
}

async fn until<T>(mut is: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = is() {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it never is");
        sleep(Duration::from_millis(20)).await;
    }
}

fn report(policy: &Policy) -> Report {
    policy.shadow().unwrap().report()
}

/// What has been shown so far is compared.
async fn compared(policy: &Policy, number: u64) -> Report {
    until(|| Some(report(policy)).filter(|report| report.compared >= number)).await
}

async fn ended(running: &Running, number: u64, state: State) -> Life {
    let history = || running.broker.policy.history();
    until(|| {
        let life = history().get(number).cloned()?;
        (life.state() == state).then_some(life)
    })
    .await
}

#[tokio::test]
async fn answers_stay_the_active_ones_and_disagreements_are_told_in_full() {
    let running = start_rollout(patient()).await;
    let policy = &running.broker.policy;
    let mut one = Client::accepted(&running, device(Level::V5, "d1")).await;
    let mut two = Client::accepted(&running, device(Level::V5, "d2")).await;
    let active = policy.active().revision();
    shadow(policy, None, strict()).await;
    // Subscribed, published and received: allowed by the active rules alone.
    assert_eq!(one.subscribe(&["room/a"], Qos::AtLeastOnce).await, [1]);
    assert_eq!(two.publish("room/a").await, 0);
    assert_eq!(&*one.delivery().await.publish.topic, "room/a");
    // Allowed by both, denied by both.
    assert_eq!(one.publish(UPLINK).await, 0);
    assert_eq!(one.publish("$oc/devices/demo_d2/sys/x").await, 0x87);
    let report = compared(policy, 5).await;
    assert_eq!((report.compared, report.disagreed), (5, 3), "{report:?}");
    assert_eq!(report.by_kind[&Kind::Verdict], 3);
    let actions: Vec<&str> = report.first.iter().map(|one| one.action).collect();
    assert_eq!(actions, ["subscribe", "publish", "receive"]);
    let told = serde_json::to_value(&report.first[1]).unwrap();
    let at = report.first[1].at;
    let expected = serde_json::json!({
        "at": at, "kind": "verdict", "action": "publish", "topic": "room/a", "qos": 1,
        "client": "demo_d2", "raw_client": "demo_d2_0_0_2026112122", "product": "demo",
        "active": {"verdict": "allow", "rule": "system_default_policy.json#0"},
        "candidate": {"verdict": "deny", "code": 400, "detail": "no rule matches"},
    });
    assert_eq!(told, expected);
    // A client that connects now: the same in both.
    let _app = Client::accepted(&running, app(Level::V4, "a")).await;
    let (_, code, _) = Client::connect(&running, device(Level::V4, "d9")).await;
    assert_eq!(code, 4);
    let report = compared(policy, 7).await;
    assert_eq!((report.compared, report.disagreed), (7, 3), "{report:?}");
    assert_eq!(policy.active().revision(), active);
    let metrics = &running.broker.metrics;
    assert_eq!(
        (
            metrics.shadow_compared.get(),
            metrics.shadow_disagreements.get()
        ),
        (7, 3)
    );
}

#[tokio::test]
async fn a_shadow_that_agrees_becomes_active_by_itself() {
    let running = start_rollout(Rollout {
        duration: Duration::from_secs(1),
        disagreements_max: 0,
        ..patient()
    })
    .await;
    let policy = &running.broker.policy;
    // A document that is bound to nobody.
    let folder = rules(|documents| {
        let bound = documents
            .iter()
            .find(|one| one.name == "demo_app_policy.json");
        let text = &bound.unwrap().text;
        let unbound = Document {
            name: "unbound_policy.json".into(),
            text: text.replace("demo_app_policy", "unbound_policy"),
        };
        documents.push(unbound);
    });
    let number = shadow(policy, None, folder).await;
    let mut client = Client::accepted(&running, device(Level::V5, "d1")).await;
    assert_eq!(client.subscribe(&["room/a"], Qos::AtLeastOnce).await, [1]);
    assert_eq!(client.publish("room/a").await, 0);
    let report = compared(policy, 3).await;
    assert_eq!((report.disagreed, report.skipped), (0, 0), "{report:?}");
    let life = ended(&running, number, State::Active).await;
    assert_eq!(policy.active().revision(), life.revision.unwrap());
    assert!(policy.shadow().is_none());
    assert_eq!(policy.in_force().report().unwrap().disagreed, 0);
    // The session lives on, under the new rules.
    assert_eq!(&*client.delivery().await.publish.topic, "room/a");
    assert_eq!(client.publish(UPLINK).await, 0);
}

#[tokio::test]
async fn a_shadow_that_disagrees_is_rejected_by_name() {
    let running = start_rollout(Rollout {
        disagreements_max: 1,
        ..patient()
    })
    .await;
    let policy = &running.broker.policy;
    let active = policy.active().revision();
    let mut client = Client::accepted(&running, device(Level::V5, "d1")).await;
    let number = shadow(policy, None, strict()).await;
    assert_eq!(client.publish("room/a").await, 0);
    let report = compared(policy, 1).await;
    assert_eq!((report.compared, report.disagreed), (1, 1));
    assert_eq!(client.publish("room/b").await, 0);
    let life = ended(&running, number, State::Rejected).await;
    let reason = life.reason.unwrap();
    assert_eq!(reason.code, "shadow-disagreed");
    assert!(
        reason.message.contains("of 2 decisions compared 2"),
        "{}",
        reason.message
    );
    assert_eq!(policy.active().revision(), active);
    assert_eq!(client.publish("room/a").await, 0);
    // Who reads the rejection finds the report where it says.
    let last = policy.in_force().report().unwrap();
    assert_eq!((last.disagreed, last.first.len()), (2, 2));
}

#[tokio::test]
async fn a_shadow_that_faults_is_told_and_no_client_notices() {
    // Built before anybody waits for an answer.
    let component = hostile();
    let running = start_rollout(patient()).await;
    let policy = &running.broker.policy;
    let mut client = Client::accepted(&running, device(Level::V5, "d1")).await;
    let trapping = Folder {
        documents: vec![Document {
            name: "rules.json".into(),
            text: "authorize trap".into(),
        }],
        cases: Vec::new(),
    };
    shadow(policy, Some(component), trapping).await;
    assert_eq!(client.publish(UPLINK).await, 0);
    let _other = Client::accepted(&running, device(Level::V4, "d2")).await;
    let report = compared(policy, 2).await;
    assert_eq!((report.compared, report.disagreed), (2, 2), "{report:?}");
    assert_eq!(report.by_kind[&Kind::Fault], 2);
    let actions: Vec<&str> = report.first.iter().map(|one| one.action).collect();
    assert_eq!(actions, ["publish", "connect"]);
    for told in &report.first {
        let candidate = (told.candidate.verdict, told.candidate.rule.as_deref());
        assert_eq!(candidate, ("fault", Some("trap")), "{told:?}");
        assert_eq!(told.active.verdict, "allow", "{told:?}");
    }
    assert_eq!(client.publish(UPLINK).await, 0);
}

#[tokio::test]
async fn a_session_that_the_candidate_would_end_lives_on() {
    // Built before anybody waits for an answer.
    let component = hostile();
    let running = start_rollout(patient()).await;
    let policy = &running.broker.policy;
    let mut one = Client::accepted(&running, device(Level::V5, "d1")).await;
    let mut app = Client::accepted(&running, app(Level::V5, "a")).await;
    // It knows every client by the id of its record, as the built-in policy knows devices, but not applications.
    let allowing = Folder {
        documents: vec![Document {
            name: "rules.json".into(),
            text: "allow $oc/#\nallow #".into(),
        }],
        cases: Vec::new(),
    };
    shadow(policy, Some(component), allowing).await;
    assert_eq!(one.publish(UPLINK).await, 0);
    assert_eq!(app.publish(MESSAGE).await, 0);
    assert_eq!(&*one.delivery().await.publish.topic, MESSAGE);
    let report = compared(policy, 3).await;
    assert_eq!((report.compared, report.disagreed), (3, 1), "{report:?}");
    let told = &report.first[0];
    assert_eq!((told.kind, told.action), (Kind::SessionRefused, "publish"));
    assert_eq!(
        (told.candidate.verdict, told.candidate.code),
        ("deny", Some(300))
    );
    assert_eq!(running.broker.sessions.len(), 2);
}

/// A registry in which everybody is registered, without a record worth reading.
struct Everybody;

impl Records for Everybody {
    fn find(&self, _: &Lookup) -> Result<Subject, String> {
        self.subject("")
    }

    fn subject(&self, _: &str) -> Result<Subject, String> {
        Ok(Subject {
            client: None,
            product: None,
        })
    }
}

fn publication(shadow: &Policy, topic: &str, decision: Decision) -> AccessSeen {
    AccessSeen {
        at: 1,
        generation: shadow.active().revision(),
        grant: 1,
        client: "c".into(),
        raw_client: "c".into(),
        product: "".into(),
        principal: Principal {
            id: "c".into(),
            proof: Vec::new(),
            enrol: None,
            extra: Vec::new(),
        },
        action: Action::Publish,
        topic: topic.into(),
        qos: Qos::AtMostOnce,
        decision,
        rule: "".into(),
        records: Arc::new(Everybody),
    }
}

const ALLOWED: Decision = Decision::Allow {
    max_qos: Qos::AtLeastOnce,
    retain: false,
    rule: 0,
};
const DENIED: Decision = Decision::Deny { rule: None };

/// A policy of the hostile component's, and a shadow beside it.
async fn beside(active: &str, candidate: &str, sample: u32) -> (Policy, Arc<Shadow>) {
    let folder = |text: &str| Folder {
        documents: vec![Document {
            name: "rules.json".into(),
            text: text.into(),
        }],
        cases: Vec::new(),
    };
    let opening = iotda_broker::policy::Opening {
        rollout: Rollout {
            sample,
            ..patient()
        },
        ..iotda_broker::policy::Opening::default()
    };
    let files = iotda_broker::policy::Candidate {
        component: hostile(),
        documents: folder(active).documents,
        ..iotda_broker::policy::Candidate::default()
    };
    let policy = Policy::open(opening, Ok(files)).unwrap();
    shadow(&policy, None, folder(candidate)).await;
    let shadow = policy.shadow().unwrap();
    (policy, shadow)
}

#[tokio::test]
async fn what_finds_no_room_is_skipped_and_counted() {
    let (policy, shadow) = beside("allow a", "allow a\nallow b", 1).await;
    // Nothing awaits here, so nothing is taken out of the queue meanwhile; a quarter of it is for CONNECTs.
    for _ in 0..5_000 {
        shadow.see_access(publication(&policy, "a", ALLOWED));
    }
    let places = QUEUE as u64 * 3 / 4;
    let report = shadow.report();
    assert_eq!((report.compared, report.skipped), (0, 5_000 - places));
    assert_eq!(report.skipped_by[&Skipped::NoRoom], 5_000 - places);
    let report = compared(&policy, places).await;
    assert_eq!((report.compared, report.disagreed), (places, 0));
    // There is room again; long topics fill it by their bytes.
    let long = "a".repeat(60_000);
    for _ in 0..500 {
        shadow.see_access(publication(&policy, &long, DENIED));
    }
    let no_room = shadow.report().skipped_by[&Skipped::NoRoom] - (5_000 - places);
    assert!((300..400).contains(&no_room), "{no_room}");
}

#[tokio::test]
async fn one_access_in_so_many_is_due() {
    let (_policy, shadow) = beside("allow a", "allow b", 10).await;
    let due = (0..101).filter(|_| shadow.is_due()).count();
    assert_eq!(due, 11);
    assert_eq!(shadow.report().skipped_by[&Skipped::NotSampled], 90);
}

#[tokio::test]
async fn what_the_active_generation_would_decide_otherwise_by_now_is_no_disagreement() {
    let (policy, shadow) = beside("allow a", "allow b", 1).await;
    // The topic, what was decided, and what that is now.
    for (topic, decision, compared, disagreed, outdated) in [
        // The active one allows `a` alone: its record was another then.
        ("b", ALLOWED, 1, 0, 0),
        ("c", ALLOWED, 1, 0, 1),
        ("a", DENIED, 2, 0, 1),
        ("a", ALLOWED, 3, 1, 1),
        ("b", DENIED, 4, 2, 1),
    ] {
        shadow.see_access(publication(&policy, topic, decision));
        let report = until(|| {
            let report = shadow.report();
            (report.compared + report.skipped == compared + outdated).then_some(report)
        })
        .await;
        assert_eq!(report.disagreed, disagreed, "{topic} {decision:?}");
        assert_eq!(report.skipped, outdated, "{topic} {decision:?}");
    }
    // By another generation's rules: not compared at all.
    let other = AccessSeen {
        generation: policy.active().revision() + 1,
        ..publication(&policy, "a", ALLOWED)
    };
    shadow.see_access(other);
    assert_eq!(shadow.report().skipped_by[&Skipped::Outdated], 2);
}

#[tokio::test]
async fn records_that_cannot_be_read_are_no_answer() {
    struct Nothing;
    impl Records for Nothing {
        fn find(&self, _: &Lookup) -> Result<Subject, String> {
            Err("the disk is gone".to_owned())
        }
        fn subject(&self, _: &str) -> Result<Subject, String> {
            Err("the disk is gone".to_owned())
        }
    }
    let (policy, shadow) = beside("allow a", "allow b", 1).await;
    shadow.see_access(AccessSeen {
        records: Arc::new(Nothing),
        ..publication(&policy, "a", ALLOWED)
    });
    let report = until(|| Some(shadow.report()).filter(|report| report.skipped == 1)).await;
    assert_eq!(report.skipped_by[&Skipped::NoAnswer], 1);
    assert_eq!((report.compared, report.disagreed), (0, 0));
}
