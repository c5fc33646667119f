//! The conformance harness: does a component decide, or a broker behave, as the contract says? Cases are data; this room runs and reports them.
//!
//! ```text
//!   cases (JSON, TOML) ─> select ─> component: on policy::cases      ─┐
//!                                   wire: on any MQTT endpoint        ├─> report ─> people, JSON, JUnit
//!   CONTRACT.md's rows ─> coverage: a row without a case fails       ─┘
//! ```
//!
//! Bounds: every wait of a case has a time-out, and a case ends whatever the other side does. A case that cannot be read or run is an
//! error, never a pass; one that lacks an identity is skipped with its reason.
//!
//! How to write a wire case: `README.md` beside this file. The MQTT cases are in `mqtt/`, those of the device contract in `plugin/iotda/wire`.

pub mod component;
pub mod contract;
pub mod identities;
pub mod junit;
pub mod people;
mod report;
mod select;
pub mod wire;

pub use crate::policy::cases::{About, Level};
pub use report::{CaseResult, Counts, Outcome, Report};
pub use select::Selection;
