//! A broker in this process, and a client that speaks raw packets.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use iotda_broker::contract::Qos;
use iotda_broker::decision;
use iotda_broker::listener::{self, Bound};
use iotda_broker::metrics::Metrics;
use iotda_broker::policy::{Opening, Policy, Rollout, Source, Supervision, supervise};
use iotda_broker::registry::Registry;
use iotda_broker::session::wire::client::{self, FromServer, Received};
use iotda_broker::session::wire::{
    Connect, Disconnect, Filter, FromClient, Level, Publish, Subscribe, Unsubscribe, Will,
};
use iotda_broker::session::{Broker, Parts, Settings, Stream};
use iotda_broker::tls::{Acceptor, TrustStore, issue};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// Free form: no rule wants it inspected.
pub(crate) const UPLINK: &str = "$oc/devices/demo_d1/sys/messages/up";
pub(crate) const REPORT: &str = "$oc/devices/demo_d1/sys/properties/report";
pub(crate) const MESSAGE: &str = "$oc/devices/demo_d1/sys/messages/down";

const CLIENTS: &str = r#"{
  "products": [{"id": "demo"}],
  "devices": [
    {"product": "demo", "node": "d1", "secret": "12345678"},
    {"product": "demo", "node": "d2", "secret": "12345678"}
  ],
  "applications": [{"name": "demo_app", "password": "app-token", "policies": ["demo_app_policy"]}]
}"#;

pub(crate) struct Running {
    pub(crate) broker: Arc<Broker>,
    /// The TLS listener.
    pub(crate) tls: SocketAddr,
    pub(crate) addr: SocketAddr,
    pub(crate) shutdown: watch::Sender<bool>,
    pub(crate) data: tempfile::TempDir,
    _supervision: Supervision,
}

pub(crate) async fn start() -> Running {
    start_with(Settings::default(), |_| {}).await
}

pub(crate) async fn start_with(
    settings: Settings,
    change: impl FnOnce(&mut listener::Settings),
) -> Running {
    start_all(Rollout::default(), settings, change).await
}

/// The policy is supervised: trials end by themselves.
pub(crate) async fn start_rollout(rollout: Rollout) -> Running {
    start_all(rollout, Settings::default(), |_| {}).await
}

async fn start_all(
    rollout: Rollout,
    settings: Settings,
    change: impl FnOnce(&mut listener::Settings),
) -> Running {
    let data = tempfile::tempdir().unwrap();
    let registry = Registry::open(data.path()).unwrap();
    registry.upsert_from(CLIENTS).unwrap();
    let mut candidate = Source::default().load().unwrap();
    // They are the policy's own tests, and cost half a second here.
    candidate.cases.clear();
    let (shutdown, down) = watch::channel(false);
    let trust = TrustStore::new();
    let metrics = Metrics::default().of_policy("iotda");
    let opening = Opening {
        rollout,
        metrics: metrics.clone(),
        ..Opening::default()
    };
    let policy = Policy::open(opening, Ok(candidate)).unwrap();
    let decisions = decision::Settings::default();
    let parts = Parts {
        name: "iotda".to_owned(),
        policy: policy.clone(),
        registry,
        trust: trust.clone(),
        decisions: decision::Log::start(&decisions, &metrics.shared.decision_log_drops).unwrap(),
        metrics,
        settings,
        engine: iotda_broker::engine::Settings::default(),
        inbox: data.path().join("inbox.db"),
    };
    let broker = Broker::start(parts, down.clone()).await.unwrap();
    let mut listener =
        listener::Settings::new("mqtt", SocketAddr::from(([127, 0, 0, 1], 0)), false);
    change(&mut listener);
    let plain = Bound::bind(listener, None).unwrap();
    let pair = issue::development_pki(&data.path().join("pki")).unwrap();
    let acceptor = Acceptor::new(&pair.certificate, &pair.key, trust).unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let secure = Bound::bind(listener::Settings::new("mqtts", any, true), Some(acceptor)).unwrap();
    let (addr, tls) = (plain.local_addr().unwrap(), secure.local_addr().unwrap());
    tokio::spawn(listener::run(
        vec![(Arc::clone(&broker), plain), (Arc::clone(&broker), secure)],
        down,
    ));
    Running {
        broker,
        tls,
        addr,
        shutdown,
        data,
        _supervision: supervise(policy),
    }
}

pub(crate) fn device(level: Level, node: &str) -> Connect {
    Connect {
        keep_alive: 120,
        username: Some(text(&format!("demo_{node}"))),
        password: Some(Bytes::from_static(
            b"e004426cd7c4752c92eba074f2413aa8d26fe202c8e5329f9f9b163ae831f0f6",
        )),
        ..Connect::new(level, format!("demo_{node}_0_0_2026112122"))
    }
}

pub(crate) fn app(level: Level, client_id: &str) -> Connect {
    Connect {
        client_id: text(client_id),
        username: Some(text("demo_app")),
        password: Some(Bytes::from_static(b"app-token")),
        ..device(level, "")
    }
}

