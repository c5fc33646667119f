//! What is wrong with a configuration: all of it that could be seen, one line each.

use std::fmt;

/// The configuration was refused; nothing was started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Error(pub Vec<Problem>);

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting, such as `limits.connections`, or the file.
    pub setting: String,
    /// Lower case, one line, with what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "configuration: `{}`: {}", self.setting, self.message)
    }
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// Gathers problems while the rest is still being looked at.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, setting: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem {
            setting: setting.into(),
            message: message.into(),
        });
    }

    pub(super) fn require(&mut self, holds: bool, setting: impl Into<String>, message: &str) {
        if !holds {
            self.add(setting, message);
        }
    }

    pub(super) fn done(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error(self.0))
        }
    }
}
