//! `open` and `connect`: a connection, a CONNECT by an identity, and the CONNACK that has to come.

use super::super::codes::Version;
use super::super::connection::Connection;
use super::super::event::{self, Event};
use super::super::format::{ConnAck, Connect, Open, Will};
use super::super::properties::Carried;
use super::super::run::{Done, Run, Stop};
use super::qos;
use crate::conformance::identities::{Certificate, Identity, Signature, hour};
use crate::session::wire::client::{self, FromServer};
use crate::session::wire::{self, Level};
use bytes::BytesMut;
use std::fmt::Debug;
use std::sync::Arc;
use time::OffsetDateTime;

impl Run<'_> {
    pub(in super::super) async fn open(&mut self, step: &Open) -> Done {
        let identity = step
            .role
            .as_deref()
            .map(|role| self.identity(role))
            .transpose()?;
        let certificate = identity
            .as_ref()
            .and_then(|identity| identity.certificate.as_ref());
        let certificate = certificate.filter(|_| step.certificate);
        let name = step
            .on
            .as_ref()
            .or(step.role.as_ref())
            .map_or("raw", String::as_str);
        let connection = self.dial(certificate, self.case.version.level()).await?;
        self.connections.insert(name.to_owned(), connection);
        Ok(())
    }

    async fn dial(
        &self,
        certificate: Option<&Certificate>,
        level: Level,
    ) -> Result<Connection, Stop> {
        let stream = self.dialer.dial(certificate, self.patience).await;
        let stream = stream.map_err(|cause| Stop::fail("a connection to the endpoint", cause))?;
        Ok(Connection::new(stream, level))
    }

    fn identity(&self, role: &str) -> Result<Arc<Identity>, Stop> {
        let identity = self.who.get(role).map(Arc::clone);
        identity.ok_or_else(|| Stop::Error(format!("nobody plays the role `{role}`")))
    }

    pub(in super::super) async fn connect(&mut self, step: &Connect) -> Done {
        let version = step.version.unwrap_or(self.case.version);
        let packet = self.packet(step, version)?;
        let shown = self.identity(step.certificate_of.as_deref().unwrap_or(&step.role))?;
        let certificate = shown.certificate.as_ref().filter(|_| step.certificate);
        let mut connection = match self.dial(certificate, version.level()).await {
            // The server may refuse a certificate in the handshake already.
            Err(Stop::Fail { .. }) if step.or_close => return Err(Stop::Enough),
            dialed => dialed?,
        };
        let patience = self.patience;
        let mut out = BytesMut::new();
        client::connect(&packet, &mut out);
        connection.send(&out, patience).await;
        let name = step.on.as_ref().unwrap_or(&step.role).clone();
        if step.answer {
            let event = connection.next(patience).await;
            self.check_connack(step, &event, &mut connection)?;
        }
        let is_kept = !step.clean || step.session_expiry.is_some_and(|seconds| seconds > 0);
        if is_kept && step.client_id.as_deref() != Some("") {
            self.left.push(step.clone());
        }
        // The one that it replaces is closed here, not before: a takeover needs both.
        self.connections.insert(name, connection);
        Ok(())
    }

    fn check_connack(&self, step: &Connect, event: &Event, connection: &mut Connection) -> Done {
        let wanted = step.codes.as_deref().unwrap_or(&[0]);
        let expected = || format!("CONNACK {}", event::codes(wanted));
        let connack = match event {
            Event::Packet {
                packet: FromServer::ConnAck(connack),
                ..
            } => connack,
            Event::Closed if step.or_close => return Err(Stop::Enough),
            other => return Err(Stop::seen(expected(), other)),
        };
        if !wanted.contains(&connack.code) {
            return Err(Stop::seen(expected(), event));
        }
        let of_version = match connection.level {
            Level::V3 | Level::V4 => connack.code <= 5,
            // Servers answer an unknown level in the form of 3.1.1.
            Level::V5 => connack.code == 0 || connack.code >= 0x80 || connack.code == 1,
        };
        if !of_version {
            return Err(Stop::seen("a code of the connection's version", event));
        }
        if connack.code != 0 && connack.session_present {
            return Err(Stop::seen(
                "no session present in a refusal (MQTT-3.2.2-4, MQTT-3.2.2-6)",
                event,
            ));
        }
        if let Some(present) = step.session_present {
            same(
                "session present",
                Some(present),
                Some(connack.session_present),
            )?;
        }
        if let Some(properties) = &step.connack {
            check_properties(properties, connack)?;
        }
        if connack.code == 0 {
            connection.accepted = true;
            self.check_features(connack, connection.level)?;
        }
        Ok(())
    }

    fn packet(&self, step: &Connect, version: Version) -> Result<wire::Connect, Stop> {
        let identity = self.identity(&step.role)?;
        let signature = self.signature(step)?;
        let own = |text: &Option<String>| self.fill_option(text.as_deref());
        let free = self.fill(&format!("{{case}}-{}", step.role))?;
        let client_id =
            own(&step.client_id)?.unwrap_or_else(|| identity.client_id(&signature, &free));
        let username = own(&step.username)?.or_else(|| identity.username().map(str::to_owned));
        let password = own(&step.password)?.or_else(|| identity.password(&signature));
        let user = self.fill_pairs(&step.user)?.into_iter();
        let mut packet = wire::Connect::new(version.level(), client_id);
        packet.clean_start = step.clean;
        packet.keep_alive = step.keep_alive;
        packet.will = step.will.as_ref().map(|will| self.will(will)).transpose()?;
        packet.username = username.filter(|_| step.send_username).map(Into::into);
        packet.password = password.filter(|_| step.send_password).map(Into::into);
        packet.session_expiry = step.session_expiry;
        packet.receive_maximum = step.receive_maximum.unwrap_or(u16::MAX);
        packet.maximum_packet_size = step.maximum_packet_size;
        packet.topic_alias_maximum = step.topic_alias_maximum.unwrap_or(0);
        packet.request_problem_information = step.request_problem_information.unwrap_or(true);
        packet.request_response_information = step.request_response_information.unwrap_or(false);
        packet.authentication_method = own(&step.authentication_method)?.map(Into::into);
        packet.user_properties = user
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Ok(packet)
    }

    fn signature(&self, step: &Connect) -> Result<Signature, Stop> {
        let stamp = match (&step.stamp, step.hours) {
            (Some(stamp), _) => self.fill(stamp)?,
            (None, None) => self.fill("{hour}")?,
            (None, Some(hours)) => hour(OffsetDateTime::now_utc() + time::Duration::hours(hours)),
        };
        Ok(Signature {
            kind: step.sign.unwrap_or(0),
            stamp,
        })
    }

    fn will(&self, will: &Will) -> Result<wire::Will, Stop> {
        let carried = Carried {
            payload_format: will.payload_format,
            content_type: self.fill_option(will.content_type.as_deref())?,
            response_topic: self.fill_option(will.response_topic.as_deref())?,
            correlation: self
                .fill_option(will.correlation.as_deref())?
                .map(String::into_bytes),
            user: self.fill_pairs(&will.user)?,
        };
        Ok(wire::Will {
            topic: self.fill(&will.topic)?.into(),
            payload: self.fill(&will.payload)?.into(),
            qos: qos(will.qos)?,
            retain: will.retain,
            delay: will.delay,
            expiry: will.expiry,
            properties: carried.write(),
        })
    }
}

