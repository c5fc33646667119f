//! One access explained: the verdict, the rule that decided, where that is written, and what would change it. Pure but for the component's calls.
//!
//! The order is that of a live client: may it connect, what does its grant say of the topic, what does the component say of the payload. A client that
//! may not connect is denied; what its rules would say is told beside. Bounded by the grant's 256 rules, of which [`NEAREST_MAX`] are told.

mod answer;
mod change;
mod judged;
mod place;
#[cfg(test)]
mod tests;

pub use answer::{Connected, Explanation, Inspected, Near, Told};
pub use change::actions;
pub use judged::NEAREST_MAX;
pub use place::Written;

use super::Failure;
use super::access::Access;
use super::shape;
use super::stand_in::{self, Granted, Prover, Standing};
use crate::contract::{Connect, Document, Subject, UtcMs};
use crate::policy::Generation;
use crate::policy::cases::Sample;
use judged::Judged;

/// What a policy is asked with.
pub struct Policy<'p> {
    /// The component with its documents.
    pub generation: &'p Generation,
    /// The same documents, in which rules are written.
    pub documents: &'p [Document],
    /// How clients of this policy connect.
    pub samples: &'p [Sample],
}

/// The question.
pub struct Asked<'q> {
    /// The client's record.
    pub subject: &'q Subject,
    /// Its CONNECT; without one the forms of the policy's cases are tried.
    pub connect: Option<&'q Connect>,
    /// None: whether it may connect at all.
    pub access: Option<&'q Access>,
    /// For `inspect`.
    pub payload: Option<&'q [u8]>,
    /// When.
    pub now: UtcMs,
}

/// Answers. Blocks.
///
/// # Errors
///
/// The component fails, or nobody can prove to be the client.
pub fn explain(policy: &Policy<'_>, asked: &Asked<'_>) -> Result<Explanation, Failure> {
    let connects = match (asked.connect, &asked.subject.client) {
        (Some(connect), _) => vec![connect.clone(), shape::unproven(connect)],
        (None, Some(client)) => shape::connects(policy.samples, client),
        (None, None) => Vec::new(),
    };
    let mut prover = Prover::new(policy.generation);
    let standing = prover.prove(asked.subject, &connects)?;
    let granted = standing.proven.authorize(policy.generation, asked.now)?;
    let connected = connected(asked, &standing, &granted);
    let explanation = blank(asked, connected);
    let Ok((rules, grant)) = granted else {
        return Ok(explanation);
    };
    match asked.access {
        None => Ok(explanation),
        Some(access) => {
            let judged = Judged {
                policy,
                asked,
                access,
                standing: &standing,
                rules: &rules,
                grant: &grant,
            };
            judged.explain(explanation)
        }
    }
}

fn connected(asked: &Asked<'_>, standing: &Standing, granted: &Granted) -> Connected {
    let proven = &standing.proven;
    let refused = standing.refused.as_ref().or(granted.as_ref().err());
    let client = asked.subject.client.as_ref();
    let granted = granted.as_ref().ok();
    Connected {
        verdict: if refused.is_some() { "deny" } else { "allow" },
        code: refused.map(|refusal| refusal.code),
        detail: refused.map(|refusal| refusal.detail.clone()),
        rule: refused.and_then(|refusal| refusal.rule.clone()),
        credential: client.map_or("none", |client| stand_in::kind(&client.credential)),
        proof: proven.means,
        client_id: proven.connect.client_id.clone(),
        canonical: granted.map(|(_, grant)| grant.client_id.to_string()),
        rules: granted.map_or(0, |(rules, _)| rules.len()),
        limits: granted.map(|(_, grant)| grant.limits),
    }
}

/// What is known before the topic is looked at.
fn blank(asked: &Asked<'_>, connect: Connected) -> Explanation {
    let client = asked.subject.client.as_ref();
    let mut changes = Vec::new();
    if connect.verdict == "deny" {
        changes.push(change::of_refusal(&connect, client));
    }
    Explanation {
        verdict: connect.verdict,
        code: connect.code,
        detail: connect.detail.clone(),
        client: client.map_or_else(String::new, |client| client.id.clone()),
        action: asked
            .access
            .map_or("connect", |access| access.action.name()),
        topic: asked.access.map(|access| access.topic.clone()),
        qos: asked.access.map(|access| access.qos as u8),
        granted_qos: None,
        rule: None,
        connect,
        payload: None,
        shadowed: Vec::new(),
        nearest: Vec::new(),
        changes,
    }
}
