//! The second built-in policy through a whole broker: the flow of the vendor's C SDK on its TLS listener, as `serve --demo` offers it.
//!
//! Packets are those that the SDK was seen to send: every device of a fleet has the client id `.|…|` and the username `&`.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{
    Broker, Connect, Received, Wire, have, puback, publish, repository, subscribe,
};

/// What C Link SDK 3.2 sends before it knows who it is.
const NOBODY: &str = ".|timestamp=2524608000000,_v=sdk-c-3.2.0,securemode=2,signmethod=hmacsha256,lan=C,_ss=1,gw=0,ext=0|";
const PASSWORD_OF_NOBODY: &str = "B36DABAE2EBB7B8FA6FFD92B217E13D97C1AB196441561B0F71B3C3BF1DACA05";
const IDENTITY: &str = "/ext/auth/identity/response";

fn broker() -> Broker {
    Broker::demo_without_config("127.0.0.1:0")
}

fn nobody() -> Connect {
    Connect {
        clean: false,
        keep_alive: 120,
        username: Some("&".to_owned()),
        password: Some(PASSWORD_OF_NOBODY.as_bytes().to_vec()),
        ..Connect::new(4, NOBODY)
    }
}

fn named(node: &str, client_id: &str) -> Connect {
    Connect {
        keep_alive: 300,
        username: Some(format!("{node}&a1demoX509")),
        password: Some(Vec::new()),
        ..Connect::new(4, client_id)
    }
}

fn tls(broker: &Broker, certificate: Option<&str>) -> Wire {
    let file = |end: &str| -> Option<PathBuf> {
        certificate.map(|name| broker.path(&format!("data/demo/a1demoX509_{name}.{end}")))
    };
    let (chain, key) = (file("pem"), file("key"));
    let identity = chain.as_deref().zip(key.as_deref());
    Wire::tls(
        &broker.addr("x509"),
        &broker.path("data/pki/ca.pem"),
        identity,
    )
    .unwrap()
}

fn identity(node: &str) -> String {
    format!("{{\"productKey\":\"a1demoX509\",\"deviceName\":\"{node}\"}}")
}

fn is_identity(message: &Received, node: &str) {
    assert_eq!((message.topic().as_str(), message.qos()), (IDENTITY, 0));
    assert_eq!(message.payload(), identity(node).as_bytes());
}

/// The application of the demo, on the same listener.
fn backend(broker: &Broker) -> Wire {
    let password = std::fs::read_to_string(broker.path("data/demo/aliyun_app.password")).unwrap();
    tls(broker, None).join(&Connect {
        keep_alive: 60,
        username: Some("aliyun_app".to_owned()),
        password: Some(password.trim().as_bytes().to_vec()),
        ..Connect::new(4, "backend")
    })
}

#[test]
fn the_demo_offers_the_second_policy_on_a_port_of_its_own() {
    let broker = broker();
    let ready = broker.ready();
    assert_eq!(ready["policies"].as_object().unwrap().len(), 2, "{ready}");
    assert_eq!(ready["policies"]["aliyun"]["revision"], 1);
    broker.wait_for_log("-u '&'");
    // A taken port is no reason not to start: nobody has asked for it.
    let taken = TcpListener::bind("127.0.0.1:1883");
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let second = Broker::demo_without_config(&free.to_string());
    assert_ne!(second.port("x509"), "1883", "{taken:?}");
}

#[test]
fn the_c_sdks_first_connect_learns_its_name_at_once_and_on_every_connect() {
    let broker = broker();
    let mut device = tls(&broker, Some("device1")).join(&nobody());
    let connected = Instant::now();
    is_identity(&device.receive(), "device1");
    assert!(
        connected.elapsed() < Duration::from_secs(2),
        "the Java example waits no longer"
    );
    // What it sends next.
    let inform = publish(
        "/ota/device/inform/a1demoX509/device1",
        b"{\"id\":\"1\",\"params\":{\"version\":\"app-1.0.0-20180101.1000\"}}",
        1,
        1,
    );
    device.send(&inform).expect(&puback(1));
    device
        .send(&subscribe(2, &[("/a1demoX509/device1/user/get", 1)]))
        .expect(&[0x90, 3, 0, 2, 1]);
    let mut backend = backend(&broker);
    backend
        .send(&publish("/a1demoX509/device1/user/get", b"first", 1, 7))
        .expect(&puback(7));
    let got = device.receive();
    assert_eq!(got.payload(), b"first");
    device.send(&puback(got.packet_id()));
    // The connection breaks; it comes back without a SUBSCRIBE, as nobody again.
    drop(device);
    backend
        .send(&publish("/a1demoX509/device1/user/get", b"second", 1, 8))
        .expect(&puback(8));
    let mut device = tls(&broker, Some("device1"));
    device.send(&nobody().bytes());
    assert_eq!(device.receive().body, [1, 0], "the session is present");
    let (one, other) = (device.receive(), device.receive());
    let (pushed, message) = if one.topic() == IDENTITY {
        (one, other)
    } else {
        (other, one)
    };
    is_identity(&pushed, "device1");
    assert_eq!(message.payload(), b"second");
}

