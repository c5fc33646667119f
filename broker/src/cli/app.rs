//! `iotda-broker app …`: applications connect with their name as username and a password, from any client id.

use super::{Answer, Error, attribute, secret};
use crate::{
    contract::Client,
    registry::{Page, Registry, application, random_secret},
};
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Register an application. Without `--password`, one is made up and printed, once.
    Add {
        /// 1 to 128 of the letters A-Z a-z 0-9 _ -
        name: String,
        /// 8 to 256 bytes; `-` reads it from stdin.
        #[arg(long, allow_hyphen_values = true)]
        password: Option<String>,
        /// Bind a rule document, by its name; may be given five times.
        #[arg(long = "policy", value_name = "NAME")]
        policies: Vec<String>,
        /// An attribute that the policy sees.
        #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = attribute)]
        attributes: Vec<(String, String)>,
        /// May connect over TLS only.
        #[arg(long)]
        encrypted_only: bool,
    },
    /// Show one application, without its password.
    Show {
        /// The application's name.
        name: String,
    },
    /// List all applications.
    List,
    /// Remove an application; its sessions end.
    Remove {
        /// The application's name.
        name: String,
    },
    /// Replace the password. Without one, a new one is made up and printed, once.
    ResetPassword {
        /// The application's name.
        name: String,
        /// 8 to 256 bytes; `-` reads it from stdin.
        #[arg(allow_hyphen_values = true)]
        password: Option<String>,
    },
    /// Bind a rule document to the application.
    Bind {
        /// The application's name.
        name: String,
        /// The document's name without `.json`.
        policy: String,
    },
    /// Take a rule document off the application.
    Unbind {
        /// The application's name.
        name: String,
        /// The document's name without `.json`.
        policy: String,
    },
}

impl Verb {
    pub(super) fn run(self, registry: &Registry) -> Result<Answer, Error> {
        match self {
            Self::Add {
                name,
                password,
                policies,
                attributes,
                encrypted_only,
            } => {
                let (password, made_up) = given_or_made_up(password)?;
                registry.add_client(Client {
                    policies,
                    attributes,
                    encrypted_only,
                    ..application(&name, &password)
                })?;
                Ok(named(&name, made_up.then_some(password)))
            }
            Self::Show { name } => Ok(Answer::record(shown(&registry.client(true, &name)?))),
            Self::List => {
                let page = Page {
                    after: String::new(),
                    limit: u32::MAX,
                };
                let all = registry.clients(true, None, &page)?;
                Ok(Answer::list(
                    "apps",
                    &["app", "policies"],
                    all.iter().map(shown).collect(),
                ))
            }
            Self::Remove { name } => {
                registry.remove_client(true, &name)?;
                Ok(named(&name, None))
            }
            Self::ResetPassword { name, password } => {
                let (password, made_up) = given_or_made_up(password)?;
                registry.reset_token(&name, &password)?;
                Ok(named(&name, made_up.then_some(password)))
            }
            Self::Bind { name, policy } => {
                registry.bind_client(true, &name, &policy, true)?;
                Ok(named(&name, None))
            }
            Self::Unbind { name, policy } => {
                registry.bind_client(true, &name, &policy, false)?;
                Ok(named(&name, None))
            }
        }
    }
}

fn given_or_made_up(password: Option<String>) -> Result<(String, bool), Error> {
    match password {
        Some(given) => Ok((secret(given)?, false)),
        None => Ok((random_secret()?, true)),
    }
}

fn named(name: &str, made_up: Option<String>) -> Answer {
    let mut json = json!({ "app": name });
    let mut lines = vec![name.to_owned()];
    if let (Some(password), Some(fields)) = (made_up, json.as_object_mut()) {
        lines.push(format!("password: {password}"));
        fields.insert("password".into(), password.into());
    }
    Answer::new(json, lines)
}

fn shown(app: &Client) -> Value {
    json!({
        "app": app.id,
        "secure_access": app.encrypted_only,
        "policies": app.policies,
        "attributes": super::device::map(&app.attributes),
    })
}
