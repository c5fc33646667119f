//! The component's exports. The only state is the configuration of the generation, set once per instance.
//!
//! A second `configure` and any judgement before the first are refused: an instance never mixes two generations, and nothing is allowed
//! without rules.

use crate::configuration::Configuration;
use crate::contract::{
    Access, Connect, Description, Document, Grant, Guest, Lookup, Principal, Problem, Refusal,
    Setup, Subject, UtcMs, Verdict,
};
use crate::refusal::{self, refuse};
use crate::{authenticate, authorize, identify, system_topics};
use std::sync::OnceLock;

static CONFIGURATION: OnceLock<Configuration> = OnceLock::new();

struct Policy;

// The exported symbols are wit-bindgen's generated code; natively their names do not link.
#[cfg(all(target_family = "wasm", feature = "component"))]
#[allow(unsafe_code, unreachable_pub)]
mod exports {
    use super::Policy;
    crate::contract::generated::export!(Policy with_types_in crate::contract::generated);
}

impl Guest for Policy {
    fn describe() -> Description {
        Description {
            name: "aliyun".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dialect: "aliyun-iot".to_owned(),
            summary:
                "devices by certificate serial number or secret, /sys topics, product topic classes"
                    .to_owned(),
        }
    }

    fn configure(documents: Vec<Document>) -> Result<Setup, Vec<Problem>> {
        let configuration = Configuration::read(&documents)?;
        CONFIGURATION
            .set(configuration)
            .map_err(|_| configured_twice())?;
        Ok(Setup {
            inboxes: system_topics::inboxes(),
            extra: Vec::new(),
        })
    }

    fn identify(connect: Connect) -> Result<Lookup, Refusal> {
        identify::identify(&connect)
    }

    fn authenticate(connect: Connect, subject: Subject) -> Result<Principal, Refusal> {
        authenticate::authenticate(&connect, &subject)
    }

    fn authorize(principal: Principal, subject: Subject, now: UtcMs) -> Result<Grant, Refusal> {
        let configuration = CONFIGURATION.get().ok_or_else(unconfigured)?;
        authorize::authorize(configuration, &principal, &subject, now)
    }

    /// No rule of this policy asks for an inspection.
    fn inspect(access: Access) -> Verdict {
        Verdict::Deny(Refusal {
            rule: Some(access.rule),
            ..refuse(
                refusal::NOT_AUTHORIZED,
                "no rule of this policy asks for an inspection",
            )
        })
    }
}

fn unconfigured() -> Refusal {
    refuse(
        refusal::NOT_AUTHORIZED,
        "the policy has no rule documents yet",
    )
}

fn configured_twice() -> Vec<Problem> {
    vec![Problem {
        document: String::new(),
        line: None,
        message: "the instance is already configured: make a new instance for a new generation"
            .to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Actions;

    #[test]
    fn one_configuration_per_instance() {
        let setup = Policy::configure(Vec::new()).unwrap();
        assert_eq!(setup.inboxes.len(), 38);
        let problems = Policy::configure(Vec::new()).unwrap_err();
        assert!(problems[0].message.contains("already configured"));
    }

    #[test]
    fn it_says_who_it_is() {
        let description = Policy::describe();
        assert_eq!(description.name, "aliyun");
        assert_eq!(description.dialect, "aliyun-iot");
    }

    #[test]
    fn an_inspection_that_no_rule_asked_for_is_denied() {
        let verdict = Policy::inspect(Access {
            principal: Principal {
                id: "d".into(),
                proof: Vec::new(),
                enrol: None,
                extra: Vec::new(),
            },
            subject: Subject {
                client: None,
                product: None,
            },
            action: Actions::PUBLISH,
            topic: "a".into(),
            qos: crate::contract::Qos::AtMostOnce,
            retain: false,
            payload: Vec::new(),
            rule: "p.json#0".into(),
            now: 0,
            extra: Vec::new(),
        });
        let Verdict::Deny(refusal) = verdict else {
            panic!("{verdict:?}")
        };
        assert_eq!(
            (refusal.code, refusal.rule.as_deref()),
            (300, Some("p.json#0"))
        );
    }
}
