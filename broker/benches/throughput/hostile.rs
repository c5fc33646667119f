//! Candidates that attack the host: what each is rejected for and how soon, and what others notice meanwhile.
//!
//! The broker runs the policy that the tests misbehave with, so that documents and cases can make it do so, too. Each attack is offered again
//! and again, ten times a second at most, for as long as a quiet time before it. One that comes into force is a failure.

use crate::Failure;
use crate::admin::{Admin, Answer};
use crate::cases::median;
use crate::fixtures::{hostile, text};
use crate::generated::{compile_bomb, of_instances, of_memories, of_tables};
use crate::options::Options;
use crate::server::{self, Server};
use crate::spread::Spread;
use crate::stream::{Sample, Stream, Window, within};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// From one offer to the next, where it is answered sooner.
const EVERY: Duration = Duration::from_millis(100);
const RULES: &str = "allow bench/#";
const CONFIG: &str = "[policies.iotda]\ncomponent = \"hostile.wasm\"\ndirectory = \"rules\"\n";
const GOAL: f64 = 3.0;

struct Attack {
    name: String,
    /// What must stop it.
    deadline: &'static str,
    offer: Offer,
}

enum Offer {
    Component(Vec<u8>),
    Rules(Value),
}

/// One attack in one round.
struct Met {
    code: String,
    /// Milliseconds until the answers.
    answers: Vec<f64>,
    quiet: Window,
    during: Window,
}

pub(crate) async fn run(options: &Options) -> Result<bool, Failure> {
    let attacks = attacks(options)?;
    let server = start()?;
    let admin = server.admin()?;
    let stream = Stream::start(&server).await?;
    let mut met: Vec<Vec<Met>> = attacks.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (attack, met) in attacks.iter().zip(&mut met) {
            let quiet = Window::quiet(options.duration).await;
            met.push(suffer(attack, &admin, quiet, options.duration).await?);
        }
    }
    let (samples, trouble) = stream.finish().await?;
    print_head();
    for (attack, met) in attacks.iter().zip(&met) {
        attack.print(met, &samples);
    }
    println!(
        "p99 during / quiet: medians of {} round(s) (goal: at most {GOAL})\n",
        options.rounds
    );
    if let Some(trouble) = &trouble {
        println!("FAILURE: {trouble}");
    }
    Ok(trouble.is_none())
}

fn start() -> Result<Server, Failure> {
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("rules"))?;
    fs::write(dir.path().join("rules/rules.json"), RULES)?;
    fs::write(dir.path().join("hostile.wasm"), hostile())?;
    let config = dir.path().join("broker.toml");
    fs::write(&config, CONFIG)?;
    server::ours_in(dir, 0, &config)
}

/// Every text among the fixtures, what only a call shows, and the compile bomb, which is too long for a test whether everything works.
fn attacks(options: &Options) -> Result<Vec<Attack>, Failure> {
    let mut attacks = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(short) = name.strip_suffix(".wat") {
            let deadline = if short.starts_with("spins") {
                "500 ms"
            } else {
                ""
            };
            attacks.push(Attack::new(short, deadline, Offer::Component(text(&name))));
        }
    }
    attacks.sort_by(|one, other| one.name.cmp(&other.name));
    for (name, component) in [
        ("500 instances", of_instances(500)),
        ("500 memories", of_memories(500)),
        ("500 tables", of_tables(500)),
    ] {
        attacks.push(Attack::new(name, "", Offer::Component(component)));
    }
    for how in ["trap", "spin", "alloc", "recurse"] {
        let rules = json!({ "documents": { "rules.json": format!("{RULES}\n{how}") } });
        let deadline = if how == "spin" { "500 ms" } else { "" };
        attacks.push(Attack::new(
            &format!("configure: {how}"),
            deadline,
            Offer::Rules(rules),
        ));
    }
    for how in [
        "trap",
        "spin",
        "alloc",
        "recurse",
        "huge-string",
        "many-rules",
        "greedy",
    ] {
        let case =
            json!([{ "name": how, "connect": { "client_id": how }, "expect": { "grant": {} } }]);
        let rules = json!({ "documents": { "rules.json": RULES }, "cases": { "case.json": case.to_string() } });
        // A call that is late is asked three times.
        let deadline = if how == "spin" { "3 x 10 ms" } else { "" };
        attacks.push(Attack::new(
            &format!("a call: {how}"),
            deadline,
            Offer::Rules(rules),
        ));
    }
    if !options.smoke {
        let bomb = Offer::Component(compile_bomb());
        attacks.push(Attack::new("compile bomb", "10 s of CPU", bomb));
    }
    attacks.retain(|attack| attack.name.contains(&options.only));
    Ok(attacks)
}

async fn suffer(
    attack: &Attack,
    admin: &Admin,
    quiet: Window,
    duration: Duration,
) -> Result<Met, Failure> {
    let (start, mut answers) = (Instant::now(), Vec::new());
    loop {
        let answer = attack.offer(admin).await?;
        if answer.status < 400 {
            return Err(format!("`{}` is taken in: {}", attack.name, answer.body).into());
        }
        answers.push(answer.milliseconds());
        if start.elapsed() >= duration {
            return Ok(Met {
                code: answer.code().to_owned(),
                answers,
                quiet,
                during: Window::since(start),
            });
        }
        sleep(EVERY.saturating_sub(answer.took)).await;
    }
}

fn print_head() {
    println!(
        "\n{:<24}{:<20}{:>6}{:>12}{:>10}   {:<12}{:>10}{:>10}{:>10}{:>8}",
        "attack",
        "rejection",
        "times",
        "answer, ms",
        "max",
        "deadline",
        "quiet p99",
        "during",
        "max",
        "ratio"
    );
}

impl Attack {
    fn new(name: &str, deadline: &'static str, offer: Offer) -> Self {
        Self {
            name: name.to_owned(),
            deadline,
            offer,
        }
    }

    async fn offer(&self, admin: &Admin) -> Result<Answer, Failure> {
        match &self.offer {
            Offer::Component(component) => admin.put_component(component).await,
            Offer::Rules(rules) => admin.put_rules(rules).await,
        }
    }

    /// The middle of the rounds.
    fn print(&self, met: &[Met], samples: &[Sample]) {
        let spread = |window: Window| Spread::of(within(samples, &[window]));
        let rounds: Vec<_> = met
            .iter()
            .map(|met| (spread(met.quiet), spread(met.during)))
            .collect();
        let middle = |figure: fn(&(Spread, Spread)) -> f64| {
            median(rounds.iter().map(figure)).unwrap_or(f64::NAN)
        };
        let answers = Spread::of(met.iter().flat_map(|met| met.answers.iter().copied()));
        let times: usize = met.iter().map(|met| met.answers.len()).sum();
        println!(
            "{:<24}{:<20}{times:>6}{:>12.1}{:>10.1}   {:<12}{:>10.2}{:>10.2}{:>10.2}{:>8.2}",
            self.name,
            met.first().map_or("", |met| met.code.as_str()),
            answers.median,
            answers.max,
            self.deadline,
            middle(|(quiet, _)| quiet.p99),
            middle(|(_, during)| during.p99),
            middle(|(_, during)| during.max),
            middle(|(quiet, during)| during.p99 / quiet.p99)
        );
    }
}
