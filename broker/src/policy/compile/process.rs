//! The parent's side of a compilation: starts the child, feeds it, reads what it writes, and ends it.
//!
//! Three threads for three pipes, so that none can fill up while we wait on another; they end with the child, because nobody else holds its
//! ends. The child is killed and reaped on every way out.

use super::child::{Limits, VERB};
use crate::policy::{limits, stopwatch};
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What is read of its words; of those, so much is told.
const WORDS_READ: usize = 4 << 10;
const WORDS_TOLD: usize = 512;
/// A child that has closed its stdout is gone in microseconds.
const LAST_STEPS: Duration = Duration::from_millis(1);

/// One compilation.
pub(super) struct Job<'a> {
    pub(super) program: &'a Path,
    pub(super) component: &'a [u8],
    pub(super) limits: Limits,
    /// Given up once it ran for less than half of such a time; `None`: never.
    pub(super) patience: Option<Duration>,
    pub(super) wall: Duration,
    pub(super) output_max: usize,
}

/// A child that is no more.
pub(super) struct Ended {
    pub(super) how: How,
    pub(super) output: Vec<u8>,
    /// What it said on stderr, as one line.
    pub(super) words: String,
    /// How long it was on a core, where that is known: it is asked only of a child that takes long.
    pub(super) ran: Option<Duration>,
}

pub(super) enum How {
    /// By itself, or by somebody else's signal.
    Exited(ExitStatus),
    /// It wrote more than it may.
    Overflowed,
    /// It hardly ran.
    Starved,
    /// Its time on the wall was over.
    TimedOut,
}

/// The error is that of starting a process or a thread.
pub(super) fn run(job: &Job<'_>) -> io::Result<Ended> {
    let mut child = command(job).spawn()?;
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let running = Running { child, ran: None };
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(io::Error::other("its pipes are missing"));
    };
    thread::scope(|scope| {
        // Dropped before the threads are waited for, also where one of them cannot be started.
        let mut running = running;
        let (end, ended) = mpsc::channel();
        let thread = || thread::Builder::new().name("policy-compiler".into());
        // A child that ends early takes no more: its end says why.
        thread().spawn_scoped(scope, move || drop(stdin.write_all(job.component)))?;
        let output =
            thread().spawn_scoped(scope, move || read_output(stdout, job.output_max, end))?;
        let words = thread().spawn_scoped(scope, move || read_at_most(stderr, WORDS_READ))?;
        let how = running.watch(&ended, job);
        let ran = running.ran;
        drop(running);
        let output = output.join().unwrap_or_default();
        let words = one_line(&words.join().unwrap_or_default());
        Ok(Ended {
            how: if output.len() > job.output_max {
                How::Overflowed
            } else {
                how?
            },
            output,
            words,
            ran,
        })
    })
}

fn command(job: &Job<'_>) -> Command {
    let mut command = Command::new(job.program);
    command
        .arg0("iotda-broker")
        .arg(VERB)
        .args(job.limits.arguments())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Dropping `end` tells that there is no more output. One byte over the limit is read, so that it shows.
fn read_output(stdout: impl Read, max: usize, end: Sender<Infallible>) -> Vec<u8> {
    let output = read_at_most(stdout, max.saturating_add(1));
    drop(end);
    output
}

/// What there was before an error.
fn read_at_most(pipe: impl Read, max: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let max = max.try_into().unwrap_or(u64::MAX);
    drop(pipe.take(max).read_to_end(&mut all));
    all
}

fn one_line(words: &[u8]) -> String {
    let words = String::from_utf8_lossy(words);
    let line: Vec<_> = words.split_whitespace().collect();
    limits::words(&line.join(" "), WORDS_TOLD)
}

/// Kills and reaps when it is dropped.
struct Running {
    child: Child,
    ran: Option<Duration>,
}

impl Running {
    fn watch(&mut self, output: &Receiver<Infallible>, job: &Job<'_>) -> io::Result<How> {
        let deadline = Instant::now() + job.wall;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let pause = job.patience.map_or(left, |patience| patience.min(left));
            match output.recv_timeout(pause) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(_) | Err(RecvTimeoutError::Disconnected) => return self.exit(deadline),
            }
            let before = self.ran.unwrap_or_default();
            self.ran = stopwatch::process_time(self.child.id());
            if job.patience.is_some() && is_starved(before, self.ran, pause) {
                return Ok(How::Starved);
            }
            if Instant::now() >= deadline {
                return Ok(How::TimedOut);
            }
        }
    }

    fn exit(&mut self, deadline: Instant) -> io::Result<How> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(How::Exited(status));
            }
            if Instant::now() >= deadline {
                return Ok(How::TimedOut);
            }
            thread::sleep(LAST_STEPS);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Either fails only where it is gone and reaped already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether it ran for less than half of the time that has passed; where the kernel does not tell, it counts as starved.
fn is_starved(before: Duration, ran: Option<Duration>, passed: Duration) -> bool {
    ran.is_none_or(|ran| ran.saturating_sub(before) < passed / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_runs_half_of_the_time_is_slow_and_not_starved() {
        let seconds = Duration::from_secs;
        for (before, ran, passed, starved) in [
            (0, Some(0), 5, true),
            (0, Some(2), 5, true),
            (0, Some(3), 5, false),
            (3, Some(5), 5, true),
            (3, Some(8), 5, false),
            (0, None, 5, true),
        ] {
            let is = is_starved(seconds(before), ran.map(seconds), seconds(passed));
            assert_eq!(is, starved, "{before} {ran:?} {passed}");
        }
    }

    #[test]
    fn words_are_one_line_of_512_bytes_at_most() {
        assert_eq!(one_line(b"  a\n b\t\x1b[1mc\n"), "a b  [1mc");
        assert_eq!(one_line(&[b'x'; 4_000]).len(), 512);
        assert_eq!(one_line(&[0xff]), "\u{fffd}");
    }

    #[test]
    fn no_more_is_read_than_is_allowed_and_one_byte() {
        let (end, ended) = mpsc::channel();
        assert_eq!(read_output(io::repeat(1), 10, end).len(), 11);
        assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
