//! One configured instance of a component, and every call into it.
//!
//! Bounds: a [`Stopwatch`] and the epoch that rings it are set anew before each call and before instantiation; memory, tables and the number
//! of parts by [`Bounds`]; the stack by the engine; what a call returns by host call fuel, and then by [`limits`]. After a fault the instance is
//! dropped by its owner, never used again: a component that trapped cannot be entered any more, and one that was stopped is in an
//! unknown state.

use super::bounds::{Bounds, PARTS_MAX, Refused};
use super::code::{self, Code};
use super::fault::Fault;
use super::limits;
use super::rejection::{Rejection, one_line};
use super::settings::Settings;
use super::stopwatch::Stopwatch;
use super::ticker;
use crate::contract::{
    Access, Connect, Description, DevicePolicy, Document, Grant, Guest, Lookup, Principal, Problem,
    Refusal, Setup, Subject, UtcMs, Verdict,
};
use std::time::Duration;
use wasmtime::{Store, Trap};

/// A component's instance with its store.
pub(super) struct Instance {
    store: Store<Bounds>,
    policy: DevicePolicy,
    call_deadline: Duration,
    configure_deadline: Duration,
}

impl Instance {
    /// Instantiates: only this checks the types of the functions.
    pub(super) fn start(code: &Code, settings: &Settings) -> Result<Self, Rejection> {
        let mut store = Store::new(code.exports.engine(), Bounds::new(settings));
        store.limiter(|bounds| bounds);
        store.epoch_deadline_callback(|mut store| store.data_mut().stopwatch.alarm());
        store.set_hostcall_fuel(settings.returned_max);
        let policy = bounded(
            &mut store,
            "instantiate",
            settings.configure_deadline,
            |store| code.exports.instantiate(store),
        );
        let policy = policy.map_err(|failed| match failed {
            Failed::Fault(fault) => fault.into(),
            Failed::Other(error) => code::mismatch(&error),
        })?;
        Ok(Self {
            store,
            policy,
            call_deadline: settings.call_deadline,
            configure_deadline: settings.configure_deadline,
        })
    }

    pub(super) fn describe(&mut self) -> Result<Description, Fault> {
        let call = "describe";
        let description = self.call(call, |policy, store| policy.call_describe(store))?;
        limits::description(call, description)
    }

    pub(super) fn configure(
        &mut self,
        documents: &[Document],
    ) -> Result<Result<Setup, Vec<Problem>>, Fault> {
        let call = "configure";
        let limit = self.configure_deadline;
        let configured = self.call_within(call, limit, |policy, store| {
            policy.call_configure(store, documents)
        })?;
        match configured {
            Ok(setup) => limits::setup(call, setup).map(Ok),
            Err(problems) => Ok(Err(limits::problems(problems))),
        }
    }

    pub(super) fn identify(&mut self, connect: &Connect) -> Result<Result<Lookup, Refusal>, Fault> {
        let call = "identify";
        let lookup = self.call(call, |policy, store| policy.call_identify(store, connect))?;
        decided(lookup, |lookup| limits::lookup(call, lookup))
    }

    pub(super) fn authenticate(
        &mut self,
        connect: &Connect,
        subject: &Subject,
    ) -> Result<Result<Principal, Refusal>, Fault> {
        let call = "authenticate";
        let principal = self.call(call, |policy, store| {
            policy.call_authenticate(store, connect, subject)
        })?;
        decided(principal, |principal| limits::principal(call, principal))
    }

    pub(super) fn authorize(
        &mut self,
        principal: &Principal,
        subject: &Subject,
        now: UtcMs,
    ) -> Result<Result<Grant, Refusal>, Fault> {
        let grant = self.call("authorize", |policy, store| {
            policy.call_authorize(store, principal, subject, now)
        })?;
        decided(grant, limits::grant)
    }

    pub(super) fn inspect(&mut self, access: &Access) -> Result<Verdict, Fault> {
        let verdict = self.call("inspect", |policy, store| {
            policy.call_inspect(store, access)
        })?;
        Ok(limits::verdict(verdict))
    }

    fn call<T>(
        &mut self,
        call: &'static str,
        enter: impl FnOnce(&Guest, &mut Store<Bounds>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        self.call_within(call, self.call_deadline, enter)
    }

    fn call_within<T>(
        &mut self,
        call: &'static str,
        limit: Duration,
        enter: impl FnOnce(&Guest, &mut Store<Bounds>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let policy = self.policy.iotda_policy_policy();
        let returned = bounded(&mut self.store, call, limit, |store| enter(policy, store));
        returned.map_err(|failed| match failed {
            Failed::Fault(fault) => fault,
            Failed::Other(error) => Fault::Value {
                call,
                cause: one_line(&error),
            },
        })
    }
}

/// Why the component did not come back with a value.
enum Failed {
    Fault(Fault),
    /// No trap: what it exports or returned is not what the contract says.
    Other(wasmtime::Error),
}

fn bounded<T>(
    store: &mut Store<Bounds>,
    call: &'static str,
    limit: Duration,
    enter: impl FnOnce(&mut Store<Bounds>) -> wasmtime::Result<T>,
) -> Result<T, Failed> {
    let Some(_running) = ticker::running() else {
        let cause = "nothing could stop the component".to_owned();
        return Err(Failed::Fault(Fault::Host { call, cause }));
    };
    let stopwatch = Stopwatch::start(limit);
    store.set_epoch_deadline(stopwatch.first_alarm());
    let bounds = store.data_mut();
    bounds.stopwatch = stopwatch;
    bounds.refused = None;
    enter(store).map_err(|error| failure(store.data(), call, limit, error))
}

fn failure(bounds: &Bounds, call: &'static str, limit: Duration, error: wasmtime::Error) -> Failed {
    let trap = error.downcast_ref::<Trap>().copied();
    Failed::Fault(match (trap, bounds.refused) {
        (Some(Trap::Interrupt), _) => Fault::Deadline { call, limit },
        (Some(Trap::StackOverflow), _) => Fault::Stack {
            call,
            limit: bounds.stack_max,
        },
        (_, Some(Refused::Memory { wanted, limit })) => Fault::Memory {
            call,
            wanted,
            limit,
        },
        (_, Some(Refused::Table { wanted, limit })) => Fault::Table {
            call,
            wanted,
            limit,
        },
        (Some(trap), None) => Fault::Trap {
            call,
            cause: trap.to_string(),
        },
        (None, None) => return untyped(bounds, call, error),
    })
}

/// Limits that the runtime enforces by itself have no type, only words: a test for each keeps them true.
fn untyped(bounds: &Bounds, call: &'static str, error: wasmtime::Error) -> Failed {
    let cause = one_line(&error);
    Failed::Fault(if cause.contains("resource limit exceeded") {
        let limit = PARTS_MAX;
        Fault::Parts { limit, cause }
    } else if cause.contains("fuel allocated for hostcalls has been exhausted") {
        let limit = bounds.returned_max;
        Fault::Returned { call, limit }
    } else {
        return Failed::Other(error);
    })
}

/// A refusal is cut to size, anything else is checked.
fn decided<T>(
    decision: Result<T, Refusal>,
    check: impl FnOnce(T) -> Result<T, Fault>,
) -> Result<Result<T, Refusal>, Fault> {
    match decision {
        Ok(value) => check(value).map(Ok),
        Err(refusal) => Ok(Err(limits::refusal(refusal))),
    }
}
