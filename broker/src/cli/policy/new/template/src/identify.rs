//! Whom a CONNECT claims to be. Nothing is proven here.
//!
//! A device sends its id as client id and as username. Whoever sends another username is a client of the application of that name, and
//! chooses its client id freely.

use crate::contract::{Connect, Lookup, Refusal};
use crate::refusal::{self, refuse};

/// The record that the host shall look up.
pub fn identify(connect: &Connect) -> Result<Lookup, Refusal> {
    match connect.username.as_deref() {
        None | Some("") => Err(refuse(
            refusal::USERNAME,
            "username",
            "the username is missing: a device sends its id, an application its name",
        )),
        Some(name) if name == connect.client_id => Ok(Lookup::Client(name.to_owned())),
        Some(name) => Ok(Lookup::Application(name.to_owned())),
    }
}
