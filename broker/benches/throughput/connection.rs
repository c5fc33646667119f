//! One client connection: CONNECT, SUBSCRIBE, and reading what the broker says.

use crate::Failure;
use bytes::BytesMut;
use iotda_broker::session::wire::client::{self, FromServer};
use iotda_broker::session::wire::{Connect, Filter, Level, Qos, Subscribe};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a broker may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const LIMIT: u32 = 1 << 20;

/// A connection and what has been read ahead.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    pub(crate) input: BytesMut,
    level: Level,
}

/// Connects over plain TCP and waits for CONNACK.
pub(crate) async fn join(
    address: SocketAddr,
    connect: &Connect,
) -> Result<Client<TcpStream>, Failure> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    greet(stream, connect).await
}

/// CONNECT and CONNACK on a stream that is there.
pub(crate) async fn greet<S>(stream: S, connect: &Connect) -> Result<Client<S>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match ask(stream, connect).await? {
        (client, 0) => Ok(client),
        (_, code) => Err(format!("`{}` is refused: {code:#04x}", connect.client_id).into()),
    }
}

/// CONNECT, and the code that it is answered with.
pub(crate) async fn ask<S>(stream: S, connect: &Connect) -> Result<(Client<S>, u8), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Small until it is needed: ten thousand idle clients are in this process.
    let mut client = Client {
        stream,
        input: BytesMut::with_capacity(64),
        level: connect.level,
    };
    let mut out = BytesMut::new();
    client::connect(connect, &mut out);
    client.stream.write_all(&out).await?;
    match client.receive().await? {
        FromServer::ConnAck(connack) => Ok((client, connack.code)),
        other => Err(format!("a CONNECT is answered with {other:?}").into()),
    }
}

impl Client<TcpStream> {
    /// Whether the broker has left the connection alone: it is open, as far as the kernel knows.
    pub(crate) fn is_open(&mut self) -> bool {
        loop {
            match self.stream.try_read_buf(&mut self.input) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn subscribe(&mut self, filter: &str, qos: Qos) -> Result<(), Failure> {
        let filter = Filter {
            filter: filter.into(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: 0,
        };
        let packet = Subscribe {
            packet_id: 1,
            subscription_id: None,
            filters: vec![filter],
        };
        let mut out = BytesMut::new();
        client::subscribe(self.level, &packet, &mut out);
        self.stream.write_all(&out).await?;
        match self.receive().await? {
            FromServer::SubAck(suback) if suback.codes.iter().all(|code| *code < 0x80) => Ok(()),
            other => Err(format!("a subscription is refused: {other:?}").into()),
        }
    }

    /// The next packet.
    pub(crate) async fn receive(&mut self) -> Result<FromServer, Failure> {
        loop {
            if let Some(packet) = client::decode(&mut self.input, self.level, LIMIT)? {
                return Ok(packet);
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await;
            if read.map_err(|_| "the broker says nothing")?? == 0 {
                return Err("the broker has closed the connection".into());
            }
        }
    }
}
