//! One decision, as the session hands it over, and as one structured line of the log on stderr, target `decision`.
//!
//! No secret can enter by type: a record has no field for a password, a key or a proof; the certificate is public. It borrows everything,
//! and of a client's own text a line shows 512 bytes; a log that cannot be written is the subscriber's business and never fails a
//! session. On stderr refused CONNECTs and closed sessions are `info`; all others are `debug`, since a client may cause as many as it likes.

use super::line::shown;
use super::{Action, Level, Source, Stage, Verdict};
use crate::contract::{Refusal, UtcMs};
use std::net::SocketAddr;
use tracing::{debug, info};

/// One decision. Empty text, `None` and 0 stand for «does not apply».
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was decided.
    pub at: UtcMs,
    /// The revision of the generation that decided.
    pub generation: u64,
    /// What was asked for.
    pub action: Action,
    /// The canonical client id; empty before the client is judged.
    pub client: &'a str,
    /// The client id as the client sent it.
    pub raw_client: &'a str,
    /// The name that the client gave; for the table case alone.
    pub username: Option<&'a str>,
    /// The id of the registry's record: that of the claimed client where nothing was proven.
    pub record: &'a str,
    /// The product of that record.
    pub product: &'a str,
    /// Address and port of the client.
    pub peer: Option<SocketAddr>,
    /// The configured name of the listener.
    pub listener: &'a str,
    /// The version that the client speaks.
    pub level: Option<Level>,
    /// The client's certificate (DER); empty without one.
    pub leaf: &'a [u8],
    /// The topic or filter in question.
    pub topic: &'a str,
    /// The QoS in question.
    pub qos: Option<u8>,
    /// What was decided.
    pub verdict: Verdict,
    /// The contract's code; 0 where it was allowed, and where the host has none.
    pub code: u16,
    /// One human sentence.
    pub detail: &'a str,
    /// The rule, document or field that decided.
    pub rule: &'a str,
    /// The code that the client was told, in its own version; `None`: it was told nothing.
    pub told: Option<u8>,
    /// How long the calls of the component took, with their wait for an instance; 0 for what is decided natively.
    pub micros: u32,
    /// Who decided.
    pub source: Source,
    /// The step that decided; `None` for one access of a live session.
    pub stage: Option<Stage>,
}

impl<'a> Record<'a> {
    /// An allowing record of the host that names nobody yet.
    pub fn new(at: UtcMs, action: Action) -> Self {
        Self {
            at,
            generation: 0,
            action,
            client: "",
            raw_client: "",
            username: None,
            record: "",
            product: "",
            peer: None,
            listener: "",
            level: None,
            leaf: &[],
            topic: "",
            qos: None,
            verdict: Verdict::Allow,
            code: 0,
            detail: "",
            rule: "",
            told: None,
            micros: 0,
            source: Source::Host,
            stage: None,
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

    /// The same, decided at this step.
    #[must_use]
    pub fn at_stage(self, stage: Stage) -> Self {
        Self {
            source: stage.source(),
            stage: Some(stage),
            ..self
        }
    }

    /// Worth a line in a log at its usual level: few, and each ends a connection.
    pub fn is_loud(&self) -> bool {
        self.verdict != Verdict::Allow && matches!(self.action, Action::Connect | Action::Judge)
    }

    /// Writes the line to stderr's log. Text is given as text, so that the log's format escapes it (a client id may hold line feeds).
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
                    peer = self.peer.map(tracing::field::display),
                    topic = said(self.topic),
                    qos = self.qos,
                    code = self.code,
                    detail = said(self.detail),
                    rule = said(self.rule),
                    generation = self.generation,
                    source = self.source.name(),
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
    Some(shown(text)).filter(|text| !text.is_empty())
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
