//! What was found in a payload: whom it speaks for, the first thing that does not match, and where times are missing.
//!
//! A sentence is written for the first finding of a kind only, however many there are.

use super::event_time::Gap;
use super::place::Place;
use crate::json::{Text, Value};
use crate::refusal::shown;

#[derive(Default)]
pub(super) struct Findings {
    foreign: Option<String>,
    unlisted: Option<String>,
    mismatch: Option<String>,
    is_misshapen: bool,
    times: Vec<Gap>,
}

/// The members of an object that matter.
pub(super) struct Found<'t, const N: usize> {
    pub(super) members: [Option<Value<'t>>; N],
    /// Where its last member ends; none where it is empty.
    pub(super) end: Option<usize>,
}

impl<'t, const N: usize> Found<'t, N> {
    /// `null` counts as absent.
    pub(super) fn present(&self) -> [Option<Value<'t>>; N] {
        self.members
            .map(|member| member.filter(|value| !value.is_null()))
    }
}

impl Findings {
    /// A value that does not match. What is said of it is written only if it is the first.
    pub(super) fn mismatch_at(&mut self, tell: impl FnOnce() -> String) {
        if self.mismatch.is_none() {
            self.mismatch = Some(tell());
        }
    }

    /// A form that does not match, so that it is not certain what another reader makes of it.
    pub(super) fn misshapen(&mut self, tell: impl FnOnce() -> String) {
        self.is_misshapen = true;
        self.mismatch_at(tell);
    }

    /// An id that the client may not speak for.
    pub(super) fn foreign(&mut self, id: &str) {
        self.foreign.get_or_insert_with(|| shown(id));
    }

    /// An id of which nobody can say here.
    pub(super) fn unlisted(&mut self, id: &str) {
        self.unlisted.get_or_insert_with(|| shown(id));
    }

    pub(super) fn lacks_time(&mut self, gap: Gap) {
        self.times.push(gap);
    }

    pub(super) fn is_clean(&self) -> bool {
        self.mismatch.is_none()
    }

    pub(super) fn is_misshapen(&self) -> bool {
        self.is_misshapen
    }

    pub(super) fn mismatch(&self) -> Option<&str> {
        self.mismatch.as_deref()
    }

    pub(super) fn speaks_for_other(&self) -> Option<String> {
        let id = self.foreign.as_ref()?;
        Some(format!(
            "the payload speaks for {id}, which is neither this device nor one of its sub-devices: register it behind this gateway, or leave it out"
        ))
    }

    pub(super) fn cannot_tell(&self) -> Option<String> {
        let id = self.unlisted.as_ref()?;
        Some(format!(
            "the payload speaks for {id}, which is not among the first 1000 sub-devices of this gateway, and more are not known here: \
             spread them over more gateways"
        ))
    }

    pub(super) fn times(&self) -> &[Gap] {
        &self.times
    }

    /// The members with these names. One that is there twice makes the form uncertain: readers differ in which they take.
    pub(super) fn members<'t, const N: usize>(
        &mut self,
        object: Value<'t>,
        place: &Place,
        names: [&'static str; N],
    ) -> Found<'t, N> {
        let mut found = Found {
            members: [None; N],
            end: None,
        };
        for (name, value) in object.members() {
            found.end = Some(value.end());
            let Some(slot) = slot(&mut found.members, &names, name) else {
                continue;
            };
            if slot.is_some() {
                self.misshapen(|| {
                    format!(
                        "`{place}` has {} twice: send it once",
                        shown(&name.decoded())
                    )
                });
            }
            *slot = Some(value);
        }
        found
    }
}

fn slot<'s, 't>(
    slots: &'s mut [Option<Value<'t>>],
    names: &[&str],
    name: Text,
) -> Option<&'s mut Option<Value<'t>>> {
    let number = names.iter().position(|known| name.is(known))?;
    slots.get_mut(number)
}
