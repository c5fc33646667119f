//! SUBSCRIBE and UNSUBSCRIBE. Filters are checked as text only; see [`Filter`].
//!
//! Bounds: a filter takes three bytes on the wire at least and 40 bytes here, so a list is at most 14 times its packet.

use super::malformed::{Clause, Malformed, VIOLATION};
use super::packet::{Filter, Level, Qos, Subscribe, Unsubscribe};
use super::properties::{Place, Properties, Value};
use super::reader::{Reader, qos};

pub(super) fn subscribe(mut reader: Reader) -> Result<Subscribe, Malformed> {
    let packet_id = reader.packet_id()?;
    let subscription_id = match reader.level() {
        Level::V3 | Level::V4 => None,
        Level::V5 => subscription_id(&mut reader)?,
    };
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(filter(&mut reader)?);
    }
    if filters.is_empty() {
        let clause = Clause::new("MQTT-3.8.3-3", "MQTT-3.8.3-2");
        return Err(Malformed::protocol(
            reader.level(),
            clause,
            "Subscribe without a filter",
        ));
    }
    Ok(Subscribe {
        packet_id,
        subscription_id,
        filters,
    })
}

fn subscription_id(reader: &mut Reader) -> Result<Option<u32>, Malformed> {
    let mut properties = Properties::of(reader, Place::SUBSCRIBE)?;
    let mut found = None;
    while let Some((_, value)) = properties.next()? {
        if let Value::Number(id) = value {
            found = Some(id);
        }
    }
    Ok(found)
}

fn filter(reader: &mut Reader) -> Result<Filter, Malformed> {
    let text = reader.text()?;
    let (options, level) = (reader.byte()?, reader.level());
    let filter = Filter {
        filter: text,
        qos: requested_qos(options, level)?,
        no_local: options & 0x04 != 0,
        retain_as_published: options & 0x08 != 0,
        retain_handling: options >> 4 & 0x03,
    };
    if filter.retain_handling == 3 {
        return Err(Malformed::protocol(level, VIOLATION, "retain handling `3`"));
    }
    if filter.no_local && filter.filter.starts_with("$share/") {
        let clause = Clause::both("MQTT-3.8.3-4");
        return Err(Malformed::protocol(
            level,
            clause,
            "no local on a shared subscription",
        ));
    }
    Ok(filter)
}

/// At level 4 everything but the QoS is reserved, at level 5 the two highest bits.
fn requested_qos(options: u8, level: Level) -> Result<Qos, Malformed> {
    let (reserved, clause) = match level {
        // This is how 3.1.1 spells it.
        Level::V3 | Level::V4 => (0xfc, Clause::both("MQTT-3-8.3-4")),
        Level::V5 => (0xc0, Clause::both("MQTT-3.8.3-5")),
    };
    if options & reserved != 0 {
        let detail = format!("reserved bits in the subscription options `{options:#04x}`");
        return Err(Malformed::packet(level, clause, detail));
    }
    qos(options).ok_or_else(|| match level {
        Level::V3 | Level::V4 => Malformed::packet(level, clause, "subscription with QoS `3`"),
        Level::V5 => Malformed::protocol(level, VIOLATION, "subscription with QoS `3`"),
    })
}

pub(super) fn unsubscribe(mut reader: Reader) -> Result<Unsubscribe, Malformed> {
    let packet_id = reader.packet_id()?;
    if reader.level() == Level::V5 {
        Properties::of(&mut reader, Place::UNSUBSCRIBE)?.check()?;
    }
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(reader.text()?);
    }
    if filters.is_empty() {
        let clause = Clause::both("MQTT-3.10.3-2");
        return Err(Malformed::protocol(
            reader.level(),
            clause,
            "Unsubscribe without a filter",
        ));
    }
    Ok(Unsubscribe { packet_id, filters })
}
