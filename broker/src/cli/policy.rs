//! `iotda-broker policy …`: try a component without serving it.
//!
//! Everything runs under the limits of a broker without configuration, and is compiled in a child process as there: a component that cannot be
//! compiled in time does not hang the terminal. Results go to stdout, errors to stderr; the exit code says which it was.

use crate::policy::rejection::{COMPONENT_UNREADABLE, DOCUMENTS_UNREADABLE, Rejection};
use crate::policy::{Compiler, EMBEDDED_COMPONENT, Settings, cases, component, documents, try_out};
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// All cases pass, or the component is a policy.
const OK: u8 = 0;
/// A file cannot be read, or the output cannot be written.
const FAILURE: u8 = 1;
/// A case does not come out as it should, or there is none.
const FAILING_CASE: u8 = 2;
/// The component or a document is not what it should be.
const INVALID_POLICY: u8 = 3;

/// What can be done with a policy component.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run table cases against a component, under production limits
    Test(Test),
    /// Show what a component is: name, version, contract, imports, exports
    Inspect(Inspect),
}

/// `policy test`.
#[derive(Args, Debug)]
pub struct Test {
    /// The component's file, or `built-in`
    component: PathBuf,
    /// The folder of cases, or the policy's folder with `cases/` in it
    cases: PathBuf,
    /// The folder of rule documents [default: the policy's folder]
    #[arg(long)]
    documents: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// `policy inspect`.
#[derive(Args, Debug)]
pub struct Inspect {
    /// The component's file, or `built-in`
    component: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
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
        Command::Test(test) => run_test(test, compiler, out),
        Command::Inspect(inspect) => run_inspect(inspect, compiler, out),
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
        COMPONENT_UNREADABLE | DOCUMENTS_UNREADABLE => FAILURE,
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

// --- test -------------------------------------------------------------------------------------------------------------------

fn run_test(test: &Test, compiler: &Compiler, out: &mut dyn Write) -> Result<u8, Failed> {
    let folders = Folders::find(test);
    let cases = documents::read_files(&folders.cases)?;
    let documents = documents::read_files(&folders.documents)?;
    let component = read(&test.component)?;
    let generation = try_out(&Settings::default(), compiler, &component, documents)?;
    let report = cases::run(&generation, &cases);
    if test.json {
        let summary = report.summary();
        let all = json!({ "ok": report.is_proof(), "summary": summary, "cases": report.cases });
        writeln!(out, "{all}")?;
    } else {
        for case in report.failures() {
            writeln!(out, "{case}")?;
        }
        writeln!(out, "{}", report.summary())?;
        if report.cases.is_empty() {
            let folder = folders.cases.display();
            writeln!(
                out,
                "no case proves nothing: put `*.json` files into `{folder}`"
            )?;
        }
    }
    Ok(if report.is_proof() { OK } else { FAILING_CASE })
}

struct Folders {
    cases: PathBuf,
    documents: PathBuf,
}

impl Folders {
    /// `policies/iotda` and `policies/iotda/cases` mean the same.
    fn find(test: &Test) -> Self {
        let within = test.cases.join("cases");
        let (cases, policy) = if within.is_dir() {
            (within, test.cases.clone())
        } else {
            (test.cases.clone(), parent(&test.cases))
        };
        let documents = test.documents.clone().unwrap_or(policy);
        Self { cases, documents }
    }
}

/// The folder above, also of a relative path such as `cases` or `.`.
fn parent(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.parent().map_or(absolute.clone(), Path::to_owned)
}

// --- inspect ----------------------------------------------------------------------------------------------------------------

fn run_inspect(inspect: &Inspect, compiler: &Compiler, out: &mut dyn Write) -> Result<u8, Failed> {
    let bytes = read(&inspect.component)?;
    let seen = component::inspect(&Settings::default(), compiler, &bytes)?;
    if inspect.json {
        writeln!(out, "{}", json!(seen))?;
    } else {
        print_component(&seen, out)?;
    }
    match seen.rejection {
        None => Ok(OK),
        Some(rejection) => Err(rejection.into()),
    }
}

fn print_component(seen: &component::Inspected, out: &mut dyn Write) -> io::Result<()> {
    let names = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let contract = seen.anatomy.contract.map(|version| version.to_string());
    let mut line = |label: &str, value: &str| writeln!(out, "{label:<9} {value}");
    if let Some(policy) = &seen.policy {
        line("name", &policy.name)?;
        line("version", &policy.version)?;
        line("dialect", &policy.dialect)?;
        line("summary", &policy.summary)?;
    }
    line("contract", contract.as_deref().unwrap_or("none"))?;
    line("exports", &names(&seen.anatomy.exports))?;
    line("imports", &names(&seen.anatomy.imports))?;
    line("size", &format!("{} bytes", seen.size))?;
    line("sha256", &seen.sha256)
}
