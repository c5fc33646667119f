//! Compiled rules, and what they say of one topic or filter. Pure: no clock, no I/O, no component.
//!
//! A grant comes from the policy as data ([`contract::Grant`]), is checked against the contract's limits and compiled once; after that every
//! PUBLISH, SUBSCRIBE and delivery is judged here, in tens of nanoseconds. First match wins, and what nothing matches is denied. A value over a
//! limit or a malformed pattern refuses the whole grant: half of a policy is no policy.

pub mod cache;
pub mod filter;
pub mod inbox;
mod limits;
mod rule;
#[cfg(test)]
mod tests;
pub mod trace;
mod wildcard;

pub use cache::DecisionCache;
pub(crate) use limits::check;
pub use limits::{TooLarge, Unusable};

use crate::contract::{self, Actions, Effect, Qos};
use bytestring::ByteString;
use inbox::Inboxes;
use rule::{Overlap, Rule};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A grant of the policy, compiled once, asked millions of times. Immutable.
#[derive(Debug)]
pub struct Grant {
    /// The canonical client id: key of the session, of takeover, of the engine and of the log.
    pub client_id: Arc<str>,
    /// As the policy gave them: 0 stands for the host's own limit.
    pub limits: contract::Limits,
    /// Inbox topics arrive without a SUBSCRIBE.
    pub unsolicited: bool,
    /// Delivered in order right after CONNACK.
    pub greetings: Vec<contract::Message>,
    /// The session is judged again at this time at the latest.
    pub valid_until: Option<contract::UtcMs>,
    /// See [`Grant::routed`].
    pub suffix_mark: Option<char>,
    rules: Box<[Rule]>,
    inboxes: Arc<Inboxes>,
    /// Product and node id, kept only where an inbox addresses by them.
    node: Option<(Box<str>, Box<str>)>,
    /// Unique in this process: a [`DecisionCache`] knows by it whose decisions it holds.
    number: u64,
}

/// What the rules say of one topic or filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// `rule` indexes [`Grant::rule_name`].
    Allow {
        /// A SUBSCRIBE is granted at most this.
        max_qos: Qos,
        /// False: a message's retain flag is cleared.
        retain: bool,
        /// The rule that decided.
        rule: u16,
    },
    /// Allowed as far as the topic goes; ask `policy.inspect` for the message.
    Inspect {
        /// A SUBSCRIBE is granted at most this.
        max_qos: Qos,
        /// False: a message's retain flag is cleared.
        retain: bool,
        /// The rule that decided.
        rule: u16,
    },
    /// Refused.
    Deny {
        /// None where nothing matched (default deny).
        rule: Option<u16>,
    },
}

impl Grant {
    /// Checks the limits of `wit/policy.wit` and compiles. `subject` is the record that the policy judged: an inbox may address its client by
    /// product and node.
    pub fn compile(
        grant: contract::Grant,
        inboxes: &Arc<Inboxes>,
        subject: &contract::Subject,
    ) -> Result<Self, Unusable> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        limits::check(&grant)?;
        let rules = grant.rules.into_iter().map(compile_rule);
        let node = subject.client.as_ref().filter(|_| inboxes.any_by_node());
        Ok(Self {
            client_id: grant.client_id.into(),
            limits: grant.limits,
            unsolicited: grant.unsolicited,
            greetings: grant.greetings,
            valid_until: grant.valid_until,
            suffix_mark: grant.suffix_mark,
            rules: rules.collect::<Result<_, _>>()?,
            inboxes: Arc::clone(inboxes),
            node: node.map(|client| (client.product.as_str().into(), client.node.as_str().into())),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// The topic without its suffix: what is checked and routed. It may be empty, so [`filter::is_valid_topic`] is asked after this.
    pub fn routed<'t>(&self, topic: &'t str) -> &'t str {
        let cut = self.suffix_mark.and_then(|mark| topic.split_once(mark));
        cut.map_or(topic, |(routed, _)| routed)
    }

    /// [`routed`](Self::routed), owned.
    pub fn without_suffix(&self, topic: ByteString) -> ByteString {
        match self.suffix_mark {
            None => topic,
            Some(_) => topic.slice_ref(self.routed(&topic)),
        }
    }

