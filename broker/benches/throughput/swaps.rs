//! Rules and component swapped again and again while clients publish: is anything lost, or anything done that the rules in force forbid?
//!
//! The documents allow and deny one more topic in turn; every tenth swap is another component instead. Each swap is judged by all sessions,
//! and tested by the [`Crowd`], before the next.

use crate::Failure;
use crate::admin::{Admin, Answer};
use crate::crowd::{Crowd, PUBLISHERS};
use crate::options::Options;
use crate::rules::{Documents, rebuilt};
use crate::server::{self, Server};
use crate::spread::Spread;
use crate::stage::{Extra, Stages};
use std::time::{Duration, Instant};

/// One swap in so many is another component.
const COMPONENT: usize = 10;
/// How often memory is looked at.
const PARTS: usize = 10;

/// What the swaps have cost.
#[derive(Default)]
struct Swapped {
    /// Milliseconds until the answer.
    documents: Vec<f64>,
    components: Vec<f64>,
    /// Bytes at the start and after each tenth of the swaps.
    resident: Vec<u64>,
    took: Duration,
}

pub(crate) async fn run(count: usize, options: &Options) -> Result<bool, Failure> {
    let server = server::ours(PUBLISHERS, options)?;
    let admin = server.admin()?;
    let documents = Documents::of(&admin).await?;
    let crowd = Crowd::gather(&server).await?;
    let swapped = swap(count, &server, &admin, &documents, &crowd.stages).await;
    let outcome = crowd.disperse().await?;
    // What has become of the clients may be why the swaps failed.
    let good = outcome.print();
    swapped?.print(count);
    Ok(good)
}

async fn swap(
    count: usize,
    server: &Server,
    admin: &Admin,
    documents: &Documents,
    stages: &Stages,
) -> Result<Swapped, Failure> {
    let mut swapped = Swapped::default();
    let mut is_denied = false;
    stages.tested().await?;
    swapped.resident.push(server.process.resident_bytes()?);
    let start = Instant::now();
    for number in 1..=count {
        if number % COMPONENT == 0 {
            let component = rebuilt(u32::try_from(number)?);
            let answer = admin.put_component(&component).await?;
            swapped.components.push(active(answer)?.milliseconds());
        } else {
            is_denied = !is_denied;
            stages.set(Extra::Changing);
            let answer = admin.put_documents(documents.get(is_denied)).await?;
            swapped.documents.push(active(answer)?.milliseconds());
        }
        admin.judged().await?;
        stages.set(if is_denied {
            Extra::Denied
        } else {
            Extra::Allowed
        });
        stages.tested().await?;
        if number % (count / PARTS).max(1) == 0 {
            swapped.resident.push(server.process.resident_bytes()?);
        }
    }
    swapped.took = start.elapsed();
    Ok(swapped)
}

/// An answer that says `same` would be a swap that was none.
fn active(answer: Answer) -> Result<Answer, Failure> {
    let answer = answer.successful()?;
    if answer
        .body
        .get("result")
        .is_some_and(|result| result != "active")
    {
        return Err(format!("a swap is answered with {}", answer.body).into());
    }
    Ok(answer)
}

impl Swapped {
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn print(&self, count: usize) {
        println!(
            "\n{count} swaps in {:.1} s: {:.1} per second, each seen by all before the next\n\n{:<30}{:>10}{:>10}{:>10}",
            self.took.as_secs_f64(),
            count as f64 / self.took.as_secs_f64(),
            "PUT, ms",
            "median",
            "p99",
            "max"
        );
        for (name, times) in [
            ("documents", &self.documents),
            ("component", &self.components),
        ] {
            let name = format!("{name} ({})", times.len());
            println!("{name:<30}{}", Spread::of(times.iter().copied()));
        }
        println!("\nresident, MiB: {}", self.memory());
    }

    /// At the start and after each tenth, and what the last half has added.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    fn memory(&self) -> String {
        let mib = |bytes: &u64| *bytes as f64 / f64::from(1 << 20);
        let all: Vec<f64> = self.resident.iter().map(mib).collect();
        let listed: Vec<String> = all.iter().map(|one| format!("{one:.1}")).collect();
        let half = all.get(all.len() / 2).copied().unwrap_or(f64::NAN);
        let last = all.last().copied().unwrap_or(f64::NAN);
        let listed = listed.join(" ");
        format!("{listed}; the last half added {:+.2}\n", last - half)
    }
}
