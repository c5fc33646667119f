//! How soon each attack on the host is stopped, and what others notice meanwhile.
//!
//! Each is made again and again, ten times a second at most, for as long as a quiet time before it. One that is taken in is a failure.

use crate::Failure;
use crate::admin::Admin;
use crate::attacks::{self, Attack, Stopped};
use crate::cases::median;
use crate::options::Options;
use crate::server::Server;
use crate::spread::Spread;
use crate::stream::{Sample, Stream, Window, within};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// From one attack to the next, where it ends sooner.
const EVERY: Duration = Duration::from_millis(100);
/// One attack in so many is enough to see that everything works.
const SMOKE: usize = 6;
const GOAL: f64 = 3.0;

/// One attack in one round.
struct Met {
    stopped: Vec<Stopped>,
    quiet: Window,
    during: Window,
}

pub(crate) async fn run(options: &Options) -> Result<bool, Failure> {
    let attacks = chosen(options)?;
    let server = attacks::server()?;
    let admin = server.admin()?;
    let stream = Stream::start(&server).await?;
    let mut met: Vec<Vec<Met>> = attacks.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (attack, met) in attacks.iter().zip(&mut met) {
            met.push(meet(attack, &server, &admin, options.duration).await?);
        }
    }
    let (samples, trouble) = stream.finish().await?;
    print_head();
    for (attack, met) in attacks.iter().zip(&met) {
        print(attack, met, &samples);
    }
    println!(
        "medians of {} round(s); goals: stopped at most 50 ms after its limit, others' p99 at most {GOAL} times the quiet one\n",
        options.rounds
    );
    if let Some(trouble) = &trouble {
        println!("FAILURE: {trouble}");
    }
    Ok(trouble.is_none())
}

fn chosen(options: &Options) -> Result<Vec<Attack>, Failure> {
    let mut attacks = attacks::all(!options.smoke)?;
    attacks.retain(|attack| attack.name.contains(&options.only));
    let step = if options.smoke { SMOKE } else { 1 };
    Ok(attacks.into_iter().step_by(step).collect())
}

async fn meet(
    attack: &Attack,
    server: &Server,
    admin: &Admin,
    duration: Duration,
) -> Result<Met, Failure> {
    let quiet = Window::quiet(duration).await;
    let (start, mut stopped) = (Instant::now(), Vec::new());
    while stopped.is_empty() || start.elapsed() < duration {
        let next = Instant::now() + EVERY;
        stopped.push(attack.offer(server, admin).await?);
        sleep(next.saturating_duration_since(Instant::now())).await;
    }
    Ok(Met {
        stopped,
        quiet,
        during: Window::since(start),
    })
}

fn print_head() {
    println!(
        "\n{:<24}{:<20}{:>6}{:>12}{:>10}{:>12}{:>10}  {:<12}{:>10}{:>10}{:>10}{:>8}",
        "attack",
        "rejection",
        "times",
        "answer, ms",
        "max",
        "stopped, ms",
        "max",
        "limit",
        "quiet p99",
        "during",
        "max",
        "ratio"
    );
}

fn print(attack: &Attack, met: &[Met], samples: &[Sample]) {
    let spread = |window: Window| Spread::of(within(samples, &[window]));
    let rounds = met
        .iter()
        .map(|met| (spread(met.quiet), spread(met.during)));
    let rounds: Vec<_> = rounds.collect();
    let middle = |figure: fn(&(Spread, Spread)) -> f64| {
        median(rounds.iter().map(figure)).unwrap_or(f64::NAN)
    };
    let stopped: Vec<&Stopped> = met.iter().flat_map(|met| &met.stopped).collect();
    let answered = Spread::of(stopped.iter().map(|one| one.answered));
    let took = Spread::of(stopped.iter().map(|one| one.took));
    println!(
        "{:<24}{:<20}{:>6}{:>12.1}{:>10.1}{:>12.1}{:>10.1}  {:<12}{:>10.2}{:>10.2}{:>10.2}{:>8.2}",
        attack.name,
        stopped.first().map_or("", |one| one.code.as_str()),
        stopped.len(),
        answered.median,
        answered.max,
        took.median,
        took.max,
        attack.limit,
        middle(|(quiet, _)| quiet.p99),
        middle(|(_, during)| during.p99),
        middle(|(_, during)| during.max),
        middle(|(quiet, during)| during.p99 / quiet.p99)
    );
}
