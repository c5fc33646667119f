//! One access explained: the verdict, the rule that decided, where that is written, and what would change it. Pure but for the component's calls.
//!
//! The order is that of a live client: may it connect, what does its grant say of the topic, what does the component say of the payload. A client that
//! may not connect is denied; what its rules would say is told beside. Bounded by the grant's 256 rules, of which [`NEAREST_MAX`] are told.

mod change;
mod place;
#[cfg(test)]
mod tests;

pub use change::actions;
pub use place::Written;

use super::Failure;
use super::access::{self, Access, Effect, sentence};
use super::shape;
use super::stand_in::{self, Means, Prover, Standing};
use crate::contract::{
    self, Connect, Document, Limits, Principal, Refusal, Rule, Subject, UtcMs, Verdict,
};
use crate::grant::Grant;
use crate::grant::trace::{Fit, fit};
use crate::policy::Generation;
use crate::policy::cases::Sample;
use serde::Serialize;

/// Rules that are told of those that come near.
pub const NEAREST_MAX: usize = 3;

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

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// `allow`, `inspect` (as far as the topic goes, without a payload) or `deny`.
    pub verdict: &'static str,
    /// The contract's code of a denial.
    pub code: Option<u16>,
    /// One sentence, of a denial or a remark.
    pub detail: Option<String>,
    /// The id of the record.
    pub client: String,
    /// What was asked for: `connect`, `publish`, `subscribe` or `receive`.
    pub action: &'static str,
    /// The topic or filter.
    pub topic: Option<String>,
    /// What was asked for.
    pub qos: Option<u8>,
    /// At which a subscription or delivery is granted.
    pub granted_qos: Option<u8>,
    /// The rule that decided; none where nothing matched.
    pub rule: Option<Told>,
    /// Whether the client may connect.
    pub connect: Connected,
    /// What the component says of the payload.
    pub payload: Option<Inspected>,
    /// Rules that match as well, and come later.
    pub shadowed: Vec<Told>,
    /// Of a denial by default: rules that come near, and what is in their way.
    pub nearest: Vec<Near>,
    /// What would change the verdict, in sentences.
    pub changes: Vec<String>,
}

/// A rule, and where it is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// As logs name it.
    pub name: String,
    /// `allow`, `inspect` or `deny`.
    pub effect: &'static str,
    /// What it is about.
    pub actions: contract::Actions,
    /// As the policy gave it.
    pub pattern: String,
    /// Where; none where it is in no document.
    pub written: Option<Written>,
}

/// A rule that does not match, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Near {
    /// The rule.
    #[serde(flatten)]
    pub rule: Told,
    /// `qos`, `filter-too-wide`, `other-action` or `pattern`.
    pub why: &'static str,
}

/// Whether the client may connect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Connected {
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The contract's code.
    pub code: Option<u16>,
    /// One sentence.
    pub detail: Option<String>,
    /// The rule, document or field that decided.
    pub rule: Option<String>,
    /// The kind of the record's credential.
    pub credential: &'static str,
    /// By what it proved itself here.
    pub proof: Means,
    /// The client id that was tried.
    pub client_id: String,
    /// The canonical client id.
    pub canonical: Option<String>,
    /// Rules of the grant.
    pub rules: usize,
    /// Of the grant; 0 stands for the host's own.
    pub limits: Option<Limits>,
}

/// What the component says of a payload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspected {
    /// `allow`, `replace`, `remark` or `deny`.
    pub verdict: &'static str,
    /// Of a remark or denial.
    pub refusal: Option<Refusal>,
    /// What is passed on, where it is not what was sent; as text.
    pub routed: Option<String>,
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
    let granted = authorized(policy, asked, &standing)?;
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

type Granted = Result<(Vec<Rule>, Grant), Refusal>;

fn authorized(
    policy: &Policy<'_>,
    asked: &Asked<'_>,
    standing: &Standing,
) -> Result<Granted, Failure> {
    let proven = &standing.proven;
    let (generation, subject) = (policy.generation, &proven.subject);
    let granted = generation.authorize_now(&proven.principal, subject, asked.now)?;
    Ok(match granted {
        Ok(grant) => {
            let rules = grant.rules.clone();
            Ok((rules, Grant::compile(grant, generation.inboxes(), subject)?))
        }
        Err(refusal) => Err(refusal),
    })
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

struct Judged<'j> {
    policy: &'j Policy<'j>,
    asked: &'j Asked<'j>,
    access: &'j Access,
    standing: &'j Standing,
    rules: &'j [Rule],
    grant: &'j Grant,
}

