//! Whether a PUBLISH is the one that a case expects. Pure.

use super::super::event;
use super::super::format::Expect;
use super::super::properties::Carried;
use super::super::raw;
use super::super::template::Texts;
use crate::session::wire::client::Received;
use bytes::Bytes;
use serde_json::Value;

/// What is wanted of one PUBLISH, with its templates filled: text, and what it has to be.
pub(super) struct Wanted<'e> {
    expect: &'e Expect,
    topic: Option<String>,
    payload: Option<Bytes>,
    json: Option<Value>,
    json_has: Option<Value>,
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation: Option<String>,
    user: Option<Vec<(String, String)>>,
    /// The packet id of an earlier delivery.
    id: Option<u16>,
}

impl<'e> Wanted<'e> {
    pub(super) fn new(expect: &'e Expect, texts: &Texts, id: Option<u16>) -> Result<Self, String> {
        let fill = |text: &Option<String>| text.as_deref().map(|text| texts.fill(text)).transpose();
        let json = |text: &Option<String>| {
            let text = fill(text)?;
            let json = text.map(|text| {
                serde_json::from_str(&text)
                    .map_err(|error| format!("`{text}` is not JSON: {error}"))
            });
            json.transpose()
        };
        let user = expect.user.as_ref().map(|pairs| {
            let filled = pairs
                .iter()
                .map(|(name, value)| Ok((texts.fill(name)?, texts.fill(value)?)));
            filled.collect::<Result<Vec<_>, String>>()
        });
        let payload = match (fill(&expect.payload)?, fill(&expect.hex)?) {
            (None, None) => None,
            (Some(text), None) => Some(Bytes::from(text)),
            (None, Some(hex)) => Some(raw::bytes(&hex)?.into()),
            _ => return Err("keep one of `payload` and `hex`".into()),
        };
        if expect.same_id && id.is_none() {
            return Err("`same_id`, but no message waits for its acknowledgement: expect one with `ack = false` first".into());
        }
        Ok(Self {
            expect,
            topic: fill(&expect.topic)?,
            payload,
            json: json(&expect.json)?,
            json_has: json(&expect.json_has)?,
            content_type: fill(&expect.content_type)?,
            response_topic: fill(&expect.response_topic)?,
            correlation: fill(&expect.correlation)?,
            user: user.transpose()?,
            id: id.filter(|_| expect.same_id),
        })
    }

    /// The first thing in which the message differs.
    pub(super) fn differs(&self, received: &Received) -> Option<&'static str> {
        let publish = &received.publish;
        let carried = Carried::read(publish.properties.clone());
        let Expect {
            bytes,
            qos,
            dup,
            retain,
            expiry,
            payload_format,
            subscription_ids,
            ..
        } = self.expect;
        let is = |wanted: &Option<String>, seen: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| seen == Some(wanted))
        };
        let correlation = carried
            .correlation
            .as_ref()
            .map(|data| String::from_utf8_lossy(data).into_owned());
        let ids = |wanted: &Vec<u32>| {
            let (mut wanted, mut seen) = (wanted.clone(), received.subscription_ids.clone());
            wanted.sort_unstable();
            seen.sort_unstable();
            wanted == seen
        };
        [
            ("the topic", is(&self.topic, Some(&publish.topic))),
            (
                "the payload",
                self.payload
                    .as_ref()
                    .is_none_or(|wanted| *wanted == publish.payload),
            ),
            ("the JSON", self.is_json(&publish.payload)),
            (
                "the size",
                bytes.is_none_or(|wanted| wanted == publish.payload.len()),
            ),
            (
                "the QoS",
                qos.is_none_or(|wanted| wanted == publish.qos as u8),
            ),
            ("DUP", dup.is_none_or(|wanted| wanted == publish.dup)),
            (
                "RETAIN",
                retain.is_none_or(|wanted| wanted == publish.retain),
            ),
            (
                "the packet id",
                self.id.is_none_or(|wanted| wanted == publish.packet_id),
            ),
            (
                "the expiry",
                expiry.is_none_or(|wanted| is_left_of(wanted, publish.expiry)),
            ),
            (
                "the payload format",
                payload_format.is_none_or(|wanted| carried.payload_format == Some(wanted)),
            ),
            (
                "the content type",
                is(&self.content_type, carried.content_type.as_deref()),
            ),
            (
                "the response topic",
                is(&self.response_topic, carried.response_topic.as_deref()),
            ),
            (
                "the correlation data",
                is(&self.correlation, correlation.as_deref()),
            ),
            (
                "the user properties",
                self.user
                    .as_ref()
                    .is_none_or(|wanted| *wanted == carried.user),
            ),
            (
                "the subscription ids",
                subscription_ids.as_ref().is_none_or(ids),
            ),
        ]
        .into_iter()
        .find_map(|(what, is_so)| (!is_so).then_some(what))
    }

    fn is_json(&self, payload: &[u8]) -> bool {
        if self.json.is_none() && self.json_has.is_none() {
            return true;
        }
        let Ok(seen) = serde_json::from_slice::<Value>(payload) else {
            return false;
        };
        self.json.as_ref().is_none_or(|wanted| *wanted == seen)
            && self
                .json_has
                .as_ref()
                .is_none_or(|wanted| holds(&seen, wanted))
    }

    pub(super) fn describe(&self) -> String {
        let mut text = "PUBLISH".to_owned();
        let mut add = |label: &str, value: Option<String>| {
            if let Some(value) = value {
                text.push_str(label);
                text.push_str(&value);
            }
        };
        let quoted = |text: &Option<String>| text.as_ref().map(|text| format!("`{text}`"));
        let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
        let json = |json: &Option<Value>| json.as_ref().map(|json| format!("`{json}`"));
        let expect = self.expect;
        add(" on ", quoted(&self.topic));
        add(" at QoS ", expect.qos.map(|qos| qos.to_string()));
        add(", DUP ", flag(expect.dup));
        add(", RETAIN ", flag(expect.retain));
        add(", packet ", self.id.map(|id| id.to_string()));
        add(
            ", expiry up to ",
            expect.expiry.map(|left| left.to_string()),
        );
        add(
            ", payload format ",
            expect.payload_format.map(|format| format.to_string()),
        );
        add(", content type ", quoted(&self.content_type));
        add(", response topic ", quoted(&self.response_topic));
        add(", correlation data ", quoted(&self.correlation));
        add(
            ", user properties ",
            self.user.as_ref().map(|user| format!("{user:?}")),
        );
        add(
            ", subscription ids ",
            expect
                .subscription_ids
                .as_ref()
                .map(|ids| format!("{ids:?}")),
        );
        add(
            ", payload ",
            self.payload.as_ref().map(|payload| event::payload(payload)),
        );
        add(", JSON ", json(&self.json));
        add(", JSON with ", json(&self.json_has));
        add(", bytes ", expect.bytes.map(|bytes| bytes.to_string()));
        text
    }
}