#[test]
fn a_fleet_that_shares_its_client_id_does_not_kick_itself() {
    let broker = broker();
    let mut first = tls(&broker, Some("device1")).join(&nobody());
    is_identity(&first.receive(), "device1");
    let mut second = tls(&broker, Some("device2")).join(&nobody());
    is_identity(&second.receive(), "device2");
    first.ping();
    second.ping();
    // The same device again takes over, whatever it calls itself.
    let _newer = tls(&broker, Some("device1")).join(&named("device1", "anything|securemode=2|"));
    first.expect_close();
    second.ping();
}

#[test]
fn who_names_itself_must_be_whom_the_certificate_says_and_is_told_nothing() {
    let broker = broker();
    let id = "a1demoX509.device1|securemode=2,signmethod=hmacsha1,timestamp=132323232|";
    let mut device = tls(&broker, Some("device1")).join(&named("device1", id));
    device.expect_silence();
    for (certificate, connect, code) in [
        (Some("device1"), named("device2", id), 5),
        (Some("device1"), named("nobody", id), 5),
        (None, named("device1", id), 5),
        (None, nobody(), 5),
        (
            Some("device1"),
            Connect {
                keep_alive: 20,
                ..nobody()
            },
            2,
        ),
        (
            Some("device1"),
            Connect {
                keep_alive: 0,
                ..nobody()
            },
            2,
        ),
        (
            Some("device1"),
            named("device1", &format!("{}|securemode=2|", "x".repeat(65))),
            2,
        ),
    ] {
        let shown = format!("{connect:?}");
        assert_eq!(tls(&broker, certificate).connect(&connect), code, "{shown}");
    }
}

#[test]
fn too_early_is_refused_softly_and_a_sub_device_of_nobody_is_not_heard() {
    let broker = broker();
    let mut device = tls(&broker, Some("device1")).join(&nobody());
    is_identity(&device.receive(), "device1");
    device.send(&subscribe(
        1,
        &[("///user/get", 0), ("#", 0), ("/sys/+/+/thing/#", 0)],
    ));
    assert_eq!(reason_codes(&device.receive()), [0x80, 0x80, 0x80]);
    device
        .send(&publish("/ota/device/inform//", b"{}", 1, 2))
        .expect(&puback(2));
    device
        .send(&publish(
            "/sys/a1demoX509/device2/thing/event/property/post",
            b"{}",
            1,
            3,
        ))
        .expect(&puback(3));
    device.ping();
    // Nine filters in one packet are one too many; the eight before it are judged.
    let filter = |number: usize| format!("/a1demoX509/device1/user/get{}", "/x".repeat(number % 2));
    let filters: Vec<String> = (0..9).map(filter).collect();
    let filters: Vec<(&str, u8)> = filters.iter().map(|one| (one.as_str(), 0)).collect();
    device.send(&subscribe(4, &filters));
    assert_eq!(reason_codes(&device.receive()).last(), Some(&0x80));
}

fn reason_codes(suback: &Received) -> Vec<u8> {
    assert_eq!(suback.kind(), 9);
    suback.body[2..].to_vec()
}

#[test]
fn system_topics_arrive_unasked_where_the_sdk_says_so_and_a_broadcast_always() {
    let broker = broker();
    let mut asked = tls(&broker, Some("device1")).join(&nobody());
    is_identity(&asked.receive(), "device1");
    // Without `_ss=1`.
    let mut silent = tls(&broker, Some("device2")).join(&named("device2", "x|securemode=2|"));
    let mut backend = backend(&broker);
    for node in ["device1", "device2"] {
        for what in ["thing/service/property/set", "broadcast/request/1"] {
            backend.send(&publish(
                &format!("/sys/a1demoX509/{node}/{what}"),
                b"{}",
                0,
                0,
            ));
        }
    }
    assert_eq!(
        asked.receive().topic(),
        "/sys/a1demoX509/device1/thing/service/property/set"
    );
    assert_eq!(
        asked.receive().topic(),
        "/sys/a1demoX509/device1/broadcast/request/1"
    );
    assert_eq!(
        silent.receive().topic(),
        "/sys/a1demoX509/device2/broadcast/request/1"
    );
    silent.expect_silence();
}

