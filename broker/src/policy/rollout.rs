//! How a proven candidate comes into force: at once, beside the active generation (shadow), or for some clients first (canary); and how long it is
//! watched afterwards. Pure: settings, and who belongs to a canary.
//!
//! A client belongs to a canary by a hash of its canonical id, so it is always the same clients, whatever broker, process or restart asks; a
//! larger percentage takes in more and lets none go.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// `[policies.NAME.rollout]`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Rollout {
    /// What comes after the cases. An upload may ask for another stage.
    pub stage: Stage,
    /// How long a shadow or a canary lasts before it becomes active by itself. 0: until somebody says so.
    #[serde(with = "humantime_serde")]
    pub duration: Duration,
    /// A shadow is shown one access in so many, and every CONNECT.
    pub sample: u32,
    /// A shadow that disagreed more often is rejected.
    pub disagreements_max: u64,
    /// How many of a hundred clients belong to a canary, by the hash of the canonical id.
    pub canary_percent: f64,
    /// All clients of these products belong to a canary, too.
    pub canary_products: Vec<String>,
    /// What a new generation means for clients that are connected.
    pub live_sessions: LiveSessions,
    /// How long a generation that became active may be rolled back by itself.
    #[serde(with = "humantime_serde")]
    pub probation: Duration,
    /// So many faults on probation, or in a canary, and the generation before it is back.
    pub faults_max: u64,
    /// How many candidates are remembered, with what they were made of.
    pub history: usize,
}

/// What comes after the cases.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Active at once.
    #[default]
    Direct,
    /// It is asked beside the active generation, and its answers are compared and thrown away.
    Shadow,
    /// It answers for some of the clients.
    Canary,
}

/// What a new generation means for clients that are connected.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LiveSessions {
    /// Every one is judged again at once.
    #[default]
    Judge,
    /// They keep the generation they connected under, unless it is rolled back.
    Keep,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            stage: Stage::Direct,
            duration: Duration::from_mins(1),
            sample: 10,
            disagreements_max: 0,
            canary_percent: 5.0,
            canary_products: Vec::new(),
            live_sessions: LiveSessions::Judge,
            probation: Duration::from_mins(1),
            faults_max: 5,
            history: 20,
        }
    }
}

impl Stage {
    /// As it is written in the configuration and in a query.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "direct" => Some(Self::Direct),
            "shadow" => Some(Self::Shadow),
            "canary" => Some(Self::Canary),
            _ => None,
        }
    }
}

/// Ten thousand places, so that a percentage may have two digits behind its point.
const PLACES: u16 = 10_000;

/// Who belongs to a canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selector {
    places: u16,
    products: Vec<String>,
}

impl Selector {
    /// By the settings.
    pub(super) fn new(rollout: &Rollout) -> Self {
        let places = rollout.canary_percent.clamp(0.0, 100.0) * f64::from(PLACES / 100);
        Self {
            // In range: clamped above.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            places: places.round() as u16,
            products: rollout.canary_products.clone(),
        }
    }

    /// Whether this client belongs to it. Costs a hash: not for every message.
    pub(super) fn selects(&self, client: &str, product: &str) -> bool {
        self.products.iter().any(|one| one == product) || place(client) < self.places
    }
}

fn place(client: &str) -> u16 {
    let digest = Sha256::digest(client);
    let head = digest.first_chunk::<8>().copied().unwrap_or_default();
    u16::try_from(u64::from_be_bytes(head) % u64::from(PLACES)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn selector(percent: f64, products: &[&str]) -> Selector {
        Selector::new(&Rollout {
            canary_percent: percent,
            canary_products: products.iter().map(|&one| one.into()).collect(),
            ..Rollout::default()
        })
    }

    #[test]
    fn a_share_of_the_clients_is_selected() {
        for percent in [0.0_f64, 1.0, 25.5, 50.0, 100.0] {
            let selector = selector(percent, &[]);
            let selected = (0..20_000)
                .filter(|number| selector.selects(&format!("demo_device{number}"), "demo"))
                .count();
            let expected = percent * 200.0;
            let difference = (f64::from(u32::try_from(selected).unwrap()) - expected).abs();
            assert!(difference <= 200.0, "{percent} %: {selected}");
        }
    }

    #[test]
    fn the_place_of_a_client_never_changes() {
        // A fixed answer: another hash would move clients between brokers of two versions.
        assert_eq!(place("demo_device1"), 5_497);
    }

    #[test]
    fn a_product_is_selected_as_a_whole() {
        let selector = selector(0.0, &["meters"]);
        assert!(selector.selects("any", "meters"));
        assert!(!selector.selects("any", "pumps"));
    }

    proptest! {
        #[test]
        fn a_larger_share_lets_nobody_go(client in ".{0,40}", small in 0.0_f64..100.0, more in 0.0_f64..100.0) {
            let large = (small + more).min(100.0);
            if selector(small, &[]).selects(&client, "") {
                prop_assert!(selector(large, &[]).selects(&client, ""));
            }
        }
    }
}
