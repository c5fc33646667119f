//! Builds the policy components that the binary carries, and lists the documents that go with them: each folder `NAME` that is in `plugin/` and in
//! `policies/`, whose package is `NAME-policy`.
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
const PROFILE: &str = "policy";
/// Judges where the configuration says nothing else.
const DEFAULT: &str = "iotda";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let workspace = workspace()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    for input in [
        "plugin",
        "policies",
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
    let policies = policies(&workspace)?;
    let components = build_policies(&workspace, &policies, &out.join("policy"))?;
    write_embedded(&workspace, &policies, &components, &out.join("embedded.rs"))?;
    write_wire_cases(&workspace, &out.join("wire_cases.rs"))
}

/// The names of what is built in, sorted.
fn policies(workspace: &Path) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(workspace.join("policies"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if workspace
            .join("plugin")
            .join(&name)
            .join("Cargo.toml")
            .is_file()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn package(policy: &str) -> String {
    format!("{policy}-policy")
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

/// The folder of the components. Cargo itself decides whether there is anything to do.
fn build_policies(workspace: &Path, policies: &[String], target: &Path) -> Outcome<PathBuf> {
    let mut cargo = Command::new(variable("CARGO")?);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_for_the_host) {
            cargo.env_remove(name);
        }
    }
    cargo
        .current_dir(workspace)
        .args(["build", "--locked", "--lib"])
        .args(["--profile", PROFILE, "--target", TARGET, "--target-dir"])
        .arg(target);
    for policy in policies {
        cargo.args(["--package", &package(policy)]);
    }
    if env::var_os("CARGO_NET_OFFLINE").is_some_and(|set| set != "false") {
        cargo.arg("--offline");
    }
    if !cargo.status()?.success() {
        return Err(format!(
            "a policy component cannot be built: run `cargo policy -p {}` to see why",
            policies
                .iter()
                .map(|one| package(one))
                .collect::<Vec<_>>()
                .join(" -p ")
        )
        .into());
    }
    Ok(target.join(TARGET).join(PROFILE))
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

/// A static of each policy with what belongs to it as text and bytes; `ALL` of them, and the `DEFAULT` one.
fn write_embedded(
    workspace: &Path,
    policies: &[String],
    components: &Path,
    file: &Path,
) -> Outcome<()> {
    let mut code = String::new();
    for name in policies {
        let rules = workspace.join("policies").join(name);
        let plugin = workspace.join("plugin").join(name);
        let component = components.join(format!("{}.wasm", package(name).replace('-', "_")));
        writeln!(code, "static {}: BuiltIn = BuiltIn {{", constant(name))?;
        writeln!(code, "name: {name:?},")?;
        writeln!(code, "component: include_bytes!({}),", quoted(&component)?)?;
        writeln!(code, "documents: {},", list(&rules, "json")?)?;
        writeln!(code, "cases: {},", list(&rules.join("cases"), "json")?)?;
        let contract = plugin.join("CONTRACT.md");
        writeln!(code, "contract: include_str!({}),", quoted(&contract)?)?;
        writeln!(code, "wire: {},", list(&plugin.join("wire"), "toml")?)?;
        let demo = rules.join("demo.toml");
        if demo.is_file() {
            writeln!(code, "demo: Some(include_str!({})) }};", quoted(&demo)?)?;
        } else {
            writeln!(code, "demo: None }};")?;
        }
    }
    let all: Vec<_> = policies
        .iter()
        .map(|name| format!("&{}", constant(name)))
        .collect();
    writeln!(
        code,
        "pub(super) static ALL: &[&BuiltIn] = &[{}];",
        all.join(", ")
    )?;
    writeln!(
        code,
        "pub(super) static DEFAULT: &BuiltIn = &{};",
        constant(DEFAULT)
    )?;
    Ok(fs::write(file, code)?)
}

/// A path as a literal of Rust.
fn quoted(path: &Path) -> Outcome<String> {
    let text = path.to_str().ok_or("a path is not UTF-8")?;
    Ok(format!("{text:?}"))
}

fn constant(policy: &str) -> String {
    format!("POLICY_{}", policy.replace('-', "_").to_uppercase())
}

/// `MQTT`: the protocol's wire cases of the conformance harness.
fn write_wire_cases(workspace: &Path, file: &Path) -> Outcome<()> {
    let mqtt = list(&workspace.join("broker/src/conformance/mqtt"), "toml")?;
    Ok(fs::write(
        file,
        format!("pub(super) static MQTT: &[(&str, &str)] = {mqtt};\n"),
    )?)
}

/// A slice of names and texts, as code.
fn list(folder: &Path, ending: &str) -> Outcome<String> {
    let mut code = "&[".to_owned();
    for (file, path) in files(folder, ending)? {
        write!(code, "({file:?}, include_str!({})),", quoted(&path)?)?;
    }
    Ok(code + "]")
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
