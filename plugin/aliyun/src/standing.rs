//! Whether a client may be connected at all: asked at CONNECT, after the proof, and of every live session when its record changes.
//!
//! It is asked after the proof so that only who has the credential learns that a client is frozen.

use crate::contract::{Client, Refusal, Status};
use crate::names::{self, Names};
use crate::refusal::{self, refuse_by};

/// Status, place, names and connection of a proven client.
pub fn check(client: &Client, encrypted: bool) -> Result<(), Refusal> {
    check_encryption(client, encrypted)?;
    check_status(client.status)?;
    check_place(client)?;
    check_names(client)
}

/// A client that is registered for TLS only is refused elsewhere, before its password is looked at.
pub fn check_encryption(client: &Client, encrypted: bool) -> Result<(), Refusal> {
    if encrypted || !client.encrypted_only {
        return Ok(());
    }
    Err(refuse_by(
        refusal::ENCRYPTION,
        "encrypted-only",
        "the client is registered for TLS only: connect to the TLS port",
    ))
}

/// The names of a device's record.
pub fn names(client: &Client) -> Names<'_> {
    Names {
        product_key: &client.product,
        device_name: &client.node,
    }
}

fn check_status(status: Status) -> Result<(), Refusal> {
    let detail = match status {
        Status::Active => return Ok(()),
        Status::Inactive => "the client is inactive: activate it",
        Status::Frozen => "the client is frozen: unfreeze it",
    };
    Err(refuse_by(refusal::STATUS, "status", detail))
}

/// Sub-devices have no connection of their own: their gateway speaks for them.
fn check_place(client: &Client) -> Result<(), Refusal> {
    if client.gateway.is_none() {
        return Ok(());
    }
    Err(refuse_by(
        refusal::NOT_AUTHORIZED,
        "gateway",
        "the client is a sub-device: its gateway connects for it",
    ))
}

/// The names become levels of topic patterns: one with a separator or a wildcard in it would widen them.
fn check_names(client: &Client) -> Result<(), Refusal> {
    if client.application || names::are_names(&names(client)) {
        return Ok(());
    }
    Err(refuse_by(
        refusal::NOT_AUTHORIZED,
        "node",
        "the registered product and node are no product key and device name: register the device with a product of 1 to 20 letters, digits, \
         `_` and `-`, and a node of 1 to 32 of these and `@.:`",
    ))
}
