//! The policy host: wasmtime, generations, swap, calls.
//!
//! ```text
//!   source ─> watch ──┐                 signature, compile (child process)
//!                     v                    v
//!   admin ─────> swap: desk ─> ladder: verify, compile, configure, test ─> in force (one pointer) ─> sessions
//!                  │    ^                                  │                  │
//!   operate ───────┘    └── supervise: probation, trial    └─> shadow         └─> generation ─> pool ─> instance ─> limits
//!                  book: history of lives;  shelf: what outlives the process
//! ```
//!
//! A CONNECT takes one [`Generation`] and makes all its calls on it; a session never mixes two. What bounds a component is in [`Settings`]; what it does
//! wrong is a [`Fault`] in a call and a [`Rejection`] before it is active, and neither is ever a denial or an allowance.

mod anatomy;
mod blocking;
mod book;
mod bounds;
mod candidate;
pub mod cases;
mod code;
mod compile;
pub mod component;
mod costs;
mod counts;
mod desk;
pub mod documents;
mod embedded;
mod fault;
mod generation;
mod history;
mod in_force;
mod instance;
mod ladder;
mod life;
mod limits;
mod offline;
mod open;
mod operate;
mod pool;
pub mod rejection;
mod rollout;
mod settings;
pub mod shadow;
mod shelf;
mod signature;
pub mod source;
mod standing;
mod stopwatch;
mod supervise;
mod swap;
mod ticker;
mod trial;
mod turns;
pub mod watch;

pub use anatomy::{Anatomy, ContractVersion};
pub use blocking::Blocking;
pub use candidate::{Candidate, ComponentFile};
pub use cases::CaseFile;
pub use compile::{Compiler, child as compiler_child};
pub use costs::time_compile;
pub use counts::Counts;
pub use desk::Offer;
pub use embedded::BuiltIn;
pub use fault::Fault;
pub use generation::Generation;
pub use history::History;
pub use in_force::InForce;
pub use life::{Life, Made, Origin, State, Step, Told};
pub use offline::try_out_as;
pub use rejection::Rejection;
pub use rollout::{LiveSessions, Rollout, Stage};
pub use settings::Settings;
pub use shadow::Shadow;
pub use shelf::Shelf;
pub use signature::{
    Pin, PublicKey, Seal, Trust, decode_base64, decode_signature, key_id, public_key,
};
pub use source::Source;
pub use supervise::{Supervision, supervise};
pub use swap::{Opening, Outcome, Policy, try_out};
