//! `expect`, `expect_all`, `expect_any`, `expect_nothing` and `drain`: what has to come next, or must not.

use super::super::event::{self, Event};
use super::super::format::{
    Coded, Drain, Expect, ExpectAll, ExpectAny, ExpectNothing, Milliseconds, Pattern, Sentinel,
};
use super::super::run::{Done, Run, Stop};
use super::matching::Wanted;
use super::publish::is_pong;
use crate::session::wire::client::{FromServer, Received};
use crate::session::wire::{self, FromClient, Qos};
use std::time::Duration;

/// How long «nothing comes» is listened for where no sentinel proves it.
const QUIET: Duration = Duration::from_millis(300);

impl Run<'_> {
    pub(in super::super) async fn expect(&mut self, step: &Expect) -> Done {
        let first = step.first.unwrap_or(1);
        for number in first..first.saturating_add(step.count.unwrap_or(1)) {
            self.texts.set("n", number.to_string());
            self.expect_one(step).await?;
        }
        Ok(())
    }

    async fn expect_one(&mut self, step: &Expect) -> Done {
        let on = step.on.as_deref();
        let oldest = self.oldest(on);
        let wanted = Wanted::new(step, &self.texts, oldest)?;
        let within = self.within(step.within);
        let event = self.connection(on)?.next(within).await;
        let Some(received) = message(&event) else {
            return Err(Stop::seen(wanted.describe(), &event));
        };
        if let Some(difference) = wanted.differs(received) {
            return Err(Stop::seen(
                format!("{} ({difference} differs)", wanted.describe()),
                &event,
            ));
        }
        self.take(on, step, received).await
    }

    pub(in super::super) async fn expect_all(&mut self, step: &ExpectAll) -> Done {
        let on = step.on.as_deref();
        let texts = self.texts.clone();
        let all = step
            .of
            .iter()
            .map(|expect| Ok((expect, Wanted::new(expect, &texts, None)?)));
        let mut missing: Vec<(&Expect, Wanted)> = all.collect::<Result<_, String>>()?;
        while !missing.is_empty() {
            let within = self.within(step.within);
            let event = self.connection(on)?.next(within).await;
            let found = message(&event).and_then(|received| {
                let at = missing
                    .iter()
                    .position(|(_, wanted)| wanted.differs(received).is_none())?;
                Some((at, received))
            });
            let Some((at, received)) = found else {
                let wanted: Vec<_> = missing
                    .iter()
                    .map(|(_, wanted)| wanted.describe())
                    .collect();
                return Err(Stop::seen(wanted.join("; "), &event));
            };
            let (expect, _) = missing.remove(at);
            self.take(on, expect, received).await?;
        }
        Ok(())
    }

    pub(in super::super) async fn expect_any(&mut self, step: &ExpectAny) -> Done {
        let on = step.on.as_deref();
        let within = self.within(step.within);
        let event = self.connection(on)?.next(within).await;
        let mut wanted = Vec::new();
        for pattern in &step.of {
            if self.is_pattern(pattern, &event)? {
                if let (Pattern::Publish(expect), Some(received)) = (pattern, message(&event)) {
                    self.take(on, expect, received).await?;
                }
                return Ok(());
            }
            wanted.push(self.pattern_text(pattern)?);
        }
        Err(Stop::seen(wanted.join(", or "), &event))
    }

    fn is_pattern(&self, pattern: &Pattern, event: &Event) -> Result<bool, Stop> {
        let packet = match event {
            Event::Packet { packet, .. } => Some(packet),
            _ => None,
        };
        Ok(match (pattern, packet) {
            (Pattern::Publish(expect), _) => {
                let wanted = Wanted::new(expect, &self.texts, None)?;
                message(event).is_some_and(|received| wanted.differs(received).is_none())
            }
            (Pattern::Connack(coded), Some(FromServer::ConnAck(connack))) => {
                coded.takes(connack.code)
            }
            (Pattern::Puback(coded), Some(FromServer::PubAck(answer)))
            | (Pattern::Pubrec(coded), Some(FromServer::PubRec(answer)))
            | (Pattern::Pubcomp(coded), Some(FromServer::PubComp(answer))) => {
                coded.takes(answer.ack.code)
            }
            (Pattern::Suback(coded), Some(FromServer::SubAck(answer)))
            | (Pattern::Unsuback(coded), Some(FromServer::UnsubAck(answer))) => {
                answer.codes.iter().all(|code| coded.takes(*code))
            }
            (Pattern::Disconnect(coded), Some(FromServer::Disconnect { code, .. })) => {
                coded.takes(*code)
            }
            (Pattern::Pingresp(_), Some(FromServer::PingResp)) => true,
            (Pattern::Close(_), _) => *event == Event::Closed,
            (Pattern::Nothing(_), _) => *event == Event::Silence,
            _ => false,
        })
    }

    fn pattern_text(&self, pattern: &Pattern) -> Result<String, Stop> {
        Ok(match pattern {
            Pattern::Publish(expect) => Wanted::new(expect, &self.texts, None)?.describe(),
            Pattern::Connack(coded) => coded.describe("CONNACK"),
            Pattern::Puback(coded) => coded.describe("PUBACK"),
            Pattern::Pubrec(coded) => coded.describe("PUBREC"),
            Pattern::Pubcomp(coded) => coded.describe("PUBCOMP"),
            Pattern::Suback(coded) => coded.describe("SUBACK"),
            Pattern::Unsuback(coded) => coded.describe("UNSUBACK"),
            Pattern::Disconnect(coded) => coded.describe("DISCONNECT"),
            Pattern::Pingresp(_) => "PINGRESP".to_owned(),
            Pattern::Close(_) => "the connection closed".to_owned(),
            Pattern::Nothing(_) => "nothing".to_owned(),
        })
    }

    pub(in super::super) async fn expect_nothing(&mut self, step: &ExpectNothing) -> Done {
        let on = step.on.as_deref();
        if let Some(sentinel) = &step.sentinel {
            return self.expect_sentinel(on, sentinel).await;
        }
        let within = step.within.map_or(QUIET, |within| within.0);
        let event = self.connection(on)?.next(within).await;
        if event != Event::Silence {
            return Err(Stop::seen("nothing", &event));
        }
        // It lives, and has nothing to say.
        self.send(on, &FromClient::PingReq).await?;
        let patience = self.patience;
        let event = self.connection(on)?.next(patience).await;
        if is_pong(&event) {
            Ok(())
        } else {
            Err(Stop::seen(
                "nothing but the PINGRESP of a last PINGREQ",
                &event,
            ))
        }
    }

    async fn expect_sentinel(&mut self, on: Option<&str>, sentinel: &Sentinel) -> Done {
        let topic = self.fill(&sentinel.topic)?;
        let payload = self.fill("sentinel {case}")?;
        let qos = super::qos(sentinel.qos)?;
        let packet_id = if qos == Qos::AtMostOnce {
            0
        } else {
            self.packet_id(None)
        };
        let packet = wire::Publish {
            dup: false,
            qos,
            retain: false,
            topic: topic.clone().into(),
            packet_id,
            alias: None,
            expiry: None,
            properties: bytes::Bytes::new(),
            payload: payload.clone().into(),
        };
        self.send(Some(&sentinel.from), &FromClient::Publish(packet))
            .await?;
        let patience = self.patience;
        let is_other = |event: &Event| {
            !matches!(
                event,
                Event::Packet {
                    packet: FromServer::PubAck(_),
                    ..
                }
            )
        };
        let event = self.connection(on)?.find(patience, is_other).await;
        match message(&event) {
            Some(received)
                if received.publish.topic == topic && received.publish.payload == payload =>
            {
                self.take(on, &Expect::default(), received).await?;
            }
            _ => {
                return Err(Stop::seen(
                    format!("nothing before the sentinel on `{topic}`"),
                    &event,
                ));
            }
        }
        if qos == Qos::AtMostOnce {
            return Ok(());
        }
        let is_puback = |event: &Event| !is_other(event);
        let event = self
            .connection(Some(&sentinel.from))?
            .find(patience, is_puback)
            .await;
        if is_puback(&event) {
            Ok(())
        } else {
            Err(Stop::seen("PUBACK of the sentinel", &event))
        }
    }

    pub(in super::super) async fn drain(&mut self, step: &Drain) -> Done {
        let on = step.on.as_deref();
        let quiet = step.quiet.map_or(QUIET, |quiet| quiet.0);
        loop {
            let event = self.connection(on)?.next(quiet).await;
            match &event {
                Event::Silence => return Ok(()),
                Event::Packet { .. } => {
                    if let Some(received) = message(&event) {
                        self.take(on, &Expect::default(), received).await?;
                    }
                }
                other => return Err(Stop::seen("the connection to live", other)),
            }
        }
    }

    /// Acknowledges a message, or remembers that it was not.
    async fn take(&mut self, on: Option<&str>, step: &Expect, received: &Received) -> Done {
        let publish = &received.publish;
        let name = self.name(on);
        let ack = wire::Ack {
            packet_id: publish.packet_id,
            code: 0,
        };
        let waiting = self.unacknowledged.entry(name.clone()).or_default();
        waiting.retain(|id| *id != publish.packet_id);
        match publish.qos {
            Qos::AtMostOnce => Ok(()),
            _ if step.ack == Some(false) => {
                waiting.push_back(publish.packet_id);
                Ok(())
            }
            Qos::AtLeastOnce => self.send(Some(&name), &FromClient::PubAck(ack)).await,
            Qos::ExactlyOnce => self.receive_exactly_once(&name, ack).await,
        }
    }

    async fn receive_exactly_once(&mut self, name: &str, ack: wire::Ack) -> Done {
        self.send(Some(name), &FromClient::PubRec(ack)).await?;
        let patience = self.patience;
        let is_release = |event: &Event| {
            matches!(
                event,
                Event::Packet {
                    packet: FromServer::PubRel(_),
                    ..
                }
            )
        };
        let event = self
            .connection(Some(name))?
            .find(patience, is_release)
            .await;
        if !is_release(&event) {
            return Err(Stop::seen(
                format!("PUBREL of packet {}", ack.packet_id),
                &event,
            ));
        }
        self.send(Some(name), &FromClient::PubComp(ack)).await
    }

    fn oldest(&self, on: Option<&str>) -> Option<u16> {
        self.unacknowledged.get(&self.name(on))?.front().copied()
    }

    pub(super) fn within(&self, asked: Option<Milliseconds>) -> Duration {
        asked.map_or(self.patience, |asked| asked.0)
    }
}

impl Coded {
    fn takes(&self, code: u8) -> bool {
        self.codes
            .as_ref()
            .is_none_or(|codes| codes.contains(&code))
    }

    fn describe(&self, name: &str) -> String {
        match &self.codes {
            Some(codes) => format!("{name} {}", event::codes(codes)),
            None => name.to_owned(),
        }
    }
}

fn message(event: &Event) -> Option<&Received> {
    match event {
        Event::Packet {
            packet: FromServer::Publish(received),
            ..
        } => Some(received),
        _ => None,
    }
}
