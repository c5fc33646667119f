//! What a component shows from outside: names of imports and exports, and the version of the contract that it speaks. Runs nothing.

use super::rejection::{CONTRACT_MISSING, CONTRACT_VERSION, IMPORTS_NOT_EMPTY, Rejection};
use serde::Serialize;
use std::fmt;
use wasmtime::Engine;
use wasmtime::component::Component;

/// The interface that makes a component a policy.
const INTERFACE: &str = "iotda:policy/policy";
/// What this host is built for. A minor version only adds optional interfaces, so all of a major version are compatible.
const OFFERED: ContractVersion = ContractVersion {
    major: 1,
    minor: 0,
    patch: 0,
};

/// A component from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anatomy {
    /// The version of the contract that it exports.
    pub contract: Option<ContractVersion>,
    /// All exports by name.
    pub exports: Vec<String>,
    /// All imports by name: none in a policy that can be used.
    pub imports: Vec<String>,
}

/// A version of `iotda:policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContractVersion {
    /// Another one is another contract.
    pub major: u64,
    /// Adds optional interfaces.
    pub minor: u64,
    /// Words only.
    pub patch: u64,
}

impl Anatomy {
    pub(super) fn of(component: &Component, engine: &Engine) -> Self {
        let outside = component.component_type();
        let exports: Vec<String> = outside
            .exports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        Self {
            contract: exports.iter().find_map(|name| contract_version(name)),
            imports: outside
                .imports(engine)
                .map(|(name, _)| name.to_owned())
                .collect(),
            exports,
        }
    }

    /// Nothing imported, and a version of the contract that this host offers.
    pub(super) fn check(&self) -> Result<(), Rejection> {
        check_imports(&self.imports)?;
        match self.contract {
            None => Err(missing(&self.exports)),
            Some(version) if version.major == OFFERED.major => Ok(()),
            Some(version) => Err(other_version(version)),
        }
    }
}

fn check_imports(imports: &[String]) -> Result<(), Rejection> {
    let Some(first) = imports.first() else {
        return Ok(());
    };
    let help = if imports.iter().any(|name| name.starts_with("wasi:")) {
        "build it without WASI: in Rust for `wasm32-unknown-unknown` with `wasm-component-ld` as the linker, in other languages with WASI stubbed out; time comes in as an argument, and nothing else is needed"
    } else {
        "a policy is a pure function of its arguments: take out what needs the import"
    };
    let more = match imports.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    Err(Rejection::new(
        IMPORTS_NOT_EMPTY,
        format!("the component imports `{first}`{more}: a policy imports nothing"),
        help,
    ))
}

fn missing(exports: &[String]) -> Rejection {
    let found = match exports {
        [] => "it exports nothing".to_owned(),
        exports => format!("it exports `{}`", exports.join("`, `")),
    };
    Rejection::new(
        CONTRACT_MISSING,
        format!("the component does not export `{INTERFACE}@{OFFERED}`: {found}"),
        "build it for the world `device-policy` of `wit/policy.wit`",
    )
}

fn other_version(version: ContractVersion) -> Rejection {
    let fix = if version < OFFERED {
        "build the policy again with this broker's `wit/policy.wit`"
    } else {
        "use a newer broker, or build the policy with this broker's `wit/policy.wit`"
    };
    Rejection::new(
        CONTRACT_VERSION,
        format!(
            "the component speaks `iotda:policy@{version}`: this broker speaks `iotda:policy@{OFFERED}` and later versions below {}.0.0",
            OFFERED.major + 1
        ),
        fix,
    )
}

/// Out of a name such as `iotda:policy/policy@1.0.0`.
fn contract_version(export: &str) -> Option<ContractVersion> {
    let version = export.strip_prefix(INTERFACE)?.strip_prefix('@')?;
    // A pre-release or build suffix does not change what is compatible.
    let numbers = version.split(['-', '+']).next()?;
    let mut numbers = numbers.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(ContractVersion {
        major: next()?,
        minor: next()?,
        patch: next()?,
    })
}

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Serialize for ContractVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anatomy(imports: &[&str], exports: &[&str]) -> Anatomy {
        let owned = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let exports = owned(exports);
        Anatomy {
            contract: exports.iter().find_map(|name| contract_version(name)),
            imports: owned(imports),
            exports,
        }
    }

    #[test]
    fn the_contract_is_found_by_its_version() {
        for (export, code) in [
            ("iotda:policy/policy@1.0.0", None),
            ("iotda:policy/policy@1.7.2", None),
            ("iotda:policy/policy@1.0.0-rc.1", None),
            ("iotda:policy/policy@0.9.0", Some(CONTRACT_VERSION)),
            ("iotda:policy/policy@2.0.0", Some(CONTRACT_VERSION)),
            ("iotda:policy/policy", Some(CONTRACT_MISSING)),
            ("iotda:policy/policy@1", Some(CONTRACT_MISSING)),
            ("iotda:policy/policy-extra@1.0.0", Some(CONTRACT_MISSING)),
            ("wasi:cli/run@0.2.0", Some(CONTRACT_MISSING)),
        ] {
            let checked = anatomy(&[], &[export]).check();
            assert_eq!(
                checked.err().map(|rejection| rejection.code),
                code,
                "{export}"
            );
        }
    }

    #[test]
    fn another_version_is_told_with_both_and_the_fix() {
        let older = anatomy(&[], &["iotda:policy/policy@0.9.0"])
            .check()
            .unwrap_err();
        assert!(
            older.message.contains("@0.9.0") && older.message.contains("@1.0.0"),
            "{older}"
        );
        assert!(older.help.starts_with("build the policy again"));
        let newer = anatomy(&[], &["iotda:policy/policy@2.1.0"])
            .check()
            .unwrap_err();
        assert!(newer.help.starts_with("use a newer broker"));
    }

    #[test]
    fn an_import_is_refused_by_name() {
        let wasi = anatomy(&["wasi:cli/environment@0.2.0", "x:y/z"], &[])
            .check()
            .unwrap_err();
        assert_eq!(wasi.code, IMPORTS_NOT_EMPTY);
        assert!(
            wasi.message
                .contains("`wasi:cli/environment@0.2.0` and 1 more"),
            "{wasi}"
        );
        assert!(wasi.help.contains("WASI"));
        let other = anatomy(&["x:y/z"], &[]).check().unwrap_err();
        assert!(
            other.message.contains("`x:y/z`:") && !other.help.contains("WASI"),
            "{other}"
        );
    }
}
