//! The limits of `wit/policy.wit` on a grant. Pure.
//!
//! A grant over a limit is a fault of the policy, never cut to size: a rule that is left out may be the one that denies.

use super::filter;
use crate::contract;

const CLIENT_ID_BYTES: usize = 512;
const RULES: usize = 256;
const PATTERN_BYTES: usize = 512;
const NAME_BYTES: usize = 128;
const GREETINGS: usize = 16;
const GREETINGS_BYTES: usize = 64 << 10;

/// A value that a component returned is over a limit of the contract: a fault of the policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}, over the limit of {limit}")]
pub struct TooLarge {
    /// What was measured, with its unit.
    pub what: &'static str,
    /// What the component returned.
    pub value: usize,
    /// The most that the contract allows.
    pub limit: usize,
}

/// Why a grant cannot be used: always a fault of the policy, never a denial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A value is over a limit of the contract.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// Without a canonical id there is no session.
    #[error("the grant's client id is `{0}`: it must have 1 to 512 bytes and no control character")]
    ClientId(String),
    /// Neither a denial nor an allowance could be trusted.
    #[error(
        "the pattern `{pattern}` of the rule `{name}` is malformed: wildcards of a filter are whole levels, and a wildcard text does not end in `\\`"
    )]
    Pattern {
        /// The rule's name.
        name: String,
        /// As the policy gave it.
        pattern: String,
    },
    /// It would be sent to a client as it is.
    #[error("the topic `{0}` of a greeting is no topic name")]
    Greeting(String),
}

pub(crate) fn check(grant: &contract::Grant) -> Result<(), Unusable> {
    check_client_id(&grant.client_id)?;
    at_most("the number of rules of the grant", grant.rules.len(), RULES)?;
    for rule in &grant.rules {
        at_most(
            "the length of a rule's pattern",
            rule.pattern.len(),
            PATTERN_BYTES,
        )?;
        at_most("the length of a rule's name", rule.name.len(), NAME_BYTES)?;
    }
    check_greetings(&grant.greetings)
}

fn check_client_id(id: &str) -> Result<(), Unusable> {
    at_most(
        "the length of the grant's client id",
        id.len(),
        CLIENT_ID_BYTES,
    )?;
    if id.is_empty() || id.contains(char::is_control) {
        return Err(Unusable::ClientId(id.escape_debug().to_string()));
    }
    Ok(())
}

fn check_greetings(greetings: &[contract::Message]) -> Result<(), Unusable> {
    at_most(
        "the number of greetings of the grant",
        greetings.len(),
        GREETINGS,
    )?;
    let size = |message: &contract::Message| message.topic.len() + message.payload.len();
    let bytes = greetings.iter().map(size).sum();
    at_most("the size of the greetings together", bytes, GREETINGS_BYTES)?;
    let topics = greetings.iter().map(|message| &message.topic);
    match topics
        .into_iter()
        .find(|topic| !filter::is_valid_topic(topic))
    {
        Some(topic) => Err(Unusable::Greeting(topic.escape_debug().to_string())),
        None => Ok(()),
    }
}

fn at_most(what: &'static str, value: usize, limit: usize) -> Result<(), TooLarge> {
    if value > limit {
        return Err(TooLarge { what, value, limit });
    }
    Ok(())
}
