//! The cases, their interleaved rounds and the table that comes out.

use crate::load::{self, Measured};
use crate::options::Options;
use crate::server::{self, Kind, Server};
use crate::{Failure, identity};
use iotda_broker::session::wire::Qos;

/// Devices that publish at their pace.
const DEVICES: usize = 200;

pub(crate) struct Case {
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    pub(crate) qos: Qos,
    /// Bytes of a payload.
    pub(crate) size: usize,
    /// Property reports on `$oc` topics: ours only.
    pub(crate) reports: bool,
    /// Publishers are devices that send so many messages per second, below the 50 that the policy lets them.
    pub(crate) pace: Option<u32>,
}

impl Case {
    fn name(&self) -> String {
        let qos = u8::from(self.qos != Qos::AtMostOnce);
        let topic = if self.reports { " $oc" } else { "" };
        let pace = self
            .pace
            .map_or(String::new(), |rate| format!(", {rate}/s each"));
        let (publishers, subscribers) = (self.publishers, self.subscribers);
        format!(
            "{publishers}p/{subscribers}s QoS {qos} {} B{topic}{pace}",
            self.size
        )
    }

    /// Where the publisher with this number publishes.
    pub(crate) fn topic(&self, publisher: usize) -> String {
        if self.reports {
            format!(
                "$oc/devices/{}/sys/properties/report",
                identity::device(publisher)
            )
        } else {
            format!("bench/{publisher}")
        }
    }

    pub(crate) fn filter(&self) -> &'static str {
        if self.reports {
            "$oc/devices/+/sys/properties/report"
        } else {
            "bench/+"
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [64, 1024] {
        for (publishers, subscribers) in [(1, 1), (50, 1), (1, 50)] {
            for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
                cases.push(Case {
                    publishers,
                    subscribers,
                    qos,
                    size,
                    reports: false,
                    pace: None,
                });
            }
        }
    }
    for (publishers, pace) in [(1, None), (DEVICES, Some(40))] {
        let qos = Qos::AtLeastOnce;
        cases.push(Case {
            publishers,
            subscribers: 1,
            qos,
            size: 64,
            reports: true,
            pace,
        });
    }
    cases
}

/// False where a message went astray.
pub(crate) async fn run(options: &Options) -> Result<bool, Failure> {
    let servers = start(options)?;
    println!(
        "{} round(s) of {:?} each, a window of {}; deliveries per second (server CPU µs per delivery), medians\n",
        options.rounds, options.duration, options.window
    );
    print_head(&servers);
    let mut good = true;
    for case in cases()
        .iter()
        .filter(|case| case.name().contains(&options.only))
    {
        good &= run_case(case, &servers, options).await?;
    }
    Ok(good)
}

/// Ours first, for the ratios.
fn start(options: &Options) -> Result<Vec<Server>, Failure> {
    let servers = Kind::ALL.map(|kind| server::start(kind, DEVICES, options));
    servers.into_iter().filter_map(Result::transpose).collect()
}

fn print_head(servers: &[Server]) {
    print!("{:<30}", "case");
    for server in servers {
        print!("{:>20}", server.kind.name());
    }
    if let Some((first, others)) = servers.split_first() {
        for other in others {
            print!(
                "{:>20}",
                format!("{}/{}", first.kind.name(), other.kind.name())
            );
        }
    }
    println!();
}

async fn run_case(case: &Case, servers: &[Server], options: &Options) -> Result<bool, Failure> {
    let mut good = true;
    let mut measured: Vec<Vec<Measured>> = servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.rounds {
        for (server, measured) in servers.iter().zip(&mut measured) {
            if case.reports && server.kind != Kind::Ours {
                continue;
            }
            match load::measure(server, case, options).await {
                Ok(round) => {
                    good &= round.trouble.is_none();
                    report(case, server, round.trouble.as_deref());
                    measured.push(round);
                }
                Err(failure) => {
                    good = false;
                    report(case, server, Some(&failure.to_string()));
                }
            }
        }
    }
    print_row(case, &measured);
    Ok(good)
}

fn report(case: &Case, server: &Server, trouble: Option<&str>) {
    if let Some(trouble) = trouble {
        let (name, broker, drops) = (case.name(), server.kind.name(), server.drops());
        println!("FAILURE: {name} on {broker}: {trouble} {drops}");
    }
}

fn print_row(case: &Case, measured: &[Vec<Measured>]) {
    print!("{:<30}", case.name());
    for rounds in measured {
        let rate = median(rounds.iter().map(|round| round.per_second));
        let cpu = median(rounds.iter().map(|round| round.cpu_microseconds));
        let cell = rate.zip(cpu).map_or("–".to_owned(), |(rate, cpu)| {
            format!("{rate:.0} ({cpu:.2})")
        });
        print!("{cell:>20}");
    }
    let ours = measured.first().map(Vec::as_slice).unwrap_or_default();
    for rounds in measured.iter().skip(1) {
        let ratios = ours
            .iter()
            .zip(rounds)
            .map(|(ours, theirs)| ours.per_second / theirs.per_second);
        let cell = median(ratios).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        print!("{cell:>20}");
    }
    println!();
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
