//! What breaks the specification: the bytes, the reason code and the clause.

use super::super::{Level, Malformed, answer_level, client, decode};
use super::{LIMIT, decode_first, decode_one};
use bytes::BytesMut;

const V4: Level = Level::V4;
const V5: Level = Level::V5;
const V3: Level = Level::V3;

type Case = (&'static str, Level, &'static [u8], u8, &'static str);

#[track_caller]
fn check(
    name: &str,
    result: Result<Option<impl std::fmt::Debug>, Malformed>,
    code: u8,
    clause: &str,
) {
    match result {
        Ok(packet) => panic!("{name}: accepted as {packet:?}"),
        Err(error) => assert_eq!(
            (error.code, error.clause),
            (code, clause),
            "{name}: {error}"
        ),
    }
}

// One table.
#[allow(clippy::too_many_lines)]
#[test]
fn packets_after_connect() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        // Fixed header.
        ("reserved type 0", V4, b"\x00\x00", 0x81, "MQTT-4.8.0-1"),
        ("reserved type 0", V5, b"\x00\x00", 0x81, "MQTT-4.13.1-1"),
        ("AUTH does not exist at level 4", V4, b"\xf0\x00", 0x81, "MQTT-4.8.0-1"),
        ("AUTH does not exist at level 3", V3, b"\xf0\x00", 0x81, "MQTT-4.8.0-1"),
        ("second CONNECT, 3.1", V3, b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01c", 0x82, "MQTT-3.1.0-2"),
        ("SUBSCRIBE with flags 0, 3.1", V3, b"\x80\x06\x00\x01\x00\x01a\x00", 0x81, "MQTT-3.8.1-1"),
        ("SUBSCRIBE with DUP", V4, b"\x8a\x06\x00\x01\x00\x01a\x00", 0x81, "MQTT-3.8.1-1"),
        ("PINGREQ with DUP, 3.1", V3, b"\xc8\x00", 0x81, "MQTT-2.2.2-2"),
        ("second CONNECT", V4, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 0x82, "MQTT-3.1.0-2"),
        ("second CONNECT", V5, b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00", 0x82, "MQTT-3.1.0-2"),
        ("CONNACK from a client (P8)", V5, b"\x20\x01\x00", 0x82, "MQTT-4.13.1-1"),
        ("PUBACK with flags 8", V5, b"\x48\x02\x00\x01", 0x81, "MQTT-2.1.3-1"),
        ("PUBREC with flags 1", V5, b"\x51\x02\x00\x01", 0x81, "MQTT-2.1.3-1"),
        ("PUBREL with flags 3", V5, b"\x63\x02\x00\x01", 0x81, "MQTT-3.6.1-1"),
        ("PUBCOMP with flags 4", V5, b"\x74\x02\x00\x01", 0x81, "MQTT-2.1.3-1"),
        ("UNSUBSCRIBE with flags 0", V5, b"\xa0\x06\x00\x01\x00\x00\x01a", 0x81, "MQTT-3.10.1-1"),
        ("DISCONNECT with flags 2", V5, b"\xe2\x00", 0x81, "MQTT-3.14.1-1"),
        ("SUBACK from a client", V4, b"\x90\x03\x00\x01\x00", 0x82, "MQTT-4.8.0-1"),
        ("UNSUBACK from a client (P8)", V5, b"\xb0\x01\x00", 0x82, "MQTT-4.13.1-1"),
        ("PINGRESP from a client", V4, b"\xd0\x00", 0x82, "MQTT-4.8.0-1"),
        ("SUBSCRIBE with flags 0", V4, b"\x80\x06\x00\x01\x00\x01a\x00", 0x81, "MQTT-3.8.1-1"),
        ("SUBSCRIBE with flags 3", V5, b"\x83\x07\x00\x01\x00\x00\x01a\x00", 0x81, "MQTT-3.8.1-1"),
        ("UNSUBSCRIBE with flags 0", V4, b"\xa0\x05\x00\x01\x00\x01a", 0x81, "MQTT-3.10.1-1"),
        ("PUBREL with flags 0", V4, b"\x60\x02\x00\x01", 0x81, "MQTT-3.6.1-1"),
        ("PUBACK with flags 1", V4, b"\x41\x02\x00\x01", 0x81, "MQTT-2.2.2-2"),
        ("PUBACK with flags 1", V5, b"\x41\x02\x00\x01", 0x81, "MQTT-2.1.3-1"),
        ("PINGREQ with flags 1", V5, b"\xc1\x00", 0x81, "MQTT-2.1.3-1"),
        ("DISCONNECT with flags 1", V4, b"\xe1\x00", 0x81, "MQTT-3.14.1-1"),
        ("AUTH with flags 1", V5, b"\xf1\x00", 0x81, "MQTT-3.15.1-1"),
        ("length of five bytes", V4, b"\x30\x80\x80\x80\x80\x01", 0x81, "MQTT-4.8.0-1"),
        ("length of five bytes, seen at the fourth", V5, b"\x30\xff\xff\xff\xff", 0x81, "MQTT-4.13.1-1"),
        ("length longer than it need be", V5, b"\xc0\x80\x00", 0x81, "MQTT-1.5.5-1"),
        ("larger than the limit, seen with the header", V4, b"\x30\xff\xff\xff\x7f", 0x95, "MQTT-4.8.0-1"),
        ("larger than the limit, seen with the header", V5, b"\x30\xff\xff\xff\x7f", 0x95, "MQTT-3.2.2-15"),
        ("PINGREQ with a body", V4, b"\xc0\x01\x00", 0x81, "MQTT-4.8.0-1"),
        // PUBLISH.
        ("QoS 3", V4, b"\x36\x05\x00\x01a\x00\x01", 0x81, "MQTT-3.3.1-4"),
        ("QoS 3, seen with the first byte", V5, b"\x36", 0x81, "MQTT-3.3.1-4"),
        ("DUP with QoS 0", V4, b"\x38\x03\x00\x01a", 0x81, "MQTT-3.3.1-2"),
        ("packet id 0", V4, b"\x32\x05\x00\x01a\x00\x00", 0x82, "MQTT-2.3.1-1"),
        ("packet id 0", V5, b"\x32\x06\x00\x01a\x00\x00\x00", 0x82, "MQTT-2.2.1-3"),
        ("no packet id", V4, b"\x32\x03\x00\x01a", 0x81, "MQTT-4.8.0-1"),
        ("topic longer than the packet", V4, b"\x30\x03\x00\x02a", 0x81, "MQTT-4.8.0-1"),
        ("half a topic length", V4, b"\x30\x01\x00", 0x81, "MQTT-4.8.0-1"),
        ("no topic", V4, b"\x30\x00", 0x81, "MQTT-4.8.0-1"),
        ("empty topic", V4, b"\x30\x02\x00\x00", 0x90, "MQTT-4.7.3-1"),
        ("empty topic without an alias", V5, b"\x30\x03\x00\x00\x00", 0x82, "MQTT-4.13.1-1"),
        ("topic with +", V4, b"\x30\x05\x00\x03a/+", 0x90, "MQTT-3.3.2-2"),
        ("topic with #", V5, b"\x30\x04\x00\x01#\x00", 0x90, "MQTT-3.3.2-2"),
        ("topic with NUL", V4, b"\x30\x04\x00\x02a\x00", 0x81, "MQTT-1.5.3-2"),
        ("topic with NUL", V5, b"\x30\x05\x00\x02a\x00\x00", 0x81, "MQTT-1.5.4-2"),
        ("topic with a surrogate", V4, b"\x30\x05\x00\x03\xed\xa0\x80", 0x81, "MQTT-1.5.3-1"),
        ("topic with an overlong slash", V5, b"\x30\x05\x00\x02\xc0\xaf\x00", 0x81, "MQTT-1.5.4-1"),
        ("topic beyond U+10FFFF", V5, b"\x30\x07\x00\x04\xf4\x90\x80\x80\x00", 0x81, "MQTT-1.5.4-1"),
        ("no properties at level 5", V5, b"\x30\x03\x00\x01a", 0x81, "MQTT-4.13.1-1"),
        ("properties longer than the packet", V5, b"\x30\x05\x00\x01a\x02\x01", 0x81, "MQTT-4.13.1-1"),
        ("property length longer than it need be", V5, b"\x30\x05\x00\x01a\x80\x00", 0x81, "MQTT-1.5.5-1"),
        ("alias 0", V5, b"\x30\x07\x00\x01a\x03\x23\x00\x00", 0x94, "MQTT-3.3.2-8"),
        ("alias twice", V5, b"\x30\x0a\x00\x01a\x06\x23\x00\x01\x23\x00\x01", 0x82, "MQTT-4.13.1-1"),
        ("payload format 2", V5, b"\x30\x06\x00\x01a\x02\x01\x02", 0x82, "MQTT-4.13.1-1"),
        ("property of CONNECT", V5, b"\x30\x09\x00\x01a\x05\x11\x00\x00\x00\x01", 0x81, "MQTT-4.13.1-1"),
        ("unknown property", V5, b"\x30\x06\x00\x01a\x02\x7e\x00", 0x81, "MQTT-4.13.1-1"),
        ("property id of two bytes", V5, b"\x30\x07\x00\x01a\x03\x81\x01\x00", 0x81, "MQTT-4.13.1-1"),
        ("subscription id from a client", V5, b"\x30\x06\x00\x01a\x02\x0b\x01", 0x82, "MQTT-3.3.4-6"),
        ("response topic with +", V5, b"\x30\x08\x00\x01a\x04\x08\x00\x01+", 0x90, "MQTT-3.3.2-14"),
        ("user property of half a pair", V5, b"\x30\x08\x00\x01a\x04\x26\x00\x01n", 0x81, "MQTT-4.13.1-1"),
        ("user property that is not UTF-8", V5, b"\x30\x0b\x00\x01a\x07\x26\x00\x01n\x00\x01\xff", 0x81, "MQTT-1.5.4-1"),
        // Acks.
        ("PUBACK of one byte", V4, b"\x40\x01\x00", 0x81, "MQTT-4.8.0-1"),
        ("PUBACK of three bytes", V4, b"\x40\x03\x00\x01\x00", 0x81, "MQTT-4.8.0-1"),
        ("PUBACK with the packet id 0", V4, b"\x40\x02\x00\x00", 0x82, "MQTT-2.3.1-1"),
        ("PUBACK with an unknown code", V5, b"\x40\x03\x00\x01\x01", 0x82, "MQTT-3.4.2-1"),
        ("PUBREC with an unknown code", V5, b"\x50\x03\x00\x01\x92", 0x82, "MQTT-3.5.2-1"),
        ("PUBREL with an unknown code", V5, b"\x62\x03\x00\x01\x10", 0x82, "MQTT-3.6.2-1"),
        ("PUBCOMP with an unknown code", V5, b"\x70\x03\x00\x01\x87", 0x82, "MQTT-3.7.2-1"),
        ("PUBACK with trailing bytes", V5, b"\x40\x05\x00\x01\x00\x00\x00", 0x81, "MQTT-4.13.1-1"),
        ("PUBACK with a topic alias", V5, b"\x40\x07\x00\x01\x00\x03\x23\x00\x01", 0x81, "MQTT-4.13.1-1"),
        // SUBSCRIBE and UNSUBSCRIBE.
        ("SUBSCRIBE without a filter", V4, b"\x82\x02\x00\x01", 0x82, "MQTT-3.8.3-3"),
        ("SUBSCRIBE without a filter", V5, b"\x82\x03\x00\x01\x00", 0x82, "MQTT-3.8.3-2"),
        ("SUBSCRIBE with the packet id 0", V4, b"\x82\x06\x00\x00\x00\x01a\x00", 0x82, "MQTT-2.3.1-1"),
        ("SUBSCRIBE without options", V4, b"\x82\x05\x00\x01\x00\x01a", 0x81, "MQTT-4.8.0-1"),
        ("SUBSCRIBE with QoS 3", V4, b"\x82\x06\x00\x01\x00\x01a\x03", 0x81, "MQTT-3-8.3-4"),
        ("SUBSCRIBE with QoS 3", V5, b"\x82\x07\x00\x01\x00\x00\x01a\x03", 0x82, "MQTT-4.13.1-1"),
        ("SUBSCRIBE with reserved bits", V4, b"\x82\x06\x00\x01\x00\x01a\x04", 0x81, "MQTT-3-8.3-4"),
        ("SUBSCRIBE with reserved bits", V5, b"\x82\x07\x00\x01\x00\x00\x01a\x40", 0x81, "MQTT-3.8.3-5"),
        ("SUBSCRIBE with retain handling 3", V5, b"\x82\x07\x00\x01\x00\x00\x01a\x30", 0x82, "MQTT-4.13.1-1"),
        ("SUBSCRIBE with a filter with NUL", V4, b"\x82\x06\x00\x01\x00\x01\x00\x00", 0x81, "MQTT-1.5.3-2"),
        ("SUBSCRIBE, shared, with no local", V5, b"\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x04", 0x82, "MQTT-3.8.3-4"),
        ("subscription id 0", V5, b"\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", 0x82, "MQTT-4.13.1-1"),
        ("subscription id twice", V5, b"\x82\x0b\x00\x01\x04\x0b\x01\x0b\x02\x00\x01a\x00", 0x82, "MQTT-4.13.1-1"),
        ("UNSUBSCRIBE without a filter", V4, b"\xa2\x02\x00\x01", 0x82, "MQTT-3.10.3-2"),
        ("UNSUBSCRIBE without a filter", V5, b"\xa2\x03\x00\x01\x00", 0x82, "MQTT-3.10.3-2"),
        ("UNSUBSCRIBE with the packet id 0", V5, b"\xa2\x06\x00\x00\x00\x00\x01a", 0x82, "MQTT-2.2.1-3"),
        ("UNSUBSCRIBE with half a filter", V4, b"\xa2\x04\x00\x01\x00\x01", 0x81, "MQTT-4.8.0-1"),
        // DISCONNECT and AUTH.
        ("DISCONNECT with a body", V4, b"\xe0\x01\x00", 0x81, "MQTT-4.8.0-1"),
        ("DISCONNECT with a server's code", V5, b"\xe0\x01\x8e", 0x82, "MQTT-3.14.2-1"),
        ("DISCONNECT with a will delay", V5, b"\xe0\x07\x00\x05\x18\x00\x00\x00\x01", 0x81, "MQTT-4.13.1-1"),
        ("AUTH with success", V5, b"\xf0\x00", 0x82, "MQTT-3.15.2-1"),
        ("AUTH with an unknown code", V5, b"\xf0\x01\x20", 0x82, "MQTT-3.15.2-1"),
    ];
    for (name, level, bytes, code, clause) in cases {
        check(name, decode_one(*level, bytes), *code, clause);
    }
}

#[test]
fn first_packets() {
    #[rustfmt::skip]
    let cases: &[(&str, &[u8], u8, &str)] = &[
        ("PUBLISH first", b"\x30\x03\x00\x01a", 0x82, "MQTT-3.1.0-1"),
        ("PINGREQ first", b"\xc0\x00", 0x82, "MQTT-3.1.0-1"),
        ("CONNACK first (P8)", b"\x20\x01\x00", 0x82, "MQTT-3.1.0-1"),
        ("HTTP", b"GET / HTTP/1.1\r\n", 0x82, "MQTT-3.1.0-1"),
        ("TLS hello on a plain port", b"\x16\x03\x01\x02\x00\x01", 0x81, "MQTT-2.2.2-2"),
        ("flags 1", b"\x11\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 0x81, "MQTT-2.2.2-2"),
        ("MQTT with level 3", b"\x10\x0d\x00\x04MQTT\x03\x02\x00\x3c\x00\x01c", 0x84, "MQTT-3.1.2-2"),
        ("MQIsdp with level 5", b"\x10\x0f\x00\x06MQIsdp\x05\x02\x00\x3c\x00\x01c", 0x84, "MQTT-3.1.2-2"),
        ("3.1, password without a user name", b"\x10\x12\x00\x06MQIsdp\x03\x42\x00\x3c\x00\x01c\x00\x01p", 0x81, "MQTT-3.1.2-22"),
        ("3.1, half a user name", b"\x10\x11\x00\x06MQIsdp\x03\x82\x00\x3c\x00\x01c\x00\x01", 0x81, "MQTT-4.8.0-1"),
        ("MQIsdp with level 4", b"\x10\x0f\x00\x06MQIsdp\x04\x02\x00\x3c\x00\x01c", 0x84, "MQTT-3.1.2-2"),
        ("level 6 of another layout", b"\x10\x09\x00\x04MQTT\x06\xff\xff", 0x84, "MQTT-3.1.2-2"),
        ("bridge bit", b"\x10\x0c\x00\x04MQTT\x84\x02\x00\x3c\x00\x00", 0x84, "MQTT-3.1.2-2"),
        ("protocol name", b"\x10\x0c\x00\x04mqtt\x04\x02\x00\x3c\x00\x00", 0x84, "MQTT-3.1.2-1"),
        ("reserved flag", b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x3c\x00\x00", 0x81, "MQTT-3.1.2-3"),
        ("will QoS without a will", b"\x10\x0c\x00\x04MQTT\x04\x0a\x00\x3c\x00\x00", 0x81, "MQTT-3.1.2-13"),
        ("will QoS without a will, 5", b"\x10\x0d\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x00", 0x81, "MQTT-3.1.2-11"),
        ("will retain without a will", b"\x10\x0c\x00\x04MQTT\x04\x22\x00\x3c\x00\x00", 0x81, "MQTT-3.1.2-15"),
        ("will retain without a will, 5", b"\x10\x0d\x00\x04MQTT\x05\x22\x00\x3c\x00\x00\x00", 0x81, "MQTT-3.1.2-13"),
        ("will QoS 3", b"\x10\x11\x00\x04MQTT\x04\x1e\x00\x3c\x00\x00\x00\x01t\x00\x00", 0x81, "MQTT-3.1.2-14"),
        ("will QoS 3, 5", b"\x10\x13\x00\x04MQTT\x05\x1e\x00\x3c\x00\x00\x00\x00\x00\x01t\x00\x00", 0x81, "MQTT-3.1.2-12"),
        ("will QoS 3 without a will", b"\x10\x0c\x00\x04MQTT\x04\x1a\x00\x3c\x00\x00", 0x81, "MQTT-3.1.2-13"),
        ("password without a user name", b"\x10\x0f\x00\x04MQTT\x04\x42\x00\x3c\x00\x00\x00\x01p", 0x81, "MQTT-3.1.2-22"),
        ("will with a wildcard", b"\x10\x11\x00\x04MQTT\x04\x06\x00\x3c\x00\x00\x00\x01#\x00\x00", 0x90, "MQTT-4.7.1-1"),
        ("will with a wildcard, 5", b"\x10\x13\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x00\x00\x00\x01+\x00\x00", 0x90, "MQTT-4.7.0-1"),
        ("will without a topic", b"\x10\x10\x00\x04MQTT\x04\x06\x00\x3c\x00\x00\x00\x00\x00\x00", 0x90, "MQTT-4.7.3-1"),
        ("client id with NUL", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01\x00", 0x81, "MQTT-1.5.3-2"),
        ("user name that is not UTF-8", b"\x10\x0f\x00\x04MQTT\x04\x82\x00\x3c\x00\x00\x00\x01\xff", 0x81, "MQTT-1.5.3-1"),
        ("no client id", b"\x10\x0a\x00\x04MQTT\x04\x02\x00\x3c", 0x81, "MQTT-4.8.0-1"),
        ("user name flag, no user name", b"\x10\x0c\x00\x04MQTT\x04\x82\x00\x3c\x00\x00", 0x81, "MQTT-4.8.0-1"),
        ("trailing bytes", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\x00", 0x81, "MQTT-4.8.0-1"),
        ("trailing bytes, 5", b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00\x00", 0x81, "MQTT-4.13.1-1"),
        ("empty", b"\x10\x00", 0x81, "MQTT-4.8.0-1"),
        ("length longer than it need be, 5", b"\x10\x8d\x00\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00", 0x81, "MQTT-1.5.5-1"),
        ("receive maximum 0", b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x03\x21\x00\x00\x00\x00", 0x82, "MQTT-4.13.1-1"),
        ("maximum packet size 0", b"\x10\x12\x00\x04MQTT\x05\x02\x00\x3c\x05\x27\x00\x00\x00\x00\x00\x00", 0x82, "MQTT-4.13.1-1"),
        ("request problem information 2", b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x3c\x02\x17\x02\x00\x00", 0x82, "MQTT-4.13.1-1"),
        ("session expiry twice", b"\x10\x17\x00\x04MQTT\x05\x02\x00\x3c\x0a\x11\x00\x00\x00\x01\x11\x00\x00\x00\x01\x00\x00", 0x82, "MQTT-4.13.1-1"),
        ("will delay outside the will", b"\x10\x12\x00\x04MQTT\x05\x02\x00\x3c\x05\x18\x00\x00\x00\x01\x00\x00", 0x81, "MQTT-4.13.1-1"),
        ("authentication data without a method", b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x04\x16\x00\x01a\x00\x00", 0x82, "MQTT-4.13.1-1"),
    ];
    for (name, bytes, code, clause) in cases {
        check(name, decode_first(bytes), *code, clause);
    }
}

#[test]
fn servers_are_held_to_the_same_rules() {
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("CONNECT from a server", V4, b"\x10\x00", 0x82, "MQTT-4.8.0-1"),
        ("DISCONNECT from a server at level 4", V4, b"\xe0\x00", 0x82, "MQTT-4.8.0-1"),
        ("session expiry in a server's DISCONNECT", V5, b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01", 0x82, "MQTT-3.14.2-2"),
        ("DISCONNECT with a client's code", V5, b"\xe0\x01\x04", 0x82, "MQTT-3.14.2-1"),
        ("CONNACK with reserved flags", V4, b"\x20\x02\x02\x00", 0x81, "MQTT-3.2.2-1"),
        ("maximum QoS 2", V5, b"\x20\x05\x00\x00\x02\x24\x02", 0x82, "MQTT-4.13.1-1"),
    ];
    for (name, level, bytes, code, clause) in cases {
        let result = client::decode(&mut BytesMut::from(*bytes), *level, LIMIT);
        check(name, result, *code, clause);
    }
}

#[test]
fn a_refused_connect_stays_and_tells_how_to_answer_it() {
    let cases: &[(&[u8], Option<Level>)] = &[
        (b"\x10\x0f\x00\x06MQIsdp\x04\x02\x00\x3c\x00\x01c", Some(V4)),
        (b"\x10\x0d\x00\x04MQTT\x03\x02\x00\x3c\x00\x01c", Some(V4)),
        (b"\x10\x09\x00\x04MQTT\x06\xff\xff", Some(V5)),
        (b"\x10\x0c\x00\x04MQTT\x84\x02\x00\x3c\x00\x00", Some(V4)),
        (b"\x10\x0f\x00\x06MQIsdp\x83\x02\x00\x3c\x00\x01c", Some(V4)),
        (b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x3c\x00\x00", Some(V4)),
        (
            b"\x10\x0d\x00\x04MQTT\x05\x03\x00\x3c\x00\x00\x00",
            Some(V5),
        ),
        (b"\x10\x0c\x00\x04mqtt\x04\x02\x00\x3c\x00\x00", None),
        (b"\x10\x00", None),
        (b"GET / HTTP/1.1\r\n\r\n", None),
    ];
    for (bytes, level) in cases {
        let mut input = BytesMut::from(*bytes);
        decode(&mut input, None, LIMIT).unwrap_err();
        assert_eq!(input, *bytes);
        assert_eq!(answer_level(&input), *level, "{bytes:?}");
    }
}

#[test]
fn the_limit_counts_the_whole_packet() {
    let packet = b"\x30\x08\x00\x01apayld";
    let mut input = BytesMut::from(&packet[..2]);
    check(
        "one byte more than the limit",
        decode(&mut input, Some(V4), 9),
        0x95,
        "MQTT-4.8.0-1",
    );
    assert_eq!(decode(&mut input, Some(V4), 10).unwrap(), None);
}

#[test]
fn errors_are_one_line_and_quote_the_value_safely() {
    let packet = [b"\x30\x80\x02\x00\xfe#\n".as_slice(), &[b'x'; 252]].concat();
    let error = decode_one(V4, &packet).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "topic name `#\\n{}` with a wildcard [MQTT-3.3.2-2]",
            "x".repeat(62)
        )
    );
}
