//! Whether a text is JSON, by RFC 8259's grammar: one loop, its stack is the bits of a number.
//!
//! More than 128 levels are refused, as most readers do. Half a surrogate pair in an escape is grammatical and passes; names that are there twice
//! are the business of who looks for them.

use super::{Value, scan};

/// One bit for each open bracket.
const LEVELS_MAX: u32 = u128::BITS;

/// Where a text stops being JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause} at byte {at}")]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) cause: &'static str,
}

/// The one value of a text.
pub(crate) fn read(text: &str) -> Result<Value<'_>, Malformed> {
    let bytes = text.as_bytes();
    let mut reader = Reader { bytes, at: 0 };
    let start = reader.skip_space();
    reader.document()?;
    Ok(Value::at(text, start))
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
}

/// The open brackets: of which kind, the innermost in the lowest bit.
#[derive(Default)]
struct Open {
    objects: u128,
    levels: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Next {
    /// A value has to follow.
    Value,
    /// A value is complete.
    After,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<(), Malformed> {
        let mut open = Open::default();
        let mut next = Next::Value;
        loop {
            self.skip_space();
            next = match next {
                Next::Value => self.value(&mut open)?,
                Next::After if open.levels == 0 => return self.end(),
                Next::After => self.separator(&mut open)?,
            };
        }
    }

    fn value(&mut self, open: &mut Open) -> Result<Next, Malformed> {
        match self.peek() {
            Some(b'{') => self.enter(open, true, b'}'),
            Some(b'[') => self.enter(open, false, b']'),
            Some(b'"') => self.text().map(|()| Next::After),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| Next::After),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => Err(self.malformed("a value is missing")),
        }
    }

    fn enter(&mut self, open: &mut Open, is_object: bool, close: u8) -> Result<Next, Malformed> {
        if open.levels == LEVELS_MAX {
            return Err(self.malformed("more than 128 levels"));
        }
        self.at += 1;
        self.skip_space();
        if self.take(close) {
            return Ok(Next::After);
        }
        open.objects = open.objects << 1 | u128::from(is_object);
        open.levels += 1;
        if is_object {
            self.name()?;
        }
        Ok(Next::Value)
    }

    fn separator(&mut self, open: &mut Open) -> Result<Next, Malformed> {
        let is_object = open.objects & 1 == 1;
        if self.take(b',') {
            if is_object {
                self.skip_space();
                self.name()?;
            }
            return Ok(Next::Value);
        }
        if self.take(if is_object { b'}' } else { b']' }) {
            open.objects >>= 1;
            open.levels -= 1;
            return Ok(Next::After);
        }
        Err(self.malformed("a comma or a closing bracket is missing"))
    }

    fn name(&mut self) -> Result<(), Malformed> {
        if self.peek() != Some(b'"') {
            return Err(self.malformed("a name in quotes is missing"));
        }
        self.text()?;
        self.skip_space();
        if self.take(b':') {
            return Ok(());
        }
        Err(self.malformed("a colon is missing"))
    }

