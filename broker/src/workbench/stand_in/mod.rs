//! A principal without a password: a client proves itself by a stand-in for its credential.
//!
//! Whether a client may connect is the policy's to say, and what it computes of a secret nobody else can. So the host lays another credential
//! into the record, one that it can prove in any dialect that knows it, and asks `identify` and `authenticate` as at any CONNECT:
//!
//! | credential of the record | tried, until one is let in |
//! |---|---|
//! | token | the token itself; then as for a secret |
//! | serial | a certificate with that serial number, of that authority; then as for a certificate |
//! | certificate, secret, none | a fingerprint, and a certificate that has it; trust on first use; a serial number, and its certificate; a token, and it as the password |
//!
//! Nothing secret is made up or printed, and no key is needed: the contract says that TLS has proved possession. What a stand-in cannot show is
//! said by the caller: the end of the real certificate. A client that is let in by none of these is asked about once more as if it were active and no
//! sub-device: where that lets it in, what the policy says of the record as it is, is its refusal. Otherwise nobody knows ([`NoPrincipal`]).
//!
//! Bounds: at most seven proofs of [`SHAPES_MAX`](super::shape::SHAPES_MAX) forms, twice.

mod means;

pub use means::{Means, kind};

use super::Failure;
use crate::contract::{
    Client, Connect, Credential, Lookup, Principal, Refusal, Rule, Status, Subject, UtcMs,
};
use crate::grant::Grant;
use crate::policy::{Fault, Generation};
use means::{means, prepared};
use std::collections::HashMap;

/// A client that has proved itself.
#[derive(Clone, Debug)]
pub struct Proven {
    /// What the policy made of it.
    pub principal: Principal,
    /// The record with the stand-in.
    pub subject: Subject,
    /// What was sent.
    pub connect: Connect,
    /// By what.
    pub means: Means,
}

/// The rules as the policy gave them, and as the host matches them; or why there are none.
pub type Granted = Result<(Vec<Rule>, Grant), Refusal>;

impl Proven {
    /// What it may do now. Blocks.
    ///
    /// # Errors
    ///
    /// The component fails.
    pub fn authorize(&self, generation: &Generation, now: UtcMs) -> Result<Granted, Fault> {
        let granted = generation.authorize_now(&self.principal, &self.subject, now)?;
        Ok(match granted {
            Ok(grant) => {
                let rules = grant.rules.clone();
                Ok((
                    rules,
                    Grant::compile(grant, generation.inboxes(), &self.subject)?,
                ))
            }
            Err(refusal) => Err(refusal),
        })
    }
}

/// A client that can be judged.
#[derive(Clone, Debug)]
pub struct Standing {
    /// As whom; as if it were let in, where it is not.
    pub proven: Proven,
    /// Why it is not let in.
    pub refused: Option<Refusal>,
}

/// No stand-in is let in, so nothing can be said of what the client may do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("nobody could prove to be `{client}`: {tried} stand-ins were refused{}", .last.as_ref().map_or(String::new(), |refusal| format!(", the last that named it with {}: {}", refusal.code, refusal.detail)))]
pub struct NoPrincipal {
    /// The record's id.
    pub client: String,
    /// How many were tried.
    pub tried: usize,
    /// What was said of one that was recognized as the client; none where no CONNECT was.
    pub last: Option<Refusal>,
}

/// Proves clients to one generation.
pub struct Prover<'g> {
    generation: &'g Generation,
    /// What worked for a client of this kind works for the next one: which form, by which means.
    worked: HashMap<(bool, &'static str), (usize, Means)>,
}

enum Tried {
    LetIn(Box<Proven>),
    /// By `authenticate`.
    Refused(Refusal),
    /// The CONNECT is refused unseen, or names somebody else.
    NotThisOne,
}

impl<'g> Prover<'g> {
    /// Nothing is asked yet.
    pub fn new(generation: &'g Generation) -> Self {
        Self {
            generation,
            worked: HashMap::new(),
        }
    }

