//! What every case says of itself, whatever it is run against.

use serde::{Deserialize, Serialize};

/// How binding the rule is that a case proves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Documented, or what real devices rely on.
    #[default]
    Must,
    /// What a good implementation does.
    Should,
    /// Allowed either way; what we do.
    May,
}

/// Name and origin of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// The file that it stands in, without its folder.
    pub file: String,
    /// Unique in its file.
    pub name: String,
    /// How binding the rule is.
    pub level: Level,
    /// Rows of `CONTRACT.md` that it proves, such as `C3`.
    pub rows: Vec<String>,
    /// The vendor's page or the specification's clause that the rule comes from.
    pub source: String,
    /// Why it matters: what goes wrong in the field where it fails.
    pub why: String,
}
