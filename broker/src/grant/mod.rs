//! Compiled rules, and what they say of one topic or filter. Pure: no clock, no I/O, no component. (STUB: signatures only)

pub mod filter;
pub mod inbox;

use crate::contract::{self, Qos};
use std::sync::Arc;

/// A grant of the policy, compiled once, asked millions of times. Immutable.
#[derive(Debug)]
pub struct Grant {
    pub client_id: Arc<str>,
    pub limits: contract::Limits,
    pub unsolicited: bool,
    pub greetings: Vec<contract::Message>,
    pub valid_until: Option<contract::UtcMs>,
    pub suffix_mark: Option<char>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decision {
    /// `rule` indexes [`Grant::rule_name`].
    Allow {
        max_qos: Qos,
        retain: bool,
        rule: u16,
    },
    /// Allowed as far as the topic goes; ask `policy.inspect` for the message.
    Inspect {
        max_qos: Qos,
        retain: bool,
        rule: u16,
    },
    /// `rule` is none where nothing matched (default deny).
    Deny { rule: Option<u16> },
}

impl Grant {
    /// Checks the limits of `wit/policy.wit` and compiles.
    pub fn compile(
        grant: contract::Grant,
        inboxes: &Arc<inbox::Inboxes>,
        subject: &contract::Subject,
    ) -> Result<Self, TooLarge> {
        let _ = (grant, inboxes, subject);
        unimplemented!()
    }
    /// The topic without its suffix: what is checked and routed.
    pub fn routed<'t>(&self, topic: &'t str) -> &'t str {
        topic
    }
    pub fn publish(&self, topic: &str, qos: Qos) -> Decision {
        let _ = (topic, qos);
        unimplemented!()
    }
    pub fn subscribe(&self, filter: &str) -> Decision {
        let _ = filter;
        unimplemented!()
    }
    pub fn receive(&self, topic: &str) -> Decision {
        let _ = topic;
        unimplemented!()
    }
    /// Whether a subscription to `filter` can bring a message that the client may receive and that none of its inboxes delivers. Errs
    /// on the side of true.
    pub fn needs_link(&self, filter: &str) -> bool {
        let _ = filter;
        unimplemented!()
    }
    pub fn rule_name(&self, rule: u16) -> &str {
        let _ = rule;
        unimplemented!()
    }
}

/// A value that a component returned is over a limit of the contract: a fault of the policy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{what} is {value}, over the limit of {limit}")]
pub struct TooLarge {
    pub what: &'static str,
    pub value: usize,
    pub limit: usize,
}

/// Decisions of one session under one grant, so that a repeated topic costs one hash look-up. Bounded; dropped with the grant.
pub struct DecisionCache;
impl DecisionCache {
    pub fn new() -> Self {
        Self
    }
    pub fn publish(&mut self, grant: &Grant, topic: &str, qos: Qos) -> Decision {
        grant.publish(topic, qos)
    }
    pub fn receive(&mut self, grant: &Grant, topic: &str) -> Decision {
        grant.receive(topic)
    }
    pub fn clear(&mut self) {}
}
