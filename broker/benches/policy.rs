//! What the policy costs: a native check, a cached one, and the calls into the built-in component.
//!
//! `cargo bench -p iotda-broker --bench policy`. Calls are measured on this thread, without the hand-over to a blocking thread that the broker adds.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use iotda_broker::contract::{
    self, Actions, Client, Connect, Credential, Effect, Limits, Protocol, Qos, Rule, Secrets,
    Status, Subject, Syntax,
};
use iotda_broker::grant::{DecisionCache, Grant};
use iotda_broker::policy::{Settings, Source, bench};
use std::hint::black_box;
use std::sync::Arc;

const DEVICE: &str = "demo_device3";
/// HMAC-SHA256 of the secret `12345678` with the key `2026112122`.
const PASSWORD: &str = "";

fn main() {}
