//! Every packet of one read, in order.

use crate::session::connection::{Connection, Progress};
use crate::session::end::End;
use crate::session::intake::Intake;
use crate::session::session::Session;
use crate::session::wire::{self, Ack, Disconnect, FromClient, Malformed};
use bytes::BytesMut;
use std::future::poll_fn;
use std::time::{Duration, Instant};
use tokio::time::timeout;

const PROTOCOL_ERROR: u8 = 0x82;
const PACKET_ID_NOT_FOUND: u8 = 0x92;
/// How long a client that is taken over is still listened to: a fifth of the next connection's patience.
const HEAR_OUT: Duration = Duration::from_secs(1);
/// What is in the socket's buffer is not seen before the reactor's next turn, and a timer is looked at after the sockets in it: so the
/// wait can be short, and the next connection hardly notices.
const QUIET: Duration = Duration::from_millis(2);
/// Reason codes from here on are failures.
const FIRST_FAILURE: u8 = 0x80;

impl Session {
    /// Takes all whole packets. What was accepted before one that ends the connection still goes to the engine.
    pub(super) async fn packets(&mut self, connection: &mut Connection) -> Result<(), End> {
        let mut intake = Intake::new(Instant::now());
        let taken = self.take_all(connection, &mut intake).await;
        let handed = self.hand_over(intake, &mut connection.output).await;
        connection.release_input();
        taken.and(handed)
    }

    /// Takes what the client had sent before the next connection took over, up to its DISCONNECT: a client that leaves and is back at
    /// once has left in order, and its will is gone (MQTT-3.14.4-3). Ends when nothing has come for [`QUIET`], or with the time.
    pub(super) async fn hear_out(&mut self, connection: &mut Connection) {
        let until = Instant::now() + HEAR_OUT;
        while Instant::now() < until {
            match timeout(QUIET, poll_fn(|context| connection.poll(context))).await {
                Ok(Progress::Wrote) => continue,
                Ok(Progress::Read) => {}
                Ok(Progress::Closed) | Err(_) => return,
            }
            if let Err(end) = self.packets(connection).await {
                if !end.wants_will() {
                    self.will = None;
                }
                return;
            }
        }
    }

    /// What is frequent is taken without waiting; the rest is boxed, so that an idle session does not hold room for it.
    async fn take_all(
        &mut self,
        connection: &mut Connection,
        intake: &mut Intake,
    ) -> Result<(), End> {
        let level = Some(self.terms.level);
        let max = self.broker.settings.packet_max;
        while let Some(packet) = wire::decode(&mut connection.input, level, max)? {
            connection.heard_at = intake.now;
            match packet {
                FromClient::Publish(packet) => {
                    intake.make_room(&packet, connection.input.len());
                    if let Some(asked) = self.publish(packet, intake)? {
                        Box::pin(self.inspect_publish(asked, intake)).await?;
                    }
                }
                FromClient::PubAck(ack) => self.acknowledged(ack.packet_id),
                FromClient::Subscribe(packet) => {
                    Box::pin(self.subscribe(packet, &mut connection.output)).await?;
                }
                rare => self.take_rare(&rare, &mut connection.output)?,
            }
        }
        Ok(())
    }

    fn take_rare(&mut self, packet: &FromClient, output: &mut BytesMut) -> Result<(), End> {
        match packet {
            FromClient::Unsubscribe(packet) => return self.unsubscribe(packet, output),
            FromClient::PingReq => wire::pingresp(output),
            FromClient::Disconnect(packet) => return Err(self.left(packet)),
            // QoS 2 is not offered in either direction, so no exchange of that id can be under way.
            FromClient::PubRel(ack) => self.complete(ack.packet_id, output),
            FromClient::PubRec(ack) => self.received(*ack, output)?,
            FromClient::PubComp(ack) => self.wrong_ack(ack.packet_id)?,
            FromClient::Connect(_) => return Err(broke("a second connect")),
            FromClient::Auth { .. } => {
                return Err(broke("no authentication exchange is under way"));
            }
            FromClient::Publish(_) | FromClient::PubAck(_) | FromClient::Subscribe(_) => {}
        }
        Ok(())
    }

    fn acknowledged(&mut self, packet_id: u16) {
        if !self.outbound.acknowledge(packet_id) {
            self.unknown_ack();
        }
    }

    /// Answered, so that its sender can forget it (3.1.1 has no code for «not found»).
    fn complete(&self, packet_id: u16, output: &mut BytesMut) {
        wire::pubcomp(
            self.terms.level,
            packet_id,
            PACKET_ID_NOT_FOUND,
            None,
            output,
        );
    }

    /// 3.1.1 and 5 want a PUBREL for every PUBREC, so that its sender can forget it (MQTT-4.3.3-1, MQTT-4.3.3-4), but for one that failed.
    fn received(&self, ack: Ack, output: &mut BytesMut) -> Result<(), End> {
        self.wrong_ack(ack.packet_id)?;
        if ack.code < FIRST_FAILURE {
            wire::pubrel(self.terms.level, ack.packet_id, PACKET_ID_NOT_FOUND, output);
        }
        Ok(())
    }

    /// A QoS 1 message that is in flight has no other answer than PUBACK (MQTT-4.3.2-2, MQTT-4.3.2-4).
    fn wrong_ack(&self, packet_id: u16) -> Result<(), End> {
        if self.outbound.is_flying(packet_id) {
            return Err(broke("a qos 1 message is acknowledged by puback alone"));
        }
        self.unknown_ack();
        Ok(())
    }

    fn unknown_ack(&self) {
        self.broker.metrics.unknown_acks.inc();
    }

    fn left(&mut self, packet: &Disconnect) -> End {
        let limits = self.rules.limits;
        if self.terms.change_expiry(packet.session_expiry, &limits) {
            End::Left { code: packet.code }
        } else {
            broke("a session expiry that was 0 may not be changed at disconnect")
        }
    }
}

fn broke(detail: &str) -> End {
    End::Broke {
        code: PROTOCOL_ERROR,
        detail: detail.to_owned(),
    }
}

impl From<Malformed> for End {
    fn from(malformed: Malformed) -> Self {
        Self::Broke {
            code: malformed.code,
            detail: malformed.to_string(),
        }
    }
}
