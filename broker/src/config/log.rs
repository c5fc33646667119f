//! What is logged to stderr, and how. No secret is ever logged.

use super::parse;
use serde::Deserialize;

/// The log on stderr.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Default: text.
    pub format: LogFormat,
    /// A level (`error`, `warn`, `info`, `debug`, `trace`), or a list such as `info,iotda_broker::tls=debug`. Default: `info`.
    pub filter: String,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse::word(&text, &[("text", Self::Text), ("json", Self::Json)])
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".into(),
        }
    }
}
