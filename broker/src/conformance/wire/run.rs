//! Runs one case: its steps in order, on its own connections.
//!
//! Bounds: every wait has the run's patience or the step's own, the whole case its limit; connections are closed whatever comes out. State that a
//! case leaves with the server (a session that outlives its connection) is cleared afterwards, so that cases do not disturb each other.

use super::codes::Version;
use super::codes::Versions;
use super::connection::Connection;
use super::dial::Dialer;
use super::event::Event;
use super::format::{Action, Connect, Feature, Step, WireCase};
use super::template::Texts;
use crate::conformance::Outcome;
use crate::conformance::identities::Identity;
use crate::session::wire::{ConnAck, Level};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What the steps of a case share.
pub(super) struct Run<'r> {
    pub(super) dialer: &'r Dialer,
    pub(super) patience: Duration,
    pub(super) case: &'r WireCase,
    pub(super) who: BTreeMap<String, Arc<Identity>>,
    pub(super) texts: Texts,
    pub(super) connections: BTreeMap<String, Connection>,
    first: Option<String>,
    /// Of received messages that were not acknowledged, by connection; outlives a reconnect.
    pub(super) unacknowledged: BTreeMap<String, VecDeque<u16>>,
    next_id: u16,
    /// Connects that left state behind: cleared in the end.
    pub(super) left: Vec<Connect>,
}

/// Why a case ends before its last step.
#[derive(Debug, PartialEq)]
pub(super) enum Stop {
    Fail {
        expected: String,
        got: String,
    },
    Error(String),
    Skip(String),
    /// What was left to prove is allowed to be missing: the server has closed, as it may.
    Enough,
}

pub(super) type Done = Result<(), Stop>;

impl Stop {
    pub(super) fn fail(expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Fail {
            expected: expected.into(),
            got: got.into(),
        }
    }

    pub(super) fn seen(expected: impl Into<String>, event: &Event) -> Self {
        Self::fail(expected, event.describe())
    }
}

impl From<String> for Stop {
    fn from(cause: String) -> Self {
        Self::Error(cause)
    }
}

impl<'r> Run<'r> {
    pub(super) fn new(
        dialer: &'r Dialer,
        patience: Duration,
        case: &'r WireCase,
        who: BTreeMap<String, Arc<Identity>>,
        texts: Texts,
    ) -> Self {
        Self {
            dialer,
            patience,
            case,
            who,
            texts,
            connections: BTreeMap::new(),
            first: None,
            unacknowledged: BTreeMap::new(),
            next_id: 0,
            left: Vec::new(),
        }
    }

    /// Runs the case to its end.
    pub(super) async fn outcome(mut self) -> Outcome {
        let mut at = 0;
        let steps = timeout(self.case.limit, self.steps(&mut at)).await;
        let what = self.what(at);
        let outcome = match steps {
            Err(_) => Outcome::Fail {
                what,
                expected: format!("the case to end within {} s", self.case.limit.as_secs()),
                got: "it goes on".into(),
            },
            Ok(Ok(()) | Err(Stop::Enough)) => Outcome::Pass,
            Ok(Err(Stop::Skip(reason))) => Outcome::Skip { reason },
            Ok(Err(Stop::Fail { expected, got })) => Outcome::Fail {
                what,
                expected,
                got,
            },
            Ok(Err(Stop::Error(cause))) => Outcome::Error {
                cause: format!("{what}: {cause}"),
            },
        };
        self.tidy().await;
        outcome
    }

    fn what(&self, at: usize) -> String {
        let verb = self
            .case
            .steps
            .get(at)
            .map_or("", |step| step.verb.as_str());
        format!("step {}, {verb}", at + 1)
    }

    async fn steps(&mut self, at: &mut usize) -> Done {
        let case = self.case;
        for (number, step) in case.steps.iter().enumerate() {
            *at = number;
            if self.is_for(step) {
                self.step(&step.action).await?;
            }
        }
        Ok(())
    }

    fn is_for(&self, step: &Step) -> bool {
        let list = step.only.as_ref().map(Versions::list);
        list.is_none_or(|versions| versions.contains(&self.case.version))
    }

    async fn step(&mut self, action: &Action) -> Done {
        if let (Some(name), None) = (action.opens(), &self.first) {
            self.first = Some(name.to_owned());
        }
        match action {
            Action::Open(step) => self.open(step).await,
            Action::Connect(step) => self.connect(step).await,
            Action::Publish(step) => self.publish(step).await,
            Action::Subscribe(step) => self.subscribe(step).await,
            Action::Unsubscribe(step) => self.unsubscribe(step).await,
            Action::Ping(step) => self.ping(step.on.as_deref()).await,
            Action::Ack(step) => self.ack(step).await,
            Action::Expect(step) => self.expect(step).await,
            Action::ExpectAll(step) => self.expect_all(step).await,
            Action::ExpectAny(step) => self.expect_any(step).await,
            Action::ExpectNothing(step) => self.expect_nothing(step).await,
            Action::ExpectClose(step) => self.expect_close(step).await,
            Action::ExpectRaw(step) => self.expect_raw(step).await,
            Action::SendRaw(step) => self.send_raw(step).await,
            Action::Disconnect(step) => self.disconnect(step).await,
            Action::Drop(step) => self.drop_connection(step.on.as_deref()),
            Action::Drain(step) => self.drain(step).await,
            Action::Wait(step) => {
                tokio::time::sleep(step.ms.0).await;
                Ok(())
            }
        }
    }

