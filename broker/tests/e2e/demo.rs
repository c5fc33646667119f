//! What the first start promises: the ready line, and the demo's devices talking with its application.

use crate::support::{Broker, Connect, puback, publish, subscribe};

const REPORT: &[u8] = br#"{"services":[{"service_id":"Battery","properties":{"batteryLevel":80},"event_time":"20261121T223000Z"}]}"#;

#[test]
fn the_ready_line_tells_where_everything_is() {
    let broker = Broker::demo();
    let ready = broker.ready();
    assert_eq!(ready["event"], "ready");
    assert!(
        ready["listeners"]["mqtts"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(ready["admin"].as_str().unwrap().starts_with("127.0.0.1:"));
    let policy = &ready["policies"]["iotda"];
    assert_eq!(policy["digest"].as_str().unwrap().len(), 64);
    assert_eq!(policy["revision"], 1);
}

#[test]
fn a_report_reaches_the_application() {
    let broker = Broker::demo();
    for level in [4, 5] {
        let mut app = broker.app(4, "app");
        app.send(&subscribe(1, &[("$oc/devices/+/sys/properties/report", 1)]))
            .expect(&[0x90, 3, 0, 1, 1]);
        let mut device = broker.device1(4);
        device
            .send(&publish(
                "$oc/devices/demo_device1/sys/properties/report",
                REPORT,
                1,
                7,
            ))
            .expect(&puback(7));
        let got = app.receive();
        assert_eq!(
            (got.topic().as_str(), got.qos(), got.payload()),
            ("$oc/devices/demo_device1/sys/properties/report", 1, REPORT)
        );
        app.send(&puback(got.packet_id()));
        let mut secret = broker.device3(level);
        let report = "$oc/devices/demo_device3/sys/properties/report";
        secret.send(&if level == 4 {
            publish(report, REPORT, 0, 0)
        } else {
            crate::support::publish_v5(report, REPORT, 0, 0, &[])
        });
        assert_eq!(
            (app.receive().topic().as_str(), got.payload()),
            (report, REPORT)
        );
    }
}

#[test]
fn a_command_arrives_unsubscribed_and_its_answer_is_not_echoed() {
    let broker = Broker::demo();
    let mut app = broker.app(4, "app");
    app.send(&subscribe(
        1,
        &[("$oc/devices/+/sys/commands/response/#", 0)],
    ))
    .expect(&[0x90, 3, 0, 1, 0]);
    let mut device = broker.device1(4);
    app.send(&publish(
        "$oc/devices/demo_device1/sys/commands/request_id=1",
        b"{}",
        0,
        0,
    ));
    let got = device.receive();
    assert_eq!(
        (got.topic().as_str(), got.qos()),
        ("$oc/devices/demo_device1/sys/commands/request_id=1", 0)
    );

    // The filter of the vendor's SDKs also matches the device's own answers.
    device
        .send(&subscribe(
            2,
            &[("$oc/devices/demo_device1/sys/commands/#", 1)],
        ))
        .expect(&[0x90, 3, 0, 2, 1]);
    device
        .send(&publish(
            "$oc/devices/demo_device1/sys/commands/response/request_id=1",
            b"{\"result_code\":0}",
            1,
            3,
        ))
        .expect(&puback(3));
    assert_eq!(
        app.receive().topic(),
        "$oc/devices/demo_device1/sys/commands/response/request_id=1"
    );
    device.expect_silence();

    app.send(&publish(
        "$oc/devices/demo_device1/sys/commands/request_id=2",
        b"{}",
        1,
        9,
    ))
    .expect(&puback(9));
    let got = device.receive();
    assert_eq!(
        (got.topic().as_str(), got.qos()),
        ("$oc/devices/demo_device1/sys/commands/request_id=2", 1),
        "QoS 1 by the subscription, once"
    );
    device.send(&puback(got.packet_id())).expect_silence();
}

#[test]
fn other_devices_topics_are_out_of_reach() {
    let broker = Broker::demo();
    let mut app = broker.app(4, "app");
    app.send(&subscribe(1, &[("$oc/devices/#", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    let mut device = broker.device1(4);
    device
        .send(&publish(
            "$oc/devices/demo_device3/sys/properties/report",
            REPORT,
            1,
            1,
        ))
        .expect(&puback(1));
    app.expect_silence();
    device.send(&subscribe(
        2,
        &[
            ("$oc/devices/demo_device3/sys/commands/#", 0),
            ("$oc/devices/+/sys/commands/#", 0),
            ("$oc/#", 0),
        ],
    ));
    device.expect(&[0x90, 5, 0, 2, 0x80, 0x80, 0x80]);
    let mut v5 = broker.device3(5);
    v5.send(&crate::support::subscribe_v5(
        2,
        &[("$oc/devices/demo_device1/sys/commands/#", 0)],
        &[],
    ));
    let suback = v5.receive();
    assert_eq!((suback.first, suback.body.last()), (0x90, Some(&0x87)));
}

#[test]
fn both_versions_share_the_port_and_a_device_has_one_connection() {
    let broker = Broker::demo();
    let mut first = broker.device3(5);
    let mut second = broker.device3(4);
    let told = first.until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x8E)),
        "session taken over"
    );
    // Another client id, because the hour is part of it: still the same device.
    let _third = broker.plain().join(&Connect {
        client_id: "demo_device3_0_0_2020010100".into(),
        password: Some(crate::support::device_password("2020010100", "12345678").into_bytes()),
        ..Connect::secret_device(4, "demo_device3", "12345678")
    });
    second.expect_close();
}
