//! Compilation in a child process: it makes what is served, its limits hold, and whatever happens to it happens to nobody else.

use crate::fixtures::{hostile, text};
use crate::generated::compile_bomb;
use crate::hostile::Witness;
use crate::{candidate, connect, may_publish, until};
use iotda_broker::policy::rejection as code;
use iotda_broker::policy::{Candidate, Compiler, Policy, Rejection, Settings, Source};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const BROKER: &str = env!("CARGO_BIN_EXE_iotda-broker");
const FIRST: &str = "allow news/#";

/// The first generation is made by the compiler under test, too, and at once: without `--idle`.
fn start(settings: Settings, program: impl Into<PathBuf>) -> Policy {
    Policy::start_with(
        settings,
        Compiler::Child(program.into()),
        Candidate {
            component: hostile(),
            ..candidate(FIRST)
        },
    )
    .unwrap()
}

fn offered(component: Vec<u8>) -> Candidate {
    Candidate {
        component,
        ..candidate(FIRST)
    }
}

async fn rejected(policy: &Policy, component: Vec<u8>) -> Rejection {
    let before = Witness::of(policy).await;
    let rejected = policy.offer(offered(component)).await.unwrap_err();
    before.saw_no_change(policy, &rejected.message).await;
    assert!(!rejected.message.contains('\n') && !rejected.help.is_empty());
    rejected
}

// --- what it makes ----------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_child_makes_what_is_served() {
    let policy = start(Settings::default(), BROKER);
    assert!(may_publish(&policy, "news/today").await);
    let built_in = Source::default().load().unwrap();
    let active = policy.offer(built_in).await.unwrap();
    assert_eq!(
        (active.revision(), active.description().name.as_str()),
        (2, "iotda")
    );
}

#[tokio::test]
async fn a_child_rejects_what_this_process_would_reject_in_the_same_words() {
    let child = start(Settings::default(), BROKER);
    let here = Policy::start(Settings::default(), offered(hostile())).unwrap();
    let whole = hostile();
    let mut damaged = whole.clone();
    damaged[9] ^= 1;
    for component in [
        Vec::new(),
        b"(component)".to_vec(),
        whole[..whole.len() / 2].to_vec(),
        damaged,
        wat::parse_str("(module)").unwrap(),
        text("wants-wasi.wat"),
        text("wrong-types.wat"),
        text("spins-at-start.wat"),
        text("big-memory.wat"),
    ] {
        let by_child = rejected(&child, component.clone()).await;
        assert_eq!(by_child, rejected(&here, component).await);
    }
}

// --- its limits -------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_compile_bomb_is_stopped_and_others_are_answered_meanwhile() {
    let settings = Settings {
        compile_cpu: Duration::from_secs(1),
        ..Settings::default()
    };
    let policy = start(settings, BROKER);
    let before = Witness::of(&policy).await;
    let bomb = offered(compile_bomb());
    let offering = tokio::spawn({
        let policy = policy.clone();
        async move { policy.offer(bomb).await }
    });
    let (began, mut answers) = (Instant::now(), 0);
    while !offering.is_finished() {
        let asked = policy.active().identify(&connect("a")).await;
        assert!(asked.unwrap().is_ok());
        answers += 1;
        assert!(began.elapsed() < Duration::from_secs(70), "not stopped");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rejected = offering.await.unwrap().unwrap_err();
    assert_eq!(rejected.code, code::COMPILE_CPU, "{rejected}");
    assert!(rejected.message.contains("more than 1s of a core"));
    assert!(rejected.help.contains("`compile_cpu`"));
    assert!(answers > 10, "{answers} in {:?}", began.elapsed());
    before.saw_no_change(&policy, "a bomb").await;
}

#[tokio::test]
async fn a_compiler_that_wants_too_much_memory_is_stopped() {
    let settings = Settings {
        compile_cpu: Duration::from_mins(1),
        compile_memory: 64 << 20,
        ..Settings::default()
    };
    let rejected = rejected(&start(settings, BROKER), compile_bomb()).await;
    assert_eq!(rejected.code, code::COMPILE_MEMORY, "{rejected}");
    assert!(rejected.message.contains("more than 67108864 bytes"));
}

