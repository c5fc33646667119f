//! What a shadow is shown: a CONNECT or an access with what the active generation made of it, and a way to read records.
//!
//! Everything is owned and lives until it is compared; the passwords of CONNECTs are in it, so nothing of it can be printed.

use super::granted::Granted;
use crate::contract::{Client, Connect, Lookup, Principal, Qos, Refusal, Subject, UtcMs};
use crate::decision::Action;
use crate::grant::Decision;
use std::sync::Arc;

/// Where records are read. Blocks; never called from an async thread. The errors are for logs.
pub trait Records: Send + Sync {
    /// The record that `identify` asks for; empty where there is none.
    fn find(&self, lookup: &Lookup) -> Result<Subject, String>;

    /// The record of this id.
    fn subject(&self, id: &str) -> Result<Subject, String>;
}

/// A CONNECT that was judged.
pub struct ConnectSeen {
    /// The revision that judged it.
    pub generation: u64,
    /// What it claims.
    pub connect: Arc<Connect>,
    /// Whom `identify` asked for, and what was found; none where it refused.
    pub found: Option<Found>,
    /// The answer.
    pub outcome: Result<Granted, Refusal>,
    /// The time at which `authorize` was asked, so that both say the same of the time; the CONNECT's where it was not.
    pub now: UtcMs,
    /// For a candidate that asks for another record.
    pub records: Arc<dyn Records>,
}

/// A record, as it was when the active generation judged it.
pub struct Found {
    /// What was asked for.
    pub lookup: Lookup,
    /// What was found.
    pub subject: Subject,
}

/// An access of a live session that its rules have decided.
pub struct AccessSeen {
    /// When.
    pub at: UtcMs,
    /// The revision of the session's rules.
    pub generation: u64,
    /// The number of the session's grant: it is another one after every change of its record.
    pub grant: u64,
    /// The canonical client id.
    pub client: Arc<str>,
    /// The client id as the client sent it.
    pub raw_client: Box<str>,
    /// Empty for an application.
    pub product: Box<str>,
    /// What stays of the CONNECT.
    pub principal: Principal,
    /// Publish, subscribe, receive or will.
    pub action: Action,
    /// The topic or filter, without a suffix.
    pub topic: Box<str>,
    /// What was asked for, at most what the host offers.
    pub qos: Qos,
    /// What the rules say.
    pub decision: Decision,
    /// The name of the rule that said so; empty where none matched.
    pub rule: Box<str>,
    /// For the session's record.
    pub records: Arc<dyn Records>,
}

/// Boxed, so that a queue of many is small where little waits.
pub(super) enum Seen {
    Connect(Box<ConnectSeen>),
    Access(Box<AccessSeen>),
}

impl Seen {
    /// Bytes that it holds, roughly.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Connect(seen) => seen.size(),
            Self::Access(seen) => seen.size(),
        }
    }
}

/// What a value holds beside its texts and bytes.
const FRAME: usize = 512;
/// What one text costs beside its bytes.
const TEXT: usize = 32;

impl ConnectSeen {
    fn size(&self) -> usize {
        let record = self.found.as_ref().map(|found| &found.subject);
        let record = record.and_then(|subject| subject.client.as_ref());
        FRAME + connect_size(&self.connect) + record.map_or(0, client_size)
    }
}

impl AccessSeen {
    fn size(&self) -> usize {
        let client = self.client.len() + self.raw_client.len() + self.product.len();
        let principal = &self.principal;
        let extra = pairs(&principal.extra);
        let principal = principal.id.len() + principal.proof.len() + extra;
        FRAME + client + principal + self.topic.len() + self.rule.len()
    }
}

fn connect_size(connect: &Connect) -> usize {
    let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let chain = connect.certificate.iter().flat_map(|one| &one.chain);
    connect.client_id.len()
        + text(&connect.username)
        + bytes(&connect.password)
        + text(&connect.server_name)
        + chain.map(Vec::len).sum::<usize>()
        + connect.will.as_ref().map_or(0, |will| will.topic.len())
        + pairs(&connect.user_properties)
}

fn client_size(client: &Client) -> usize {
    let children = client.children.iter();
    let children = children.map(|one| one.id.len() + one.product.len() + one.node.len() + TEXT * 3);
    let policies = client.policies.iter().map(|name| name.len() + TEXT);
    children.sum::<usize>() + policies.sum::<usize>() + pairs(&client.attributes)
}

fn pairs(pairs: &[(String, String)]) -> usize {
    let sizes = pairs
        .iter()
        .map(|(key, value)| key.len() + value.len() + TEXT * 2);
    sizes.sum()
}
