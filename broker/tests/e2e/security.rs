//! Attacks that other brokers have had, as far as they apply here: each is one of its class.

use crate::support::{
    Broker, Connect, Options, puback, publish, publish_v5, subscribe, subscribe_v5, wait_until,
};

/// An application that sees everything under `$oc/devices/`.
fn witness(broker: &Broker) -> crate::support::Wire {
    let mut app = broker.app(4, "witness");
    app.send(&subscribe(1, &[("$oc/devices/#", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    app
}

#[test]
fn a_will_without_the_right_is_refused_at_connect() {
    let broker = Broker::demo();
    let mut app = witness(&broker);
    for topic in [
        "$oc/devices/demo_device1/sys/properties/report",
        "$SYS/x",
        "$oc/devices/demo_device3/sys/commands/request_id=1",
        "$CONTROL/x",
    ] {
        for (level, code) in [(4, 5), (5, 0x87)] {
            let connect = Connect {
                will: Some((topic.into(), b"x".to_vec(), 0, false)),
                ..Connect::secret_device(level, "demo_device3", "12345678")
            };
            let mut wire = broker.plain();
            assert_eq!(wire.connect(&connect), code, "{topic}");
            wire.expect_close();
        }
    }
    for topic in ["a/#", "+", ""] {
        let mut wire = broker.plain();
        wire.send(
            &Connect {
                will: Some((topic.into(), b"x".to_vec(), 0, false)),
                ..Connect::secret_device(4, "demo_device3", "12345678")
            }
            .bytes(),
        );
        assert!(
            wire.until_close().iter().all(|packet| packet.body[1] != 0),
            "`{topic}`"
        );
    }
    app.expect_silence();
}

#[test]
fn the_will_of_a_client_that_failed_is_never_published() {
    let broker = Broker::demo();
    let mut watcher = broker.device1(4);
    watcher
        .send(&subscribe(1, &[("will/+", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    let connect = Connect {
        will: Some(("will/x".into(), b"x".to_vec(), 0, false)),
        password: Some(b"wrong".to_vec()),
        ..Connect::secret_device(4, "demo_device3", "12345678")
    };
    assert_eq!(broker.plain().connect(&connect), 4);
    watcher.expect_silence();
}

#[test]
fn a_will_whose_right_is_gone_is_not_published() {
    let broker = Broker::demo();
    let mut watcher = broker.device1(4);
    watcher
        .send(&subscribe(1, &[("will/+", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    let mut device = broker.plain().join(&Connect {
        will: Some(("will/x".into(), b"x".to_vec(), 0, false)),
        ..Connect::secret_device(4, "demo_device3", "12345678")
    });
    broker.cli_json(&["device", "freeze", "demo_device3"]);
    device.expect_close();
    watcher.expect_silence();
}

#[test]
fn filters_that_cover_more_than_is_allowed() {
    let broker = Broker::demo();
    let mut device = broker.device3(4);
    let refused = [
        "$oc/#",
        "$oc/devices/#",
        "$oc/devices/+/sys/#",
        "$oc/+/demo_device3/sys/#",
        "$SYS/#",
        "$share/g/$oc/devices/demo_device1/#",
        "$queue/x",
        "$exclusive/x",
        "$oc/devices/demo_device3/../demo_device1/sys/#",
    ];
    for (index, filter) in refused.iter().enumerate() {
        let id = index as u16 + 1;
        device.send(&subscribe(id, &[(filter, 0)])).expect(&[
            0x90,
            3,
            (id >> 8) as u8,
            id as u8,
            0x80,
        ]);
    }
    // Malformed filters are never taken as literals.
    for (index, filter) in ["##", "a/#/b", "+a", "a#", "a/b+", ""].iter().enumerate() {
        let id = index as u16 + 50;
        device.send(&subscribe(id, &[(filter, 0)]));
        let answer = device.receive();
        assert_eq!(answer.body.last(), Some(&0x80), "`{filter}`");
    }
    // The leading wildcard is allowed by the default policy and shows no `$` topic.
    device
        .send(&subscribe(90, &[("#", 0), ("+/devices/#", 0)]))
        .expect(&[0x90, 4, 0, 90, 0, 0]);
    broker
        .app(4, "a")
        .send(&publish(
            "$oc/devices/demo_device1/sys/commands/request_id=1",
            b"x",
            0,
            0,
        ))
        .ping();
    device.expect_silence();
}

#[test]
fn every_filter_of_a_subscribe_is_judged() {
    let broker = Broker::demo();
    let mut device = broker.device3(4);
    device.send(&subscribe(
        1,
        &[
            ("ok", 0),
            ("$oc/devices/demo_device1/sys/messages/down", 0),
            ("ok2", 1),
            ("$SYS/#", 1),
        ],
    ));
    device.expect(&[0x90, 6, 0, 1, 0, 0x80, 1, 0x80]);
}

#[test]
fn the_platforms_own_topics_cannot_be_published_by_a_device() {
    let broker = Broker::demo();
    let mut app = witness(&broker);
    let mut device = broker.device3(4);
    for topic in [
        "$oc/devices/demo_device3/sys/commands/request_id=1",
        "$oc/devices/demo_device3/sys/messages/down",
        "$oc/devices/demo_device1/sys/messages/up",
        "$SYS/broker",
        "$oc/devices/demo_device3/user/undeclared",
    ] {
        device.send(&publish(topic, b"x", 1, 1)).expect(&puback(1));
    }
    app.expect_silence();
    let mut v5 = broker.device3(5);
    v5.send(&publish_v5("$SYS/x", b"x", 1, 2, &[]));
    let answer = v5.receive();
    assert_eq!(
        (answer.first, answer.body[2]),
        (0x40, 0x87),
        "MQTT 5 is told"
    );
}

#[test]
fn ids_with_wildcards_do_not_widen_a_policy() {
    let broker = Broker::start(&Options {
        own_policies: true,
        ..Options::default()
    });
    std::fs::write(
        broker.path("policies/iotda/own_topics.json"),
        r#"{"policy_name":"own_topics","statement":[{"effect":"ALLOW","actions":["iotda:devices:publish","iotda:devices:subscribe"],"resources":["topic:own/${devices.clientId}/x"]}]}"#,
    ).unwrap();
    broker.delete_default_policy();
    wait_until("revision 2", || {
        broker
            .admin_json("/policy")
            .to_string()
            .contains("\"revision\":2")
    });
    for stamp in ["*", "?", "#", "+"] {
        let connect = Connect {
            client_id: format!("demo_device3_0_0_{stamp}"),
            ..Connect::secret_device(4, "demo_device3", "12345678")
        };
        let mut wire = broker.plain();
        assert_ne!(wire.connect(&connect), 0, "a time stamp of `{stamp}`");
    }
}

#[test]
fn a_refused_stranger_does_not_disturb_the_owner() {
    let broker = Broker::demo();
    let mut owner = broker.device3(4);
    for _ in 0..5 {
        let stranger = Connect {
            password: Some(b"wrong".to_vec()),
            ..Connect::secret_device(4, "demo_device3", "12345678")
        };
        assert_eq!(broker.plain().connect(&stranger), 4);
    }
    // An application may not take a device's session by its client id.
    let _app = broker.app(4, "demo_device3");
    owner.ping();
}

#[test]
fn topics_of_extreme_shape() {
    let broker = Broker::demo();
    let mut device = broker.device3(4);
    let slashes = "/".repeat(60_000);
    device
        .send(&publish(&slashes, b"x", 1, 1))
        .expect(&puback(1));
    let pluses = "+/".repeat(30_000);
    device.send(&subscribe(2, &[(&pluses, 0)]));
    assert_eq!(device.receive().body.last(), Some(&0x80));
    device.ping();
}

#[test]
fn subscriptions_beyond_the_limit_are_refused() {
    let broker = Broker::demo();
    let mut device = broker.device3(5);
    let mut last = 0;
    for id in 1..=101u16 {
        device.send(&subscribe_v5(id, &[(&format!("many/{id}"), 0)], &[]));
        last = *device.receive().body.last().unwrap();
    }
    assert_eq!(last, 0x97);
}

#[test]
fn no_secret_is_logged() {
    let broker = Broker::start(&Options {
        config: "[log]\nfilter = \"info,iotda_broker=trace\"\n".into(),
        ..Options::default()
    });
    broker.device3(4).ping();
    let wrong = Connect {
        password: Some(b"a-wrong-password".to_vec()),
        ..Connect::secret_device(4, "demo_device3", "12345678")
    };
    assert_eq!(broker.plain().connect(&wrong), 4);
    broker.app(4, "a").ping();
    let log = broker.log();
    let token = broker.app_token();
    let hour_password = crate::support::device_password(&"x".repeat(10), "12345678");
    for secret in [
        "12345678\"",
        "a-wrong-password",
        token.as_str(),
        hour_password.as_str(),
    ] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}
