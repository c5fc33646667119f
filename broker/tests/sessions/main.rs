//! Sessions at the wire, with the built-in policy, a registry and the engine: what a client sees.

// Helpers of tests may fail by panicking, like the tests themselves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod certificates;
// Its texts are for the tests of the policy host.
#[allow(dead_code)]
#[path = "../fixtures/mod.rs"]
mod fixtures;
mod harness;
mod shadow;

use harness::{Client, MESSAGE, REPORT, app, device, message, start, start_with, text, will};
use iotda_broker::contract::Qos;
use iotda_broker::policy::Source;
use iotda_broker::session::Settings;
use iotda_broker::session::wire::client::FromServer;
use iotda_broker::session::wire::{Ack, Connect, FromClient, Level, Will};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

const LEVELS: [Level; 2] = [Level::V4, Level::V5];

#[tokio::test]
async fn every_refused_connect_has_its_code_and_is_closed() {
    let running = start().await;
    let wrong = |change: &dyn Fn(&mut Connect)| {
        LEVELS.map(|level| {
            let mut connect = device(level, "d1");
            change(&mut connect);
            connect
        })
    };
    let rows = [
        (
            "client id",
            wrong(&|c| c.client_id = text("nonsense")),
            [2, 0x85],
        ),
        (
            "other username",
            wrong(&|c| c.username = Some(text("demo_d2"))),
            [2, 0x85],
        ),
        ("keep alive", wrong(&|c| c.keep_alive = 5), [2, 0x87]),
        (
            "unknown",
            wrong(&|c| {
                c.client_id = text("demo_d9_0_0_2026112122");
                c.username = Some(text("demo_d9"));
            }),
            [4, 0x86],
        ),
        (
            "password",
            wrong(&|c| c.password = Some("0".repeat(64).into())),
            [4, 0x86],
        ),
        (
            "will",
            wrong(&|c| c.will = Some(will("$oc/devices/demo_d2/sys/messages/up"))),
            [5, 0x87],
        ),
    ];
    for (name, connects, codes) in rows {
        for (connect, expected) in connects.into_iter().zip(codes) {
            let (mut client, code, _) = Client::connect(&running, connect).await;
            assert_eq!(code, expected, "{name}");
            assert_eq!(client.receive().await, None, "{name}");
        }
    }
    assert!(running.broker.sessions.is_empty());
}

#[tokio::test]
async fn other_versions_and_other_packets_are_answered_and_closed() {
    let running = start().await;
    // What is sent, and the code in the CONNACK.
    let rows: [(&[u8], Option<u8>); 6] = [
        // MQTT 3.1, whose client ids are not empty; another name does not have its level.
        (b"\x10\x0e\0\x06MQIsdp\x03\x02\0\x3c\0\0", Some(2)),
        (b"\x10\x0c\0\x04MQTT\x03\x02\0\x3c\0\0", Some(1)),
        (b"\x10\x0c\0\x04MQTT\x06\x02\0\x3c\0\0", Some(0x84)),
        (b"\xc0\x00", None),
        (b"GET / HTTP/1.1\r\n\r\n", None),
        // An empty client id without a clean session.
        (b"\x10\x0c\0\x04MQTT\x04\x00\0\x3c\0\0", Some(2)),
    ];
    for (sent, code) in rows {
        let mut stream = TcpStream::connect(running.addr).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.ok();
        assert_eq!(got.get(3).copied(), code, "{sent:?}: {got:?}");
    }
}

