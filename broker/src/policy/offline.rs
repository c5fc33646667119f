//! One generation for tools that judge without serving: its documents are found by what it says of itself, and its calls block.
//!
//! Bounds are those of a broker. A machine that stands still for some milliseconds makes any call late, and a pure function may be asked
//! again, so a call that ran into its deadline is asked twice more.

use super::code;
use super::compile::Compiler;
use super::fault::Fault;
use super::generation::Generation;
use super::instance::Instance;
use super::rejection::Rejection;
use super::settings::Settings;
use crate::contract::{
    Access, Connect, Description, Document, Grant, Lookup, Principal, Refusal, Subject, UtcMs,
    Verdict,
};

/// How often a call is made that its deadline stops.
const ATTEMPTS: usize = 3;

/// As [`try_out`](super::try_out), with the documents that `find` has for who the component says it is.
///
/// # Errors
///
/// The component is no policy, or refuses its documents; what `find` says.
pub fn try_out_as(
    settings: &Settings,
    compiler: &Compiler,
    component: &[u8],
    find: impl FnOnce(&Description) -> Result<Vec<Document>, Rejection>,
) -> Result<Generation, Rejection> {
    let engine = code::engine(settings)?;
    let code = code::Code::compile(&engine, component, &settings.in_haste(), compiler)?;
    let description = Instance::start(&code, settings)?.describe()?;
    Generation::configure(code, find(&description)?, settings, 1)
}

impl Generation {
    /// [`identify`](Self::identify), blocking; so for all calls here.
    ///
    /// # Errors
    ///
    /// The component fails: never a denial.
    pub fn identify_now(&self, connect: &Connect) -> Result<Result<Lookup, Refusal>, Fault> {
        self.patiently(|policy| policy.identify(connect))
    }

    /// [`authenticate`](Self::authenticate).
    ///
    /// # Errors
    ///
    /// The component fails.
    pub fn authenticate_now(
        &self,
        connect: &Connect,
        subject: &Subject,
    ) -> Result<Result<Principal, Refusal>, Fault> {
        self.patiently(|policy| policy.authenticate(connect, subject))
    }

    /// [`authorize`](Self::authorize).
    ///
    /// # Errors
    ///
    /// The component fails.
    pub fn authorize_now(
        &self,
        principal: &Principal,
        subject: &Subject,
        now: UtcMs,
    ) -> Result<Result<Grant, Refusal>, Fault> {
        self.patiently(|policy| policy.authorize(principal, subject, now))
    }

    /// [`inspect`](Self::inspect).
    ///
    /// # Errors
    ///
    /// The component fails.
    pub fn inspect_now(&self, access: &Access) -> Result<Verdict, Fault> {
        self.patiently(|policy| policy.inspect(access))
    }

    fn patiently<T>(&self, ask: impl Fn(&mut Instance) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut answer = self.ask_now(&ask);
        for _ in 1..ATTEMPTS {
            if !matches!(answer, Err(Fault::Deadline { .. })) {
                break;
            }
            answer = self.ask_now(&ask);
        }
        answer
    }
}