#[test]
fn a_secret_device_and_a_rebound_certificate() {
    let broker = broker();
    let secret = |password: &str| Connect {
        keep_alive: 60,
        username: Some("device3&a1demo".to_owned()),
        password: Some(password.as_bytes().to_vec()),
        ..Connect::new(4, "a1demo.device3|securemode=2,signmethod=hmacsha256|")
    };
    let right = "30fee86dd561c8783bfd6f523103af82370b871bbe5e046e8a9fdd2120f0056f";
    assert_eq!(tls(&broker, None).connect(&secret(right)), 0);
    assert_eq!(
        tls(&broker, None).connect(&secret(&right.to_uppercase())),
        0
    );
    assert_eq!(
        tls(&broker, None).connect(&secret(&right.replace('f', "e"))),
        5
    );
    let mut device = tls(&broker, Some("device1")).join(&nobody());
    is_identity(&device.receive(), "device1");
    let authority = broker.cli_json(&["ca", "list"])["certificates"][0]["certificate_id"].clone();
    broker.cli_json(&[
        "device",
        "reset-serial",
        "a1demoX509_device1",
        "--authority",
        authority.as_str().unwrap(),
        "--serial",
        "0x00ab:cd",
    ]);
    device.expect_close();
    assert_eq!(tls(&broker, Some("device1")).connect(&nobody()), 5);
}

/// The vendor's Python SDK with a device's secret: connects, subscribes, publishes, and hears its back-end. Only the root that it trusts is ours.
const LINKKIT: &str = r#"
import os, sys, threading
# The SDK's threads outlive a main thread that fails.
sys.excepthook = lambda kind, cause, _: (print(kind, cause, file=sys.stderr, flush=True), os._exit(1))
from linkkit import linkkit
port, ca = sys.argv[1:3]
sdk = linkkit.LinkKit(host_name="cn-shanghai", product_key="a1demo", device_name="device3", device_secret="12345678")
sdk._LinkKit__aliyun_broker_ca_data = open(ca).read()
sdk._LinkKit__check_hostname = False
connected, subscribed, published, heard = (threading.Event() for _ in range(4))
def on_connect(session, code, _): assert code == 0, code; connected.set()
def on_suback(mid, granted, _): assert granted == (1,), granted; subscribed.set()
sdk.on_connect, sdk.on_subscribe_topic = on_connect, on_suback
sdk.on_publish_topic = lambda mid, _: published.set()
def on_message(topic, payload, qos, _):
    if (topic, payload) == ("/a1demo/device3/user/get", b"down"): heard.set()
sdk.on_topic_message = on_message
sdk.config_mqtt(port=int(port), endpoint="127.0.0.1", keep_alive=60)
sdk.connect_async()
assert connected.wait(10), "not connected"
sdk.subscribe_topic(sdk.to_full_topic("user/get"), 1)
assert subscribed.wait(10), "no SUBACK"
sdk.publish_topic(sdk.to_full_topic("user/update"), "hello", 1)
assert published.wait(10), "no PUBACK"
print("ready", flush=True)
assert heard.wait(10), "nothing came"
os._exit(0)
"#;

#[test]
fn the_vendors_python_sdk_works() {
    // It needs an older paho than the other tests, and so a Python of its own.
    let python = repository().join("target/ci-linkkit/bin/python");
    if !have(&python.to_string_lossy(), &["-c", "import linkkit.linkkit"]) {
        return;
    }
    let broker = broker();
    let mut backend = backend(&broker);
    backend.send(&subscribe(1, &[("/a1demo/device3/user/update", 0)]));
    assert_eq!(reason_codes(&backend.receive()), [0]);
    let mut sdk = Command::new(python)
        .args(["-c", LINKKIT, &broker.port("x509")])
        .arg(broker.path("data/pki/ca.pem"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(backend.receive().payload(), b"hello");
    let mut line = String::new();
    BufReader::new(sdk.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    backend
        .send(&publish("/a1demo/device3/user/get", b"down", 1, 3))
        .expect(&puback(3));
    assert!(sdk.wait().unwrap().success());
}
