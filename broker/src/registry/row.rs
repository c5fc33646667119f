//! Rows of the tables as records of the contract, and back. A row that this program cannot read is an error, never a default.

use crate::contract::{Client, Credential, Fingerprints, Product, Secrets, Status};
use rusqlite::{Connection, Row, ToSql, named_params, types::Type};
use serde::{Serialize, de::DeserializeOwned};

/// All columns of a client, in the order in which [`client`] reads them.
pub(super) const CLIENT: &str = "id, application, product, node, gateway, status, encrypted_only, credential, \
     secret_primary, secret_secondary, fingerprint_primary, fingerprint_secondary, enrol, authority, serial, policies, attributes";

pub(super) fn client(row: &Row<'_>) -> rusqlite::Result<Client> {
    Ok(Client {
        id: row.get(0)?,
        application: row.get(1)?,
        product: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        node: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
        gateway: row.get(4)?,
        status: status(row, 5)?,
        encrypted_only: row.get(6)?,
        credential: credential(row)?,
        policies: json(row, 15)?,
        attributes: json(row, 16)?,
        children: Vec::new(),
    })
}

pub(super) fn product(row: &Row<'_>) -> rusqlite::Result<Product> {
    Ok(Product {
        id: row.get(0)?,
        policies: json(row, 1)?,
        attributes: json(row, 2)?,
    })
}

fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    match row.get_ref(column)?.as_str()? {
        "active" => Ok(Status::Active),
        "inactive" => Ok(Status::Inactive),
        "frozen" => Ok(Status::Frozen),
        other => Err(unreadable(column, format!("unknown status `{other}`"))),
    }
}

pub(super) fn status_text(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Inactive => "inactive",
        Status::Frozen => "frozen",
    }
}

fn credential(row: &Row<'_>) -> rusqlite::Result<Credential> {
    match row.get_ref(7)?.as_str()? {
        "secret" => Ok(Credential::Secret(Secrets {
            primary: row.get(8)?,
            secondary: row.get(9)?,
        })),
        "certificate" => Ok(Credential::Certificate(Fingerprints {
            primary: row.get(10)?,
            secondary: row.get(11)?,
            enrol: row.get(12)?,
        })),
        "serial" => Ok(Credential::Serial((row.get(13)?, row.get(14)?))),
        "token" => Ok(Credential::Token(row.get(8)?)),
        "none" => Ok(Credential::None),
        other => Err(unreadable(7, format!("unknown credential `{other}`"))),
    }
}

/// The columns of a credential; those of the other kinds are empty.
#[derive(Default)]
struct CredentialColumns<'c> {
    kind: &'static str,
    secret: [Option<&'c [u8]>; 2],
    fingerprint: [Option<&'c [u8]>; 2],
    enrol: bool,
    serial: Option<(&'c str, &'c str)>,
}

fn credential_columns(credential: &Credential) -> CredentialColumns<'_> {
    let kind = |kind| CredentialColumns {
        kind,
        ..CredentialColumns::default()
    };
    match credential {
        Credential::Secret(Secrets { primary, secondary }) => CredentialColumns {
            secret: [primary.as_deref(), secondary.as_deref()],
            ..kind("secret")
        },
        Credential::Certificate(prints) => CredentialColumns {
            fingerprint: [prints.primary.as_deref(), prints.secondary.as_deref()],
            enrol: prints.enrol,
            ..kind("certificate")
        },
        Credential::Serial((authority, serial)) => CredentialColumns {
            serial: Some((authority, serial)),
            ..kind("serial")
        },
        Credential::Token(token) => CredentialColumns {
            secret: [Some(token), None],
            ..kind("token")
        },
        Credential::None => kind("none"),
    }
}

/// Writes a client as a whole, over one of the same id. The caller has checked it.
pub(super) fn put_client(transaction: &Connection, client: &Client) -> rusqlite::Result<()> {
    let columns = credential_columns(&client.credential);
    let [secret_primary, secret_secondary] = columns.secret;
    let [fingerprint_primary, fingerprint_secondary] = columns.fingerprint;
    let (authority, serial) = columns.serial.unzip();
    let of_device = |value: &str| (!client.application).then(|| value.to_owned());
    // Not INSERT OR REPLACE: that deletes the old row first, and with it the sub-devices' foreign key.
    transaction
        .prepare_cached(PUT_CLIENT)?
        .execute(named_params! {
            ":id": client.id, ":application": client.application, ":product": of_device(&client.product),
            ":node": of_device(&client.node), ":gateway": client.gateway, ":status": status_text(client.status),
            ":encrypted_only": client.encrypted_only, ":credential": columns.kind,
            ":secret_primary": secret_primary, ":secret_secondary": secret_secondary,
            ":fingerprint_primary": fingerprint_primary, ":fingerprint_secondary": fingerprint_secondary,
            ":enrol": columns.enrol, ":authority": authority, ":serial": serial,
            ":policies": text(&client.policies)?, ":attributes": text(&client.attributes)?,
        })?;
    Ok(())
}

const PUT_CLIENT: &str = "
INSERT INTO client (id, application, product, node, gateway, status, encrypted_only, credential, secret_primary, secret_secondary,
    fingerprint_primary, fingerprint_secondary, enrol, authority, serial, policies, attributes)
VALUES (:id, :application, :product, :node, :gateway, :status, :encrypted_only, :credential, :secret_primary, :secret_secondary,
    :fingerprint_primary, :fingerprint_secondary, :enrol, :authority, :serial, :policies, :attributes)
ON CONFLICT (id) DO UPDATE SET application = :application, product = :product, node = :node, gateway = :gateway, status = :status,
    encrypted_only = :encrypted_only, credential = :credential, secret_primary = :secret_primary,
    secret_secondary = :secret_secondary, fingerprint_primary = :fingerprint_primary,
    fingerprint_secondary = :fingerprint_secondary, enrol = :enrol, authority = :authority, serial = :serial,
    policies = :policies, attributes = :attributes";

/// Writes a product as a whole, over one of the same id.
pub(super) fn put_product(transaction: &Connection, product: &Product) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO product (id, policies, attributes) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET policies = ?2, attributes = ?3",
        )?
        .execute([
            &product.id as &dyn ToSql,
            &text(&product.policies)?,
            &text(&product.attributes)?,
        ])?;
    Ok(())
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| unreadable(column, error.to_string()))
}

fn text(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn unreadable(column: usize, cause: String) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, cause.into())
}
