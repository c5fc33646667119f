//! The load tool: our broker beside stock rumqttd and Mosquitto, in one run, over real sockets on loopback.
//!
//! ```text
//! cargo bench -p iotda-broker --bench throughput                       every case, three rounds of three seconds
//! cargo bench -p iotda-broker --bench throughput -- --quick            one round of one second
//! cargo bench -p iotda-broker --bench throughput -- --smoke            does everything work? a quarter of a second each
//! cargo bench -p iotda-broker --bench throughput -- --idle 2000        memory of an idle TLS session
//! cargo bench -p iotda-broker --bench throughput -- --handshakes 2000  mutual TLS handshake and CONNECT per server CPU second
//! cargo bench -p iotda-broker --bench throughput -- --scale 1000,10000 a downlink on a new topic and a disconnect, by idle sessions
//! cargo bench -p iotda-broker --bench throughput -- --swaps 1000       so many changes of rules and component while 200 clients publish
//! cargo bench -p iotda-broker --bench throughput -- --swap-latency     deliveries while a component is compiled and comes into force
//! cargo bench -p iotda-broker --bench throughput -- --enforce 5000     from a change to its being enforced on so many live sessions
//! cargo bench -p iotda-broker --bench throughput -- --revoke 200       from a freeze to the closed socket and the last delivery
//! cargo bench -p iotda-broker --bench throughput -- --hostile          what attacks the host while it is offered, and what others notice
//! ```
//!
//! Further: `--rounds N`, `--seconds N`, `--window N` (50: what a publisher writes at once, and its QoS 1 messages under way), `--only TEXT` (cases and attacks by name), `--brokers ours,rumqttd,mosquitto`, `--config FILE` (of ours).
//!
//! Every broker is a child process with a directory of its own, ended with the run. Rounds are interleaved (ours, stock, Mosquitto, ours …),
//! because this decides more than the code on a noisy machine; figures are medians, ratios are taken within a round. The rules are on for
//! ours (the default policy documents, judged by the built-in component) and for Mosquitto (password and ACL file); stock rumqttd has none.
//! Every message is numbered and every delivery checked: a lost, doubled or reordered one is a failure, and the exit code is 1; so is one
//! that the rules in force forbid, and a connection that a change has cost. Times are never checked, only told beside their goals.

mod admin;
mod attacks;
mod cases;
mod certificates;
mod connection;
mod crowd;
mod enforce;
mod frames;
mod handshakes;
mod hostile;
mod identity;
mod idle;
mod load;
mod options;
mod probe;
mod process;
mod progress;
mod revoke;
mod rules;
mod scale;
mod server;
mod spread;
mod stage;
mod stock;
mod stream;
mod swap_latency;
mod swaps;
mod traffic;
mod witness;

/// The tests' own attackers: what cannot be built may panic, as in a test.
#[path = "../../tests/fixtures/mod.rs"]
#[expect(clippy::unwrap_used, reason = "shared with the tests")]
mod fixtures;
#[path = "../../tests/fixtures/generated.rs"]
#[expect(clippy::unwrap_used, reason = "shared with the tests")]
mod generated;

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

/// False where a message was lost, doubled, or went against the rules, or a connection was lost.
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
            Mode::Cases if options.smoke => {
                Ok(cases::run(options).await? & changes(options).await?)
            }
            Mode::Cases => cases::run(options).await,
            Mode::Idle(sessions) => idle::run(*sessions, options).await.map(|()| true),
            Mode::Handshakes(count) => handshakes::run(*count, options).await.map(|()| true),
            Mode::Scale(sizes) => scale::run(sizes, options).await.map(|()| true),
            Mode::Swaps(count) => swaps::run(*count, options).await,
            Mode::SwapLatency => swap_latency::run(options).await,
            Mode::Enforce(sessions) => enforce::run(*sessions, options).await,
            Mode::Revoke(devices) => revoke::run(*devices, options).await,
            Mode::Hostile => hostile::run(options).await,
            Mode::ServeStock(_) => Ok(true),
        }
    })
}

/// A little of everything that is measured of changes.
async fn changes(options: &Options) -> Result<bool, Failure> {
    let swaps = swaps::run(10, options).await?;
    let latency = swap_latency::run(options).await?;
    let enforced = enforce::run(20, options).await?;
    let revoked = revoke::run(10, options).await?;
    Ok(swaps & latency & enforced & revoked & hostile::run(options).await?)
}