#[tokio::test]
async fn reports_go_up_commands_come_down_and_nothing_echoes() {
    let running = start().await;
    for level in LEVELS {
        let mut app = Client::accepted(&running, app(level, "whatever")).await;
        assert_eq!(
            app.subscribe(
                &[
                    "$oc/devices/+/sys/properties/report",
                    "$oc/devices/+/sys/commands/response/+"
                ],
                Qos::AtLeastOnce
            )
            .await,
            [1, 1]
        );
        let mut device = Client::accepted(&running, device(level, "d1")).await;
        assert_eq!(device.publish(REPORT).await, 0);
        let report = app.delivery().await;
        assert_eq!(
            (&*report.publish.topic, report.publish.qos),
            (REPORT, Qos::AtLeastOnce)
        );
        app.ack(report.publish.packet_id).await;
        // A command comes without a subscription, at QoS 0.
        let command = "$oc/devices/demo_d1/sys/commands/request_id=1";
        assert_eq!(app.publish(command).await, 0);
        let received = device.delivery().await;
        assert_eq!(
            (&*received.publish.topic, received.publish.qos),
            (command, Qos::AtMostOnce)
        );
        // And at QoS 1 with the vendor's filter, once.
        assert_eq!(
            device
                .subscribe(&["$oc/devices/demo_d1/sys/commands/#"], Qos::AtLeastOnce)
                .await,
            [1]
        );
        assert_eq!(app.publish(command).await, 0);
        let received = device.delivery().await;
        assert_eq!(received.publish.qos, Qos::AtLeastOnce);
        device.ack(received.publish.packet_id).await;
        device.silence().await;
        // The answer is not heard by its sender, though its filter matches.
        assert_eq!(
            device
                .publish("$oc/devices/demo_d1/sys/commands/response/request_id=1")
                .await,
            0
        );
        assert!(
            app.delivery()
                .await
                .publish
                .topic
                .ends_with("response/request_id=1")
        );
        device.silence().await;
        // The suffix is cut off.
        assert_eq!(device.publish(&format!("{REPORT}?request_id=9")).await, 0);
        let report = app.delivery().await;
        assert_eq!(&*report.publish.topic, REPORT);
    }
}

#[tokio::test]
async fn denied_packets_are_answered_and_reach_nobody() {
    let running = start().await;
    let mut app = Client::accepted(&running, app(Level::V5, "a")).await;
    app.subscribe(&["$oc/devices/#"], Qos::AtMostOnce).await;
    for (level, refused, suback) in [(Level::V4, 0, 0x80), (Level::V5, 0x87, 0x87)] {
        let mut device = Client::accepted(&running, device(level, "d1")).await;
        assert_eq!(
            device
                .publish("$oc/devices/demo_d2/sys/properties/report")
                .await,
            refused
        );
        assert_eq!(
            device
                .publish("$oc/devices/demo_d1/sys/messages/down")
                .await,
            refused
        );
        let codes = device
            .subscribe(
                &[
                    "$oc/devices/demo_d2/sys/commands/#",
                    "free/topic",
                    "$oc/devices/+/sys/messages/down",
                ],
                Qos::AtMostOnce,
            )
            .await;
        assert_eq!(codes, [suback, 0, suback]);
        app.silence().await;
    }
}

#[tokio::test]
async fn filters_that_are_invalid_shared_or_unknown() {
    let running = start().await;
    for (level, invalid, shared) in [(Level::V4, 0x80, 0x80), (Level::V5, 0x8F, 0x9E)] {
        let mut device = Client::accepted(&running, device(level, "d1")).await;
        let codes = device
            .subscribe(&["a#", "a/#/b", "$share/g/t", "ok/+"], Qos::ExactlyOnce)
            .await;
        assert_eq!(codes, [invalid, invalid, shared, 1]);
        let codes = device.unsubscribe(&["nope", "ok/+"]).await;
        if level == Level::V5 {
            assert_eq!(codes, [0x11, 0]);
        }
    }
}