    /// May the client publish to `topic` (valid, [`routed`](Self::routed)) at `qos`? A rule whose `max-qos` is lower does not match.
    pub fn publish(&self, topic: &str, qos: Qos) -> Decision {
        self.first(Actions::PUBLISH, |rule| {
            qos <= rule.max_qos && rule.matches_topic(topic)
        })
    }

    /// May the client subscribe to `filter` (valid, without `$share/…`)?
    pub fn subscribe(&self, filter: &str) -> Decision {
        self.first(Actions::SUBSCRIBE, |rule| rule.matches_filter(filter))
    }

    /// May a message on `topic` be delivered to the client?
    pub fn receive(&self, topic: &str) -> Decision {
        self.first(Actions::RECEIVE, |rule| rule.matches_topic(topic))
    }

    /// Whether a subscription to `filter` can bring a message that the client may receive and that none of its inboxes delivers. Errs
    /// on the side of true.
    pub fn needs_link(&self, filter: &str) -> bool {
        let inboxes = self.own_inboxes();
        let delivered = |wanted: &str| inboxes.iter().any(|inbox| filter::covers(inbox, wanted));
        let brings_more = |rule: &Rule| match rule.overlap(filter) {
            Overlap::Nothing => false,
            Overlap::Filter(common) => !delivered(&common),
            Overlap::Unknown => true,
        };
        !delivered(filter) && self.receivable().any(brings_more)
    }

    /// The filters of the inboxes that are addressed to this client.
    pub fn own_inboxes(&self) -> Vec<String> {
        self.own_inboxes_where(|_| true).collect()
    }

    fn own_inboxes_where(
        &self,
        wanted: impl Fn(&contract::Inbox) -> bool,
    ) -> impl Iterator<Item = String> {
        let (product, node) = match &self.node {
            Some((product, node)) => (&**product, &**node),
            None => ("", ""),
        };
        let templates = self.inboxes.templates.iter();
        templates
            .filter(move |template| wanted(&template.inbox))
            .filter_map(move |template| template.filter_for(&self.client_id, product, node))
    }

    /// Whether a message on the topic of an inbox comes without a SUBSCRIBE.
    pub fn is_unsolicited(&self, topic: &str) -> bool {
        self.unsolicited
            || self
                .own_inboxes_where(|inbox| inbox.unsolicited)
                .any(|filter| filter::matches(&filter, topic))
    }

    /// Unique in this process.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// For logs; empty where there is no such rule.
    pub fn rule_name(&self, rule: u16) -> &str {
        let rule = self.rules.get(usize::from(rule));
        rule.map_or("", |rule| &rule.name)
    }

    /// With which code of the contract a rule denies; 0 where it has none of its own.
    pub fn rule_code(&self, rule: u16) -> u16 {
        let rule = self.rules.get(usize::from(rule));
        rule.map_or(0, |rule| rule.code)
    }

    fn first(&self, action: Actions, matches: impl Fn(&Rule) -> bool) -> Decision {
        let decides = |rule: &Rule| rule.actions.contains(action) && matches(rule);
        match (0..).zip(&self.rules).find(|(_, rule)| decides(rule)) {
            Some((index, rule)) => Decision::by(index, rule),
            None => Decision::Deny { rule: None },
        }
    }

    fn receivable(&self) -> impl Iterator<Item = &Rule> {
        let may =
            |rule: &&Rule| rule.actions.contains(Actions::RECEIVE) && rule.effect != Effect::Deny;
        self.rules.iter().filter(may)
    }
}

impl Decision {
    fn by(rule: u16, decided: &Rule) -> Self {
        let (max_qos, retain) = (decided.max_qos, decided.retain);
        match decided.effect {
            Effect::Deny => Self::Deny { rule: Some(rule) },
            Effect::Allow => Self::Allow {
                max_qos,
                retain,
                rule,
            },
            Effect::Inspect => Self::Inspect {
                max_qos,
                retain,
                rule,
            },
        }
    }
}

fn compile_rule(rule: contract::Rule) -> Result<Rule, Unusable> {
    let (name, pattern) = (rule.name.clone(), rule.pattern.clone());
    Rule::compile(rule).ok_or(Unusable::Pattern { name, pattern })
}
