//! What a policy is asked in a run: the clients of its cases, how far each comes, and the payloads that its rules want to see.

use crate::contract::{self, Connect, Document, Principal, Subject, UtcMs};
use crate::decision::Action;
use crate::grant::{Decision, Grant};
use crate::policy::cases::Sample;
use crate::policy::{Fault, Generation, Rejection};
use crate::workbench::access::Access;
use std::sync::Arc;

/// By call.
#[derive(Default)]
pub(super) struct Inputs {
    /// For `identify` and `authenticate`.
    pub(super) clients: Vec<Input>,
    /// For `authorize`.
    pub(super) proven: Vec<(Principal, Subject, UtcMs)>,
    /// For `inspect`.
    pub(super) inspected: Vec<Inspected>,
}

/// A payload that a rule wants to see, and the policy under its case's documents.
pub(super) struct Inspected {
    pub(super) policy: Arc<Generation>,
    pub(super) access: contract::Access,
}

/// A client of a case.
pub(super) struct Input {
    pub(super) connect: Connect,
    pub(super) subject: Subject,
}

impl Inputs {
    pub(super) fn learn(policy: &Arc<Generation>, samples: Vec<Sample>) -> Result<Self, Rejection> {
        let (mut inputs, mut own) = (Self::default(), OwnDocuments::default());
        for sample in samples {
            let with_its = own.of(&sample, policy)?;
            inputs.learn_one(policy, &with_its, &sample)?;
            inputs.clients.push(Input {
                connect: sample.connect,
                subject: sample.subject,
            });
        }
        Ok(inputs)
    }

    /// How far the client comes, which is what can be asked about it. Payloads are inspected under the documents that its case brings.
    fn learn_one(
        &mut self,
        policy: &Generation,
        with_its: &Arc<Generation>,
        sample: &Sample,
    ) -> Result<(), Fault> {
        if let Some(principal) = proven(policy, sample)? {
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
