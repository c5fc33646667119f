//! MQTT 5 topic aliases of one connection, resolved before any check: nothing behind this ever sees an alias or an empty topic. Pure.
//!
//! Bounded by [`MAXIMUM`] topics, and empty until the client uses one. An alias that is 0, over the maximum or not set is a protocol
//! error that ends the connection (MQTT-3.3.2-8, 3.3.2.3.4).

use bytestring::ByteString;

/// The highest alias that we announce: a device has few topics, and each remembered one costs up to 64 KiB.
pub(crate) const MAXIMUM: u16 = 16;

const ALIAS_INVALID: u8 = 0x94;
const PROTOCOL_ERROR: u8 = 0x82;

/// What the aliases of this connection stand for.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    topics: Vec<Option<ByteString>>,
}

impl Aliases {
    /// The true topic of a PUBLISH; `Err` is the code of the DISCONNECT.
    pub(crate) fn resolve(
        &mut self,
        topic: ByteString,
        alias: Option<u16>,
    ) -> Result<ByteString, u8> {
        match alias {
            None if topic.is_empty() => Err(PROTOCOL_ERROR),
            None => Ok(topic),
            Some(alias) if alias == 0 || alias > MAXIMUM => Err(ALIAS_INVALID),
            Some(alias) if topic.is_empty() => self.known(alias).ok_or(PROTOCOL_ERROR),
            Some(alias) => {
                self.set(alias, detached(&topic));
                Ok(topic)
            }
        }
    }

    fn known(&self, alias: u16) -> Option<ByteString> {
        self.topics.get(usize::from(alias)).cloned().flatten()
    }

    fn set(&mut self, alias: u16, topic: ByteString) {
        let index = usize::from(alias);
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        if let Some(slot) = self.topics.get_mut(index) {
            *slot = Some(topic);
        }
    }
}

/// A copy: the packet's topic would keep its whole read buffer alive.
fn detached(topic: &ByteString) -> ByteString {
    ByteString::from(&**topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(topic: &str) -> ByteString {
        ByteString::from(topic.to_owned())
    }

    #[test]
    fn an_alias_is_set_used_and_replaced() {
        let mut aliases = Aliases::default();
        assert_eq!(aliases.resolve(text("a"), Some(3)), Ok(text("a")));
        assert_eq!(aliases.resolve(text(""), Some(3)), Ok(text("a")));
        assert_eq!(aliases.resolve(text("b"), Some(3)), Ok(text("b")));
        assert_eq!(aliases.resolve(text(""), Some(3)), Ok(text("b")));
        assert_eq!(aliases.resolve(text("c"), None), Ok(text("c")));
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        let mut aliases = Aliases::default();
        assert_eq!(aliases.resolve(text(""), None), Err(PROTOCOL_ERROR));
        assert_eq!(aliases.resolve(text("a"), Some(0)), Err(ALIAS_INVALID));
        assert_eq!(
            aliases.resolve(text("a"), Some(MAXIMUM + 1)),
            Err(ALIAS_INVALID)
        );
        assert_eq!(
            aliases.resolve(text(""), Some(MAXIMUM)),
            Err(PROTOCOL_ERROR)
        );
        assert_eq!(aliases.resolve(text("a"), Some(MAXIMUM)), Ok(text("a")));
        assert_eq!(
            aliases.resolve(text(""), Some(MAXIMUM - 1)),
            Err(PROTOCOL_ERROR)
        );
    }
}
