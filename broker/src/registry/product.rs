//! Products: what the clients of one kind have in common.

use super::{Changed, Error, Registry, change, find, row, rule};
use crate::contract::Product;
use rusqlite::Connection;

impl Registry {
    /// Adds a product.
    ///
    /// # Errors
    ///
    /// It is malformed or exists already.
    pub fn add_product(
        &self,
        id: &str,
        policies: &[String],
        attributes: &[(String, String)],
    ) -> Result<(), Error> {
        rule::product(id, policies, attributes)?;
        let product = Product {
            id: id.to_owned(),
            policies: policies.to_vec(),
            attributes: attributes.to_vec(),
        };
        self.connections.write(|transaction| {
            if find::product(transaction, id)?.is_some() {
                return Err(Error::exists("product", id));
            }
            put(transaction, &product)
        })
    }

    /// One product.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`].
    pub fn product(&self, id: &str) -> Result<Product, Error> {
        self.connections.read(|reader| existing(reader, id))
    }

    /// All products, by id.
    ///
    /// # Errors
    ///
    /// The registry cannot be read.
    pub fn products(&self) -> Result<Vec<Product>, Error> {
        self.connections.read(|reader| {
            let query = "SELECT id, policies, attributes FROM product ORDER BY id";
            let mut statement = reader.prepare_cached(query)?;
            let rows = statement.query_map([], row::product)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Binds a rule document to every client of the product, or takes it off.
    ///
    /// # Errors
    ///
    /// The product is missing, or the name malformed, or too many are bound.
    pub fn bind_product(&self, id: &str, policy: &str, bound: bool) -> Result<(), Error> {
        self.connections.write(|transaction| {
            let mut product = existing(transaction, id)?;
            rebind(&mut product.policies, policy, bound);
            rule::policies(&product.policies)?;
            put(transaction, &product)
        })
    }

    /// Removes a product that has no devices.
    ///
    /// # Errors
    ///
    /// It is missing, or [`Error::InUse`].
    pub fn remove_product(&self, id: &str) -> Result<(), Error> {
        self.connections.write(|transaction| {
            existing(transaction, id)?;
            refuse_if_used(transaction, id)?;
            transaction.execute("DELETE FROM product WHERE id = ?1", [id])?;
            change::append(transaction, &Changed::Product(id.to_owned()))
        })
    }
}

/// Writes the product and its line of the feed.
pub(super) fn put(transaction: &Connection, product: &Product) -> Result<(), Error> {
    row::put_product(transaction, product)?;
    change::append(transaction, &Changed::Product(product.id.clone()))
}

pub(super) fn existing(reader: &Connection, id: &str) -> Result<Product, Error> {
    find::product(reader, id)?.ok_or_else(|| Error::missing("product", id))
}

/// Names are a set in the order in which they were bound.
pub(super) fn rebind(policies: &mut Vec<String>, policy: &str, bound: bool) {
    policies.retain(|other| other != policy);
    if bound {
        policies.push(policy.to_owned());
    }
}

fn refuse_if_used(transaction: &Connection, id: &str) -> Result<(), Error> {
    let query = "SELECT count(*) FROM client WHERE product = ?1";
    let devices: i64 = transaction.query_row(query, [id], |row| row.get(0))?;
    if devices == 0 {
        return Ok(());
    }
    Err(Error::InUse {
        what: "product",
        id: id.to_owned(),
        cause: format!("{devices} devices belong to it: remove them first"),
    })
}
