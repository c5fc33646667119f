//! Resources of device policies: `topic:` and a topic with `*`, `?` and `${devices.…}`.
//!
//! `*` and `?` are the vendor's wildcards and those of the contract's wildcard syntax; `+` and `#` are ordinary characters there. The
//! value of a variable is escaped before it enters a pattern, so that no id can widen one.

/// What every resource starts with.
const PREFIX: &str = "topic:";
/// Bytes of a topic with the variables' names in it (vendor: 128 for a topic).
const TOPIC_MAX: usize = 128;

/// A resource, taken apart once, filled in for each client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(Variable),
}

/// Whose id a variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// `${devices.deviceId}`.
    Device,
    /// `${devices.clientId}`.
    Client,
    /// `${devices.productId}`.
    Product,
}

/// The values of one device.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'v> {
    /// `${devices.deviceId}`.
    pub device_id: &'v str,
    /// `${devices.clientId}`: the client's own id, which changes with the time stamp in it.
    pub client_id: &'v str,
    /// `${devices.productId}`.
    pub product_id: &'v str,
}

/// Why a text is no resource.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It names something else than a topic.
    #[error("it does not start with `topic:`")]
    Prefix,
    /// Nothing, or more than 128 bytes, after the prefix.
    #[error("its topic must have 1 to 128 characters")]
    Length,
    /// A character that the vendor does not take.
    #[error("`{0}` is not allowed: use letters, digits and / {{ }} $ = + # ? * : . _ -")]
    Character(char),
    /// `${…}` that names nothing.
    #[error(
        "`{0}` is no variable: use ${{devices.deviceId}}, ${{devices.clientId}} or ${{devices.productId}}"
    )]
    Variable(String),
}

impl Resource {
    /// Reads a resource as it stands in a document.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let topic = text.strip_prefix(PREFIX).ok_or(Error::Prefix)?;
        if topic.is_empty() || topic.len() > TOPIC_MAX {
            return Err(Error::Length);
        }
        if let Some(character) = topic.chars().find(|character| !is_allowed(*character)) {
            return Err(Error::Character(character));
        }
        parse_parts(topic).map(|parts| Self { parts })
    }

    /// The pattern in the contract's wildcard syntax; none where a variable has no value (applications are no devices).
    pub fn pattern(&self, variables: Option<&Variables>) -> Option<String> {
        self.parts.iter().try_fold(String::new(), |pattern, part| {
            Some(match part {
                Part::Text(text) => pattern + text,
                Part::Variable(variable) => escape_onto(pattern, variable.value(variables?)),
            })
        })
    }

    /// The narrowest pattern that holds whatever the variables stand for.
    pub fn widened(&self) -> String {
        let text = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Variable(_) => "*",
        });
        text.collect()
    }
}

impl Variable {
    const ALL: [(&str, Self); 3] = [
        ("${devices.deviceId}", Self::Device),
        ("${devices.clientId}", Self::Client),
        ("${devices.productId}", Self::Product),
    ];

    fn value<'v>(self, variables: &Variables<'v>) -> &'v str {
        match self {
            Self::Device => variables.device_id,
            Self::Client => variables.client_id,
            Self::Product => variables.product_id,
        }
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || "/{}$=+#?*:._-".contains(character)
}

fn parse_parts(topic: &str) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    let mut rest = topic;
    while let Some((text, from_variable)) = split_before(rest, "${") {
        push_text(&mut parts, text);
        let (name, variable) = Variable::ALL
            .into_iter()
            .find(|(name, _)| from_variable.starts_with(name))
            .ok_or_else(|| Error::Variable(until_brace(from_variable)))?;
        parts.push(Part::Variable(variable));
        rest = from_variable.strip_prefix(name).unwrap_or_default();
    }
    push_text(&mut parts, rest);
    Ok(parts)
}

fn split_before<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    text.find(mark).and_then(|at| text.split_at_checked(at))
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn until_brace(text: &str) -> String {
    text.split_inclusive('}').next().unwrap_or(text).to_owned()
}

fn escape_onto(mut pattern: String, value: &str) -> String {
    for character in value.chars() {
        if matches!(character, '*' | '?' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEVICE: Variables = Variables {
        device_id: "demo_device1",
        client_id: "demo_device1_0_0_2026112122",
        product_id: "demo",
    };

    fn pattern(text: &str) -> String {
        Resource::parse(text)
            .unwrap()
            .pattern(Some(&DEVICE))
            .unwrap()
    }

    #[test]
    fn variables_are_filled_in() {
        for (text, expected) in [
            ("topic:a/b", "a/b"),
            ("topic:*", "*"),
            ("topic:a/?/#", "a/?/#"),
            (
                "topic:/v1/${devices.deviceId}/test/hello",
                "/v1/demo_device1/test/hello",
            ),
            (
                "topic:${devices.productId}/${devices.clientId}",
                "demo/demo_device1_0_0_2026112122",
            ),
            ("topic:$oc/devices/*", "$oc/devices/*"),
            (
                "topic:a${devices.deviceId}${devices.deviceId}",
                "ademo_device1demo_device1",
            ),
            ("topic:{x}$y", "{x}$y"),
        ] {
            assert_eq!(pattern(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_resource_is_named() {
        for (text, expected) in [
            ("a/b", Error::Prefix),
            ("Topic:a", Error::Prefix),
            ("topic:", Error::Length),
            (&format!("topic:{}", "a".repeat(129)), Error::Length),
            ("topic:a b", Error::Character(' ')),
            ("topic:a\\b", Error::Character('\\')),
            ("topic:a%", Error::Character('%')),
            ("topic:é", Error::Character('é')),
            (
                "topic:${devices.deviceid}/x",
                Error::Variable("${devices.deviceid}".into()),
            ),
            ("topic:a/${devices", Error::Variable("${devices".into())),
        ] {
            assert_eq!(Resource::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn an_id_cannot_widen_a_pattern() {
        let variables = Variables {
            device_id: "*?\\",
            ..DEVICE
        };
        let resource = Resource::parse("topic:a/${devices.deviceId}/*").unwrap();
        assert_eq!(resource.pattern(Some(&variables)).unwrap(), r"a/\*\?\\/*");
    }

    #[test]
    fn a_variable_without_a_device_has_no_value() {
        let with = Resource::parse("topic:a/${devices.deviceId}").unwrap();
        let without = Resource::parse("topic:a/*").unwrap();
        assert_eq!(with.pattern(None), None);
        assert_eq!(without.pattern(None), Some("a/*".into()));
    }

    proptest! {
        #[test]
        fn an_escaped_value_stands_for_itself(value in ".{0,40}") {
            let variables = Variables { device_id: &value, ..DEVICE };
            let resource = Resource::parse("topic:${devices.deviceId}").unwrap();
            let pattern = resource.pattern(Some(&variables)).unwrap();
            let mut characters = pattern.chars();
            let mut literal = String::new();
            while let Some(character) = characters.next() {
                prop_assert!(character != '*' && character != '?');
                literal.push(if character == '\\' { characters.next().unwrap() } else { character });
            }
            prop_assert_eq!(literal, value.clone());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(topic:)?.{0,140}") {
            let _ = Resource::parse(&text);
        }
    }
}
