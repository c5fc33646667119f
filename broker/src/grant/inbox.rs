//! Inboxes: topic templates addressed to one client. Pure. (STUB)
use crate::contract;

/// Whom a topic is addressed to, read out of it by a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Addressee<'t> {
    Client(&'t str),
    Node { product: &'t str, node: &'t str },
}

/// The inbox templates of one generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inboxes {
    pub templates: Vec<Template>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub inbox: contract::Inbox, /* plus what parsing yields */
}

impl Inboxes {
    /// Err names the template and why.
    pub fn parse(inboxes: Vec<contract::Inbox>) -> Result<Self, String> {
        let _ = inboxes;
        unimplemented!()
    }
}
impl Template {
    /// The template with `+` for the placeholders: what the host subscribes to.
    pub fn filter(&self) -> &str {
        unimplemented!()
    }
    /// Reads the addressee out of a topic; `None` where the template does not match.
    pub fn addressee<'t>(&self, topic: &'t str) -> Option<Addressee<'t>> {
        let _ = topic;
        unimplemented!()
    }
    /// The template as a filter for one client.
    pub fn filter_for(&self, client: &str, product: &str, node: &str) -> String {
        let _ = (client, product, node);
        unimplemented!()
    }
}
