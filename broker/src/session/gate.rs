//! Who is judged first when all sessions are to be judged at once.
//!
//! A session is frozen until it is judged, so those that have traffic go before those that are silent: after a swap nobody's messages wait for
//! thousands of idle sessions. Each kind waits in its own line, in its order, without a time-out, and not before the policy's instances, where
//! waiting too long is a fault and where CONNECTs wait too. The policy's turns serve both, so neither line stops the other.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Of each kind: enough to keep all cores busy.
const JUDGED_AT_ONCE: usize = 32;

/// Whether messages wait for a session to be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It connects, spoke lately, or has a link to the engine.
    #[default]
    Lively,
    /// Nobody would notice.
    Idle,
}

pub(crate) struct Gate {
    lively: Semaphore,
    idle: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            lively: Semaphore::new(JUDGED_AT_ONCE),
            idle: Semaphore::new(JUDGED_AT_ONCE),
        }
    }
}

impl Gate {
    /// To be held while it is judged. `None` would say that the gate was closed, which nobody does.
    pub(crate) async fn pass(&self, pace: Pace) -> Option<SemaphorePermit<'_>> {
        let line = match pace {
            Pace::Lively => &self.lively,
            Pace::Idle => &self.idle,
        };
        line.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn the_lively_do_not_wait_for_the_idle() {
        let gate = Gate::default();
        let mut held = Vec::new();
        for _ in 0..JUDGED_AT_ONCE {
            held.push(gate.pass(Pace::Idle).await.unwrap());
        }
        let soon = Duration::from_millis(50);
        assert!(timeout(soon, gate.pass(Pace::Idle)).await.is_err());
        assert!(timeout(soon, gate.pass(Pace::Lively)).await.is_ok());
        held.pop();
        assert!(timeout(soon, gate.pass(Pace::Idle)).await.is_ok());
    }
}
