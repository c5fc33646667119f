//! The life of a CONNECT: from its first byte to a session in its packet loop, or to a code and a closed connection.
//!
//! hello → claim → admission (identify, record, authenticate, authorize, enrol) → terms and will → takeover → CONNACK → greetings →
//! kept messages → [`super::live`]. Everything that refuses answers with a code and closes; nothing waits without a bound. The caller's
//! permit for connections without a session is held until the client is admitted, so that strangers cannot use up the broker.

use super::admission::{Admitted, NotAdmitted, admit};
use super::broker::Broker;
use super::card::Card;
use super::claim::{self, Arrival};
use super::connection::{Connection, Stream};
use super::hello::{NoHello, hello};
use super::limits::Limits;
use super::live;
use super::rules::Rules;
use super::seat::Seat;
use super::session::Session;
use super::terms::Terms;
use super::will::{self, Will};
use super::wire;
use super::{clock, refusal::Refusing};
use crate::decision::{Action, Cause, Record};
use bytestring::ByteString;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Serves one connection to its end. `permit` is dropped as soon as the client is admitted or refused.
pub async fn serve<Permit: Send>(
    broker: Arc<Broker>,
    stream: Stream,
    arrival: Arrival,
    deadline: Duration,
    permit: Permit,
) {
    let mut connection = Connection::new(stream);
    // Boxed: what a CONNECT needs is given back before the long life of the session.
    let opened = Box::pin(open(&broker, &mut connection, arrival, deadline)).await;
    drop(permit);
    match opened {
        Some(session) => live::run(session, connection).await,
        None => connection.close().await,
    }
}

/// `None`: refused, and the answer waits in the connection's output.
async fn open(
    broker: &Arc<Broker>,
    connection: &mut Connection,
    arrival: Arrival,
    deadline: Duration,
) -> Option<Box<Session>> {
    let connect = match hello(connection, deadline, broker.settings.connect_packet_max).await {
        Ok(connect) => connect,
        Err(none) => {
            answer_no_hello(broker, connection, &arrival, &none);
            return None;
        }
    };
    let started = Instant::now();
    let mut candidate = Candidate {
        broker,
        connect,
        peer: arrival.peer.to_string(),
        arrival,
        client_id: ByteString::new(),
        client: Arc::from(""),
        product: String::new(),
        generation: 0,
    };
    match candidate.open(connection).await {
        Ok(session) => {
            broker.metrics.connected("accepted", "accepted");
            broker
                .metrics
                .connect_seconds
                .observe(started.elapsed().as_secs_f64());
            candidate.record(clock::now()).emit();
            Some(session)
        }
        Err(refusing) => {
            candidate.refuse(connection, &refusing);
            None
        }
    }
}

/// A CONNECT on its way; what is known of the client so far, for the record of the decision.
struct Candidate<'b> {
    broker: &'b Arc<Broker>,
    connect: wire::Connect,
    arrival: Arrival,
    peer: String,
    client_id: ByteString,
    client: Arc<str>,
    product: String,
    generation: u64,
}

impl Candidate<'_> {
    async fn open(&mut self, connection: &mut Connection) -> Result<Box<Session>, Refusing> {
        claim::check(&self.connect)
            .map_err(|cause| Refusing::new(cause, "the connect asks for what is not offered"))?;
        self.client_id = self.own_or_assigned_id()?;
        let claimed = claim::claim(&self.connect, &self.client_id, &self.arrival, clock::now());
        let admitted = admit(self.broker, &Arc::new(claimed)).await?;
        self.client = Arc::clone(&admitted.grant.client_id);
        self.product.clone_from(&admitted.product);
        self.generation = admitted.generation.revision();
        let limits = Limits::new(&admitted.grant.limits, &self.broker.settings);
        let terms = Terms::agree(&self.connect, &limits, &self.broker.settings)?;
        let will = self.will(&admitted, &limits)?;
        let (mut session, present) = self.sit(admitted, terms, will).await?;
        if session.is_outdated(self.arrival.followed) {
            session.judge().await?;
        }
        session
            .enforce()
            .await
            .map_err(|_| Refusing::new(Cause::EngineDown, "the message engine is down"))?;
        self.accept(connection, &mut session, present);
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

    fn will(&self, admitted: &Admitted, limits: &Limits) -> Result<Option<Box<Will>>, Refusing> {
        let admit =
            |will| Will::admit(will, self.connect.level, &admitted.grant, limits).map(Box::new);
        self.connect
            .will
            .as_ref()
            .map(admit)
            .transpose()
            .map_err(Refusing::from)
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
            product: admitted.product.as_str().into(),
            node: admitted.node.as_str().into(),
            authority: self.arrival.proof.authority.as_deref().map(Into::into),
            peer: self.arrival.peer,
            listener: Arc::clone(&self.arrival.listener),
            level: self.connect.level,
            connected_at: clock::now(),
        }
    }

    fn accept(&self, connection: &mut Connection, session: &mut Session, present: bool) {
        let assigned = self
            .connect
            .client_id
            .is_empty()
            .then(|| self.client_id.clone());
        let connack = session
            .terms
            .accept(present, assigned, &self.broker.settings);
        wire::connack(self.connect.level, &connack, &mut connection.output);
        session.greet();
    }

    fn refuse(&self, connection: &mut Connection, refusing: &Refusing) {
        let result = if refusing.is_fault() {
            "fault"
        } else {
            "refused"
        };
        self.broker.metrics.connected(result, refusing.cause.name());
        refusing.record(self.record(clock::now())).emit();
        refusing.connack(self.connect.level, &mut connection.output);
    }

    fn record(&self, at: u64) -> Record<'_> {
        Record {
            client: &self.client,
            raw_client: &self.client_id,
            product: &self.product,
            peer: &self.peer,
            generation: self.generation,
            ..Record::new(at, Action::Connect)
        }
    }
}

impl From<will::Refused> for Refusing {
    fn from(refused: will::Refused) -> Self {
        match refused {
            will::Refused::Rules(refusal) => refusal.into(),
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

fn answer_no_hello(
    broker: &Broker,
    connection: &mut Connection,
    arrival: &Arrival,
    none: &NoHello,
) {
    let NoHello::Broken {
        level,
        cause,
        detail,
    } = none
    else {
        return broker.metrics.connected("refused", "no_connect");
    };
    broker.metrics.connected("refused", cause.name());
    tracing::debug!(peer = %arrival.peer, detail, "a malformed connect");
    Refusing::new(*cause, detail.as_str()).connack(*level, &mut connection.output);
}
