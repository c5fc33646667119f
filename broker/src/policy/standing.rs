//! What outlives the process beside the generations themselves. Pure: as it is stored.

use super::history::History;
use super::life::Made;
use serde::{Deserialize, Serialize};

/// What was in force, and how it came to be, as of the last change.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    /// What is in force.
    pub(super) made: Option<Made>,
    /// Its revision.
    pub(super) revision: u64,
    /// The files that were overruled by an upload or a rollback: they count again once they change.
    pub(super) overruled: Overruled,
    /// The highest signed revision that was in force, and the digest of that component.
    pub(super) signed: Option<(u64, String)>,
    /// An operator has shut everything.
    pub(super) denies_all: bool,
    pub(super) history: History,
}

/// Digests of files that are not in force though they are there.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Overruled {
    pub(super) component: Option<String>,
    pub(super) rules: Option<String>,
}
