//! Templates in the texts of a case: `{topic}`, `{uuid}`, `{device.id}`. Pure.
//!
//! A brace that is followed by anything but a name and a closing brace is a brace, so JSON needs no escapes. A name that nobody knows is an error:
//! a misspelt one would make a case prove something else.

use std::collections::BTreeMap;

/// What the templates of one run of a case stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(BTreeMap<String, String>);

impl Texts {
    pub(super) fn set(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.0.insert(name.into(), text.into());
    }

    /// The text with every template replaced.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        for part in parts(text) {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Name(name) => out.push_str(self.0.get(name).ok_or_else(|| unknown(name))?),
            }
        }
        Ok(out)
    }
}

fn unknown(name: &str) -> String {
    format!(
        "nothing is known of the template `{{{name}}}`: see conformance/README.md for those there are"
    )
}

enum Part<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// The names of the templates in a text.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    parts(text).filter_map(|part| match part {
        Part::Name(name) => Some(name),
        Part::Text(_) => None,
    })
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(name) = name_at_front(rest) {
            rest = rest.get(name.len() + 2..).unwrap_or_default();
            return Some(Part::Name(name));
        }
        let next = rest
            .char_indices()
            .skip(1)
            .find(|(_, letter)| *letter == '{');
        let (text, after) = rest.split_at(next.map_or(rest.len(), |(at, _)| at));
        rest = after;
        Some(Part::Text(text))
    })
}

fn name_at_front(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.chars().all(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._".contains(letter)
        });
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_json_is_left_alone() {
        let mut texts = Texts::default();
        texts.set("topic", "conform/1");
        texts.set("device.id", "demo_device3");
        for (text, filled) in [
            ("{topic}/a", "conform/1/a"),
            (
                "$oc/devices/{device.id}/sys",
                "$oc/devices/demo_device3/sys",
            ),
            (
                r#"{"id":"{device.id}","x":{}}"#,
                r#"{"id":"demo_device3","x":{}}"#,
            ),
            ("{{topic}}", "{conform/1}"),
            ("{", "{"),
            ("é{topic}é", "éconform/1é"),
            ("{Topic}", "{Topic}"),
            ("", ""),
        ] {
            assert_eq!(texts.fill(text).unwrap(), filled, "{text}");
        }
        let error = texts.fill("{devise.id}").unwrap_err();
        assert!(error.contains("`{devise.id}`"), "{error}");
    }

    #[test]
    fn a_text_names_its_templates() {
        let found: Vec<_> = names("{a}/{b.c}/{\"d\"}").collect();
        assert_eq!(found, ["a", "b.c"]);
    }
}
