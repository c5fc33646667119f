//! One access, and what a grant says of it: as a session would, but for the limits of a host that nobody has configured here. Pure.

use crate::contract::{Actions, Qos};
use crate::decision::Action;
use crate::grant::{Decision, Grant, filter};

/// The contract's codes.
const TOPIC_REFUSED: u16 = 400;
/// The grant bounds topics, and this one is longer.
pub const TOPIC_TOO_LONG: u16 = 502;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Publish (a will's, too), subscribe or receive.
    pub action: Action,
    /// The topic or filter.
    pub topic: String,
    /// At most.
    pub qos: Qos,
}

/// What comes out, as far as the client notices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// `allow`, `inspect` or `deny`.
    pub verdict: &'static str,
    /// The contract's code of a denial.
    pub code: Option<u16>,
    /// At which `QoS` a subscription or delivery is granted.
    pub qos: Option<Qos>,
    /// The retain flag of a publication stays.
    pub retain: bool,
    /// The rule that decided; none where nothing matched, and where a limit of the grant did.
    pub rule: Option<u16>,
}

impl Access {
    /// The flag of the contract.
    pub fn flag(&self) -> Actions {
        match self.action {
            Action::Subscribe => Actions::SUBSCRIBE,
            Action::Receive => Actions::RECEIVE,
            _ => Actions::PUBLISH,
        }
    }

    /// The topic as rules see it: a publication's without its suffix.
    pub fn routed<'a>(&'a self, grant: &Grant) -> &'a str {
        match self.action {
            Action::Subscribe | Action::Receive => &self.topic,
            _ => grant.routed(&self.topic),
        }
    }

    /// Whether MQTT knows such a topic or filter.
    pub fn is_valid(&self, grant: &Grant) -> bool {
        match self.action {
            Action::Subscribe => filter::is_valid_filter(&self.topic),
            _ => filter::is_valid_topic(self.routed(grant)),
        }
    }
}

/// What the grant says.
pub fn effect(grant: &Grant, access: &Access) -> Effect {
    let topic = access.routed(grant);
    let longest = usize::from(grant.limits.topic_max);
    let is_delivery = access.action == Action::Receive;
    if longest > 0 && topic.len() > longest && !is_delivery {
        return denied(TOPIC_TOO_LONG, None);
    }
    if !access.is_valid(grant) {
        return denied(TOPIC_REFUSED, None);
    }
    let decision = match access.action {
        Action::Subscribe => grant.subscribe(topic),
        Action::Receive => grant.receive(topic),
        _ => grant.publish(topic, access.qos),
    };
    match decision {
        Decision::Deny { rule } => {
            let code = rule.map_or(0, |rule| grant.rule_code(rule));
            denied(if code == 0 { TOPIC_REFUSED } else { code }, rule)
        }
        Decision::Allow {
            max_qos,
            retain,
            rule,
        } => allowed("allow", access, max_qos, retain, rule),
        Decision::Inspect {
            max_qos,
            retain,
            rule,
        } => allowed("inspect", access, max_qos, retain, rule),
    }
}

fn denied(code: u16, rule: Option<u16>) -> Effect {
    Effect {
        verdict: "deny",
        code: Some(code),
        qos: None,
        retain: false,
        rule,
    }
}

/// A publication's `QoS` is its sender's.
fn allowed(
    verdict: &'static str,
    access: &Access,
    max_qos: Qos,
    retain: bool,
    rule: u16,
) -> Effect {
    let is_lowered = matches!(access.action, Action::Subscribe | Action::Receive);
    Effect {
        verdict,
        code: None,
        qos: is_lowered.then(|| access.qos.min(max_qos)),
        retain: retain && !is_lowered,
        rule: Some(rule),
    }
}

impl Effect {
    /// As far as the topic goes.
    pub fn is_allowed(&self) -> bool {
        self.verdict != "deny"
    }

    /// What a client notices, without who decided.
    pub fn noticed(&self) -> (&'static str, Option<u16>, Option<Qos>, bool) {
        (self.verdict, self.code, self.qos, self.retain)
    }
}

/// In a sentence.
pub fn sentence(code: u16) -> &'static str {
    match code {
        401 => "this topic is for the other direction",
        TOPIC_TOO_LONG => "the topic is longer than the rules allow",
        _ => "the rules do not allow it",
    }
}
