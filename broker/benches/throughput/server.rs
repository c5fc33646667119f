//! The brokers under test, each a child process with a directory of its own.

use crate::admin::Admin;
use crate::options::Options;
use crate::process::Process;
use crate::{Failure, identity};
use iotda_broker::registry::Registry;
use iotda_broker::session::wire::Connect;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_iotda-broker");

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Stock,
    Mosquitto,
}

impl Kind {
    /// In the order of the rounds.
    pub(crate) const ALL: [Self; 3] = [Self::Ours, Self::Stock, Self::Mosquitto];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Stock => "rumqttd",
            Self::Mosquitto => "mosquitto",
        }
    }
}

pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) process: Process,
    /// Plain MQTT.
    pub(crate) address: SocketAddr,
    /// MQTT over TLS: ours only.
    pub(crate) tls_address: Option<SocketAddr>,
    /// Admin HTTP: ours only.
    admin: Option<SocketAddr>,
    dir: TempDir,
}

impl Server {
    /// A path in the broker's working directory.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// What the broker itself says of messages that it has dropped, since its start.
    pub(crate) fn drops(&self) -> String {
        let metrics = self
            .admin
            .and_then(|admin| metrics(admin).ok())
            .unwrap_or_default();
        let drops = metrics
            .lines()
            .filter(|line| line.starts_with("iotda_broker_drops_total"));
        drops.collect::<Vec<_>>().join(", ")
    }

    /// The admin API: ours only.
    pub(crate) fn admin(&self) -> Result<Admin, Failure> {
        let token = fs::read_to_string(self.path("data/admin.token"))?;
        Ok(Admin::new(self.admin.ok_or("no admin server")?, &token))
    }

    /// A verb of the command line on this broker's data, as another process: ours only. Blocks.
    pub(crate) fn command_line(&self, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(&self.dir)
            .args(["--data", "data"])
            .args(arguments);
        let output = command.stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into())
    }

    /// The load client with this number.
    pub(crate) fn client(&self, number: usize) -> Connect {
        let id = format!("client{number}");
        match self.kind {
            Kind::Ours => identity::named(identity::APPLICATION, &id),
            Kind::Stock => identity::anybody(&id),
            Kind::Mosquitto => identity::named(identity::USER, &id),
        }
    }

    /// The device with this number; a client like any other where there are no devices.
    pub(crate) fn device(&self, number: usize) -> Result<Connect, Failure> {
        match self.kind {
            Kind::Ours => identity::device_connect(number),
            Kind::Stock | Kind::Mosquitto => Ok(self.client(number)),
        }
    }
}

/// Starts a broker for `devices` clients; `None` where it is not wanted or not installed, which is said.
pub(crate) fn start(
    kind: Kind,
    devices: usize,
    options: &Options,
) -> Result<Option<Server>, Failure> {
    if !options.brokers.split(',').any(|name| name == kind.name()) {
        return Ok(None);
    }
    match kind {
        Kind::Ours => ours(devices, options).map(Some),
        Kind::Stock => stock().map(Some),
        Kind::Mosquitto => {
            let server = mosquitto()?;
            if server.is_none() {
                println!("skipped: mosquitto is not installed");
            }
            Ok(server)
        }
    }
}

/// Our broker with `serve --demo`, and `devices` more in its registry.
pub(crate) fn ours(devices: usize, options: &Options) -> Result<Server, Failure> {
    let dir = tempfile::tempdir()?;
    let config = config(&dir, devices, options)?;
    ours_in(dir, devices, &config)
}

