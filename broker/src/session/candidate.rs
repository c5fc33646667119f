//! A CONNECT that has been read, on its way to a session: claim, admission, terms, will, takeover, CONNACK.
//!
//! Each step needs the one before it; the first that refuses ends it with its cause. Bounded in time by the policy's deadlines and by
//! the patience with the session before it.

use super::admission::{Admitted, NotAdmitted, admit};
use super::broker::Broker;
use super::card::Card;
use super::claim::{self, Arrival};
use super::clock;
use super::connection::Connection;
use super::decided;
use super::limits::Limits;
use super::reached::Reached;
use super::refusal::Refusing;
use super::rules::Rules;
use super::seat::Seat;
use super::session::Session;
use super::terms::{Terms, packet_max};
use super::will::{self, Will};
use super::wire;
use crate::contract;
use crate::decision::{Action, Cause, Claim, Record, Stage};
use bytestring::ByteString;
use std::sync::Arc;

/// Why nobody is judged while an operator has shut everything.
pub(super) const DENIES_ALL: &str = "an operator has shut everything: try again later";
/// CONNACK.
const ACCEPTED: u8 = 0;
const PACKET_TOO_LARGE: u8 = 0x95;

/// A CONNECT on its way; what is known of the client so far, for the record of the decision.
pub(super) struct Candidate<'b> {
    broker: &'b Arc<Broker>,
    connect: wire::Connect,
    arrival: Arrival,
    client_id: ByteString,
    client: Arc<str>,
    generation: u64,
    /// What it claims, in the contract's words.
    claimed: Option<Arc<contract::Connect>>,
    reached: Reached,
}

impl<'b> Candidate<'b> {
    pub(super) fn new(broker: &'b Arc<Broker>, connect: wire::Connect, arrival: Arrival) -> Self {
        Self {
            broker,
            connect,
            arrival,
            client_id: ByteString::new(),
            client: Arc::from(""),
            generation: 0,
            claimed: None,
            reached: Reached::default(),
        }
    }

    /// The session, with its CONNACK in the connection's output.
    pub(super) async fn open(
        &mut self,
        connection: &mut Connection,
    ) -> Result<Box<Session>, Refusing> {
        claim::check(&self.connect)
            .map_err(|cause| Refusing::new(cause, "the connect asks for what is not offered"))?;
        self.client_id = self.own_or_assigned_id()?;
        if self.broker.policy.denies_all() {
            return Err(Refusing::new(Cause::DenyAll, DENIES_ALL));
        }
        let claimed = claim::claim(&self.connect, &self.client_id, &self.arrival, clock::now());
        let claimed = Arc::clone(self.claimed.insert(Arc::new(claimed)));
        let admitted = admit(
            self.broker,
            &claimed,
            &mut self.generation,
            &mut self.reached,
        )
        .await?;
        self.client = Arc::clone(&admitted.grant.client_id);
        let limits = Limits::new(&admitted.grant.limits, &self.broker.settings);
        let terms = Terms::agree(&self.connect, &limits, &self.broker.settings)?;
        let connack = self.connack(&terms)?;
        let will = self.will(&admitted, &limits)?;
        let (mut session, present) = self.sit(admitted, terms, will).await?;
        if session.is_outdated(self.arrival.followed) {
            session.judge(&mut self.reached).await?;
        }
        session
            .enforce()
            .await
            .map_err(|_| Refusing::new(Cause::EngineDown, "the message engine is down"))?;
        self.accept(connection, &mut session, connack, present);
        session.bring_kept();
        Ok(session)
    }

    fn own_or_assigned_id(&self) -> Result<ByteString, Refusing> {
        if !self.connect.client_id.is_empty() {
            return Ok(self.connect.client_id.clone());
        }
        claim::assigned_id()
            .ok_or_else(|| Refusing::new(Cause::Fault, "no random bytes for a client id"))
    }

    fn will(
        &mut self,
        admitted: &Admitted,
        limits: &Limits,
    ) -> Result<Option<Box<Will>>, Refusing> {
        let admit =
            |will| Will::admit(will, self.connect.level, &admitted.grant, limits).map(Box::new);
        let admitted = self.connect.will.as_ref().map(admit).transpose();
        if let Err(will::Refused::Rules(_)) = &admitted {
            self.reached.stage = Stage::Will;
        }
        admitted.map_err(Refusing::from)
    }

