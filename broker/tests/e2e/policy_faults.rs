//! A component that misbehaves in a running broker: whoever it cannot judge is told of a fault, nothing passes, and all others go on.

use std::fs;
use std::time::{Duration, Instant};

use crate::fixtures::hostile;
use crate::generated::compile_bomb;
use crate::support::{
    Broker, Connect, Options, puback, publish, publish_v5, subscribe, subscribe_v5, wait_until,
};

const RULES: &str = "allow open/#\ninspect i/#";

/// A broker whose policy is the hostile fixture.
fn broker(rules: &str) -> Broker {
    broker_with(rules, "")
}

/// The same with more settings of the policy.
fn broker_with(rules: &str, settings: &str) -> Broker {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("rules")).unwrap();
    fs::write(dir.path().join("rules/rules.json"), rules).unwrap();
    fs::write(dir.path().join("hostile.wasm"), hostile()).unwrap();
    let config = format!(
        "[policies.iotda]\ncomponent = \"hostile.wasm\"\ndirectory = \"rules\"\n{settings}"
    );
    Broker::start_in(
        dir,
        &Options {
            config,
            ..Options::default()
        },
    )
}

fn join(broker: &Broker, level: u8, id: &str) -> crate::support::Wire {
    broker.plain().join(&Connect::new(level, id))
}

#[test]
fn a_connect_that_the_policy_cannot_judge_is_a_fault_and_others_go_on() {
    let broker = broker(RULES);
    let (mut reader, mut writer) = (join(&broker, 4, "reader"), join(&broker, 4, "writer"));
    reader
        .send(&subscribe(1, &[("open/x", 1)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    for how in [
        "trap",
        "spin",
        "alloc",
        "recurse",
        "huge-proof",
        "many-rules",
        "bad-pattern",
        "greedy",
        "bad-fingerprint",
        "huge-string",
        "many-strings",
    ] {
        for (level, code) in [(4, 3), (5, 0x88)] {
            let mut wire = broker.plain();
            wire.send(&Connect::new(level, how).bytes());
            let answer = wire.receive();
            assert_eq!((answer.first, answer.body[1]), (0x20, code), "{how}");
            // The inside of a fault is for the log alone.
            assert!(answer.body.len() <= 3, "{how}: {answer:?}");
            wire.expect_close();
        }
        writer
            .send(&publish("open/x", how.as_bytes(), 1, 1))
            .expect(&puback(1));
        let got = reader.receive();
        assert_eq!(got.payload(), how.as_bytes());
        reader.send(&puback(got.packet_id()));
    }
    for (how, codes) in [("refused", [2, 0x85]), ("bad-password", [4, 0x86])] {
        for (level, code) in [4, 5].into_iter().zip(codes) {
            let connect = Connect::new(level, how);
            assert_eq!(broker.plain().connect(&connect), code, "a denial: {how}");
        }
    }
}

#[test]
fn clients_that_spin_do_not_keep_others_out() {
    let broker = broker(RULES);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(broker.plain().connect(&Connect::new(4, "spin")), 3);
                }
            });
        }
        for round in 0..20 {
            let began = Instant::now();
            join(&broker, 4, &format!("guest-{round}")).ping();
            assert!(began.elapsed() < Duration::from_secs(5));
        }
    });
}

#[test]
fn an_inspection_of_a_publish_allows_replaces_denies_or_faults() {
    let broker = broker(RULES);
    let mut reader = join(&broker, 5, "reader");
    // Deliveries are inspected too: `receive-x` is x for deliveries only, and nothing for the publish.
    reader.send(&subscribe_v5(1, &[("i/+", 1)], &[]));
    assert_eq!(reader.receive().body.last(), Some(&1));
    let mut writer = join(&broker, 5, "writer");
    let mut acknowledged = |topic: &str| {
        writer.send(&publish_v5(topic, b"abc", 1, 7, &[]));
        let ack = writer.receive();
        assert_eq!(ack.first, 0x40);
        ack.body.get(2).copied().unwrap_or(0)
    };
    assert_eq!(acknowledged("i/fine"), 0);
    // Replaced by the publish and, back again, by the delivery.
    assert_eq!(acknowledged("i/replace"), 0);
    assert_eq!(acknowledged("i/receive-replace"), 0);
    for (topic, code) in [
        ("i/deny", 0x99),
        ("i/trap", 0x83),
        ("i/spin", 0x83),
        ("i/alloc", 0x83),
    ] {
        assert_eq!(acknowledged(topic), code, "{topic}");
    }
    for topic in ["i/receive-deny", "i/receive-trap", "i/receive-spin"] {
        assert_eq!(acknowledged(topic), 0, "{topic}");
    }
    assert_eq!(acknowledged("i/last"), 0);
    let got: Vec<(String, Vec<u8>)> = (0..4)
        .map(|_| {
            let got = reader.receive();
            reader.send(&puback(got.packet_id()));
            (got.topic(), got.payload_v5().to_vec())
        })
        .collect();
    let expected = [
        ("i/fine", "abc"),
        ("i/replace", "abc"),
        ("i/receive-replace", "cba"),
        ("i/last", "abc"),
    ];
    assert_eq!(
        got,
        expected.map(|(topic, payload)| (topic.to_owned(), payload.as_bytes().to_vec()))
    );
    reader.expect_silence();
}

