//! The change feed: which record changed, in the order of the writes of all processes.
//!
//! Bounds: the newest [`KEPT`] changes are kept. Whoever has fallen further behind, or comes with a number from another file, is told
//! [`Changed::All`] once and continues from there.

use super::{Error, Registry};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::{SystemTime, UNIX_EPOCH};

/// At 100 bytes a row some 10 MB; a follower that polls ten times a second is never that far behind.
const KEPT: u64 = 100_000;
/// Changes in one batch: well under a millisecond to read.
pub(super) const BATCH: u32 = 1_000;

/// Whose sessions must be judged again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The record of this client (device or application): added or changed; also where its sub-devices changed.
    Client(String),
    /// The record of this client was removed: a later one of the same id is another client.
    Removed(String),
    /// This product: everybody of the product.
    Product(String),
    /// This authority was added, verified or removed: the trust store must be replaced, and everybody judged who relied on it.
    Authority(String),
    /// Changes were missed: judge everybody, and replace the trust store.
    All,
}

/// One line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Counts up by one.
    pub sequence: u64,
    /// What changed.
    pub what: Changed,
}

impl Registry {
    /// The number of the newest change, 0 where there was none.
    ///
    /// # Errors
    ///
    /// The registry cannot be read.
    pub fn last_sequence(&self) -> Result<u64, Error> {
        self.connections.read(last)
    }

    /// At most 1 000 changes after `sequence`, also those of other processes.
    ///
    /// # Errors
    ///
    /// The registry cannot be read.
    pub fn changes_after(&self, sequence: u64) -> Result<Vec<Change>, Error> {
        self.connections.read(|reader| after(reader, sequence))
    }
}

/// Appends a line to the feed, in the transaction of the write that it tells of.
pub(super) fn append(transaction: &Connection, what: &Changed) -> Result<(), Error> {
    let (kind, id) = match what {
        Changed::Client(id) => ("client", id.as_str()),
        Changed::Removed(id) => ("removed", id.as_str()),
        Changed::Product(id) => ("product", id.as_str()),
        Changed::Authority(id) => ("authority", id.as_str()),
        Changed::All => ("all", ""),
    };
    transaction
        .prepare_cached("INSERT INTO change (at, kind, id) VALUES (?1, ?2, ?3)")?
        .execute(params![now_ms(), kind, id])?;
    Ok(())
}

/// Drops what is older than the newest [`KEPT`].
pub(super) fn prune(transaction: &Connection) -> Result<(), Error> {
    prune_to(transaction, KEPT)
}

fn prune_to(transaction: &Connection, kept: u64) -> Result<(), Error> {
    let oldest = last(transaction)?.saturating_sub(kept);
    transaction
        .prepare_cached("DELETE FROM change WHERE sequence <= ?1")?
        .execute([oldest.cast_signed()])?;
    Ok(())
}

pub(super) fn last(reader: &Connection) -> Result<u64, Error> {
    // Where the rows themselves are pruned, the counter of AUTOINCREMENT still knows.
    let last: Option<i64> = reader
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'change'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(last.unwrap_or_default().cast_unsigned())
}

pub(super) fn after(reader: &Connection, sequence: u64) -> Result<Vec<Change>, Error> {
    let last = last(reader)?;
    if last == sequence {
        return Ok(Vec::new());
    }
    let changes = rows_after(reader, sequence)?;
    let follows_on = changes
        .first()
        .is_some_and(|first| first.sequence == sequence.saturating_add(1));
    if follows_on {
        return Ok(changes);
    }
    // Pruned away, or the file was replaced by an older one.
    let what = Changed::All;
    Ok(vec![Change {
        sequence: last,
        what,
    }])
}

fn rows_after(reader: &Connection, sequence: u64) -> Result<Vec<Change>, Error> {
    let from = i64::try_from(sequence).unwrap_or(i64::MAX);
    let mut statement = reader.prepare_cached(
        "SELECT sequence, kind, id FROM change WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
    )?;
    let rows = statement.query_map(params![from, BATCH], |row| {
        let sequence: i64 = row.get(0)?;
        let kind: String = row.get(1)?;
        Ok(Change {
            sequence: sequence.cast_unsigned(),
            what: changed(&kind, row.get(2)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A kind that a later program may write is taken as wide.
fn changed(kind: &str, id: String) -> Changed {
    match kind {
        "client" => Changed::Client(id),
        "removed" => Changed::Removed(id),
        "product" => Changed::Product(id),
        "authority" => Changed::Authority(id),
        _ => Changed::All,
    }
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|now| i64::try_from(now.as_millis()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry_with_products(count: usize) -> (tempfile::TempDir, Registry) {
        let data = tempfile::tempdir().unwrap();
        let registry = Registry::open(data.path()).unwrap();
        for number in 0..count {
            registry
                .add_product(&format!("p{number}"), &[], &[])
                .unwrap();
        }
        (data, registry)
    }

    #[test]
    fn nothing_after_the_last_one() {
        let (_data, registry) = registry_with_products(3);
        assert_eq!(registry.last_sequence().unwrap(), 3);
        assert_eq!(registry.changes_after(3).unwrap(), vec![]);
        assert_eq!(registry.changes_after(1).unwrap().len(), 2);
    }

    #[test]
    fn a_pruned_gap_or_a_foreign_number_means_judge_everybody() {
        let (_data, registry) = registry_with_products(10);
        registry
            .connections
            .write(|transaction| prune_to(transaction, 4))
            .unwrap();
        let all = vec![Change {
            sequence: 10,
            what: Changed::All,
        }];
        for (sequence, seen) in [
            (0, 1),
            (5, 1),
            (6, 4),
            (9, 1),
            (10, 0),
            (11, 1),
            (u64::MAX, 1),
        ] {
            let changes = registry.changes_after(sequence).unwrap();
            assert_eq!(changes.len(), seen, "after {sequence}");
            assert_eq!(
                changes == all,
                ![6, 9, 10].contains(&sequence),
                "after {sequence}"
            );
        }
    }

    #[test]
    fn numbers_go_on_after_everything_was_pruned() {
        let (_data, registry) = registry_with_products(2);
        registry
            .connections
            .write(|transaction| prune_to(transaction, 0))
            .unwrap();
        assert_eq!(registry.last_sequence().unwrap(), 2);
        registry.add_product("later", &[], &[]).unwrap();
        assert_eq!(registry.changes_after(2).unwrap()[0].sequence, 3);
    }

    #[test]
    fn a_batch_is_bounded() {
        let (_data, registry) = registry_with_products(0);
        registry
            .connections
            .write(|transaction| {
                (0..BATCH + 5).try_for_each(|_| append(transaction, &Changed::All))
            })
            .unwrap();
        assert_eq!(registry.changes_after(0).unwrap().len(), BATCH as usize);
        assert_eq!(registry.changes_after(u64::from(BATCH)).unwrap().len(), 5);
    }
}
