//! `policy list`: the policies that the binary carries.

use super::{Failed, OK};
use crate::policy::BuiltIn;
use clap::Args;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::Write;

/// `policy list`.
#[derive(Args, Debug)]
pub struct List {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(&self, out: &mut dyn Write) -> Result<u8, Failed> {
        let shown = BuiltIn::all().iter().map(|one| {
            let folder = one.folder();
            json!({
                "name": one.name,
                "size": one.component.len(),
                "sha256": crate::registry::fingerprint_hex(&Sha256::digest(one.component)),
                "documents": folder.documents.len(),
                "case_files": folder.cases.len(),
            })
        });
        let shown: Vec<_> = shown.collect();
        if self.json {
            writeln!(out, "{}", json!({ "policies": shown }))?;
            return Ok(OK);
        }
        for one in &shown {
            let name = one["name"].as_str().unwrap_or_default();
            let sha256 = one["sha256"].as_str().unwrap_or_default();
            writeln!(out, "{name:<10} {:>8} bytes  {sha256}", one["size"])?;
        }
        Ok(OK)
    }
}