#[tokio::test]
async fn a_component_over_its_size_never_reaches_a_compiler() {
    let settings = Settings {
        component_max: hostile().len(),
        ..Settings::default()
    };
    let fakes = Fakes::new();
    let asked = fakes.folder.path().join("asked");
    let spy = fakes.write(&format!("> {}; exec {BROKER} \"$@\"", asked.display()));
    let policy = start(settings, spy);
    let mut larger = hostile();
    larger.push(0);
    let size = larger.len();
    fs::remove_file(&asked).unwrap();
    let rejected = rejected(&policy, larger).await;
    assert_eq!(rejected.code, code::COMPONENT_TOO_LARGE);
    let limit = format!("{size} bytes: at most {} are allowed", size - 1);
    assert!(rejected.message.contains(&limit), "{rejected}");
    assert!(!asked.exists());
}

// --- what happens to it -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_child_is_confined_and_its_violent_end_has_a_name() {
    let settings = Settings {
        // Nobody else in these tests has this number: so the child is found.
        compile_cpu: Duration::from_secs(37),
        compile_memory: 300 << 20,
        compile_patience: Duration::from_mins(1),
        ..Settings::default()
    };
    let policy = start(settings, BROKER);
    let before = Witness::of(&policy).await;
    let ours = tempfile::NamedTempFile::new().unwrap();
    let offering = tokio::spawn({
        let policy = policy.clone();
        async move { policy.offer(offered(compile_bomb())).await }
    });
    let mut child = None;
    until("a child", async || {
        child = find_child("--cpu=37");
        child.is_some()
    })
    .await;
    let child = child.unwrap();
    until("idle", async || policy_of(&child) == SCHED_IDLE).await;
    assert_eq!(fs::read(child.join("environ")).unwrap(), b"");
    assert_eq!(fs::read_link(child.join("cwd")).unwrap(), Path::new("/"));
    assert_eq!(fs::read_dir(child.join("task")).unwrap().count(), 1);
    for limit in [
        ["Max cpu time", "37 38 seconds"],
        ["Max address space", "314572800 314572800 bytes"],
        ["Max core file size", "0 0 bytes"],
    ] {
        let limits = fs::read_to_string(child.join("limits")).unwrap();
        let line = limits
            .lines()
            .find(|line| line.starts_with(limit[0]))
            .unwrap();
        let words: Vec<_> = line[limit[0].len()..].split_whitespace().collect();
        assert_eq!(words.join(" "), limit[1], "{line}");
    }
    for end in ["0", "1", "2"] {
        let end = fs::read_link(child.join("fd").join(end)).unwrap();
        assert!(end.to_str().unwrap().starts_with("pipe:"), "{end:?}");
    }
    for open in fs::read_dir(child.join("fd")).unwrap() {
        let open = fs::read_link(open.unwrap().path()).unwrap();
        assert_ne!(open, ours.path(), "a file of the broker's");
    }
    kill(&child);
    let rejected = offering.await.unwrap().unwrap_err();
    assert_eq!(rejected.code, code::COMPILE_FAILED, "{rejected}");
    assert!(
        rejected.message.contains("signal: 9 (SIGKILL)"),
        "{rejected}"
    );
    assert!(!child.exists(), "not reaped");
    before.saw_no_change(&policy, "a kill").await;
}

