//! One access of a case: what the host's own matcher says of it, and what the policy says of its payload.

use super::Coverage;
use super::Outcome;
use super::compare::fail;
use super::expect::{Access, Action};
use crate::contract::{self, Actions, Connect, Principal, Qos, Refusal, Subject, Verdict};
use crate::grant::{Decision, Grant, filter};
use crate::policy::fault::Fault;
use crate::policy::instance::Instance;

/// The code of a topic that no rule allows.
const TOPIC_REFUSED: u16 = 400;
/// The code of a topic or filter that is too long.
const TOPIC_TOO_LONG: u16 = 502;

/// Who is judged, by what.
pub(super) struct Judged<'c> {
    pub(super) connect: &'c Connect,
    pub(super) subject: &'c Subject,
    pub(super) principal: &'c Principal,
    pub(super) grant: &'c Grant,
}

/// What came out of one access.
struct Seen<'g> {
    verdict: &'static str,
    rule: &'g str,
    code: u16,
    detail: String,
    payload: Option<Vec<u8>>,
}

impl Judged<'_> {
    /// The first access that does not come out as it should.
    pub(super) fn compare(
        &self,
        policy: &mut Instance,
        accesses: &[Access],
        coverage: &mut Coverage,
    ) -> Result<Outcome, Fault> {
        for access in accesses {
            let seen = self.ask(policy, access)?;
            coverage.decided(seen.rule);
            let outcome = compare(access, &seen);
            if outcome != Outcome::Pass {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Pass)
    }

    fn ask(&self, policy: &mut Instance, access: &Access) -> Result<Seen<'_>, Fault> {
        let seen = |verdict, rule: Option<u16>| Seen {
            verdict,
            rule: rule.map_or("", |rule| self.grant.rule_name(rule)),
            code: 0,
            detail: String::new(),
            payload: access.payload.clone(),
        };
        Ok(
            match decide(self.grant, access.action, &access.topic, access.qos) {
                Decision::Allow { rule, .. } => seen("allow", Some(rule)),
                Decision::Deny { rule } => {
                    let code = code(self.grant, rule);
                    Seen {
                        code,
                        detail: sentence(code, access.action).to_owned(),
                        ..seen("deny", rule)
                    }
                }
                Decision::Inspect { rule, .. } => match &access.payload {
                    None => seen("inspect", Some(rule)),
                    Some(payload) => {
                        let asked = self.inspected(access, payload, rule);
                        by_inspection(policy.inspect(&asked)?, seen("allow", Some(rule)))
                    }
                },
            },
        )
    }

    fn inspected(&self, access: &Access, payload: &[u8], rule: u16) -> contract::Access {
        contract::Access {
            principal: self.principal.clone(),
            subject: self.subject.clone(),
            action: match access.action {
                Action::Publish => Actions::PUBLISH,
                Action::Subscribe => Actions::SUBSCRIBE,
                Action::Receive => Actions::RECEIVE,
            },
            topic: self.grant.routed(&access.topic).to_owned(),
            qos: access.qos,
            retain: false,
            payload: payload.to_vec(),
            rule: self.grant.rule_name(rule).to_owned(),
            now: self.connect.now,
            extra: Vec::new(),
        }
    }
}

fn by_inspection(verdict: Verdict, allowed: Seen<'_>) -> Seen<'_> {
    match verdict {
        Verdict::Allow => allowed,
        Verdict::Replace(payload) => Seen {
            payload: Some(payload),
            ..allowed
        },
        Verdict::Remark(remark) => {
            let payload = remark.payload.or_else(|| allowed.payload.clone());
            told_as("remark", remark.refusal, payload, allowed.rule)
        }
        Verdict::Deny(refusal) => told_as("deny", refusal, None, allowed.rule),
    }
}

fn told_as<'g>(
    verdict: &'static str,
    refusal: Refusal,
    payload: Option<Vec<u8>>,
    rule: &'g str,
) -> Seen<'g> {
    Seen {
        verdict,
        rule,
        code: refusal.code,
        detail: refusal.detail,
        payload,
    }
}

fn code(grant: &Grant, rule: Option<u16>) -> u16 {
    match rule.map_or(0, |rule| grant.rule_code(rule)) {
        0 => TOPIC_REFUSED,
        code => code,
    }
}

/// What the session tells a client whose topic the rules deny.
fn sentence(code: u16, action: Action) -> &'static str {
    match (code, action) {
        (401, _) => "this topic is for the other direction",
        (TOPIC_TOO_LONG, _) => "the topic is longer than the rules allow: shorten it",
        (_, Action::Publish) => "the rules do not allow to publish on this topic",
        (_, Action::Subscribe) => "the rules do not allow this filter",
        (_, Action::Receive) => "the rules do not allow to receive this topic",
    }
}

fn compare(expected: &Access, seen: &Seen<'_>) -> Outcome {
    let same_rule = expected
        .rule
        .as_deref()
        .is_none_or(|rule| rule == seen.rule);
    let same_code = expected.code.is_none_or(|code| code == seen.code);
    let same_payload = expected.routed.is_none() || expected.routed == seen.payload;
    let same_detail = expected
        .detail
        .as_deref()
        .is_none_or(|words| seen.detail.contains(words));
    let same_words = same_rule && same_code && same_detail;
    if expected.verdict == seen.verdict && same_words && same_payload {
        return Outcome::Pass;
    }
    fail(expected.to_string(), seen.to_string())
}

impl std::fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            verdict,
            rule,
            code,
            detail,
            payload,
        } = self;
        write!(f, "{verdict} by the rule `{rule}`")?;
        if *code != 0 {
            write!(f, " with code {code}")?;
        }
        if !detail.is_empty() {
            write!(f, ": {detail}")?;
        }
        match payload {
            Some(payload) => write!(f, ", routed as `{}`", String::from_utf8_lossy(payload)),
            None => Ok(()),
        }
    }
}

/// What the session does with a topic: cut the suffix, check the form, ask the rules.
pub(super) fn decide(grant: &Grant, action: Action, topic: &str, qos: Qos) -> Decision {
    let refused = Decision::Deny { rule: None };
    match action {
        Action::Publish => match grant.routed(topic) {
            routed if filter::is_valid_topic(routed) => grant.publish(routed, qos),
            _ => refused,
        },
        Action::Subscribe if filter::is_valid_filter(topic) => grant.subscribe(topic),
        Action::Receive if filter::is_valid_topic(topic) => grant.receive(topic),
        Action::Subscribe | Action::Receive => refused,
    }
}
