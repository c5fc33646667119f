//! The policy host: wasmtime, generations, swap, calls.
//!
//! ```text
//!   source ─> swap: code ─> instance ─> generation ─> cases ─> active ─> revisions (watch)
//!     ^               │                                          │
//!   watch             └─> compile (a child process)              │
//!                                             session ── calls ──┘ pool ─> instance ─> limits
//! ```
//!
//! A CONNECT takes one [`Generation`] and makes all its calls on it; a session never mixes two. What bounds a component is in [`Settings`]; what it does
//! wrong is a [`Fault`] in a call and a [`Rejection`] before it is active, and neither is ever a denial or an allowance.

mod anatomy;
mod blocking;
mod bounds;
pub mod cases;
mod code;
mod compile;
pub mod component;
pub mod documents;
mod embedded;
mod fault;
mod generation;
mod instance;
mod limits;
mod pool;
pub mod rejection;
mod settings;
pub mod source;
mod stopwatch;
mod swap;
mod ticker;
pub mod watch;

pub use anatomy::{Anatomy, ContractVersion};
pub use blocking::Blocking;
pub use cases::CaseFile;
pub use compile::{Compiler, child as compiler_child};
pub use embedded::COMPONENT as EMBEDDED_COMPONENT;
pub use fault::Fault;
pub use generation::Generation;
pub use rejection::Rejection;
pub use settings::Settings;
pub use source::Source;
pub use swap::{Candidate, Policy, try_out};
