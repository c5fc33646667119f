//! Settings whose own errors would name neither the value nor the way out.

use serde::{Deserialize, Deserializer, de::Error};
use std::net::SocketAddr;

/// An address with a port.
pub(super) fn address<'de, D: Deserializer<'de>>(setting: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(setting)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!(
            "`{text}` is no address with a port: say for example \"127.0.0.1:8883\""
        ))
    })
}

/// The same where it may be left out.
pub(super) fn some_address<'de, D: Deserializer<'de>>(
    setting: D,
) -> Result<Option<SocketAddr>, D::Error> {
    address(setting).map(Some)
}

/// One of a few words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        format!("`{text}` is unknown: say {}", known.join(" or "))
    })
}
