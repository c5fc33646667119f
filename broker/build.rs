//! Builds the policy components that the binary carries, and lists the documents that go with them.
//!
//! Runs the same `cargo build` that `cargo policy` runs, in a target folder of its own (the outer cargo holds the lock of the other one), and without
//! the settings that the outer cargo or the caller made for the host's target. Where the wasm target is missing it is added by `rustup`; where
//! that is impossible the build fails and says what to run.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const POLICY: &str = "iotda-policy";
const PROFILE: &str = "policy";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let workspace = workspace()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    for input in [
        "plugin/iotda",
        "policies/iotda",
        "broker/src/conformance/mqtt",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        ".cargo/config.toml",
    ] {
        let input = workspace.join(input);
        // A path that does not exist would make every build run this again.
        if input.exists() {
            println!("cargo:rerun-if-changed={}", input.display());
        }
    }
    println!("cargo:rerun-if-env-changed=CARGO_NET_OFFLINE");
    ensure_target()?;
    let component = build_policy(&workspace, &out.join("policy"))?;
    println!("cargo:rustc-env=IOTDA_POLICY_WASM={}", component.display());
    write_embedded(&workspace.join("policies/iotda"), &out.join("embedded.rs"))?;
    write_wire_cases(&workspace, &out.join("wire_cases.rs"))
}

fn workspace() -> Outcome<PathBuf> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = manifest
        .parent()
        .ok_or("the crate has no folder above it")?;
    Ok(workspace.to_owned())
}

/// Adds the wasm target where its standard library is missing.
fn ensure_target() -> Outcome<()> {
    if has_target()? {
        return Ok(());
    }
    let added = Command::new("rustup")
        .args(["target", "add", TARGET])
        .status();
    if added.is_ok_and(|status| status.success()) && has_target()? {
        return Ok(());
    }
    Err(format!(
        "the standard library for {TARGET} is missing, and `rustup target add {TARGET}` failed: run it where there is a network, or install \
         the target with the package manager that installed Rust"
    )
    .into())
}

fn has_target() -> Outcome<bool> {
    let rustc = variable("RUSTC")?;
    let printed = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()?;
    let folder = String::from_utf8(printed.stdout)?;
    Ok(printed.status.success() && Path::new(folder.trim()).is_dir())
}

/// The component's path. Cargo itself decides whether there is anything to do.
fn build_policy(workspace: &Path, target: &Path) -> Outcome<PathBuf> {
    let mut cargo = Command::new(variable("CARGO")?);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_for_the_host) {
            cargo.env_remove(name);
        }
    }
    cargo
        .current_dir(workspace)
        .args(["build", "--locked", "--package", POLICY, "--lib"])
        .args(["--profile", PROFILE, "--target", TARGET, "--target-dir"])
        .arg(target);
    if env::var_os("CARGO_NET_OFFLINE").is_some_and(|set| set != "false") {
        cargo.arg("--offline");
    }
    if !cargo.status()?.success() {
        return Err(format!(
            "the policy component cannot be built: run `cargo policy -p {POLICY}` to see why"
        )
        .into());
    }
    let file = format!("{}.wasm", POLICY.replace('-', "_"));
    Ok(target.join(TARGET).join(PROFILE).join(file))
}

/// What the outer cargo or its caller set for the host: it would change or break the build of the component.
fn is_for_the_host(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_TARGET_DIR",
        "CARGO_TARGET_TMPDIR",
        "CLIPPY_ARGS",
        "CLIPPY_CONF_DIR",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
    ];
    const PREFIXES: [&str; 7] = [
        "CARGO_BUILD_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_LLVM_COV",
        "CARGO_PKG_",
        "CARGO_PROFILE_",
        "DEP_",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// `DOCUMENTS` and `CASES` as lists of name and text.
fn write_embedded(policy: &Path, file: &Path) -> Outcome<()> {
    let documents = list("DOCUMENTS", policy, "json")?;
    let cases = list("CASES", &policy.join("cases"), "json")?;
    Ok(fs::write(file, documents + &cases)?)
}

/// `CONTRACT` and `MQTT`: the wire cases of the conformance harness.
fn write_wire_cases(workspace: &Path, file: &Path) -> Outcome<()> {
    let contract = list("CONTRACT", &workspace.join("plugin/iotda/wire"), "toml")?;
    let mqtt = list(
        "MQTT",
        &workspace.join("broker/src/conformance/mqtt"),
        "toml",
    )?;
    Ok(fs::write(file, contract + &mqtt)?)
}

fn list(name: &str, folder: &Path, ending: &str) -> Outcome<String> {
    let mut code = format!("pub(super) static {name}: &[(&str, &str)] = &[\n");
    for (file, path) in files(folder, ending)? {
        let path = path.to_str().ok_or("a path is not UTF-8")?;
        writeln!(code, "    ({file:?}, include_str!({path:?})),")?;
    }
    Ok(code + "];\n")
}

/// As `policy::documents` would read them.
fn files(folder: &Path, ending: &str) -> Outcome<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_document = entry.path().extension().is_some_and(|end| end == ending)
            && !name.starts_with('.')
            && name != "clients.json";
        if is_document && entry.path().is_file() {
            files.push((name, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

fn variable(name: &str) -> Outcome<String> {
    env::var(name).map_err(|_| format!("`{name}` is not set: build with cargo").into())
}
