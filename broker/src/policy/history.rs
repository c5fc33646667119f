//! The last candidates and what became of them. Pure: a bounded list.

use super::life::{Life, Made, Origin, State, Step, Told};
use crate::contract::UtcMs;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Oldest first.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct History {
    lives: VecDeque<Life>,
    /// The number of the newest.
    last: u64,
}

impl History {
    /// A candidate has come. The oldest one that has ended makes room; `most` is at least 2, for the active one and the one before it.
    pub(super) fn begin(&mut self, origin: Origin, made: Made, at: UtcMs, most: usize) -> u64 {
        self.last += 1;
        self.lives.push_back(Life::new(self.last, origin, made, at));
        while self.lives.len() > most.max(2) {
            let oldest = self.lives.iter().position(|life| {
                !matches!(life.state(), State::Active | State::Shadow | State::Canary)
                    && life.number != self.last
            });
            match oldest {
                Some(index) => drop(self.lives.remove(index)),
                None => break,
            }
        }
        self.last
    }

    /// One state further. `micros`: how long it took.
    pub(super) fn step(&mut self, number: u64, state: State, at: UtcMs, micros: u64) {
        if let Some(life) = self.get_mut(number) {
            life.steps.push(Step { state, at, micros });
        }
    }

    pub(super) fn set_revision(&mut self, number: u64, revision: u64) {
        if let Some(life) = self.get_mut(number) {
            life.revision = Some(revision);
        }
    }

    pub(super) fn set_reason(&mut self, number: u64, reason: Told) {
        if let Some(life) = self.get_mut(number) {
            life.reason = Some(reason);
        }
    }

    pub(super) fn set_counts(&mut self, number: u64, calls: u64, faults: u64) {
        if let Some(life) = self.get_mut(number) {
            (life.calls, life.faults) = (calls, faults);
        }
    }

    /// The candidate of this number.
    pub fn get(&self, number: u64) -> Option<&Life> {
        self.lives.iter().find(|life| life.number == number)
    }

    /// The newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Life> {
        self.lives.iter().rev()
    }

    /// What a rollback from what is in force goes back to: the newest that was good before it and is made of something else.
    pub(super) fn before(&self, in_force: &Made, number: u64) -> Option<&Life> {
        let differs = |life: &&Life| !life.made.is_same_generation(in_force);
        self.newest_first()
            .filter(|life| life.number < number && life.was_good())
            .find(differs)
    }

    /// Where a broker stopped, nobody is on trial, and nobody is half-way.
    pub(super) fn resumed(mut self) -> Self {
        let at = self
            .lives
            .back()
            .and_then(|life| life.steps.last())
            .map_or(0, |step| step.at);
        for life in &mut self.lives {
            let ended = match life.state() {
                State::Settled | State::Rejected | State::RolledBack => continue,
                State::Active => State::Settled,
                _ => State::Rejected,
            };
            if ended == State::Rejected {
                life.reason = Some(Told {
                    code: "broker-stopped".into(),
                    message: "the broker stopped before the candidate was active".into(),
                    help: "offer it again".into(),
                });
            }
            let micros = 0;
            life.steps.push(Step {
                state: ended,
                at,
                micros,
            });
        }
        self
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Life> {
        self.lives.iter_mut().find(|life| life.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(name: &str) -> Made {
        Made {
            component: name.into(),
            documents: "d".into(),
            cases: "c".into(),
        }
    }

    fn with(lives: &[(&str, &[State])]) -> History {
        let mut history = History::default();
        for (name, states) in lives {
            let number = history.begin(Origin::File, made(name), 1, 10);
            for state in *states {
                history.step(number, *state, 2, 3);
            }
        }
        history
    }

    #[test]
    fn a_rollback_goes_to_the_newest_good_one_that_is_another() {
        use State::{Active, Rejected, RolledBack, Settled};
        type Row<'r> = (&'r [(&'r str, &'r [State])], Option<&'r str>);
        let rows: [Row<'_>; 6] = [
            (&[("a", &[Active])], None),
            (&[("a", &[Active, Settled]), ("b", &[Active])], Some("a")),
            (
                &[("a", &[Active]), ("x", &[Rejected]), ("b", &[Active])],
                Some("a"),
            ),
            (
                &[
                    ("a", &[Active]),
                    ("x", &[Active, RolledBack]),
                    ("b", &[Active]),
                ],
                Some("a"),
            ),
            (
                &[("a", &[Active]), ("b", &[Active]), ("b", &[Active])],
                Some("a"),
            ),
            (&[("b", &[Active, RolledBack]), ("b", &[Active])], None),
        ];
        for (lives, expected) in rows {
            let history = with(lives);
            let last = history.newest_first().next().unwrap().clone();
            let found = history.before(&last.made, last.number);
            assert_eq!(
                found.map(|life| &*life.made.component),
                expected,
                "{lives:?}"
            );
        }
    }

    #[test]
    fn the_oldest_makes_room_but_never_the_active_one() {
        let mut history = with(&[("active", &[State::Active])]);
        for number in 0..50 {
            let number = history.begin(Origin::Upload, made(&number.to_string()), 1, 5);
            history.step(number, State::Rejected, 1, 1);
        }
        assert_eq!(history.newest_first().count(), 5);
        assert!(history.get(1).is_some());
        assert_eq!(history.newest_first().next().unwrap().number, 51);
    }

    #[test]
    fn a_restart_ends_what_was_under_way() {
        let history = with(&[("a", &[State::Active]), ("b", &[State::Shadow])]).resumed();
        let states: Vec<_> = history.newest_first().map(Life::state).collect();
        assert_eq!(states, [State::Rejected, State::Settled]);
        assert_eq!(history.clone().resumed(), history);
    }
}
