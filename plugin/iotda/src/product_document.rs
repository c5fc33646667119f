//! Product models: documents in the vendor's JSON form, read strictly, with the product's own topics.
//!
//! The model is checked so that a wrong one is refused when it is written, not when the first device reports, and prepared for the checks of
//! payloads. `payload_check` is our own field: how strictly they are checked. Bounds are the vendor's: 500 services of 500 properties and 500 commands, 500 KB, 50 custom topics.

use crate::contract::{Document, Problem};
use crate::model::{Check, Model};
use crate::problem;
use crate::product_check;
use crate::product_service::Service;
use serde::Deserialize;

const SIZE_MAX: usize = 512_000;
const SERVICES_MAX: usize = 500;
/// Newer pages say 50, older ones 10.
const CUSTOM_TOPICS_MAX: usize = 50;
const TOPIC_NAME_MAX: usize = 64;
/// Bytes of the file's name: a custom topic's rule is `{file}#{index}` and at most 128 bytes in the contract.
const FILE_NAME_MAX: usize = 120;
/// What every custom topic starts with, as the vendor's console shows it.
const TOPIC_PREFIX: &str = "$oc/devices/{device_id}/user/";

/// What the rules need of a product.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductDocument {
    /// The registry's product id.
    pub product_id: String,
    /// The file that it stands in.
    pub file: String,
    /// Topics that the product declares for its devices.
    pub custom_topics: Vec<CustomTopic>,
    /// What payloads are checked against; none where they are not: `payload_check` is `off`, or the devices speak binary.
    pub model: Option<Model>,
}

/// `$oc/devices/{id}/user/{name}`.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomTopic {
    /// What follows `user/`; it may have several levels.
    pub name: String,
    /// What a device may do with it.
    pub operation: Operation,
    /// The line in which it is declared, from 1.
    pub line: u32,
}

/// What a device may do with a custom topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Publish only.
    Publish,
    /// Subscribe only.
    Subscribe,
    /// Both.
    All,
}

/// The document as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    product_id: String,
    name: Option<String>,
    device_type: Option<String>,
    #[serde(default, rename = "protocol_type")]
    _protocol_type: Option<ProtocolType>,
    data_format: Option<DataFormat>,
    #[serde(default)]
    payload_check: PayloadCheck,
    manufacturer_name: Option<String>,
    industry: Option<String>,
    description: Option<String>,
    app_id: Option<String>,
    #[serde(alias = "service_capabilities")]
    services: Vec<Service>,
    #[serde(default)]
    custom_topics: Vec<WrittenTopic>,
}

