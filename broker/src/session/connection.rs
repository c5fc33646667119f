//! One client's socket with its buffers: bytes in, bytes out, and the moments that time-outs are counted from.
//!
//! Bounds: reading pauses while [`OUTPUT_HIGH`] bytes wait to be written, so a client that sends without reading stops itself; one
//! packet is bounded by the caller. Idle, it holds no buffer at all: busy connections take turns with those of their thread. An error of
//! the socket is a closed connection.

mod farewell;
mod spare;

use bytes::{Buf, BytesMut};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

/// A connection's byte stream: TCP, or TLS over TCP.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Any byte stream.
pub type Stream = Box<dyn Duplex>;

/// More than this waiting to be written: nothing is read, and no more is fetched for the client.
pub(crate) const OUTPUT_HIGH: usize = 64 * 1024;

/// Room for one read at least.
const READ_MIN: usize = 8 * 1024;

/// What happened on the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more input.
    Read,
    /// There is less output.
    Wrote,
    /// The other side is gone.
    Closed,
}

pub(crate) struct Connection {
    stream: Stream,
    pub(crate) input: BytesMut,
    pub(crate) output: BytesMut,
    wide_input: bool,
    wide_output: bool,
    unflushed: bool,
    /// When the last whole packet came.
    pub(crate) heard_at: Instant,
    stalled_at: Option<Instant>,
}

impl Connection {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            wide_input: false,
            wide_output: false,
            unflushed: false,
            heard_at: Instant::now(),
            stalled_at: None,
        }
    }

    /// Writes what waits, and reads where there is room for answers. Ready when something happened.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Progress> {
        let waiting = self.output.len();
        if let Poll::Ready(Err(_)) = self.poll_write(context) {
            return Poll::Ready(Progress::Closed);
        }
        if self.output.len() < OUTPUT_HIGH
            && let Poll::Ready(read) = self.poll_read(context)
        {
            return Poll::Ready(match read {
                Ok(1..) => Progress::Read,
                Ok(0) | Err(_) => Progress::Closed,
            });
        }
        // What was fetched so far fitted in, so only a buffer that was full, or still waits, changes what is to be done next.
        let was_full = waiting >= OUTPUT_HIGH;
        if self.output.len() < waiting && (was_full || !self.output.is_empty()) {
            return Poll::Ready(Progress::Wrote);
        }
        Poll::Pending
    }

    /// When a client that reads nothing is given up.
    pub(crate) fn stall_deadline(&self, patience: Duration) -> Option<Instant> {
        self.stalled_at.map(|since| since + patience)
    }

    /// Reads once; the number of bytes, 0 at the end of the stream.
    pub(crate) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        spare::widen(&mut self.input, &mut self.wide_input);
        // A packet that is larger than a buffer: `read_buf` alone would make room for 64 bytes at a time.
        self.input.reserve(READ_MIN);
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(context);
        if !matches!(read, Poll::Ready(Ok(1..))) {
            spare::narrow(&mut self.input, &mut self.wide_input);
        }
        read
    }

    /// Writes until all is written and flushed.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.output) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.written(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stalled(),
            }
        }
        self.poll_flush(context)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        spare::narrow(&mut self.output, &mut self.wide_output);
        if !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.stalled(),
            Poll::Ready(flushed) => {
                self.unflushed = false;
                self.stalled_at = None;
                Poll::Ready(flushed)
            }
        }
    }

    fn written(&mut self, written: usize) {
        self.output.advance(written);
        self.unflushed = true;
        self.stalled_at = None;
    }

    /// Makes room for the answers and deliveries of one turn.
    pub(crate) fn open_output(&mut self) {
        spare::widen(&mut self.output, &mut self.wide_output);
    }

    fn stalled(&mut self) -> Poll<io::Result<()>> {
        self.stalled_at.get_or_insert_with(Instant::now);
        spare::narrow(&mut self.output, &mut self.wide_output);
        Poll::Pending
    }

    /// Gives the input's memory back but for a packet that is not complete.
    pub(crate) fn release_input(&mut self) {
        spare::narrow(&mut self.input, &mut self.wide_input);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn reads_writes_and_tells_the_end() {
        let (mut client, server) = duplex(64);
        let mut connection = Connection::new(Box::new(server));
        client.write_all(b"hello").await.unwrap();
        assert_eq!(
            poll_fn(|context| connection.poll(context)).await,
            Progress::Read
        );
        assert_eq!(&connection.input[..], b"hello");
        connection.output.extend_from_slice(b"answer");
        client.write_all(b"!").await.unwrap();
        assert_eq!(
            poll_fn(|context| connection.poll(context)).await,
            Progress::Read
        );
        let mut answer = [0; 6];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"answer");
        drop(client);
        assert_eq!(
            poll_fn(|context| connection.poll(context)).await,
            Progress::Closed
        );
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_stalls_and_is_not_read_from() {
        let (mut client, server) = duplex(16);
        let mut connection = Connection::new(Box::new(server));
        connection
            .output
            .extend_from_slice(&vec![0; OUTPUT_HIGH + 100]);
        client.write_all(b"x").await.unwrap();
        assert_eq!(
            poll_fn(|context| connection.poll(context)).await,
            Progress::Wrote
        );
        assert!(connection.input.is_empty());
        assert!(connection.stall_deadline(Duration::ZERO).is_some());
    }
}
