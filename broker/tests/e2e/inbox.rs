//! What is kept for devices that are away outlives the broker: asked to stop, or killed.

use std::fs;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;

use crate::support::wait_until;
use crate::support::{Broker, Connect, Options, Wire, puback, publish, subscribe};

const DOWN1: &str = "$oc/devices/demo_device1/sys/messages/down";
const DOWN3: &str = "$oc/devices/demo_device3/sys/messages/down";
const COMMAND3: &str = "$oc/devices/demo_device3/sys/commands/request_id=1";

/// Messages on disk for a device.
fn on_disk(broker: &Broker, device: &str) -> u32 {
    let file = Connection::open(broker.path("data/inbox.db")).unwrap();
    let query = "SELECT count(*) FROM message WHERE client = ?1";
    file.query_row(query, [device], |row| row.get(0)).unwrap()
}

fn wait_for_disk(broker: &Broker, device: &str, count: u32) {
    wait_until(&format!("{count} messages of {device} on disk"), || {
        on_disk(broker, device) == count
    });
}

fn send(app: &mut Wire, topic: &str, numbers: impl IntoIterator<Item = u16>) {
    for id in numbers {
        app.send(&publish(topic, id.to_string().as_bytes(), 1, id))
            .expect(&puback(id));
    }
}

fn numbers(device: &mut Wire, count: usize) -> Vec<u16> {
    let number = |_| {
        let got = device.receive();
        if got.qos() > 0 {
            device.send(&puback(got.packet_id()));
        }
        std::str::from_utf8(got.payload()).unwrap().parse().unwrap()
    };
    (0..count).map(number).collect()
}

/// How often and how the process ends, and then starts again on its data.
fn restart(broker: Broker, signal: &str) -> Broker {
    broker.signal(signal);
    let (code, dir) = broker.wait_keeping_dir();
    assert_eq!(code, (signal == "TERM").then_some(0), "SIG{signal}");
    Broker::start_in(dir, &Options::default())
}

