//! What one client or one visitor of the admin port may not do to all others, and to its own limits.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::{
    Broker, Connect, Options, packet, puback, publish, publish_v5, subscribe, subscribe_v5,
    wait_until,
};

#[test]
fn a_visitor_of_the_admin_port_does_not_hold_up_a_stop() {
    let broker = Broker::demo();
    let mut half_a_request = TcpStream::connect(broker.admin()).unwrap();
    half_a_request
        .write_all(b"GET /livez HTTP/1.1\r\nHo")
        .unwrap();
    let _silent = TcpStream::connect(broker.admin()).unwrap();
    assert_eq!(broker.admin_get("/livez", false).0, 200);
    let began = Instant::now();
    broker.signal("TERM");
    assert_eq!(broker.wait(), Some(0));
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

/// A Maximum Packet Size of 40: reason strings are left out where they do not fit (MQTT-3.2.2-19, 3.4.2-2, 3.9.2-1, 3.14.2-3).
#[test]
fn no_reason_makes_a_packet_larger_than_the_client_takes() {
    const MAXIMUM: usize = 40;
    let broker = Broker::demo();
    let small = |connect: Connect| Connect {
        properties: vec![0x27, 0, 0, 0, MAXIMUM as u8],
        ..connect
    };
    let device = || small(Connect::secret_device(5, "demo_device3", "12345678"));
    let size = |got: &crate::support::Received| 2 + got.body.len();

    let mut refused = broker.plain();
    refused.send(
        &Connect {
            password: Some(b"wrong".to_vec()),
            ..small(Connect::secret_device(5, &"x".repeat(60), "12345678"))
        }
        .bytes(),
    );
    let connack = refused.receive();
    assert_eq!((connack.first, connack.body[1]), (0x20, 0x86));
    assert!(size(&connack) <= MAXIMUM, "{connack:?}");

    let mut wire = broker.plain().join(&device());
    wire.send(&publish_v5(
        "$oc/devices/demo_device1/sys/messages/up",
        b"x",
        1,
        1,
        &[],
    ));
    let ack = wire.receive();
    assert_eq!((ack.first, ack.body[2]), (0x40, 0x87));
    assert!(size(&ack) <= MAXIMUM, "{ack:?}");

    wire.send(&subscribe_v5(2, &[("$oc/devices/demo_device1/#", 0)], &[]));
    let ack = wire.receive();
    assert_eq!((ack.first, *ack.body.last().unwrap()), (0x90, 0x87));
    assert!(size(&ack) <= MAXIMUM, "{ack:?}");

    // A reserved packet type ends it with 0x81 and a sentence elsewhere.
    wire.send(&packet(0x00, &[]));
    let told = wire.until_close().pop().unwrap();
    assert_eq!((told.first, told.body[0]), (0xE0, 0x81));
    assert!(size(&told) <= MAXIMUM, "{told:?}");
}

#[test]
fn a_resumed_session_keeps_to_its_new_receive_maximum() {
    let broker = Broker::demo();
    let stored = |window: u8| Connect {
        clean: false,
        properties: vec![0x21, 0, window, 0x11, 0, 0, 0, 60],
        ..Connect::secret_device(5, "demo_device3", "12345678")
    };
    let mut device = broker.plain().join(&stored(10));
    device.send(&subscribe_v5(1, &[("t", 1)], &[]));
    device.receive();
    let mut writer = broker.device1(4);
    for id in 1..=5 {
        writer
            .send(&publish("t", &[b'0' + id as u8], 1, id))
            .expect(&puback(id));
        assert_eq!(device.receive().payload_v5(), [b'0' + id as u8]);
    }
    drop(device);

    let mut device = broker.plain();
    assert_eq!(device.connect(&stored(2)), 0);
    for id in [b'1', b'2'] {
        let got = device.receive();
        assert_eq!((got.payload_v5(), got.first & 0x08), (&[id][..], 0x08));
    }
    device.expect_silence();
    device.send(&puback(1));
    assert_eq!(device.receive().payload_v5(), b"3");
    device.expect_silence();
    device.send(&puback(2)).send(&puback(3));
    assert_eq!(device.receive().payload_v5(), b"4");
    assert_eq!(device.receive().payload_v5(), b"5");
}

#[test]
fn a_client_cannot_flood_the_log_with_its_own_id() {
    let broker = Broker::demo();
    let long = "\u{1}".repeat(60_000);
    let mut wire = broker.plain();
    assert_eq!(wire.connect(&Connect::new(4, &long)), 2);
    wire.expect_close();
    broker.wait_for_log("client-id");
    let longest = broker.log().lines().map(str::len).max();
    assert!(longest < Some(4_096), "{longest:?} bytes");
}

#[test]
fn a_connect_full_of_user_properties_is_judged() {
    // Handing 8 000 pairs to the component takes an unoptimised build on a busy machine more than the usual 10 ms.
    let broker = Broker::start(&Options {
        config: "[policies.iotda.limits]\ncall_deadline = \"200ms\"\n".into(),
        ..Options::default()
    });
    let pairs: Vec<u8> = [0x26, 0, 1, b'k', 0, 1, b'v'].repeat(8_000);
    let connect = Connect::secret_device(5, "demo_device3", "12345678");
    let plain = connect.bytes();
    // The body up to the property length of 0, which stands behind name, level, flags and keep alive.
    let at = plain.len() - usize::from(plain[1] & 0x7F).min(plain.len());
    let header = if plain[1] & 0x80 == 0 { 2 } else { 3 };
    assert!(at <= plain.len());
    let mut body = plain[header..header + 10].to_vec();
    let mut length = pairs.len();
    while length > 0 {
        let byte = (length % 128) as u8;
        length /= 128;
        body.push(if length > 0 { byte | 0x80 } else { byte });
    }
    body.extend_from_slice(&pairs);
    body.extend_from_slice(&plain[header + 11..]);
    let mut wire = broker.plain();
    wire.send(&packet(0x10, &body));
    assert_eq!(wire.receive().body[1], 0);
    wire.ping();
}

#[test]
fn an_application_whose_client_id_cannot_be_an_id_is_told_so() {
    let broker = Broker::demo();
    for (level, code) in [(4, 2), (5, 0x85)] {
        for id in ["a\u{1}b", "\u{7f}", "a\nb"] {
            let app = Connect::application(level, id, "demo_app", &broker.app_token());
            assert_eq!(broker.plain().connect(&app), code, "{id:?}");
        }
    }
}

/// Raises a flag at the end, also after a panic.
struct Raised<'f>(&'f AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_unsubscribe_under_traffic_is_no_loss() {
    let broker = Broker::demo();
    let mut writer = broker.app(4, "writer");
    let topic = |name: &str| format!("$oc/devices/demo_device1/sys/{name}");
    // Far ahead in one filter's log, at the beginning of the other's.
    let (busy, calm) = (topic("messages/down"), topic("events/up"));
    for _ in 0..500 {
        writer.send(&publish(&busy, b"x", 0, 0));
    }
    writer.ping();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    writer.send(&publish(&busy, b"x", 0, 0));
                    writer.send(&publish(&calm, b"x", 0, 0));
                }
                writer.ping();
            }
        });
        let _over = Raised(&ended);
        let mut reader = broker.app(5, "reader");
        let mut told = None;
        for _ in 0..300 {
            reader.send(&subscribe_v5(1, &[(&busy, 1), (&calm, 1)], &[]));
            reader.send(&crate::support::unsubscribe(5, 2, &[&calm]));
            reader.send(&[0xC0, 0]);
            let answer = std::iter::repeat_with(|| reader.receive())
                .find(|got| matches!(got.kind(), 13 | 14))
                .filter(|got| got.kind() == 14);
            told = told.or(answer);
            if told.is_some() {
                break;
            }
        }
        assert_eq!(told, None, "closed for being slow");
    });
}

