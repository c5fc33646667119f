//! From bytes to a component that can be instantiated: size, validity, imports, contract version, exports.
//!
//! Compiled in a child process (see [`compile`]) or here; what a child wrote is loaded by the only `unsafe` of the program.
//!
//! Instances are made on demand, not from a pool of slots: a generation has at most one per core and keeps them, making one costs the same 11 µs
//! either way (facts: wasm), and [`Bounds`](super::bounds::Bounds) refuses at instantiation what slots would refuse at compilation. Function
//! types are checked only when it is instantiated.

use super::anatomy::Anatomy;
use super::bounds::Bounds;
use super::compile::{self, Compiler, MachineCode};
use super::rejection::{
    COMPILE_FAILED, COMPONENT_TOO_LARGE, EXPORTS_MISMATCH, Rejection, one_line,
};
use super::settings::Settings;
use super::ticker;
use crate::contract::DevicePolicyPre;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

/// A compiled component; clones share the machine code, which is freed with the last instance.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) exports: DevicePolicyPre<Bounds>,
    /// SHA-256 of the bytes, lower-case hex.
    pub(super) digest: String,
}

/// An engine whose components can be stopped. All generations of a policy share one.
pub(super) fn engine(settings: &Settings) -> Result<Engine, Rejection> {
    let engine = compile::engine(settings.stack_max).map_err(Rejection::host)?;
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

    /// Takes about 250 ms of one core for 200 KB, and what [`Settings`] allow at most where a child compiles; blocks.
    pub(super) fn compile(
        engine: &Engine,
        bytes: &[u8],
        settings: &Settings,
        compiler: &Compiler,
    ) -> Result<Self, Rejection> {
        let component = component(engine, bytes, settings, compiler)?;
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
    compiler: &Compiler,
) -> Result<Component, Rejection> {
    Code::check_size(bytes, settings)?;
    match compiler {
        Compiler::InProcess => {
            let made = Component::from_binary(engine, bytes);
            made.map_err(|error| compile::invalid(&one_line(&error)))
        }
        Compiler::Child(program) => load(engine, &compile::in_child(program, bytes, settings)?),
    }
}

/// Copies the machine code to where it can run. Checks that an engine like this one made it, not what it does.
#[allow(
    unsafe_code,
    reason = "wasmtime takes machine code on trust; compiling in a child process is the only way to stop a compiler"
)]
fn load(engine: &Engine, code: &MachineCode) -> Result<Component, Rejection> {
    // SAFETY: machine code must come from `Engine::precompile_component` and be unchanged. The field of `MachineCode` is private to
    // `compile`, and filled only with what our own executable, started as a child, wrote to a pipe that nobody else holds, and only
    // if it ended well. Bytes of an upload or of a file never become one.
    let loaded = unsafe { Component::deserialize(engine, code.bytes()) };
    loaded.map_err(|error| {
        Rejection::new(
            COMPILE_FAILED,
            format!("the machine code of the component cannot be loaded: {}", one_line(&error)),
            "restart the broker if its executable was replaced while it ran; this is not the component's fault",
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

/// SHA-256, lower-case hex.
pub(super) fn hex_digest(bytes: &[u8]) -> String {
    let hex = |byte: u8| format!("{byte:02x}");
    Sha256::digest(bytes).into_iter().map(hex).collect()
}
