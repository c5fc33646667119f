//! `aliyun-policy`: the device contract of Alibaba Cloud `IoT` Platform as a policy component.
//!
//! ```text
//!   CONNECT ──> identify ──> (host looks the record up) ──> authenticate ──> authorize ──> grant
//!                  │                                             │               │
//!          client_id, names                       certificate / signature    standing, system_topics,
//!                                                     └────> proof ────────> custom_topics, applications
//!
//!   rule documents ──> configuration ──> product_document, application_document ──> written, problem
//! ```
//!
//! A device with a certificate need not know its own name: (authority, serial) is its identity, and the name is its greeting. Everything is a
//! pure function over the contract's records; `component` alone holds state: the documents of its generation, set once. Natively it is an
//! ordinary library; for the wasm target it is a component that imports nothing. Bounds are those of `wit/policy.wit`; nothing here panics, and
//! everything unknown is refused. The rules stand in `CONTRACT.md`, a row each.
//!
//! Read `identify`, `authenticate`, `authorize` in this order.

pub mod application_document;
pub mod applications;
pub mod authenticate;
pub mod authorize;
pub mod certificate;
pub mod client_id;
mod component;
pub mod configuration;
pub mod contract;
pub mod custom_topics;
pub mod identify;
pub mod names;
pub mod problem;
pub mod product_document;
pub mod proof;
pub mod refusal;
mod rule;
#[cfg(test)]
mod sample;
pub mod signature;
pub mod standing;
pub mod system_topics;
mod written;
