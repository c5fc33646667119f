//! One case on one broker: connects everybody, lets them run, and adds up.

use crate::Failure;
use crate::cases::Case;
use crate::connection::{self, Client};
use crate::frames::Template;
use crate::options::Options;
use crate::progress::Progress;
use crate::server::Server;
use crate::traffic::{publish, publish_paced, subscribe};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What one case came to.
pub(crate) struct Measured {
    pub(crate) per_second: f64,
    /// CPU time of the server per delivery.
    pub(crate) cpu_microseconds: f64,
    /// What went wrong with messages.
    pub(crate) trouble: Option<String>,
}

pub(crate) async fn measure(
    server: &Server,
    case: &Case,
    options: &Options,
) -> Result<Measured, Failure> {
    let progress = Arc::new(Progress::new(case.subscribers, case.size as u64));
    let mut subscribers = JoinSet::new();
    for number in 0..case.subscribers {
        let client = subscriber(server, case, number).await?;
        subscribers.spawn(subscribe(
            client,
            number,
            case.publishers,
            Arc::clone(&progress),
        ));
    }
    let mut clients = Vec::new();
    for number in 0..case.publishers {
        clients.push(publisher(server, case, number).await?);
    }
    let (cpu, start) = (server.process.cpu_microseconds()?, Instant::now());
    let mut publishers = JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        let template = Template::new(
            &case.topic(number),
            u32::try_from(number)?,
            case.qos,
            case.size,
        );
        let until = start + options.duration;
        let progress = Arc::clone(&progress);
        match case.pace {
            None => {
                let publish = publish(client, template, case.qos, options.window, until, progress);
                publishers.spawn(publish)
            }
            Some(rate) => {
                let is_over = move || Instant::now() >= until;
                publishers.spawn(publish_paced(client, template, rate, is_over, progress))
            }
        };
    }
    let mut failure = None;
    while let Some(ended) = publishers.join_next().await {
        failure = ended?.err().or(failure);
    }
    // A subscriber that has failed is the cause of what its publishers say.
    if let Some(ended) = subscribers.try_join_next() {
        ended??;
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    let expected = progress.sent.load(Ordering::Relaxed) * case.subscribers as u64;
    progress.until(|| progress.total() >= expected).await;
    let (elapsed, cpu) = (start.elapsed(), server.process.cpu_microseconds()? - cpu);
    Ok(summary(&progress, expected, elapsed, cpu))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn summary(progress: &Progress, expected: u64, elapsed: Duration, cpu: u64) -> Measured {
    let total = progress.total();
    Measured {
        per_second: total as f64 / elapsed.as_secs_f64(),
        cpu_microseconds: cpu as f64 / total.max(1) as f64,
        trouble: progress.trouble(expected),
    }
}

/// Subscribers come after the publishers in the numbering of clients.
async fn subscriber(
    server: &Server,
    case: &Case,
    number: usize,
) -> Result<Client<TcpStream>, Failure> {
    let connect = server.client(case.publishers + number);
    let mut client = connection::join(server.address, &connect).await?;
    client.subscribe(case.filter(), case.qos).await?;
    Ok(client)
}

async fn publisher(
    server: &Server,
    case: &Case,
    number: usize,
) -> Result<Client<TcpStream>, Failure> {
    let connect = match case.pace {
        None => server.client(number),
        Some(_) => server.device(number)?,
    };
    connection::join(server.address, &connect).await
}