pub(crate) fn will(topic: &str) -> Will {
    Will {
        topic: text(topic),
        payload: Bytes::from_static(b"gone"),
        qos: Qos::AtLeastOnce,
        retain: false,
        delay: 0,
        expiry: None,
        properties: Bytes::new(),
    }
}

pub(crate) fn message(topic: &str, qos: Qos, packet_id: u16) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: text(topic),
        packet_id,
        alias: None,
        expiry: None,
        properties: Bytes::new(),
        payload: Bytes::from_static(b"{}"),
    }
}

pub(crate) fn text(text: &str) -> ByteString {
    ByteString::from(text.to_owned())
}

pub(crate) struct Client {
    stream: Stream,
    input: BytesMut,
    level: Level,
}

impl Client {
    pub(crate) async fn raw(running: &Running, level: Level) -> Self {
        let stream = TcpStream::connect(running.addr).await.unwrap();
        Self::over(Box::new(stream), level)
    }

    pub(crate) fn over(stream: Stream, level: Level) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            level,
        }
    }

    /// Connects, and returns the code and session present.
    pub(crate) async fn connect(running: &Running, connect: Connect) -> (Self, u8, bool) {
        let mut client = Self::raw(running, connect.level).await;
        let (code, present) = client.hello(connect).await;
        (client, code, present)
    }

    /// Sends a CONNECT; the code and session present.
    pub(crate) async fn hello(&mut self, connect: Connect) -> (u8, bool) {
        self.send(FromClient::Connect(Box::new(connect))).await;
        match self.receive().await {
            Some(FromServer::ConnAck(connack)) => (connack.code, connack.session_present),
            other => panic!("no connack: {other:?}"),
        }
    }

    /// Connects, and must be accepted.
    pub(crate) async fn accepted(running: &Running, connect: Connect) -> Self {
        let (client, code, _) = Self::connect(running, connect).await;
        assert_eq!(code, 0);
        client
    }

    pub(crate) async fn send(&mut self, packet: FromClient) {
        let mut out = BytesMut::new();
        client::encode(self.level, &packet, &mut out);
        self.write(&out).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next packet; `None` at the end of the connection.
    pub(crate) async fn receive(&mut self) -> Option<FromServer> {
        timeout(Duration::from_secs(5), self.read())
            .await
            .expect("an answer in five seconds")
    }

    /// Nothing comes for a while.
    pub(crate) async fn silence(&mut self) {
        let come = timeout(Duration::from_millis(150), self.read()).await;
        assert!(come.is_err(), "{come:?}");
    }

    async fn read(&mut self) -> Option<FromServer> {
        loop {
            if let Some(packet) = client::decode(&mut self.input, self.level, 1 << 20).unwrap() {
                return Some(packet);
            }
            if self.stream.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn subscribe(&mut self, filters: &[&str], qos: Qos) -> Vec<u8> {
        let filters = filters.iter().map(|filter| Filter {
            filter: text(filter),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        });
        let packet = Subscribe {
            packet_id: 7,
            subscription_id: None,
            filters: filters.collect(),
        };
        self.send(FromClient::Subscribe(packet)).await;
        match self.receive().await {
            Some(FromServer::SubAck(codes)) => codes.codes,
            other => panic!("no suback: {other:?}"),
        }
    }

    pub(crate) async fn unsubscribe(&mut self, filters: &[&str]) -> Vec<u8> {
        let packet = Unsubscribe {
            packet_id: 8,
            filters: filters.iter().map(|filter| text(filter)).collect(),
        };
        self.send(FromClient::Unsubscribe(packet)).await;
        match self.receive().await {
            Some(FromServer::UnsubAck(codes)) => codes.codes,
            other => panic!("no unsuback: {other:?}"),
        }
    }

    /// Publishes at QoS 1; the code of the PUBACK.
    pub(crate) async fn publish(&mut self, topic: &str) -> u8 {
        self.send(FromClient::Publish(message(topic, Qos::AtLeastOnce, 5)))
            .await;
        match self.receive().await {
            Some(FromServer::PubAck(answer)) => answer.ack.code,
            other => panic!("no puback: {other:?}"),
        }
    }

    pub(crate) async fn delivery(&mut self) -> Received {
        match self.receive().await {
            Some(FromServer::Publish(received)) => received,
            other => panic!("no delivery: {other:?}"),
        }
    }

    pub(crate) async fn ack(&mut self, packet_id: u16) {
        let ack = iotda_broker::session::wire::Ack { packet_id, code: 0 };
        self.send(FromClient::PubAck(ack)).await;
    }

    /// The code of a DISCONNECT (5) and then the end; 0 for an end without one.
    pub(crate) async fn ended(&mut self) -> u8 {
        match self.receive().await {
            None => 0,
            Some(FromServer::Disconnect { code, .. }) => {
                assert_eq!(self.receive().await, None);
                code
            }
            other => panic!("not the end: {other:?}"),
        }
    }

    pub(crate) async fn leave(mut self, expiry: Option<u32>) {
        let packet = Disconnect {
            code: 0,
            session_expiry: expiry,
        };
        self.send(FromClient::Disconnect(packet)).await;
        assert_eq!(self.ended().await, 0);
    }
}
