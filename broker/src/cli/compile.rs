//! `iotda-broker compile-component …`: not for people. The broker runs it as a child, so that a component that cannot be compiled stops nothing
//! else. No data directory, no configuration, no log: limits are arguments, the component comes from stdin, machine code goes to stdout.

use crate::policy::compiler_child::{self, Limits};
use clap::Args;
use std::process::ExitCode;

#[derive(Args)]
pub(super) struct Compile {
    /// Seconds on a core.
    #[arg(long)]
    cpu: u64,
    /// Bytes of address space.
    #[arg(long)]
    memory: u64,
    /// Bytes of wasm stack.
    #[arg(long)]
    stack: usize,
    /// Take only cores that nobody else wants.
    #[arg(long)]
    idle: bool,
}

impl Compile {
    pub(super) fn run(&self) -> ExitCode {
        let code = compiler_child::run(Limits {
            cpu: self.cpu,
            memory: self.memory,
            stack: self.stack,
            idle: self.idle,
        });
        u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
    }
}