#[tokio::test]
async fn what_is_not_offered_ends_the_connection() {
    let running = start().await;
    let q2 = || FromClient::Publish(message("t", Qos::ExactlyOnce, 1));
    let retained = || {
        let mut packet = message("t", Qos::AtMostOnce, 0);
        packet.retain = true;
        FromClient::Publish(packet)
    };
    for (level, packet, code) in [
        (Level::V4, q2(), 0),
        (Level::V5, q2(), 0x9B),
        (Level::V5, retained(), 0x9A),
    ] {
        let mut client = Client::accepted(&running, device(level, "d1")).await;
        client.send(packet).await;
        assert_eq!(client.ended().await, code, "{level:?}");
    }
    let mut client = Client::accepted(&running, device(Level::V4, "d1")).await;
    client.send(retained()).await;
    client.send(FromClient::PingReq).await;
    assert_eq!(client.receive().await, Some(FromServer::PingResp));
    client
        .send(FromClient::PubRel(Ack {
            packet_id: 3,
            code: 0,
        }))
        .await;
    assert!(matches!(
        client.receive().await,
        Some(FromServer::PubComp(_))
    ));
    client.ack(99).await;
    client.send(FromClient::PingReq).await;
    assert_eq!(client.receive().await, Some(FromServer::PingResp));
}

#[tokio::test]
async fn topic_aliases_are_resolved_before_the_rules() {
    let running = start().await;
    let mut app = Client::accepted(&running, app(Level::V5, "a")).await;
    app.subscribe(&["$oc/devices/#"], Qos::AtMostOnce).await;
    let mut client = Client::accepted(&running, device(Level::V5, "d1")).await;
    for topic in [REPORT, ""] {
        let mut packet = message(topic, Qos::AtMostOnce, 0);
        packet.alias = Some(3);
        client.send(FromClient::Publish(packet)).await;
        assert_eq!(&*app.delivery().await.publish.topic, REPORT);
    }
    let mut packet = message(REPORT, Qos::AtMostOnce, 0);
    packet.alias = Some(17);
    client.send(FromClient::Publish(packet)).await;
    assert_eq!(client.ended().await, 0x94);
}

#[tokio::test]
async fn a_takeover_ends_the_old_connection_and_carries_the_session() {
    let running = start().await;
    let mut persistent = device(Level::V5, "d1");
    persistent.session_expiry = Some(60);
    persistent.clean_start = false;
    let mut first = Client::accepted(&running, persistent.clone()).await;
    assert_eq!(first.subscribe(&[MESSAGE], Qos::AtLeastOnce).await, [1]);
    let (mut second, code, present) = Client::connect(&running, persistent.clone()).await;
    assert_eq!((code, present), (0, true));
    assert_eq!(first.ended().await, 0x8E);
    let mut app = Client::accepted(&running, app(Level::V4, "a")).await;
    app.publish(MESSAGE).await;
    let unacked = second.delivery().await.publish;
    assert_eq!(unacked.qos, Qos::AtLeastOnce);
    // Away: what was not acknowledged comes again with DUP and its id, then what came meanwhile.
    drop(second);
    sleep(Duration::from_millis(100)).await;
    app.publish(MESSAGE).await;
    let (mut third, _, present) = Client::connect(&running, persistent.clone()).await;
    assert!(present);
    let again = third.delivery().await.publish;
    assert_eq!((again.dup, again.packet_id), (true, unacked.packet_id));
    let next = third.delivery().await.publish;
    assert!(!next.dup && next.packet_id != again.packet_id);
    // A clean start forgets the session, not what is kept for the device: neither message was acknowledged.
    persistent.clean_start = true;
    let (mut fourth, _, present) = Client::connect(&running, persistent).await;
    assert!(!present);
    for _ in 0..2 {
        assert_eq!(fourth.delivery().await.publish.qos, Qos::AtMostOnce);
    }
    fourth.silence().await;
    assert_eq!(third.ended().await, 0x8E);
    assert_eq!(running.broker.sessions.len(), 2);
}

