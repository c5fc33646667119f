//! What the candidate would grant the sessions that are shown, so that an access costs no call. Pure but for the time that it is given.
//!
//! A grant is kept for one grant of the active generation: whoever is judged again, after a change of its record or at its time, has
//! another number, and is judged here again too. Bounded by [`CLIENTS`] and [`BYTES`], and by [`AGE`]; the oldest goes.

use super::compare::Answer;
use crate::contract;
use crate::grant::Grant;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Clients whose grants are kept.
const CLIENTS: usize = 1_000;
/// What they hold together, roughly.
const BYTES: usize = 16 << 20;
/// A grant may depend on the time.
const AGE: Duration = Duration::from_secs(5);

/// The grants of some clients.
#[derive(Default)]
pub(super) struct Grants {
    held: HashMap<Arc<str>, Held>,
    bytes: usize,
}

/// What both would grant one client now.
pub(super) struct Held {
    /// The number of the grant that the session has.
    pub(super) number: u64,
    pub(super) since: Instant,
    pub(super) candidate: Answer<Grant>,
    /// What the active generation grants on the same record; asked only where there is a disagreement.
    pub(super) active: Option<Grant>,
    pub(super) bytes: usize,
}

impl Grants {
    /// What is known of a client's session.
    pub(super) fn get(&self, client: &str, number: u64, now: Instant) -> Option<&Held> {
        let held = self.held.get(client)?;
        (held.number == number && now.duration_since(held.since) < AGE).then_some(held)
    }

    /// Keeps it in place of what was known.
    pub(super) fn put(&mut self, client: &Arc<str>, held: Held) {
        self.remove(client);
        while self.held.len() >= CLIENTS || (self.bytes + held.bytes > BYTES && self.bytes > 0) {
            let oldest = self.held.iter().min_by_key(|(_, held)| held.since);
            let Some(oldest) = oldest.map(|(client, _)| Arc::clone(client)) else {
                break;
            };
            self.remove(&oldest);
        }
        self.bytes += held.bytes;
        self.held.insert(Arc::clone(client), held);
    }

    fn remove(&mut self, client: &str) {
        if let Some(gone) = self.held.remove(client) {
            self.bytes -= gone.bytes;
        }
    }
}

/// What a grant holds, compiled, roughly.
pub(super) fn size(grant: &contract::Grant) -> usize {
    const RULE: usize = 160;
    let rules = grant.rules.iter();
    let rules = rules.map(|rule| rule.pattern.len() + rule.name.len() + RULE);
    let greetings = grant.greetings.iter();
    let greetings = greetings.map(|one| one.topic.len() + one.payload.len());
    RULE * 2 + rules.sum::<usize>() + greetings.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::super::compare::Not;
    use super::*;
    use crate::contract::Refusal;

    fn held(number: u64, since: Instant, bytes: usize) -> Held {
        Held {
            number,
            since,
            candidate: Err(Not::Refused(Refusal {
                code: 300,
                detail: String::new(),
                rule: None,
            })),
            active: None,
            bytes,
        }
    }

    #[test]
    fn a_grant_is_known_for_one_grant_and_a_while() {
        let mut grants = Grants::default();
        let start = Instant::now();
        grants.put(&"c".into(), held(1, start, 10));
        for (client, number, later, is_known) in [
            ("c", 1, 0, true),
            ("c", 1, 4, true),
            ("c", 1, 5, false),
            ("c", 2, 0, false),
            ("d", 1, 0, false),
        ] {
            let now = start + Duration::from_secs(later);
            let known = grants.get(client, number, now);
            assert_eq!(known.is_some(), is_known, "{client} {number} {later}");
        }
        grants.put(&"c".into(), held(2, start, 20));
        assert!(grants.get("c", 2, start).is_some());
        assert_eq!((grants.held.len(), grants.bytes), (1, 20));
    }

    #[test]
    fn the_oldest_goes_where_there_is_no_room() {
        let start = Instant::now();
        let later = |millis| start + Duration::from_millis(millis);
        // Bytes of each, how many are kept.
        for (bytes, kept) in [(1, CLIENTS), (BYTES / 10, 10), (BYTES + 1, 1)] {
            let mut grants = Grants::default();
            for number in 0..1_500 {
                let client = number.to_string().into();
                grants.put(&client, held(number, later(number), bytes));
            }
            assert_eq!(grants.held.len(), kept, "{bytes}");
            assert_eq!(grants.bytes, kept * bytes, "{bytes}");
            let oldest = 1_500 - kept as u64;
            let known = |number: u64| {
                let now = later(number);
                grants.get(&number.to_string(), number, now).is_some()
            };
            assert!(known(oldest) && !known(oldest - 1), "{bytes}");
        }
    }
}
