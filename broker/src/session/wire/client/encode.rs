//! What a client sends. Every function appends one whole packet to `out`.

use super::super::encode::ack;
use super::super::packet::{
    Ack, Connect, Disconnect, Filter, FromClient, Level, Publish, Qos, Subscribe, Unsubscribe, Will,
};
use super::super::properties::id;
use super::super::writer::{
    PropertyWriter, frame, publish_byte, put_binary, put_text, put_variable, qos_bits,
};
use bytes::{BufMut, BytesMut};

/// Any packet of a client.
pub fn encode(level: Level, packet: &FromClient, out: &mut BytesMut) {
    match packet {
        FromClient::Connect(packet) => connect(packet, out),
        FromClient::Publish(packet) => publish(level, packet, out),
        FromClient::PubAck(packet) => puback(level, *packet, out),
        FromClient::PubRec(packet) => ack(0x50, level, packet.packet_id, packet.code, None, out),
        FromClient::PubRel(packet) => ack(0x62, level, packet.packet_id, packet.code, None, out),
        FromClient::PubComp(packet) => ack(0x70, level, packet.packet_id, packet.code, None, out),
        FromClient::Subscribe(packet) => subscribe(level, packet, out),
        FromClient::Unsubscribe(packet) => unsubscribe(level, packet, out),
        FromClient::PingReq => pingreq(out),
        FromClient::Disconnect(packet) => disconnect(level, *packet, out),
        FromClient::Auth { code } => out.put_slice(&[0xf0, 2, *code, 0]),
    }
}

/// CONNECT; its level is one of its fields.
pub fn connect(packet: &Connect, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    let (name, level) = match packet.level {
        Level::V3 => ("MQIsdp", 3),
        Level::V4 => ("MQTT", 4),
        Level::V5 => ("MQTT", 5),
    };
    put_text(name, &mut body);
    body.put_u8(level);
    body.put_u8(connect_flags(packet));
    body.put_u16(packet.keep_alive);
    if packet.level == Level::V5 {
        connect_properties(packet).finish(&mut body);
    }
    put_text(&packet.client_id, &mut body);
    if let Some(will) = &packet.will {
        put_will(packet.level, will, &mut body);
    }
    if let Some(username) = &packet.username {
        put_text(username, &mut body);
    }
    if let Some(password) = &packet.password {
        put_binary(password, &mut body);
    }
    frame(0x10, &body, out);
}

fn connect_flags(packet: &Connect) -> u8 {
    let will = packet.will.as_ref().map_or(0, |will| {
        0x04 | qos_bits(will.qos) << 3 | u8::from(will.retain) << 5
    });
    u8::from(packet.clean_start) << 1
        | will
        | u8::from(packet.password.is_some()) << 6
        | u8::from(packet.username.is_some()) << 7
}

fn connect_properties(packet: &Connect) -> PropertyWriter {
    let mut properties = PropertyWriter::default();
    let default = |number: u16, default: u16| (number != default).then_some(number);
    properties.u32(id::SESSION_EXPIRY, packet.session_expiry);
    properties.u16(
        id::RECEIVE_MAXIMUM,
        default(packet.receive_maximum, u16::MAX),
    );
    properties.u32(id::MAXIMUM_PACKET_SIZE, packet.maximum_packet_size);
    properties.u16(
        id::TOPIC_ALIAS_MAXIMUM,
        default(packet.topic_alias_maximum, 0),
    );
    properties.flag(
        id::REQUEST_RESPONSE,
        packet.request_response_information.then_some(true),
    );
    properties.flag(
        id::REQUEST_PROBLEM,
        (!packet.request_problem_information).then_some(false),
    );
    properties.text(
        id::AUTHENTICATION_METHOD,
        packet.authentication_method.as_deref(),
    );
    properties.binary(
        id::AUTHENTICATION_DATA,
        packet.authentication_data.as_deref(),
    );
    for (name, value) in &packet.user_properties {
        properties.user(name, value);
    }
    properties
}

fn put_will(level: Level, will: &Will, body: &mut BytesMut) {
    if level == Level::V5 {
        let mut properties = PropertyWriter::default();
        properties.u32(id::WILL_DELAY, (will.delay != 0).then_some(will.delay));
        properties.u32(id::MESSAGE_EXPIRY, will.expiry);
        properties.raw(&will.properties);
        properties.finish(body);
    }
    put_text(&will.topic, body);
    put_binary(&will.payload, body);
}

/// PUBLISH.
pub fn publish(level: Level, packet: &Publish, out: &mut BytesMut) {
    let mut head = BytesMut::with_capacity(packet.topic.len() + packet.properties.len() + 32);
    put_text(&packet.topic, &mut head);
    if packet.qos != Qos::AtMostOnce {
        head.put_u16(packet.packet_id);
    }
    if level == Level::V5 {
        let mut properties = PropertyWriter::default();
        properties.u16(id::TOPIC_ALIAS, packet.alias);
        properties.u32(id::MESSAGE_EXPIRY, packet.expiry);
        properties.raw(&packet.properties);
        properties.finish(&mut head);
    }
    out.put_u8(publish_byte(packet.dup, packet.qos, packet.retain));
    put_variable(head.len() + packet.payload.len(), out);
    out.put_slice(&head);
    out.put_slice(&packet.payload);
}

/// PUBACK.
pub fn puback(level: Level, packet: Ack, out: &mut BytesMut) {
    ack(0x40, level, packet.packet_id, packet.code, None, out);
}

/// SUBSCRIBE.
pub fn subscribe(level: Level, packet: &Subscribe, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u16(packet.packet_id);
    if level == Level::V5 {
        let mut properties = PropertyWriter::default();
        properties.subscription_id(packet.subscription_id);
        properties.finish(&mut body);
    }
    for filter in &packet.filters {
        put_text(&filter.filter, &mut body);
        body.put_u8(options(level, filter));
    }
    frame(0x82, &body, out);
}

fn options(level: Level, filter: &Filter) -> u8 {
    let qos = qos_bits(filter.qos);
    match level {
        Level::V3 | Level::V4 => qos,
        Level::V5 => {
            qos | u8::from(filter.no_local) << 2
                | u8::from(filter.retain_as_published) << 3
                | filter.retain_handling << 4
        }
    }
}

/// UNSUBSCRIBE.
pub fn unsubscribe(level: Level, packet: &Unsubscribe, out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u16(packet.packet_id);
    if level == Level::V5 {
        PropertyWriter::default().finish(&mut body);
    }
    for filter in &packet.filters {
        put_text(filter, &mut body);
    }
    frame(0xa2, &body, out);
}

/// PINGREQ.
pub fn pingreq(out: &mut BytesMut) {
    out.put_slice(&[0xc0, 0]);
}

/// DISCONNECT, in its shortest form.
pub fn disconnect(level: Level, packet: Disconnect, out: &mut BytesMut) {
    let mut properties = PropertyWriter::default();
    properties.u32(id::SESSION_EXPIRY, packet.session_expiry);
    let mut body = BytesMut::new();
    if level == Level::V5 && (packet.code != 0 || !properties.is_empty()) {
        body.put_u8(packet.code);
    }
    if level == Level::V5 && !properties.is_empty() {
        properties.finish(&mut body);
    }
    frame(0xe0, &body, out);
}
