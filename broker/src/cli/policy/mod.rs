//! `iotda-broker policy …`: try a component without serving it.
//!
//! Everything runs under the limits of a broker without configuration, or those of `--limits`, and is compiled in a child process as there: a
//! component that cannot be compiled in time does not hang the terminal. Results go to stdout, errors to stderr; the exit code says which it was.

mod bench;
mod diff;
mod differences;
mod explain;
mod inspect;
mod keygen;
mod limits;
mod list;
mod loaded;
mod logged;
mod new;
mod records;
mod replay;
mod secret_key;
mod sign;
mod test;
mod watch;

use crate::policy::rejection::{COMPONENT_UNREADABLE, DOCUMENTS_UNREADABLE, Rejection};
use crate::policy::{BuiltIn, Compiler, component};
use crate::workbench::Failure;
use bench::Bench;
use clap::Subcommand;
use diff::PolicyDiff;
use explain::Explain;
use inspect::Inspect;
use keygen::Keygen;
use limits::LIMITS_INVALID;
use list::List;
use new::{NEW_FAILED, New};
use replay::Replay;
use sign::Sign;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use test::Test;
use watch::Watch;

/// All cases pass, or the component is a policy.
const OK: u8 = 0;
/// A file cannot be read, or the output cannot be written.
const FAILURE: u8 = 1;
/// A case does not come out as it should, or there is none.
const FAILING_CASE: u8 = 2;
/// The component or a document is not what it should be.
const INVALID_POLICY: u8 = 3;
/// What was asked for cannot be.
const USAGE: u8 = 64;
/// The code of that.
const USAGE_CODE: &str = "usage";

/// What can be done with a policy component.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key pair that signs components
    Keygen(Keygen),
    /// Sign a component, with its revision
    Sign(Sign),
    /// Write a small policy crate that builds and passes its cases at once
    New(New),
    /// Name the policies that this program carries
    List(List),
    /// Run table cases against a component, under production limits
    Test(Test),
    /// Show what a component is: name, version, contract, imports, exports
    Inspect(Inspect),
    /// Tell why a client may or may not do something, and what would change it
    Explain(Explain),
    /// Build, test and swap a policy crate into a running broker at each saved change
    Watch(Watch),
    /// Measure what each call of a component costs, beside the built-in policy
    Bench(Bench),
    /// Compare two policies over clients and topics
    Diff(PolicyDiff),
    /// Judge a decision log again by another component, line by line
    Replay(Replay),
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
        Command::Keygen(keygen) => keygen.run(out),
        Command::Sign(sign) => sign.run(out),
        Command::List(list) => list.run(out),
        Command::New(new) => new.run(out),
        Command::Test(test) => test.run(compiler, out),
        Command::Inspect(inspect) => inspect.run(compiler, out),
        Command::Explain(explain) => explain.run(compiler, out),
        Command::Watch(watch) => watch.run(compiler, out, errors),
        Command::Bench(bench) => bench.run(compiler, out, errors),
        Command::Diff(diff) => diff.run(compiler, out),
        Command::Replay(replay) => replay.run(compiler, out),
    };
    let told = match done {
        Ok(code) => return code,
        Err(Failed::Rejected(rejection)) => tell(errors, &rejection, exit_code(rejection.code)),
        Err(Failed::Usage(rejection)) => tell(errors, &rejection, USAGE),
        Err(Failed::Unreadable(rejection)) => tell(errors, &rejection, FAILURE),
        Err(Failed::Output(error)) => {
            writeln!(errors, "error: the result cannot be written: {error}").map(|()| FAILURE)
        }
    };
    told.unwrap_or(FAILURE)
}

fn tell(errors: &mut dyn Write, rejection: &Rejection, exit: u8) -> io::Result<u8> {
    let Rejection {
        code,
        message,
        help,
    } = rejection;
    writeln!(errors, "error: {message}\n  help: {help} ({code})").map(|()| exit)
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
    /// What was asked for cannot be.
    Usage(Rejection),
    /// A file that is no part of a policy cannot be read, or nothing can be said.
    Unreadable(Rejection),
    Output(io::Error),
}

impl Failed {
    fn unreadable(code: &'static str, message: String, help: &str) -> Self {
        Self::Unreadable(Rejection::new(code, message, help))
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fault(fault) => Self::Rejected(fault.into()),
            Failure::NoPrincipal(none) => Self::unreadable(
                "no-principal",
                none.to_string(),
                "give the client's CONNECT with what proves it as a table case: --connect-file",
            ),
        }
    }
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

/// The component that this binary serves without configuration has no file: it is named by this word, another one by this word, `:` and its name.
const BUILT_IN: &str = "built-in";

/// The policy of the binary that this stands for, if it does not stand for a file.
pub(super) fn built_in(component: &Path) -> Option<Result<&'static BuiltIn, Rejection>> {
    let text = component.to_str()?;
    if text == BUILT_IN {
        return Some(Ok(BuiltIn::default_policy()));
    }
    let name = text.strip_prefix(BUILT_IN)?.strip_prefix(':')?;
    let found = BuiltIn::named(name).ok_or_else(|| {
        Rejection::new(
            COMPONENT_UNREADABLE,
            format!("there is no built-in policy `{name}`"),
            format!("built in are {}", BuiltIn::names()),
        )
    });
    Some(found)
}

/// The bytes of a component's file, or of a built-in one.
pub(super) fn read(component: &Path) -> Result<Vec<u8>, Rejection> {
    match built_in(component) {
        Some(built_in) => Ok(built_in?.component.to_vec()),
        None => component::read(component),
    }
}
