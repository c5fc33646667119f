//! End to end: the real binary, driven from outside by raw packets and by other people's clients.

// A test fails by panicking, wherever its helper functions stand; packets of our own making are indexed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    // A table or a list of somebody else's steps is one function, however long.
    clippy::too_many_lines
)]

mod aliyun;
mod bench;
mod bounds;
mod clients;
mod conform;
mod connack;
mod decisions;
mod demo;
mod engine_guards;
// Its texts are for the tests of the policy host.
#[allow(dead_code)]
#[path = "../fixtures/mod.rs"]
mod fixtures;
#[allow(dead_code)]
#[path = "../fixtures/generated.rs"]
mod generated;
mod handshakes;
mod inbox;
mod lifecycle;
mod live_changes;
mod malformed;
mod minisign;
mod mqtt;
mod openssl;
mod policies;
mod policy_faults;
mod protocol;
mod revocation;
mod security;
mod support;
mod swaps;
mod vendor;
mod watch;
mod workbench;
