//! The contract of `wit/policy.wit` in Rust, generated: the policy speaks in these records, so nothing is converted on the way.
//!
//! Bounds: none here; the host enforces those of the contract on every call. Nothing here fails.

// The generated code is wit-bindgen's: its documentation is in the contract, and our lints do not apply to it.
#[allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    clippy::pedantic
)]
pub mod generated {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "device-policy",
        // Serde is for the table cases; the linker drops it from the component.
        additional_derives: [PartialEq, serde::Deserialize],
        pub_export_macro: true,
    });
}

pub use generated::exports::iotda::policy::policy::*;

/// Flags have no derived form: they are written as the list of their names, `["publish", "receive"]`, as the host does.
impl<'de> serde::Deserialize<'de> for Actions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Name {
            Publish,
            Subscribe,
            Receive,
        }
        let names = Vec::<Name>::deserialize(deserializer)?;
        Ok(names.iter().fold(Self::empty(), |all, name| {
            all | match name {
                Name::Publish => Self::PUBLISH,
                Name::Subscribe => Self::SUBSCRIBE,
                Name::Receive => Self::RECEIVE,
            }
        }))
    }
}
