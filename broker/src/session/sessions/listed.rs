//! One session as the admin API shows it.

use crate::contract::UtcMs;
use crate::session::mailbox::Mailbox;

/// What may be told of a session: no secret is in it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Listed {
    /// The canonical client id.
    pub client: String,
    /// The id of its record.
    pub record: String,
    /// The client id as the client sent it.
    pub raw_client: String,
    /// Empty for an application.
    pub product: String,
    /// Address and port; of the last connection where the client is away.
    pub peer: String,
    /// The listener's name.
    pub listener: String,
    /// `3.1.1` or `5`.
    pub protocol: &'static str,
    /// When it connected, in Unix milliseconds.
    pub connected_at: UtcMs,
    /// The session waits for its client.
    pub parked: bool,
}

impl Listed {
    pub(super) fn new(mailbox: &Mailbox) -> Self {
        let card = &mailbox.card;
        Self {
            client: card.client.to_string(),
            record: card.record.to_string(),
            raw_client: card.raw_client.to_string(),
            product: card.product.to_string(),
            peer: card.peer.to_string(),
            listener: card.listener.to_string(),
            protocol: card.level.name(),
            connected_at: card.connected_at,
            parked: mailbox.is_parked(),
        }
    }
}
