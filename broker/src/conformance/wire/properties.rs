//! The MQTT 5 properties that a server forwards with a message, in wire form and by name.
//!
//! Written beside the broker's own codec on purpose: what it writes and reads is not proven by itself. Reads only what the decoder has
//! validated; anything else ends the reading.

use bytes::{Buf, BufMut, Bytes, BytesMut};

const PAYLOAD_FORMAT: u8 = 0x01;
const CONTENT_TYPE: u8 = 0x03;
const RESPONSE_TOPIC: u8 = 0x08;
const CORRELATION: u8 = 0x09;
const USER: u8 = 0x26;

/// What may go with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) payload_format: Option<u8>,
    pub(super) content_type: Option<String>,
    pub(super) response_topic: Option<String>,
    pub(super) correlation: Option<Vec<u8>>,
    pub(super) user: Vec<(String, String)>,
}

impl Carried {
    /// Wire form, without the length.
    pub(super) fn write(&self) -> Bytes {
        let mut out = BytesMut::new();
        if let Some(format) = self.payload_format {
            out.put_slice(&[PAYLOAD_FORMAT, format]);
        }
        if let Some(kind) = &self.content_type {
            out.put_u8(CONTENT_TYPE);
            put(kind.as_bytes(), &mut out);
        }
        if let Some(topic) = &self.response_topic {
            out.put_u8(RESPONSE_TOPIC);
            put(topic.as_bytes(), &mut out);
        }
        if let Some(data) = &self.correlation {
            out.put_u8(CORRELATION);
            put(data, &mut out);
        }
        for (name, value) in &self.user {
            out.put_u8(USER);
            put(name.as_bytes(), &mut out);
            put(value.as_bytes(), &mut out);
        }
        out.freeze()
    }

    /// The same read back.
    pub(super) fn read(mut wire: Bytes) -> Self {
        let mut carried = Self::default();
        while carried.read_one(&mut wire).is_some() {}
        carried
    }

    fn read_one(&mut self, wire: &mut Bytes) -> Option<()> {
        match wire.try_get_u8().ok()? {
            PAYLOAD_FORMAT => self.payload_format = Some(wire.try_get_u8().ok()?),
            CONTENT_TYPE => self.content_type = Some(text(wire)?),
            RESPONSE_TOPIC => self.response_topic = Some(text(wire)?),
            CORRELATION => self.correlation = Some(binary(wire)?.to_vec()),
            USER => self.user.push((text(wire)?, text(wire)?)),
            _ => return None,
        }
        Some(())
    }
}

/// Longer than 65 535 bytes there is no such field; a case that says so is cut.
pub(super) fn put(bytes: &[u8], out: &mut BytesMut) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.put_u16(length);
    out.extend(bytes.iter().take(length.into()));
}

fn binary(wire: &mut Bytes) -> Option<Bytes> {
    let length = wire.try_get_u16().ok()?.into();
    (length <= wire.len()).then(|| wire.split_to(length))
}

fn text(wire: &mut Bytes) -> Option<String> {
    String::from_utf8(binary(wire)?.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let carried = Carried {
            payload_format: Some(1),
            content_type: Some("text".into()),
            response_topic: Some("a/b".into()),
            correlation: Some(vec![0, 255]),
            user: vec![("k".into(), "1".into()), ("k".into(), "2".into())],
        };
        assert_eq!(Carried::read(carried.write()), carried);
        let exact = Carried {
            content_type: Some("x".into()),
            ..Carried::default()
        };
        assert_eq!(exact.write().as_ref(), [3, 0, 1, b'x']);
    }

    #[test]
    fn a_cut_block_ends_the_reading() {
        assert_eq!(
            Carried::read(Bytes::from_static(&[3, 0, 9, b'x'])),
            Carried::default()
        );
    }
}
