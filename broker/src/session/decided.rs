//! Every decision on a client comes through here, once: it is counted, and written down where it is a refusal, a denial, a fault, or one of
//! the sample of the allowed.
//!
//! [`Session::decided`] is for one access of a live session; [`judged`] for a whole client, at its CONNECT and when it is judged again.
//! What the rules allow in the packet loop costs two numbers of the session's own: the shared counters are added to once a turn
//! ([`super::tally`]). A client that floods the decision log is muted until its turn ends; then the lost lines are told.

use super::admission::NotAdmitted;
use super::broker::Broker;
use super::claim::Arrival;
use super::clock;
use super::reached::Reached;
use super::refusal::Refusing;
use super::rules::TOPIC_REFUSED;
use super::session::Session;
use super::subscriptions::Subscription;
use super::wire::Level;
use crate::contract::{Qos, Refusal};
use crate::decision::{Action, Claim, Record, Source, Stage, Verdict};
use crate::grant::Decision;
use crate::metrics::AccessKind;

/// What a client, or a message towards it, asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access<'a> {
    pub(super) action: Action,
    /// The topic or filter.
    pub(super) topic: &'a str,
    pub(super) qos: Qos,
}

/// What came out of it, by whom, and what the client is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided<'a> {
    verdict: Verdict,
    source: Source,
    rule: Rule<'a>,
    code: u16,
    detail: &'a str,
    told: Option<u8>,
    micros: u32,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug)]
enum Rule<'a> {
    /// Of the grant, by its number; `None`: nothing matched.
    Of(Option<u16>),
    /// By its name.
    Named(&'a str),
}

impl<'a> Decided<'a> {
    /// By this rule of the grant.
    #[inline]
    pub(super) fn allowed(rule: u16, cached: bool) -> Self {
        Self::allowed_by(rule, Source::of_rules(cached))
    }

    /// The same, by whoever that rule left it to.
    #[inline]
    pub(super) fn allowed_by(rule: u16, source: Source) -> Self {
        Self {
            verdict: Verdict::Allow,
            source,
            rule: Rule::Of(Some(rule)),
            code: 0,
            detail: "",
            told: None,
            micros: 0,
        }
    }

    /// By this rule of the grant, or because none matched.
    #[inline]
    pub(super) fn denied(rule: Option<u16>, cached: bool, detail: &'a str) -> Self {
        Self {
            verdict: Verdict::Deny,
            source: Source::of_rules(cached),
            rule: Rule::Of(rule),
            code: TOPIC_REFUSED,
            detail,
            told: None,
            micros: 0,
        }
    }

    /// For this reason.
    pub(super) fn refused(refusal: &'a Refusal, source: Source) -> Self {
        Self {
            verdict: Verdict::Deny,
            source,
            rule: Rule::Named(refusal.rule.as_deref().unwrap_or_default()),
            code: refusal.code,
            detail: &refusal.detail,
            told: None,
            micros: 0,
        }
    }

    /// By nobody: whoever had to decide failed, or may not be asked.
    pub(super) fn fault(detail: &'a str, source: Source) -> Self {
        Self {
            verdict: Verdict::Fault,
            source,
            rule: Rule::Named(""),
            code: 0,
            detail,
            told: None,
            micros: 0,
        }
    }

    /// Allowed, but this is what the policy has to say of it.
    #[inline]
    pub(super) fn remarked(self, remark: Option<&'a Refusal>) -> Self {
        match remark {
            None => self,
            Some(remark) => Self {
                code: remark.code,
                detail: &remark.detail,
                rule: remark.rule.as_deref().map_or(self.rule, Rule::Named),
                ..self
            },
        }
    }

    /// The code that the client is told, where it is told one.
    #[inline]
    pub(super) fn told(self, told: Option<u8>) -> Self {
        Self { told, ..self }
    }

    /// It has a line in the log in any case.
    #[inline]
    fn is_of_note(&self) -> bool {
        self.verdict != Verdict::Allow || self.code != 0
    }

    /// The component was asked.
    pub(super) fn is_by_inspection(&self) -> bool {
        self.source == Source::Inspect
    }

    /// Microseconds in which the component decided.
    #[inline]
    pub(super) fn took(self, micros: u32) -> Self {
        Self { micros, ..self }
    }
}

impl Session {
    /// One access of this client has been decided.
    #[inline]
    pub(super) fn decided(&mut self, access: Access<'_>, decided: Decided<'_>) {
        match AccessKind::of(access.action, decided.verdict, decided.source) {
            Some(kind) => self.tally.decided.count(kind),
            None => self.count_rare(access.action, decided),
        }
        if decided.is_of_note() || self.sampler.is_due() {
            self.write_down(access, decided);
        }
    }

