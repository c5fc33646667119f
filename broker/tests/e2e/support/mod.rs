//! What the end-to-end tests stand on: a broker process of their own each, raw packets, and clients from outside.
//!
//! Packets are built here by hand, not with the broker's codec, so that a mistake in the codec cannot hide itself.

mod broker;
pub(crate) mod openssl;
mod packets;
mod properties;
mod wire;

pub(crate) use broker::{Broker, Options, copy_dir, policy_component, repository, wait_until};
pub(crate) use packets::{
    Connect, device_password, packet, puback, publish, publish_v5, subscribe, subscribe_v5, text,
    this_hour, unsubscribe,
};
pub(crate) use properties::{properties, property, reason};
pub(crate) use wire::{Received, Wire};

use std::process::Command;

/// A program from outside that a test needs. Where it is missing the test is skipped with a printed reason; under `.ci/run`, which installs
/// everything, that is a failure.
pub(crate) fn have(program: &str, probe: &[&str]) -> bool {
    let found = Command::new(program)
        .args(probe)
        .output()
        .is_ok_and(|output| output.status.success() || program.starts_with("mosquitto"));
    if !found {
        assert!(
            std::env::var_os("IOTDA_REQUIRE_CLIENTS").is_none(),
            "`{program}` is not installed, and IOTDA_REQUIRE_CLIENTS forbids to skip"
        );
        eprintln!("SKIPPED: `{program}` is not installed");
    }
    found
}
