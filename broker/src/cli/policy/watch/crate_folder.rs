//! What a crate's folder is: which package is built, how, where its component and its documents lie. Asked of cargo once, at the start.
//!
//! What is shipped is built by the workspace's profile `policy`, or by `release` where there is none. A watch takes a profile of its own that inherits
//! from it and leaves out what takes longest ([`Build::Quick`]); its files lie apart, so that nobody ships one of them.
//!
//! Documents are in `policy/` of the crate, or in `policies/NAME` of its workspace, where NAME is the crate's folder. Anything else is an error that says
//! so.

use super::super::{Failed, USAGE_CODE};
use crate::policy::Rejection;
use serde::Deserialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const TARGET: &str = "wasm32-unknown-unknown";
const POLICY: &str = "policy";

/// Which component is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    /// What a watch shows in a second.
    Quick,
    /// What is shipped.
    Shipped,
}

/// Of the quick profile: a third of the time for 1 % more bytes (the crate of `policy new`: 0.5 s in place of 1.7 s).
const QUICK: [&str; 3] = ["lto=false", "incremental=true", "codegen-units=16"];
const QUICK_PROFILE: &str = "watch";

/// A policy's crate.
#[derive(Clone, Debug)]
pub(super) struct CrateFolder {
    pub(super) folder: PathBuf,
    pub(super) package: String,
    /// What cargo is told of the profile.
    pub(super) profile: Vec<String>,
    pub(super) component: PathBuf,
    /// Documents, and `cases/`.
    pub(super) rules: PathBuf,
    /// The contract of a workspace's crate lies beside it.
    pub(super) contract: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

impl CrateFolder {
    pub(super) fn find(dir: &Path, build: Build) -> Result<Self, Failed> {
        let manifest = dir.join("Cargo.toml");
        let manifest = manifest.canonicalize().map_err(|error| {
            unusable(
                dir,
                &format!("`{}` cannot be read: {error}", manifest.display()),
            )
        })?;
        let folder = manifest.parent().unwrap_or(dir).to_owned();
        let metadata = metadata(&folder).map_err(|cause| unusable(dir, &cause))?;
        Self::of(folder, &manifest, &metadata, build).map_err(|cause| unusable(dir, &cause))
    }

    fn of(
        folder: PathBuf,
        manifest: &Path,
        metadata: &Metadata,
        build: Build,
    ) -> Result<Self, String> {
        let root = &metadata.workspace_root;
        let package = metadata.packages.iter();
        let package = package
            .clone()
            .find(|one| one.manifest_path == manifest)
            .ok_or("its `Cargo.toml` is that of no package")?;
        let library = package.targets.iter();
        let library = library
            .clone()
            .find(|one| one.crate_types.iter().any(|kind| kind == "cdylib"))
            .ok_or_else(|| format!("the package `{}` has no `cdylib`", package.name))?;
        let shipped = shipped_profile(root);
        let profile = match build {
            Build::Quick => QUICK_PROFILE,
            Build::Shipped => shipped,
        };
        let file = format!("{}.wasm", library.name.replace('-', "_"));
        let output = metadata.target_directory.join(TARGET).join(profile);
        Ok(Self {
            rules: rules(&folder, root)?,
            package: package.name.clone(),
            profile: profile_arguments(shipped, build),
            component: output.join(file),
            contract: root.join("wit"),
            folder,
        })
    }
}

fn rules(folder: &Path, root: &Path) -> Result<PathBuf, String> {
    let own = folder.join(POLICY);
    let beside = root
        .join("policies")
        .join(folder.file_name().unwrap_or_default());
    let found = [&own, &beside].into_iter().find(|rules| rules.is_dir());
    found.cloned().ok_or_else(|| {
        format!(
            "its rule documents are neither in `{}` nor in `{}`",
            own.display(),
            beside.display()
        )
    })
}

fn profile_arguments(shipped: &str, build: Build) -> Vec<String> {
    if build == Build::Shipped {
        return vec!["--profile".into(), shipped.into()];
    }
    let inherits = format!("inherits=\"{shipped}\"");
    let settings = QUICK.into_iter().chain([inherits.as_str()]);
    let config = settings.flat_map(|setting| {
        let setting = format!("profile.{QUICK_PROFILE}.{setting}");
        ["--config".to_owned(), setting]
    });
    let chosen = ["--profile", QUICK_PROFILE].map(str::to_owned);
    config.chain(chosen).collect()
}

fn shipped_profile(root: &Path) -> &'static str {
    let text = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    let manifest: toml::Table = toml::from_str(&text).unwrap_or_default();
    let has_policy = manifest
        .get("profile")
        .is_some_and(|profiles| profiles.get(POLICY).is_some());
    if has_policy { POLICY } else { "release" }
}

/// The cargo that runs this program, if one does.
pub(super) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn metadata(folder: &Path) -> Result<Metadata, String> {
    let mut cargo = Command::new(cargo());
    let asked = cargo
        .current_dir(folder)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("`cargo metadata` cannot be run: {error}"))?;
    if !asked.status.success() {
        let told = String::from_utf8_lossy(&asked.stderr);
        let told: Vec<_> = told.split_whitespace().collect();
        return Err(format!("`cargo metadata` failed: {}", told.join(" ")));
    }
    serde_json::from_slice(&asked.stdout)
        .map_err(|error| format!("`cargo metadata` cannot be understood: {error}"))
}

fn unusable(dir: &Path, cause: &str) -> Failed {
    Failed::Usage(Rejection::new(
        USAGE_CODE,
        format!("`{}` is no crate of a policy: {cause}", dir.display()),
        "name the folder of a crate that `iotda-broker policy new` made, or of one in a workspace such as `plugin/iotda`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(dir: &Path) -> String {
        match CrateFolder::find(dir, Build::Quick) {
            Err(Failed::Usage(rejection)) => rejection.message,
            Err(Failed::Rejected(rejection)) => panic!("not told as usage: {rejection}"),
            other => panic!("{:?}", other.ok()),
        }
    }

    #[test]
    fn a_crate_of_this_workspace_has_its_documents_beside() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (build, profile, last) in [
            (Build::Shipped, "policy", "--profile policy"),
            (
                Build::Quick,
                "watch",
                "--config profile.watch.inherits=\"policy\" --profile watch",
            ),
        ] {
            let Ok(found) = CrateFolder::find(&root.join("plugin/iotda"), build) else {
                panic!("not found");
            };
            assert_eq!(found.package, "iotda-policy");
            assert!(found.profile.join(" ").ends_with(last), "{found:?}");
            assert!(found.rules.ends_with("policies/iotda"), "{found:?}");
            let component = format!("wasm32-unknown-unknown/{profile}/iotda_policy.wasm");
            assert!(found.component.ends_with(component), "{found:?}");
        }
    }

    #[test]
    fn another_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(told(folder.path()).contains("Cargo.toml` cannot be read"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let told = told(root);
        assert!(told.contains("has no `cdylib`"), "{told}");
    }
}
