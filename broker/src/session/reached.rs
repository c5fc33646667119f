//! How far the judging of a client has come: who decides if it ends here, whose record is looked at, and how long the component took.

use super::gate::Pace;
use crate::contract::{Refusal, Subject};
use crate::decision::Stage;
use crate::policy::Fault;
use std::time::Instant;

/// Filled on the way, for the record of the decision.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// Where it is decided if it ends here.
    pub(crate) stage: Stage,
    /// The id of the record that was found for the claim.
    pub(crate) record: String,
    /// Its product.
    pub(crate) product: String,
    /// All calls of the component, with their wait for an instance.
    pub(crate) micros: u32,
    /// A session that lives is judged, and hears of it.
    pub(crate) is_live: bool,
    /// Which line it waits in to be judged again.
    pub(crate) pace: Pace,
}

impl Reached {
    /// A live session is judged again.
    pub(crate) fn live(pace: Pace) -> Self {
        Self {
            is_live: true,
            pace,
            ..Self::default()
        }
    }

    /// One call of the component. What comes after one that neither refused nor failed is the host's, until the next call.
    pub(crate) async fn by<T>(
        &mut self,
        stage: Stage,
        call: impl Future<Output = Result<Result<T, Refusal>, Fault>>,
    ) -> Result<Result<T, Refusal>, Fault> {
        let started = Instant::now();
        self.stage = stage;
        let answer = call.await;
        self.micros = self.micros.saturating_add(micros(started));
        if matches!(answer, Ok(Ok(_))) {
            self.stage = Stage::Host;
        }
        answer
    }

    /// The record that was found for the claim.
    pub(crate) fn found(&mut self, subject: &Subject) {
        if let Some(client) = &subject.client {
            self.record.clone_from(&client.id);
            self.product.clone_from(&client.product);
        }
    }
}

/// Microseconds since then; over an hour they stay at that.
pub(crate) fn micros(started: Instant) -> u32 {
    u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX)
}
