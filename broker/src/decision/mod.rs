//! What was decided, why, and how a client hears of it.
//!
//! [`reason`] is the one table from causes to MQTT codes; [`record`] is the line that is logged for a decision. Both are pure but for
//! the log call. Bounded: a record borrows what it names and lives for one call. Nothing here can fail.

mod level;
pub mod reason;
pub mod record;

pub use level::Level;
pub use reason::{Cause, Told};
pub use record::{Action, Record, Verdict};
