//! Where the broker is: `mqtts://host:port` or `mqtt://host:port`.

use std::fmt;
use std::str::FromStr;

/// The address of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// TLS or plain TCP.
    pub tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// 8883 or 1883 where none is given.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            |cause: &str| format!("{cause}: write `mqtts://host:port` or `mqtt://host:port`");
        let (tls, rest) = if let Some(rest) = text.strip_prefix("mqtts://") {
            (true, rest)
        } else if let Some(rest) = text.strip_prefix("mqtt://") {
            (false, rest)
        } else {
            return Err(wrong("the scheme is neither `mqtts` nor `mqtt`"));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        if host.is_empty() || host.contains('/') {
            return Err(wrong("there is no host"));
        }
        let port = match port {
            Some(port) => port
                .parse()
                .map_err(|_| wrong(&format!("`{port}` is no port")))?,
            None if tls => 8883,
            None => 1883,
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        let host = &self.host;
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{}", self.port)
        } else {
            write!(f, "{scheme}://{host}:{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_read_and_written() {
        for (text, shown) in [
            ("mqtts://localhost", "mqtts://localhost:8883"),
            ("mqtt://10.0.0.1:1884/", "mqtt://10.0.0.1:1884"),
            ("mqtt://[::1]:7", "mqtt://[::1]:7"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
        for (text, cause) in [
            ("localhost:8883", "scheme"),
            ("https://localhost", "scheme"),
            ("mqtts://", "no host"),
            ("mqtts://:8883", "no host"),
            ("mqtts://localhost:x", "`x` is no port"),
            ("mqtts://localhost:99999", "`99999` is no port"),
            ("mqtt://a/b", "no host"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.contains(cause), "{text}: {error}");
        }
    }
}
