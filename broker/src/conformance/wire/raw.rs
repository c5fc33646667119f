//! Bytes as a case writes them. Pure.
//!
//! Words with spaces between: hex such as `82 05` or `8205`, `'text'` for the bytes of a text, `s'text'` for a text with its length before it, and
//! in what is expected `..` for any byte and `...` for whatever is left.

use super::properties::put;
use bytes::BytesMut;

/// One expected byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Byte(u8),
    Any,
}

/// What a packet has to look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mask {
    bytes: Vec<Wanted>,
    open: bool,
}

impl Mask {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut mask = Self {
            bytes: Vec::new(),
            open: false,
        };
        for word in words(text)? {
            match word {
                _ if mask.open => return Err("`...` has to be the last word".into()),
                "..." => mask.open = true,
                ".." => mask.bytes.push(Wanted::Any),
                word => mask
                    .bytes
                    .extend(word_bytes(word)?.into_iter().map(Wanted::Byte)),
            }
        }
        Ok(mask)
    }

    pub(super) fn takes(&self, bytes: &[u8]) -> bool {
        let long_enough = if self.open {
            bytes.len() >= self.bytes.len()
        } else {
            bytes.len() == self.bytes.len()
        };
        let takes = |(wanted, byte): (&Wanted, &u8)| match wanted {
            Wanted::Byte(wanted) => wanted == byte,
            Wanted::Any => true,
        };
        long_enough && self.bytes.iter().zip(bytes).all(takes)
    }
}

/// The bytes to send.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let words = words(text)?.into_iter().map(word_bytes);
    words
        .collect::<Result<Vec<_>, _>>()
        .map(|words| words.concat())
}

/// A packet of its first byte and its body.
pub(super) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length % 128).unwrap_or_default();
        length /= 128;
        out.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

fn words(text: &str) -> Result<Vec<&str>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix("s'").or_else(|| rest.strip_prefix('\''));
        let end = match quoted {
            Some(quoted) => {
                let end = quoted
                    .find('\'')
                    .ok_or_else(|| format!("`{rest}` has no closing quote"))?;
                rest.len() - quoted.len() + end + 1
            }
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

fn word_bytes(word: &str) -> Result<Vec<u8>, String> {
    let inside = |word: &str| word.strip_suffix('\'').map(str::to_owned);
    if let Some(text) = word.strip_prefix("s'").and_then(inside) {
        let mut out = BytesMut::new();
        put(text.as_bytes(), &mut out);
        return Ok(out.to_vec());
    }
    if let Some(text) = word.strip_prefix('\'').and_then(inside) {
        return Ok(text.into_bytes());
    }
    let digits: Option<Vec<u8>> = word
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect()),
        _ => Err(format!(
            "`{word}` is neither hex nor `'text'` nor `s'text'`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_hex_and_text() {
        for (text, expected) in [
            ("", &[][..]),
            ("c0 00", &[0xc0, 0]),
            ("C000", &[0xc0, 0]),
            ("'a b' 00", &[b'a', b' ', b'b', 0]),
            ("s'MQTT'04", &[0, 4, b'M', b'Q', b'T', b'T', 4]),
            ("s''", &[0, 0]),
        ] {
            assert_eq!(bytes(text).unwrap(), expected, "{text}");
        }
        for text in ["c", "xyz", "'open", "s'open", ".."] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mask_takes_any_byte_or_any_rest() {
        let takes = |mask: &str, bytes: &[u8]| Mask::read(mask).unwrap().takes(bytes);
        assert!(takes("90 .. 00", &[0x90, 7, 0]));
        assert!(!takes("90 .. 00", &[0x90, 7, 1]));
        assert!(!takes("90 ..", &[0x90, 7, 1]));
        assert!(takes("90 ...", &[0x90, 7, 1]));
        assert!(!takes("90 .. ...", &[0x90]));
        assert!(Mask::read("... 90").is_err());
    }

    #[test]
    fn a_length_is_worked_out() {
        assert_eq!(packet(0xc0, &[]), [0xc0, 0]);
        let long = packet(0x30, &[0; 128]);
        assert_eq!(long.get(..3).unwrap(), [0x30, 0x80, 1]);
    }
}
