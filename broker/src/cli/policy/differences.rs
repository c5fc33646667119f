//! Differences as text.

use crate::policy::shadow::Said;
use crate::workbench::difference::{Difference, Kind};
use std::io::{self, Write};

/// The first `most`, and how many more there are.
pub(super) fn print_differences(
    differences: &[Difference],
    most: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    for one in differences.iter().take(most) {
        writeln!(out, "{}", headline(one))?;
        writeln!(out, "  old  {}", said(&one.old))?;
        writeln!(out, "  new  {}", said(&one.new))?;
    }
    match differences.len().saturating_sub(most) {
        0 => Ok(()),
        more => writeln!(out, "… and {more} more that are kept: --show or --json"),
    }
}

fn headline(one: &Difference) -> String {
    let kind = match one.kind {
        Kind::NewlyAllowed => "newly allowed",
        Kind::NewlyDenied => "newly denied",
        Kind::Other => "otherwise",
        Kind::Grant => "other limits or greetings",
    };
    let asked = asked(&one.client, &one.action, one.topic.as_deref(), one.qos);
    format!("{kind}: {asked}")
}

/// Who asked for what.
pub(super) fn asked(client: &str, action: &str, topic: Option<&str>, qos: Option<u8>) -> String {
    let topic = topic.map_or(String::new(), |topic| format!(" `{topic}`"));
    let qos = qos.map_or(String::new(), |qos| format!(" at QoS {qos}"));
    format!("`{client}` {action}{topic}{qos}")
}

pub(super) fn said(said: &Said) -> String {
    let code = said.code.map(|code| format!(" with {code}"));
    let qos = said.qos.map(|qos| format!(" at QoS {qos}"));
    let rule = said.rule.as_ref().map(|rule| format!(" by `{rule}`"));
    let detail = said.detail.as_ref().map(|detail| format!(": {detail}"));
    let parts = [code, qos, rule, detail].into_iter().flatten();
    [said.verdict.to_owned()].into_iter().chain(parts).collect()
}
