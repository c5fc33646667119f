//! From file, environment and flags to [`Config`].

use super::{
    Admin, Config, Error, Flags, Limits, Log, Policy, Tls,
    error::Problems,
    listener::{Listener, Written},
};
use crate::policy::BuiltIn;
use config::{Environment, File, FileFormat, Source, Value};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

const PREFIX: &str = "IOTDA_BROKER";
const SECTIONS: [&str; 10] = [
    "admin",
    "data",
    "decisions",
    "engine",
    "limits",
    "listeners",
    "log",
    "policies",
    "sessions",
    "tls",
];

impl Config {
    /// Reads and checks the configuration. `file`: TOML, optional.
    ///
    /// # Errors
    ///
    /// Every problem that could be seen.
    pub fn load(file: Option<&Path>, flags: &Flags) -> Result<Self, Error> {
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator("__")
            .separator("__");
        Self::from_sources(file, environment, flags)
    }

    /// The same with an environment of the caller's, for tests.
    pub(super) fn from_sources(
        file: Option<&Path>,
        environment: Environment,
        flags: &Flags,
    ) -> Result<Self, Error> {
        let mut problems = Problems::default();
        let mut sections = Sections {
            values: gather(file, environment, &mut problems),
            problems,
        };
        let config = sections.config(flags);
        let mut problems = sections.problems;
        config.check(&mut problems);
        problems.done()?;
        Ok(config)
    }
}

/// The tables of all sources, laid over each other.
fn gather(
    file: Option<&Path>,
    environment: Environment,
    problems: &mut Problems,
) -> HashMap<String, Value> {
    let mut builder = config::Config::builder();
    if let Some(file) = file {
        // Not File::from: that would also try other extensions.
        match std::fs::read_to_string(file) {
            Ok(text) => builder = builder.add_source(File::from_str(&text, FileFormat::Toml)),
            Err(error) => problems.add(
                file.display().to_string(),
                format!("the file cannot be read: {error}"),
            ),
        }
    }
    let gathered = builder
        .add_source(environment)
        .build()
        .and_then(|all| all.collect());
    gathered.unwrap_or_else(|error| {
        let name = file.map_or_else(|| PREFIX.into(), |file| file.display().to_string());
        problems.add(name, one_line(&error));
        HashMap::new()
    })
}

struct Sections {
    values: HashMap<String, Value>,
    problems: Problems,
}

impl Sections {
    fn config(&mut self, flags: &Flags) -> Config {
        self.refuse_unknown();
        let mut admin: Admin = self.take("admin").unwrap_or_default();
        if let Some(address) = flags.admin {
            admin = Admin {
                enabled: true,
                address,
            };
        }
        let data: Option<PathBuf> = self.take("data");
        let mut policies: BTreeMap<String, Policy> = self.take("policies").unwrap_or_default();
        let listeners = self.listeners(flags, &policies);
        // What is built in needs no section.
        for listener in listeners.values() {
            if BuiltIn::named(&listener.policy).is_some() {
                policies.entry(listener.policy.clone()).or_default();
            }
        }
        Config {
            data: flags.data.clone().or(data).unwrap_or_else(|| "data".into()),
            listeners,
            admin,
            tls: self.take::<Tls>("tls"),
            policies,
            limits: self.take::<Limits>("limits").unwrap_or_default(),
            sessions: self.take("sessions").unwrap_or_default(),
            engine: self.take("engine").unwrap_or_default(),
            decisions: self.take("decisions").unwrap_or_default(),
            log: self.take::<Log>("log").unwrap_or_default(),
        }
    }

    fn refuse_unknown(&mut self) {
        let mut unknown: Vec<_> = self.values.keys().cloned().collect();
        unknown.retain(|name| !SECTIONS.contains(&name.as_str()));
        unknown.sort();
        for name in unknown {
            let known = SECTIONS.join("`, `");
            self.problems.add(
                name,
                format!("there is no such section: `{known}` are known"),
            );
        }
    }

    fn listeners(
        &mut self,
        flags: &Flags,
        policies: &BTreeMap<String, Policy>,
    ) -> BTreeMap<String, Listener> {
        let mut written: BTreeMap<String, Written> = self
            .take("listeners")
            .unwrap_or_else(|| BTreeMap::from([("mqtts".to_owned(), Written::standard())]));
        flags.listeners(&mut written);
        let is_named = written.values().any(Written::names_policy);
        let policy = default_policy(policies, is_named);
        let mut complete = BTreeMap::new();
        for (name, listener) in written {
            match listener.complete(&name, policy) {
                Ok(listener) => drop(complete.insert(name, listener)),
                Err(message) => self.problems.add(format!("listeners.{name}"), message),
            }
        }
        complete
    }

    /// Parses one section; none where it is absent or wrong, and then the problem is noted.
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let value = self.values.remove(name)?;
        match value.try_deserialize() {
            Ok(section) => Some(section),
            Err(error) => {
                self.problems.add(name, one_line(&error));
                None
            }
        }
    }
}

/// Who judges where a listener does not say it: the built-in policy. Where no listener says it and one policy alone has a section, that one is meant.
fn default_policy(policies: &BTreeMap<String, Policy>, is_named: bool) -> &str {
    let mut names = policies.keys();
    match (names.next(), names.next()) {
        (Some(only), None) if !is_named => only,
        _ => BuiltIn::default_policy().name,
    }
}

/// A TOML error draws its line over several.
fn one_line(error: &config::ConfigError) -> String {
    let text = error.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
