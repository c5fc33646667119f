//! Finding the end of things in a text that is known to be well-formed. Past the end there is nothing: every search stops there.

/// The first byte from `at` on that is no white space.
pub(super) fn skip_space(bytes: &[u8], at: usize) -> usize {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    first(bytes, at, |byte| !is_space(byte))
}

/// The first byte from `at` on that is neither white space nor between two values.
pub(super) fn skip_separators(bytes: &[u8], at: usize) -> usize {
    first(bytes, at, |byte| {
        !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':')
    })
}

/// One past the value that starts at `at`.
pub(super) fn value_end(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b'"') => text_end(bytes, at),
        Some(b'{' | b'[') => container_end(bytes, at),
        _ => first(bytes, at, |byte| {
            matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')
        }),
    }
}

/// One past the closing quote of the string that starts at `at`.
fn text_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        at = first(bytes, at, |byte| matches!(byte, b'"' | b'\\'));
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(_) => return at + 1,
            None => return bytes.len(),
        }
    }
}

fn container_end(bytes: &[u8], at: usize) -> usize {
    let mut at = at;
    let mut depth = 0_usize;
    loop {
        at = first(bytes, at, |byte| {
            matches!(byte, b'"' | b'{' | b'[' | b'}' | b']')
        });
        match bytes.get(at) {
            Some(b'"') => at = text_end(bytes, at),
            Some(b'{' | b'[') => {
                depth += 1;
                at += 1;
            }
            Some(_) => {
                depth = depth.saturating_sub(1);
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
            None => return bytes.len(),
        }
    }
}

fn first(bytes: &[u8], at: usize, wanted: impl Fn(&u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter()
        .position(wanted)
        .map_or(bytes.len(), |offset| at + offset)
}
