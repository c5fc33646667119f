//! `iotda-broker`: an MQTT broker whose rules are a WebAssembly component.
//!
//! Rooms, in the direction in which data flows (nothing points back):
//!
//! ```text
//!   cli ─ config ─┐
//!                 v
//!   listener ─ tls ─> session ──> policy ──> grant        (who may connect, what may it do)
//!                        │           ^
//!                        │           └──── registry       (clients, products, authorities; change feed)
//!                        v
//!                      engine ──> rumqttd                 (routes accepted messages; knows no client)
//!                        │
//!                        └──> decision, metrics, admin    (what was decided and why)
//! ```
//!
//! Read `contract` first, then `session::connect`, then `session::live`.

pub mod admin;
pub mod cli;
pub mod config;
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
