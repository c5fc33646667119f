//! The configured instances of one generation: made when they are first needed, kept, and replaced after a fault.
//!
//! At most [`Settings::instances`] calls run at once, each on a blocking thread, so a component that loops holds up other calls for a deadline
//! at most and no packet of any session; a call that finds no free instance within `wait_max` is a fault. An instance that faulted is dropped.

use super::code::Code;
use super::fault::Fault;
use super::instance::Instance;
use super::settings::Settings;
use super::turns::{NoAnswer, Turns};
use crate::contract::Document;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) struct Pool {
    code: Code,
    documents: Vec<Document>,
    settings: Settings,
    idle: Mutex<Vec<Instance>>,
    turns: Arc<Turns>,
}

impl Pool {
    /// `first` is configured with `documents` already.
    pub(super) fn new(
        code: Code,
        documents: Vec<Document>,
        settings: Settings,
        first: Instance,
    ) -> Self {
        Self {
            turns: Turns::new(settings.instances()),
            idle: Mutex::new(vec![first]),
            code,
            documents,
            settings,
        }
    }

    pub(super) fn code(&self) -> &Code {
        &self.code
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Runs `ask` on an instance of its own, off the async threads.
    pub(super) async fn ask<T: Send + 'static>(
        self: Arc<Self>,
        call: &'static str,
        ask: impl FnOnce(&mut Instance) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let patience = self.settings.wait_max;
        let turns = Arc::clone(&self.turns);
        let answer = turns.take(patience, move || self.ask_now(ask)).await;
        answer.unwrap_or_else(|none| {
            Err(match none {
                NoAnswer::Busy => Fault::Busy {
                    call,
                    waited: patience,
                },
                NoAnswer::Lost => Fault::Host {
                    call,
                    cause: "the call panicked, or the broker is ending".to_owned(),
                },
            })
        })
    }

    /// The same on this thread and at once: blocks for a deadline at most.
    pub(super) fn ask_now<T>(
        &self,
        ask: impl FnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut instance = match self.take() {
            Some(idle) => idle,
            None => self.make()?,
        };
        let answer = ask(&mut instance)?;
        self.put(instance);
        Ok(answer)
    }

    fn make(&self) -> Result<Instance, Fault> {
        let refused = |cause| Fault::Configure { cause };
        let mut instance = Instance::start(&self.code, &self.settings)
            .map_err(|rejection| refused(rejection.message))?;
        match instance.configure(&self.documents)? {
            Ok(_) => Ok(instance),
            Err(problems) => {
                let first = problems.into_iter().next();
                Err(refused(
                    first.map_or_else(String::new, |problem| problem.message),
                ))
            }
        }
    }

    /// Drops the instances that wait for a call; the next call makes a new one.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn take(&self) -> Option<Instance> {
        self.lock().pop()
    }

    fn put(&self, instance: Instance) {
        self.lock().push(instance);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        // `push` and `pop` leave no half a list.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
