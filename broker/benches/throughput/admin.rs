//! The admin API of our broker, as an operator's script calls it: one connection per call, plain HTTP/1.1, the bearer token.
//!
//! A call waits for [`PATIENCE`] at most, because a change is answered only when it is in force or rejected.

use crate::{Failure, connection};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// A compile bomb has its limit of time on a core, which a busy machine stretches.
const PATIENCE: Duration = Duration::from_mins(3);
/// Between two looks at what is in force: what a figure of milliseconds may be off by.
const LOOK: Duration = Duration::from_millis(3);
/// The policy's name in the configuration.
const POLICY: &str = "iotda";

#[derive(Clone)]
pub(crate) struct Admin {
    address: SocketAddr,
    token: String,
}

pub(crate) struct Answer {
    /// When the request was written.
    pub(crate) sent: Instant,
    /// From there to the end of the answer.
    pub(crate) took: Duration,
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// The last round of judging all live sessions that is over.
pub(crate) struct Judged {
    pub(crate) sessions: u64,
    pub(crate) milliseconds: f64,
}

impl Admin {
    pub(crate) fn new(address: SocketAddr, token: &str) -> Self {
        Self {
            address,
            token: token.trim().to_owned(),
        }
    }

    /// The documents in force, by name.
    pub(crate) async fn documents(&self) -> Result<Value, Failure> {
        let path = format!("/policy/{POLICY}/documents");
        let mut answer = self.call("GET", &path, &[]).await?.successful()?;
        Ok(answer
            .body
            .get_mut("documents")
            .ok_or("no documents")?
            .take())
    }

    /// Documents whose cases stay what they are.
    pub(crate) async fn put_documents(&self, documents: &Value) -> Result<Answer, Failure> {
        self.put_rules(&json!({ "documents": documents })).await
    }

    pub(crate) async fn put_rules(&self, rules: &Value) -> Result<Answer, Failure> {
        let path = format!("/policy/{POLICY}/documents");
        self.call("PUT", &path, rules.to_string().as_bytes()).await
    }

    pub(crate) async fn put_component(&self, component: &[u8]) -> Result<Answer, Failure> {
        let path = format!("/policy/{POLICY}/component");
        self.call("PUT", &path, component).await
    }

    /// The vendor's call that revokes a device; any project id will do.
    pub(crate) async fn freeze(&self, device: &str) -> Result<Answer, Failure> {
        let path = format!("/v5/iot/bench/devices/{device}/freeze");
        self.call("POST", &path, &[]).await?.successful()
    }

    /// The vendor's call that restores it.
    pub(crate) async fn unfreeze(&self, device: &str) -> Result<Answer, Failure> {
        let path = format!("/v5/iot/bench/devices/{device}/unfreeze");
        self.call("POST", &path, &[]).await?.successful()
    }

    /// Waits until every live session is under what is in force now.
    pub(crate) async fn judged(&self) -> Result<Judged, Failure> {
        let wanted = number(&self.policy().await?, "/serial")?;
        let until = Instant::now() + connection::PATIENCE;
        loop {
            let policy = self.policy().await?;
            let done = number(&policy, "/judged/serial");
            if done.is_ok_and(|serial| serial >= wanted) {
                return Ok(Judged {
                    sessions: number(&policy, "/judged/sessions")?,
                    milliseconds: milliseconds(number(&policy, "/judged/micros")?),
                });
            }
            if Instant::now() > until {
                return Err("the sessions are not judged by the rules in force".into());
            }
            sleep(LOOK).await;
        }
    }

    /// Milliseconds of the last step of the last candidate: what it was rejected in.
    pub(crate) async fn last_step(&self) -> Result<f64, Failure> {
        let policy = self.policy().await?;
        let steps = policy.pointer("/history/0/steps").and_then(Value::as_array);
        let last = steps.and_then(|steps| steps.last());
        let micros = number(last.ok_or("a candidate without steps")?, "/micros")?;
        Ok(milliseconds(micros))
    }

    async fn policy(&self) -> Result<Value, Failure> {
        let mut answer = self.call("GET", "/policy", &[]).await?.successful()?;
        Ok(answer.body.get_mut(POLICY).ok_or("no such policy")?.take())
    }

    async fn call(&self, method: &str, path: &str, body: &[u8]) -> Result<Answer, Failure> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        let sent = Instant::now();
        stream.write_all(&request).await?;
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .map_err(|_| format!("`{method} {path}` is not answered"))??;
        Answer::parse(sent, &String::from_utf8_lossy(&answer))
    }
}

impl Answer {
    fn parse(sent: Instant, text: &str) -> Result<Self, Failure> {
        let took = sent.elapsed();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .ok_or("an answer without a head")?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok(Self {
            sent,
            took,
            status: status.ok_or("an answer without a status")?,
            body: serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)),
        })
    }

    /// An error where the broker does not do it.
    pub(crate) fn successful(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        Err(format!("the broker answers {}: {}", self.status, self.body).into())
    }

    pub(crate) fn milliseconds(&self) -> f64 {
        self.took.as_secs_f64() * 1e3
    }

    /// What a rejection is called.
    pub(crate) fn code(&self) -> &str {
        let code = self.body.get("code").and_then(Value::as_str);
        code.unwrap_or("none")
    }
}

fn number(value: &Value, pointer: &str) -> Result<u64, Failure> {
    let number = value.pointer(pointer).and_then(Value::as_u64);
    Ok(number.ok_or(format!("`GET /policy` does not show `{pointer}`"))?)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn milliseconds(micros: u64) -> f64 {
    micros as f64 / 1e3
}