#[derive(Deserialize)]
enum ProtocolType {
    #[serde(rename = "MQTT")]
    Mqtt,
    #[serde(
        rename = "Other",
        alias = "CoAP",
        alias = "HTTP",
        alias = "HTTPS",
        alias = "Modbus",
        alias = "ONVIF",
        alias = "OPC-UA",
        alias = "OPC-DA",
        alias = "TCP",
        alias = "UDP"
    )]
    Other,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PayloadCheck {
    Strict,
    #[default]
    Lenient,
    Off,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum DataFormat {
    Json,
    Binary,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTopic {
    topic: String,
    operation: Operation,
}

/// Reads one document; every problem is told at once, as far as the JSON can be read.
pub fn read(document: &Document) -> Result<ProductDocument, Vec<Problem>> {
    let written: Written = serde_json::from_str(&document.text)
        .map_err(|error| vec![problem::unreadable(document, "product model", &error)])?;
    let mut problems = check_sizes(document, &written);
    problems.extend(check_texts(document, &written));
    product_check::check(document, &written.services, &mut problems);
    let custom_topics = read_topics(document, &written.custom_topics, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(ProductDocument {
        model: prepare_model(&written),
        product_id: written.product_id,
        file: document.name.clone(),
        custom_topics,
    })
}

fn prepare_model(written: &Written) -> Option<Model> {
    let check = match (written.payload_check, &written.data_format) {
        (PayloadCheck::Off, _) | (_, Some(DataFormat::Binary)) => return None,
        (PayloadCheck::Strict, _) => Check::Strict,
        (PayloadCheck::Lenient, _) => Check::Lenient,
    };
    Some(Model::prepare(check, &written.services))
}

fn check_sizes(document: &Document, written: &Written) -> Vec<Problem> {
    let size = document.text.len();
    let mut problems = Vec::new();
    let has_topics = !written.custom_topics.is_empty();
    if has_topics && document.name.len() > FILE_NAME_MAX {
        let message = format!(
            "the file's name has `{}` bytes: that of a product with custom topics may have {FILE_NAME_MAX}, rename it",
            document.name.len()
        );
        problems.push(problem::whole(document, message));
    }
    if size > SIZE_MAX {
        let message =
            format!("the document has `{size}` bytes: a product model may have {SIZE_MAX}");
        problems.push(problem::whole(document, message));
    }
    let lists = [
        ("services", written.services.len(), SERVICES_MAX),
        (
            "custom_topics",
            written.custom_topics.len(),
            CUSTOM_TOPICS_MAX,
        ),
    ];
    for (field, count, max) in lists.into_iter().filter(|(_, count, max)| count > max) {
        let message = format!("`{field}` has `{count}` entries: a product may have {max}");
        problems.push(problem::at(document, field, message));
    }
    problems
}

fn check_texts(document: &Document, written: &Written) -> Vec<Problem> {
    let id = &written.product_id;
    let mut problems = Vec::new();
    if !is_product_id(id) {
        let message = format!(
            "the product id `{}` is not valid: use 1 to 36 letters, digits, `_` and `-`",
            id.escape_debug()
        );
        problems.push(problem::at(document, id, message));
    }
    let texts = [
        ("name", &written.name, 64),
        ("device_type", &written.device_type, 32),
        ("manufacturer_name", &written.manufacturer_name, 32),
        ("industry", &written.industry, 64),
        ("description", &written.description, 128),
        ("app_id", &written.app_id, 36),
    ];
    for (field, text, max) in texts {
        let length = text.as_deref().map_or(0, |text| text.chars().count());
        if length > max {
            let message = format!("`{field}` has `{length}` characters: it may have {max}");
            problems.push(problem::at(document, field, message));
        }
    }
    problems
}

fn is_product_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=36).contains(&id.len()) && id.bytes().all(allowed)
}

fn read_topics(
    document: &Document,
    written: &[WrittenTopic],
    problems: &mut Vec<Problem>,
) -> Vec<CustomTopic> {
    let mut topics: Vec<CustomTopic> = Vec::new();
    let lines = problem::lines_of_items(document, "custom_topics");
    for (index, WrittenTopic { topic, operation }) in written.iter().enumerate() {
        match topic_name(topic) {
            Some(name) if topics.iter().any(|known| known.name == name) => {
                let message = format!(
                    "the custom topic `{topic}` is declared twice: use the operation `all` for both directions"
                );
                problems.push(problem::at(document, topic, message));
            }
            Some(name) => topics.push(CustomTopic {
                name: name.to_owned(),
                operation: *operation,
                line: lines.get(index).copied().unwrap_or(0),
            }),
            None => problems.push(problem::at(document, topic, topic_message(topic))),
        }
    }
    topics
}

fn topic_message(topic: &str) -> String {
    format!(
        "the custom topic `{}` is not valid: it must be `{TOPIC_PREFIX}` and 1 to {TOPIC_NAME_MAX} letters, digits, `_` and single `/`",
        topic.escape_debug()
    )
}

fn topic_name(topic: &str) -> Option<&str> {
    let name = topic.strip_prefix(TOPIC_PREFIX)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'/';
    let is_valid = (1..=TOPIC_NAME_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && name.split('/').all(|level| !level.is_empty());
    is_valid.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document {
            name: "product.json".into(),
            text: text.into(),
        }
    }

    fn problems_of(text: &str) -> Vec<String> {
        let problems = read(&document(text)).err().unwrap_or_default();
        problems
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    fn with_topics(topics: &str) -> String {
        format!(r#"{{"product_id":"demo","services":[],"custom_topics":[{topics}]}}"#)
    }

    #[test]
    fn custom_topics_keep_what_follows_user() {
        let text = with_topics(
            r#"{"topic":"$oc/devices/{device_id}/user/alarm/high","operation":"publish"},
               {"topic":"$oc/devices/{device_id}/user/display","operation":"all"}"#,
        );
        let product = read(&document(&text)).unwrap();
        let topics: Vec<_> = product
            .custom_topics
            .iter()
            .map(|topic| (topic.name.as_str(), topic.operation, topic.line))
            .collect();
        assert_eq!(
            topics,
            [
                ("alarm/high", Operation::Publish, 1),
                ("display", Operation::All, 2)
            ]
        );
    }

    #[test]
    fn a_file_name_that_no_rules_name_could_begin_with_is_refused() {
        let text =
            with_topics(r#"{"topic":"$oc/devices/{device_id}/user/display","operation":"all"}"#);
        for (name, is_valid) in [("n".repeat(120), true), ("n".repeat(121), false)] {
            let document = Document {
                name,
                ..document(&text)
            };
            assert_eq!(read(&document).is_ok(), is_valid, "{}", document.name);
        }
    }

    #[test]
    fn a_custom_topic_stays_below_its_device() {
        for topic in [
            "alarm",
            "$oc/devices/{device_id}/user/",
            "$oc/devices/{device_id}/user//a",
            "$oc/devices/{device_id}/user/a/",
            "$oc/devices/{device_id}/user/a//b",
            "$oc/devices/{device_id}/user/#",
            "$oc/devices/{device_id}/user/+",
            "$oc/devices/{device_id}/user/a*",
            "$oc/devices/{device_id}/sys/messages/up",
            "$oc/devices/+/user/a",
            &format!("$oc/devices/{{device_id}}/user/{}", "a".repeat(65)),
        ] {
            let text = with_topics(&format!(r#"{{"topic":"{topic}","operation":"all"}}"#));
            let problems = problems_of(&text);
            assert_eq!(problems.len(), 1, "{topic}");
            assert!(problems[0].contains("is not valid"), "{}", problems[0]);
        }
    }

    #[test]
    fn limits_and_unknown_fields_are_named() {
        let long = "x".repeat(129);
        for (text, cause) in [
            (
                r#"{"product_id":"a b","services":[]}"#,
                "the product id `a b` is not valid",
            ),
            (
                &*format!(r#"{{"product_id":"a","services":[],"description":"{long}"}}"#),
                "`description` has `129` characters",
            ),
            (
                r#"{"product_id":"a","services":[],"topics":[]}"#,
                "unknown field `topics`",
            ),
            (r#"{"product_id":"a"}"#, "missing field `services`"),
            (
                r#"{"product_id":"a","services":[],"protocol_type":"AMQP"}"#,
                "unknown variant `AMQP`",
            ),
            (
                r#"{"product_id":"a","services":[],"data_format":"xml"}"#,
                "unknown variant `xml`",
            ),
            (
                &with_topics(r#"{"topic":"$oc/devices/{device_id}/user/a","operation":"read"}"#),
                "unknown variant `read`",
            ),
            (
                &with_topics(
                    &[r#"{"topic":"$oc/devices/{device_id}/user/a","operation":"all"}"#; 2]
                        .join(","),
                ),
                "is declared twice",
            ),
        ] {
            let problems = problems_of(text);
            assert!(
                problems.iter().any(|told| told.contains(cause)),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn payloads_are_checked_leniently_unless_the_document_says_otherwise() {
        for (field, expected) in [
            ("", Some(Check::Lenient)),
            (r#","data_format":"json""#, Some(Check::Lenient)),
            (r#","payload_check":"lenient""#, Some(Check::Lenient)),
            (r#","payload_check":"strict""#, Some(Check::Strict)),
            (r#","payload_check":"off""#, None),
            (r#","payload_check":"strict","data_format":"binary""#, None),
        ] {
            let text = format!(r#"{{"product_id":"a","services":[]{field}}}"#);
            let model = read(&document(&text)).unwrap().model;
            assert_eq!(model.map(|model| model.check), expected, "{field}");
        }
        let problems = problems_of(r#"{"product_id":"a","services":[],"payload_check":"loose"}"#);
        assert!(
            problems[0].contains("unknown variant `loose`"),
            "{problems:?}"
        );
    }

    #[test]
    fn the_vendors_name_of_services_is_taken_too() {
        assert!(problems_of(r#"{"product_id":"a","service_capabilities":[],"protocol_type":"CoAP","data_format":"json"}"#).is_empty());
    }
}