    fn text(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let ends = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
            self.at += rest.iter().position(ends).unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.malformed("a control character in a string")),
                None => return Err(self.malformed("a closing quote is missing")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Malformed> {
        self.at += 1;
        let length = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 1,
            Some(b'u') => 5,
            _ => 0,
        };
        let digits = self.bytes.get(self.at + 1..self.at + length);
        if length == 0 || !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(self.malformed("an escape that does not exist"));
        }
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Malformed> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _is_signed = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 {
            return Err(self.malformed("a digit is missing"));
        }
        Ok(())
    }

    fn literal(&mut self, word: &[u8]) -> Result<Next, Malformed> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.malformed("an unknown word"));
        }
        self.at += word.len();
        Ok(Next::After)
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.at < self.bytes.len() {
            return Err(self.malformed("more text after the value"));
        }
        Ok(())
    }

    fn skip_space(&mut self) -> usize {
        self.at = scan::skip_space(self.bytes, self.at);
        self.at
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn malformed(&self, cause: &'static str) -> Malformed {
        Malformed { at: self.at, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_fault_is_named_with_its_place() {
        for (text, at, cause) in [
            ("", 0, "a value is missing"),
            ("  ", 2, "a value is missing"),
            ("{", 1, "a name in quotes is missing"),
            ("{a:1}", 1, "a name in quotes is missing"),
            ("{\"a\"}", 4, "a colon is missing"),
            ("{\"a\":}", 5, "a value is missing"),
            ("{\"a\":1,}", 7, "a name in quotes is missing"),
            (
                "{\"a\":1 \"b\":2}",
                7,
                "a comma or a closing bracket is missing",
            ),
            ("{\"a\":1]", 6, "a comma or a closing bracket is missing"),
            ("[1,]", 3, "a value is missing"),
            ("[1}", 2, "a comma or a closing bracket is missing"),
            ("[1", 2, "a comma or a closing bracket is missing"),
            ("{\"a\":NaN}", 5, "a value is missing"),
            ("{\"a\":nan}", 5, "an unknown word"),
            ("-Infinity", 1, "a digit is missing"),
            ("01", 1, "more text after the value"),
            ("1.", 2, "a digit is missing"),
            ("1e", 2, "a digit is missing"),
            ("+1", 0, "a value is missing"),
            ("\"a", 2, "a closing quote is missing"),
            ("\"a\\", 3, "an escape that does not exist"),
            ("\"\\x\"", 2, "an escape that does not exist"),
            ("\"\\u12g4\"", 2, "an escape that does not exist"),
            ("\"\\u12", 2, "an escape that does not exist"),
            ("\"a\nb\"", 2, "a control character in a string"),
            ("{} {}", 3, "more text after the value"),
            ("\u{feff}{}", 0, "a value is missing"),
        ] {
            assert_eq!(read(text).unwrap_err(), Malformed { at, cause }, "{text}");
        }
    }

    #[test]
    fn levels_are_bounded() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&nested(128)).is_ok());
        let objects = "{\"a\":".repeat(128) + "1" + &"}".repeat(128);
        assert!(read(&objects).is_ok());
        let deep = read(&nested(500_000)).unwrap_err();
        assert_eq!((deep.at, deep.cause), (128, "more than 128 levels"));
        let mixed = "[{\"a\":".repeat(64) + "[]" + &"}]".repeat(64);
        assert_eq!(read(&mixed).unwrap_err().cause, "more than 128 levels");
    }

    /// Numbers beyond its range and halves of surrogate pairs are all that `serde_json` refuses and the grammar takes.
    fn is_json(text: &str) -> bool {
        match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => true,
            Err(error) => error.to_string().contains("out of range"),
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_serde_json_on_random_tokens(
            tokens in proptest::collection::vec(
                prop_oneof![
                    Just("{"), Just("}"), Just("["), Just("]"), Just(","), Just(":"), Just("\"a\""), Just("\"\\n\""), Just("1"),
                    Just("-0.5e+3"), Just("01"), Just("1."), Just("true"), Just("null"), Just(" "), Just("\"\\u00e9\""), Just("tru"), Just("\\"),
                ],
                0..12,
            ),
        ) {
            let text = tokens.concat();
            prop_assert_eq!(read(&text).is_ok(), is_json(&text), "{}", text);
        }

        #[test]
        fn it_agrees_with_serde_json_on_damaged_json(cut in 0_usize..80, byte in "[ -~]") {
            let text = r#"{"services":[{"service_id":"Battery","properties":{"a":-1.5e3,"b":[true,null]}}]}"#;
            let damaged = text[..cut].to_owned() + &byte + text.get(cut + 1..).unwrap_or_default();
            prop_assert_eq!(read(&damaged).is_ok(), is_json(&damaged), "{}", damaged);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            prop_assert_eq!(read(&text).is_ok(), is_json(&text));
        }
    }
}
