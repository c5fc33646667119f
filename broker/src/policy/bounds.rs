//! What one instance may take: memory, tables, parts, time.

use super::settings::Settings;
use super::stopwatch::Stopwatch;
use wasmtime::ResourceLimiter;

/// Core instances, memories and tables of one component. A Rust policy has three instances, a Python one some twenty.
pub(super) const PARTS_MAX: usize = 200;

/// What an instance has taken, of what it may take.
pub(crate) struct Bounds {
    memory: usize,
    memory_max: usize,
    table: usize,
    table_max: usize,
    pub(super) stack_max: usize,
    pub(super) returned_max: usize,
    /// What it asked for in this call and did not get: a trap that follows has this as its cause.
    pub(super) refused: Option<Refused>,
    pub(super) stopwatch: Stopwatch,
}

/// More than is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Bytes.
    Memory { wanted: usize, limit: usize },
    /// Elements.
    Table { wanted: usize, limit: usize },
}

impl Bounds {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            memory: 0,
            memory_max: settings.memory_max,
            table: 0,
            table_max: settings.table_max,
            stack_max: settings.stack_max,
            returned_max: settings.returned_max,
            refused: None,
            stopwatch: Stopwatch::start(settings.call_deadline),
        }
    }
}

/// Counts all memories and all tables together: a component may have many.
impl ResourceLimiter for Bounds {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let (wanted, limit) = (
            self.memory.saturating_add(desired.saturating_sub(current)),
            self.memory_max,
        );
        if wanted > limit {
            self.refused = Some(Refused::Memory { wanted, limit });
            return Ok(false);
        }
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let (wanted, limit) = (
            self.table.saturating_add(desired.saturating_sub(current)),
            self.table_max,
        );
        if wanted > limit {
            self.refused = Some(Refused::Table { wanted, limit });
            return Ok(false);
        }
        self.table = wanted;
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }
}