/// A server counts down while it holds a message; five seconds is more than a case waits.
fn is_left_of(wanted: u32, seen: Option<u32>) -> bool {
    seen.is_some_and(|seen| seen <= wanted && wanted - seen <= 5)
}

/// Objects may have more members than are wanted; lists have to have the same length.
fn holds(seen: &Value, wanted: &Value) -> bool {
    match (seen, wanted) {
        (Value::Object(seen), Value::Object(wanted)) => {
            let mut members = wanted.iter();
            members.all(|(name, wanted)| seen.get(name).is_some_and(|seen| holds(seen, wanted)))
        }
        (Value::Array(seen), Value::Array(wanted)) => {
            seen.len() == wanted.len()
                && seen
                    .iter()
                    .zip(wanted)
                    .all(|(seen, wanted)| holds(seen, wanted))
        }
        _ => seen == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::wire::{Publish, Qos};

    fn received() -> Received {
        Received {
            publish: Publish {
                dup: false,
                qos: Qos::AtLeastOnce,
                retain: false,
                topic: "t/1".into(),
                packet_id: 7,
                alias: None,
                expiry: Some(58),
                properties: Carried {
                    response_topic: Some("r".into()),
                    user: vec![("k".into(), "v".into())],
                    ..Carried::default()
                }
                .write(),
                payload: Bytes::from_static(br#"{"a":1,"b":[{"c":2,"d":3}]}"#),
            },
            subscription_ids: vec![2, 1],
        }
    }

    fn differs(expect: &str) -> Option<&'static str> {
        let expect: Expect = toml::from_str(expect).unwrap();
        let mut texts = Texts::default();
        texts.set("topic", "t");
        let wanted = Wanted::new(&expect, &texts, Some(7)).unwrap();
        assert!(wanted.describe().starts_with("PUBLISH"));
        wanted.differs(&received())
    }

    #[test]
    fn every_field_is_compared() {
        for (expect, difference) in [
            ("", None),
            ("topic = '{topic}/1'", None),
            ("topic = '{topic}/2'", Some("the topic")),
            ("payload = 'x'", Some("the payload")),
            ("hex = '00'", Some("the payload")),
            (r#"json = '{"b":[{"d":3,"c":2}], "a":1}'"#, None),
            (r#"json = '{"a":1}'"#, Some("the JSON")),
            (r#"json_has = '{"b":[{"c":2}]}'"#, None),
            (r#"json_has = '{"b":[]}'"#, Some("the JSON")),
            ("bytes = 27", None),
            ("bytes = 3", Some("the size")),
            ("qos = 1", None),
            ("qos = 0", Some("the QoS")),
            ("dup = true", Some("DUP")),
            ("retain = true", Some("RETAIN")),
            ("same_id = true", None),
            ("expiry = 60", None),
            ("expiry = 57", Some("the expiry")),
            ("expiry = 70", Some("the expiry")),
            ("payload_format = 0", Some("the payload format")),
            ("content_type = 'x'", Some("the content type")),
            ("response_topic = 'r'", None),
            ("response_topic = 'x'", Some("the response topic")),
            ("correlation = 'x'", Some("the correlation data")),
            ("user = [['k', 'v']]", None),
            ("user = []", Some("the user properties")),
            ("subscription_ids = [1, 2]", None),
            ("subscription_ids = [1]", Some("the subscription ids")),
        ] {
            assert_eq!(differs(expect), difference, "{expect}");
        }
    }
}