#[tokio::test]
async fn a_compiler_that_is_not_there_or_is_another_program_is_named() {
    let fakes = Fakes::new();
    let start = |then: &str| {
        // The first generation is made by the real one.
        let once = fakes.write(&format!("[ $# = 4 ] && exec {BROKER} \"$@\"; {then}"));
        start(Settings::default(), once)
    };
    for (then, code, told) in [
        ("exit 9", code::COMPILE_FAILED, "exit status: 9"),
        (
            "echo a >&2; echo b >&2; exit 1",
            code::COMPILE_FAILED,
            "exit status: 1: a b",
        ),
        (
            "echo no machine code",
            code::COMPILE_FAILED,
            "cannot be loaded",
        ),
        ("kill -SEGV $$", code::COMPILE_FAILED, "(SIGSEGV)"),
        (
            "exec cat /dev/zero",
            code::COMPILE_OUTPUT,
            "more than 16777",
        ),
    ] {
        let empty = wat::parse_str("(component)").unwrap();
        let rejected = rejected(&start(then), empty).await;
        assert_eq!(rejected.code, code, "{then}: {rejected}");
        assert!(rejected.message.contains(told), "{then}: {rejected}");
    }
    let missing = Policy::start_with(
        Settings::default(),
        Compiler::Child("/does/not/exist".into()),
        offered(hostile()),
    );
    let missing = missing.err().unwrap();
    assert_eq!(missing.code, code::COMPILE_FAILED, "{missing}");
    assert!(missing.message.contains("`/does/not/exist`: "), "{missing}");
}

// --- no core for it ---------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_starved_compiler_is_started_again_as_one_among_others() {
    let fakes = Fakes::new();
    let starves = fakes.write(&format!(
        "case \"$*\" in *--idle*) exec sleep 600;; esac; exec {BROKER} \"$@\""
    ));
    let settings = Settings {
        compile_patience: Duration::from_millis(300),
        ..Settings::default()
    };
    let policy = start(settings, starves);
    let built_in = Source::default().load().unwrap();
    assert_eq!(policy.offer(built_in).await.unwrap().revision(), 2);
}

#[tokio::test]
async fn a_compiler_that_never_gets_a_core_is_given_up() {
    let fakes = Fakes::new();
    let settings = Settings {
        compile_patience: Duration::from_millis(100),
        // The real one makes the first generation within it.
        compile_wall: Duration::from_secs(8),
        ..Settings::default()
    };
    let marker = fakes.folder.path().join("first");
    let first = marker.display();
    let starves = fakes.write(&format!(
        "[ -e {first} ] && exec sleep 600; > {first}; exec {BROKER} \"$@\""
    ));
    let policy = start(settings, starves);
    let began = Instant::now();
    let rejected = rejected(&policy, text("wants-wasi.wat")).await;
    assert_eq!(rejected.code, code::COMPILE_TIME, "{rejected}");
    assert!(rejected.message.contains("within 8s"), "{rejected}");
    assert!(began.elapsed() < Duration::from_mins(1));
}

// --- helpers of these tests -------------------------------------------------------------------------------------------------

const SCHED_IDLE: &str = "5";

/// Its folder under `/proc`.
fn find_child(argument: &str) -> Option<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let mut found = processes.map(|process| process.path()).filter(|process| {
        let line = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
        line.split('\0').any(|word| word == argument) && parent_of(process) == std::process::id()
    });
    found.next()
}

fn parent_of(process: &Path) -> u32 {
    stat(process, 3).parse().unwrap_or_default()
}

fn policy_of(process: &Path) -> String {
    stat(process, 40)
}

/// A field of `/proc/PID/stat`, counted from 0; none of these names has a space.
fn stat(process: &Path, field: usize) -> String {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    stat.split(' ').nth(field).unwrap_or_default().to_owned()
}

fn kill(process: &Path) {
    let id = process.file_name().unwrap();
    let killed = Command::new("kill").arg("-KILL").arg(id).status();
    assert!(killed.unwrap().success());
}

/// Programs that stand in for the compiler. A search path is given, because a child's environment is empty.
struct Fakes {
    folder: tempfile::TempDir,
}

impl Fakes {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// By another process: what this one has open for writing, a child that is started at the same moment has, too, and then it cannot be run.
    fn write(&self, script: &str) -> PathBuf {
        let file = tempfile::Builder::new().tempfile_in(&self.folder).unwrap();
        let path = file.path().with_extension("sh");
        let mut writer = Command::new("sh")
            .args(["-c", "cat > \"$1\"; chmod 700 \"$1\"", "sh"])
            .arg(&path)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let text = format!("#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n");
        writer
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(writer.wait().unwrap().success());
        assert_ne!(fs::metadata(&path).unwrap().permissions().mode() & 0o100, 0);
        path
    }
}
