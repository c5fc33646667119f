//! MQTT 5 properties as they stand on the wire, found by their identifier.

/// The value of the first property of this identifier, in a block without its length. Text and binary data come with their two bytes of
/// length, pairs as a whole.
pub(crate) fn property(block: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = block;
    while let Some((&id, value)) = rest.split_first() {
        let size = size(id, value);
        if id == wanted {
            return Some(&value[..size]);
        }
        rest = &value[size..];
    }
    None
}

/// The block of a packet, where its length stands at this place; blocks of these tests are shorter than 16 KiB.
pub(crate) fn properties(body: &[u8], at: usize) -> &[u8] {
    let (low, high) = (usize::from(body[at] & 0x7F), body[at] & 0x80 != 0);
    let (length, start) = if high {
        (low | usize::from(body[at + 1]) << 7, at + 2)
    } else {
        (low, at + 1)
    };
    &body[start..start + length]
}

/// A reason string, or nothing.
pub(crate) fn reason(body: &[u8], at: usize) -> String {
    let found = property(properties(body, at), 0x1F).map(|text| text[2..].to_vec());
    String::from_utf8(found.unwrap_or_default()).unwrap()
}

fn size(id: u8, value: &[u8]) -> usize {
    let text = |at: usize| 2 + usize::from(u16::from_be_bytes([value[at], value[at + 1]]));
    match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => 1,
        0x13 | 0x21 | 0x22 | 0x23 => 2,
        0x02 | 0x11 | 0x18 | 0x27 => 4,
        0x0B => 1 + value.iter().take_while(|byte| **byte & 0x80 != 0).count(),
        0x26 => text(0) + text(text(0)),
        _ => text(0),
    }
}
