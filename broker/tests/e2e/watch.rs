//! `policy watch` beside a running broker: what it builds, refuses and swaps. The broker has copies of component and documents, so that nothing but
//! the watch can change what is in force.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixtures::build_alone;
use crate::support::{Broker, Options, copy_dir};

const PROGRAM: &str = env!("CARGO_BIN_EXE_iotda-broker");
/// A build beside other tests takes a while.
const PATIENCE: Duration = Duration::from_mins(2);

struct Author {
    broker: Broker,
    /// Of a crate that no other test builds: its target folder is kept.
    name: &'static str,
    folder: PathBuf,
}

struct Ended {
    code: Option<i32>,
    round: Value,
    errors: String,
}

impl Author {
    fn new(name: &'static str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = Command::new(PROGRAM)
            .args(["policy", "new", name, "--dir"])
            .arg(dir.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let folder = dir.path().join(name);
        let built = build_alone(&folder, &package(name));
        fs::copy(built, dir.path().join("served.wasm")).unwrap();
        copy_dir(&folder.join("policy"), &dir.path().join("served"));
        let options = Options {
            config: format!(
                "[listeners.fleet]\nkind = \"mqtt\"\naddress = \"127.0.0.1:0\"\npolicy = \"{name}\"\n\
                 [policies.{name}]\ncomponent = \"served.wasm\"\ndirectory = \"served\"\n"
            ),
            ..Options::default()
        };
        let broker = Broker::start_in(dir, &options);
        Self {
            broker,
            name,
            folder,
        }
    }

    fn watch(&self, arguments: &[&str]) -> Command {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package(self.name));
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(self.broker.path(""))
            .args(["policy", "watch", self.name])
            .args(arguments)
            .env("CARGO_TARGET_DIR", target)
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .stdin(Stdio::null());
        command
    }

    fn url(&self) -> String {
        format!("http://{}", self.broker.admin())
    }

    fn once(&self) -> Ended {
        let release = ["--once", "--json", "--release"];
        ended(self.watch(&[&release[..], &["--broker", &self.url()]].concat()))
    }

    /// Digests and revision in force.
    fn in_force(&self) -> [Value; 3] {
        let mut shown = self.broker.admin_json("/policy")[self.name].take();
        ["digest", "documents_digest", "revision"].map(|name| shown[name].take())
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let file = self.folder.join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "`{from}` is not in {}", file.display());
        fs::write(&file, text.replace(from, to)).unwrap();
    }

    fn add_rule(&self, name: &str) {
        let rule = format!(
            "\"devices\": [\n{{ \"name\": \"{name}\", \"effect\": \"allow\", \"actions\": [\"publish\"], \"topic\": \"{name}/#\" }},"
        );
        self.edit("policy/rules.json", "\"devices\": [", &rule);
    }
}

fn package(name: &str) -> String {
    format!("{}_policy", name.replace('-', "_"))
}

fn ended(mut watch: Command) -> Ended {
    let output = watch.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    Ended {
        code: output.status.code(),
        round: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        errors,
    }
}

