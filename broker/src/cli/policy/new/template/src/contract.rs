//! The contract of `wit/policy.wit` in Rust, generated: the policy speaks in these records, so nothing is converted on the way.

#[allow(missing_docs, unsafe_code, clippy::all)]
pub mod generated {
    wit_bindgen::generate!({
        path: "wit",
        world: "device-policy",
        additional_derives: [PartialEq],
        pub_export_macro: true,
    });
}

pub use generated::exports::iotda::policy::policy::*;
