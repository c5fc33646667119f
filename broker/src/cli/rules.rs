//! The rules that judge: one policy in this version, from the files that the configuration names or from what is built in.
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
    pub(super) async fn start(
        config: &Config,
        registry: &Registry,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let data = &config.data;
        let (name, config) = only_policy(config)?;
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
            metrics: metrics.clone(),
            shelf: Some(shelf.map_err(cannot)?),
        };
        let (policy, source) = first_generation(opening, source).await?;
        tell(&policy, config, &directory);
        bootstrap::apply(registry, &directory)?;
        Ok(Self {
            name: name.to_owned(),
            policy,
            source,
            directory,
        })
    }
}

/// One policy judges all listeners in this version; the configuration is checked for it.
fn only_policy(config: &Config) -> Result<(&str, &PolicyConfig), Error> {
    let mut policies = config.policies.iter();
    match (policies.next(), policies.next()) {
        (Some((name, policy)), None) => Ok((name, policy)),
        _ => Err(Error::Serve(
            "the configuration must name one policy: keep one section `[policies.NAME]`".into(),
        )),
    }
}

/// Which rules judge, and which files change them: an operator who starts in the wrong directory gets the built-in documents.
fn tell(policy: &Policy, config: &PolicyConfig, directory: &Path) {
    const BUILT_IN: &str = "built in";
    let active = policy.active();
    let component = config.component.as_ref().map(|file| file.display());
    let documents = directory.is_dir().then(|| directory.display());
    info!(
        policy = active.description().name,
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

async fn first_generation(opening: Opening, source: Source) -> Result<(Policy, Source), Error> {
    let started = tokio::task::spawn_blocking(move || {
        let policy = Policy::open(opening, source.load())?;
        Ok((policy, source))
    });
    let started = started
        .await
        .map_err(Error::start("the policy cannot be started"))?;
    started.map_err(|rejection: Rejection| {
        Error::Serve(format!(
            "the policy is rejected ({}): {}; {}",
            rejection.code, rejection.message, rejection.help
        ))
    })
}
