//! What runs in the child: takes on its limits, reads a component, compiles it on its one thread, writes machine code, ends.
//!
//! It opens no file, and knows no configuration, registry or log. The exit code says how it ended; words for people go to stderr.

use super::engine;
use crate::policy::rejection::one_line;
use rlimit::Resource;
use std::io::{self, Read, Write};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use wasmtime::CodeBuilder;

/// The hidden verb of the command line.
pub const VERB: &str = "compile-component";

/// Exit code: the bytes are no component; stderr says why.
pub(super) const INVALID: i32 = 3;
/// Exit code: the memory limit was met.
pub(super) const OUT_OF_MEMORY: i32 = 4;
/// Exit code: anything else.
const FAILURE: i32 = 1;

/// What the parent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Seconds on a core.
    pub cpu: u64,
    /// Bytes of address space.
    pub memory: u64,
    /// The engine's `stack_max`, bytes.
    pub stack: usize,
    /// Take only cores that nobody else wants.
    pub idle: bool,
}

impl Limits {
    /// As they stand on the command line.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--cpu={}", self.cpu),
            format!("--memory={}", self.memory),
            format!("--stack={}", self.stack),
        ];
        if self.idle {
            arguments.push("--idle".into());
        }
        arguments
    }
}

/// Compiles stdin to stdout; returns the exit code.
pub fn run(limits: Limits) -> i32 {
    let (code, words) = match compile(limits) {
        Ok(()) => return 0,
        Err(Failed::Component(error)) if error.is::<wasmtime::OutOfMemory>() => {
            (OUT_OF_MEMORY, one_line(&error))
        }
        Err(Failed::Component(error)) => (INVALID, one_line(&error)),
        Err(Failed::Engine(error)) => (FAILURE, one_line(&error)),
        Err(Failed::System(what, error)) => (FAILURE, format!("{what}: {error}")),
    };
    // A parent that is gone reads nothing.
    drop(writeln!(io::stderr(), "{words}"));
    code
}

enum Failed {
    Component(wasmtime::Error),
    Engine(wasmtime::Error),
    System(&'static str, io::Error),
}

fn compile(limits: Limits) -> Result<(), Failed> {
    let failed = |what| move |error| Failed::System(what, error);
    confine(limits).map_err(failed("a limit cannot be set"))?;
    let mut component = Vec::new();
    io::stdin()
        .read_to_end(&mut component)
        .map_err(failed("the component cannot be read"))?;
    let engine = engine(limits.stack).map_err(Failed::Engine)?;
    let machine_code = CodeBuilder::new(&engine)
        .wasm_binary(&component, None)
        .and_then(|builder| builder.compile_component_serialized())
        .map_err(Failed::Component)?;
    let mut out = io::stdout();
    out.write_all(&machine_code)
        .and_then(|()| out.flush())
        .map_err(failed("the machine code cannot be written"))
}

fn confine(limits: Limits) -> io::Result<()> {
    // At the first the kernel sends SIGXCPU, which ends us and says why; a second later SIGKILL.
    limit(Resource::CPU, limits.cpu, limits.cpu.saturating_add(1))?;
    limit(Resource::AS, limits.memory, limits.memory)?;
    limit(Resource::CORE, 0, 0)?;
    if limits.idle {
        give_way();
    }
    Ok(())
}

/// Those that the process was born with may be stricter: they cannot be raised, and stay.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let most = resource.get_hard()?;
    resource.set(soft.min(most), hard.min(most))
}

/// `SCHED_IDLE`. Measured: the p99 of other calls during a compilation is 0.3 ms with it, and 1.5 ms at nice 19 (facts: wasm).
fn give_way() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // A sandbox may forbid it: then the compiler is a process like others. The crate also sets the nice value, which counts for nothing
    // under this policy and fails where it was raised for the broker.
    drop(set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        idle,
    ));
}