    /// Takes the client's place in the table: the session before it ends here. True where its state came along.
    async fn sit(
        &self,
        admitted: Admitted,
        terms: Terms,
        will: Option<Box<Will>>,
    ) -> Result<(Box<Session>, bool), Refusing> {
        let card = self.card(&admitted);
        let taken = Seat::take(self.broker, card, self.connect.clean_start).await;
        let (seat, carried) =
            taken.map_err(|occupied| Refusing::new(Cause::Fault, occupied.to_string()))?;
        let present = carried.is_some();
        let rules = Rules::new(
            admitted.generation,
            admitted.principal,
            admitted.grant,
            &self.broker.settings,
        );
        let chain = self.arrival.proof.chain.clone();
        let session = Session::new(
            Arc::clone(self.broker),
            seat,
            terms,
            rules,
            will,
            chain,
            carried,
        );
        Ok((Box::new(session), present))
    }

    fn card(&self, admitted: &Admitted) -> Card {
        let record = &admitted.principal.id;
        let client = Arc::clone(&admitted.grant.client_id);
        Card {
            record: if **record == *client {
                Arc::clone(&client)
            } else {
                record.as_str().into()
            },
            client,
            raw_client: (&*self.client_id).into(),
            username: self.connect.username.as_deref().map(Into::into),
            product: admitted.product.as_str().into(),
            node: admitted.node.as_str().into(),
            authority: self.arrival.proof.authority.as_deref().map(Into::into),
            peer: self.arrival.peer,
            listener: Arc::clone(&self.arrival.listener),
            level: self.connect.level,
            connected_at: clock::now(),
        }
    }

    /// The CONNACK that accepts, before anybody is disturbed: a client that cannot take it is refused.
    fn connack(&self, terms: &Terms) -> Result<wire::ConnAck, Refusing> {
        let is_assigned = self.connect.client_id.is_empty();
        let assigned = is_assigned.then(|| self.client_id.clone());
        let full = terms.accept(assigned, &self.broker.settings);
        terms.fitted(full).ok_or_else(|| {
            let most = terms.packet_max;
            let detail = format!(
                "maximum packet size `{most}`: what the connack has to say does not fit in it, take more"
            );
            Refusing::new(Cause::Protocol(PACKET_TOO_LARGE), detail)
        })
    }

    fn accept(
        &self,
        connection: &mut Connection,
        session: &mut Session,
        connack: wire::ConnAck,
        session_present: bool,
    ) {
        let connack = wire::ConnAck {
            session_present,
            ..connack
        };
        wire::connack(self.connect.level, &connack, &mut connection.output);
        session.greet();
    }

    /// Counts and logs that the client is in.
    pub(super) fn accepted(&self) {
        self.broker.metrics.connected("accepted", "accepted");
        let record = Record {
            told: Some(ACCEPTED),
            ..self.record().at_stage(Stage::Authorize)
        };
        let is_sampled = self.broker.decisions.samples_connect();
        decided::judged(self.broker, &record, is_sampled, || self.claim());
    }

    /// Counts, logs and answers a refusal.
    pub(super) fn refuse(&self, connection: &mut Connection, refusing: &Refusing) {
        let result = if refusing.is_fault() {
            "fault"
        } else {
            "refused"
        };
        self.broker.metrics.connected(result, refusing.cause.name());
        let level = self.connect.level;
        let record = refusing.record(self.record().at_stage(self.reached.stage), level);
        decided::judged(self.broker, &record, false, || self.claim());
        let most = packet_max(&self.connect);
        refusing.connack(level, most, &mut connection.output);
    }

    /// The record of the decision, with what is known so far.
    fn record(&self) -> Record<'_> {
        let proof = &self.arrival.proof;
        Record {
            generation: self.generation,
            client: &self.client,
            raw_client: &self.client_id,
            username: self.connect.username.as_deref(),
            record: &self.reached.record,
            product: &self.reached.product,
            peer: Some(self.arrival.peer),
            listener: &self.arrival.listener,
            level: Some(self.connect.level),
            leaf: proof.chain.first().map_or(&[], AsRef::as_ref),
            micros: self.reached.micros,
            ..Record::new(clock::now(), Action::Connect)
        }
    }

    fn claim(&self) -> Option<Box<Claim>> {
        self.claimed.as_deref().and_then(Claim::of)
    }
}

impl From<will::Refused> for Refusing {
    fn from(refused: will::Refused) -> Self {
        match refused {
            will::Refused::Rules(refusal) | will::Refused::TooLarge(refusal) => refusal.into(),
            will::Refused::NotOffered(code) => Self::new(
                Cause::Protocol(code),
                "the will asks for what is not offered",
            ),
        }
    }
}

impl From<NotAdmitted> for Refusing {
    fn from(not: NotAdmitted) -> Self {
        match not {
            NotAdmitted::Refused(refusal) => refusal.into(),
            NotAdmitted::Fault(detail) => Self::new(Cause::Fault, detail),
        }
    }
}
