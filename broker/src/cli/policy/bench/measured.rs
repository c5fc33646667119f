//! The run: two policies, asked in turn with inputs of their own.
//!
//! A round asks each of both once for each call, with the next input; who goes first alternates. Starting an instance is measured a hundred times and
//! compiling three times at most, spread over the run.

use crate::contract::{self, Connect, Document, Principal, Subject, UtcMs};
use crate::decision::Action;
use crate::grant::{Decision, Grant};
use crate::policy::cases::Sample;
use crate::policy::{Compiler, Fault, Generation, Rejection, Settings, time_compile};
use crate::workbench::access::Access;
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
    pub(super) inputs: Vec<Input>,
    proven: Vec<(Principal, Subject, UtcMs)>,
    pub(super) inspected: Vec<Inspected>,
    /// By [`COSTS`].
    pub(super) times: [Vec<Duration>; COSTS.len()],
}

/// A payload that a rule wants to see, and the policy under its case's documents.
pub(super) struct Inspected {
    policy: Arc<Generation>,
    access: contract::Access,
}

/// A client of a case.
pub(super) struct Input {
    connect: Connect,
    subject: Subject,
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
        let mut side = Self {
            generation: Arc::new(generation),
            settings: settings.clone(),
            component,
            documents,
            inputs: Vec::new(),
            proven: Vec::new(),
            inspected: Vec::new(),
            times: Default::default(),
        };
        let mut own = OwnDocuments::default();
        for sample in samples {
            let with_its_documents = own.of(&sample, &side.generation)?;
            side.learn(&sample, &with_its_documents)?;
            side.inputs.push(Input {
                connect: sample.connect,
                subject: sample.subject,
            });
        }
        Ok(side)
    }

    /// How far the client comes, which is what can be asked about it. Payloads are inspected under the documents that its case brings.
    fn learn(&mut self, sample: &Sample, with_its: &Arc<Generation>) -> Result<(), Fault> {
        if let Some(principal) = proven(&self.generation, sample)? {
            let proven = (principal, sample.subject.clone(), sample.connect.now);
            self.proven.push(proven);
        }
        let Some(principal) = proven(with_its, sample)? else {
            return Ok(());
        };
        let grant = with_its.authorize_now(&principal, &sample.subject, sample.connect.now)?;
        if let Ok(grant) = grant {
            let grant = Grant::compile(grant, with_its.inboxes(), &sample.subject)?;
            let asked = inspected(sample, &principal, &grant).into_iter();
            self.inspected.extend(asked.map(|access| Inspected {
                policy: Arc::clone(with_its),
                access,
            }));
        }
        Ok(())
    }

    /// One call, with the input of this round.
    fn ask(&mut self, call: usize, round: usize) -> Result<(), Fault> {
        let policy = &self.generation;
        let began = Instant::now();
        match call {
            0 => {
                let Some(input) = turn(&self.inputs, round) else {
                    return Ok(());
                };
                let _ = policy.identify_now(&input.connect)?;
            }
            1 => {
                let Some(input) = turn(&self.inputs, round) else {
                    return Ok(());
                };
                let _ = policy.authenticate_now(&input.connect, &input.subject)?;
            }
            2 => {
                let Some((principal, subject, now)) = turn(&self.proven, round) else {
                    return Ok(());
                };
                let _ = policy.authorize_now(principal, subject, *now)?;
            }
            _ => {
                let Some(Inspected { policy, access }) = turn(&self.inspected, round) else {
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

/// What the policy takes the client of a case for.
fn proven(policy: &Generation, sample: &Sample) -> Result<Option<Principal>, Fault> {
    if policy.identify_now(&sample.connect)?.is_err() {
        return Ok(None);
    }
    let proven = policy.authenticate_now(&sample.connect, &sample.subject)?;
    Ok(proven.ok())
}

/// The policy under the documents of the last file that brought its own: the cases of a file follow each other.
#[derive(Default)]
struct OwnDocuments(Option<(Arc<Vec<Document>>, Arc<Generation>)>);

impl OwnDocuments {
    fn of(
        &mut self,
        sample: &Sample,
        policy: &Arc<Generation>,
    ) -> Result<Arc<Generation>, Rejection> {
        let Some(documents) = &sample.documents else {
            return Ok(Arc::clone(policy));
        };
        if let Some((last, generation)) = &self.0
            && Arc::ptr_eq(last, documents)
        {
            return Ok(Arc::clone(generation));
        }
        let generation = Arc::new(policy.with_documents(documents.to_vec())?);
        self.0 = Some((Arc::clone(documents), Arc::clone(&generation)));
        Ok(generation)
    }
}

/// The payloads that a case shows and a rule wants to see; an empty object stands in for the topics that are inspected and show none.
fn inspected(sample: &Sample, principal: &Principal, grant: &Grant) -> Vec<contract::Access> {
    let asked = |(action, topic, qos, payload): &(Action, String, _, Vec<u8>)| {
        let access = Access {
            action: *action,
            topic: topic.clone(),
            qos: *qos,
        };
        let routed = access.routed(grant);
        let decision = match action {
            Action::Subscribe => grant.subscribe(routed),
            Action::Receive => grant.receive(routed),
            _ => grant.publish(routed, *qos),
        };
        let Decision::Inspect { rule, .. } = decision else {
            return None;
        };
        Some(contract::Access {
            principal: principal.clone(),
            subject: sample.subject.clone(),
            action: access.flag(),
            topic: routed.to_owned(),
            qos: *qos,
            retain: false,
            payload: payload.clone(),
            rule: grant.rule_name(rule).to_owned(),
            now: sample.connect.now,
            extra: Vec::new(),
        })
    };
    let empty = sample.accesses.iter().map(|(action, topic, qos)| {
        let payload = b"{}".to_vec();
        (*action, topic.clone(), *qos, payload)
    });
    let shown: Vec<_> = sample.payloads.iter().cloned().chain(empty).collect();
    shown.iter().filter_map(asked).collect()
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
