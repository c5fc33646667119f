//! What a PUBLISH and a will have in common: a topic name, and properties of which a server keeps some and forwards the others as they are.

use super::malformed::{Clause, Malformed};
use super::packet::Level;
use super::properties::{Place, Properties, Value, id};
use super::reader::Reader;
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use std::ops::Range;

/// The properties of a message, sorted by who needs them.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) alias: Option<u16>,
    pub(super) delay: u32,
    pub(super) expiry: Option<u32>,
    pub(super) subscription_ids: Vec<u32>,
    /// In wire form, in order, without the length: what is forwarded unaltered.
    pub(super) forwarded: Bytes,
}

impl Carried {
    pub(super) fn read(reader: &mut Reader, place: Place) -> Result<Self, Malformed> {
        let length = reader.variable()?;
        if length == 0 {
            return Ok(Self::default());
        }
        let block = reader.part(length)?.rest();
        let mut forwarded = Runs::new(block.clone());
        let mut properties = Properties::new(Reader::new(block, Level::V5), place);
        let mut carried = Self::default();
        let mut start = 0;
        while let Some((id, value)) = properties.next()? {
            let end = length - properties.left();
            if !carried.keep(id, &value)? {
                forwarded.add(start..end);
            }
            start = end;
        }
        carried.forwarded = forwarded.finish();
        Ok(carried)
    }

    /// False for a property that is forwarded.
    fn keep(&mut self, id: u8, value: &Value) -> Result<bool, Malformed> {
        match (id, value) {
            (id::TOPIC_ALIAS, Value::Number(alias)) => self.alias = u16::try_from(*alias).ok(),
            (id::WILL_DELAY, Value::Number(delay)) => self.delay = *delay,
            (id::MESSAGE_EXPIRY, Value::Number(expiry)) => self.expiry = Some(*expiry),
            (id::SUBSCRIPTION_ID, Value::Number(id)) => self.subscription_ids.push(*id),
            (id::RESPONSE_TOPIC, Value::Text(topic)) => {
                check_response_topic(topic)?;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Ranges of a block, joined: a slice where they touch, which is how clients write them, and a copy otherwise.
struct Runs {
    block: Bytes,
    run: Range<usize>,
    copied: BytesMut,
}

impl Runs {
    fn new(block: Bytes) -> Self {
        Self {
            block,
            run: 0..0,
            copied: BytesMut::new(),
        }
    }

    fn add(&mut self, range: Range<usize>) {
        if self.run.end == range.start {
            self.run.end = range.end;
            return;
        }
        self.flush();
        self.run = range;
    }

    fn flush(&mut self) {
        self.copied
            .extend_from_slice(self.block.get(self.run.clone()).unwrap_or_default());
    }

    fn finish(mut self) -> Bytes {
        if self.copied.is_empty() {
            return self.block.slice(self.run);
        }
        self.flush();
        self.copied.freeze()
    }
}

/// A topic name: not empty and without wildcards. UTF-8 and NUL have been checked with the text.
pub(super) fn check_topic(topic: &ByteString, level: Level) -> Result<(), Malformed> {
    if topic.is_empty() {
        let clause = Clause::both("MQTT-4.7.3-1");
        return Err(Malformed::topic(level, clause, "empty topic name"));
    }
    if has_wildcard(topic) {
        let clause = Clause::new("MQTT-4.7.1-1", "MQTT-4.7.0-1");
        return Err(Malformed::topic(level, clause, wildcard_detail(topic)));
    }
    Ok(())
}

fn check_response_topic(topic: &ByteString) -> Result<(), Malformed> {
    if !has_wildcard(topic) {
        return Ok(());
    }
    let clause = Clause::both("MQTT-3.3.2-14");
    Err(Malformed::topic(Level::V5, clause, wildcard_detail(topic)))
}

pub(super) fn has_wildcard(topic: &str) -> bool {
    topic.bytes().any(|byte| byte == b'+' || byte == b'#')
}

/// At most 64 characters of the topic, which may be 65 535 bytes long.
pub(super) fn wildcard_detail(topic: &str) -> String {
    let shown: String = topic.chars().take(64).collect();
    format!("topic name `{}` with a wildcard", shown.escape_debug())
}
