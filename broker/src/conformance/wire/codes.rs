//! Small values with more than one spelling: what a filter may be answered with, and the versions that a step is for.

use super::event;
use serde::Deserialize;

/// The version of MQTT that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Version {
    #[serde(rename = "3.1")]
    V31,
    #[serde(rename = "3.1.1")]
    V311,
    #[serde(rename = "5")]
    V5,
}

/// What one filter may be answered with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "`granted`, `refused`, a code, or a list of codes"
)]
pub(super) enum FilterCodes {
    /// By name.
    Named(Named),
    /// This one.
    One(u8),
    /// Any of these.
    AnyOf(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Named {
    /// Below 0x80.
    Granted,
    /// From 0x80.
    Refused,
}

impl FilterCodes {
    pub(super) const GRANTED: Self = Self::Named(Named::Granted);

    pub(super) fn take(&self, code: u8) -> bool {
        match self {
            Self::Named(Named::Granted) => code < 0x80,
            Self::Named(Named::Refused) => code >= 0x80,
            Self::One(wanted) => code == *wanted,
            Self::AnyOf(wanted) => wanted.contains(&code),
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Named(Named::Granted) => "granted".to_owned(),
            Self::Named(Named::Refused) => "refused".to_owned(),
            Self::One(code) => event::code(*code),
            Self::AnyOf(codes) => event::codes(codes),
        }
    }
}

/// One version, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "`3.1`, `3.1.1`, `5`, or a list of them")]
pub(super) enum Versions {
    /// Only this one.
    One(Version),
    /// Any of these.
    AnyOf(Vec<Version>),
}

impl Versions {
    pub(super) fn list(&self) -> &[Version] {
        match self {
            Self::One(version) => std::slice::from_ref(version),
            Self::AnyOf(versions) => versions,
        }
    }
}

impl Version {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::V31 => "3.1",
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        }
    }
}
