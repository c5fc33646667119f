//! MQTT packets by hand.

use hmac::{Hmac, KeyInit, Mac};

/// Fixed header and body.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        out.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

pub(crate) fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text);
}

/// A CONNECT; every field is public so that a test can bend it.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) level: u8,
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) keep_alive: u16,
    pub(crate) clean: bool,
    /// Topic, payload, QoS, retain.
    pub(crate) will: Option<(String, Vec<u8>, u8, bool)>,
    /// MQTT 5 properties in wire form, without the length.
    pub(crate) properties: Vec<u8>,
    pub(crate) will_properties: Vec<u8>,
}

impl Connect {
    pub(crate) fn new(level: u8, client_id: &str) -> Self {
        Self {
            level,
            client_id: client_id.to_owned(),
            username: None,
            password: None,
            keep_alive: 120,
            clean: true,
            will: None,
            properties: Vec::new(),
            will_properties: Vec::new(),
        }
    }

    /// A certificate device: `{id}_0_0_{hour}`, username, no password.
    pub(crate) fn certificate_device(level: u8, id: &str) -> Self {
        Self {
            username: Some(id.to_owned()),
            ..Self::new(level, &format!("{id}_0_0_{}", this_hour()))
        }
    }

    /// A secret device with sign type 1 and the current hour.
    pub(crate) fn secret_device(level: u8, id: &str, secret: &str) -> Self {
        let hour = this_hour();
        Self {
            username: Some(id.to_owned()),
            password: Some(device_password(&hour, secret).into_bytes()),
            ..Self::new(level, &format!("{id}_0_1_{hour}"))
        }
    }

    pub(crate) fn application(level: u8, client_id: &str, name: &str, token: &str) -> Self {
        Self {
            username: Some(name.to_owned()),
            password: Some(token.as_bytes().to_vec()),
            ..Self::new(level, client_id)
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        text(&mut body, if self.level == 3 { b"MQIsdp" } else { b"MQTT" });
        body.push(self.level);
        body.push(self.flags());
        body.extend_from_slice(&self.keep_alive.to_be_bytes());
        if self.level == 5 {
            push_properties(&mut body, &self.properties);
        }
        text(&mut body, self.client_id.as_bytes());
        if let Some((topic, payload, ..)) = &self.will {
            if self.level == 5 {
                push_properties(&mut body, &self.will_properties);
            }
            text(&mut body, topic.as_bytes());
            text(&mut body, payload);
        }
        if let Some(username) = &self.username {
            text(&mut body, username.as_bytes());
        }
        if let Some(password) = &self.password {
            text(&mut body, password);
        }
        packet(0x10, &body)
    }

    fn flags(&self) -> u8 {
        let mut flags = u8::from(self.clean) << 1
            | u8::from(self.username.is_some()) << 7
            | u8::from(self.password.is_some()) << 6;
        if let Some((_, _, qos, retain)) = &self.will {
            flags |= 0x04 | qos << 3 | u8::from(*retain) << 5;
        }
        flags
    }
}

fn push_properties(body: &mut Vec<u8>, properties: &[u8]) {
    assert!(properties.len() < 128);
    body.push(properties.len() as u8);
    body.extend_from_slice(properties);
}

/// UTC, `YYYYMMDDHH`.
pub(crate) fn this_hour() -> String {
    let now = time::OffsetDateTime::now_utc();
    format!(
        "{:04}{:02}{:02}{:02}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour()
    )
}

/// The vendor's password: HMAC-SHA256 with the time stamp as the key and the secret as the message.
pub(crate) fn device_password(hour: &str, secret: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(hour.as_bytes()).unwrap();
    mac.update(secret.as_bytes());
    let digest = mac.finalize().into_bytes();
    let two = |half: u8| char::from_digit(half.into(), 16).unwrap();
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(two).collect()
}

pub(crate) fn publish(topic: &str, payload: &[u8], qos: u8, packet_id: u16) -> Vec<u8> {
    publish_with(topic.as_bytes(), payload, qos, packet_id, None)
}

pub(crate) fn publish_v5(
    topic: &str,
    payload: &[u8],
    qos: u8,
    packet_id: u16,
    properties: &[u8],
) -> Vec<u8> {
    publish_with(topic.as_bytes(), payload, qos, packet_id, Some(properties))
}

fn publish_with(
    topic: &[u8],
    payload: &[u8],
    qos: u8,
    packet_id: u16,
    properties: Option<&[u8]>,
) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    if qos > 0 {
        body.extend_from_slice(&packet_id.to_be_bytes());
    }
    if let Some(properties) = properties {
        push_properties(&mut body, properties);
    }
    body.extend_from_slice(payload);
    packet(0x30 | qos << 1, &body)
}

pub(crate) fn puback(packet_id: u16) -> Vec<u8> {
    packet(0x40, &packet_id.to_be_bytes())
}

pub(crate) fn subscribe(packet_id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    push_filters(&mut body, filters);
    packet(0x82, &body)
}

pub(crate) fn subscribe_v5(packet_id: u16, filters: &[(&str, u8)], properties: &[u8]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    push_properties(&mut body, properties);
    push_filters(&mut body, filters);
    packet(0x82, &body)
}

fn push_filters(body: &mut Vec<u8>, filters: &[(&str, u8)]) {
    for (filter, options) in filters {
        text(body, filter.as_bytes());
        body.push(*options);
    }
}

pub(crate) fn unsubscribe(level: u8, packet_id: u16, filters: &[&str]) -> Vec<u8> {
    let mut body = packet_id.to_be_bytes().to_vec();
    if level == 5 {
        body.push(0);
    }
    for filter in filters {
        text(&mut body, filter.as_bytes());
    }
    packet(0xA2, &body)
}
