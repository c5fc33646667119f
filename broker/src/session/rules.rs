//! The rules in force for one session: one generation, one grant, and what has been decided under it. Replaced as a whole, never mixed.

use super::limits::{Limits, Settings};
use crate::contract::{Principal, Refusal, Subject};
use crate::grant::{Decision, DecisionCache, Grant, inbox::Addressee};
use crate::policy::Generation;
use std::sync::Arc;

/// The contract's code for a topic that no rule allows.
pub(super) const TOPIC_REFUSED: u16 = 400;
/// The contract's code for a topic or filter that is too long.
pub(super) const TOPIC_TOO_LONG: u16 = 502;

pub(crate) struct Rules {
    pub(crate) generation: Arc<Generation>,
    pub(crate) principal: Principal,
    pub(crate) grant: Grant,
    pub(crate) limits: Limits,
    pub(crate) cache: DecisionCache,
    /// The record, read when the first message had to be inspected: most sessions never need it, and it holds secrets.
    pub(crate) subject: Option<Box<Subject>>,
    /// An operator has shut everything: no message passes in either direction, whatever the grant says.
    pub(crate) denies_all: bool,
}

impl Rules {
    pub(crate) fn new(
        generation: Arc<Generation>,
        principal: Principal,
        grant: Grant,
        host: &Settings,
    ) -> Self {
        Self {
            limits: Limits::new(&grant.limits, host),
            generation,
            principal,
            grant,
            cache: DecisionCache::new(),
            subject: None,
            denies_all: false,
        }
    }

    /// The same client under other rules; what was decided before is forgotten.
    pub(crate) fn replace(&mut self, generation: Arc<Generation>, grant: Grant, host: &Settings) {
        self.limits = Limits::new(&grant.limits, host);
        self.generation = generation;
        self.grant = grant;
        self.cache.clear();
        self.subject = None;
    }

    /// What the rules say of a delivery of this topic, and whether that was remembered.
    pub(crate) fn receive(&mut self, topic: &str) -> (Decision, bool) {
        self.cache.receive(&self.grant, topic)
    }

    /// Whether a delivery of this topic is allowed as far as the topic goes.
    pub(crate) fn may_receive(&mut self, topic: &str) -> bool {
        !matches!(self.receive(topic), (Decision::Deny { .. }, _))
    }

    /// What the rules say of a topic that the client's link brings, and whether that was remembered; `None`: it comes by one of the
    /// client's own inboxes.
    pub(crate) fn arrives(
        &mut self,
        topic: &str,
        product: &str,
        node: &str,
    ) -> Option<(Decision, bool)> {
        let Self {
            cache,
            grant,
            generation,
            ..
        } = self;
        let by_inbox = || is_own_inbox(grant, generation, topic, product, node);
        cache.arrives(grant, topic, by_inbox)
    }

    /// A denial by the rules, with code and name of the rule. `detail`: what is said where the rule has no code of its own.
    pub(crate) fn refusal(&self, detail: &str, rule: Option<u16>) -> Refusal {
        let code = rule.map_or(TOPIC_REFUSED, |rule| self.code_of(rule));
        Refusal {
            code,
            detail: sentence(code).unwrap_or(detail).to_owned(),
            rule: rule.map(|rule| self.grant.rule_name(rule).to_owned()),
        }
    }

    /// With which code of the contract a rule denies.
    pub(crate) fn code_of(&self, rule: u16) -> u16 {
        match self.grant.rule_code(rule) {
            0 => TOPIC_REFUSED,
            code => code,
        }
    }
}

/// Denials that say more than «the rules do not allow it».
fn sentence(code: u16) -> Option<&'static str> {
    match code {
        401 => Some("this topic is for the other direction"),
        TOPIC_TOO_LONG => Some("the topic is longer than the rules allow: shorten it"),
        _ => None,
    }
}

/// Whether a topic is one of the client's own inboxes, which bring it themselves.
fn is_own_inbox(
    grant: &Grant,
    generation: &Generation,
    topic: &str,
    product: &str,
    node: &str,
) -> bool {
    // Most often an application, whose canonical id is no single level: nothing can be addressed to it.
    if node.is_empty() && grant.client_id.contains('/') {
        return false;
    }
    let own = |addressee| match addressee {
        Addressee::Client(client) => client == &*grant.client_id,
        Addressee::Node {
            product: p,
            node: n,
        } => !node.is_empty() && p == product && n == node,
    };
    let templates = &generation.inboxes().templates;
    templates
        .iter()
        .any(|template| template.addressee(topic).is_some_and(own))
}
