//! When a call has had its time: time on a core, not time on the wall.
//!
//! On a machine with more work than cores a thread may be set aside for longer than a deadline. A component that merely waited must not fault, because its
//! client would be turned away for the machine's load. So the epoch is only the alarm: at half the deadline it reads the time that this thread
//! has run, and the call ends once the thread has run for the other half, or [`GRACE`] after its deadline whatever happened. The kernel
//! counts that time in steps of up to 4 ms. Where it does not tell (not Linux), the wall decides. A call that ends in time costs one clock read.

use super::ticker;
use std::time::{Duration, Instant};
use wasmtime::{Trap, UpdateDeadline};

/// How much longer than its deadline a call may take on the wall.
const GRACE: Duration = Duration::from_millis(100);
/// How often is looked after half the deadline.
const LOOK: Duration = Duration::from_millis(1);
/// First number: nanoseconds that the thread has run.
const THREAD_TIME: &str = "/proc/thread-self/schedstat";

/// Measures one call after another.
#[derive(Debug)]
pub(super) struct Stopwatch {
    limit: Duration,
    began: Instant,
    /// The thread's time at half the deadline.
    halfway: Option<Duration>,
}

impl Stopwatch {
    pub(super) fn start(limit: Duration) -> Self {
        Self {
            limit,
            began: Instant::now(),
            halfway: None,
        }
    }

    /// After how many ticks [`alarm`](Self::alarm) is to be asked for the first time.
    pub(super) fn first_alarm(&self) -> u64 {
        ticker::ticks(self.limit / 2)
    }

    /// Goes on, or ends the call by a trap.
    pub(super) fn alarm(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if self.is_over() {
            return Err(Trap::Interrupt.into());
        }
        Ok(UpdateDeadline::Continue(ticker::ticks(LOOK)))
    }

    fn is_over(&mut self) -> bool {
        let on_the_wall = self.began.elapsed();
        let Some(now) = thread_time() else {
            return on_the_wall >= self.limit;
        };
        let halfway = *self.halfway.get_or_insert(now);
        let since = now.saturating_sub(halfway);
        since >= self.limit / 2 || on_the_wall >= self.limit + GRACE
    }
}

fn thread_time() -> Option<Duration> {
    time_in(THREAD_TIME)
}

/// How long the first thread of another process has run; `None` once it is gone.
pub(super) fn process_time(id: u32) -> Option<Duration> {
    time_in(&format!("/proc/{id}/schedstat"))
}

fn time_in(file: &str) -> Option<Duration> {
    let line = std::fs::read_to_string(file).ok()?;
    let nanoseconds = line.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_counted_but_has_an_end() {
        let mut watch = Stopwatch::start(Duration::from_millis(40));
        assert!(!watch.is_over());
        std::thread::sleep(Duration::from_millis(60));
        assert!(!watch.is_over());
        std::thread::sleep(Duration::from_millis(100));
        assert!(watch.is_over());
    }

    #[test]
    fn running_is_counted() {
        let mut watch = Stopwatch::start(Duration::from_millis(10));
        let began = Instant::now();
        while !watch.is_over() {
            assert!(began.elapsed() < Duration::from_secs(1));
        }
    }
}
