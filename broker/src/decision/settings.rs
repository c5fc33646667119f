//! What bounds the decision log; the operator may change it.

use serde::Deserialize;
use std::path::PathBuf;

/// See each field. What is beyond a limit is dropped, counted (`decision_log_drops`) and told to the reader as a gap.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// One in so many allowed decisions has a line; 0: none, 1: all. Default: 100.
    pub allowed_sample: u32,
    /// Lines in memory; the oldest goes first. Default: 10 000.
    pub memory_lines: usize,
    /// Their bytes, about. Default: 16 MiB.
    pub memory_bytes: usize,
    /// Lines in one second, all together. One client has a tenth of it, so that its flood does not drown the others. Default: 1 000.
    pub lines_max: u32,
    /// JSON lines are appended here, too, for its owner alone. Default: no file.
    pub file: Option<PathBuf>,
    /// Bytes at which the file is renamed to `FILE.1`, in place of the one before. Default: 64 MiB.
    pub file_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allowed_sample: 100,
            memory_lines: 10_000,
            memory_bytes: 16 << 20,
            lines_max: 1_000,
            file: None,
            file_max: 64 << 20,
        }
    }
}
