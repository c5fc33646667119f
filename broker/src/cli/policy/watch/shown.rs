//! A round within a screen: cargo's first 40 lines, the first 20 failing cases. What came of it goes to stdout, what is wrong to stderr.

use super::told::{InForce, Round, Trouble};
use std::io::{self, Write};

const OUTPUT_LINES: usize = 40;
const CASE_LINES: usize = 20;
/// Enough of a digest to tell two apart by eye.
const DIGEST: usize = 12;

pub(super) fn show(round: &Round, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "round {}: {} changed",
        round.number,
        round.changed.join(" and ")
    )?;
    match &round.build {
        Some(build) => {
            writeln!(
                out,
                "  built     {} in {:.2} s, {} KiB",
                build.package,
                build.seconds,
                build.size.div_ceil(1024)
            )?;
        }
        None if round.cases.is_some() => {
            writeln!(out, "  built     nothing, the source is the same")?;
        }
        None => {}
    }
    if let Some(cases) = &round.cases {
        writeln!(
            out,
            "  tested    {} in {:.2} s",
            cases.summary, cases.seconds
        )?;
    }
    if let Some(in_force) = &round.broker {
        show_in_force(in_force, out)?;
    } else if round.error.is_none() {
        writeln!(out, "  in force  nothing was sent: --no-broker")?;
    }
    out.flush()?;
    match &round.error {
        Some(trouble) => show_trouble(round, trouble, errors),
        None => Ok(()),
    }
}

fn show_in_force(in_force: &InForce, out: &mut dyn Write) -> io::Result<()> {
    let sent = match in_force.sent.join(", then ") {
        none if none.is_empty() => "nothing had to be sent".to_owned(),
        sent => format!("sent {sent} in {:.2} s", in_force.seconds),
    };
    writeln!(
        out,
        "  in force  `{}` at http://{}: {sent}\n            revision {}, component {}, documents {}",
        in_force.policy,
        in_force.address,
        in_force.revision,
        short(&in_force.digest),
        short(&in_force.documents_digest)
    )
}

fn short(digest: &str) -> &str {
    digest.get(..DIGEST).unwrap_or(digest)
}

fn show_trouble(round: &Round, trouble: &Trouble, errors: &mut dyn Write) -> io::Result<()> {
    if let Some(output) = &trouble.output {
        show_some(output.lines(), OUTPUT_LINES, errors)?;
    }
    if let Some(cases) = &round.cases {
        show_some(
            cases.failures.iter().map(String::as_str),
            CASE_LINES,
            errors,
        )?;
    }
    if trouble.step == "broker" {
        writeln!(
            errors,
            "built and tested only: what is in force stays as the broker says"
        )?;
    }
    let refused = &trouble.refused;
    writeln!(
        errors,
        "error: {}\n  help: {} ({})",
        refused.message, refused.help, refused.code
    )
}

fn show_some<'l>(
    mut lines: impl Iterator<Item = &'l str>,
    most: usize,
    errors: &mut dyn Write,
) -> io::Result<()> {
    for line in lines.by_ref().take(most) {
        writeln!(errors, "{line}")?;
    }
    match lines.count() {
        0 => Ok(()),
        more => writeln!(errors, "… and {more} lines more"),
    }
}
