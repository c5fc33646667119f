//! `--limits FILE`: what bounds a component, where the broker's configuration does not leave it at the defaults.
//!
//! The file is TOML with the keys of `[policies.NAME.limits]`, without that header: a component of another language needs more memory, a larger
//! file and a longer compilation than a Rust one. What is wrong in it is told with exit code 64, before anything runs.

use crate::policy::{Rejection, Settings};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

/// What is wrong with the file of limits.
pub(super) const LIMITS_INVALID: &str = "limits-invalid";

/// The flag, of every verb that runs a component.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Limits {
    /// TOML file with the keys of `[policies.NAME.limits]` of the broker's configuration [default: the broker's own]
    #[arg(long, value_name = "FILE")]
    limits: Option<PathBuf>,
}

impl Limits {
    /// The limits of the file, or those of a broker without configuration.
    pub(super) fn settings(&self) -> Result<Settings, Rejection> {
        let Some(file) = &self.limits else {
            return Ok(Settings::default());
        };
        let text = fs::read_to_string(file).map_err(|error| invalid(file, &error.to_string()))?;
        read(&text).map_err(|cause| invalid(file, &cause))
    }
}

fn read(text: &str) -> Result<Settings, String> {
    let settings: Settings = toml::from_str(text).map_err(|error| {
        let line = error.span().and_then(|span| text.get(..span.start));
        let line = line.map_or(1, |before| before.matches('\n').count() + 1);
        format!("line {line}: {}", error.message().replace('\n', ", "))
    })?;
    match zero(&settings) {
        Some(name) => Err(format!("`{name}` is 0: nothing could be compiled")),
        None => Ok(settings),
    }
}

/// What the broker's configuration may not set to 0 either.
fn zero(settings: &Settings) -> Option<&'static str> {
    let is_zero = [
        ("compile_cpu", settings.compile_cpu.is_zero()),
        ("compile_patience", settings.compile_patience.is_zero()),
        ("compile_wall", settings.compile_wall.is_zero()),
        ("compile_memory", settings.compile_memory == 0),
    ];
    is_zero
        .into_iter()
        .find_map(|(name, zero)| zero.then_some(name))
}

fn invalid(file: &Path, cause: &str) -> Rejection {
    Rejection::new(
        LIMITS_INVALID,
        format!("the limits `{}` cannot be used: {cause}", file.display()),
        "write the keys of `[policies.NAME.limits]` without that header, such as `memory_max = 67108864` or `compile_cpu = \"60s\"`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_the_file_does_not_name_stays_as_it_is() {
        let read = read("memory_max = 7\ncompile_cpu = '90s'").unwrap();
        let changed = Settings {
            memory_max: 7,
            compile_cpu: Duration::from_secs(90),
            ..Settings::default()
        };
        assert_eq!(read, changed);
        assert_eq!(Limits::default().settings(), Ok(Settings::default()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, told) in [
            (
                "memory_max = 7\nmemory = 1",
                "line 2: unknown field `memory`",
            ),
            ("\n[limits]\n", "line 2: unknown field `limits`"),
            ("memory_max = '1 MiB'", "line 1: invalid type"),
            ("compile_cpu = 'long'", "line 1: "),
            ("memory_max =", "line 1: "),
            ("compile_wall = '0s'", "`compile_wall` is 0"),
        ] {
            let cause = read(text).unwrap_err();
            assert!(cause.starts_with(told), "{cause}");
        }
        let missing = Limits {
            limits: Some("missing.toml".into()),
        };
        let rejection = missing.settings().unwrap_err();
        assert_eq!(rejection.code, LIMITS_INVALID);
        assert!(rejection.message.contains("`missing.toml`"), "{rejection}");
    }
}
