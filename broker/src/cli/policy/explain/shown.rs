//! An explanation as text.

use crate::workbench::explain::{Connected, Explanation, Inspected, Told};
use std::io::{self, Write};

/// Columns of the labels.
const WIDTH: usize = 9;

pub(super) fn print(told: &Explanation, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", headline(told))?;
    let mut label = |label: &str, text: &str| line(out, label, text);
    if let Some(code) = told.code {
        let detail = told.detail.as_deref().unwrap_or_default();
        label("code", &format!("{code}: {detail}"))?;
    }
    match (&told.rule, told.action) {
        (_, "connect") => {}
        (Some(rule), _) => rule_lines("rule", rule, &mut label)?,
        (None, _) => label("rule", "none matches")?,
    }
    label("connect", &connected(&told.connect))?;
    if let Some(inspected) = &told.payload {
        label("payload", &payload(inspected))?;
    }
    for rule in &told.shadowed {
        rule_lines("shadowed", rule, &mut label)?;
    }
    for near in &told.nearest {
        rule_lines("nearest", &near.rule, &mut label)?;
    }
    for change in &told.changes {
        label("change", change)?;
    }
    Ok(())
}

fn line(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    for (number, text) in text.lines().enumerate() {
        let label = if number == 0 { label } else { "" };
        writeln!(out, "  {label:<WIDTH$} {text}")?;
    }
    Ok(())
}

fn headline(told: &Explanation) -> String {
    let verdict = match told.verdict {
        "allow" => "allowed",
        "inspect" => "allowed after a look at the payload",
        _ => "denied",
    };
    let topic = told.topic.as_deref();
    let topic = topic.map_or(String::new(), |topic| format!(" `{topic}`"));
    let at = match (told.granted_qos.or(told.qos), told.verdict) {
        (Some(qos), _) if told.topic.is_some() => format!(" at QoS {qos}"),
        _ => String::new(),
    };
    format!("{verdict}: `{}` {}{topic}{at}", told.client, told.action)
}

fn rule_lines(
    label: &str,
    rule: &Told,
    line: &mut dyn FnMut(&str, &str) -> io::Result<()>,
) -> io::Result<()> {
    let Told {
        name,
        effect,
        actions,
        pattern,
        written,
    } = rule;
    let actions = crate::workbench::explain::actions(*actions);
    let place = match written {
        None => "in no document".to_owned(),
        Some(written) => match written.line {
            Some(line) => format!("{}:{line}", written.document),
            None => written.document.clone(),
        },
    };
    line(
        label,
        &format!("{name}, {place}: {effect} {actions} `{pattern}`"),
    )?;
    match written {
        Some(written) if !written.text.is_empty() => {
            let text = written.text.lines().map(|text| format!("| {text}"));
            line("", &text.collect::<Vec<_>>().join("\n"))
        }
        _ => Ok(()),
    }
}

fn connected(connect: &Connected) -> String {
    let how = format!(
        "as `{}`, {} (a {} in the registry)",
        connect.client_id,
        connect.proof.words(),
        connect.credential
    );
    let (Some(code), Some(detail)) = (connect.code, &connect.detail) else {
        let canonical = connect.canonical.as_deref().unwrap_or_default();
        let rules = connect.rules;
        return format!("allowed {how}: known as `{canonical}`, {rules} rules");
    };
    let rule = connect.rule.as_deref();
    let rule = rule.map_or(String::new(), |rule| format!(" (`{rule}`)"));
    format!("denied with {code}: {detail}{rule}; were it let in: {how}")
}

fn payload(inspected: &Inspected) -> String {
    let said = inspected.refusal.as_ref().map_or(String::new(), |refusal| {
        let rule = refusal.rule.as_deref();
        let rule = rule.map_or(String::new(), |rule| format!(" (`{rule}`)"));
        format!(" with {}: {}{rule}", refusal.code, refusal.detail)
    });
    let routed = inspected.routed.as_deref();
    let routed = routed.map_or(String::new(), |text| format!(", passed on as `{text}`"));
    format!("{}{said}{routed}", inspected.verdict)
}
