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
    /// Time on a core that the compiler of one component may take; the kernel counts whole seconds, so it is rounded up. A Rust policy takes
    /// some 300 ms, a Python one 12 s.
    #[serde(with = "humantime_serde")]
    pub compile_cpu: Duration,
    /// Bytes of address space of the compiler's process, its program included.
    pub compile_memory: usize,
    /// How long the compiler, which takes only cores that nobody else wants, may be without any before it is started again as one among others.
    #[serde(with = "humantime_serde")]
    pub compile_patience: Duration,
    /// How long a compiler may take on the wall: each of the two.
    #[serde(with = "humantime_serde")]
    pub compile_wall: Duration,
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
            compile_cpu: Duration::from_secs(10),
            compile_memory: 512 << 20,
            compile_patience: Duration::from_secs(5),
            compile_wall: Duration::from_mins(1),
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

    /// For a compilation that somebody waits for, and that takes a core from nobody who is served: it is one among others from the start.
    pub(super) fn in_haste(&self) -> Self {
        Self {
            compile_patience: Duration::ZERO,
            ..self.clone()
        }
    }
}
