//! The run: two policies, asked in turn with inputs of their own.
//!
//! A round asks each of both once for each call, with the next input; who goes first alternates. Starting an instance is measured a hundred times and
//! compiling three times at most, spread over the run.

use super::inputs::{Inputs, Inspected};
use crate::contract::Document;
use crate::policy::cases::Sample;
use crate::policy::{Compiler, Fault, Generation, Rejection, Settings, time_compile};
use std::sync::Arc;
use std::time::{Duration, Instant};

const STARTS: u32 = 100;
const COMPILATIONS: u32 = 3;

/// What a cost is of.
pub(super) const COSTS: [&str; 7] = [
    "identify",
    "authenticate",
    "authorize",
    "inspect",
    "configure",
    "instantiate",
    "compile",
];

/// One policy with its inputs, and what was measured so far.
pub(super) struct Side {
    pub(super) generation: Arc<Generation>,
    settings: Settings,
    component: Vec<u8>,
    documents: Vec<Document>,
    pub(super) inputs: Inputs,
    /// By [`COSTS`].
    pub(super) times: [Vec<Duration>; COSTS.len()],
}

/// What came of it.
pub(super) struct Run {
    /// The policy, and the built-in one.
    pub(super) sides: [Side; 2],
    pub(super) rounds: u32,
    pub(super) took: Duration,
}

impl Side {
    pub(super) fn new(
        generation: Generation,
        settings: &Settings,
        component: Vec<u8>,
        documents: Vec<Document>,
        samples: Vec<Sample>,
    ) -> Result<Self, Rejection> {
        let generation = Arc::new(generation);
        Ok(Self {
            inputs: Inputs::learn(&generation, samples)?,
            generation,
            settings: settings.clone(),
            component,
            documents,
            times: Default::default(),
        })
    }

    /// One call, with the input of this round.
    fn ask(&mut self, call: usize, round: usize) -> Result<(), Fault> {
        let policy = &self.generation;
        let began = Instant::now();
        match call {
            0 => {
                let Some(input) = turn(&self.inputs.clients, round) else {
                    return Ok(());
                };
                let _ = policy.identify_now(&input.connect)?;
            }
            1 => {
                let Some(input) = turn(&self.inputs.clients, round) else {
                    return Ok(());
                };
                let _ = policy.authenticate_now(&input.connect, &input.subject)?;
            }
            2 => {
                let Some((principal, subject, now)) = turn(&self.inputs.proven, round) else {
                    return Ok(());
                };
                let _ = policy.authorize_now(principal, subject, *now)?;
            }
            _ => {
                let Some(Inspected { policy, access }) = turn(&self.inputs.inspected, round) else {
                    return Ok(());
                };
                let _ = policy.inspect_now(access)?;
            }
        }
        let took = began.elapsed();
        self.note(call, took);
        Ok(())
    }

    fn start(&mut self) -> Result<(), Rejection> {
        let (instantiated, configured) = self.generation.time_start(&self.documents)?;
        self.note(4, configured);
        self.note(5, instantiated);
        Ok(())
    }

    fn compile(&mut self, compiler: &Compiler) -> Result<(), Rejection> {
        let took = time_compile(&self.settings, compiler, &self.component)?;
        self.note(6, took);
        Ok(())
    }

    fn note(&mut self, cost: usize, took: Duration) {
        if let Some(times) = self.times.get_mut(cost) {
            times.push(took);
        }
    }
}

fn turn<T>(all: &[T], round: usize) -> Option<&T> {
    all.get(round.checked_rem(all.len())?)
}

pub(super) fn measure(
    mut sides: [Side; 2],
    compiler: &Compiler,
    rounds: u32,
    time: Duration,
) -> Result<Run, Rejection> {
    let began = Instant::now();
    let (mut made, mut starts, mut compilations) = (0, 0, 0);
    while made < rounds && (made == 0 || began.elapsed() < time) {
        let done = began.elapsed().as_secs_f64() / time.as_secs_f64();
        let done = done.max(f64::from(made) / f64::from(rounds));
        if is_due(&mut compilations, COMPILATIONS, done) {
            for side in &mut sides {
                side.compile(compiler)?;
            }
        }
        if is_due(&mut starts, STARTS, done) {
            for side in &mut sides {
                side.start()?;
            }
        }
        for call in 0..4 {
            for side in &mut sides {
                side.ask(call, made as usize)?;
            }
        }
        made += 1;
        sides.reverse();
    }
    if made % 2 == 1 {
        sides.reverse();
    }
    Ok(Run {
        sides,
        rounds: made,
        took: began.elapsed(),
    })
}

/// The next of `most`, which are spread evenly over what is to do.
fn is_due(made: &mut u32, most: u32, done: f64) -> bool {
    let is_due = *made < most && done >= f64::from(*made) / f64::from(most);
    *made += u32::from(is_due);
    is_due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rare_is_spread_over_the_run() {
        let mut made = 0;
        let due: Vec<_> = (0..10)
            .filter(|step| is_due(&mut made, 3, f64::from(*step) / 10.0))
            .collect();
        assert_eq!(due, [0, 4, 7]);
    }

    #[test]
    fn inputs_take_turns() {
        assert_eq!(turn(&[1, 2, 3], 4), Some(&2));
        assert_eq!(turn::<u8>(&[], 4), None);
    }
}
