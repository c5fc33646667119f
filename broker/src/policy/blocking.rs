//! The calls of a generation on the caller's own thread: for tools and measurements, and for nobody who shares an async thread.

use super::fault::Fault;
use super::generation::Generation;
use crate::contract::{
    Access, Connect, Grant, Lookup, Principal, Refusal, Subject, UtcMs, Verdict,
};

/// A generation that is asked on this thread. Each call blocks for a deadline at most, and waits for no turn.
#[derive(Clone, Copy, Debug)]
pub struct Blocking<'g>(&'g Generation);

impl Generation {
    /// The same calls for whoever may block.
    pub fn blocking(&self) -> Blocking<'_> {
        Blocking(self)
    }
}

impl Blocking<'_> {
    /// [`Generation::identify`].
    pub fn identify(&self, connect: &Connect) -> Result<Result<Lookup, Refusal>, Fault> {
        self.0.ask_now(|policy| policy.identify(connect))
    }

    /// [`Generation::authenticate`].
    pub fn authenticate(
        &self,
        connect: &Connect,
        subject: &Subject,
    ) -> Result<Result<Principal, Refusal>, Fault> {
        self.0
            .ask_now(|policy| policy.authenticate(connect, subject))
    }

    /// [`Generation::authorize`].
    pub fn authorize(
        &self,
        principal: &Principal,
        subject: &Subject,
        now: UtcMs,
    ) -> Result<Result<Grant, Refusal>, Fault> {
        self.0
            .ask_now(|policy| policy.authorize(principal, subject, now))
    }

    /// [`Generation::inspect`].
    pub fn inspect(&self, access: &Access) -> Result<Verdict, Fault> {
        self.0.ask_now(|policy| policy.inspect(access))
    }
}