#[test]
fn rapid_reconnects_under_traffic_leave_nothing_behind() {
    let broker = Broker::demo();
    let mut writer = broker.app(4, "writer");
    for round in 0..200_u16 {
        let mut device = broker.device3(4);
        device.send(&subscribe(1, &[("t/#", 1), ("open", 1)]));
        if round % 2 == 0 {
            device.receive();
        }
        writer.send(&publish(
            "$oc/devices/demo_device3/sys/messages/down",
            b"m",
            1,
            round + 1,
        ));
        assert_eq!(
            writer.receive(),
            crate::support::Received {
                first: 0x40,
                body: (round + 1).to_be_bytes().to_vec(),
            }
        );
        if round % 3 == 0 {
            device.send(&[0xE0, 0]);
        }
    }
    let mut last = broker.device3(4);
    last.send(&[0xC0, 0]);
    // First what the inbox kept while the device was away.
    while last.receive().kind() != 13 {}
    writer.ping();
    let clients = || {
        let listed = broker.admin_json("/sessions");
        let mut clients: Vec<String> = listed["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["client"].as_str().unwrap().to_owned())
            .collect();
        clients.sort();
        clients
    };
    assert_eq!(clients(), ["demo_app/writer", "demo_device3"]);
    drop((last, writer));
    wait_until("all sessions to be gone", || clients().is_empty());
    for gauge in ["sessions", "connections", "parked_sessions"] {
        let line = format!("iotda_broker_{gauge} 0\n");
        wait_until(&line, || {
            broker.admin_get("/metrics", false).1.contains(&line)
        });
    }
}
