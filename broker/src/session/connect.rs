//! The life of a CONNECT: from its first byte to a session in its packet loop, or to a code and a closed connection.
//!
//! hello → claim → admission (identify, record, authenticate, authorize, enrol) → terms and will → takeover → CONNACK → greetings →
//! kept messages → `live`. Everything that refuses answers with a code and closes; nothing waits without a bound. The caller's
//! permit for connections without a session is held until the client is admitted, so that strangers cannot use up the broker.

use super::broker::Broker;
use super::candidate::Candidate;
use super::claim::Arrival;
use super::connection::{Connection, Stream};
use super::decided;
use super::hello::{NoHello, hello};
use super::live;
use super::refusal::Refusing;
use super::session::Session;
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
    let mut candidate = Candidate::new(broker, connect, arrival);
    match candidate.open(connection).await {
        Ok(session) => {
            let took = started.elapsed().as_secs_f64();
            broker.metrics.shared.connect_seconds.observe(took);
            candidate.accepted();
            Some(session)
        }
        Err(refusing) => {
            candidate.refuse(connection, &refusing);
            None
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
    let refusing = Refusing::new(*cause, detail.as_str());
    decided::refused_by_host(broker, arrival, &refusing, *level);
    // A CONNECT that cannot be read does not say what the client takes.
    refusing.connack(*level, usize::MAX, &mut connection.output);
}
