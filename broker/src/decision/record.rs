//! One decision as one structured log line, target `decision`.
//!
//! No secret can enter by type: a record has no field for a password, a key or a certificate. It borrows everything, and of a client's
//! own text a line shows 512 bytes; a log that cannot be written is the subscriber's business and never fails a session. Refused CONNECTs and
//! closed sessions are `info`; all others are `debug`, since a client may cause as many as it likes.

use crate::contract::{Refusal, UtcMs};
use tracing::{debug, info};

/// Bytes of a client id or topic in a line: as many as a canonical id may have.
const SHOWN_MAX: usize = 512;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new connection.
    Connect,
    /// A live session, after the rules or its record changed.
    Judge,
    /// A PUBLISH from the client.
    Publish,
    /// One filter of a SUBSCRIBE.
    Subscribe,
    /// One message towards the client.
    Receive,
    /// The client's will, when it would be published.
    Will,
}

impl Action {
    /// As it stands in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Judge => "judge",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Receive => "receive",
            Self::Will => "will",
        }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allow,
    /// It may not.
    Deny,
    /// The policy or the host failed, so nobody was judged; it may not.
    Fault,
}

impl Verdict {
    /// As it stands in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Fault => "fault",
        }
    }
}

/// One decision. Empty text and 0 stand for «does not apply».
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was decided.
    pub at: UtcMs,
    /// What was asked for.
    pub action: Action,
    /// What was decided.
    pub verdict: Verdict,
    /// The canonical client id; empty before the client is judged.
    pub client: &'a str,
    /// The client id as the client sent it.
    pub raw_client: &'a str,
    /// The client's product.
    pub product: &'a str,
    /// Address and port.
    pub peer: &'a str,
    /// The topic or filter in question.
    pub topic: &'a str,
    /// The QoS in question.
    pub qos: u8,
    /// The contract's code; 0 where it was allowed.
    pub code: u16,
    /// One human sentence.
    pub detail: &'a str,
    /// The rule, document or field that decided.
    pub rule: &'a str,
    /// The revision of the generation that decided.
    pub generation: u64,
}

impl<'a> Record<'a> {
    /// An allowing record that names nobody yet.
    pub fn new(at: UtcMs, action: Action) -> Self {
        Self {
            at,
            action,
            verdict: Verdict::Allow,
            client: "",
            raw_client: "",
            product: "",
            peer: "",
            topic: "",
            qos: 0,
            code: 0,
            detail: "",
            rule: "",
            generation: 0,
        }
    }

    /// The same, denied by this refusal.
    #[must_use]
    pub fn refused(self, refusal: &'a Refusal) -> Self {
        Self {
            verdict: Verdict::Deny,
            code: refusal.code,
            detail: &refusal.detail,
            rule: refusal.rule.as_deref().unwrap_or_default(),
            ..self
        }
    }

    /// The same, not decided because of a fault.
    #[must_use]
    pub fn fault(self, detail: &'a str) -> Self {
        Self {
            verdict: Verdict::Fault,
            detail,
            ..self
        }
    }

    /// Worth a line in a log at its usual level: few, and each ends a connection.
    pub fn is_loud(&self) -> bool {
        self.verdict != Verdict::Allow && matches!(self.action, Action::Connect | Action::Judge)
    }

    /// Writes the line. Text is given as text, so that the log's format escapes it (a client id may hold line feeds).
    pub fn emit(&self) {
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    target: "decision",
                    at = self.at,
                    action = self.action.name(),
                    verdict = self.verdict.name(),
                    client = said(self.client),
                    raw_client = said(self.raw_client),
                    product = said(self.product),
                    peer = said(self.peer),
                    topic = said(self.topic),
                    qos = self.qos,
                    code = self.code,
                    detail = said(self.detail),
                    rule = said(self.rule),
                    generation = self.generation,
                )
            };
        }
        if self.is_loud() {
            line!(info);
        } else {
            line!(debug);
        }
    }
}

/// What does not apply is left out of the line; a client's own text is cut: who has proven nothing yet may send 64 KiB of it in each
/// CONNECT.
fn said(text: &str) -> Option<&str> {
    text.get(..text.floor_char_boundary(SHOWN_MAX))
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(record: &Record<'_>) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || record.emit());
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_refused_connect_is_one_line_whatever_the_client_sends() {
        let refusal = Refusal {
            code: 200,
            detail: "unknown client".into(),
            rule: None,
        };
        let mut record = Record::new(1, Action::Connect).refused(&refusal);
        record.raw_client = "evil\n2026-11-21 INFO decision: verdict=\"allow\"";
        let text = logged(&record);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("code=200"), "{text}");
        assert!(
            !text.contains("topic=") && !text.contains("rule="),
            "{text}"
        );
    }

    #[test]
    fn an_allowed_connect_and_a_denied_publish_are_quiet() {
        assert_eq!(logged(&Record::new(1, Action::Connect)), "");
        let refusal = Refusal {
            code: 400,
            detail: "no rule".into(),
            rule: None,
        };
        assert_eq!(
            logged(&Record::new(1, Action::Publish).refused(&refusal)),
            ""
        );
    }
}
