//! The rules of a generation, as the host matches them.
//!
//! They are tried in the order in which they are written, the first match decides, and what no rule allows is denied.

use crate::contract::{Actions, Client, Effect, Qos, Rule, Syntax};
use crate::document::{Action, DOCUMENT, Line, Rules, Word, Written};

impl Rules {
    /// As the host matches them.
    pub fn of(&self, client: &Client) -> Vec<Rule> {
        let lines = if client.application {
            &self.applications
        } else {
            &self.devices
        };
        lines.iter().map(|line| line.compile(&client.id)).collect()
    }
}

impl Line {
    fn compile(&self, client_id: &str) -> Rule {
        let Written {
            name,
            effect,
            actions,
            topic,
        } = &self.rule;
        Rule {
            effect: match effect {
                Word::Allow => Effect::Allow,
                Word::Deny => Effect::Deny,
                Word::Inspect => Effect::Inspect,
            },
            actions: actions.iter().fold(Actions::empty(), |all, action| {
                all | match action {
                    Action::Publish => Actions::PUBLISH,
                    Action::Subscribe => Actions::SUBSCRIBE,
                    Action::Receive => Actions::RECEIVE,
                }
            }),
            pattern: topic.replace("{client}", client_id),
            syntax: Syntax::MqttFilter,
            max_qos: Qos::AtLeastOnce,
            retain: false,
            // 0: the code of a topic that no rule allows.
            code: 0,
            name: format!("{DOCUMENT}#{name}"),
            line: self.line,
        }
    }
}