#[tokio::test]
async fn messages_are_kept_for_a_registered_device_that_is_away() {
    let running = start().await;
    let mut app = Client::accepted(&running, app(Level::V4, "a")).await;
    for _ in 0..25 {
        app.publish(MESSAGE).await;
    }
    app.publish("$oc/devices/demo_d1/sys/commands/request_id=1")
        .await;
    app.publish("$oc/devices/nobody/sys/messages/down").await;
    sleep(Duration::from_millis(200)).await;
    let mut client = Client::accepted(&running, device(Level::V4, "d1")).await;
    for _ in 0..20 {
        assert_eq!(&*client.delivery().await.publish.topic, MESSAGE);
    }
    client.silence().await;
}

#[tokio::test]
async fn a_will_is_published_unless_the_client_leaves_or_is_revoked() {
    let running = start().await;
    let topic = "$oc/devices/demo_d1/sys/messages/up";
    let mut app = Client::accepted(&running, app(Level::V5, "a")).await;
    app.subscribe(&["$oc/devices/#"], Qos::AtMostOnce).await;
    let mut connect = device(Level::V5, "d1");
    connect.will = Some(will(topic));
    drop(Client::accepted(&running, connect.clone()).await);
    assert_eq!(&*app.delivery().await.publish.topic, topic);
    Client::accepted(&running, connect.clone())
        .await
        .leave(None)
        .await;
    app.silence().await;
    let mut client = Client::accepted(&running, connect.clone()).await;
    running.broker.registry.freeze("demo_d1", true).unwrap();
    assert_eq!(client.ended().await, 0x87);
    app.silence().await;
}

#[tokio::test]
async fn freezing_ends_one_session_within_a_quarter_of_a_second_and_no_other() {
    let running = start().await;
    let mut one = Client::accepted(&running, device(Level::V5, "d1")).await;
    let mut other = Client::accepted(&running, device(Level::V5, "d2")).await;
    running.broker.registry.freeze("demo_d1", true).unwrap();
    let frozen = Instant::now();
    assert_eq!(one.ended().await, 0x87);
    assert!(
        frozen.elapsed() < Duration::from_millis(250),
        "{:?}",
        frozen.elapsed()
    );
    other.send(FromClient::PingReq).await;
    assert_eq!(other.receive().await, Some(FromServer::PingResp));
    let (_, code, _) = Client::connect(&running, device(Level::V4, "d1")).await;
    assert_eq!(code, 5);
}

