//! What a CONNECT claimed, kept beside its line so that the line can be replayed as a table case.
//!
//! No secret can enter by type: there is no field for the password, only whether one was sent, nor for user properties, which may carry
//! tokens. Bounded: a claim over [`CLAIM_MAX`] is not kept, since who has proven nothing may send 64 KiB in each CONNECT.

use crate::contract::{Connect, Protocol, Qos, UtcMs};

/// Room for a chain of three RSA certificates, the longest client id and topic.
const CLAIM_MAX: usize = 8 * 1024;

/// A CONNECT without what could be secret in it.
// The contract's CONNECT has as many flags.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    pub(super) client_id: Box<str>,
    pub(super) client_id_assigned: bool,
    pub(super) username: Option<Box<str>>,
    pub(super) password_sent: bool,
    /// DER, leaf first; empty without a certificate.
    pub(super) chain: Vec<Box<[u8]>>,
    pub(super) authority: Option<Box<str>>,
    pub(super) protocol: Protocol,
    pub(super) keep_alive: u16,
    pub(super) clean_start: bool,
    pub(super) session_expiry: u32,
    pub(super) will: Option<Will>,
    pub(super) listener: Box<str>,
    pub(super) encrypted: bool,
    pub(super) server_name: Option<Box<str>>,
    pub(super) peer: Box<str>,
    pub(super) now: UtcMs,
}

/// The will of a claim.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Will {
    pub(super) topic: Box<str>,
    pub(super) qos: Qos,
    pub(super) retain: bool,
    pub(super) payload_length: u32,
    pub(super) delay: u32,
}

impl Claim {
    /// `None` where it is too large to keep.
    pub fn of(connect: &Connect) -> Option<Box<Self>> {
        if size(connect) > CLAIM_MAX {
            return None;
        }
        let certificate = connect.certificate.as_ref();
        Some(Box::new(Self {
            client_id: connect.client_id.as_str().into(),
            client_id_assigned: connect.client_id_assigned,
            username: connect.username.as_deref().map(Into::into),
            password_sent: connect.password.is_some(),
            chain: certificate.map_or_else(Vec::new, |sent| {
                sent.chain.iter().map(|one| one.as_slice().into()).collect()
            }),
            authority: certificate
                .and_then(|sent| sent.authority.as_deref())
                .map(Into::into),
            protocol: connect.protocol,
            keep_alive: connect.keep_alive,
            clean_start: connect.clean_start,
            session_expiry: connect.session_expiry,
            will: connect.will.as_ref().map(|will| Will {
                topic: will.topic.as_str().into(),
                qos: will.qos,
                retain: will.retain,
                payload_length: will.payload_length,
                delay: will.delay,
            }),
            listener: connect.listener.as_str().into(),
            encrypted: connect.encrypted,
            server_name: connect.server_name.as_deref().map(Into::into),
            peer: connect.peer.as_str().into(),
            now: connect.now,
        }))
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.client_id, &self.listener, &self.peer];
        let options = [&self.username, &self.authority, &self.server_name];
        let will = self.will.as_ref().map_or(0, |will| will.topic.len());
        let chain: usize = self.chain.iter().map(|one| one.len() + 32).sum();
        let texts = texts.into_iter().chain(options.into_iter().flatten());
        size_of::<Self>() + will + chain + texts.map(|text| text.len()).sum::<usize>()
    }
}

fn size(connect: &Connect) -> usize {
    let texts = [
        Some(&connect.client_id),
        connect.username.as_ref(),
        connect.server_name.as_ref(),
        connect.will.as_ref().map(|will| &will.topic),
    ];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    let chain = connect.certificate.iter().flat_map(|sent| &sent.chain);
    texts + chain.map(Vec::len).sum::<usize>()
}