fn sessions(broker: &Broker) -> usize {
    let (_, metrics) = broker.admin_get("/metrics", false);
    let line = metrics
        .lines()
        .find(|line| line.starts_with("iotda_broker_sessions "));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

/// A device that has a session at QoS 1 and is gone.
fn parked(broker: &Broker) -> Connect {
    let stored = Connect {
        clean: false,
        ..Connect::secret_device(4, "demo_device3", "12345678")
    };
    let before = sessions(broker);
    let mut device = broker.plain().join(&stored);
    device
        .send(&subscribe(1, &[(DOWN3, 1), (COMMAND3, 1)]))
        .expect(&[0x90, 4, 0, 1, 1, 1]);
    drop(device);
    wait_until("the session has no connection", || {
        sessions(broker) == before
    });
    stored
}

#[test]
fn the_newest_twenty_of_each_device_outlive_stop_and_kill() {
    for (signal, is_parked) in [("TERM", false), ("KILL", true), ("KILL", false)] {
        let broker = Broker::demo();
        let mut app = broker.app(4, "a");
        if is_parked {
            parked(&broker);
        }
        send(&mut app, DOWN3, 1..=25);
        send(&mut app, DOWN1, 101..=102);
        app.send(&publish(COMMAND3, b"commands are not kept", 1, 1))
            .expect(&puback(1));
        if signal == "KILL" {
            wait_for_disk(&broker, "demo_device3", 20);
            wait_for_disk(&broker, "demo_device1", 2);
            wait_until("the last ones are on disk", || {
                let file = Connection::open(broker.path("data/inbox.db")).unwrap();
                let query = "SELECT count(*) FROM message WHERE CAST(payload AS TEXT) = '25'";
                file.query_row(query, [], |row| row.get::<_, u32>(0))
                    .unwrap()
                    == 1
            });
        }
        let broker = restart(broker, signal);
        broker.wait_for_log("messages are kept for clients that are away");
        let (_, metrics) = broker.admin_get("/metrics", false);
        assert!(
            metrics.contains("iotda_broker_kept_messages{policy=\"iotda\"} 22\n"),
            "{metrics}"
        );
        let mut device = broker.device3(4);
        let expected: Vec<u16> = (6..=25).collect();
        assert_eq!(numbers(&mut device, 20), expected, "{signal} {is_parked}");
        device.expect_silence();
        let mut other = broker.device1(4);
        assert_eq!(numbers(&mut other, 2), [101, 102]);
        wait_for_disk(&broker, "demo_device3", 0);
        wait_for_disk(&broker, "demo_device1", 0);
    }
}

#[test]
fn what_was_not_acknowledged_comes_again_after_a_kill() {
    let broker = Broker::demo();
    let mut app = broker.app(4, "a");
    let stored = parked(&broker);
    send(&mut app, DOWN3, 1..=3);
    wait_for_disk(&broker, "demo_device3", 3);
    let mut device = broker.plain();
    device.send(&stored.bytes()).expect(&[0x20, 2, 1, 0]);
    let all = [device.receive(), device.receive(), device.receive()];
    assert!(all.iter().all(|one| one.qos() == 1));
    device.send(&puback(all[0].packet_id()));
    wait_for_disk(&broker, "demo_device3", 2);
    let broker = restart(broker, "KILL");
    let mut device = broker.device3(4);
    assert_eq!(numbers(&mut device, 2), [2, 3]);
    device.expect_silence();
}

#[test]
fn what_a_connected_device_did_not_acknowledge_is_kept_when_it_leaves() {
    let broker = Broker::demo();
    let mut app = broker.app(4, "a");
    let mut device = broker.device3(4);
    device
        .send(&subscribe(1, &[(DOWN3, 1)]))
        .expect(&[0x90, 3, 0, 1, 1]);
    send(&mut app, DOWN3, 1..=3);
    let first = device.receive();
    let unanswered = [device.receive(), device.receive()];
    assert!(unanswered.iter().all(|one| one.qos() == 1));
    device.send(&puback(first.packet_id())).ping();
    drop(device);
    wait_for_disk(&broker, "demo_device3", 2);
    send(&mut app, DOWN3, [4]);
    let mut device = broker.device3(4);
    assert_eq!(numbers(&mut device, 3), [2, 3, 4]);
    device.expect_silence();
}

#[test]
fn nothing_overtakes_while_a_device_comes() {
    let broker = Broker::demo();
    let mut app = broker.app(4, "a");
    send(&mut app, DOWN3, 1..=10);
    let coming = std::thread::scope(|scope| {
        let device = scope.spawn(|| broker.device3(4));
        send(&mut app, DOWN3, 11..=60);
        device.join().unwrap()
    });
    send(&mut app, DOWN3, [61]);
    let mut device = coming;
    let mut last = 0;
    while last < 61 {
        let [next] = numbers(&mut device, 1)[..] else {
            unreachable!()
        };
        assert!(next > last, "{next} after {last}");
        last = next;
    }
    device.expect_silence();
}

#[test]
fn a_later_device_of_the_same_id_reads_nothing_of_the_former() {
    let add = ["device", "add", "--product", "demo", "--node-id", "device3"];
    let add = [&add[..], &["--secret", "87654321"]].concat();
    for is_running in [true, false] {
        let broker = Broker::demo();
        let mut app = broker.app(4, "a");
        send(&mut app, DOWN3, 1..=3);
        send(&mut app, DOWN1, 101..=101);
        wait_for_disk(&broker, "demo_device3", 3);
        wait_for_disk(&broker, "demo_device1", 1);
        let broker = if is_running {
            broker.cli_json(&["device", "remove", "demo_device3"]);
            broker.cli_json(&add);
            wait_for_disk(&broker, "demo_device3", 0);
            broker
        } else {
            broker.signal("TERM");
            let (code, dir) = broker.wait_keeping_dir();
            assert_eq!(code, Some(0));
            for verb in [&["device", "remove", "demo_device3"][..], &add] {
                assert!(cli(dir.path(), verb), "{verb:?}");
            }
            Broker::start_in(dir, &Options::default())
        };
        let later = Connect::secret_device(4, "demo_device3", "87654321");
        broker.plain().join(&later).expect_silence();
        assert_eq!(numbers(&mut broker.device1(4), 1), [101]);
    }
}

#[test]
fn a_damaged_file_stops_the_start_and_is_named() {
    let broker = Broker::demo();
    broker.signal("TERM");
    let (_, dir) = broker.wait_keeping_dir();
    let path = dir.path().join("data/inbox.db");
    fs::write(
        &path,
        "this is no database, whatever its name says".repeat(50),
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_iotda-broker"))
        .current_dir(dir.path())
        .args(["serve", "--demo", "--config", "broker.toml"])
        .args(["--mqtts", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "no ready line");
    let told = String::from_utf8_lossy(&output.stderr);
    for word in [
        "data/inbox.db` cannot be opened",
        "not a database",
        "move it away",
    ] {
        assert!(told.contains(word), "`{word}` in {told}");
    }
}

fn cli(dir: &Path, verb: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iotda-broker"));
    command.current_dir(dir).args(["--data", "data"]).args(verb);
    command.output().unwrap().status.success()
}