    /// The client of this record as one that has proved itself, in one of these forms.
    ///
    /// # Errors
    ///
    /// The component fails, or lets no stand-in in.
    pub fn prove(&mut self, subject: &Subject, connects: &[Connect]) -> Result<Standing, Failure> {
        let mut last = None;
        if let Some(proven) = self.search(subject, connects, &mut last)? {
            let refused = self.without_credential(&proven, subject)?;
            return Ok(Standing { proven, refused });
        }
        let healthy = healthy(subject);
        if healthy != *subject
            && let Some(proven) = self.search(&healthy, connects, &mut None)?
        {
            let refused = self.as_it_is(&proven, subject)?;
            return Ok(Standing { proven, refused });
        }
        let client = subject.client.as_ref();
        Err(Failure::NoPrincipal(NoPrincipal {
            client: client.map_or_else(String::new, |client| client.id.clone()),
            tried: connects.len() * client.map_or(0, |client| means(&client.credential).len()),
            last,
        }))
    }

    fn search(
        &mut self,
        subject: &Subject,
        connects: &[Connect],
        last: &mut Option<Refusal>,
    ) -> Result<Option<Proven>, Fault> {
        let Some(client) = &subject.client else {
            return Ok(None);
        };
        let kind = (client.application, kind(&client.credential));
        let every = means(&client.credential)
            .iter()
            .flat_map(|means| (0..connects.len()).map(|place| (place, *means)));
        for (place, means) in self.worked.get(&kind).copied().into_iter().chain(every) {
            let Some(connect) = connects.get(place) else {
                continue;
            };
            match self.attempt(connect, subject, means)? {
                Tried::LetIn(proven) => {
                    self.worked.insert(kind, (place, means));
                    return Ok(Some(*proven));
                }
                Tried::Refused(refusal) => *last = Some(refusal),
                Tried::NotThisOne => {}
            }
        }
        Ok(None)
    }

    fn attempt(&self, connect: &Connect, subject: &Subject, means: Means) -> Result<Tried, Fault> {
        let Some((connect, subject)) = prepared(connect, subject, means) else {
            return Ok(Tried::NotThisOne);
        };
        let Some(client) = &subject.client else {
            return Ok(Tried::NotThisOne);
        };
        match self.generation.identify_now(&connect)? {
            Ok(lookup) if finds(&lookup, client) => {}
            _ => return Ok(Tried::NotThisOne),
        }
        Ok(
            match self.generation.authenticate_now(&connect, &subject)? {
                Ok(principal) if principal.id == client.id => Tried::LetIn(Box::new(Proven {
                    principal,
                    subject,
                    connect,
                    means,
                })),
                Ok(_) => Tried::NotThisOne,
                Err(refusal) => Tried::Refused(refusal),
            },
        )
    }

    /// What is said of the record as it is to who would be let in otherwise.
    fn as_it_is(&self, proven: &Proven, subject: &Subject) -> Result<Option<Refusal>, Fault> {
        let asked = match prepared(&proven.connect, subject, proven.means) {
            Some((connect, subject)) => self.generation.authenticate_now(&connect, &subject)?,
            None => return Ok(None),
        };
        Ok(asked.err())
    }

    /// A record without a credential lets nobody in, whatever stands in for it.
    fn without_credential(
        &self,
        proven: &Proven,
        subject: &Subject,
    ) -> Result<Option<Refusal>, Fault> {
        let client = subject.client.as_ref();
        if client.is_none_or(|client| client.credential != Credential::None) {
            return Ok(None);
        }
        let asked = self.generation.authenticate_now(&proven.connect, subject)?;
        Ok(asked.err())
    }
}

/// Whether the look-up finds this record.
fn finds(lookup: &Lookup, client: &Client) -> bool {
    let is_device = !client.application;
    match lookup {
        Lookup::Client(id) => is_device && *id == client.id,
        Lookup::Node(node) => is_device && *node == client.node,
        Lookup::ProductNode((product, node)) => {
            is_device && (product, node) == (&client.product, &client.node)
        }
        Lookup::Application(name) => client.application && *name == client.id,
        Lookup::Fingerprint(print) => matches!(
            &client.credential,
            Credential::Certificate(known) if [&known.primary, &known.secondary].contains(&&Some(print.clone()))
        ),
        Lookup::Serial(serial) => {
            matches!(&client.credential, Credential::Serial(own) if own == serial)
        }
    }
}

/// As if nothing but its credential kept it out.
fn healthy(subject: &Subject) -> Subject {
    let client = subject.client.clone().map(|client| Client {
        status: Status::Active,
        gateway: None,
        ..client
    });
    Subject {
        client,
        product: subject.product.clone(),
    }
}