#[test]
fn in_3_1_1_a_fault_closes_and_a_denial_is_acknowledged() {
    let broker = broker(RULES);
    let mut writer = join(&broker, 4, "writer");
    writer
        .send(&publish("i/deny", b"x", 1, 1))
        .expect(&puback(1));
    // QoS 0 has no answer in either case.
    writer
        .send(&publish("i/deny", b"x", 0, 0))
        .send(&publish("i/trap", b"x", 0, 0))
        .ping();
    writer.send(&publish("i/trap", b"x", 1, 2));
    writer.expect_close();
}

#[test]
fn a_filter_that_is_inspected_is_granted_refused_or_a_fault() {
    let broker = broker(RULES);
    let mut reader = join(&broker, 5, "reader");
    reader.send(&subscribe_v5(
        1,
        &[
            ("i/fine", 1),
            ("i/deny", 1),
            ("i/trap", 1),
            ("i/#", 0),
            ("else", 0),
        ],
        &[],
    ));
    let suback = reader.receive();
    assert_eq!(
        suback.body[suback.body.len() - 5..],
        [1, 0x87, 0x83, 0, 0x87]
    );
    reader.ping();
}

#[test]
fn a_will_is_inspected_when_it_fires() {
    let broker = broker(RULES);
    let mut reader = join(&broker, 4, "reader");
    reader
        .send(&subscribe(1, &[("i/#", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    for (topic, id) in [("i/deny", "a"), ("i/trap", "b"), ("i/fine", "c")] {
        let wire = broker.plain().join(&Connect {
            will: Some((topic.into(), b"w".to_vec(), 0, false)),
            ..Connect::new(4, id)
        });
        drop(wire);
    }
    assert_eq!(reader.receive().topic(), "i/fine");
    reader.expect_silence();
}

#[test]
fn live_sessions_that_cannot_be_judged_any_more_are_closed_as_a_fault() {
    // Otherwise the rules before are back before the sessions have given up.
    let broker = broker_with(RULES, "[policies.iotda.rollout]\nfaults_max = 1000\n");
    let mut watcher = join(&broker, 4, "watcher");
    watcher
        .send(&subscribe(1, &[("open/will", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    let will = || Some(("open/will".to_owned(), b"w".to_vec(), 0, false));
    let mut v5 = broker.plain().join(&Connect {
        will: will(),
        ..Connect::new(5, "five")
    });
    let mut v4 = broker.plain().join(&Connect {
        will: will(),
        ..Connect::new(4, "four")
    });
    fs::write(
        broker.path("rules/rules.json"),
        format!("{RULES}\nauthorize trap"),
    )
    .unwrap();
    let told = v5.until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x89)),
        "busy, not unauthorized"
    );
    v4.expect_close();
    watcher.expect_close();
    assert_eq!(broker.plain().connect(&Connect::new(4, "new")), 3);
    // Mended: everybody may come back.
    fs::write(broker.path("rules/rules.json"), RULES).unwrap();
    wait_until("the mended rules", || {
        broker.plain().connect(&Connect::new(4, "new")) == 0
    });
}

#[test]
fn a_compile_bomb_is_stopped_and_nobody_else_notices() {
    let limits = "[policies.iotda.limits]\ncompile_cpu = \"1s\"\ncompile_patience = \"1s\"\n";
    let broker = broker_with(RULES, limits);
    let (mut reader, mut writer) = (join(&broker, 4, "reader"), join(&broker, 4, "writer"));
    reader
        .send(&subscribe(1, &[("open/x", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    fs::write(broker.path("hostile.wasm"), compile_bomb()).unwrap();
    wait_until("the bomb is rejected", || {
        writer
            .send(&publish("open/x", b"meanwhile", 1, 1))
            .expect(&puback(1));
        assert_eq!(reader.receive().payload(), b"meanwhile");
        join(&broker, 5, "guest").ping();
        broker.log().contains("compile-cpu")
    });
    assert!(broker.log().contains("more than 1s of a core"));
    // Whom it met is gone; the next candidate is compiled as ever.
    let mut other = hostile();
    // A custom section: nothing changes but the digest.
    other.extend([0, 2, 1, b'x']);
    fs::write(broker.path("hostile.wasm"), other).unwrap();
    fs::write(broker.path("rules/rules.json"), "allow other/#").unwrap();
    wait_until("the next candidate", || {
        writer.send(&subscribe(2, &[("other/x", 0)]));
        writer.receive().body == [0, 2, 0]
    });
    broker.signal("TERM");
    assert_eq!(broker.wait(), Some(0));
}
