//! Reads an identities file (TOML). Paths in it are relative to it.

use super::{Certificate, Identities, Identity, Login};
use crate::tls::pem;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Some hundred identities.
const LARGEST: u64 = 1 << 20;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read.
    #[error("the identities file `{}` cannot be read: {cause}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: String,
    },
    /// It says what it should not.
    #[error("the identities file `{}` is wrong: {cause}", file.display())]
    Wrong {
        /// Which.
        file: PathBuf,
        /// Role, field and what to do.
        cause: String,
    },
}

/// Reads a file and whatever files it names.
pub fn read(file: &Path) -> Result<Identities, Unusable> {
    let unreadable = |cause: std::io::Error| Unusable::Unreadable {
        file: file.to_owned(),
        cause: cause.to_string(),
    };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(Unusable::Wrong {
            file: file.to_owned(),
            cause: format!("it has `{size}` bytes, more than {LARGEST}"),
        });
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    parse(&text, folder).map_err(|cause| Unusable::Wrong {
        file: file.to_owned(),
        cause,
    })
}

/// The text of a file that stands in `folder`.
pub(super) fn parse(text: &str, folder: &Path) -> Result<Identities, String> {
    let mut table: toml::Table = toml::from_str(text).map_err(|error| one_line(&error))?;
    let mut text = |name: &str| match table.remove(name) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("`{name}` is `{other}`, not a text")),
    };
    let ca = text("ca")?.map(|ca| folder.join(ca));
    let server_name = text("server_name")?;
    let roles = table.into_iter().map(|(role, value)| {
        let identities = role_of(&role, value, folder)?;
        Ok((role, identities))
    });
    let roles: BTreeMap<_, _> = roles.collect::<Result<_, String>>()?;
    if roles.is_empty() {
        return Err("it names no role: add a table such as `[device]`".into());
    }
    Ok(Identities {
        ca,
        server_name,
        roles,
    })
}

fn one_line(error: &toml::de::Error) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn role_of(role: &str, value: toml::Value, folder: &Path) -> Result<Vec<Arc<Identity>>, String> {
    let is_name =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !role.chars().all(is_name) {
        return Err(format!(
            "the role `{role}` must be of `a-z`, `0-9` and `_`, for templates to name it"
        ));
    }
    let tables = match value {
        toml::Value::Array(tables) => tables,
        table @ toml::Value::Table(_) => vec![table],
        other => {
            return Err(format!(
                "`{role}` is `{other}`: a role is a table such as `[device]`"
            ));
        }
    };
    let numbered = tables.into_iter().enumerate().map(|(number, table)| {
        let label = match number {
            0 => role.to_owned(),
            more => format!("{role} {}", more + 1),
        };
        let fields: Fields = table
            .try_into()
            .map_err(|error: toml::de::Error| format!("`{label}`: {}", one_line(&error)))?;
        let identity = fields.identity(label.clone(), folder);
        identity
            .map(Arc::new)
            .map_err(|cause| format!("`{label}`: {cause}"))
    });
    numbered.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    id: Option<String>,
    product: Option<String>,
    node: Option<String>,
    secret: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    username: Option<String>,
    password: Option<String>,
    password_file: Option<PathBuf>,
    #[serde(default)]
    anonymous: bool,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

impl Fields {
    fn identity(self, label: String, folder: &Path) -> Result<Identity, String> {
        let certificate = self.certificate(folder)?;
        let login = self.login(folder, certificate.is_some())?;
        let id = match (self.id, &login) {
            (Some(id), _) => id,
            (None, Login::Password { username, .. }) => username.clone(),
            (None, Login::Anonymous) => label.replace(' ', "_"),
            (None, _) => return Err("`id` is missing: the device id".into()),
        };
        let product = self.product.unwrap_or_default();
        let node = self
            .node
            .unwrap_or_else(|| node_of(&id, &product).to_owned());
        Ok(Identity {
            label,
            id,
            product,
            node,
            login,
            certificate,
            shared: self.shared,
            facts: self.facts,
        })
    }

    fn certificate(&self, folder: &Path) -> Result<Option<Certificate>, String> {
        let (chain, key) = match (&self.certificate, &self.key) {
            (None, None) => return Ok(None),
            (Some(chain), Some(key)) => (folder.join(chain), folder.join(key)),
            (Some(_), None) => {
                return Err("`certificate` without `key`: name the key's file".into());
            }
            (None, Some(_)) => {
                return Err("`key` without `certificate`: name the certificate's file".into());
            }
        };
        let chain = pem::certificates(&chain).map_err(|error| format!("`certificate`: {error}"))?;
        let key = pem::key(&key).map_err(|error| format!("`key`: {error}"))?;
        Ok(Some(Certificate { chain, key }))
    }

    fn login(&self, folder: &Path, has_certificate: bool) -> Result<Login, String> {
        let password = self.password(folder)?;
        let ways = (&self.secret, &self.username, password, self.anonymous);
        match ways {
            (Some(secret), None, None, false) => Ok(Login::Secret(secret.clone())),
            (None, Some(username), Some(password), false) => Ok(Login::Password {
                username: username.clone(),
                password,
            }),
            (None, Some(_), None, false) => Err("`username` without `password` or `password_file`".into()),
            (None, None, Some(_), _) => Err("`password` without `username`".into()),
            (None, None, None, true) => Ok(Login::Anonymous),
            (None, None, None, false) if has_certificate => Ok(Login::Certificate),
            (None, None, None, false) => Err(
                "it cannot log in: give `secret`, `certificate` and `key`, `username` and `password`, or `anonymous = true`"
                    .into(),
            ),
            _ => Err("it has more than one way to log in: keep one of `secret`, `username`, `anonymous`".into()),
        }
    }

    fn password(&self, folder: &Path) -> Result<Option<String>, String> {
        match (&self.password, &self.password_file) {
            (Some(_), Some(_)) => Err("`password` and `password_file`: keep one".into()),
            (password, None) => Ok(password.clone()),
            (None, Some(file)) => {
                let text = pem::text(&folder.join(file));
                let text = text.map_err(|error| format!("`password_file`: {error}"))?;
                Ok(Some(text.trim_end().to_owned()))
            }
        }
    }
}

/// The vendor's default device id is `{product}_{node}`.
fn node_of<'i>(id: &'i str, product: &str) -> &'i str {
    let node = id
        .strip_prefix(product)
        .and_then(|rest| rest.strip_prefix('_'));
    node.filter(|_| !product.is_empty()).unwrap_or(id)
}
