//! One raw connection: bytes out, packets in.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::packets::Connect;

/// Long enough for a loaded two-core machine; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long «nothing comes» is watched.
const SILENCE: Duration = Duration::from_millis(400);

trait Stream: Read + Write + Send {
    fn tcp(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn tcp(&self) -> &TcpStream {
        &self.sock
    }
}

pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
}

/// A packet from the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) first: u8,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// Topic of a PUBLISH.
    pub(crate) fn topic(&self) -> String {
        assert_eq!(self.kind(), 3, "not a PUBLISH: {self:?}");
        let length = usize::from(u16::from_be_bytes([self.body[0], self.body[1]]));
        String::from_utf8(self.body[2..2 + length].to_vec()).unwrap()
    }

    pub(crate) fn qos(&self) -> u8 {
        self.first >> 1 & 3
    }

    /// Packet id of a PUBLISH above QoS 0.
    pub(crate) fn packet_id(&self) -> u16 {
        let at = 2 + self.topic().len();
        u16::from_be_bytes([self.body[at], self.body[at + 1]])
    }

    /// Payload of a PUBLISH to a 3.1.1 client.
    pub(crate) fn payload(&self) -> &[u8] {
        let start = 2 + self.topic().len() + if self.qos() > 0 { 2 } else { 0 };
        &self.body[start..]
    }

    /// Payload of a PUBLISH to an MQTT 5 client.
    pub(crate) fn payload_v5(&self) -> &[u8] {
        let rest = self.payload();
        &rest[1 + usize::from(rest[0])..]
    }
}

impl Wire {
    pub(crate) fn plain(addr: &str) -> Self {
        Self::over(Box::new(TcpStream::connect(addr).unwrap()))
    }

    /// TLS, with a client certificate where one is given (chain file, key file).
    pub(crate) fn tls(
        addr: &str,
        ca: &Path,
        identity: Option<(&Path, &Path)>,
    ) -> std::io::Result<Self> {
        let mut tls = ClientConnection::new(
            Arc::new(client_config(ca, identity)),
            ServerName::try_from("localhost").unwrap(),
        )
        .unwrap();
        let mut tcp = TcpStream::connect(addr)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(Self::over(Box::new(StreamOwned::new(tls, tcp))))
    }

    fn over(stream: Box<dyn Stream>) -> Self {
        stream.tcp().set_nodelay(true).unwrap();
        Self {
            stream,
            input: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> &mut Self {
        // The broker may have closed already; what it said is read afterwards.
        let _ = self
            .stream
            .write_all(bytes)
            .and_then(|()| self.stream.flush());
        self
    }

    /// The next packet.
    pub(crate) fn receive(&mut self) -> Received {
        self.next(PATIENCE)
            .expect("the broker closed")
            .expect("no packet in time")
    }

    pub(crate) fn expect(&mut self, bytes: &[u8]) -> &mut Self {
        let got = self.receive();
        let wanted = take_packet(&mut bytes.to_vec()).unwrap();
        assert_eq!(got, wanted);
        self
    }

    /// Nothing comes and the connection stays.
    pub(crate) fn expect_silence(&mut self) -> &mut Self {
        match self.next(SILENCE) {
            Ok(None) => self,
            Ok(Some(packet)) => panic!("unexpected {packet:?}"),
            Err(closed) => panic!("closed: {closed}"),
        }
    }

    /// The broker closes, and says nothing more before.
    pub(crate) fn expect_close(&mut self) {
        match self.next(PATIENCE) {
            Err(_) => {}
            Ok(packet) => panic!("still open: {packet:?}"),
        }
    }

    /// Whatever comes until the broker closes.
    pub(crate) fn until_close(&mut self) -> Vec<Received> {
        let mut all = Vec::new();
        loop {
            match self.next(PATIENCE) {
                Ok(Some(packet)) => all.push(packet),
                Ok(None) => panic!("still open after {all:?}"),
                Err(_) => return all,
            }
        }
    }

    /// CONNECT and its answer's code.
    pub(crate) fn connect(&mut self, connect: &Connect) -> u8 {
        self.send(&connect.bytes());
        let connack = self.receive();
        assert_eq!(connack.first, 0x20, "not a CONNACK: {connack:?}");
        connack.body[1]
    }

    /// CONNECT that is accepted.
    pub(crate) fn join(mut self, connect: &Connect) -> Self {
        assert_eq!(self.connect(connect), 0, "refused");
        self
    }

    /// A round trip: everything sent before has been handled.
    pub(crate) fn ping(&mut self) -> &mut Self {
        self.send(&[0xC0, 0]).expect(&[0xD0, 0])
    }

    fn next(&mut self, patience: Duration) -> Result<Option<Received>, String> {
        let until = Instant::now() + patience;
        loop {
            if let Some(packet) = take_packet(&mut self.input) {
                return Ok(Some(packet));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.tcp().set_read_timeout(Some(left)).unwrap();
            let mut chunk = [0; 16384];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err("end of stream".to_owned()),
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
                // Interrupted: the kernel says so on a loaded machine, and nothing has happened to the connection.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

fn take_packet(input: &mut Vec<u8>) -> Option<Received> {
    let (mut length, mut at) = (0usize, 1);
    loop {
        let byte = *input.get(at)?;
        length |= usize::from(byte & 0x7F) << (7 * (at - 1));
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    (input.len() >= at + length).then(|| {
        let packet: Vec<u8> = input.drain(..at + length).collect();
        Received {
            first: packet[0],
            body: packet[at..].to_vec(),
        }
    })
}

fn client_config(ca: &Path, identity: Option<(&Path, &Path)>) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let builder = builder.with_root_certificates(roots);
    match identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::pem_file_iter(chain)
                .unwrap()
                .map(Result::unwrap)
                .collect();
            builder
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap())
                .unwrap()
        }
    }
}
