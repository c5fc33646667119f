//! Compilation in a process of its own: nothing can stop a compiler that runs inside the broker, and a component of 600 KB can keep one busy for
//! half a minute.
//!
//! The child is this same executable. It reads the component from stdin and writes machine code to stdout; environment, files and arguments
//! give it nothing else. What bounds it: time on a core, memory and time on the wall ([`Settings`]), and the size of what it
//! writes. It only gets cores that nobody else wants, so that a swap at noon is not felt; where it got none for [`compile_patience`], a second
//! one runs like any process. That a machine is busy is no fault of the component: only the time that a compiler *ran* is held against it.
//! Whatever goes wrong is a [`Rejection`] with a code of its own, and the child is dead and reaped when it is told. Where the broker itself is
//! killed meanwhile, the child ends at its own limits, or when it finds nobody to write to.
//!
//! [`compile_patience`]: Settings::compile_patience

pub mod child;
mod process;

use super::rejection::{
    COMPILE_CPU, COMPILE_FAILED, COMPILE_MEMORY, COMPILE_OUTPUT, COMPILE_TIME, COMPONENT_INVALID,
    Rejection,
};
use super::settings::Settings;
use process::{Ended, How, Job};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tracing::warn;
use wasmtime::{Config, Engine};

/// Machine code is larger than the component that it is made of: 2 to 4 times. Beyond this it is an attack on our memory.
const GROWTH_MAX: usize = 64;
/// What a small component may have on top of that.
const OUTPUT_BASE: usize = 16 << 20;

/// Where components are compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compiler {
    /// On the calling thread, where nothing bounds it: for tests and measurements.
    #[default]
    InProcess,
    /// In a child process that runs this executable, an absolute path: it must be the very build that loads the machine code.
    Child(PathBuf),
}

impl Compiler {
    /// A child of the program that runs, also where its file was replaced meanwhile.
    pub fn this_program() -> Self {
        Self::Child("/proc/self/exe".into())
    }
}

/// What a child made of a component; nothing else may become one (see `code::load`).
pub(super) struct MachineCode(Vec<u8>);

impl MachineCode {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// An engine without a clock: all that a compiler needs. Machine code is taken only by an engine that is configured alike.
pub(super) fn engine(stack_max: usize) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(stack_max)
        // Functions of a stripped component have no names, so a backtrace would only be long.
        .wasm_backtrace_max_frames(None);
    Engine::new(&config)
}

/// Not WebAssembly, or a core module.
pub(super) fn invalid(cause: &str) -> Rejection {
    Rejection::new(
        COMPONENT_INVALID,
        format!("this is no valid WebAssembly component: {cause}"),
        "give a complete file that `cargo policy` or another component tool chain wrote; a core module is not enough",
    )
}

/// Blocks until the child has ended: twice `compile_wall` at most. No patience at all means that the first child runs like any process.
pub(super) fn in_child(
    program: &Path,
    component: &[u8],
    settings: &Settings,
) -> Result<MachineCode, Rejection> {
    let run = |patience| {
        let job = job(program, component, settings, patience);
        process::run(&job).map_err(|cause| cannot_run(program, &cause))
    };
    let patience = settings.compile_patience;
    if !patience.is_zero() {
        let ended = run(Some(patience))?;
        if !matches!(ended.how, How::Starved) {
            return judge(ended, component, settings);
        }
        warn!(
            ran = ?ended.ran.unwrap_or_default(),
            ?patience,
            "all cores are busy: a component is compiled again, at normal priority"
        );
    }
    judge(run(None)?, component, settings)
}

fn job<'a>(
    program: &'a Path,
    component: &'a [u8],
    settings: &Settings,
    patience: Option<Duration>,
) -> Job<'a> {
    Job {
        program,
        component,
        limits: child::Limits {
            cpu: whole_seconds(settings.compile_cpu),
            memory: settings.compile_memory.try_into().unwrap_or(u64::MAX),
            stack: settings.stack_max,
            idle: patience.is_some(),
        },
        patience,
        wall: settings.compile_wall,
        output_max: output_max(component),
    }
}

fn whole_seconds(limit: Duration) -> u64 {
    limit.as_secs() + u64::from(limit.subsec_nanos() > 0)
}

fn output_max(component: &[u8]) -> usize {
    let grown = component.len().saturating_mul(GROWTH_MAX);
    grown.saturating_add(OUTPUT_BASE)
}

// --- how it ended -----------------------------------------------------------------------------------------------------------

/// Linux, on every machine that wasmtime compiles for.
const SIGABRT: i32 = 6;
const SIGXCPU: i32 = 24;
/// Rust's last words before it aborts for want of memory.
const OUT_OF_MEMORY: &str = "memory allocation of ";

fn judge(ended: Ended, component: &[u8], settings: &Settings) -> Result<MachineCode, Rejection> {
    let status = match ended.how {
        How::Exited(status) => status,
        How::Overflowed => return Err(too_much(output_max(component))),
        How::Starved | How::TimedOut => return Err(too_late(settings.compile_wall, ended.ran)),
    };
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(MachineCode(ended.output)),
        (Some(child::INVALID), _) => Err(invalid(&ended.words)),
        (Some(child::OUT_OF_MEMORY), _) => Err(too_big(settings.compile_memory)),
        (_, Some(SIGABRT)) if ended.words.starts_with(OUT_OF_MEMORY) => {
            Err(too_big(settings.compile_memory))
        }
        (_, Some(SIGXCPU)) => Err(too_slow(settings.compile_cpu)),
        _ => Err(died(status, &ended.words)),
    }
}

fn too_slow(limit: Duration) -> Rejection {
    let limit = Duration::from_secs(whole_seconds(limit));
    Rejection::new(
        COMPILE_CPU,
        format!("compiling the component took more than {limit:?} of a core, and was stopped"),
        "split its largest functions: one with thousands of variables takes longer than all others together; or raise `compile_cpu`",
    )
}

fn too_big(limit: usize) -> Rejection {
    Rejection::new(
        COMPILE_MEMORY,
        format!("compiling the component took more than {limit} bytes of memory, and was stopped"),
        "split its largest functions, or raise `compile_memory`",
    )
}

fn too_much(limit: usize) -> Rejection {
    Rejection::new(
        COMPILE_OUTPUT,
        format!(
            "the component's machine code has more than {limit} bytes, {GROWTH_MAX} times the component's own and {OUTPUT_BASE}"
        ),
        "build the component for size; no compiler of policies writes such code",
    )
}

fn too_late(limit: Duration, ran: Option<Duration>) -> Rejection {
    let ran = ran.map_or_else(String::new, |ran| {
        format!(": the compiler had {ran:?} of a core")
    });
    Rejection::new(
        COMPILE_TIME,
        format!("the component was not compiled within {limit:?}{ran}"),
        "this says nothing about the component: offer it again when the machine is less busy, or raise `compile_wall`",
    )
}

fn died(status: ExitStatus, words: &str) -> Rejection {
    let words = match words {
        "" => String::new(),
        words => format!(": {words}"),
    };
    Rejection::new(
        COMPILE_FAILED,
        format!("the process that compiled the component ended by {status}{words}"),
        "offer the component again; `SIGKILL` often means that the machine has no memory left (see its kernel log)",
    )
}

fn cannot_run(program: &Path, cause: &std::io::Error) -> Rejection {
    Rejection::new(
        COMPILE_FAILED,
        format!(
            "the process that compiles components cannot be run: `{}`: {cause}",
            program.display()
        ),
        "this is not the component's fault: check that /proc is mounted and that the broker may start processes",
    )
}
