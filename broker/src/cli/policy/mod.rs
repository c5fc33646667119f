//! `iotda-broker policy …`: try a component without serving it.
//!
//! Everything runs under the limits of a broker without configuration, or those of `--limits`, and is compiled in a child process as there: a
//! component that cannot be compiled in time does not hang the terminal. Results go to stdout, errors to stderr; the exit code says which it was.

mod inspect;
mod limits;
mod new;
mod test;

use crate::policy::rejection::{COMPONENT_UNREADABLE, DOCUMENTS_UNREADABLE, Rejection};
use crate::policy::{Compiler, EMBEDDED_COMPONENT, component};
use clap::Subcommand;
use inspect::Inspect;
use limits::LIMITS_INVALID;
use new::{NEW_FAILED, New};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use test::Test;

/// All cases pass, or the component is a policy.
const OK: u8 = 0;
/// A file cannot be read, or the output cannot be written.
const FAILURE: u8 = 1;
/// A case does not come out as it should, or there is none.
const FAILING_CASE: u8 = 2;
/// The component or a document is not what it should be.
const INVALID_POLICY: u8 = 3;
/// A flag's value cannot be used.
const USAGE: u8 = 64;
/// The code of that.
const USAGE_CODE: &str = "usage";

/// What can be done with a policy component.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a small policy crate that builds and passes its cases at once
    New(New),
    /// Run table cases against a component, under production limits
    Test(Test),
    /// Show what a component is: name, version, contract, imports, exports
    Inspect(Inspect),
}

/// Runs the verb and prints what it finds.
pub fn run(command: &Command) -> ExitCode {
    let (mut out, mut errors) = (io::stdout().lock(), io::stderr().lock());
    let compiler = Compiler::this_program();
    ExitCode::from(execute(command, &compiler, &mut out, &mut errors))
}

/// [`run`] with its compiler and its output where the caller wants them; returns the exit code.
pub fn execute(
    command: &Command,
    compiler: &Compiler,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    let done = match command {
        Command::Test(test) => test.run(compiler, out),
        Command::Inspect(inspect) => inspect.run(compiler, out),
        Command::New(new) => new.run(out),
    };
    let told = match done {
        Ok(code) => return code,
        Err(Failed::Rejected(Rejection {
            code,
            message,
            help,
        })) => {
            let exit = exit_code(code);
            writeln!(errors, "error: {message}\n  help: {help} ({code})").map(|()| exit)
        }
        Err(Failed::Output(error)) => {
            writeln!(errors, "error: the result cannot be written: {error}").map(|()| FAILURE)
        }
    };
    told.unwrap_or(FAILURE)
}

/// What the shell is told of a component or documents that are rejected with this code.
pub(super) fn exit_code(code: &str) -> u8 {
    match code {
        COMPONENT_UNREADABLE | DOCUMENTS_UNREADABLE | NEW_FAILED => FAILURE,
        LIMITS_INVALID | USAGE_CODE => USAGE,
        _ => INVALID_POLICY,
    }
}

enum Failed {
    Rejected(Rejection),
    Output(io::Error),
}

impl From<Rejection> for Failed {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The component that this binary serves without configuration has no file: it is named by this word.
const BUILT_IN: &str = "built-in";

/// The bytes of a component's file, or of the built-in one.
pub(super) fn read(component: &Path) -> Result<Vec<u8>, Rejection> {
    if component == Path::new(BUILT_IN) {
        Ok(EMBEDDED_COMPONENT.to_vec())
    } else {
        component::read(component)
    }
}
