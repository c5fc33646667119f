//! The contract of `wit/policy.wit` in Rust, generated: every room speaks in these records, so nothing is converted on the way.
//!
//! Bounds: none here; the host checks sizes where it takes a value from a component (`policy`). Nothing here fails.

// The generated code is wasmtime's; our documentation and naming lints do not apply to it.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "device-policy",
        additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
    });
}

pub use generated::exports::iotda::policy::policy::*;
pub use generated::{DevicePolicy, DevicePolicyPre};

/// Flags have no derived form: they are written as the list of their names, `["publish", "receive"]`.
const NAMED_ACTIONS: [(&str, Actions); 3] = [
    ("publish", Actions::PUBLISH),
    ("subscribe", Actions::SUBSCRIBE),
    ("receive", Actions::RECEIVE),
];

impl serde::Serialize for Actions {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            NAMED_ACTIONS
                .iter()
                .filter(|(_, flag)| self.contains(*flag))
                .map(|(name, _)| name),
        )
    }
}

impl<'de> serde::Deserialize<'de> for Actions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.iter().try_fold(Self::empty(), |all, name| {
            let known = NAMED_ACTIONS.iter().find(|(known, _)| known == name);
            known.map(|(_, flag)| all | *flag).ok_or_else(|| {
                serde::de::Error::unknown_variant(name, &["publish", "subscribe", "receive"])
            })
        })
    }
}

/// At most once < at least once < exactly once, so that `min` gives the `QoS` of a delivery.
impl Ord for Qos {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (*self as u8).cmp(&(*other as u8))
    }
}

impl PartialOrd for Qos {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
