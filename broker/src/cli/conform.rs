//! `iotda-broker conform …`: run the conformance cases against a broker or a component.
//!
//! Results go to stdout, errors to stderr. The exit code says which it was: 0 all pass, 1 nothing could be run or written, 2 a case fails, cannot
//! be read or run, or none has passed, 3 the component is no policy, 64 bad usage, identities or endpoint. What is skipped is told with its reason.
//! A run of all the binary's cases also tells whether each row of the contract has a case.

mod component;

use super::error::USAGE;
use crate::conformance::identities::{self, Unusable};
use crate::conformance::wire::{self, Endpoint, NotRun};
use crate::conformance::{
    self, About, CaseResult, Level, Outcome, Report, Selection, contract, junit, people,
};
use crate::policy::{BuiltIn, Rejection};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const OK: u8 = 0;
const FAILURE: u8 = 1;
const FAILING_CASE: u8 = 2;

/// The longest that one answer may be waited for, in seconds.
const PATIENCE_MAX: f64 = 60.0;

/// `conform`.
#[derive(Args, Debug)]
pub struct Conform {
    /// The broker to try: `mqtts://host:port` or `mqtt://host:port`
    #[arg(
        long,
        value_name = "URL",
        required_unless_present_any = ["list", "component"],
        requires = "identities"
    )]
    endpoint: Option<Endpoint>,
    /// The component to try: a file, `built-in`, or `built-in:NAME`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["endpoint", "identities"])]
    component: Option<PathBuf>,
    /// Whose contract to hold it to, by the name of a built-in policy [default: that of `built-in:NAME`, else the default policy's]
    #[arg(long, value_name = "NAME")]
    contract: Option<String>,
    /// The folder of rule documents for the component [default: those in the binary]
    #[arg(long, value_name = "DIR", requires = "component")]
    documents: Option<PathBuf>,
    /// Whom to connect as (TOML): `serve --demo` writes one to `data/demo/identities.toml`
    #[arg(long, value_name = "FILE")]
    identities: Option<PathBuf>,
    /// Run the cases of this folder instead of those in the binary: `*.toml` for a broker, `*.json` for a component
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Run only cases with this text in their file, name, source or rows
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Run only what binds at least so much
    #[arg(long, value_enum, default_value_t = AskedLevel::Should)]
    level: AskedLevel,
    /// List the cases and run none
    #[arg(long)]
    list: bool,
    /// Write the results as JUnit XML, too; `-` is stdout, instead of the report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Verify the server with this (PEM), instead of what the identities say
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// How long to wait for each answer, such as `500ms` or `2s`
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = patience)]
    timeout: Duration,
}

/// [`Level`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AskedLevel {
    /// What is documented, or what real devices rely on
    Must,
    /// And what a good broker does
    Should,
    /// And what may be either way
    May,
}

fn patience(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.trim().parse::<f64>().map(|number| number * unit);
    match seconds {
        Ok(seconds) if seconds > 0.0 && seconds <= PATIENCE_MAX => {
            Ok(Duration::from_secs_f64(seconds))
        }
        Ok(_) => Err(format!(
            "it must be more than 0 and at most {PATIENCE_MAX} s"
        )),
        Err(_) => Err("write it like `500ms` or `2s`".into()),
    }
}

/// Runs the verb and prints what it finds.
pub fn run(conform: &Conform, json: bool) -> ExitCode {
    let (mut out, mut errors) = (io::stdout().lock(), io::stderr().lock());
    ExitCode::from(execute(conform, json, &mut out, &mut errors))
}

/// [`run`] with its output where the caller wants it; returns the exit code.
pub fn execute(conform: &Conform, json: bool, out: &mut dyn Write, errors: &mut dyn Write) -> u8 {
    let done = match &conform.component {
        _ if conform.list => list(conform, json, out),
        Some(file) => {
            component::run(conform, file).and_then(|report| told(conform, report, json, out))
        }
        None => on_the_wire(conform, json, out),
    };
    done.unwrap_or_else(|failed| {
        // A closed stream changes nothing.
        let _ = writeln!(errors, "error: {failed}");
        failed.exit_code()
    })
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Identities(#[from] Unusable),
    #[error(transparent)]
    NotRun(#[from] NotRun),
    #[error("the cases in `{}` cannot be read: {cause}", folder.display())]
    Cases { folder: PathBuf, cause: io::Error },
    #[error("the result cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error("the harness cannot start: {0}")]
    Start(io::Error),
    #[error("the results cannot be written to `{}`: {cause}", file.display())]
    Junit { file: PathBuf, cause: io::Error },
    #[error(
        "there is nothing to try: name a broker with --endpoint and --identities, or a component with --component"
    )]
    Nothing,
    #[error("there is no contract `{name}`: built in are {}", BuiltIn::names())]
    Contract { name: String },
    #[error("{}\n  help: {} ({})", .0.message, .0.help, .0.code)]
    Rejected(#[from] Rejection),
}

impl Failed {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Identities(Unusable::Wrong { .. })
            | Self::NotRun(NotRun::Tls { .. })
            | Self::Nothing
            | Self::Contract { .. } => USAGE,
            Self::Rejected(rejection) => super::policy::exit_code(rejection.code),
            _ => FAILURE,
        }
    }
}

