//! What was decided, why, how a client hears of it, and the log of it.
//!
//! ```text
//!   session ── Record ──> Log ── Line (+ Claim) ──> Ring ──> entries ──> admin (GET /decisions), file
//!                          │                         │
//!                          └ share, sample           └──> case: a line as a table case of `policy test`
//! ```
//!
//! [`reason`] is the one table from causes to MQTT codes; [`record`] is one decision as it is handed over; [`log`] keeps the lines. Pure
//! but for the log's lock and file. Bounded: a record borrows what it names and lives for one call, the log by its [`Settings`].
//! Nothing here can fail a session: what cannot be kept is dropped, counted, and told as a gap.

pub mod case;
mod claim;
mod entries;
mod file;
mod level;
mod line;
mod log;
pub mod reason;
pub mod record;
mod ring;
mod sample;
mod settings;
mod share;
mod words;

pub use claim::Claim;
pub use level::Level;
pub use line::{Kept, Line};
pub use log::{Ahead, Drops, Log, StartError};
pub use reason::{Cause, Told};
pub use record::Record;
pub use sample::Sampler;
pub use settings::Settings;
pub use words::{Action, Source, Stage, Verdict};
