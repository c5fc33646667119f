//! `policy inspect`: what a component is, without serving it.
//!
//! What cannot be a policy is shown as far as it can be read, then refused with exit code 3.

use super::limits::Limits;
use super::{Failed, OK, read};
use crate::policy::{Compiler, component};
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;

/// `policy inspect`.
#[derive(Args, Debug)]
pub struct Inspect {
    /// The component's file, or `built-in`
    component: PathBuf,
    #[command(flatten)]
    limits: Limits,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(&self, compiler: &Compiler, out: &mut dyn Write) -> Result<u8, Failed> {
        let settings = self.limits.settings()?;
        let bytes = read(&self.component)?;
        let seen = component::inspect(&settings, compiler, &bytes)?;
        if self.json {
            writeln!(out, "{}", json!(seen))?;
        } else {
            print_component(&seen, out)?;
        }
        match seen.rejection {
            None => Ok(OK),
            Some(rejection) => Err(rejection.into()),
        }
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
