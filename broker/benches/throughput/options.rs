//! The command line of the load tool.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What to measure.
pub(crate) enum Mode {
    Cases,
    Idle(usize),
    Handshakes(usize),
    Scale(Vec<usize>),
    Swaps(usize),
    SwapLatency,
    Enforce(usize),
    Revoke(usize),
    Hostile,
    /// Hidden: this process is the stock rumqttd of another one.
    ServeStock(SocketAddr),
}

pub(crate) struct Options {
    pub(crate) mode: Mode,
    /// Only whether everything works: after the cases, a little of what is measured of changes.
    pub(crate) smoke: bool,
    pub(crate) rounds: usize,
    /// How long publishers publish in one case.
    pub(crate) duration: Duration,
    /// Messages of one write, and of a QoS 1 publisher without an acknowledgement; the same for every broker.
    pub(crate) window: u32,
    /// Only cases whose name contains this.
    pub(crate) only: String,
    /// Only brokers whose name is in this.
    pub(crate) brokers: String,
    /// Configuration file for our broker, where the defaults are not what is to be measured.
    pub(crate) config: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            mode: Mode::Cases,
            smoke: false,
            rounds: 3,
            duration: Duration::from_secs(3),
            window: 50,
            only: String::new(),
            brokers: "ours,rumqttd,mosquitto".to_owned(),
            config: None,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or(format!("`{argument}` needs a value"))
            };
            match argument.as_str() {
                // Cargo's own.
                "--bench" => {}
                "--quick" => options.shorten(1, Duration::from_secs(1)),
                "--smoke" => {
                    options.smoke = true;
                    options.shorten(1, Duration::from_millis(250));
                }
                "--rounds" => options.rounds = number(&value()?)?,
                "--seconds" => options.duration = Duration::from_secs(number(&value()?)?),
                "--window" => options.window = window(&value()?)?,
                "--only" => options.only = value()?,
                "--brokers" => options.brokers = value()?,
                "--config" => options.config = Some(PathBuf::from(value()?)),
                "--idle" => options.mode = Mode::Idle(count(&value()?)?),
                "--handshakes" => options.mode = Mode::Handshakes(count(&value()?)?),
                "--scale" => options.mode = Mode::Scale(counts(&value()?)?),
                "--swaps" => options.mode = Mode::Swaps(count(&value()?)?),
                "--swap-latency" => options.mode = Mode::SwapLatency,
                "--enforce" => options.mode = Mode::Enforce(count(&value()?)?),
                "--revoke" => options.mode = Mode::Revoke(count(&value()?)?),
                "--hostile" => options.mode = Mode::Hostile,
                "--serve-stock" => options.mode = Mode::ServeStock(number(&value()?)?),
                _ => {
                    return Err(format!(
                        "unknown option `{argument}`: see the head of throughput/main.rs"
                    ));
                }
            }
        }
        Ok(options)
    }

    fn shorten(&mut self, rounds: usize, duration: Duration) {
        (self.rounds, self.duration) = (rounds, duration);
    }
}

fn number<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("`{text}`: {error}"))
}

/// Above 100 the brokers' own windows would decide (ours, stock rumqttd's and Mosquitto's are 100), and packet ids could meet.
fn window(text: &str) -> Result<u32, String> {
    match number(text)? {
        window @ 1..=1_000 => Ok(window),
        _ => Err(format!("`{text}`: 1 to 1000")),
    }
}

/// At least ten: figures per session of fewer say nothing.
fn count(text: &str) -> Result<usize, String> {
    let count = number(text)?;
    if count < 10 {
        return Err(format!("`{text}`: at least 10"));
    }
    Ok(count)
}

fn counts(text: &str) -> Result<Vec<usize>, String> {
    text.split(',').map(count).collect()
}
