//! A policy: pure functions from a CONNECT and a record to a decision.
//!
//! ```text
//!   CONNECT ──> identify ──> (the host looks the record up) ──> authenticate ──> authorize ──> grant
//!
//!   PUBLISH ──> inspect                              rules.json ──> document ──> rules ──> authorize
//! ```
//!
//! `component` alone holds state: the rules of its generation, set once. Natively this is an ordinary library, so every decision is
//! tested by `cargo test`; for the wasm target it is a component that imports nothing: no clock, no files, no network. What it
//! cannot read it refuses. The contract, with every limit, is `wit/policy.wit`.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod authenticate;
pub mod authorize;
mod component;
pub mod contract;
pub mod document;
pub mod identify;
pub mod inspect;
pub mod refusal;
pub mod rules;
