//! Products' own topic classes: documents `product_*.json`, read strictly. The form stands in `policies/aliyun/README.md`.
//!
//! Unknown fields are refused, since a misspelt one would change nothing and say nothing. Bounds are the vendor's: 50 classes of a product, 128 bytes and
//! seven slashes of a class as he writes it, `/{product key}/${deviceName}/user/…`.

use crate::contract::{Document, Problem};
use crate::names;
use crate::problem;
use crate::written;
use serde::Deserialize;
use serde_json::value::RawValue;

const CLASSES_MAX: usize = 50;
const CLASS_BYTES_MAX: usize = 128;
const SLASHES_MAX: usize = 7;
/// What every class starts with, below the device's names.
const PREFIX: &str = "user/";

/// The classes of one product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductDocument {
    /// The registry's product id.
    pub product_key: String,
    /// The file that it stands in.
    pub file: String,
    /// In the order of the document.
    pub classes: Vec<Class>,
}

/// `/{product key}/{device name}/{topic}`, for every device of the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Such as `user/update`; with wildcards only where it is subscribed to.
    pub topic: String,
    /// What a device may do with it.
    pub permission: Permission,
    /// The line of the document; 0 where it is in none.
    pub line: u32,
}

/// What a device may do with a class; the vendor's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Permission {
    /// Publish only.
    #[serde(rename = "PUB")]
    Publish,
    /// Subscribe only.
    #[serde(rename = "SUB")]
    Subscribe,
    /// Both.
    #[serde(rename = "ALL")]
    All,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'d> {
    product_key: String,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(borrow)]
    topics: Vec<&'d RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClass {
    topic: String,
    permission: Permission,
}

/// Reads one document; every problem is told at once, as far as the JSON can be read.
pub fn read(document: &Document) -> Result<ProductDocument, Vec<Problem>> {
    let written: Written = serde_json::from_str(&document.text)
        .map_err(|error| vec![problem::unreadable(document, "product document", &error)])?;
    let mut problems = check(document, &written);
    let mut product = ProductDocument {
        product_key: written.product_key,
        file: document.name.clone(),
        classes: Vec::new(),
    };
    for value in written.topics {
        match read_class(document, &product, value) {
            Ok(class) => product.classes.push(class),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(product)
    } else {
        Err(problems)
    }
}

fn check(document: &Document, written: &Written) -> Vec<Problem> {
    let key = &written.product_key;
    let count = written.topics.len();
    let key = (!names::is_product_key(key)).then(|| {
        let key = key.escape_debug();
        format!("the product key `{key}` is not valid: use 1 to 20 letters, digits, `_` and `-`")
    });
    let count = (count > CLASSES_MAX).then(|| {
        format!("it has `{count}` topic classes: a product may have {CLASSES_MAX}, remove some")
    });
    let told = key.into_iter().chain(count);
    told.map(|message| problem::whole(document, message))
        .collect()
}

fn read_class(
    document: &Document,
    product: &ProductDocument,
    value: &RawValue,
) -> Result<Class, Problem> {
    let WrittenClass { topic, permission } = written::read(document, value, "topic class")?;
    let line = written::line(document, value);
    if let Some(cause) = refused(product, &topic, permission) {
        let topic = topic.escape_debug();
        let message = format!("the topic class `{topic}` is not valid: {cause}");
        return Err(problem::at(document, line, message));
    }
    Ok(Class {
        topic,
        permission,
        line,
    })
}

/// Why a class is none, and what to do.
fn refused(product: &ProductDocument, topic: &str, permission: Permission) -> Option<String> {
    let written = format!("/{}/${{deviceName}}/{topic}", product.product_key);
    let (bytes, slashes) = (written.len(), written.matches('/').count());
    let levels = || {
        topic
            .strip_prefix(PREFIX)
            .into_iter()
            .flat_map(|rest| rest.split('/'))
    };
    let has_wildcard = levels().any(|level| matches!(level, "+" | "#"));
    let earlier = product.classes.iter().find(|class| class.topic == topic);
    match earlier {
        _ if levels().next().is_none() => Some(format!("begin it with `{PREFIX}`")),
        _ if bytes > CLASS_BYTES_MAX => Some(format!(
            "`{written}` has {bytes} bytes, shorten it to {CLASS_BYTES_MAX}"
        )),
        _ if slashes > SLASHES_MAX => Some(format!(
            "`{written}` has {slashes} slashes, leave {SLASHES_MAX}"
        )),
        _ if !levels().all(is_level) => Some(
            "its levels are one or more letters, digits and `_`, or `+`, or a last `#`".to_owned(),
        ),
        _ if goes_on_after_hash(levels()) => Some("`#` is the last level".to_owned()),
        _ if has_wildcard && permission != Permission::Subscribe => {
            Some("wildcards are for the permission `SUB` only".to_owned())
        }
        Some(earlier) => Some(format!(
            "line {} has it, use the permission `ALL` for both directions",
            earlier.line
        )),
        None => None,
    }
}

/// Whether a `#` stands before the last level.
fn goes_on_after_hash<'l>(levels: impl Iterator<Item = &'l str>) -> bool {
    let mut from_hash = levels.skip_while(|level| *level != "#");
    from_hash.next().is_some() && from_hash.next().is_some()
}

