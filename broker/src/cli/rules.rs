//! The rules that judge: each policy of the configuration, from the files that it names or from what is built in.
//!
//! Checked as at any swap (imports, contract, documents, cases); a rejection ends the start with its cause and what to do.

use super::{Error, bootstrap};
use crate::{
    config::{Config, Policy as PolicyConfig},
    metrics::Metrics,
    policy::{Compiler, Opening, Policy, Rejection, Shelf, Source},
    registry::Registry,
};
use std::path::{Path, PathBuf};
use tracing::info;

pub(super) struct Rules {
    /// The policy's name in the configuration.
    pub(super) name: String,
    /// Its first generation is active.
    pub(super) policy: Policy,
    /// Where the next one comes from.
    pub(super) source: Source,
    /// The policy's folder; it may be absent.
    pub(super) directory: PathBuf,
}

impl Rules {
    /// All policies, by name.
    pub(super) async fn start_all(
        config: &Config,
        registry: &Registry,
        metrics: &Metrics,
    ) -> Result<Vec<Self>, Error> {
        let mut all = Vec::with_capacity(config.policies.len());
        for (name, policy) in &config.policies {
            all.push(Self::start(name, policy, &config.data, registry, metrics).await?);
        }
        Ok(all)
    }

    async fn start(
        name: &str,
        config: &PolicyConfig,
        data: &Path,
        registry: &Registry,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let directory = directory(name, config);
        let source = Source::new(name, config.component.clone(), Some(directory.clone()));
        let shelf = Shelf::open(data, name);
        let cannot =
            Error::start("the folder of what is in force cannot be made in the data directory");
        let opening = Opening {
            name: name.to_owned(),
            settings: config.limits.clone(),
            compiler: Compiler::this_program(),
            rollout: config.rollout.clone(),
            trust: config.trust(),
            metrics: metrics.of_policy(name),
            shelf: Some(shelf.map_err(cannot)?),
        };
        let (policy, source) = first_generation(name, opening, source).await?;
        tell(name, &policy, config, &directory);
        bootstrap::apply(registry, &directory)?;
        Ok(Self {
            name: name.to_owned(),
            policy,
            source,
            directory,
        })
    }
}

/// Which rules judge, and which files change them: an operator who starts in the wrong directory gets the built-in documents.
fn tell(name: &str, policy: &Policy, config: &PolicyConfig, directory: &Path) {
    const BUILT_IN: &str = "built in";
    let active = policy.active();
    let component = config.component.as_ref().map(|file| file.display());
    let documents = directory.is_dir().then(|| directory.display());
    info!(
        policy = name,
        dialect = active.description().dialect,
        revision = active.revision(),
        component = component.map_or(BUILT_IN.to_owned(), |file| file.to_string()),
        documents = documents.map_or(BUILT_IN.to_owned(), |folder| folder.to_string()),
        "the rules are in force"
    );
}

fn directory(name: &str, policy: &PolicyConfig) -> PathBuf {
    policy
        .directory
        .clone()
        .unwrap_or_else(|| Path::new("policies").join(name))
}

async fn first_generation(
    name: &str,
    opening: Opening,
    source: Source,
) -> Result<(Policy, Source), Error> {
    let started = tokio::task::spawn_blocking(move || {
        let policy = Policy::open(opening, source.load())?;
        Ok((policy, source))
    });
    let started = started
        .await
        .map_err(Error::start("the policy cannot be started"))?;
    started.map_err(|rejection: Rejection| {
        Error::Serve(format!(
            "the policy `{name}` is rejected ({}): {}; {}",
            rejection.code, rejection.message, rejection.help
        ))
    })
}