#[tokio::test]
async fn silence_is_the_end() {
    let settings = Settings {
        keep_alive_max: 1,
        ..Settings::default()
    };
    let running = start_with(settings, |_| {}).await;
    let mut client = Client::accepted(&running, device(Level::V5, "d1")).await;
    let start = Instant::now();
    assert_eq!(client.ended().await, 0x8D);
    assert!(
        start.elapsed() >= Duration::from_millis(1_400)
            && start.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn listeners_limits_turn_away_and_time_out() {
    let running = start_with(Settings::default(), |listener| {
        listener.connections_max = 2;
        listener.connect_deadline = Duration::from_millis(300);
    })
    .await;
    let _one = Client::accepted(&running, device(Level::V4, "d1")).await;
    let mut idle = Client::raw(&running, Level::V4).await;
    for (level, code) in [(Level::V4, 3), (Level::V5, 0x97)] {
        let (mut client, got, _) = Client::connect(&running, device(level, "d2")).await;
        assert_eq!(got, code);
        assert_eq!(client.receive().await, None);
    }
    assert_eq!(idle.receive().await, None);
    sleep(Duration::from_millis(50)).await;
    Client::accepted(&running, device(Level::V4, "d2")).await;
}

#[tokio::test]
async fn shutdown_drains() {
    let running = start().await;
    let mut client = Client::accepted(&running, device(Level::V5, "d1")).await;
    running.shutdown.send(true).unwrap();
    assert_eq!(
        running.broker.sessions.drain(Duration::from_secs(2)).await,
        0
    );
    assert_eq!(client.ended().await, 0x8B);
    assert!(TcpStream::connect(running.addr).await.is_err());
}

#[tokio::test]
async fn operators_see_and_close_sessions() {
    let running = start().await;
    let mut client = Client::accepted(&running, device(Level::V5, "d1")).await;
    let listed = running.broker.sessions.list();
    assert_eq!(
        (listed.len(), &*listed[0].client, listed[0].protocol),
        (1, "demo_d1", "5")
    );
    assert!(running.broker.sessions.close("demo_d1"));
    assert!(!running.broker.sessions.close("nobody"));
    assert_eq!(client.ended().await, 0x98);
}

#[tokio::test]
async fn limits_of_the_client_are_kept() {
    let running = start().await;
    let mut app = Client::accepted(&running, app(Level::V4, "a")).await;
    let mut connect = device(Level::V5, "d1");
    connect.receive_maximum = 1;
    connect.maximum_packet_size = Some(100);
    let mut client = Client::accepted(&running, connect).await;
    client.subscribe(&[MESSAGE], Qos::AtLeastOnce).await;
    let mut large = message(MESSAGE, Qos::AtMostOnce, 0);
    large.payload = vec![b'x'; 200].into();
    app.send(FromClient::Publish(large)).await;
    app.publish(MESSAGE).await;
    app.publish(MESSAGE).await;
    let first = client.delivery().await.publish;
    assert_eq!(&first.payload[..], b"{}");
    client.silence().await;
    client.ack(first.packet_id).await;
    client.delivery().await;
}

#[tokio::test]
async fn overlapping_filters_bring_one_copy_and_no_local_none() {
    let running = start().await;
    let mut one = Client::accepted(&running, device(Level::V4, "d1")).await;
    assert_eq!(
        one.subscribe(&["room/+", "room/#", "room/a"], Qos::AtLeastOnce)
            .await,
        [1, 1, 1]
    );
    assert_eq!(one.subscribe(&["room/a"], Qos::AtMostOnce).await, [0]);
    let mut other = Client::accepted(&running, device(Level::V4, "d2")).await;
    assert_eq!(other.publish("room/a").await, 0);
    assert_eq!(one.delivery().await.publish.qos, Qos::AtLeastOnce);
    one.silence().await;
    one.unsubscribe(&["room/+", "room/#", "room/a"]).await;
    other.publish("room/a").await;
    one.silence().await;
}

#[tokio::test]
async fn a_swap_is_enforced_on_live_and_parked_sessions_without_a_lost_connection() {
    let running = start().await;
    let mut one = Client::accepted(&running, device(Level::V5, "d1")).await;
    assert_eq!(
        one.subscribe(&["room/a", MESSAGE], Qos::AtLeastOnce).await,
        [1, 1]
    );
    let mut two = Client::accepted(&running, device(Level::V5, "d2")).await;
    assert_eq!(two.publish("room/a").await, 0);
    // Not acknowledged: in flight when the rules change.
    assert_eq!(&*one.delivery().await.publish.topic, "room/a");
    // Nothing but the system topics is allowed from now on.
    let mut candidate = Source::default().load().unwrap();
    candidate.cases.clear();
    candidate
        .documents
        .retain(|document| document.name != "system_default_policy.json");
    running.broker.policy.offer(candidate).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(two.publish("room/a").await, 0x87);
    assert_eq!(one.publish(REPORT).await, 0);
    // The forbidden subscription is gone, the other one is not.
    assert_eq!(one.unsubscribe(&["room/a", MESSAGE]).await, [0x11, 0]);
}

#[tokio::test]
async fn a_parked_session_of_a_frozen_device_is_gone() {
    let running = start().await;
    let mut connect = device(Level::V5, "d1");
    connect.session_expiry = Some(60);
    connect.clean_start = false;
    let mut client = Client::accepted(&running, connect.clone()).await;
    client.subscribe(&[MESSAGE], Qos::AtLeastOnce).await;
    client.leave(None).await;
    assert_eq!(
        running
            .broker
            .sessions
            .list()
            .iter()
            .filter(|one| one.parked)
            .count(),
        1
    );
    running.broker.registry.freeze("demo_d1", true).unwrap();
    sleep(Duration::from_millis(200)).await;
    assert!(running.broker.sessions.is_empty());
    running.broker.registry.freeze("demo_d1", false).unwrap();
    let (client, code, present) = Client::connect(&running, connect).await;
    assert_eq!((code, present), (0, false));
    client.leave(Some(0)).await;
    assert!(running.broker.sessions.is_empty());
}

#[tokio::test]
async fn a_parked_session_ends_by_its_expiry_and_its_delayed_will_before() {
    let running = start().await;
    let mut app = Client::accepted(&running, app(Level::V5, "a")).await;
    app.subscribe(&["$oc/devices/#"], Qos::AtMostOnce).await;
    let mut connect = device(Level::V5, "d1");
    connect.session_expiry = Some(2);
    connect.clean_start = false;
    connect.will = Some(Will {
        delay: 1,
        ..will("$oc/devices/demo_d1/sys/messages/up")
    });
    // Back in time: no will.
    drop(Client::accepted(&running, connect.clone()).await);
    sleep(Duration::from_millis(100)).await;
    let (client, _, present) = Client::connect(&running, connect).await;
    assert!(present);
    sleep(Duration::from_millis(1_200)).await;
    app.silence().await;
    drop(client);
    let start = Instant::now();
    app.delivery().await;
    assert!(start.elapsed() >= Duration::from_millis(900));
    assert_eq!(running.broker.sessions.len(), 2);
    sleep(Duration::from_millis(1_500)).await;
    assert_eq!(running.broker.sessions.len(), 1);
}

#[tokio::test]
async fn concurrent_takeovers_leave_one_session() {
    let running = Arc::new(start().await);
    let mut connect = device(Level::V5, "d1");
    connect.session_expiry = Some(60);
    connect.clean_start = false;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (running, connect) = (Arc::clone(&running), connect.clone());
        tasks.spawn(async move {
            let (mut client, code, _) = Client::connect(&running, connect).await;
            assert_eq!(code, 0);
            tokio::select! {
                code = client.ended() => Some(code),
                () = sleep(Duration::from_secs(2)) => None,
            }
        });
    }
    let ends = tasks.join_all().await;
    assert_eq!(
        ends.iter().filter(|end| end.is_none()).count(),
        1,
        "{ends:?}"
    );
    assert!(ends.iter().flatten().all(|code| *code == 0x8E), "{ends:?}");
}

#[tokio::test]
async fn a_reader_that_stops_does_not_stop_others_and_is_given_up() {
    let settings = Settings {
        write_stall: Duration::from_millis(500),
        queue_messages: 50,
        ..Settings::default()
    };
    let running = start_with(settings, |_| {}).await;
    let _stopped = Client::accepted(&running, device(Level::V5, "d1")).await;
    let mut reader = Client::accepted(&running, app(Level::V5, "reader")).await;
    reader
        .subscribe(&["$oc/devices/+/sys/messages/up"], Qos::AtMostOnce)
        .await;
    let mut sender = Client::accepted(&running, app(Level::V5, "sender")).await;
    let mut two = Client::accepted(&running, device(Level::V5, "d2")).await;
    let mut large = message(MESSAGE, Qos::AtMostOnce, 0);
    large.payload = vec![b'x'; 60_000].into();
    for _ in 0..300 {
        sender.send(FromClient::Publish(large.clone())).await;
    }
    assert_eq!(two.publish("$oc/devices/demo_d2/sys/messages/up").await, 0);
    reader.delivery().await;
    sleep(Duration::from_millis(1_500)).await;
    assert!(
        running
            .broker
            .sessions
            .list()
            .iter()
            .all(|one| one.client != "demo_d1")
    );
    assert_eq!(running.broker.sessions.len(), 3);
}
