//! The codec, byte by byte: tables of what must be refused and why, exact encodings, and properties over arbitrary packets.

mod exact;
mod generate;
mod mutation;
mod refused;
mod round_trip;

use super::{FromClient, Level, Malformed, decode};
use bytes::BytesMut;

/// More than any packet of these tests.
const LIMIT: u32 = 1 << 20;

/// One packet of an established connection.
fn decode_one(level: Level, bytes: &[u8]) -> Result<Option<FromClient>, Malformed> {
    decode(&mut BytesMut::from(bytes), Some(level), LIMIT)
}

/// The first packet of a connection.
fn decode_first(bytes: &[u8]) -> Result<Option<FromClient>, Malformed> {
    decode(&mut BytesMut::from(bytes), None, LIMIT)
}
