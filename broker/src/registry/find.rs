//! Look-ups: a subject is read in one snapshot, so a record and its product are of the same moment.

use super::{Error, Registry, row};
use crate::contract::{Child, Client, Lookup, Product, Subject};
use rusqlite::{Connection, OptionalExtension, ToSql};

/// The contract's «first 1 000 sub-devices».
const CHILDREN: u32 = 1_000;

impl Registry {
    /// The record that `identify` asked for, with its product; an empty subject where there is none, or more than one.
    ///
    /// A look-up for a device finds no application and the other way round, so that neither can log in as the other.
    ///
    /// # Errors
    ///
    /// The registry cannot be read; the caller refuses.
    pub fn find(&self, lookup: &Lookup) -> Result<Subject, Error> {
        self.connections.read(|reader| {
            let client = found(reader, lookup)?;
            subject_of(reader, client)
        })
    }

    /// The same by the id of the record (device or application): for judging a live session again.
    ///
    /// # Errors
    ///
    /// The registry cannot be read; the caller refuses.
    pub fn subject(&self, id: &str) -> Result<Subject, Error> {
        self.connections.read(|reader| {
            let client = one(reader, "id = ?1", &[&id])?;
            subject_of(reader, client)
        })
    }
}

/// Each condition is answered by one index of the schema (see `schema`); SQLite joins the two of a fingerprint by OR.
fn found(reader: &Connection, lookup: &Lookup) -> Result<Option<Client>, Error> {
    match lookup {
        Lookup::Client(id) => one(reader, "id = ?1 AND application = 0", &[id]),
        Lookup::Application(name) => one(reader, "id = ?1 AND application = 1", &[name]),
        Lookup::Node(node) => one(reader, "node = ?1", &[node]),
        Lookup::ProductNode((product, node)) => {
            one(reader, "product = ?1 AND node = ?2", &[product, node])
        }
        Lookup::Fingerprint(print) => one(
            reader,
            "(fingerprint_primary = ?1 OR fingerprint_secondary = ?1)",
            &[print],
        ),
        Lookup::Serial((authority, serial)) => one(
            reader,
            "authority = ?1 AND serial = ?2",
            &[authority, serial],
        ),
    }
}

/// The only client that meets the condition; two are as good as none, because nobody could say which is meant.
pub(super) fn one(
    reader: &Connection,
    condition: &'static str,
    values: &[&dyn ToSql],
) -> Result<Option<Client>, Error> {
    let columns = row::CLIENT;
    let query = format!("SELECT {columns} FROM client WHERE {condition} LIMIT 2");
    let mut statement = reader.prepare_cached(&query)?;
    let mut rows = statement.query_map(values, row::client)?;
    let first = rows.next().transpose()?;
    let is_only = rows.next().is_none();
    Ok(first.filter(|_| is_only))
}

fn subject_of(reader: &Connection, client: Option<Client>) -> Result<Subject, Error> {
    let Some(mut client) = client else {
        return Ok(Subject {
            client: None,
            product: None,
        });
    };
    client.children = children(reader, &client.id)?;
    Ok(Subject {
        product: product(reader, &client.product)?,
        client: Some(client),
    })
}

pub(super) fn product(reader: &Connection, id: &str) -> Result<Option<Product>, Error> {
    Ok(reader
        .prepare_cached("SELECT id, policies, attributes FROM product WHERE id = ?1")?
        .query_row([id], row::product)
        .optional()?)
}

fn children(reader: &Connection, gateway: &str) -> Result<Vec<Child>, Error> {
    let query = format!(
        "SELECT id, product, node FROM client WHERE gateway = ?1 ORDER BY id LIMIT {CHILDREN}"
    );
    let mut statement = reader.prepare_cached(&query)?;
    let rows = statement.query_map([gateway], |row| {
        Ok(Child {
            id: row.get(0)?,
            product: row.get(1)?,
            node: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_look_up_uses_an_index() {
        let data = tempfile::tempdir().unwrap();
        let registry = Registry::open(data.path()).unwrap();
        for condition in [
            "id = ?1 AND application = 0",
            "node = ?1",
            "product = ?1 AND node = ?2",
            "(fingerprint_primary = ?1 OR fingerprint_secondary = ?1)",
            "authority = ?1 AND serial = ?2",
            "gateway = ?1 ORDER BY id",
        ] {
            let query = format!("EXPLAIN QUERY PLAN SELECT * FROM client WHERE {condition}");
            let plan: Vec<String> = registry
                .connections
                .read(|reader| {
                    let mut statement = reader.prepare(&query)?;
                    // Nothing is bound: no plan may depend on a value.
                    let steps = statement.raw_query().mapped(|row| row.get(3));
                    Ok(steps.collect::<Result<_, _>>()?)
                })
                .unwrap();
            let plan = plan.join("; ");
            assert!(
                plan.contains("USING") && !plan.contains("SCAN"),
                "{condition}: {plan}"
            );
            assert!(!plan.contains("TEMP B-TREE"), "{condition}: {plan}");
        }
    }
}
