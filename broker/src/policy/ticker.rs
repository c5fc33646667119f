//! The clock that stops components: one thread per process adds to the epoch of every engine each millisecond while a call runs.
//!
//! An operating system thread, so that it ticks while all of the runtime's threads are busy. After 100 ms without a call it sleeps until the
//! next one, so an idle broker does not wake a thousand times a second. Engines are held weakly: one that nobody uses goes away. Where the thread
//! cannot be started no component runs at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};
use wasmtime::{Engine, EngineWeak};

const TICK: Duration = Duration::from_millis(1);
const IDLE_TICKS: u32 = 100;
/// A machine that stood still makes up for so much at most: calls stood still as well.
const LAG_MAX: Duration = Duration::from_millis(2);

static TICKER: OnceLock<Result<Ticker, String>> = OnceLock::new();

struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    engines: Mutex<Vec<EngineWeak>>,
    calls: AtomicUsize,
    sleeping: AtomicBool,
}

/// A call is running: the clock ticks until this is dropped.
pub(super) struct Running(Arc<Shared>);

/// Ticks for `engine` from now on, as long as it lives.
pub(super) fn follow(engine: &Engine) -> Result<(), String> {
    let ticker = TICKER.get_or_init(Ticker::start).as_ref()?;
    ticker.shared.lock().push(engine.weak());
    Ok(())
}

/// How many ticks are no less than `limit`: the first may come at once.
pub(super) fn ticks(limit: Duration) -> u64 {
    u64::try_from(limit.as_millis()).map_or(u64::MAX >> 1, |ticks| ticks.saturating_add(1))
}

/// To be held while a component runs. `None` where nothing would stop it.
pub(super) fn running() -> Option<Running> {
    let ticker = TICKER.get()?.as_ref().ok()?;
    ticker.shared.calls.fetch_add(1, Ordering::SeqCst);
    if ticker.shared.sleeping.load(Ordering::SeqCst) {
        ticker.thread.unpark();
    }
    Some(Running(Arc::clone(&ticker.shared)))
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Ticker {
    fn start() -> Result<Self, String> {
        let shared = Arc::new(Shared::default());
        let tick = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("policy-ticker".into())
            .spawn(move || tick.run())
            .map_err(|error| {
                format!("the thread that stops policies cannot be started: {error}")
            })?;
        Ok(Self {
            shared,
            thread: thread.thread().clone(),
        })
    }
}

impl Shared {
    fn run(&self) {
        let mut idle = 0;
        let mut due = Instant::now() + TICK;
        loop {
            // To a point in time, not for a time: a sleep of 1 ms takes up to 1.2, and a limit of 500 would become 600.
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.tick();
            due = (due + TICK).max(Instant::now().checked_sub(LAG_MAX).unwrap_or(due));
            idle = match self.calls.load(Ordering::SeqCst) {
                0 => idle + 1,
                _ => 0,
            };
            if idle == IDLE_TICKS {
                self.sleep();
                idle = 0;
                due = Instant::now() + TICK;
            }
        }
    }

    fn tick(&self) {
        self.lock().retain(|engine| match engine.upgrade() {
            Some(engine) => {
                engine.increment_epoch();
                true
            }
            None => false,
        });
    }

    /// A call that begins after `sleeping` is set wakes us; one that began before is seen here.
    fn sleep(&self) {
        self.sleeping.store(true, Ordering::SeqCst);
        if self.calls.load(Ordering::SeqCst) == 0 {
            std::thread::park();
        }
        self.sleeping.store(false, Ordering::SeqCst);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<EngineWeak>> {
        // A list of weak references cannot be half changed.
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