    // --- what steps need ----------------------------------------------------------------------------------------------------

    /// The name of the connection that is meant: the first one where none is named.
    pub(super) fn name(&self, on: Option<&str>) -> String {
        on.or(self.first.as_deref()).unwrap_or_default().to_owned()
    }

    pub(super) fn connection(&mut self, on: Option<&str>) -> Result<&mut Connection, Stop> {
        let name = self.name(on);
        let closed = || Stop::Error(format!("the connection `{name}` is not open any more"));
        self.connections.get_mut(&name).ok_or_else(closed)
    }

    pub(super) fn fill(&self, text: &str) -> Result<String, Stop> {
        self.texts.fill(text).map_err(Stop::Error)
    }

    pub(super) fn fill_option(&self, text: Option<&str>) -> Result<Option<String>, Stop> {
        text.map(|text| self.fill(text)).transpose()
    }

    pub(super) fn fill_pairs(
        &self,
        pairs: &[(String, String)],
    ) -> Result<Vec<(String, String)>, Stop> {
        let filled = pairs
            .iter()
            .map(|(name, value)| Ok((self.fill(name)?, self.fill(value)?)));
        filled.collect()
    }

    /// A packet id that this case has not used yet.
    pub(super) fn packet_id(&mut self, asked: Option<u16>) -> u16 {
        asked.unwrap_or_else(|| {
            self.next_id = self.next_id.checked_add(1).unwrap_or(1);
            self.next_id
        })
    }

    /// Whether the server offers what the case is about. Known once the first CONNACK of MQTT 5 is there.
    pub(super) fn check_features(&self, connack: &ConnAck, level: Level) -> Done {
        let lacks = |feature: &&Feature| !feature.is_met(connack);
        match self.case.when.iter().find(lacks) {
            Some(feature) if level == Level::V5 => Err(Stop::Skip(feature.reason().to_owned())),
            _ => Ok(()),
        }
    }

    /// Sessions that were to outlive their connections are taken over and discarded.
    async fn tidy(&mut self) {
        self.connections.clear();
        let mut done = Vec::new();
        for mut connect in std::mem::take(&mut self.left) {
            let key = (connect.role.clone(), connect.client_id.clone());
            if done.contains(&key) {
                continue;
            }
            done.push(key);
            connect.clean = true;
            connect.session_expiry = None;
            connect.will = None;
            connect.session_present = None;
            connect.connack = None;
            connect.codes = None;
            // A server that refuses it now has nothing to be cleared by this case.
            let cleared = timeout(self.patience, self.connect(&connect)).await;
            if let Ok(Ok(())) = cleared {
                let name = connect.on.as_deref().unwrap_or(&connect.role).to_owned();
                let _ = self.leave(&name).await;
            }
        }
    }
}

impl Feature {
    fn is_met(self, connack: &ConnAck) -> bool {
        let qos2 = connack.maximum_qos.is_none_or(|qos| qos >= 2);
        let retain = connack.retain_available.unwrap_or(true);
        let shared = connack.shared_available.unwrap_or(true);
        let ids = connack.subscription_ids_available.unwrap_or(true);
        let alias = connack.topic_alias_maximum.is_some_and(|most| most > 0);
        match self {
            Self::Qos2 => qos2,
            Self::NoQos2 => !qos2,
            Self::Retain => retain,
            Self::NoRetain => !retain,
            Self::Shared => shared,
            Self::NoShared => !shared,
            Self::SubscriptionIds => ids,
            Self::NoSubscriptionIds => !ids,
            Self::TopicAlias => alias,
            Self::NoTopicAlias => !alias,
            Self::MaximumPacketSize => connack.maximum_packet_size.is_some(),
            Self::ReceiveMaximum => connack.receive_maximum.is_some(),
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Qos2 => "the broker announces that it does not offer QoS 2",
            Self::NoQos2 => "the broker offers QoS 2",
            Self::Retain => "the broker announces that it does not offer retained messages",
            Self::NoRetain => "the broker offers retained messages",
            Self::Shared => "the broker announces that it does not offer shared subscriptions",
            Self::NoShared => "the broker offers shared subscriptions",
            Self::SubscriptionIds => "the broker announces that it does not offer subscription ids",
            Self::NoSubscriptionIds => "the broker offers subscription ids",
            Self::TopicAlias => "the broker announces that it takes no topic alias",
            Self::NoTopicAlias => "the broker takes topic aliases",
            Self::MaximumPacketSize => "the broker announces no maximum packet size",
            Self::ReceiveMaximum => "the broker announces no receive maximum",
        }
    }
}

impl Version {
    pub(super) fn level(self) -> Level {
        match self {
            Self::V31 => Level::V3,
            Self::V311 => Level::V4,
            Self::V5 => Level::V5,
        }
    }
}
