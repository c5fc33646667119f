//! Inboxes: topic templates addressed to one client. Pure.
//!
//! The host subscribes once per template, reads the addressee out of each topic and hands the message to that client. Placeholders are
//! whole levels and an addressee is one level, so an id with `/`, `+` or `#` in it can neither address nor be addressed.

use crate::contract;
use crate::grant::filter;

/// Whom a topic is addressed to, read out of it by a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Addressee<'t> {
    /// By the canonical client id.
    Client(&'t str),
    /// By product and node id.
    Node {
        /// The product's id.
        product: &'t str,
        /// The node id within the product.
        node: &'t str,
    },
}

/// The inbox templates of one generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inboxes {
    /// In the order in which the policy gave them; no two match the same topic.
    pub templates: Vec<Template>,
}

/// One parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// As the policy gave it.
    pub inbox: contract::Inbox,
    levels: Box<[Level]>,
    filter: Box<str>,
}

#[derive(Clone, Debug, PartialEq)]
enum Level {
    Literal(Box<str>),
    Any,
    Client,
    Product,
    Node,
}

impl Inboxes {
    /// Err names the template and why.
    pub fn parse(inboxes: Vec<contract::Inbox>) -> Result<Self, String> {
        let mut templates: Vec<Template> = Vec::with_capacity(inboxes.len());
        for inbox in inboxes {
            let template = Template::parse(inbox)?;
            if let Some(other) = templates.iter().find(|other| other.overlaps(&template)) {
                return Err(format!(
                    "inbox `{}` and inbox `{}` match the same topics: each message may have one inbox only",
                    other.inbox.template, template.inbox.template
                ));
            }
            templates.push(template);
        }
        Ok(Self { templates })
    }

    /// Whether a template addresses clients by product and node.
    pub(super) fn any_by_node(&self) -> bool {
        let by_node = |template: &Template| template.levels.contains(&Level::Node);
        self.templates.iter().any(by_node)
    }
}

impl Template {
    fn parse(inbox: contract::Inbox) -> Result<Self, String> {
        let fail = |why: &str| Err(format!("inbox `{}`: {why}", inbox.template));
        let Some(levels) = parse_levels(&inbox.template) else {
            return fail(
                "`{client}`, `{product}`, `{node}` and `+` must be whole levels, and `#` is not allowed",
            );
        };
        let count = |wanted: &Level| levels.iter().filter(|level| *level == wanted).count();
        let by_client = count(&Level::Client);
        let by_node = (count(&Level::Product), count(&Level::Node));
        if !matches!((by_client, by_node), (1, (0, 0)) | (0, (1, 1))) {
            return fail("name the addressee once, as `{client}` or as `{product}` and `{node}`");
        }
        let filter = render(&levels, |level| match level {
            Level::Literal(text) => text,
            _ => "+",
        });
        if !filter::is_valid_filter(&filter) || filter.starts_with("$share/") {
            return fail("this is no topic filter that the host can subscribe to");
        }
        Ok(Self {
            filter: filter.into(),
            levels,
            inbox,
        })
    }

    /// The template with `+` for the placeholders: what the host subscribes to.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Reads the addressee out of a topic; `None` where the template does not match.
    pub fn addressee<'t>(&self, topic: &'t str) -> Option<Addressee<'t>> {
        if !filter::matches(&self.filter, topic) {
            return None;
        }
        let [mut client, mut product, mut node] = [""; 3];
        for (level, text) in self.levels.iter().zip(topic.split('/')) {
            match level {
                Level::Client => client = text,
                Level::Product => product = text,
                Level::Node => node = text,
                Level::Literal(_) | Level::Any => {}
            }
        }
        match (client, product, node) {
            ("", "", _) | ("", _, "") => None,
            ("", product, node) => Some(Addressee::Node { product, node }),
            (client, ..) => Some(Addressee::Client(client)),
        }
    }

    /// The template as a filter for one client; `None` where no topic can address it: a part of its identity is empty or spans levels.
    pub fn filter_for(&self, client: &str, product: &str, node: &str) -> Option<String> {
        let identity = |level: &Level| match level {
            Level::Client => Some(client),
            Level::Product => Some(product),
            Level::Node => Some(node),
            Level::Literal(_) | Level::Any => None,
        };
        if !self.levels.iter().filter_map(identity).all(is_one_level) {
            return None;
        }
        let filter = render(&self.levels, |level| match (level, identity(level)) {
            (_, Some(text)) => text,
            (Level::Literal(text), None) => text,
            _ => "+",
        });
        // `+` does not stand for a first level that starts with `$`, so the host's subscription never sees such an addressee.
        filter::covers(&self.filter, &filter).then_some(filter)
    }

    fn overlaps(&self, other: &Self) -> bool {
        filter::intersection(&self.filter, &other.filter).is_some()
    }
}

fn parse_levels(template: &str) -> Option<Box<[Level]>> {
    let level = |text: &str| match text {
        "+" => Some(Level::Any),
        "{client}" => Some(Level::Client),
        "{product}" => Some(Level::Product),
        "{node}" => Some(Level::Node),
        text if text.contains(['+', '#', '{', '}', '\0']) => None,
        text => Some(Level::Literal(text.into())),
    };
    template.split('/').map(level).collect()
}

fn render<'l>(levels: &'l [Level], text: impl Fn(&'l Level) -> &'l str) -> String {
    let texts: Vec<&str> = levels.iter().map(text).collect();
    texts.join("/")
}

fn is_one_level(identity: &str) -> bool {
    !identity.is_empty() && !identity.contains(['/', '+', '#', '\0'])
}
