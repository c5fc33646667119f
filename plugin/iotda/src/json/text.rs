//! A string of a well-formed text: compared and counted without a copy, and copied only where it has escapes.

use std::borrow::Cow;
use std::str::Chars;

/// What stands between the quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<'t>(&'t str);

impl<'t> Text<'t> {
    /// From a string with its quotes.
    pub(super) fn in_quotes(raw: &'t str) -> Self {
        let inner = raw
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        Self(inner.unwrap_or_default())
    }

    pub(crate) fn is(&self, other: &str) -> bool {
        if self.has_escapes() {
            self.chars().eq(other.chars())
        } else {
            self.0 == other
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn decoded(&self) -> Cow<'t, str> {
        if self.has_escapes() {
            Cow::Owned(self.chars().collect())
        } else {
            Cow::Borrowed(self.0)
        }
    }

    /// How many characters it has.
    pub(crate) fn length(&self) -> usize {
        self.chars().count()
    }

    fn has_escapes(&self) -> bool {
        self.0.contains('\\')
    }

    fn chars(&self) -> Decoded<'t> {
        Decoded(self.0.chars())
    }
}

/// The characters, escapes resolved; half a surrogate pair becomes U+FFFD.
struct Decoded<'t>(Chars<'t>);

impl Iterator for Decoded<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.0.next()? {
            '\\' => self.escape(),
            plain => Some(plain),
        }
    }
}

impl Decoded<'_> {
    fn escape(&mut self) -> Option<char> {
        Some(match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = unit(&mut self.0)?;
                self.paired(unit)
            }
            same => same,
        })
    }

    fn paired(&mut self, unit: u16) -> char {
        let mut ahead = self.0.clone();
        let second = match (ahead.next(), ahead.next()) {
            (Some('\\'), Some('u')) => self::unit(&mut ahead),
            _ => None,
        };
        let mut decoded = char::decode_utf16([Some(unit), second].into_iter().flatten());
        match decoded.next() {
            Some(Ok(character)) => {
                if character.len_utf16() == 2 {
                    self.0 = ahead;
                }
                character
            }
            _ => char::REPLACEMENT_CHARACTER,
        }
    }
}

fn unit(chars: &mut Chars) -> Option<u16> {
    let digits = chars.as_str().get(..4)?;
    chars.nth(3);
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(raw: &str) -> Text<'_> {
        Text::in_quotes(raw)
    }

    #[test]
    fn escapes_are_resolved() {
        for (raw, expected) in [
            (r#""plain é""#, "plain é"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u0041\u00e9""#, "Aé"),
            (r#""\ud83d\ude00!""#, "😀!"),
            (r#""\ud83d!""#, "\u{fffd}!"),
            (r#""\ud83d\u0041""#, "\u{fffd}A"),
            (r#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""""#, ""),
        ] {
            assert_eq!(text(raw).decoded(), expected);
            assert!(text(raw).is(expected) && !text(raw).is("other"));
            assert_eq!(text(raw).length(), expected.chars().count());
        }
    }

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        assert!(text(r#""object\u005fdevice_id""#).is("object_device_id"));
        assert!(!text(r#""object_device_i""#).is("object_device_id"));
    }

    proptest! {
        #[test]
        fn it_decodes_as_serde_json_does(value in ".{0,40}", escaped: bool) {
            let plain = serde_json::to_string(&value).unwrap();
            let units = value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
            let raw = if escaped { format!("\"{units}\"") } else { plain };
            prop_assert_eq!(text(&raw).decoded().into_owned(), value);
        }
    }
}
