//! Median, p99 and ratio of a run, as a table and as JSON. What was never asked has no figures.

use super::measured::{COSTS, Run, Side};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::time::Duration;

/// In microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Cost {
    median_us: f64,
    p99_us: f64,
    count: usize,
}

impl Cost {
    fn of(times: &[Duration]) -> Option<Self> {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        Some(Self {
            median_us: nearest(&sorted, 50)?,
            p99_us: nearest(&sorted, 99)?,
            count: sorted.len(),
        })
    }
}

/// The nearest rank.
fn nearest(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let time = sorted.get(rank - 1)?;
    // Nanoseconds are all that a clock tells.
    Some((time.as_secs_f64() * 1e9).round() / 1e3)
}

fn costs(run: &Run) -> Vec<(&'static str, [Option<Cost>; 2])> {
    let [policy, built_in] = &run.sides;
    let pairs = policy.times.iter().zip(&built_in.times);
    let pairs = pairs.map(|(one, other)| [Cost::of(one), Cost::of(other)]);
    COSTS.into_iter().zip(pairs).collect()
}

fn ratio(pair: &[Option<Cost>; 2]) -> Option<f64> {
    let [Some(policy), Some(built_in)] = pair else {
        return None;
    };
    let ratio = policy.median_us / built_in.median_us;
    ratio.is_finite().then(|| (ratio * 100.0).round() / 100.0)
}

pub(super) fn json(run: &Run) -> Value {
    let costs: Map<String, Value> = costs(run)
        .into_iter()
        .map(|(name, pair)| {
            let [policy, built_in] = &pair;
            let cost = json!({ "policy": policy, "built_in": built_in, "ratio": ratio(&pair) });
            (name.to_owned(), cost)
        })
        .collect();
    let [policy, built_in] = run.sides.each_ref().map(named);
    json!({
        "policy": policy,
        "built_in": built_in,
        "rounds": run.rounds,
        "seconds": run.took.as_secs_f64(),
        "debug_build": cfg!(debug_assertions),
        "costs": costs,
    })
}

fn named(side: &Side) -> Value {
    let description = side.generation.description();
    json!({
        "name": description.name,
        "version": description.version,
        "digest": side.generation.component_digest(),
        "clients": side.inputs.clients.len(),
        "payloads": side.inputs.inspected.len(),
    })
}

pub(super) fn table(run: &Run, out: &mut dyn Write) -> io::Result<()> {
    let [policy, built_in] = &run.sides;
    let named = |side: &Side| {
        let description = side.generation.description();
        format!(
            "{} {}, {} clients, {} payloads",
            description.name,
            description.version,
            side.inputs.clients.len(),
            side.inputs.inspected.len()
        )
    };
    writeln!(
        out,
        "policy    {}\nbuilt-in  {}\nrun       {} rounds in {:.1} s, microseconds\n",
        named(policy),
        named(built_in),
        run.rounds,
        run.took.as_secs_f64()
    )?;
    writeln!(
        out,
        "{:<12} {:>12} {:>12} {:>12} {:>12} {:>7}",
        "", "median", "p99", "built-in", "p99", "ratio"
    )?;
    for (name, pair) in costs(run) {
        let ratio = ratio(&pair).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let [policy, built_in] = pair.map(|cost| {
            let figure = |of: fn(&Cost) -> f64| {
                cost.as_ref()
                    .map_or("-".to_owned(), |cost| format!("{:.1}", of(cost)))
            };
            format!(
                "{:>12} {:>12}",
                figure(|cost| cost.median_us),
                figure(|cost| cost.p99_us)
            )
        });
        writeln!(out, "{name:<12} {policy} {built_in} {ratio:>7}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_nearest_ranks() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_micros).collect();
        let cost = Cost::of(&times).unwrap();
        assert!((cost.median_us - 100.0).abs() < 1e-9);
        assert!((cost.p99_us - 198.0).abs() < 1e-9);
        assert_eq!(Cost::of(&[]), None);
        let half = Cost {
            median_us: 50.0,
            ..cost
        };
        assert_eq!(ratio(&[Some(half), Some(cost)]), Some(0.5));
        assert_eq!(ratio(&[None, Some(cost)]), None);
    }
}
