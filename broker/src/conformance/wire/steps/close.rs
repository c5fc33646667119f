//! `disconnect`, `drop` and `expect_close`: how a connection ends, and who ends it.

use super::super::event::{self, Event};
use super::super::format::{Disconnect, ExpectClose};
use super::super::run::{Done, Run, Stop};
use crate::session::wire::client::FromServer;
use crate::session::wire::{self, FromClient, Level};
use tokio::time::Instant;

impl Run<'_> {
    pub(in super::super) async fn disconnect(&mut self, step: &Disconnect) -> Done {
        let on = step.on.as_deref();
        let packet = wire::Disconnect {
            code: step.code,
            session_expiry: step.session_expiry,
        };
        self.send(on, &FromClient::Disconnect(packet)).await?;
        if step.keep {
            return Ok(());
        }
        self.leave_open(on).await
    }

    /// A clean DISCONNECT, for when the case is over.
    pub(in super::super) async fn leave(&mut self, name: &str) -> Done {
        let step = Disconnect {
            on: Some(name.to_owned()),
            code: 0,
            session_expiry: None,
            keep: false,
        };
        self.disconnect(&step).await
    }

    /// Waits until the server has seen the DISCONNECT: it closes, too (MQTT-3.14.4-1 bids the client to close; brokers do so at once).
    async fn leave_open(&mut self, on: Option<&str>) -> Done {
        let name = self.name(on);
        let patience = self.patience.min(std::time::Duration::from_millis(500));
        if let Some(mut connection) = self.connections.remove(&name) {
            connection
                .find(patience, |event| matches!(event, Event::Closed))
                .await;
        }
        Ok(())
    }

    /// The network goes away: no DISCONNECT.
    pub(in super::super) fn drop_connection(&mut self, on: Option<&str>) -> Done {
        let name = self.name(on);
        let gone = self.connections.remove(&name);
        gone.map(drop)
            .ok_or_else(|| Stop::Error(format!("the connection `{name}` is not open any more")))
    }

    pub(in super::super) async fn expect_close(&mut self, step: &ExpectClose) -> Done {
        let on = step.on.as_deref();
        let within = self.within(step.within);
        let started = Instant::now();
        let mut event = self.connection(on)?.next(within).await;
        let told = told(&event);
        if let Some(code) = told {
            step.check(code, &event)?;
            let left = within.saturating_sub(started.elapsed());
            event = self.connection(on)?.next(left).await;
        }
        if event != Event::Closed {
            return Err(Stop::seen(step.describe(), &event));
        }
        let is_v5 = self.connection(on)?.level == Level::V5;
        if step.told && is_v5 && told.is_none() {
            return Err(Stop::fail(step.describe(), "closed without a DISCONNECT"));
        }
        let early = step
            .not_before
            .filter(|not_before| started.elapsed() < not_before.0);
        if let Some(not_before) = early {
            let took = started.elapsed().as_millis();
            return Err(Stop::fail(
                format!("to live for {} ms", not_before.0.as_millis()),
                format!("closed after {took} ms"),
            ));
        }
        self.connections.remove(&self.name(on));
        Ok(())
    }
}

impl ExpectClose {
    fn check(&self, code: u8, event: &Event) -> Done {
        match &self.codes {
            Some(codes) if !codes.contains(&code) => Err(Stop::seen(self.describe(), event)),
            _ => Ok(()),
        }
    }

    fn describe(&self) -> String {
        let told = match &self.codes {
            Some(codes) if self.told => format!(", told by {}", event::codes(codes)),
            Some(codes) => format!(", with nothing said but {}", event::codes(codes)),
            None => String::new(),
        };
        format!("the server to close the connection{told}")
    }
}

/// The code of a packet that says why the connection ends.
fn told(event: &Event) -> Option<u8> {
    match event {
        Event::Packet {
            packet: FromServer::Disconnect { code, .. },
            ..
        } => Some(*code),
        Event::Packet {
            packet: FromServer::ConnAck(connack),
            ..
        } if connack.code != 0 => Some(connack.code),
        _ => None,
    }
}
