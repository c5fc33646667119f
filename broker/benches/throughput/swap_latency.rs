//! What deliveries notice of a component that is compiled, tested and brought into force on [`SESSIONS`] idle device sessions.
//!
//! Rounds of quiet and of swaps alternate. «During» is what was sent from the first byte of a swap until every session was judged by it, and
//! nothing between two swaps, which would dilute it.

use crate::admin::Admin;
use crate::cases::median;
use crate::options::Options;
use crate::rules::rebuilt;
use crate::server;
use crate::spread::Spread;
use crate::stream::{Sample, Stream, Window, within};
use crate::{Failure, scale};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const SESSIONS: usize = 200;
/// From the start of a swap to that of the next.
const EVERY: Duration = Duration::from_secs(1);
const GOAL: f64 = 2.0;

struct Round {
    quiet: Window,
    swaps: Vec<Window>,
}

pub(crate) async fn run(options: &Options) -> Result<bool, Failure> {
    let server = Arc::new(server::ours(SESSIONS, options)?);
    let admin = server.admin()?;
    let mut devices = scale::join_all(&server, SESSIONS).await?;
    let stream = Stream::start(&server).await?;
    let (mut rounds, mut number) = (Vec::new(), 0);
    for _ in 0..options.rounds {
        rounds.push(Round {
            quiet: Window::quiet(options.duration).await,
            swaps: swaps(&admin, options.duration, &mut number).await?,
        });
    }
    let (samples, trouble) = stream.finish().await?;
    print(&rounds, &samples);
    let closed = devices
        .iter_mut()
        .filter_map(|one| (!one.is_open()).then_some(()))
        .count();
    println!("connections lost: {closed} of {SESSIONS}");
    if let Some(trouble) = &trouble {
        println!("FAILURE: {trouble}");
    }
    Ok(trouble.is_none() && closed == 0)
}

/// One at least.
async fn swaps(
    admin: &Admin,
    duration: Duration,
    number: &mut u32,
) -> Result<Vec<Window>, Failure> {
    let (mut windows, until) = (Vec::new(), Instant::now() + duration);
    while windows.is_empty() || Instant::now() < until {
        *number += 1;
        let component = rebuilt(*number);
        let start = Instant::now();
        admin.put_component(&component).await?.successful()?;
        admin.judged().await?;
        windows.push(Window::since(start));
        sleep(EVERY.saturating_sub(start.elapsed())).await;
    }
    Ok(windows)
}

fn print(rounds: &[Round], samples: &[Sample]) {
    println!(
        "\n{:<28}{:>10}{:>10}{:>10}{:>10}",
        "delivery, ms", "median", "p99", "max", "messages"
    );
    let mut ratios = Vec::new();
    for (number, round) in rounds.iter().enumerate() {
        let quiet = row(number, "quiet", samples, &[round.quiet]);
        let name = format!("{} swaps", round.swaps.len());
        let during = row(number, &name, samples, &round.swaps);
        ratios.push(during.p99 / quiet.p99);
    }
    println!(
        "p99 during swaps / quiet: {:.2}, the median of {} round(s) (goal: at most {GOAL})\n",
        median(ratios.iter().copied()).unwrap_or(f64::NAN),
        rounds.len()
    );
}

fn row(round: usize, name: &str, samples: &[Sample], windows: &[Window]) -> Spread {
    let within = within(samples, windows);
    let (count, spread) = (within.len(), Spread::of(within));
    let name = format!("round {}, {name}", round + 1);
    println!("{name:<28}{spread}{count:>10}");
    spread
}