    /// A subscription that was granted is allowed no longer: the client is told nothing.
    pub(super) fn revoked(&mut self, gone: &Subscription) {
        let rule = match self.rules.grant.subscribe(&gone.filter) {
            Decision::Deny { rule } => rule,
            _ => None,
        };
        let access = Access {
            action: Action::Subscribe,
            topic: &gone.filter,
            qos: gone.qos,
        };
        let detail = "the rules do not allow this filter any more";
        self.decided(access, Decided::denied(rule, false, detail));
    }

    /// Adds what was counted in this turn to the shared counters.
    pub(super) fn settle(&mut self) {
        self.tally
            .settle(&self.broker.metrics, &self.broker.decisions);
    }

    /// This live session was judged again. While everything is refused nobody is: there is nothing to tell.
    pub(super) fn judged_again(&mut self, result: &Result<(), NotAdmitted>, reached: &Reached) {
        if result.is_ok() && self.rules.denies_all {
            return;
        }
        let is_sampled = result.is_ok() && self.sampler.is_due();
        let is_told = reached.is_live && self.is_v5() && !self.seat.mailbox.is_parked();
        let told = |not: &NotAdmitted| is_told.then(|| not.cause().told().disconnect);
        let record = Record {
            told: result.as_ref().err().and_then(told),
            micros: reached.micros,
            ..self.record(Action::Judge)
        };
        let record = match result {
            Ok(()) => record.at_stage(Stage::Authorize),
            Err(NotAdmitted::Refused(refusal)) => record.refused(refusal).at_stage(reached.stage),
            Err(NotAdmitted::Fault(fault)) => record.fault(fault).at_stage(reached.stage),
        };
        judged(&self.broker, &record, is_sampled, || None);
    }

    #[cold]
    fn count_rare(&self, action: Action, decided: Decided<'_>) {
        let metrics = &self.broker.metrics;
        metrics.decided(action, decided.verdict, decided.source);
        if decided.verdict == Verdict::Allow && decided.code != 0 {
            metrics.remarks.inc();
        }
        // What the host refuses by a limit is counted as a drop.
        if decided.verdict == Verdict::Deny && decided.source != Source::Host {
            metrics.denied(action, 1);
        }
    }

    // By value, so that the packet loop makes the whole of it for a line alone.
    #[cold]
    fn write_down(&mut self, access: Access<'_>, decided: Decided<'_>) {
        let is_muted = self.tally.is_muted;
        self.tally.unlogged += u64::from(is_muted);
        if is_muted && !tracing::enabled!(target: "decision", tracing::Level::DEBUG) {
            return;
        }
        let record = Record {
            topic: access.topic,
            qos: Some(access.qos as u8),
            verdict: decided.verdict,
            source: decided.source,
            rule: match decided.rule {
                Rule::Of(rule) => rule.map_or("", |rule| self.rules.grant.rule_name(rule)),
                Rule::Named(name) => name,
            },
            code: match decided.rule {
                Rule::Of(Some(rule)) if decided.verdict == Verdict::Deny => {
                    self.rules.code_of(rule)
                }
                _ => decided.code,
            },
            detail: decided.detail,
            told: decided.told,
            micros: decided.micros,
            ..self.record(access.action)
        };
        record.emit();
        let has_room = is_muted || self.broker.decisions.note(&record, None);
        self.tally.is_muted |= !has_room;
    }

    /// A record that names this session.
    fn record(&self, action: Action) -> Record<'_> {
        let card = &self.seat.mailbox.card;
        Record {
            generation: self.rules.generation.revision(),
            client: &card.client,
            raw_client: &card.raw_client,
            username: card.username.as_deref(),
            record: &card.record,
            product: &card.product,
            peer: Some(card.peer),
            listener: &card.listener,
            level: Some(card.level),
            leaf: self.chain.first().map_or(&[], AsRef::as_ref),
            ..Record::new(clock::now(), action)
        }
    }
}

/// A CONNECT is refused before it is a candidate: it cannot be read, or there is no room.
pub(super) fn refused_by_host(
    broker: &Broker,
    arrival: &Arrival,
    refusing: &Refusing,
    level: Level,
) {
    let record = Record {
        peer: Some(arrival.peer),
        listener: &arrival.listener,
        leaf: arrival.proof.chain.first().map_or(&[], AsRef::as_ref),
        ..Record::new(clock::now(), Action::Connect).at_stage(Stage::Host)
    };
    judged(broker, &refusing.record(record, level), false, || None);
}

/// A whole client has been judged. `is_sampled`: it has a line though it is allowed.
pub(super) fn judged(
    broker: &Broker,
    record: &Record<'_>,
    is_sampled: bool,
    claim: impl FnOnce() -> Option<Box<Claim>>,
) {
    let metrics = &broker.metrics;
    metrics.decided(record.action, record.verdict, record.source);
    record.emit();
    if record.verdict != Verdict::Allow || is_sampled {
        broker.decisions.note(record, claim());
    }
}
