//! The component's exports. The only state is the rules of the generation, set once per instance.

use crate::contract::{
    Access, Connect, Description, Document, Grant, Guest, Inbox, Lookup, Principal, Problem, Qos,
    Refusal, Setup, Subject, UtcMs, Verdict,
};
use crate::document::Rules;
use crate::refusal::{self, refuse};
use crate::{authenticate, authorize, document, identify, inspect};
use std::sync::OnceLock;

static RULES: OnceLock<Rules> = OnceLock::new();

struct Policy;

// Natively the names of the exported symbols do not link.
#[cfg(target_family = "wasm")]
mod exports {
    use super::Policy;
    crate::contract::generated::export!(Policy with_types_in crate::contract::generated);
}

impl Guest for Policy {
    fn describe() -> Description {
        Description {
            name: "your-name".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dialect: "your-name".to_owned(),
            summary: "devices by secret, applications by token, topics by rules.json".to_owned(),
        }
    }

    fn configure(documents: Vec<Document>) -> Result<Setup, Vec<Problem>> {
        RULES
            .set(document::read(&documents)?)
            .map_err(|_| configured_twice())?;
        Ok(Setup {
            inboxes: vec![commands()],
            extra: Vec::new(),
        })
    }

    fn identify(connect: Connect) -> Result<Lookup, Refusal> {
        identify::identify(&connect)
    }

    fn authenticate(connect: Connect, subject: Subject) -> Result<Principal, Refusal> {
        authenticate::authenticate(&connect, &subject)
    }

    fn authorize(principal: Principal, subject: Subject, _now: UtcMs) -> Result<Grant, Refusal> {
        // Without rules nothing is allowed.
        let rules = RULES.get().ok_or_else(unconfigured)?;
        authorize::authorize(rules, &principal, &subject)
    }

    fn inspect(access: Access) -> Verdict {
        inspect::inspect(&access)
    }
}

/// Commands reach a device by its name in the topic: no filter of its own in the engine, and some are kept while it is away.
fn commands() -> Inbox {
    Inbox {
        template: "devices/{client}/commands".to_owned(),
        max_qos: Qos::AtLeastOnce,
        keep_messages: 10,
        keep_seconds: 3_600,
        unsolicited: false,
    }
}

fn unconfigured() -> Refusal {
    refuse(refusal::NOT_AUTHORIZED, "rules", "there are no rules yet")
}

/// An instance never mixes two generations.
fn configured_twice() -> Vec<Problem> {
    vec![Problem {
        document: String::new(),
        line: None,
        message: "the instance is already configured: make a new one for a new generation"
            .to_owned(),
    }]
}
