//! Whether a client may be connected at all: asked at CONNECT, after the proof, and of every live session when its record changes.
//!
//! It is asked after the proof so that only who has the credential learns that a client is frozen.

use crate::client_id::is_device_id;
use crate::contract::{Client, Refusal, Status};
use crate::refusal::{self, refuse_by};

/// Status, place and connection of a proven client.
pub fn check(client: &Client, encrypted: bool) -> Result<(), Refusal> {
    check_encryption(client, encrypted)?;
    check_status(client.status)?;
    check_place(client)?;
    check_id(client)
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

fn check_status(status: Status) -> Result<(), Refusal> {
    match status {
        Status::Active => Ok(()),
        Status::Inactive => Err(refuse_by(
            refusal::STATUS,
            "status",
            "the client is inactive: activate it",
        )),
        Status::Frozen => Err(refuse_by(
            refusal::STATUS,
            "status",
            "the client is frozen: unfreeze it",
        )),
    }
}

/// Sub-devices have no connection of their own: their gateway speaks for them, on its own topics.
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

/// The id becomes a level of topic patterns: one with a separator or a wildcard in it would widen them.
fn check_id(client: &Client) -> Result<(), Refusal> {
    if client.application || is_device_id(&client.id) {
        return Ok(());
    }
    Err(refuse_by(
        refusal::NOT_AUTHORIZED,
        "id",
        "the registered id is no device id: register the device with 1 to 128 letters, digits, `_` and `-`",
    ))
}
