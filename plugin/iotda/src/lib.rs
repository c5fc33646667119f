//! `iotda-policy`: the device contract of Huawei Cloud IoTDA as a policy component.
//!
//! ```text
//!   CONNECT ──> identify ──> (host looks the record up) ──> authenticate ──> authorize ──> grant
//!                  │                                             │               │
//!              client_id                        password / certificate    standing, topics,
//!                                                     └────> proof ────────> policy_rules
//!
//!   PUBLISH ──> inspect ──> payload ──> json, model
//!
//!   rule documents ──> configuration ──> policy_document, resource, product_document ──> model
//! ```
//!
//! Everything is a pure function over the contract's records; `component` alone holds state: the documents of its generation, set once.
//! Natively it is an ordinary library, so that every decision is tested without a host; for the wasm target it is a component that
//! imports nothing. Bounds are those of `wit/policy.wit`; nothing here panics, and everything unknown is refused.
//!
//! Read `identify`, `authenticate`, `authorize`, `payload` in this order. A new policy starts as a copy of this folder.

pub mod authenticate;
pub mod authorize;
pub mod certificate;
pub mod client_id;
mod component;
pub mod configuration;
pub mod contract;
pub mod identify;
mod json;
pub mod model;
pub mod password;
pub mod payload;
pub mod policy_document;
pub mod policy_rules;
pub mod problem;
mod product_check;
pub mod product_document;
mod product_service;
pub mod proof;
pub mod refusal;
pub mod resource;
#[cfg(test)]
mod sample;
pub mod standing;
pub mod timestamp;
pub mod topics;
