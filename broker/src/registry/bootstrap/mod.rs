//! `clients.json`: products, devices and applications that a policy directory brings along, for small and demo deployments.
//!
//! ```json
//! {
//!   "products": [{"id": "demo", "policies": ["p1"], "attributes": {"region": "north"}}],
//!   "devices": [
//!     {"product": "demo", "node": "d1", "fingerprint": "AB:CD:…", "secondary_fingerprint": "…"},
//!     {"product": "demo", "node": "d2", "id": "chosen", "secret": "12345678", "secondary_secret": "…", "encrypted_only": true},
//!     {"product": "demo", "node": "d3", "enrol": true, "status": "inactive", "policies": ["p1"], "attributes": {}},
//!     {"product": "demo", "node": "d4", "serial": ["AUTHORITY ID", "01AB"]},
//!     {"product": "demo", "node": "d5", "gateway": "demo_d1"}
//!   ],
//!   "applications": [{"name": "backend", "password": "…", "policies": ["p2"], "attributes": {}}]
//! }
//! ```
//!
//! A device has one kind of credential, or none. Unknown fields are refused.
//!
//! **An entry is applied once per its text.** While it stays as it is, loading it again changes nothing: a device that was frozen,
//! reset, enrolled or removed meanwhile stays so; otherwise a restart would undo a revocation. An edited entry replaces the record as
//! a whole. What is not in the file is left alone. All entries are applied in one transaction, or none.

mod entry;

use super::{Error, Registry, client, find, product, rule};
use crate::contract::Client;
use entry::{Document, Product};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What loading `clients.json` did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Entries that were new or edited.
    pub changed: usize,
    /// Entries that had been applied before.
    pub unchanged: usize,
}

impl Registry {
    /// Applies the entries of a `clients.json` that are new or edited since they were last applied.
    ///
    /// # Errors
    ///
    /// The text is malformed, or an entry is; then nothing was changed.
    pub fn upsert_from(&self, text: &str) -> Result<Applied, Error> {
        let document: Document = serde_json::from_str(text)?;
        self.connections.write(|transaction| {
            let mut applied = Applied::default();
            for entry in &document.products {
                let digest = digest(entry)?;
                let put = || put_product(transaction, entry);
                once(
                    transaction,
                    ("product", &entry.id),
                    &digest,
                    put,
                    &mut applied,
                )?;
            }
            for entry in &document.devices {
                let (digest, device) = (digest(entry)?, entry.record()?);
                let put = || put_client(transaction, &device);
                once(
                    transaction,
                    ("device", &device.id),
                    &digest,
                    put,
                    &mut applied,
                )?;
            }
            for entry in &document.applications {
                let (digest, record) = (digest(entry)?, entry.record());
                let put = || put_client(transaction, &record);
                once(
                    transaction,
                    ("app", &entry.name),
                    &digest,
                    put,
                    &mut applied,
                )?;
            }
            Ok(applied)
        })
    }
}

fn once(
    transaction: &Connection,
    (kind, id): (&str, &str),
    digest: &[u8],
    put: impl FnOnce() -> Result<(), Error>,
    applied: &mut Applied,
) -> Result<(), Error> {
    let before: Option<Vec<u8>> = transaction
        .prepare_cached("SELECT digest FROM bootstrap WHERE kind = ?1 AND id = ?2")?
        .query_row([kind, id], |row| row.get(0))
        .optional()?;
    if before.as_deref() == Some(digest) {
        applied.unchanged += 1;
        return Ok(());
    }
    put()?;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO bootstrap (kind, id, digest) VALUES (?1, ?2, ?3)")?
        .execute(params![kind, id, digest])?;
    applied.changed += 1;
    Ok(())
}

/// Of the parsed entry, so that white space and the order of fields do not count.
fn digest(entry: &impl Serialize) -> Result<Vec<u8>, Error> {
    Ok(Sha256::digest(serde_json::to_vec(entry)?).to_vec())
}

fn put_product(transaction: &Connection, entry: &Product) -> Result<(), Error> {
    let record = entry.record();
    rule::product(&record.id, &record.policies, &record.attributes)?;
    product::put(transaction, &record)
}

