//! `send_raw` and `expect_raw`: packets byte by byte.

use super::super::event::{self, Event};
use super::super::format::{Raw, SendRaw};
use super::super::raw::{self, Mask};
use super::super::run::{Done, Run, Stop};

impl Run<'_> {
    pub(in super::super) async fn send_raw(&mut self, step: &SendRaw) -> Done {
        let bytes = match (&step.bytes, step.first, &step.body) {
            (Some(bytes), None, None) => raw::bytes(&self.fill(bytes)?)?,
            (None, Some(first), Some(body)) => raw::packet(first, &raw::bytes(&self.fill(body)?)?),
            _ => return Err(Stop::Error("give `bytes`, or `first` and `body`".into())),
        };
        let patience = self.patience;
        self.connection(step.on.as_deref())?
            .send(&bytes, patience)
            .await;
        Ok(())
    }

    pub(in super::super) async fn expect_raw(&mut self, step: &Raw) -> Done {
        let text = self.fill(&step.bytes)?;
        let mask = Mask::read(&text)?;
        let within = self.within(step.within);
        let event = self.connection(step.on.as_deref())?.next(within).await;
        let raw = match &event {
            Event::Packet { raw, .. } | Event::Malformed { raw, .. } => raw,
            other => return Err(Stop::seen(format!("the packet {text}"), other)),
        };
        if mask.takes(raw) {
            return Ok(());
        }
        Err(Stop::fail(
            format!("the packet {text}"),
            format!("{} ({})", event::hex(raw), event.describe()),
        ))
    }
}