impl Judged<'_> {
    fn explain(&self, before: Explanation) -> Result<Explanation, Failure> {
        let effect = access::effect(self.grant, self.access);
        let decided = effect.rule.map(usize::from);
        let payload = match (effect.verdict, self.asked.payload) {
            ("inspect", Some(payload)) => Some(self.inspect(payload, effect)?),
            _ => None,
        };
        let mut explanation = Explanation {
            granted_qos: effect.qos.map(|qos| qos as u8),
            rule: decided.and_then(|rule| self.told(rule)),
            shadowed: self.shadowed(decided),
            nearest: self.nearest(effect),
            payload,
            ..before
        };
        if explanation.connect.verdict == "allow" {
            Self::conclude(&mut explanation, effect);
        } else if effect.is_allowed() {
            return Ok(explanation);
        }
        let changes = change::of_rules(&explanation, effect, self.access, self.grant);
        explanation.changes.extend(changes);
        Ok(explanation)
    }

    /// The client is let in, so its rules decide, and after them the payload.
    fn conclude(explanation: &mut Explanation, effect: Effect) {
        explanation.verdict = effect.verdict;
        explanation.code = effect.code;
        explanation.detail = effect.code.map(|code| sentence(code).to_owned());
        if let Some(inspected) = &explanation.payload {
            let refusal = inspected.refusal.as_ref();
            let is_denied = inspected.verdict == "deny";
            explanation.verdict = if is_denied { "deny" } else { "allow" };
            explanation.code = refusal.map(|refusal| refusal.code);
            explanation.detail = refusal.map(|refusal| refusal.detail.clone());
        }
    }

    fn told(&self, rule: usize) -> Option<Told> {
        let rule = self.rules.get(rule)?;
        Some(Told {
            name: rule.name.clone(),
            effect: change::word(rule.effect),
            actions: rule.actions,
            pattern: rule.pattern.clone(),
            written: place::of(self.policy.documents, rule),
        })
    }

    fn fits(&self) -> impl Iterator<Item = (usize, Fit)> {
        let topic = self.access.routed(self.grant);
        let (action, qos) = (self.access.flag(), self.access.qos);
        let fit = move |rule| fit(rule, action, topic, qos);
        self.rules.iter().map(fit).enumerate()
    }

    fn shadowed(&self, decided: Option<usize>) -> Vec<Told> {
        let later = self
            .fits()
            .filter(|(rule, fit)| *fit == Fit::Matches && Some(*rule) > decided);
        let is_known = decided.is_some();
        later
            .filter(|_| is_known)
            .filter_map(|(rule, _)| self.told(rule))
            .collect()
    }

    /// Only where nothing decided: what is in the way of a rule that allows.
    fn nearest(&self, effect: Effect) -> Vec<Near> {
        if effect.is_allowed() || effect.rule.is_some() {
            return Vec::new();
        }
        let allows = |rule: usize| {
            let rule = self.rules.get(rule);
            rule.is_some_and(|rule| rule.effect != contract::Effect::Deny)
        };
        let mut near: Vec<_> = self.fits().filter(|(rule, _)| allows(*rule)).collect();
        near.sort_by_key(|(rule, fit)| (change::distance(*fit), *rule));
        // Of patterns only those that come nearest.
        let best = near.iter().map(|(_, fit)| change::distance(*fit)).min();
        let is_told =
            |fit: Fit| !matches!(fit, Fit::Near(_)) || Some(change::distance(fit)) == best;
        let told = near.into_iter().filter(|(_, fit)| is_told(*fit));
        let told = told.filter_map(|(rule, fit)| {
            let why = change::why(fit)?;
            let rule = self.told(rule)?;
            Some(Near { rule, why })
        });
        told.take(NEAREST_MAX).collect()
    }

    fn inspect(&self, payload: &[u8], effect: Effect) -> Result<Inspected, Failure> {
        let proven = &self.standing.proven;
        let rule = effect.rule.map_or("", |rule| self.grant.rule_name(rule));
        let asked = contract::Access {
            principal: Principal {
                enrol: None,
                ..proven.principal.clone()
            },
            subject: proven.subject.clone(),
            action: self.access.flag(),
            topic: self.access.routed(self.grant).to_owned(),
            qos: self.access.qos,
            retain: false,
            payload: payload.to_vec(),
            rule: rule.to_owned(),
            now: self.asked.now,
            extra: Vec::new(),
        };
        let verdict = self.policy.generation.inspect_now(&asked)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (verdict, refusal, routed) = match verdict {
            Verdict::Allow => ("allow", None, None),
            Verdict::Replace(payload) => ("replace", None, Some(text(payload))),
            Verdict::Remark(remark) => ("remark", Some(remark.refusal), remark.payload.map(text)),
            Verdict::Deny(refusal) => ("deny", Some(refusal), None),
        };
        Ok(Inspected {
            verdict,
            refusal,
            routed,
        })
    }
}
