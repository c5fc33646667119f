//! One value against what the model says of it.
//!
//! Refused is only what the model forbids. What it leaves open, such as the unit of `max_length` or the length of a JSON object, is
//! taken in the device's favour: characters are counted, not bytes, and an object may be of any size.

use super::event_time;
use crate::json::{Kind, Text, Value, Whole};
use crate::model::Form;
use crate::refusal::shown;

/// Characters of a value in a sentence.
const SHOWN_MAX: usize = 64;

/// Why a value is not what the model says, and what to do: the second half of a sentence.
pub(super) fn fault(form: &Form, value: Value) -> Option<String> {
    match form {
        Form::Whole {
            data_type,
            min,
            max,
        } => whole_fault(data_type, *min, *max, value),
        Form::Decimal { min, max } => decimal_fault(*min, *max, value),
        Form::Text { length_max } => text_fault("string", *length_max, value),
        Form::DateTime { length_max } => time_fault(*length_max, value),
        Form::TextList { length_max } => list_fault(*length_max, value),
        Form::Enum(values) => enum_fault(values, value),
        Form::Boolean => wrong_kind(value, Kind::Boolean, "boolean", "`true` or `false`"),
        Form::Json => json_fault(value),
    }
}

/// A value as the client wrote it, for a sentence.
pub(super) fn written(value: Value) -> String {
    let raw = value.raw();
    let cut: String = raw.chars().take(SHOWN_MAX).collect();
    let mark = if cut.len() < raw.len() { "…" } else { "" };
    format!("`{}{mark}`", cut.replace(char::is_control, " "))
}

fn whole_fault(data_type: &str, min: i64, max: i64, value: Value) -> Option<String> {
    let outside = |side, bound| {
        Some(format!(
            "{side} `{bound}`: report a value from `{min}` to `{max}`"
        ))
    };
    match value.whole() {
        Some(Whole::Is(number)) if number < min => outside("below the minimum of", min),
        Some(Whole::Is(number)) if number > max => outside("over the maximum of", max),
        Some(Whole::Is(_)) => None,
        Some(Whole::TooLarge) => outside("beyond 64 bits and so outside of the range to", max),
        Some(Whole::Not) | None => Some(no(data_type, "a whole number")),
    }
}

fn decimal_fault(min: f64, max: f64, value: Value) -> Option<String> {
    let number = Some(value)
        .filter(|value| value.kind() == Kind::Number)
        .and_then(|value| value.raw().parse::<f64>().ok());
    match number {
        None => Some(no("decimal", "a number")),
        Some(number) if number < min => {
            Some(format!("below the minimum of `{min}`: report no less"))
        }
        Some(number) if number > max => {
            Some(format!("over the maximum of `{max}`: report no more"))
        }
        Some(_) => None,
    }
}

fn text_fault(data_type: &str, length_max: Option<usize>, value: Value) -> Option<String> {
    match value.text() {
        None => Some(no(data_type, "a text in quotes")),
        Some(text) => too_long(text, length_max),
    }
}

fn too_long(text: Text, length_max: Option<usize>) -> Option<String> {
    let max = length_max.filter(|max| text.length() > *max)?;
    let length = text.length();
    Some(format!(
        "which has {length} characters, over the `max_length` of {max}: shorten it"
    ))
}

fn time_fault(length_max: Option<usize>, value: Value) -> Option<String> {
    let is_time = |text: Text| event_time::is_accepted(&text.decoded());
    if value.text().is_some_and(is_time) {
        return text_fault("DateTime", length_max, value);
    }
    Some(no("DateTime", "a UTC time such as `20161219T114920Z`"))
}

fn list_fault(length_max: Option<usize>, value: Value) -> Option<String> {
    if value.kind() != Kind::Array || value.items().any(|item| item.text().is_none()) {
        return Some(no("string list", "an array of texts"));
    }
    let mut texts = value.items().filter_map(|item| item.text());
    texts
        .find_map(|text| too_long(text, length_max))
        .map(|fault| format!("with an entry {fault}"))
}

fn enum_fault(values: &[String], value: Value) -> Option<String> {
    let Some(text) = value.text() else {
        return Some(no("enum", "one of its values, in quotes"));
    };
    if values.iter().any(|known| text.is(known)) {
        return None;
    }
    let first = values.first().map_or(String::new(), |first| shown(first));
    Some(format!(
        "which the model's `enum_list` does not have: report one of its {} values, such as {first}",
        values.len()
    ))
}

/// The vendor passes objects through without a look; lists are objects of many back-ends, too.
fn json_fault(value: Value) -> Option<String> {
    let is_structure = matches!(value.kind(), Kind::Object | Kind::Array);
    (!is_structure).then(|| no("jsonObject", "a JSON object"))
}

fn wrong_kind(value: Value, kind: Kind, data_type: &str, wanted: &str) -> Option<String> {
    (value.kind() != kind).then(|| no(data_type, wanted))
}

fn no(data_type: &str, wanted: &str) -> String {
    format!("which is no {data_type}: report {wanted}")
}
