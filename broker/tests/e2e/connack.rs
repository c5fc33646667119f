//! The table «CONNACK codes» of the first issue, row by row, in both protocol versions: the code, then the end of the connection.

use crate::support::{Broker, Connect, Options, Wire, device_password};

/// (what, CONNECT, code for 3.1.1, code for 5)
type Row = (&'static str, fn(u8) -> Connect, u8, u8);

fn check(broker: &Broker, open: impl Fn(&Broker) -> Wire, rows: &[Row]) {
    for (what, connect, v4, v5) in rows {
        for (level, code) in [(4, *v4), (5, *v5)] {
            let mut wire = open(broker);
            assert_eq!(wire.connect(&connect(level)), code, "{what}, level {level}");
            if code != 0 {
                wire.expect_close();
            }
        }
    }
}

fn with_client_id(level: u8, client_id: &str) -> Connect {
    Connect {
        client_id: client_id.to_owned(),
        ..Connect::secret_device(level, "demo_device3", "12345678")
    }
}

fn at_hours_from_now(level: u8, hours: i64) -> Connect {
    let at = time::OffsetDateTime::now_utc() + time::Duration::hours(hours);
    let hour = format!(
        "{:04}{:02}{:02}{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour()
    );
    Connect {
        client_id: format!("demo_device3_0_1_{hour}"),
        password: Some(device_password(&hour, "12345678").into_bytes()),
        ..Connect::secret_device(level, "demo_device3", "12345678")
    }
}

// One table.
#[allow(clippy::too_many_lines)]
#[test]
fn secret_devices() {
    let broker = Broker::demo();
    let rows: &[Row] = &[
        (
            "right secret",
            |level| Connect::secret_device(level, "demo_device3", "12345678"),
            0,
            0,
        ),
        (
            "time stamp not checked by sign type 0",
            |level| Connect {
                client_id: "demo_device3_0_0_2020010100".into(),
                password: Some(device_password("2020010100", "12345678").into_bytes()),
                ..Connect::secret_device(level, "demo_device3", "12345678")
            },
            0,
            0,
        ),
        (
            "unknown device",
            |level| Connect::secret_device(level, "demo_nobody", "12345678"),
            4,
            0x86,
        ),
        (
            "bad secret",
            |level| Connect::secret_device(level, "demo_device3", "87654321"),
            4,
            0x86,
        ),
        (
            "no password",
            |level| Connect {
                password: None,
                ..Connect::secret_device(level, "demo_device3", "12345678")
            },
            4,
            0x86,
        ),
        (
            "stale time stamp",
            |level| at_hours_from_now(level, -3),
            4,
            0x86,
        ),
        (
            "client id without parts",
            |level| with_client_id(level, "garbage"),
            2,
            0x85,
        ),
        (
            "client id with a bad type",
            |level| with_client_id(level, "demo_device3_7_1_2026112122"),
            2,
            0x85,
        ),
        (
            "client id names another device",
            |level| with_client_id(level, "demo_device1_0_0_2026112122"),
            2,
            0x85,
        ),
        (
            "keep alive 29 s",
            |level| Connect {
                keep_alive: 29,
                ..Connect::secret_device(level, "demo_device3", "12345678")
            },
            2,
            0x87,
        ),
        (
            "keep alive 1201 s",
            |level| Connect {
                keep_alive: 1201,
                ..Connect::secret_device(level, "demo_device3", "12345678")
            },
            2,
            0x87,
        ),
        (
            "keep alive off",
            |level| Connect {
                keep_alive: 0,
                ..Connect::secret_device(level, "demo_device3", "12345678")
            },
            2,
            0x87,
        ),
        (
            "keep alive 30 s",
            |level| Connect {
                keep_alive: 30,
                ..Connect::secret_device(level, "demo_device3", "12345678")
            },
            0,
            0,
        ),
        (
            "keep alive 1200 s",
            |level| Connect {
                keep_alive: 1200,
                ..Connect::secret_device(level, "demo_device3", "12345678")
            },
            0,
            0,
        ),
        (
            "certificate device without one",
            |level| Connect::certificate_device(level, "demo_device1"),
            5,
            0x87,
        ),
    ];
    check(&broker, Broker::plain, rows);
    check(&broker, Broker::tls, rows);
}

#[test]
fn certificate_devices() {
    let broker = Broker::demo();
    check(
        &broker,
        |broker| broker.tls_as("device1"),
        &[
            (
                "own certificate",
                |level| Connect::certificate_device(level, "demo_device1"),
                0,
                0,
            ),
            (
                "own certificate and any password",
                |level| Connect {
                    password: Some(b"x".to_vec()),
                    ..Connect::certificate_device(level, "demo_device1")
                },
                0,
                0,
            ),
            (
                "another device's certificate",
                |level| Connect::certificate_device(level, "demo_device2"),
                5,
                0x87,
            ),
            (
                "secret device with another's certificate",
                |level| Connect::secret_device(level, "demo_device3", "12345678"),
                5,
                0x87,
            ),
            (
                "unknown device",
                |level| Connect::certificate_device(level, "demo_nobody"),
                4,
                0x86,
            ),
        ],
    );
}

#[test]
fn frozen_devices() {
    let broker = Broker::demo();
    broker.cli_json(&["device", "freeze", "demo_device1"]);
    broker.cli_json(&["device", "freeze", "demo_device3"]);
    let certificate: &[Row] = &[(
        "frozen",
        |level| Connect::certificate_device(level, "demo_device1"),
        5,
        0x87,
    )];
    let secret: &[Row] = &[(
        "frozen",
        |level| Connect::secret_device(level, "demo_device3", "12345678"),
        5,
        0x87,
    )];
    check(&broker, |broker| broker.tls_as("device1"), certificate);
    check(&broker, Broker::plain, secret);
    broker.cli_json(&["device", "unfreeze", "demo_device3"]);
    broker.device3(4);
}

#[test]
fn applications() {
    let broker = Broker::demo();
    broker.app(4, "any client id");
    broker.app(5, "any client id");
    check(
        &broker,
        Broker::plain,
        &[
            (
                "wrong password",
                |level| Connect::application(level, "x", "demo_app", "wrong"),
                4,
                0x86,
            ),
            (
                "a device's name",
                |level| Connect::application(level, "x", "demo_device3", "wrong"),
                2,
                0x85,
            ),
        ],
    );
}

#[test]
fn protocol_levels() {
    let broker = Broker::demo();
    for level in [0, 1, 2, 6, 127] {
        let mut wire = broker.plain();
        // A server that does not know the level cannot know the form of its answer: the 3.1.1 form serves (MQTT-3.1.2-2).
        assert_eq!(
            wire.connect(&Connect::new(level, "x")),
            if level > 5 { 0x84 } else { 1 },
            "level {level}"
        );
        wire.expect_close();
    }
}

#[test]
fn connections_beyond_the_limit() {
    let broker = Broker::start(&Options {
        config: "[limits]\nconnections = 2\n".into(),
        ..Options::default()
    });
    let _first = broker.device3(4);
    let _second = broker.app(4, "a");
    let _third = broker
        .tls_as("device1")
        .join(&Connect::certificate_device(4, "demo_device1"));
    let _fourth = broker.tls().join(&Connect::application(
        4,
        "b",
        "demo_app",
        &broker.app_token(),
    ));
    for open in [Broker::plain, Broker::tls] {
        check(
            &broker,
            open,
            &[(
                "one too many",
                |level| Connect::secret_device(level, "demo_device3", "12345678"),
                3,
                0x97,
            )],
        );
    }
}

#[test]
fn empty_client_ids() {
    let broker = Broker::demo();
    let token = broker.app_token();
    let mut clean = broker.plain();
    assert_eq!(
        clean.connect(&Connect::application(4, "", "demo_app", &token)),
        0
    );
    let mut stored = broker.plain();
    assert_eq!(
        stored.connect(&Connect {
            clean: false,
            ..Connect::application(4, "", "demo_app", &token)
        }),
        2,
        "MQTT-3.1.3-8"
    );
    let mut v5 = broker.plain();
    v5.send(&Connect::application(5, "", "demo_app", &token).bytes());
    let connack = v5.receive();
    assert_eq!(connack.body[1], 0);
    assert!(
        connack.body.windows(1).any(|window| window == [0x12]),
        "no assigned client identifier in {connack:?}"
    );
}
