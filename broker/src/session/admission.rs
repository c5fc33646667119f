//! From a claim to a grant: `identify`, the record, `authenticate`, `authorize`, trust on first use. And again for live sessions.
//!
//! All calls of one CONNECT go to one generation. Whatever fails is a fault, never a denial; whatever is refused is a denial, never a
//! fault. Time is bounded by the policy's deadlines and one indexed read.

use super::broker::Broker;
use super::card::Card;
use super::clock;
use super::reached::Reached;
use super::shown::Showing;
use crate::contract::{self, Lookup, Principal, Refusal, Subject, UtcMs};
use crate::decision::{Cause, Stage};
use crate::grant::Grant;
use crate::policy::Generation;
use std::sync::Arc;

/// Another connection enrolled first this many times in a row: something is wrong.
const ENROL_ATTEMPTS: usize = 3;

/// A client that may be here, and under which rules.
pub(crate) struct Admitted {
    pub(crate) generation: Arc<Generation>,
    pub(crate) principal: Principal,
    pub(crate) grant: Grant,
    /// Empty for an application.
    pub(crate) product: String,
    pub(crate) node: String,
}

/// Why a client may not be here.
#[derive(Debug)]
pub(crate) enum NotAdmitted {
    Refused(Refusal),
    Fault(String),
}

impl NotAdmitted {
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Refused(refusal) => refusal.into(),
            Self::Fault(_) => Cause::Fault,
        }
    }
}

impl From<Refusal> for NotAdmitted {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<crate::policy::Fault> for NotAdmitted {
    fn from(fault: crate::policy::Fault) -> Self {
        Self::Fault(fault.to_string())
    }
}

/// Judges a CONNECT, with all calls on one generation: the active one, or, where a canary answers for the client that this finds, the
/// canary's alone. `judged_by` is told its revision.
pub(crate) async fn admit(
    broker: &Broker,
    connect: &Arc<contract::Connect>,
    judged_by: &mut u64,
    reached: &mut Reached,
) -> Result<Admitted, NotAdmitted> {
    let mut showing = Showing::begin(broker);
    let admitted = prove_and_enrol(broker, connect, judged_by, reached, &mut showing).await;
    showing.end(broker, connect, *judged_by, &admitted);
    admitted
}

async fn prove_and_enrol(
    broker: &Broker,
    connect: &Arc<contract::Connect>,
    judged_by: &mut u64,
    reached: &mut Reached,
    showing: &mut Showing,
) -> Result<Admitted, NotAdmitted> {
    let in_force = broker.policy.in_force();
    let mut generation = Arc::clone(in_force.active());
    for _ in 0..ENROL_ATTEMPTS {
        *judged_by = generation.revision();
        let mut admitted = prove(broker, &generation, connect, reached, showing).await?;
        let answers = in_force.for_client(&admitted.grant.client_id, &admitted.product);
        if answers.revision() != generation.revision()
            && generation.revision() == in_force.active().revision()
        {
            generation = Arc::clone(answers);
            *judged_by = generation.revision();
            admitted = prove(broker, &generation, connect, reached, showing).await?;
        }
        if enrol(broker, &admitted.principal).await? {
            // Stored: from now on the record alone says whether the certificate is the client's.
            admitted.principal.enrol = None;
            return Ok(admitted);
        }
    }
    let detail = format!("the client was enrolled by others {ENROL_ATTEMPTS} times meanwhile");
    Err(NotAdmitted::Fault(detail))
}

/// All that one generation says of a CONNECT. Nothing is stored yet.
async fn prove(
    broker: &Broker,
    generation: &Arc<Generation>,
    connect: &Arc<contract::Connect>,
    reached: &mut Reached,
    showing: &mut Showing,
) -> Result<Admitted, NotAdmitted> {
    let identify = generation.identify(connect);
    let lookup = Arc::new(reached.by(Stage::Identify, identify).await??);
    let subject = find(broker, &lookup).await?;
    reached.found(&subject);
    showing.found(&lookup, &subject);
    let authenticate = generation.authenticate(connect, &subject);
    let principal = reached.by(Stage::Authenticate, authenticate).await??;
    let now = clock::now();
    showing.authorized_at(now);
    let grant = authorize(generation, &principal, &subject, now, reached).await?;
    showing.granted(&principal, &grant, connect);
    let (product, node) = place(subject);
    Ok(Admitted {
        generation: Arc::clone(generation),
        principal,
        grant,
        product,
        node,
    })
}

/// What the newest generation says of a live session.
pub(crate) struct Judged {
    pub(crate) generation: Arc<Generation>,
    pub(crate) grant: Grant,
    /// Of the newest record.
    pub(crate) product: String,
    pub(crate) node: String,
}

/// Judges a live session on its newest record, on the generation that answers for it now: its own, where that may still do so.
pub(crate) async fn judge(
    broker: &Broker,
    principal: &Principal,
    own: &Arc<Generation>,
    card: &Card,
    reached: &mut Reached,
) -> Result<Judged, NotAdmitted> {
    let _turn = broker.judging.pass(reached.pace).await;
    let in_force = broker.policy.in_force();
    let generation = if in_force.holds(own.revision(), &card.client, &card.product) {
        Arc::clone(own)
    } else {
        Arc::clone(in_force.for_client(&card.client, &card.product))
    };
    let (registry, id) = (broker.registry.clone(), principal.id.clone());
    let read = move || registry.subject(&id).map_err(|error| error.to_string());
    let inboxes = Arc::clone(generation.inboxes());
    let compile = move |granted, subject| {
        let grant = Grant::compile(granted, &inboxes, &subject)?;
        let (product, node) = place(subject);
        Ok((grant, product, node))
    };
    let authorize = generation.authorize_read(principal, clock::now(), read, compile);
    let judged = reached.by(Stage::Authorize, authorize).await?;
    let (grant, product, node) = judged?;
    Ok(Judged {
        generation,
        grant,
        product,
        node,
    })
}

/// Product and node; empty for an application.
fn place(subject: Subject) -> (String, String) {
    let client = subject.client;
    client.map_or_else(Default::default, |one| (one.product, one.node))
}

async fn find(broker: &Broker, lookup: &Arc<Lookup>) -> Result<Subject, NotAdmitted> {
    let lookup = Arc::clone(lookup);
    let subject = broker
        .with_registry(move |registry| registry.find(&lookup))
        .await;
    subject.map_err(NotAdmitted::Fault)
}

async fn authorize(
    generation: &Arc<Generation>,
    principal: &Principal,
    subject: &Subject,
    now: UtcMs,
    reached: &mut Reached,
) -> Result<Grant, NotAdmitted> {
    let authorize = generation.authorize(principal, subject, now);
    let granted = reached.by(Stage::Authorize, authorize).await??;
    let compiled = Grant::compile(granted, generation.inboxes(), subject);
    compiled.map_err(|large| {
        reached.stage = Stage::Authorize;
        NotAdmitted::Fault(large.to_string())
    })
}

/// True where nothing was to be stored or it was stored.
async fn enrol(broker: &Broker, principal: &Principal) -> Result<bool, NotAdmitted> {
    let Some(fingerprint) = principal.enrol.clone() else {
        return Ok(true);
    };
    let id = principal.id.clone();
    let stored = broker
        .with_registry(move |registry| registry.enrol(&id, &fingerprint))
        .await;
    stored.map_err(NotAdmitted::Fault)
}
