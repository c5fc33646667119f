//! The end of a connection: the will, the session's state, the last word to the client. In that order, since a waiting takeover must
//! find the old session ended, and the client can wait.
//!
//! Bounded: one message to the engine, then at most the farewell's two and a half seconds of this task alone. A will is judged once more
//! by the grant in force; after a refusal or a fault there is none.

use super::candidate::DENIES_ALL;
use super::clock;
use super::connection::Connection;
use super::decided::{Access, Decided};
use super::end::End;
use super::inspect::{Answer, Inspected};
use super::mailbox::Takeover;
use super::park;
use super::reached::micros;
use super::session::Session;
use super::will::{WILL_REFUSED, Will};
use super::wire;
use crate::contract::{Actions, Refusal};
use crate::decision::{Action, Source};
use crate::engine::Message;
use crate::grant::Decision;
use std::time::{Duration, Instant};

/// Ends the connection; the session may live on.
pub(super) async fn finish(mut session: Box<Session>, mut connection: Connection, end: End) {
    session.broker.metrics.ended(end.name());
    let client = &*session.seat.mailbox.card.client;
    tracing::debug!(
        client,
        end = end.name(),
        detail = end.detail(),
        "connection ended"
    );
    // What the last packets brought is not counted yet.
    session.settle();
    session.last_word(&mut connection, &end);
    if !end.wants_will() {
        session.will = None;
    }
    let lives_on = session.terms.expiry > 0 && end.may_park();
    match end {
        End::TakenOver(takeover) => {
            session.hand_over_state(takeover).await;
            drop(session);
            connection.close().await;
        }
        end if lives_on && session.takes_place() => {
            session.drop_dead_link(&end);
            session.outbound.secure();
            session.save_incoming(true).await;
            tokio::spawn(park::park(session));
            connection.close().await;
        }
        _ => {
            session.end().await;
            drop(session);
            connection.close().await;
        }
    }
}

impl Session {
    /// Gives the state to the connection that takes over, or ends it where that starts anew.
    pub(super) async fn hand_over_state(&mut self, takeover: Takeover) {
        let carries = !takeover.clean && self.terms.expiry > 0;
        // A delayed will is forgotten by a client that is back in time (MQTT-3.1.3-9).
        if carries && self.will.as_ref().is_some_and(|will| !will.delay.is_zero()) {
            self.will = None;
        }
        self.publish_will().await;
        if carries {
            self.outbound.secure();
        }
        self.save_incoming(carries).await;
        let state = if carries { Some(self.carry()) } else { None };
        self.link = None;
        // Before the answer: the next connection looks for kept messages right after it.
        self.seat.vacate();
        // An error says that the other connection is gone too.
        takeover.reply.send(state).ok();
    }

    /// Ends the session itself.
    pub(super) async fn end(&mut self) {
        self.publish_will().await;
        self.save_incoming(false).await;
        self.link = None;
        self.seat.vacate();
    }

    /// Publishes the will, if the rules in force still allow it.
    pub(super) async fn publish_will(&mut self) {
        let Some(will) = self.will.take() else {
            return;
        };
        let result = self.fire(*will).await;
        self.broker.metrics.will(result);
    }

    async fn fire(&mut self, will: Will) -> &'static str {
        let payload = match self.may_fire(&will).await {
            Answer::Allow(payload, _) => payload,
            Answer::Deny(_) => return "denied",
            Answer::Fault(_) => return "fault",
        };
        let message = Message {
            expires: will.expires(clock::now()),
            topic: will.topic,
            payload,
            qos: will.qos,
            publisher: self.number,
            properties: will.properties,
            // The engine gives it.
            number: 0,
        };
        match self.publisher.publish(&mut vec![message]).await {
            Ok(()) => "published",
            Err(_) => "engine_down",
        }
    }

    /// What the rules in force say of the will.
    async fn may_fire(&mut self, will: &Will) -> Answer {
        let started = Instant::now();
        let access = Access {
            action: Action::Will,
            topic: &will.topic,
            qos: will.qos,
        };
        if self.rules.denies_all {
            self.decided(access, Decided::fault(DENIES_ALL, Source::Host));
            return Answer::Fault(DENIES_ALL.to_owned());
        }
        if !self.rules.grant.limits.will || self.has_run_out() {
            let refusal = Refusal {
                code: WILL_REFUSED,
                detail: "the client may not leave a will any more".to_owned(),
                rule: None,
            };
            self.decided(access, Decided::refused(&refusal, Source::Host));
            return Answer::Deny(refusal);
        }
        let decision = self.rules.grant.publish(&will.topic, will.qos);
        self.shown(access, decision);
        match decision {
            Decision::Allow { rule, .. } => {
                self.decided(access, Decided::allowed(rule, false));
                Answer::Allow(will.payload.clone(), None)
            }
            Decision::Deny { rule } => {
                let detail = "the rules do not allow the will's topic any more";
                self.decided(access, Decided::denied(rule, false, detail));
                Answer::Deny(self.rules.refusal(detail, rule))
            }
            Decision::Inspect { rule, .. } => {
                let answer = self.inspect_will(will, rule).await;
                let took = micros(started);
                self.decided(access, answer.decided(rule).took(took));
                answer
            }
        }
    }

    async fn inspect_will(&mut self, will: &Will, rule: u16) -> Answer {
        let inspected = Inspected {
            action: Actions::PUBLISH,
            topic: &will.topic,
            qos: will.qos,
            retain: false,
            payload: &will.payload,
            rule,
        };
        self.inspect(inspected).await
    }

    /// MQTT 5 says why; 3.1.1 has no packet for it.
    fn last_word(&self, connection: &mut Connection, end: &End) {
        let Some(cause) = end.cause().filter(|_| self.is_v5()) else {
            return;
        };
        let reason = self.terms.reason(end.reason(), 0);
        wire::disconnect(cause.told().disconnect, reason, &mut connection.output);
    }

    fn takes_place(&self) -> bool {
        let place = self.broker.sessions.park(self.broker.settings.parked_max);
        if !place {
            let client = &*self.seat.mailbox.card.client;
            tracing::warn!(
                client,
                "the session ends with its connection: no place is left for parked sessions"
            );
        }
        place
    }

    fn drop_dead_link(&mut self, end: &End) {
        if matches!(end, End::EngineDown) {
            self.link = None;
        }
    }

    /// How long the session waits for its client, and after what time of that its will is due.
    pub(super) fn patience(&self) -> (Duration, Option<Duration>) {
        let expiry = Duration::from_secs(self.terms.expiry.into());
        (
            expiry,
            self.will.as_ref().map(|will| will.due_after(expiry)),
        )
    }
}
