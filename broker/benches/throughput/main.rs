//! The load tool: our broker beside stock rumqttd and Mosquitto, in one run, over real sockets on loopback.
//!
//! ```text
//! cargo bench -p iotda-broker --bench throughput                       every case, three rounds of three seconds
//! cargo bench -p iotda-broker --bench throughput -- --quick            one round of one second
//! cargo bench -p iotda-broker --bench throughput -- --smoke            does everything work? a quarter of a second each
//! cargo bench -p iotda-broker --bench throughput -- --idle 2000        memory of an idle TLS session
//! cargo bench -p iotda-broker --bench throughput -- --handshakes 2000  mutual TLS handshake and CONNECT per server CPU second
//! cargo bench -p iotda-broker --bench throughput -- --scale 1000,10000 a downlink on a new topic and a disconnect, by idle sessions
//! ```
//!
//! Further: `--rounds N`, `--seconds N`, `--window N` (50: what a publisher writes at once, and its QoS 1 messages under way), `--only TEXT` (cases by name), `--brokers ours,rumqttd,mosquitto`, `--config FILE` (of ours).
//!
//! Every broker is a child process with a directory of its own, ended with the run. Rounds are interleaved (ours, stock, Mosquitto, ours …),
//! because this decides more than the code on a noisy machine; figures are medians, ratios are taken within a round. The rules are on for
//! ours (the default policy documents, judged by the built-in component) and for Mosquitto (password and ACL file); stock rumqttd has none.
//! Every message is numbered and every delivery checked: a lost, doubled or reordered one is a failure, and the exit code is 1.

mod cases;
mod certificates;
mod connection;
mod frames;
mod handshakes;
mod identity;
mod idle;
mod load;
mod options;
mod process;
mod progress;
mod scale;
mod server;
mod stock;
mod traffic;

use options::{Mode, Options};
use std::process::ExitCode;

/// A load tool may end at the first thing that is not as it should be; it says what.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(64);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("the load tool failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// False where a broker lost a message.
fn run(options: &Options) -> Result<bool, Failure> {
    if let Mode::ServeStock(address) = options.mode {
        return stock::serve(address).map(|()| true);
    }
    process::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match &options.mode {
            Mode::Cases => cases::run(options).await,
            Mode::Idle(sessions) => idle::run(*sessions, options).await.map(|()| true),
            Mode::Handshakes(count) => handshakes::run(*count, options).await.map(|()| true),
            Mode::Scale(sizes) => scale::run(sizes, options).await.map(|()| true),
            Mode::ServeStock(_) => Ok(true),
        }
    })
}