fn is_level(level: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    matches!(level, "+" | "#") || (!level.is_empty() && level.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::document;

    fn problems_of(text: &str) -> Vec<(Option<u32>, String)> {
        let problems = read(&document("product_a.json", text)).err();
        let told = |problem: Problem| (problem.line, problem.message);
        problems.into_iter().flatten().map(told).collect()
    }

    fn with(classes: &[(&str, &str)]) -> String {
        let classes: Vec<String> = classes
            .iter()
            .map(|(topic, permission)| {
                format!("\n    {{ \"topic\": \"{topic}\", \"permission\": \"{permission}\" }}")
            })
            .collect();
        format!(
            "{{\n  \"product_key\": \"a1\",\n  \"topics\": [{}\n  ]\n}}",
            classes.join(",")
        )
    }

    #[test]
    fn a_class_keeps_its_line() {
        let text = with(&[
            ("user/update", "PUB"),
            ("user/get", "SUB"),
            ("user/a_1/+/#", "SUB"),
            ("user/x", "ALL"),
        ]);
        let product = read(&document("product_a.json", &text)).unwrap();
        let classes: Vec<_> = product
            .classes
            .iter()
            .map(|class| (class.topic.as_str(), class.permission, class.line))
            .collect();
        assert_eq!(
            classes,
            [
                ("user/update", Permission::Publish, 4),
                ("user/get", Permission::Subscribe, 5),
                ("user/a_1/+/#", Permission::Subscribe, 6),
                ("user/x", Permission::All, 7)
            ]
        );
    }

    #[test]
    fn a_bad_class_is_told_with_its_line_and_cause() {
        // `/a1/${deviceName}/` are 18 bytes.
        let longest = format!("user/{}", "x".repeat(105));
        assert_eq!(
            problems_of(&with(&[(&longest, "PUB"), ("user/a/b/c/d", "PUB")])),
            []
        );
        for (topic, permission, cause) in [
            ("update", "PUB", "begin it with `user/`"),
            ("user", "PUB", "begin it with `user/`"),
            ("/user/a", "PUB", "begin it with `user/`"),
            ("user/", "PUB", "its levels are"),
            ("user//a", "PUB", "its levels are"),
            ("user/a/", "PUB", "its levels are"),
            ("user/a-b", "PUB", "its levels are"),
            ("user/a+", "SUB", "its levels are"),
            ("user/ä", "SUB", "its levels are"),
            ("user/#/a", "SUB", "`#` is the last level"),
            ("user/#/#", "SUB", "`#` is the last level"),
            (
                "user/+",
                "PUB",
                "wildcards are for the permission `SUB` only",
            ),
            (
                "user/#",
                "ALL",
                "wildcards are for the permission `SUB` only",
            ),
            (&format!("{longest}x"), "PUB", "has 129 bytes"),
            ("user/a/b/c/d/e", "PUB", "has 8 slashes"),
            ("user/first", "SUB", "line 4 has it"),
        ] {
            let problems = problems_of(&with(&[("user/first", "PUB"), (topic, permission)]));
            assert_eq!(problems.len(), 1, "{topic}: {problems:?}");
            assert_eq!(problems[0].0, Some(5));
            assert!(problems[0].1.contains(cause), "{}", problems[0].1);
        }
    }

    #[test]
    fn limits_and_unknown_fields_are_named() {
        let many: Vec<String> = (0..51).map(|n| format!("user/t{n}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|topic| (topic.as_str(), "PUB")).collect();
        for (text, cause) in [
            (with(&many), "it has `51` topic classes"),
            (
                with(&[("user/a", "READ")]),
                "this is no topic class: unknown variant `READ`",
            ),
            (
                r#"{"product_key":"a b","topics":[]}"#.into(),
                "the product key `a b` is not valid",
            ),
            (r#"{"product_key":"a"}"#.into(), "missing field `topics`"),
            (
                r#"{"product_key":"a","topics":[],"topic":[]}"#.into(),
                "unknown field `topic`",
            ),
            (
                r#"{"product_key":"a","topics":[{"topic":"user/a"}]}"#.into(),
                "missing field `permission`",
            ),
            (
                r#"{"product_key":"a","topics":["user/a"]}"#.into(),
                "this is no topic class",
            ),
            ("[]".into(), "this is no product document"),
        ] {
            let problems = problems_of(&text);
            assert!(
                problems.iter().any(|(_, told)| told.contains(cause)),
                "{problems:?}"
            );
        }
    }
}
