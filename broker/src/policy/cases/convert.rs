//! From what people write in a case (names in any case, bytes as text or hex, times in RFC 3339) to what the bindings read.
//!
//! Pure; bounded by the case file. Whatever cannot be converted is told with the value in backticks, and the case proves nothing.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) type Converted = Result<Value, String>;

pub(super) fn typed<T: DeserializeOwned>(what: &str, value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| format!("`{what}`: {error}"))
}

/// `given` laid over `defaults`, each field converted.
pub(super) fn record(
    what: &str,
    given: Value,
    defaults: &Value,
    convert: impl Fn(&str, Value) -> Converted,
) -> Converted {
    let mut given = match given {
        Value::Null => Map::new(),
        Value::Object(fields) => fields,
        other => return Err(format!("`{what}` is no object: `{other}`")),
    };
    let mut whole = Map::new();
    for (field, default) in defaults.as_object().into_iter().flatten() {
        let value = given.remove(field).unwrap_or_else(|| default.clone());
        whole.insert(field.clone(), convert(field, value)?);
    }
    match given.keys().next() {
        Some(unknown) => Err(format!("`{what}` has no field `{unknown}`")),
        None => Ok(Value::Object(whole)),
    }
}

pub(super) fn optional(value: Value, convert: impl Fn(Value) -> Converted) -> Converted {
    if value.is_null() {
        Ok(value)
    } else {
        convert(value)
    }
}

/// RFC 7386, but for `credential`: two kinds of it would be laid into each other.
pub(super) fn laid_over(below: Value, above: Value) -> Value {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => Value::Object(merged(below, above)),
        (below, Value::Null) => below,
        (_, above) => above,
    }
}

fn merged(mut below: Map<String, Value>, above: Map<String, Value>) -> Map<String, Value> {
    for (field, value) in above {
        let known = below.remove(&field);
        let value = match known {
            _ if value.is_null() => continue,
            Some(known) if field != "credential" => laid_over(known, value),
            _ => value,
        };
        below.insert(field, value);
    }
    below
}

/// Gives an enumeration's or a variant's name the spelling of the bindings.
pub(super) fn variant(what: &str, value: Value, names: &[&str]) -> Converted {
    let plain = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
    let known = |written: &str| {
        let mut names = names.iter().filter(|name| plain(name) == plain(written));
        let name = names.next().map(|name| (*name).to_owned());
        name.ok_or_else(|| format!("`{what}` cannot be `{written}`"))
    };
    match value {
        Value::String(name) => known(&name).map(Value::String),
        Value::Object(fields) if fields.len() == 1 => {
            let renamed = fields
                .into_iter()
                .map(|(name, value)| Ok((known(&name)?, value)));
            renamed.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        other => Err(format!("`{what}` cannot be `{other}`")),
    }
}

/// UTF-8, unless it says otherwise.
pub(super) fn text_bytes(value: Value) -> Converted {
    bytes(value, |text| Ok(json!(text.as_bytes())))
}

/// Hex, unless it says otherwise.
pub(super) fn hex_bytes(value: Value) -> Converted {
    bytes(value, hex)
}

fn bytes(value: Value, unmarked: fn(&str) -> Converted) -> Converted {
    match &value {
        Value::Array(_) => Ok(value),
        Value::String(text) => match text.split_once(':') {
            Some(("text", text)) => Ok(json!(text.as_bytes())),
            Some(("hex", text)) => hex(text),
            _ => unmarked(text),
        },
        other => Err(format!("`{other}` is neither text nor an array of bytes")),
    }
}

/// With or without colons, in any case.
fn hex(text: &str) -> Converted {
    let digits = text.chars().filter(|character| *character != ':');
    let digits: Option<Vec<u32>> = digits.map(|character| character.to_digit(16)).collect();
    let fail = || format!("`{text}` is no hex text");
    let digits = digits.ok_or_else(fail)?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return Err(fail());
    };
    let bytes: Vec<u32> = pairs.iter().map(|[high, low]| high * 16 + low).collect();
    Ok(json!(bytes))
}

/// Milliseconds since 1970.
pub(super) fn instant(value: Value) -> Converted {
    let Value::String(text) = value else {
        return Ok(value);
    };
    let time = OffsetDateTime::parse(&text, &Rfc3339)
        .map_err(|error| format!("`now` is no RFC 3339 time: {error}"))?;
    Ok(json!(
        time.unix_timestamp() * 1_000 + i64::from(time.millisecond())
    ))
}
