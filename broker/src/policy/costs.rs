//! What it costs to bring a component up: for measurements.
//!
//! Each step is made once more, under the limits of a broker, and thrown away; nothing is served by it.

use super::code::{self, Code};
use super::compile::Compiler;
use super::generation::Generation;
use super::instance::Instance;
use super::rejection::{CONFIGURE_FAILED, Rejection};
use super::settings::Settings;
use crate::contract::Document;
use std::time::{Duration, Instant};

/// Compiles the component once, by whoever compiles for a broker, and says how long that took. Blocks.
///
/// # Errors
///
/// It cannot be compiled.
pub fn time_compile(
    settings: &Settings,
    compiler: &Compiler,
    component: &[u8],
) -> Result<Duration, Rejection> {
    let engine = code::engine(settings)?;
    let began = Instant::now();
    Code::compile(&engine, component, &settings.in_haste(), compiler)?;
    Ok(began.elapsed())
}

impl Generation {
    /// How long a new instance takes, and its `configure`. Blocks.
    ///
    /// # Errors
    ///
    /// The component fails, or refuses the documents.
    pub fn time_start(&self, documents: &[Document]) -> Result<(Duration, Duration), Rejection> {
        let began = Instant::now();
        let mut instance = Instance::start(self.code(), self.settings())?;
        let instantiated = began.elapsed();
        let began = Instant::now();
        let configured = instance.configure(documents)?;
        let took = began.elapsed();
        configured.map_err(|problems| {
            Rejection::new(
                CONFIGURE_FAILED,
                format!(
                    "the policy refused its documents: {} problems",
                    problems.len()
                ),
                "`iotda-broker policy test` tells each",
            )
        })?;
        Ok((instantiated, took))
    }
}
