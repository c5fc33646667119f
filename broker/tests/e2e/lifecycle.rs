//! Start, stop, configuration errors, admin.

use std::fs;
use std::process::Command;

use crate::support::{Broker, Options, puback, publish, subscribe};

fn serve(config: &str, extra: &[&str]) -> std::process::Output {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("broker.toml"), config).unwrap();
    Command::new(env!("CARGO_BIN_EXE_iotda-broker"))
        .current_dir(dir.path())
        .args([
            "serve",
            "--config",
            "broker.toml",
            "--mqtts",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
        ])
        .args(extra)
        .output()
        .unwrap()
}

#[test]
fn configuration_errors_name_the_field_and_exit_64() {
    for (config, names) in [
        ("wrong_key = 1", "wrong_key"),
        ("[limits]\nconnections = \"many\"", "connections"),
        ("[limits]\nno_such_limit = 1", "no_such_limit"),
        (
            "[policies.iotda]\ndirectory = \"missing-directory\"",
            "missing-directory",
        ),
        ("not toml at all", "broker.toml"),
    ] {
        let output = serve(config, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{config}: {said}");
        assert!(said.contains(names), "`{names}` is not in: {said}");
        assert!(output.stdout.is_empty(), "ready in spite of {config}");
    }
    assert_eq!(serve("", &["--no-such-flag"]).status.code(), Some(64));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = serve("", &["--mqtt", &addr]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code != 0), "{said}");
    assert!(said.contains(&addr), "{said}");
}

#[test]
fn sigterm_tells_the_clients_and_exits_0() {
    let broker = Broker::demo();
    let mut v5 = broker.device3(5);
    let mut v4 = broker.device1(4);
    broker.signal("TERM");
    let told = v5.until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x8B)),
        "server shutting down"
    );
    v4.expect_close();
    assert_eq!(broker.wait(), Some(0));
}

#[test]
fn a_second_start_uses_what_the_first_one_made() {
    let first = Broker::demo();
    let ca = fs::read(first.path("data/pki/ca.pem")).unwrap();
    let token = first.app_token();
    first.signal("TERM");
    let (code, dir) = first.wait_keeping_dir();
    assert_eq!(code, Some(0));
    let second = Broker::start_in(dir, &Options::default());
    assert_eq!(fs::read(second.path("data/pki/ca.pem")).unwrap(), ca);
    assert_eq!(second.app_token(), token);
    second.device1(4).ping();
}

#[test]
fn a_second_broker_on_the_same_data_is_refused_and_harms_nothing() {
    let first = Broker::demo();
    let mut device = first.device1(4);
    let second = first.cli(&["serve", "--mqtts", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let told = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(second.stdout.is_empty());
    let owner = format!("in use by another broker (process {})", first.pid());
    assert!(told.contains(&owner), "{told}");
    device.ping();

    // Killed, it leaves the file behind, and the next start does not mind.
    first.signal("KILL");
    let (_, dir) = first.wait_keeping_dir();
    Broker::start_in(dir, &Options::default()).device1(4).ping();
}

#[cfg(unix)]
#[test]
fn secrets_lie_in_files_that_only_the_owner_reads() {
    use std::os::unix::fs::PermissionsExt;
    let broker = Broker::demo();
    for file in [
        "registry.db",
        "pki/server.key",
        "demo/device1.key",
        "demo/app.password",
        "admin.token",
    ] {
        let mode = fs::metadata(broker.path(&format!("data/{file}")))
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}

#[test]
fn admin_answers_and_guards() {
    let broker = Broker::demo();
    let device = broker.device3(5);
    for (path, token, status) in [
        ("/livez", false, 200),
        ("/readyz", false, 200),
        ("/metrics", false, 200),
        ("/policy", false, 401),
        ("/sessions", false, 401),
        ("/policy", true, 200),
        ("/sessions", true, 200),
        ("/nothing-here", true, 404),
    ] {
        assert_eq!(broker.admin_get(path, token).0, status, "{path}");
    }
    let sessions = broker.admin_json("/sessions").to_string();
    assert!(sessions.contains("demo_device3"), "{sessions}");
    assert!(broker.admin_get("/metrics", false).1.contains("sessions"));
    drop(device);
}

#[test]
fn an_operator_closes_a_session() {
    let broker = Broker::demo();
    let mut device = broker.device3(5);
    assert_eq!(
        broker
            .admin_request("DELETE", "/sessions/demo_device3", true)
            .0,
        204
    );
    let told = device.until_close();
    assert_eq!(
        told.last().map(|packet| (packet.first, packet.body[0])),
        Some((0xE0, 0x98)),
        "administrative action"
    );
    assert_eq!(
        broker.admin_request("DELETE", "/sessions/nobody", true).0,
        404
    );
}

#[test]
fn a_gigabyte_of_traffic_is_not_needed_to_count_it() {
    let broker = Broker::demo();
    let mut reader = broker.device1(4);
    reader
        .send(&subscribe(1, &[("t", 0)]))
        .expect(&[0x90, 3, 0, 1, 0]);
    broker
        .device3(4)
        .send(&publish("t", b"x", 1, 1))
        .expect(&puback(1));
    reader.receive();
    let metrics = broker.admin_get("/metrics", false).1;
    let help = metrics
        .lines()
        .filter(|line| line.starts_with("# HELP"))
        .count();
    assert!(help >= 8, "{metrics}");
}
