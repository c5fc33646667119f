//! What bounds a component: the operator may change it, the defaults are those of `wit/policy.wit`.

use serde::Deserialize;
use std::time::Duration;

/// Limits of calls and values.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long one call may take.
    #[serde(with = "humantime_serde")]
    pub call_deadline: Duration,
    /// How long instantiation and `configure` may take, each.
    #[serde(with = "humantime_serde")]
    pub configure_deadline: Duration,
    /// How long a call waits for a free instance before it is a fault.
    #[serde(with = "humantime_serde")]
    pub wait_max: Duration,
    /// Instances of one generation, and so its calls at the same time. 0: one per core.
    pub instances_max: usize,
    /// Bytes of linear memory of one instance, all its memories together.
    pub memory_max: usize,
    /// Elements of the tables of one instance, all together.
    pub table_max: usize,
    /// Bytes of wasm stack.
    pub stack_max: usize,
    /// Bytes that one call may return: what a payload replaced by `inspect` needs, and more than the largest grant.
    pub returned_max: usize,
    /// Bytes of a component. A Rust policy has some 300 KiB; Python and JavaScript ones need 20 MiB, and more memory.
    pub component_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            call_deadline: Duration::from_millis(10),
            configure_deadline: Duration::from_millis(500),
            wait_max: Duration::from_secs(1),
            instances_max: 0,
            memory_max: 16 << 20,
            table_max: 100_000,
            stack_max: 512 << 10,
            returned_max: 2 << 20,
            component_max: 4 << 20,
        }
    }
}

impl Settings {
    /// Instances of one generation, resolved.
    pub(super) fn instances(&self) -> usize {
        match self.instances_max {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            set => set,
        }
    }
}
