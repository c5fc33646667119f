//! What a grant says of one topic, and the component of its payload.

use super::super::Failure;
use super::super::access::{self, Access, Effect, sentence};
use super::super::stand_in::Standing;
use super::answer::{Explanation, Inspected, Near, Told};
use super::{Asked, Policy, change, place};
use crate::contract::{self, Principal, Rule, Verdict};
use crate::grant::Grant;
use crate::grant::trace::{Fit, fit};

/// Rules that are told of those that come near.
pub const NEAREST_MAX: usize = 3;

/// A client that can be judged, and what is asked of it.
pub(super) struct Judged<'j> {
    pub(super) policy: &'j Policy<'j>,
    pub(super) asked: &'j Asked<'j>,
    pub(super) access: &'j Access,
    pub(super) standing: &'j Standing,
    pub(super) rules: &'j [Rule],
    pub(super) grant: &'j Grant,
}

impl Judged<'_> {
    /// What the grant and the component say, laid over what is known before.
    pub(super) fn explain(&self, before: Explanation) -> Result<Explanation, Failure> {
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
