//! One HTTP/1.1 request over plain TCP: all that the admin port needs.
//!
//! Bounded: 2 s for the connection, 150 s for the answer (a broker may compile for two minutes), 32 MiB of it (documents and cases have 16).

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Request, StatusCode, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(150);
const ANSWER_MAX: usize = 32 << 20;

/// `HOST:PORT` of `http://HOST:PORT`.
pub(super) fn address(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let is_plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
    let host = uri.host().filter(|_| is_plain && uri.query().is_none())?;
    Some(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
}

/// Err: why there is no answer.
pub(super) async fn send(
    address: &str,
    token: &str,
    method: &str,
    path: &str,
    body: Vec<u8>,
) -> Result<(StatusCode, Bytes), String> {
    let stream = timeout(CONNECT, TcpStream::connect(address))
        .await
        .map_err(|_| "no connection within 2 s".to_owned())?
        .map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::from(body))
        .map_err(|error| format!("`{path}` cannot be asked for: {error}"))?;
    timeout(ANSWER, exchange(stream, request))
        .await
        .map_err(|_| "no answer within 150 s".to_owned())?
}

async fn exchange(
    stream: TcpStream,
    request: Request<Body>,
) -> Result<(StatusCode, Bytes), String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // Ends with the sender, or with the peer.
    tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), ANSWER_MAX).await;
    Ok((status, body.map_err(|error| error.to_string())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain_http() {
        for (url, found) in [
            ("http://127.0.0.1:8080", Some("127.0.0.1:8080")),
            ("http://[::1]:81/", Some("[::1]:81")),
            ("http://broker", Some("broker:80")),
            ("https://broker:1", None),
            ("http://broker/policy", None),
            ("127.0.0.1:8080", None),
            ("", None),
        ] {
            assert_eq!(address(url).as_deref(), found, "{url}");
        }
    }
}