/// The same in a directory where the policy of the configuration may lie.
pub(crate) fn ours_in(dir: TempDir, devices: usize, config: &Path) -> Result<Server, Failure> {
    Registry::open(&dir.path().join("data"))?.upsert_from(&identity::registry(devices))?;
    let mut command = Command::new(PROGRAM);
    command.args([
        "--data",
        "data",
        "serve",
        "--demo",
        "--mqtts",
        "127.0.0.1:0",
    ]);
    command.args(["--mqtt", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.arg("--config").arg(config);
    let mut child = spawn(&mut command, &dir)?;
    let stdout = child.stdout.take();
    // From here on the child ends with this function, whatever happens.
    let process = Process::new(child);
    let mut line = String::new();
    BufReader::new(stdout.ok_or("no stdout")?).read_line(&mut line)?;
    let ready: serde_json::Value = serde_json::from_str(&line).map_err(|_| {
        format!(
            "our broker said `{}` instead of being ready\n{}",
            line.trim(),
            log(&dir)
        )
    })?;
    Ok(Server {
        kind: Kind::Ours,
        process,
        address: listener(&ready, "mqtt")?,
        tls_address: Some(listener(&ready, "mqtts")?),
        admin: ready
            .pointer("/admin")
            .and_then(|admin| admin.as_str()?.parse().ok()),
        dir,
    })
}

/// The operator's, or the defaults with room for every connection of `--scale`.
fn config(dir: &TempDir, devices: usize, options: &Options) -> Result<PathBuf, Failure> {
    if let Some(config) = &options.config {
        return Ok(config.canonicalize()?);
    }
    let config = dir.path().join("broker.toml");
    fs::write(
        &config,
        format!("[limits]\nconnections = {}\n", devices + 1_000),
    )?;
    Ok(config)
}

fn metrics(admin: SocketAddr) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(admin)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn listener(ready: &serde_json::Value, name: &str) -> Result<SocketAddr, Failure> {
    let address = ready
        .pointer(&format!("/listeners/{name}"))
        .and_then(|address| address.as_str());
    Ok(address
        .ok_or(format!("no listener `{name}` in the ready line"))?
        .parse()?)
}

/// Stock rumqttd: this very program with a hidden argument.
fn stock() -> Result<Server, Failure> {
    let dir = tempfile::tempdir()?;
    let address = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--serve-stock", &address.to_string()]);
    let child = spawn(&mut command, &dir)?;
    wait_for(Kind::Stock, child, address, dir)
}

/// Mosquitto with a password and an ACL file; `None` where it is not installed.
fn mosquitto() -> Result<Option<Server>, Failure> {
    let dir = tempfile::tempdir()?;
    let address = free_address()?;
    let added = Command::new("mosquitto_passwd")
        .args(["-b", "-c", "passwords", identity::USER, identity::PASSWORD])
        .current_dir(&dir)
        .stderr(Stdio::null())
        .status();
    let path = std::env::join_paths(search_path())?;
    let version = Command::new("mosquitto")
        .env("PATH", &path)
        .arg("-h")
        .output();
    if !added.is_ok_and(|status| status.success()) || version.is_err() {
        return Ok(None);
    }
    fs::write(
        dir.path().join("acl"),
        format!("user {}\ntopic readwrite bench/#\n", identity::USER),
    )?;
    fs::write(dir.path().join("mosquitto.conf"), mosquitto_config(address))?;
    let mut command = Command::new("mosquitto");
    command.env("PATH", &path).args(["-c", "mosquitto.conf"]);
    let child = spawn(&mut command, &dir)?;
    wait_for(Kind::Mosquitto, child, address, dir).map(Some)
}

/// Debian installs the server where a user's PATH does not look.
fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .collect()
}

/// The queue without a limit, because Mosquitto would drop QoS 0 messages from the 1000th that waits; the window as wide as ours.
fn mosquitto_config(address: SocketAddr) -> String {
    format!(
        "listener {} {}\nuser root\nallow_anonymous false\npassword_file passwords\nacl_file acl\nmax_queued_messages 0\n\
         max_inflight_messages 100\nset_tcp_nodelay true\nlog_type error\n",
        address.port(),
        address.ip()
    )
}

fn spawn(command: &mut Command, dir: &TempDir) -> Result<Child, Failure> {
    let child = command
        .current_dir(dir)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(dir.path().join("log"))?)
        .spawn()?;
    Ok(child)
}

fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn wait_for(
    kind: Kind,
    child: Child,
    address: SocketAddr,
    dir: TempDir,
) -> Result<Server, Failure> {
    let mut process = Process::new(child);
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(address).is_err() {
        if Instant::now() > until || process.has_ended() {
            return Err(format!("{} does not listen\n{}", kind.name(), log(&dir)).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Server {
        kind,
        process,
        address,
        tls_address: None,
        admin: None,
        dir,
    })
}

/// The end of what a broker has logged.
fn log(dir: &TempDir) -> String {
    let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines
        .get(lines.len().saturating_sub(20)..)
        .unwrap_or_default()
        .join("\n")
}
