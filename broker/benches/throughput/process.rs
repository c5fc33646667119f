//! What the kernel says of a child process: CPU time, memory, limits. Linux only, as `/proc` is.

use crate::Failure;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// `USER_HZ`, which is 100 on every architecture that Linux has today: one tick is 10 ms.
const MICROSECONDS_PER_TICK: u64 = 10_000;

/// A child that ends with its owner.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// User and system time of all its threads, those that have ended too.
    pub(crate) fn cpu_microseconds(&self) -> Result<u64, Failure> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name of the program may contain anything but is in parentheses; utime and stime are the 12th and 13th field after it.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(ticks * MICROSECONDS_PER_TICK)
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kilobytes.ok_or("no VmRSS in /proc")? * 1024)
    }

    /// Waits until the process has stopped working on what it was asked: no tick in half a second, ten seconds at most.
    pub(crate) async fn settled_cpu_microseconds(&self) -> Result<u64, Failure> {
        let mut last = self.cpu_microseconds()?;
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = self.cpu_microseconds()?;
            if now == last {
                break;
            }
            last = now;
        }
        Ok(last)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Raises the soft limit on open files to the hard one, for this process and its children; by util-linux, since this crate has no unsafe
/// code. Where it does not work the limit is met, and said, at the connection that does not fit.
pub(crate) fn raise_file_limit() {
    let Some(hard) = file_limit(1) else {
        return;
    };
    let _ = Command::new("prlimit")
        .args([
            "--pid",
            &std::process::id().to_string(),
            &format!("--nofile={hard}:{hard}"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Says so where `sessions` sockets, a few files besides, do not fit into the limit; returns how many do.
pub(crate) fn fitting(sessions: usize) -> usize {
    let most = file_limit(0).unwrap_or(usize::MAX).saturating_sub(200);
    if sessions > most {
        println!("{sessions} sessions do not fit: the limit on open files leaves {most}");
    }
    sessions.min(most)
}

/// The soft (0) or hard (1) limit on open files.
fn file_limit(column: usize) -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().nth(column)?.parse().ok()
}
