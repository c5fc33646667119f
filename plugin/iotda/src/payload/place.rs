//! Where in a payload something is wrong, such as `devices[3].services[0].properties.level`: written out only where it is told.
//!
//! Its names are the contract's and the model's own, never a client's.

use std::fmt::{Display, Formatter, Result};

#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl<'p> Place<'p> {
    pub(super) fn member(&'p self, name: &'p str) -> Self {
        Self::Member(self, name)
    }

    pub(super) fn item(&'p self, number: usize) -> Self {
        Self::Item(self, number)
    }
}

/// Four levels at most, so the recursion is bounded.
impl Display for Place<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Root => write!(f, "payload"),
            Self::Member(Self::Root, name) => write!(f, "{name}"),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, number) => write!(f, "{parent}[{number}]"),
        }
    }
}
