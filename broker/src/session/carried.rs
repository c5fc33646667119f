//! What a persistent session carries from one connection to the next.

use super::copies::Copies;
use super::outbound::Outbound;
use super::subscriptions::Subscriptions;
use crate::engine::Link;
use std::fmt;

/// The state of a session without its connection, its grant and its will.
pub(crate) struct Carried {
    pub(crate) subscriptions: Subscriptions,
    /// The link to the engine, if a filter needs one.
    pub(crate) link: Option<Link>,
    pub(crate) outbound: Outbound,
    pub(crate) copies: Copies,
}

impl fmt::Debug for Carried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Carried")
            .field("subscriptions", &self.subscriptions.len())
            .field("linked", &self.link.is_some())
            .field("messages", &self.outbound.len())
            .finish_non_exhaustive()
    }
}
