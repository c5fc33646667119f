//! From the first byte of a change to its being enforced on every one of so many idle sessions, as `GET /policy` tells it (`judged`).

use crate::admin::{Admin, Answer};
use crate::options::Options;
use crate::rules::{Documents, rebuilt};
use crate::server::{self, Server};
use crate::spread::Spread;
use crate::{Failure, process, scale};
use std::sync::Arc;

/// Changes of each kind; in a smoke test two, for there and back.
const CHANGES: u32 = 10;
const SMOKE: u32 = 2;

/// Milliseconds of one kind of change.
#[derive(Default)]
struct Times {
    /// Until the answer to the PUT.
    answered: Vec<f64>,
    /// Until all sessions were judged.
    enforced: Vec<f64>,
    /// The round of judging alone.
    judging: Vec<f64>,
    /// Microseconds of the broker's own process.
    cpu: u64,
    /// Sessions that the smallest round has judged.
    sessions: u64,
}

pub(crate) async fn run(sessions: usize, options: &Options) -> Result<bool, Failure> {
    let sessions = process::fitting(sessions);
    let server = Arc::new(server::ours(sessions, options)?);
    let admin = server.admin()?;
    let documents = Documents::of(&admin).await?;
    let mut devices = scale::join_all(&server, sessions).await?;
    let changes = if options.smoke { SMOKE } else { CHANGES };
    print_head(sessions, changes);
    let by_documents = change(&server, &admin, changes, async |number| {
        admin.put_documents(documents.get(number % 2 == 1)).await
    });
    let by_documents = by_documents.await?;
    by_documents.print("documents", 200);
    let by_component = change(&server, &admin, changes, async |number| {
        admin.put_component(&rebuilt(number)).await
    });
    let by_component = by_component.await?;
    by_component.print("component", 1_000);
    let closed = devices
        .iter_mut()
        .filter_map(|one| (!one.is_open()).then_some(()));
    let closed = closed.count();
    let judged = by_documents.sessions.min(by_component.sessions);
    println!("connections lost: {closed}; sessions that each round judged: {judged} at least\n");
    Ok(closed == 0 && judged >= sessions as u64)
}

async fn change(
    server: &Server,
    admin: &Admin,
    changes: u32,
    put: impl AsyncFn(u32) -> Result<Answer, Failure>,
) -> Result<Times, Failure> {
    let mut times = Times {
        sessions: u64::MAX,
        ..Times::default()
    };
    let before = server.process.settled_cpu_microseconds().await?;
    for number in 1..=changes {
        let answer = put(number).await?.successful()?;
        let judged = admin.judged().await?;
        times.answered.push(answer.milliseconds());
        times
            .enforced
            .push(answer.sent.elapsed().as_secs_f64() * 1e3);
        times.judging.push(judged.milliseconds);
        times.sessions = times.sessions.min(judged.sessions);
    }
    times.cpu = server.process.settled_cpu_microseconds().await? - before;
    Ok(times)
}

fn print_head(sessions: usize, changes: u32) {
    println!(
        "{sessions} idle sessions, {changes} changes of each kind; ms, and broker CPU µs per session judged, the proof of the change included\n\n\
         {:<12}{:>18}{:>18}{:>18}{:>8}{:>10}",
        "change of", "PUT: median, max", "enforced on all", "judging alone", "goal", "CPU"
    );
}

impl Times {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn print(&self, name: &str, goal: u32) {
        let cell = |times: &[f64]| {
            let Spread { median, max, .. } = Spread::of(times.iter().copied());
            format!("{median:.0}, {max:.0}")
        };
        let judged = (self.sessions.max(1) * self.enforced.len() as u64) as f64;
        println!(
            "{name:<12}{:>18}{:>18}{:>18}{goal:>8}{:>10.1}",
            cell(&self.answered),
            cell(&self.enforced),
            cell(&self.judging),
            self.cpu as f64 / judged
        );
    }
}
