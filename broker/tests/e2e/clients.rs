//! Other people's clients: `mosquitto_pub` and `mosquitto_sub`, paho, rumqttc.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Broker, Connect, device_password, have, this_hour};

/// Tells what arrives, and ends by itself where that is nothing.
const ENDING: [&str; 3] = ["-d", "-W", "60"];

/// A `mosquitto_sub` that has its SUBACK.
struct Subscriber(Child, BufReader<std::process::ChildStdout>);

impl Subscriber {
    fn start(broker: &Broker, version: &str, filter: &str) -> Self {
        // Line by line, or its log would wait in its buffer until it ends.
        let mut command = Command::new("stdbuf");
        command
            .args(["-oL", "mosquitto_sub", "-h", "localhost", "--cafile"])
            .arg(broker.path("data/pki/ca.pem"))
            .args(["-p", &broker.port("mqtts"), "-V", version, "-v", "-q", "1"])
            .args(["-u", "demo_app", "-P", &broker.app_token(), "-t", filter])
            .args(ENDING);
        Self::of(command)
    }

    /// What a broker printed, and an ending.
    fn printed(broker: &Broker, line: &str) -> Self {
        let mut command = Command::new("sh");
        let line = format!("exec stdbuf -oL {line} {}", ENDING.join(" "));
        command.args(["-c", &line]).current_dir(broker.path(""));
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("Subscribed") {
            line.clear();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "mosquitto_sub ended"
            );
        }
        assert!(!line.contains("128"), "{line}");
        Self(child, lines)
    }

    /// The next message, as `topic payload`.
    fn next(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.1.read_line(&mut line).unwrap() > 0,
                "mosquitto_sub ended"
            );
            if line.starts_with(['$', '/']) {
                return line.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mosquitto_pub(broker: &Broker, version: &str) -> Command {
    let mut command = Command::new("mosquitto_pub");
    command
        .args([
            "-V",
            version,
            "-h",
            "localhost",
            "-p",
            &broker.port("mqtts"),
            "-k",
            "120",
            "--cafile",
        ])
        .arg(broker.path("data/pki/ca.pem"));
    command
}

#[test]
fn mosquitto_publishes_by_certificate_and_by_secret() {
    if !have("mosquitto_pub", &["--help"]) {
        return;
    }
    let broker = Broker::demo();
    for version in ["mqttv311", "mqttv5"] {
        let mut app = Subscriber::start(&broker, version, "$oc/devices/+/sys/properties/report");
        let by_certificate = mosquitto_pub(&broker, version)
            .arg("--cert")
            .arg(broker.path("data/demo/device1.pem"))
            .arg("--key")
            .arg(broker.path("data/demo/device1.key"))
            .args([
                "-i",
                &format!("demo_device1_0_0_{}", this_hour()),
                "-u",
                "demo_device1",
            ])
            .args([
                "-t",
                "$oc/devices/demo_device1/sys/properties/report",
                "-m",
                "{\"by\":\"certificate\"}",
                "-q",
                "1",
            ])
            .status()
            .unwrap();
        assert!(by_certificate.success());
        assert_eq!(
            app.next(),
            "$oc/devices/demo_device1/sys/properties/report {\"by\":\"certificate\"}"
        );
        let hour = this_hour();
        let by_secret = mosquitto_pub(&broker, version)
            .args([
                "-i",
                &format!("demo_device3_0_1_{hour}"),
                "-u",
                "demo_device3",
                "-P",
                &device_password(&hour, "12345678"),
            ])
            .args([
                "-t",
                "$oc/devices/demo_device3/sys/properties/report",
                "-m",
                "{\"by\":\"secret\"}",
            ])
            .status()
            .unwrap();
        assert!(by_secret.success());
        assert_eq!(
            app.next(),
            "$oc/devices/demo_device3/sys/properties/report {\"by\":\"secret\"}"
        );
    }
}

#[test]
fn the_printed_lines_work_as_they_are() {
    if !have("mosquitto_pub", &["--help"]) {
        return;
    }
    let broker = Broker::demo_without_config("127.0.0.1:0");
    // The last of them; the log is read beside us.
    broker.wait_for_log("-u 'device3&a1demo'");
    let log = broker.log();
    let lines = |program: &str, of: &str| -> Vec<&str> {
        let lines = log.lines().map(str::trim);
        let lines = lines.filter(|line| line.starts_with(program) && line.contains(of));
        lines.collect()
    };
    let publish = |line: &str| {
        let mut command = Command::new("sh");
        let status = command.args(["-c", line]).current_dir(broker.path(""));
        assert!(status.status().unwrap().success(), "{line}");
    };
    for (application, sent, shown) in [
        (
            "demo_app",
            "properties/report' -m",
            "/sys/properties/report {",
        ),
        ("aliyun_app", "-m 'hello'", "/user/update hello"),
    ] {
        let application = lines("mosquitto_sub", application);
        assert_eq!(application.len(), 1, "{log}");
        let mut application = Subscriber::printed(&broker, application[0]);
        let sent = lines("mosquitto_pub", sent);
        assert_eq!(sent.len(), 2, "{log}");
        for line in sent {
            publish(line);
            let seen = application.next();
            assert!(seen.contains(shown), "{seen}");
        }
    }
    // Devices that wait: for a command, and to be told who they are.
    let waiting = lines("mosquitto_sub", "--cert");
    assert_eq!(waiting.len(), 2, "{log}");
    let (unnamed, named): (Vec<_>, _) = waiting.iter().partition(|line| line.contains("-u '&'"));
    let mut named = Subscriber::printed(&broker, named[0]);
    lines("mosquitto_pub", "request_id=1")
        .into_iter()
        .for_each(publish);
    assert!(named.next().contains("request_id=1 {"));
    // It is told before its SUBACK.
    let mut unnamed = unnamed[0].to_owned();
    unnamed.push_str(" -C 1");
    let mut command = Command::new("sh");
    let told = command.args(["-c", &unnamed]).current_dir(broker.path(""));
    let told = String::from_utf8(told.output().unwrap().stdout).unwrap();
    assert_eq!(
        told.trim(),
        r#"/ext/auth/identity/response {"productKey":"a1demoX509","deviceName":"device1"}"#
    );
}

#[test]
fn mosquitto_is_told_why_it_is_refused() {
    if !have("mosquitto_pub", &["--help"]) {
        return;
    }
    let broker = Broker::demo();
    let output = mosquitto_pub(&broker, "mqttv311")
        .args([
            "-i",
            &format!("demo_device3_0_1_{}", this_hour()),
            "-u",
            "demo_device3",
            "-P",
            "wrong",
            "-t",
            "t",
            "-m",
            "x",
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(said.contains("bad user name or password"), "{said}");
}

const PAHO: &str = r#"
import sys, json, threading
import paho.mqtt.client as mqtt
host, port, ca, cert, key, client_id, token, version = sys.argv[1:9]
protocol = mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
def client(name, user, password=None, cert=None, key=None):
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=protocol)
    c.username_pw_set(user, password)
    c.tls_set(ca_certs=ca, certfile=cert, keyfile=key)
    return c
ready, got_command, got_answer = threading.Event(), threading.Event(), threading.Event()
echoed = []
app = client("paho-app", "demo_app", token)
device = client(client_id, "demo_device1", None, cert, key)
def app_connected(c, *_): c.subscribe("$oc/devices/+/sys/commands/response/#", 1)
def app_message(c, u, m): got_answer.set()
app.on_connect, app.on_message = app_connected, app_message
app.on_subscribe = lambda *_: device.connect(host, int(port), 120)
def device_connected(c, u, f, reason, p):
    assert not reason.is_failure, reason
    c.subscribe("$oc/devices/demo_device1/sys/commands/#", 1)
def device_subscribed(*_): app.publish("$oc/devices/demo_device1/sys/commands/request_id=42", json.dumps({"paras": {}}), 1)
def device_message(c, u, m):
    if "/response/" in m.topic: echoed.append(m.topic); return
    got_command.set()
    c.publish("$oc/devices/demo_device1/sys/commands/response/request_id=42", json.dumps({"result_code": 0}), 1)
device.on_connect, device.on_subscribe, device.on_message = device_connected, device_subscribed, device_message
app.connect(host, int(port), 60)
app.loop_start(); device.loop_start()
assert got_command.wait(10), "no command"
assert got_answer.wait(10), "no answer"
threading.Event().wait(0.3)
assert not echoed, echoed
app.disconnect(); device.disconnect()
app.loop_stop(); device.loop_stop()
print("ok")
"#;

#[test]
fn paho_answers_a_command() {
    if !have("python3", &["-c", "import paho.mqtt.client"]) {
        return;
    }
    let broker = Broker::demo();
    for version in ["4", "5"] {
        let output = Command::new("python3")
            .args(["-c", PAHO, "localhost", &broker.port("mqtts")])
            .arg(broker.path("data/pki/ca.pem"))
            .arg(broker.path("data/demo/device1.pem"))
            .arg(broker.path("data/demo/device1.key"))
            .args([
                &format!("demo_device1_0_0_{}", this_hour()),
                &broker.app_token(),
                version,
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "version {version}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn rumqttc_talks_both_versions() {
    let broker = Broker::demo();
    let (host, port) = ("127.0.0.1", broker.port("mqtt").parse::<u16>().unwrap());
    let device = Connect::secret_device(4, "demo_device3", "12345678");
    let password = String::from_utf8(device.password.clone().unwrap()).unwrap();

    let mut options = rumqttc::MqttOptions::new("rumqttc-app", host, port);
    options.set_credentials("demo_app", broker.app_token());
    let (app, mut app_events) = rumqttc::Client::new(options, 10);
    app.subscribe(
        "$oc/devices/+/sys/properties/report",
        rumqttc::QoS::AtLeastOnce,
    )
    .unwrap();
    let mut options = rumqttc::v5::MqttOptions::new(device.client_id.clone(), host, port);
    options
        .set_credentials("demo_device3", password)
        .set_keep_alive(Duration::from_mins(1));
    let (device, mut device_events) = rumqttc::v5::Client::new(options, 10);

    let received = std::thread::spawn(move || {
        for event in app_events.iter() {
            match event.unwrap() {
                rumqttc::Event::Incoming(rumqttc::Packet::SubAck(_)) => {
                    device
                        .publish(
                            "$oc/devices/demo_device3/sys/properties/report",
                            rumqttc::v5::mqttbytes::QoS::AtLeastOnce,
                            false,
                            "{}",
                        )
                        .unwrap();
                }
                rumqttc::Event::Incoming(rumqttc::Packet::Publish(publish)) => {
                    return publish.topic;
                }
                _ => {}
            }
        }
        String::new()
    });
    let acknowledged = device_events.iter().any(|event| {
        matches!(
            event.unwrap(),
            rumqttc::v5::Event::Incoming(rumqttc::v5::mqttbytes::v5::Packet::PubAck(_))
        )
    });
    assert!(acknowledged);
    assert_eq!(
        received.join().unwrap(),
        "$oc/devices/demo_device3/sys/properties/report"
    );
}
