//! TODO
pub mod policy;