impl Conform {
    fn selection(&self) -> Selection {
        Selection {
            level: match self.level {
                AskedLevel::Must => Level::Must,
                AskedLevel::Should => Level::Should,
                AskedLevel::May => Level::May,
            },
            filter: self.filter.clone(),
        }
    }

    /// Whose cases and documents are meant, where none are named.
    fn policy(&self) -> Result<&'static BuiltIn, Failed> {
        if let Some(name) = &self.contract {
            let named = BuiltIn::named(name);
            return named.ok_or_else(|| Failed::Contract { name: name.clone() });
        }
        match self.component.as_deref().and_then(super::policy::built_in) {
            Some(built_in) => Ok(built_in?),
            None => Ok(BuiltIn::default_policy()),
        }
    }

    fn files(&self) -> Result<Vec<(String, String)>, Failed> {
        match &self.cases {
            None => Ok(wire::embedded(self.policy()?).collect()),
            Some(folder) => read(folder).map_err(|cause| Failed::Cases {
                folder: folder.clone(),
                cause,
            }),
        }
    }
}

/// The cases of a folder, by name.
fn read(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "toml") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let named =
                |error: io::Error| io::Error::new(error.kind(), format!("`{name}`: {error}"));
            files.push((
                name.clone().into_owned(),
                std::fs::read_to_string(&path).map_err(named)?,
            ));
        }
    }
    files.sort();
    Ok(files)
}

// --- list -------------------------------------------------------------------------------------------------------------------

fn list(conform: &Conform, json: bool, out: &mut dyn Write) -> Result<u8, Failed> {
    let mut listed = Vec::new();
    if conform.component.is_none() {
        listed.extend(wire::list(&conform.files()?, &conform.selection()));
    }
    if conform.endpoint.is_none() {
        listed.extend(component::list(conform)?);
    }
    let broken = listed
        .iter()
        .any(|case| matches!(case.outcome, Outcome::Error { .. }));
    if json {
        let about: Vec<_> = listed.iter().map(|case| &case.about).collect();
        writeln!(out, "{}", json!({ "cases": about }))?;
    } else {
        for case in &listed {
            print_listed(case, out)?;
        }
        writeln!(out, "{} cases", listed.len())?;
    }
    Ok(if broken || listed.is_empty() {
        FAILING_CASE
    } else {
        OK
    })
}

fn print_listed(case: &CaseResult, out: &mut dyn Write) -> io::Result<()> {
    let About {
        file,
        name,
        level,
        rows,
        source,
        ..
    } = &case.about;
    if let Outcome::Error { cause } = &case.outcome {
        return writeln!(out, "ERROR {file}: {name}: {cause}");
    }
    let level = match level {
        Level::Must => "must",
        Level::Should => "should",
        Level::May => "may",
    };
    let rows = if rows.is_empty() {
        String::new()
    } else {
        format!(" [{}]", rows.join(", "))
    };
    writeln!(out, "{level:<6} {file}: {name}{rows} ({source})")
}

// --- run --------------------------------------------------------------------------------------------------------------------

fn on_the_wire(conform: &Conform, json: bool, out: &mut dyn Write) -> Result<u8, Failed> {
    let (Some(endpoint), Some(file)) = (&conform.endpoint, &conform.identities) else {
        return Err(Failed::Nothing);
    };
    let files = conform.files()?;
    let identities = identities::read(file)?;
    let settings = wire::Settings {
        endpoint: endpoint.clone(),
        ca: conform.ca.clone(),
        patience: conform.timeout,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let selection = conform.selection();
    let run = wire::run(&settings, &identities, &files, &selection);
    let report = runtime
        .map_err(Failed::Start)?
        .block_on(run)
        .map_err(Failed::from)?;
    told(conform, report, json, out)
}

/// Prints what came out, with the coverage of the contract where all the binary's cases were asked for.
fn told(
    conform: &Conform,
    mut report: Report,
    json: bool,
    out: &mut dyn Write,
) -> Result<u8, Failed> {
    if conform.cases.is_none() && conform.filter.is_none() {
        report.cases.extend(coverage(conform.policy()?));
    }
    write(&report, conform.junit.as_deref(), json, out)?;
    Ok(if report.is_proof() { OK } else { FAILING_CASE })
}

fn coverage(policy: &BuiltIn) -> Vec<CaseResult> {
    let all = Selection {
        level: Level::May,
        filter: None,
    };
    let files: Vec<_> = wire::embedded(policy).collect();
    let wire = wire::list(&files, &all).into_iter().map(|case| case.about);
    let component = conformance::component::list(&policy.folder().cases);
    let cases: Vec<About> = wire.chain(component).collect();
    contract::coverage(policy.contract, &cases)
}

fn write(
    report: &Report,
    junit: Option<&Path>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    if let Some(file) = junit {
        let document = junit::document(report);
        if file == Path::new("-") {
            return Ok(write!(out, "{document}")?);
        }
        std::fs::write(file, document).map_err(|cause| Failed::Junit {
            file: file.to_owned(),
            cause,
        })?;
    }
    if json {
        let counts = report.counts();
        let all = json!({ "ok": report.is_proof(), "target": report.target, "summary": report.summary(), "counts": counts, "cases": report.cases });
        return Ok(writeln!(out, "{all}")?);
    }
    Ok(people::write(report, out)?)
}
