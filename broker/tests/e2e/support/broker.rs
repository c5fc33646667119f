//! A broker process of one test: its own data directory, its own free ports, ended with the test.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Connect, Wire};

/// How a broker is started beyond `serve --demo` on free ports.
#[derive(Default)]
pub(crate) struct Options {
    /// Appended to the configuration file.
    pub(crate) config: String,
    /// Start with a copy of `policies/iotda` in `<dir>/policies/iotda` that the test may change.
    pub(crate) own_policies: bool,
}

pub(crate) struct Broker {
    child: Child,
    dir: TempDir,
    ready: serde_json::Value,
    log: Arc<Mutex<String>>,
}

impl Broker {
    /// `serve --demo` with TLS, plain MQTT and admin on free ports.
    pub(crate) fn demo() -> Self {
        Self::start(&Options::default())
    }

    pub(crate) fn start(options: &Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        if options.own_policies {
            copy_dir(
                &repository().join("policies/iotda"),
                &dir.path().join("policies/iotda"),
            );
        }
        Self::start_in(dir, options)
    }

    /// As a newcomer starts it, with every built-in policy; only the main listener and the admin server are where the test wants them.
    pub(crate) fn demo_without_config(mqtts: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::spawn(dir, &["--mqtts", mqtts, "--admin", "127.0.0.1:0"])
    }

    /// Starts in a directory that may have seen a broker before.
    pub(crate) fn start_in(dir: TempDir, options: &Options) -> Self {
        fs::write(dir.path().join("broker.toml"), &options.config).unwrap();
        let any = "127.0.0.1:0";
        let config = ["--config", "broker.toml"];
        let ports = ["--mqtts", any, "--mqtt", any, "--admin", any];
        Self::spawn(dir, &[&config[..], &ports].concat())
    }