fn check_properties(wanted: &ConnAck, seen: &wire::ConnAck) -> Done {
    let has = |text: Option<bool>, seen: bool| {
        text.map_or((None, None), |wanted| (Some(wanted), Some(seen)))
    };
    let assigned = has(wanted.assigned_client_id, seen.assigned_client_id.is_some());
    let reason = has(wanted.reason, seen.reason.is_some());
    same("session expiry", wanted.session_expiry, seen.session_expiry)?;
    same(
        "receive maximum",
        wanted.receive_maximum,
        seen.receive_maximum,
    )?;
    same("maximum QoS", wanted.maximum_qos, seen.maximum_qos)?;
    same(
        "retain available",
        wanted.retain_available,
        seen.retain_available,
    )?;
    same(
        "maximum packet size",
        wanted.maximum_packet_size,
        seen.maximum_packet_size,
    )?;
    same(
        "topic alias maximum",
        wanted.topic_alias_maximum,
        seen.topic_alias_maximum,
    )?;
    same(
        "shared available",
        wanted.shared_available,
        seen.shared_available,
    )?;
    same(
        "server keep alive",
        wanted.server_keep_alive,
        seen.server_keep_alive,
    )?;
    same("an assigned client id", assigned.0, assigned.1)?;
    same("a reason", reason.0, reason.1)
}

/// What the case does not name is not looked at.
fn same<T: PartialEq + Debug>(what: &str, wanted: Option<T>, seen: Option<T>) -> Done {
    match (wanted, seen) {
        (None, _) => Ok(()),
        (Some(wanted), Some(seen)) if wanted == seen => Ok(()),
        (Some(wanted), Some(seen)) => Err(Stop::fail(
            format!("{what} `{wanted:?}` in CONNACK"),
            format!("`{seen:?}`"),
        )),
        (Some(wanted), None) => Err(Stop::fail(
            format!("{what} `{wanted:?}` in CONNACK"),
            "none",
        )),
    }
}
