//! The words of a decision: what was asked, what came out, who decided, and at which step of a CONNECT. Fixed sets, so that they may be
//! the labels of a metric.

use serde::{Deserialize, Serialize};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A new connection.
    Connect,
    /// A live session, after the rules or its record changed.
    Judge,
    /// A PUBLISH from the client.
    Publish,
    /// One filter of a SUBSCRIBE.
    Subscribe,
    /// One message towards the client.
    Receive,
    /// The client's will, when it would be published.
    Will,
}

impl Action {
    /// As it stands in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Judge => "judge",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Receive => "receive",
            Self::Will => "will",
        }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It may.
    Allow,
    /// It may not.
    Deny,
    /// The policy or the host failed, so nobody was judged; it may not.
    Fault,
}

impl Verdict {
    /// As it stands in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Fault => "fault",
        }
    }
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A rule of the grant, or that none matched; found now.
    Rule,
    /// The same, remembered from an earlier message of that topic.
    Cache,
    /// The component's `inspect`.
    Inspect,
    /// The component's `identify`, `authenticate` or `authorize`.
    Policy,
    /// The host itself: a limit, the specification, the registry, the engine.
    Host,
}

impl Source {
    /// As it stands in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Cache => "cache",
            Self::Inspect => "inspect",
            Self::Policy => "policy",
            Self::Host => "host",
        }
    }

    /// Native decisions: `cached` tells whether it was remembered.
    #[inline]
    pub fn of_rules(cached: bool) -> Self {
        if cached { Self::Cache } else { Self::Rule }
    }
}

/// The step at which a CONNECT, or the judgement of a live session, was decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// `identify`: whom it claims to be.
    Identify,
    /// `authenticate`: whether it proves that.
    Authenticate,
    /// `authorize`: what it may do.
    Authorize,
    /// The will against the rules of the grant.
    Will,
    /// None of them: the host.
    #[default]
    Host,
}

impl Stage {
    /// Who decides at this step.
    pub fn source(self) -> Source {
        match self {
            Self::Identify | Self::Authenticate | Self::Authorize => Source::Policy,
            Self::Will => Source::Rule,
            Self::Host => Source::Host,
        }
    }
}