    fn spawn(dir: TempDir, args: &[&str]) -> Self {
        let mut child = command(dir.path())
            .args(["serve", "--demo"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = collect(child.stderr.take().unwrap());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str(&line) else {
            let _ = child.kill();
            panic!("no ready line but `{line}`; log:\n{}", log.lock().unwrap());
        };
        Self {
            child,
            dir,
            ready,
            log,
        }
    }

    pub(crate) fn ready(&self) -> &serde_json::Value {
        &self.ready
    }

    pub(crate) fn addr(&self, listener: &str) -> String {
        self.ready["listeners"][listener]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) fn admin(&self) -> String {
        self.ready["admin"].as_str().unwrap().to_owned()
    }

    pub(crate) fn port(&self, listener: &str) -> String {
        self.addr(listener).rsplit(':').next().unwrap().to_owned()
    }

    /// A path in the broker's working directory, such as `data/pki/ca.pem`.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log contains the text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(&format!("`{text}` in the log"), || {
            self.log().contains(text)
        });
    }

    /// Runs a verb of the command line on this broker's data.
    pub(crate) fn cli(&self, args: &[&str]) -> Output {
        command(self.dir.path())
            .args(["--data", "data"])
            .args(args)
            .output()
            .unwrap()
    }

    /// A verb that succeeds, with `--json`.
    pub(crate) fn cli_json(&self, args: &[&str]) -> serde_json::Value {
        let output = self.cli(&[args, &["--json"]].concat());
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    pub(crate) fn app_token(&self) -> String {
        fs::read_to_string(self.path("data/demo/app.password"))
            .unwrap()
            .trim()
            .to_owned()
    }

    pub(crate) fn plain(&self) -> Wire {
        Wire::plain(&self.addr("mqtt"))
    }

    pub(crate) fn tls(&self) -> Wire {
        Wire::tls(&self.addr("mqtts"), &self.path("data/pki/ca.pem"), None).unwrap()
    }

    /// TLS with the certificate of `data/demo/<name>.pem`.
    pub(crate) fn tls_as(&self, name: &str) -> Wire {
        let (chain, key) = (
            self.path(&format!("data/demo/{name}.pem")),
            self.path(&format!("data/demo/{name}.key")),
        );
        Wire::tls(
            &self.addr("mqtts"),
            &self.path("data/pki/ca.pem"),
            Some((&chain, &key)),
        )
        .unwrap()
    }

    /// `demo_device1` over TLS with its certificate.
    pub(crate) fn device1(&self, level: u8) -> Wire {
        self.tls_as("device1")
            .join(&Connect::certificate_device(level, "demo_device1"))
    }

    /// `demo_device3`, which has a secret, over plain TCP.
    pub(crate) fn device3(&self, level: u8) -> Wire {
        self.plain()
            .join(&Connect::secret_device(level, "demo_device3", "12345678"))
    }

    /// The demo application over plain TCP.
    pub(crate) fn app(&self, level: u8, client_id: &str) -> Wire {
        self.plain().join(&Connect::application(
            level,
            client_id,
            "demo_app",
            &self.app_token(),
        ))
    }

    /// GET on the admin port that succeeds, with the token.
    pub(crate) fn admin_json(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.admin_get(path, true);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) fn admin_get(&self, path: &str, with_token: bool) -> (u16, String) {
        self.admin_request("GET", path, with_token)
    }

    /// Status and body of one request without a body.
    pub(crate) fn admin_request(
        &self,
        method: &str,
        path: &str,
        with_token: bool,
    ) -> (u16, String) {
        let bearer = format!("Bearer {}", self.admin_token());
        let headers: &[(&str, &str)] = if with_token {
            &[("Authorization", &bearer)]
        } else {
            &[]
        };
        self.admin_raw(method, path, headers, b"")
    }

    /// The same with the token, more headers, and a body.
    pub(crate) fn admin_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, String) {
        let bearer = format!("Bearer {}", self.admin_token());
        let headers = [&[("Authorization", &*bearer)], headers].concat();
        self.admin_raw(method, path, &headers, body)
    }

    pub(crate) fn admin_token(&self) -> String {
        let token = fs::read_to_string(self.path("data/admin.token")).unwrap();
        token.trim().to_owned()
    }

    /// Status and body of one request with these headers and no other.
    pub(crate) fn admin_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> (u16, String) {
        let mut stream = TcpStream::connect(self.admin()).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len()).unwrap();
        // A body that is too large may be refused before it is read.
        let sent = stream.write_all(body);
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        let Some((head, body)) = answer.split_once("\r\n\r\n") else {
            panic!("no answer to {method} {path}: {sent:?} {read:?}");
        };
        (
            head.split(' ').nth(1).unwrap().parse().unwrap(),
            body.to_owned(),
        )
    }

    /// Takes the allowance of everything away, and the cases with it that prove that it is there: else the candidate is refused.
    pub(crate) fn delete_default_policy(&self) {
        fs::remove_dir_all(self.path("policies/iotda/cases")).unwrap();
        fs::remove_file(self.path("policies/iotda/system_default_policy.json")).unwrap();
    }

    /// Sends a signal by the `kill` program, since tests have no unsafe code.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end of the process and returns its exit code.
    pub(crate) fn wait(self) -> Option<i32> {
        self.wait_keeping_dir().0
    }

    /// The same, with the directory for a next start.
    pub(crate) fn wait_keeping_dir(mut self) -> (Option<i32>, TempDir) {
        let until = Instant::now() + Duration::from_secs(15);
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
                return (status.code(), dir);
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the broker does not end");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of the broker ---\n{}", self.log());
        }
    }
}

/// A candidate is compiled at idle priority: beside other tests that takes a while.
const PATIENCE: Duration = Duration::from_secs(45);

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < until, "not in time: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The component that is embedded in the binary.
pub(crate) fn policy_component() -> Vec<u8> {
    iotda_broker::policy::BuiltIn::default_policy()
        .component
        .to_vec()
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iotda-broker"));
    command.current_dir(dir).env_remove("RUST_LOG");
    command
}

/// Reads a stream to its end in the background.
fn collect(mut stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let into = Arc::clone(&log);
    thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut chunk) {
            into.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
    });
    log
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
