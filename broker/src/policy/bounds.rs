//! What one instance may take: memory, tables, parts, time.

use super::settings::Settings;
use super::stopwatch::Stopwatch;
use wasmtime::ResourceLimiter;

/// Core instances, memories and tables of one component. A Rust policy has three instances, a Python one some twenty.
const PARTS_MAX: usize = 200;

/// What an instance has taken, of what it may take.
pub(crate) struct Bounds {
    memory: usize,
    pub(super) memory_max: usize,
    table: usize,
    table_max: usize,
    /// It asked for more memory than is left: a trap that follows has this as its cause.
    pub(super) memory_refused: bool,
    pub(super) stopwatch: Stopwatch,
}

impl Bounds {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            memory: 0,
            memory_max: settings.memory_max,
            table: 0,
            table_max: settings.table_max,
            memory_refused: false,
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
        let wanted = self.memory.saturating_add(desired.saturating_sub(current));
        if wanted > self.memory_max {
            self.memory_refused = true;
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
        let wanted = self.table.saturating_add(desired.saturating_sub(current));
        let granted = wanted <= self.table_max;
        if granted {
            self.table = wanted;
        }
        Ok(granted)
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
