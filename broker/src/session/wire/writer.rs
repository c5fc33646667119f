//! Writes the primitive values of a packet. Whole packets are assembled in `encode` and `client::encode`.
//!
//! Bounds: text and binary data are cut at 65 535 bytes, text between characters, so that no value can break the frame that it is in.

use super::packet::Qos;
use super::properties::id;
use bytes::{BufMut, BytesMut};

/// The first byte and the length, then `body`. For packets that are rare or small; a PUBLISH is written in place.
pub(super) fn frame(first: u8, body: &[u8], out: &mut BytesMut) {
    out.reserve(5 + body.len());
    out.put_u8(first);
    put_variable(body.len(), out);
    out.put_slice(body);
}

#[inline]
pub(super) fn put_variable(mut value: usize, out: &mut BytesMut) {
    loop {
        let low = value.to_le_bytes().first().copied().unwrap_or_default() & 0x7f;
        value >>= 7;
        if value == 0 {
            return out.put_u8(low);
        }
        out.put_u8(low | 0x80);
    }
}

/// Bytes that [`put_variable`] writes.
pub(super) fn variable_size(value: usize) -> usize {
    match value {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    }
}

#[inline]
pub(super) fn put_text(text: &str, out: &mut BytesMut) {
    put_binary(cut(text).as_bytes(), out);
}

pub(super) fn put_binary(data: &[u8], out: &mut BytesMut) {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    out.put_u16(length);
    out.put_slice(data.get(..length.into()).unwrap_or(data));
}

/// At most 65 535 bytes of `text`, whole characters.
pub(super) fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(usize::from(u16::MAX));
    text.get(..end).unwrap_or(text)
}

pub(super) fn qos_bits(qos: Qos) -> u8 {
    match qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 1,
        Qos::ExactlyOnce => 2,
    }
}

/// The first byte of a PUBLISH.
pub(super) fn publish_byte(dup: bool, qos: Qos, retain: bool) -> u8 {
    0x30 | u8::from(dup) << 3 | qos_bits(qos) << 1 | u8::from(retain)
}

/// MQTT 5 properties in the making; what is absent is left out.
#[derive(Default)]
pub(super) struct PropertyWriter(BytesMut);

impl PropertyWriter {
    pub(super) fn flag(&mut self, id: u8, value: Option<bool>) {
        self.byte(id, value.map(u8::from));
    }

    pub(super) fn byte(&mut self, id: u8, value: Option<u8>) {
        if let Some(value) = value {
            self.0.put_slice(&[id, value]);
        }
    }

    pub(super) fn u16(&mut self, id: u8, value: Option<u16>) {
        if let Some(value) = value {
            self.0.put_u8(id);
            self.0.put_u16(value);
        }
    }

    pub(super) fn u32(&mut self, id: u8, value: Option<u32>) {
        if let Some(value) = value {
            self.0.put_u8(id);
            self.0.put_u32(value);
        }
    }

    pub(super) fn text(&mut self, id: u8, value: Option<&str>) {
        if let Some(value) = value {
            self.0.put_u8(id);
            put_text(value, &mut self.0);
        }
    }

    pub(super) fn binary(&mut self, id: u8, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.0.put_u8(id);
            put_binary(value, &mut self.0);
        }
    }

    pub(super) fn subscription_id(&mut self, value: Option<u32>) {
        if let Some(value) = value {
            self.0.put_u8(id::SUBSCRIPTION_ID);
            put_variable(value.try_into().unwrap_or(usize::MAX), &mut self.0);
        }
    }

    pub(super) fn user(&mut self, name: &str, value: &str) {
        self.0.put_u8(id::USER);
        put_text(name, &mut self.0);
        put_text(value, &mut self.0);
    }

    /// Properties that are in wire form already.
    pub(super) fn raw(&mut self, properties: &[u8]) {
        self.0.put_slice(properties);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The length, then the properties.
    pub(super) fn finish(&self, out: &mut BytesMut) {
        put_variable(self.0.len(), out);
        out.put_slice(&self.0);
    }
}