fn put_client(transaction: &Connection, record: &Client) -> Result<(), Error> {
    rule::client(record)?;
    client::refuse_if_bound(transaction, record)?;
    if let Some(before) = find::one(transaction, "id = ?1", &[&record.id])? {
        if before.application != record.application {
            return Err(Error::exists("record of another kind", &record.id));
        }
        // The gateway that it may be leaving has one sub-device less.
        client::tell(transaction, &before)?;
    }
    client::put(transaction, record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Credential, Status};

    const FILE: &str = r#"{
        "products": [{"id": "demo"}],
        "devices": [
            {"product": "demo", "node": "d1", "secret": "12345678"},
            {"product": "demo", "node": "d2", "enrol": true}
        ],
        "applications": [{"name": "app", "password": "long enough", "policies": ["p"]}]
    }"#;

    fn registry() -> (tempfile::TempDir, Registry) {
        let data = tempfile::tempdir().unwrap();
        let registry = Registry::open(data.path()).unwrap();
        (data, registry)
    }

    #[test]
    fn loading_again_undoes_no_revocation() {
        let (_data, registry) = registry();
        let first = registry.upsert_from(FILE).unwrap();
        assert_eq!((first.changed, first.unchanged), (4, 0));
        registry.freeze("demo_d1", true).unwrap();
        registry.remove_client(false, "demo_d2").unwrap();

        let before = registry.last_sequence().unwrap();
        let again = registry.upsert_from(FILE).unwrap();
        assert_eq!((again.changed, again.unchanged), (0, 4));
        assert_eq!(registry.last_sequence().unwrap(), before);
        let frozen = registry.client(false, "demo_d1").unwrap();
        assert_eq!(frozen.status, Status::Frozen);
        assert!(registry.client(false, "demo_d2").is_err());
    }

    #[test]
    fn an_edited_entry_replaces_the_record() {
        let (_data, registry) = registry();
        registry.upsert_from(FILE).unwrap();
        let edited = FILE.replace("12345678", "87654321");
        assert_eq!(registry.upsert_from(&edited).unwrap().changed, 1);
        let device = registry.client(false, "demo_d1").unwrap();
        assert!(matches!(device.credential, Credential::Secret(secrets)
            if secrets.primary.as_deref() == Some(b"87654321")));
    }

    #[test]
    fn a_gateway_is_told_when_a_device_leaves_it() {
        use super::super::Changed;
        let (_data, registry) = registry();
        let behind = FILE.replace("\"enrol\": true", "\"gateway\": \"demo_d1\"");
        registry.upsert_from(&behind).unwrap();
        let before = registry.last_sequence().unwrap();
        registry.upsert_from(FILE).unwrap();
        let changes = registry.changes_after(before).unwrap();
        let gateway = Changed::Client("demo_d1".into());
        assert!(changes.iter().any(|change| change.what == gateway));
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        let (_data, registry) = registry();
        for bad in [
            FILE.replace("\"12345678\"", "98765432"),
            FILE.replace("\"12345678\"", "[\"98765432\"]"),
            FILE.replace("\"long enough\"", "98765432"),
        ] {
            let error = registry.upsert_from(&bad).unwrap_err().to_string();
            assert!(!error.contains("98765432"), "{error}");
            assert!(error.contains("line"), "{error}");
        }
    }

    #[test]
    fn one_bad_entry_and_nothing_is_applied() {
        let (_data, registry) = registry();
        for bad in [
            FILE.replace("12345678", "short"),
            FILE.replace("\"enrol\"", "\"enroll\""),
            FILE.replace(
                "\"enrol\": true",
                "\"enrol\": true, \"secret\": \"12345678\"",
            ),
            FILE.replace("\"node\": \"d2\"", "\"node\": \"d1\", \"id\": \"other\""),
            FILE.replace(
                "\"product\": \"demo\", \"node\": \"d2\"",
                "\"product\": \"none\", \"node\": \"d2\"",
            ),
            FILE.replace('}', ""),
            FILE.replace("\"app\"", "\"demo_d1\""),
        ] {
            assert!(registry.upsert_from(&bad).is_err(), "{bad}");
            assert_eq!(registry.last_sequence().unwrap(), 0);
        }
    }
}
