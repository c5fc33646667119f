//! `publish`, `ack` and `ping`: what is sent, and the acknowledgement that has to come.

use super::super::event::{self, Event};
use super::super::format::{Ack, Publish};
use super::super::properties::Carried;
use super::super::run::{Done, Run, Stop};
use super::qos;
use crate::session::wire::client::{self, Answer, FromServer};
use crate::session::wire::{self, FromClient, Level, Qos};
use bytes::{Bytes, BytesMut};

impl Run<'_> {
    pub(in super::super) async fn publish(&mut self, step: &Publish) -> Done {
        for number in 1..=step.count {
            self.texts.set("n", number.to_string());
            let packet = self.message(step)?;
            let on = step.on.as_deref();
            self.send(on, &FromClient::Publish(packet.clone())).await?;
            if step.answer && packet.qos != Qos::AtMostOnce {
                self.acknowledged(step, &packet).await?;
            }
        }
        Ok(())
    }

    fn message(&mut self, step: &Publish) -> Result<wire::Publish, Stop> {
        let carried = Carried {
            payload_format: step.payload_format,
            content_type: self.fill_option(step.content_type.as_deref())?,
            response_topic: self.fill_option(step.response_topic.as_deref())?,
            correlation: self
                .fill_option(step.correlation.as_deref())?
                .map(String::into_bytes),
            user: self.fill_pairs(&step.user)?,
        };
        let qos = qos(step.qos)?;
        Ok(wire::Publish {
            dup: step.dup,
            qos,
            retain: step.retain,
            topic: self.fill(&step.topic)?.into(),
            packet_id: match qos {
                Qos::AtMostOnce => 0,
                _ => self.packet_id(step.id),
            },
            alias: step.alias,
            expiry: step.expiry,
            properties: carried.write(),
            payload: self.payload(step)?,
        })
    }

    fn payload(&self, step: &Publish) -> Result<Bytes, Stop> {
        match (&step.payload, &step.hex, step.bytes) {
            (None, None, None) => Ok(Bytes::new()),
            (Some(text), None, None) => Ok(self.fill(text)?.into()),
            (None, Some(hex), None) => Ok(super::super::raw::bytes(&self.fill(hex)?)?.into()),
            (None, None, Some(count)) => Ok(vec![b'x'; count].into()),
            _ => Err(Stop::Error(
                "keep one of `payload`, `hex` and `bytes`".into(),
            )),
        }
    }

    async fn acknowledged(&mut self, step: &Publish, packet: &wire::Publish) -> Done {
        let patience = self.patience;
        let connection = self.connection(step.on.as_deref())?;
        let level = connection.level;
        let event = connection.find(patience, is_acknowledgement).await;
        let (name, wanted_name) = match packet.qos {
            Qos::ExactlyOnce => ("PUBREC", "PUBREC"),
            _ => ("PUBACK", "PUBACK"),
        };
        let expected = || match &step.codes {
            Some(codes) if level == Level::V5 => {
                format!(
                    "{name} of packet {}, {}",
                    packet.packet_id,
                    event::codes(codes)
                )
            }
            _ => format!("{name} of packet {}", packet.packet_id),
        };
        let answer = match &event {
            Event::Closed
            | Event::Packet {
                packet: FromServer::Disconnect { .. },
                ..
            } if step.or_close => {
                return Err(Stop::Enough);
            }
            Event::Packet {
                packet: FromServer::PubAck(answer),
                ..
            } if wanted_name == "PUBACK" => answer,
            Event::Packet {
                packet: FromServer::PubRec(answer),
                ..
            } if wanted_name == "PUBREC" => answer,
            other => return Err(Stop::seen(expected(), other)),
        };
        let right_code = match (&step.codes, level) {
            // 3.1.1 has no codes.
            (_, Level::V3 | Level::V4) => true,
            (Some(codes), Level::V5) => codes.contains(&answer.ack.code),
            (None, Level::V5) => answer.ack.code < 0x80,
        };
        if answer.ack.packet_id != packet.packet_id || !right_code {
            return Err(Stop::seen(expected(), &event));
        }
        if packet.qos == Qos::ExactlyOnce && answer.ack.code < 0x80 {
            self.release(step.on.as_deref(), answer.clone()).await?;
        }
        Ok(())
    }

    /// The second half of QoS 2.
    async fn release(&mut self, on: Option<&str>, received: Answer) -> Done {
        let released = wire::Ack {
            packet_id: received.ack.packet_id,
            code: 0,
        };
        self.send(on, &FromClient::PubRel(released)).await?;
        let patience = self.patience;
        let event = self
            .connection(on)?
            .find(patience, is_acknowledgement)
            .await;
        match &event {
            Event::Packet {
                packet: FromServer::PubComp(answer),
                ..
            } if answer.ack.packet_id == released.packet_id => Ok(()),
            other => Err(Stop::seen(
                format!("PUBCOMP of packet {}", released.packet_id),
                other,
            )),
        }
    }

    pub(in super::super) async fn ack(&mut self, step: &Ack) -> Done {
        let name = self.name(step.on.as_deref());
        let waiting = self
            .unacknowledged
            .get_mut(&name)
            .and_then(std::collections::VecDeque::pop_front);
        let packet_id = waiting.ok_or_else(|| {
            Stop::Error(
                "there is no message to acknowledge: expect one with `ack = false` first".into(),
            )
        })?;
        let ack = wire::Ack {
            packet_id,
            code: step.code,
        };
        self.send(Some(&name), &FromClient::PubAck(ack)).await
    }

    pub(in super::super) async fn ping(&mut self, on: Option<&str>) -> Done {
        self.send(on, &FromClient::PingReq).await?;
        let patience = self.patience;
        let event = self.connection(on)?.find(patience, is_pong).await;
        if is_pong(&event) {
            Ok(())
        } else {
            Err(Stop::seen("PINGRESP", &event))
        }
    }

    pub(in super::super) async fn send(&mut self, on: Option<&str>, packet: &FromClient) -> Done {
        let patience = self.patience;
        let connection = self.connection(on)?;
        let mut out = BytesMut::new();
        client::encode(connection.level, packet, &mut out);
        connection.send(&out, patience).await;
        Ok(())
    }
}

fn is_acknowledgement(event: &Event) -> bool {
    matches!(
        event,
        Event::Packet {
            packet: FromServer::PubAck(_)
                | FromServer::PubRec(_)
                | FromServer::PubComp(_)
                | FromServer::Disconnect { .. },
            ..
        }
    )
}

pub(super) fn is_pong(event: &Event) -> bool {
    matches!(
        event,
        Event::Packet {
            packet: FromServer::PingResp,
            ..
        }
    )
}
