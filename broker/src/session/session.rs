//! One session: a client, the rules it lives under, and its state. What it does is spread over the files beside this one, by packet.

use super::alias::Aliases;
use super::broker::Broker;
use super::carried::Carried;
use super::copies::Copies;
use super::incoming::Incoming;
use super::meter::Rates;
use super::outbound::Outbound;
use super::queue::Queued;
use super::rules::Rules;
use super::seat::Seat;
use super::subscriptions::Subscriptions;
use super::tally::Tally;
use super::terms::Terms;
use super::verdict::Verdict;
use super::will::Will;
use super::wire::Level;
use crate::contract::{Message, UtcMs};
use crate::decision::Sampler;
use crate::engine::{Link, Publisher};
use bytes::Bytes;
use bytestring::ByteString;
use std::sync::Arc;
use std::time::Instant;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// A session with or without its connection. Owned by one task.
pub(crate) struct Session {
    pub(super) broker: Arc<Broker>,
    pub(super) seat: Seat,
    pub(super) terms: Terms,
    pub(super) rules: Rules,
    /// For no-local.
    pub(super) number: u64,
    pub(super) publisher: Publisher,
    pub(super) rates: Rates,
    pub(super) aliases: Aliases,
    pub(super) subscriptions: Subscriptions,
    pub(super) link: Option<Link>,
    pub(super) incoming: Incoming,
    pub(super) outbound: Outbound,
    pub(super) copies: Copies,
    pub(super) verdict: Verdict,
    pub(super) tally: Tally,
    /// Which allowed accesses have a line in the decision log.
    pub(super) sampler: Sampler,
    pub(super) will: Option<Box<Will>>,
    /// What the client proved itself with over TLS: checked again when authorities change.
    pub(super) chain: Box<[CertificateDer<'static>]>,
    /// When the first certificate of the chain ends.
    pub(super) chain_ends: Option<UtcMs>,
}

impl Session {
    pub(super) fn new(
        broker: Arc<Broker>,
        seat: Seat,
        terms: Terms,
        rules: Rules,
        will: Option<Box<Will>>,
        chain: Vec<CertificateDer<'static>>,
        carried: Option<Box<Carried>>,
    ) -> Self {
        let engine = broker.engine();
        let number = engine.next_number();
        let state = carried.map_or_else(|| fresh(&broker, &terms), |state| resumed(*state, &terms));
        Self {
            publisher: engine.publisher(number),
            number,
            rates: rates(&rules),
            aliases: Aliases::default(),
            subscriptions: state.subscriptions,
            link: state.link,
            incoming: Incoming::default(),
            outbound: state.outbound,
            copies: state.copies,
            verdict: Verdict::default(),
            tally: Tally::default(),
            sampler: broker.decisions.sampler(number),
            chain_ends: super::judge::earliest_end(&chain),
            chain: chain.into(),
            broker,
            seat,
            terms,
            rules,
            will,
        }
    }

    /// The state that the next connection carries on with.
    pub(super) fn carry(&mut self) -> Box<Carried> {
        let room = self.broker.settings.room();
        Box::new(Carried {
            subscriptions: std::mem::take(&mut self.subscriptions),
            link: self.link.take(),
            outbound: std::mem::replace(&mut self.outbound, Outbound::new(0, room)),
            copies: std::mem::take(&mut self.copies),
        })
    }

    /// The messages that the policy wants said right after CONNACK. It vouches for them: they are not checked.
    pub(super) fn greet(&mut self) {
        let greetings = self.rules.grant.greetings.iter().map(greeting);
        self.outbound.greet(greetings);
    }

    pub(super) fn is_v5(&self) -> bool {
        self.terms.level == Level::V5
    }

    /// Other rules are in force: their limits hold from now on.
    pub(super) fn renew_rates(&mut self) {
        self.rates = rates(&self.rules);
    }
}

fn fresh(broker: &Broker, terms: &Terms) -> Carried {
    Carried {
        subscriptions: Subscriptions::default(),
        link: None,
        outbound: Outbound::new(terms.receive_maximum, broker.settings.room()),
        copies: Copies::default(),
    }
}

fn resumed(mut state: Carried, terms: &Terms) -> Carried {
    state.outbound.resume(terms.receive_maximum);
    state
}

fn rates(rules: &Rules) -> Rates {
    let limits = &rules.limits;
    Rates::new(limits, Instant::now())
}

fn greeting(message: &Message) -> Queued {
    Queued {
        topic: ByteString::from(message.topic.clone()),
        payload: Bytes::from(message.payload.clone()),
        qos: super::qos::lower(message.qos, super::qos::OFFERED),
        expires: None,
        properties: Bytes::new(),
        ids: Vec::new(),
        greeting: true,
        slip: None,
    }
}
