//! Lines of a decision log, read leniently: a field that is unknown or missing is no error, since logs of other versions are replayed, too. Pure.

use crate::contract::{Connect, Document};
use crate::policy::cases;
use serde::Deserialize;
use serde_json::{Value, json};

/// As many bytes of a text as a line shows, less the longest character that a cut may take: longer texts may not be whole.
const CUT: usize = 512 - 3;

/// A line of the file.
#[derive(Debug)]
pub enum Entry {
    /// A decision.
    Line(Box<Line>),
    /// So many decisions were not kept.
    Gap(u64),
}

/// What a replay needs of a decision.
#[derive(Debug, Deserialize)]
pub struct Line {
    /// Its number.
    pub n: u64,
    /// RFC 3339.
    pub time: String,
    /// The policy that decided.
    pub policy: Option<String>,
    /// As in the log, so are the others.
    pub action: String,
    /// The canonical client id.
    pub client: Option<String>,
    /// The client id as it was sent.
    pub raw_client: Option<String>,
    /// The id of the record.
    pub record: Option<String>,
    /// The listener's name.
    pub listener: Option<String>,
    /// The topic or filter.
    pub topic: Option<String>,
    /// What was asked for.
    pub qos: Option<u8>,
    /// What was decided.
    pub verdict: String,
    /// The contract's code.
    pub code: Option<u16>,
    /// A sentence.
    pub detail: Option<String>,
    /// Who decided.
    pub rule: Option<String>,
    /// `rule`, `cache`, `inspect`, `policy` or `host`.
    #[serde(default)]
    pub source: String,
    /// The step of a CONNECT.
    pub stage: Option<String>,
    /// What a CONNECT claimed, as a table case writes it; only in files.
    #[serde(default)]
    pub claim: Value,
}

#[derive(Deserialize)]
struct Gap {
    gap: Lost,
}

#[derive(Deserialize)]
struct Lost {
    lost: u64,
}

/// One line of text.
///
/// # Errors
///
/// It is neither: what the reader says.
pub fn entry(text: &str) -> Result<Entry, String> {
    if let Ok(Gap { gap }) = serde_json::from_str(text) {
        return Ok(Entry::Gap(gap.lost));
    }
    let line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(Entry::Line(Box::new(line)))
}

impl Line {
    /// A text that names whom or what it is about is not whole.
    pub fn is_cut(&self) -> bool {
        let texts = [&self.client, &self.record, &self.topic];
        let raw = self.raw_client.as_ref().filter(|_| self.claim.is_null());
        let texts = texts.into_iter().flatten().chain(raw);
        texts.into_iter().any(|text| text.len() >= CUT)
    }

    /// The CONNECT that it claims, with words in place of a password; none where the line has none, or one that cannot be read.
    pub fn claimed(&self) -> Option<Connect> {
        if self.claim.is_null() {
            return None;
        }
        self.connect(&self.claim)
    }

    /// The time of the decision, as a case would read it.
    pub fn now(&self) -> Option<u64> {
        self.connect(&json!({ "now": self.time }))
            .map(|connect| connect.now)
    }

    fn connect(&self, written: &Value) -> Option<Connect> {
        let case = json!([{ "name": "claim", "connect": written, "expect": { "grant": {} } }]);
        let name = "claim".to_owned();
        let text = case.to_string();
        let samples = cases::samples_of(&Document { name, text }).ok()?;
        samples.into_iter().next().map(|sample| sample.connect)
    }
}
