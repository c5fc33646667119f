//! The lines that a newcomer copies into another terminal.
//!
//! Signature type 0: the hour in the client id is the password's key but is not checked, so the lines keep working tomorrow.

use super::{APPLICATION, Demo, SECRET, device_id, identities};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};
use time::{OffsetDateTime, macros::format_description};

/// The vendor's guide's own example.
const REPORT: &str = r#"{"services":[{"service_id":"Connectivity","properties":{"dailyActivityTime":57}},{"service_id":"Battery","properties":{"batteryLevel":80}}]}"#;
const COMMAND: &str = r#"{"service_id":"Battery","command_name":"reset","paras":{}}"#;

impl Demo {
    /// Whether nobody but the demo has asked for this listener's port.
    pub fn may_move(&self, listener: &str) -> bool {
        let mut others = self.others.iter();
        others.any(|one| one.may_move && one.listener == listener)
    }

    /// The lines of every policy, by the addresses of the listeners.
    pub fn all_lines(
        &self,
        addresses: &BTreeMap<String, SocketAddr>,
        now: OffsetDateTime,
    ) -> String {
        let own = addresses.get(&self.listener);
        let own = own.map(|address| self.lines(*address, now));
        let others = self.others.iter().filter_map(|other| {
            let address = addresses.get(&other.listener)?;
            Some(filled(
                &other.file.lines,
                &self.server(*address),
                &self.folder,
            ))
        });
        own.into_iter()
            .chain(others)
            .fold(String::new(), |all, lines| all + &lines + "\n")
    }

    /// Lines for `mosquitto_pub` and `mosquitto_sub`, for the address at which the TLS listener is bound.
    pub fn lines(&self, address: SocketAddr, now: OffsetDateTime) -> String {
        let server = self.server(address);
        let file = |name: &str| shell(&self.folder.join(name));
        let device1 = format!(
            "{server} --cert {} --key {} {}",
            file("device1.pem"),
            file("device1.key"),
            identity("device1", now)
        );
        let device3 = format!("{server} {} -P {}", identity("device3", now), password(now));
        let app = format!(
            "{server} -u {APPLICATION} -P \"$(cat {})\"",
            file("app.password")
        );
        let report =
            |node: &str| format!("'$oc/devices/{}/sys/properties/report'", device_id(node));
        let commands = format!("$oc/devices/{}/sys/commands", device_id("device1"));
        [
            "demo: the application sees what the devices report:".to_owned(),
            format!("  mosquitto_sub {app} -v -t '$oc/devices/+/sys/properties/report'"),
            "demo: device 1 reports, known by its certificate:".to_owned(),
            format!(
                "  mosquitto_pub {device1} -q 1 -t {} -m '{REPORT}'",
                report("device1")
            ),
            "demo: device 3 reports, known by its secret:".to_owned(),
            format!(
                "  mosquitto_pub {device3} -q 1 -t {} -m '{REPORT}'",
                report("device3")
            ),
            "demo: device 1 waits for commands (a device has one connection: its next one takes over), and the application sends one:".to_owned(),
            format!("  mosquitto_sub {device1} -q 1 -v -t '{commands}/#'"),
            format!("  mosquitto_pub {app} -q 1 -t '{commands}/request_id=1' -m '{COMMAND}'"),
            "demo: does this broker do what the contract and MQTT say?".to_owned(),
            format!(
                "  iotda-broker conform --endpoint mqtts://{} --identities {}",
                SocketAddr::new(host(address), address.port()),
                file(identities::FILE)
            ),
        ]
        .join("\n")
    }

    fn server(&self, address: SocketAddr) -> String {
        let host = host(address);
        let trust = match &self.root {
            Some(root) => format!("--cafile {}", shell(root)),
            None => "--capath /etc/ssl/certs".to_owned(),
        };
        format!("-h {host} -p {} {trust}", address.port())
    }
}

/// Where a client on this machine reaches what listens there.
fn host(address: SocketAddr) -> IpAddr {
    match address.ip() {
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    }
}

fn identity(node: &str, now: OffsetDateTime) -> String {
    let id = device_id(node);
    format!("-i {id}_0_0_{} -u {id}", hour(now))
}

fn hour(now: OffsetDateTime) -> String {
    let hour = format_description!("[year][month][day][hour]");
    // Fails only for a clock outside the years 0 to 9999.
    now.format(hour).unwrap_or_default()
}

/// The vendor's scheme: HMAC-SHA256 with the hour as the key and the secret as the message, in lower-case hex.
fn password(now: OffsetDateTime) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(hour(now).as_bytes()) else {
        return String::new();
    };
    mac.update(SECRET.as_bytes());
    crate::registry::fingerprint_hex(&mac.finalize().into_bytes())
}

/// The lines of a demo file with their places filled.
fn filled(lines: &[String], server: &str, folder: &Path) -> String {
    let files = shell_text(folder);
    let filled = lines
        .iter()
        .map(|line| line.replace("{server}", server).replace("{files}", &files));
    filled.collect::<Vec<_>>().join("\n")
}

/// A path between double quotes of the shell.
fn shell_text(path: &Path) -> String {
    let mut text = String::new();
    for letter in path.display().to_string().chars() {
        if "\"$`\\".contains(letter) {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// A path as one word of the shell.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn demo() -> Demo {
        Demo {
            folder: "it's/demo".into(),
            root: Some("data/pki/ca.pem".into()),
            listener: "mqtts".into(),
            others: Vec::new(),
        }
    }

    #[test]
    fn the_password_is_the_vendors_own_example() {
        // facts/iotda.md, vectors A and C.
        let a = "c75150e6cb841417396819e4d2ee4358a416344a03a083e3a8567074ddec820a";
        assert_eq!(password(datetime!(2025-04-14 01:59 UTC)), a);
        let c = "e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6";
        assert_eq!(password(datetime!(2026-11-21 22:00 UTC)), c);
    }

    #[test]
    fn the_lines_name_the_bound_port_and_quote_paths() {
        let lines = demo().lines(
            "0.0.0.0:4711".parse().unwrap(),
            datetime!(2026-11-21 22:30 UTC),
        );
        assert!(
            lines.contains("-h 127.0.0.1 -p 4711 --cafile data/pki/ca.pem"),
            "{lines}"
        );
        assert!(
            lines.contains("-i demo_device3_0_0_2026112122 -u demo_device3 -P e004426c"),
            "{lines}"
        );
        assert!(
            lines.contains(r"--cert 'it'\''s/demo/device1.pem'"),
            "{lines}"
        );
        let conform = "conform --endpoint mqtts://127.0.0.1:4711 --identities ";
        assert!(lines.contains(conform), "{lines}");
    }
}
