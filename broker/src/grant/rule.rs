//! One compiled rule: what it matches. Pure.
//!
//! A filter is split once into the literal levels before its first wildcard and the rest, so that nearly all rules of a grant are passed
//! over by one comparison of bytes.

use super::filter::{covers, intersection, levels_match};
use super::wildcard::Wildcard;
use crate::contract::{self, Actions, Effect, Qos, Syntax};

/// A rule of a grant.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) effect: Effect,
    pub(super) actions: Actions,
    pub(super) max_qos: Qos,
    pub(super) retain: bool,
    pub(super) code: u16,
    pub(super) name: Box<str>,
    pattern: Pattern,
}

#[derive(Debug)]
enum Pattern {
    /// One topic, in either syntax.
    Exact(Box<str>),
    Filter(FilterPattern),
    Wildcard(Wildcard),
}

impl Rule {
    /// `None` where the pattern is malformed in its syntax.
    pub(super) fn compile(rule: contract::Rule) -> Option<Self> {
        Some(Self {
            effect: rule.effect,
            actions: rule.actions,
            max_qos: rule.max_qos,
            retain: rule.retain,
            code: rule.code,
            name: rule.name.into(),
            pattern: Pattern::compile(&rule.pattern, rule.syntax)?,
        })
    }

    pub(super) fn matches_topic(&self, topic: &str) -> bool {
        match &self.pattern {
            Pattern::Exact(only) => **only == *topic,
            Pattern::Filter(filter) => filter.matches(topic),
            Pattern::Wildcard(wildcard) => wildcard.matches(topic),
        }
    }

    /// A filter must be covered as a whole; a wildcard pattern takes it as text.
    pub(super) fn matches_filter(&self, requested: &str) -> bool {
        match &self.pattern {
            Pattern::Exact(only) => **only == *requested,
            Pattern::Filter(filter) => covers(&filter.text, requested),
            Pattern::Wildcard(wildcard) => wildcard.matches(requested),
        }
    }

    /// What a subscription to `requested` can bring by this rule.
    pub(super) fn overlap(&self, requested: &str) -> Overlap {
        match &self.pattern {
            Pattern::Exact(only) => intersection(only, requested).into(),
            Pattern::Filter(filter) => intersection(&filter.text, requested).into(),
            Pattern::Wildcard(wildcard) if may_meet(wildcard.literal(), requested) => {
                Overlap::Unknown
            }
            Pattern::Wildcard(_) => Overlap::Nothing,
        }
    }
}

/// The topics that a rule and a requested filter have in common.
#[derive(Debug, PartialEq)]
pub(super) enum Overlap {
    Nothing,
    Filter(String),
    /// A wildcard pattern: possibly something.
    Unknown,
}

impl From<Option<String>> for Overlap {
    fn from(common: Option<String>) -> Self {
        common.map_or(Self::Nothing, Self::Filter)
    }
}

/// Whether a topic may begin with `literal` and match `requested`, judged by the text before the first wildcard of each.
fn may_meet(literal: &str, requested: &str) -> bool {
    let requested = requested.split(['+', '#']).next().unwrap_or_default();
    // `a/#` matches `a` too.
    let requested = requested.strip_suffix('/').unwrap_or(requested);
    if requested.is_empty() || literal.is_empty() {
        return !(requested.starts_with('$') || literal.starts_with('$'));
    }
    literal.starts_with(requested) || requested.starts_with(literal)
}

impl Pattern {
    fn compile(pattern: &str, syntax: Syntax) -> Option<Self> {
        match syntax {
            Syntax::MqttFilter => FilterPattern::parse(pattern),
            Syntax::Wildcard => {
                let wildcard = Wildcard::parse(pattern)?;
                Some(if wildcard.is_literal() {
                    Self::Exact(wildcard.literal().into())
                } else {
                    Self::Wildcard(wildcard)
                })
            }
        }
    }
}

/// `a/b/+/c` as the literal `a/b` and the rest `/+/c`.
#[derive(Debug)]
struct FilterPattern {
    text: Box<str>,
    /// Bytes of `text` before the `/` that precedes the first wildcard; `None` where a wildcard comes first.
    literal: Option<usize>,
}

impl FilterPattern {
    fn parse(filter: &str) -> Option<Pattern> {
        if !super::filter::is_valid_filter(filter) {
            return None;
        }
        let Some(wildcard) = filter.find(['+', '#']) else {
            return Some(Pattern::Exact(filter.into()));
        };
        Some(Pattern::Filter(Self {
            text: filter.into(),
            literal: wildcard.checked_sub(1),
        }))
    }

    fn matches(&self, topic: &str) -> bool {
        let Some(length) = self.literal else {
            return !topic.starts_with('$') && levels_match(&self.text, topic);
        };
        let Some((literal, rest)) = self.text.split_at_checked(length) else {
            return false;
        };
        let Some(topic) = topic.strip_prefix(literal) else {
            return false;
        };
        match (topic.strip_prefix('/'), rest.strip_prefix('/')) {
            (Some(topic), Some(rest)) => levels_match(rest, topic),
            // `a/#` matches `a` too.
            (_, rest) => topic.is_empty() && rest == Some("#"),
        }
    }
}
