//! The last bytes to a client: written, flushed, the sending side closed, and what still comes in thrown away for a short while.
//!
//! Without the last step the kernel answers unread input with a reset, and the client may lose the very code that says why.

use super::Connection;
use std::future::poll_fn;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// A client that does not take its answer within this time does not get it.
const WRITE: Duration = Duration::from_secs(2);
/// How long the client may take to read and close.
const LINGER: Duration = Duration::from_millis(500);

impl Connection {
    /// Writes what waits, and closes.
    pub(crate) async fn close(mut self) {
        let speaks = !self.output.is_empty();
        let sent = timeout(WRITE, self.shut()).await.is_ok_and(|sent| sent);
        if speaks && sent {
            timeout(LINGER, self.discard()).await.ok();
        }
    }

    async fn shut(&mut self) -> bool {
        let output = std::mem::take(&mut self.output);
        self.stream.write_all(&output).await.is_ok() && self.stream.shutdown().await.is_ok()
    }

    async fn discard(&mut self) {
        while let Ok(1..) = poll_fn(|context| self.poll_read(context)).await {
            self.input.clear();
        }
    }
}
