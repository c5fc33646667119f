//! Judging a live session again: other rules, another record, an authority that is gone, or a grant that ran out.
//!
//! Meanwhile the session is frozen: its task does nothing else, so nothing is taken from it or given to it under rules that are no
//! longer in force. Those with traffic go first ([`gate`](super::gate)). A fault is tried again [`ATTEMPTS`] times within a second and then ends the connection with the fault codes: no
//! session lives on under a generation that could not be replaced. A refusal ends it at once, and its will is never published.

use super::admission::{self, Judged, NotAdmitted};
use super::clock::{self, end_of_validity};
use super::end::End;
use super::gate::Pace;
use super::reached::Reached;
use super::session::Session;
use crate::contract::{Refusal, UtcMs};
use crate::decision::Stage;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::parse_x509_certificate;

const ATTEMPTS: u32 = 3;
/// After the first fault, doubled after the second.
const PAUSE: Duration = Duration::from_millis(200);
/// The contract's codes.
const NOT_AUTHORIZED: u16 = 300;
const WRONG_CERTIFICATE: u16 = 303;

impl Session {
    /// Brings the newest rules into force, until they are the newest; `Err` where the client may not stay.
    pub(super) async fn judge(&mut self, reached: &mut Reached) -> Result<(), NotAdmitted> {
        let began = Instant::now();
        let judged = self.judge_until_newest(reached).await;
        let took = began.elapsed().as_secs_f64();
        self.broker.metrics.shared.judge_seconds.observe(took);
        let result = judged
            .as_ref()
            .err()
            .map_or("stays", |not| not.cause().name());
        self.broker.metrics.judged(result);
        self.judged_again(&judged, reached);
        judged
    }

    /// The same for a session in its packet loop, with what follows for its subscriptions and what is on its way.
    pub(super) async fn judge_and_enforce(&mut self, pace: Pace) -> Result<(), End> {
        let judged = self.judge(&mut Reached::live(pace)).await;
        judged.map_err(End::from)?;
        self.enforce().await.map_err(|_| End::EngineDown)
    }

    /// Whether rules or records have changed since the CONNECT came in.
    pub(super) fn is_outdated(&self, followed: u64) -> bool {
        self.is_under_old_rules() || self.broker.followed() != followed
    }

    /// When the client must be judged again at the latest.
    pub(super) fn valid_until(&self) -> Option<UtcMs> {
        let ends = [self.rules.grant.valid_until, self.chain_ends];
        // While everything is refused nobody is judged.
        let ends = ends.into_iter().filter(|_| !self.rules.denies_all);
        ends.flatten().min()
    }

    async fn judge_until_newest(&mut self, reached: &mut Reached) -> Result<(), NotAdmitted> {
        loop {
            // Nobody is asked while everything is refused: the policy may be what is wrong. Whoever opens it again has all judged.
            if self.broker.policy.denies_all() {
                self.rules.denies_all = true;
                return Ok(());
            }
            self.check_chain()?;
            self.judge_with_patience(reached).await?;
            self.rules.denies_all = false;
            if !self.is_under_old_rules() {
                return Ok(());
            }
        }
    }

    async fn judge_with_patience(&mut self, reached: &mut Reached) -> Result<(), NotAdmitted> {
        let mut attempt = 1;
        loop {
            match self.judge_once(reached).await {
                Err(NotAdmitted::Fault(_)) if attempt < ATTEMPTS => sleep(PAUSE * attempt).await,
                judged => return judged,
            }
            attempt += 1;
        }
    }

    async fn judge_once(&mut self, reached: &mut Reached) -> Result<(), NotAdmitted> {
        reached.stage = Stage::Host;
        let card = &self.seat.mailbox.card;
        let (principal, own) = (&self.rules.principal, &self.rules.generation);
        let judged = admission::judge(&self.broker, principal, own, card, reached).await?;
        self.check_identity(&judged)?;
        let Judged {
            generation, grant, ..
        } = judged;
        self.rules.replace(generation, grant, &self.broker.settings);
        self.renew_rates();
        Ok(())
    }

    /// Messages and changes find a session by its canonical id, its product and its node, which stay as they were at its CONNECT.
    fn check_identity(&self, judged: &Judged) -> Result<(), Refusal> {
        if judged.grant.client_id != self.rules.grant.client_id {
            return Err(refused(
                NOT_AUTHORIZED,
                "the rules now know this client by another canonical id: connect again",
            ));
        }
        let card = &self.seat.mailbox.card;
        if *judged.product != *card.product || *judged.node != *card.node {
            return Err(refused(
                NOT_AUTHORIZED,
                "the client now belongs to another product or node: connect again",
            ));
        }
        Ok(())
    }

    /// Possession was proven in the handshake; whether the chain still leads to a verified authority is asked again.
    fn check_chain(&self) -> Result<(), Refusal> {
        if self.seat.mailbox.card.authority.is_none() {
            return Ok(());
        }
        if self.chain_ends.is_some_and(|end| end <= clock::now()) {
            return Err(refused(WRONG_CERTIFICATE, "the certificate has expired"));
        }
        match self.broker.trust.authority_of(&self.chain) {
            Some(_) => Ok(()),
            None => Err(refused(
                WRONG_CERTIFICATE,
                "no verified authority vouches for the certificate any more",
            )),
        }
    }

    fn is_under_old_rules(&self) -> bool {
        let policy = &self.broker.policy;
        let card = &self.seat.mailbox.card;
        let revision = self.rules.generation.revision();
        policy.denies_all() != self.rules.denies_all
            || !policy.holds(revision, &card.client, &card.product)
    }
}

impl From<NotAdmitted> for End {
    fn from(not: NotAdmitted) -> Self {
        match not {
            NotAdmitted::Refused(refusal) => Self::Refused(refusal),
            NotAdmitted::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// When the first certificate of a chain ends. One that cannot be parsed has been accepted by TLS and ends with its authority.
pub(super) fn earliest_end(chain: &[CertificateDer<'_>]) -> Option<UtcMs> {
    let ends = chain.iter().filter_map(|one| {
        let (_, certificate) = parse_x509_certificate(one).ok()?;
        Some(end_of_validity(
            certificate.validity().not_after.timestamp(),
        ))
    });
    ends.min()
}

fn refused(code: u16, detail: &str) -> Refusal {
    Refusal {
        code,
        detail: detail.to_owned(),
        rule: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn ending_in(year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn a_chain_ends_with_its_first_certificate_that_ends() {
        let first = date_time_ymd(2031, 1, 1).unix_timestamp();
        let chain = [
            ending_in(2040),
            ending_in(2031),
            CertificateDer::from(vec![1, 2, 3]),
        ];
        assert_eq!(earliest_end(&chain), Some(clock::end_of_validity(first)));
        assert_eq!(earliest_end(&[]), None);
    }
}
