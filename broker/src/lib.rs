//! `iotda-broker`: an MQTT broker whose rules are a WebAssembly component.
//!
//! Rooms, in the direction in which data flows (nothing points back):
//!
//! ```text
//!   cli ── config                                          entry and verbs; file + environment + flags -> final types
//!    │
//!    ├─> admin                                             HTTP: health, metrics, policy, sessions, decisions, the vendor's calls
//!    v     │
//!   listener ──> session ──> policy ──> grant              who may connect; what may it do, message by message
//!      │            │   │
//!      └──> tls <───┘   ├──> engine ──> rumqttd            routes accepted messages; knows no client
//!            │          v
//!            └──> registry                                 clients, products, authorities, applications; change feed
//!
//!   conformance                                            the harness: cases against a component or any broker
//!   workbench                                              what a policy decides and why, told and compared without a broker
//!   decision, metrics                                      what was decided, why, how the client hears of it, the log of it; counters
//!   contract                                               the records of wit/policy.wit: every room speaks in them
//! ```
//!
//! From `session` to `engine` each policy has rooms of its own: clients of two policies never meet.
//!
//! Read [`contract`] first, then [`session::connect`], then `session::live`. Each room's header says what bounds it and what happens on
//! failure; the engine's and the registry's say what is kept where.

pub mod admin;
pub mod cli;
pub mod config;
pub mod conformance;
pub mod contract;
pub mod decision;
pub mod engine;
pub mod grant;
pub mod listener;
pub mod metrics;
pub mod policy;
pub mod registry;
pub mod session;
pub mod tls;
pub mod workbench;
