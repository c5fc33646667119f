//! Turns on threads that may block: at most so many calls at once, in the order in which they came.
//!
//! A thread that has done one call takes the next that waits, so that thousands of sessions that are judged after a swap do not pay for
//! waking a thread each (measured: 5 000 in 0.4 of the time). A call that has not begun within its patience never begins. Whoever goes away
//! while it waits is not served; one that has begun is done to its end, and is bounded by its deadline.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

type Job = Box<dyn FnOnce() + Send>;

/// The turns of one generation.
pub(super) struct Turns {
    most: usize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    threads: usize,
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// Its turn did not come in time.
    Busy,
    /// It panicked, or the runtime is ending.
    Lost,
}

impl Turns {
    /// At most `most` calls at once.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.max(1),
            queue: Mutex::default(),
        })
    }

    /// Runs `call` when its turn comes, and waits for it.
    pub(super) async fn take<T: Send + 'static>(
        self: &Arc<Self>,
        patience: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let (reply, mut answer) = oneshot::channel();
        // Taken by the thread that begins it, or by us who give it up: whoever is first.
        let taken = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&taken);
        self.push(Box::new(move || {
            if !reply.is_closed() && !begins.swap(true, Ordering::AcqRel) {
                // An error says that nobody waits any more.
                drop(reply.send(call()));
            }
        }));
        match timeout(patience, &mut answer).await {
            Ok(answered) => answered.map_err(|_| NoAnswer::Lost),
            Err(_) if taken.swap(true, Ordering::AcqRel) => {
                answer.await.map_err(|_| NoAnswer::Lost)
            }
            Err(_) => Err(NoAnswer::Busy),
        }
    }

    fn push(self: &Arc<Self>, job: Job) {
        let mut queue = self.queue();
        queue.waiting.push_back(job);
        if queue.threads >= self.most {
            return;
        }
        queue.threads += 1;
        drop(queue);
        let turns = Arc::clone(self);
        tokio::task::spawn_blocking(move || turns.work());
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // A panic is told by its hook and is its own call's: those that wait behind it are served.
            drop(catch_unwind(AssertUnwindSafe(job)));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        let next = queue.waiting.pop_front();
        if next.is_none() {
            queue.threads -= 1;
        }
        next
    }

    /// A poisoned lock is taken all the same: nothing is left half done under it.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread::sleep;

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_call_is_answered_and_no_more_run_at_once_than_may() {
        let turns = Turns::new(3);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let calls = (0..500_usize).map(|number| {
            let (turns, running, most) = (turns.clone(), running.clone(), most.clone());
            tokio::spawn(async move {
                let call = move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    sleep(Duration::from_micros(50));
                    running.fetch_sub(1, Ordering::SeqCst);
                    number
                };
                turns.take(LONG, call).await
            })
        });
        for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
            assert_eq!(call.await.unwrap(), Ok(number));
        }
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn a_call_whose_turn_does_not_come_never_begins() {
        let turns = Turns::new(1);
        let other = turns.clone();
        let first = tokio::spawn(async move {
            let call = || sleep(Duration::from_millis(300));
            // It has begun: it is answered, though its patience is over.
            other.take(Duration::from_millis(50), call).await
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        let began = Arc::new(AtomicBool::new(false));
        let begins = began.clone();
        let late = move || begins.store(true, Ordering::SeqCst);
        let answer = turns.take(Duration::from_millis(20), late).await;
        assert_eq!(answer, Err(NoAnswer::Busy));
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(turns.take(LONG, || 7).await, Ok(7));
        assert!(!began.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_call_that_panics_is_lost_and_the_next_is_answered() {
        let turns = Turns::new(1);
        let panics = turns.take(LONG, || -> u8 { panic!("a test") }).await;
        assert_eq!(panics, Err(NoAnswer::Lost));
        assert_eq!(turns.take(LONG, || 7).await, Ok(7));
    }
}