#[test]
fn a_saved_change_is_built_tested_and_in_force_or_nothing_is() {
    let author = Author::new("watched-once");
    let first = author.in_force();
    let same = author.once();
    assert_eq!(same.code, Some(0), "{}{}", same.round, same.errors);
    assert_eq!(same.round["broker"]["sent"], json!([]), "{}", same.round);
    assert_eq!(author.in_force(), first);

    author.add_rule("spare");
    let documents = author.once();
    assert_eq!(
        (documents.code, &documents.round["broker"]["sent"]),
        (Some(0), &json!(["documents"])),
        "{}",
        documents.round
    );
    let second = author.in_force();
    assert!(second[0] == first[0] && second[1] != first[1]);
    assert_eq!(documents.round["broker"]["documents_digest"], second[1]);

    author.edit(
        "src/authenticate.rs",
        "the password is wrong",
        "no such password",
    );
    let source = author.once();
    assert_eq!(
        (source.code, &source.round["broker"]["sent"]),
        (Some(0), &json!(["component"])),
        "{}",
        source.round
    );
    let third = author.in_force();
    assert!(third[0] != second[0] && third[1] == second[1]);
    assert_eq!(source.round["broker"]["digest"], third[0]);

    // What is refused changes nothing, and says what it is.
    let refused = |code: i32, step: &str, told: &str| {
        let ended = author.once();
        let error = &ended.round["error"];
        assert_eq!(
            (ended.code, error["step"].as_str()),
            (Some(code), Some(step)),
            "{}",
            ended.round
        );
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(author.in_force(), third);
    };
    let case = author.folder.join("policy/cases/broken.json");
    let broken =
        r#"[{ "name": "broken", "connect": { "client_id": "a" }, "expect": { "refusal": 201 } }]"#;
    fs::write(&case, broken).unwrap();
    refused(2, "cases", "cases-failed");
    fs::remove_file(&case).unwrap();
    author.edit("policy/rules.json", "\"devices\": [", "\"devices\": [[");
    refused(3, "policy", "`rules.json`");
    author.edit("policy/rules.json", "\"devices\": [[", "\"devices\": [");
    author.edit("src/authenticate.rs", "no such password", "\" broken");
    refused(1, "build", "src/authenticate.rs");
    author.edit("src/authenticate.rs", "\" broken", "wrong at last");

    author.add_rule("another");
    let both = author.once();
    assert_eq!(
        (both.code, &both.round["broker"]["sent"]),
        (Some(0), &json!(["component", "documents"])),
        "{}",
        both.round
    );
    let last = author.in_force();
    assert!(last[0] != third[0] && last[1] != third[1]);
    assert_eq!(both.round["broker"]["revision"], last[2]);

    // Without a broker, and where it is not what was named.
    for (arguments, code, told) in [
        (
            &["--broker", "http://127.0.0.1:1"][..],
            1,
            "(broker-unreachable)",
        ),
        (
            &["--broker", &author.url(), "--token-file", "nowhere"],
            1,
            "`nowhere` cannot be read",
        ),
        (
            &["--broker", &author.url(), "--policy", "nobody"],
            1,
            "serves no policy `nobody`",
        ),
        (&["--broker", "https://127.0.0.1:1"], 64, "speaks no TLS"),
        (&["--no-broker"], 0, ""),
    ] {
        let ended = ended(author.watch(&[&["--once", "--release"], arguments].concat()));
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.errors);
        assert!(ended.errors.contains(told), "{}", ended.errors);
    }
    assert_eq!(author.in_force(), last);
}

/// The crate's own package last, as no cargo writes it.
fn out_of_order(lock: &str) -> String {
    let mut packages: Vec<&str> = lock.split("[[package]]").collect();
    let own = packages
        .iter()
        .position(|one| !one.contains("source = ") && one.contains("name = "));
    let own = packages.remove(own.unwrap());
    packages.push(own);
    packages.join("[[package]]")
}

/// A watch that runs until its test ends.
struct Running {
    child: Child,
    rounds: Receiver<Value>,
}

impl Running {
    fn start(mut watch: Command) -> Self {
        let mut child = watch.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (told, rounds) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = told.send(serde_json::from_str(&line).unwrap_or_default());
            }
        });
        Self { child, rounds }
    }

    fn round(&self) -> Value {
        self.rounds.recv_timeout(PATIENCE).unwrap()
    }

    fn interrupt(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status().unwrap();
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the watch does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_running_watch_takes_a_saved_document_by_itself_and_ends_by_a_signal() {
    let author = Author::new("watched-on");
    let mut watch = Running::start(author.watch(&["--json", "--broker", &author.url()]));
    let first = watch.round();
    assert_eq!(first["changed"], json!(["source", "documents"]), "{first}");
    assert_eq!(first["error"], Value::Null, "{first}");
    // A quick build is another component than the one that is shipped.
    let before = author.in_force();
    assert_eq!(first["broker"]["sent"], json!(["component"]), "{first}");
    assert_eq!(first["broker"]["digest"], before[0]);
    author.add_rule("spare");
    let second = watch.round();
    assert_eq!(
        (&second["changed"], &second["build"], &second["error"]),
        (&json!(["documents"]), &Value::Null, &Value::Null),
        "{second}"
    );
    let after = author.in_force();
    assert!(after[0] == before[0] && after[1] != before[1]);
    assert_eq!(second["broker"]["documents_digest"], after[1]);

    // Cargo puts the lock file in order: neither the end of the build that does it nor another round.
    let lock = author.folder.join("Cargo.lock");
    let in_order = fs::read_to_string(&lock).unwrap();
    fs::write(&lock, out_of_order(&in_order)).unwrap();
    let third = watch.round();
    assert_eq!(
        (&third["changed"], &third["error"]),
        (&json!(["source"]), &Value::Null),
        "{third}"
    );
    assert_eq!(fs::read_to_string(&lock).unwrap(), in_order);
    author.add_rule("another");
    let fourth = watch.round();
    assert_eq!(fourth["changed"], json!(["documents"]), "{fourth}");
    assert_eq!(watch.interrupt(), Some(0));
}
