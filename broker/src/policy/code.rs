//! From bytes to a component that can be instantiated: size, validity, imports, contract version, exports.
//!
//! Instances are made on demand, not from a pool of slots: a generation has at most one per core and keeps them, making one costs the same 11 µs
//! either way (facts: wasm), and [`Bounds`](super::bounds::Bounds) refuses at instantiation what slots would refuse at compilation. Function
//! types are checked only when it is instantiated.

use super::anatomy::Anatomy;
use super::bounds::Bounds;
use super::rejection::{COMPONENT_INVALID, COMPONENT_TOO_LARGE, EXPORTS_MISMATCH, Rejection};
use super::settings::Settings;
use super::ticker;
use crate::contract::DevicePolicyPre;
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine};

/// A compiled component; clones share the machine code, which is freed with the last instance.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) exports: DevicePolicyPre<Bounds>,
    /// SHA-256 of the bytes, lower-case hex.
    pub(super) digest: String,
}

/// An engine whose components can be stopped. All generations of a policy share one.
pub(super) fn engine(settings: &Settings) -> Result<Engine, Rejection> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(settings.stack_max)
        // Functions of a stripped component have no names, so a backtrace would only be long.
        .wasm_backtrace_max_frames(None);
    let engine = Engine::new(&config).map_err(Rejection::host)?;
    ticker::follow(&engine).map_err(Rejection::host)?;
    Ok(engine)
}

impl Code {
    /// Before anything is done with the bytes.
    pub(super) fn check_size(bytes: &[u8], settings: &Settings) -> Result<(), Rejection> {
        let (size, limit) = (bytes.len(), settings.component_max);
        if size > limit {
            return Err(Rejection::new(
                COMPONENT_TOO_LARGE,
                format!("the component has {size} bytes: at most {limit} are allowed"),
                "build it with optimisation for size, or raise `component_max`",
            ));
        }
        Ok(())
    }

    /// Takes about 250 ms of one core for 200 KB; blocks.
    pub(super) fn compile(
        engine: &Engine,
        bytes: &[u8],
        settings: &Settings,
        _compiler: &super::compile::Compiler,
    ) -> Result<Self, Rejection> {
        let component = component(engine, bytes, settings)?;
        Self::link(&component, &Anatomy::of(&component, engine), bytes)
    }

    /// Whether what is compiled is a policy, but for the types of its functions.
    pub(super) fn link(
        component: &Component,
        anatomy: &Anatomy,
        bytes: &[u8],
    ) -> Result<Self, Rejection> {
        anatomy.check()?;
        let exports = Linker::new(component.engine())
            .instantiate_pre(component)
            .and_then(DevicePolicyPre::new)
            .map_err(|error| mismatch(&error))?;
        Ok(Self {
            exports,
            digest: hex_digest(bytes),
        })
    }
}

/// Compiles without asking whether it is a policy.
pub(super) fn component(
    engine: &Engine,
    bytes: &[u8],
    settings: &Settings,
) -> Result<Component, Rejection> {
    let (size, limit) = (bytes.len(), settings.component_max);
    if size > limit {
        return Err(Rejection::new(
            COMPONENT_TOO_LARGE,
            format!("the component has {size} bytes: at most {limit} are allowed"),
            "build it with optimisation for size, or raise `component_max`",
        ));
    }
    Component::from_binary(engine, bytes).map_err(|error| {
        Rejection::new(
            COMPONENT_INVALID,
            format!("this is no valid WebAssembly component: {}", one_line(&error)),
            "give a complete file that `cargo policy` or another component tool chain wrote; a core module is not enough",
        )
    })
}

/// A function is missing, or has other types than the contract's.
pub(super) fn mismatch(error: &wasmtime::Error) -> Rejection {
    Rejection::new(
        EXPORTS_MISMATCH,
        format!(
            "the component's functions are not those of the contract: {}",
            one_line(error)
        ),
        "build it with this broker's `wit/policy.wit`, unchanged",
    )
}

/// An error with its causes, as one line.
pub(super) fn one_line(error: &wasmtime::Error) -> String {
    let line = format!("{error:#}");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// SHA-256, lower-case hex.
pub(super) fn hex_digest(bytes: &[u8]) -> String {
    let hex = |byte: u8| format!("{byte:02x}");
    Sha256::digest(bytes).into_iter().map(hex).collect()
}
