//! Devices and applications: the write verbs.
//!
//! Each reads the record, changes it, checks it and writes it back in one transaction, so two verbs at once never mix.

use super::{Changed, Error, Registry, change, find, product, row, rule};
use crate::contract::{Client, Credential, Status};
use rusqlite::{Connection, params};

/// A part of a long list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Only ids that sort after this one.
    pub after: String,
    /// At most so many.
    pub limit: u32,
}

/// An application's record with nothing bound.
pub fn application(name: &str, password: &str) -> Client {
    Client {
        id: name.to_owned(),
        node: String::new(),
        product: String::new(),
        gateway: None,
        application: true,
        status: Status::Active,
        encrypted_only: false,
        credential: Credential::Token(password.as_bytes().to_vec()),
        policies: Vec::new(),
        attributes: Vec::new(),
        children: Vec::new(),
    }
}

impl Registry {
    /// Adds a device or an application; a device without an id gets `{product}_{node}`. Returns the id.
    ///
    /// # Errors
    ///
    /// The record is malformed, exists already, or names a product or gateway that does not exist.
    pub fn add_client(&self, mut client: Client) -> Result<String, Error> {
        if !client.application && client.id.is_empty() {
            client.id = format!("{}_{}", client.product, client.node);
        }
        rule::client(&client)?;
        self.connections.write(|transaction| {
            refuse_if_there(transaction, &client)?;
            put(transaction, &client)
        })?;
        Ok(client.id)
    }

    /// One device (or application), without its sub-devices.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`].
    pub fn client(&self, application: bool, id: &str) -> Result<Client, Error> {
        self.connections
            .read(|reader| existing(reader, application, id))
    }

    /// Devices (or applications), by id.
    ///
    /// # Errors
    ///
    /// The registry cannot be read.
    pub fn clients(
        &self,
        application: bool,
        product: Option<&str>,
        page: &Page,
    ) -> Result<Vec<Client>, Error> {
        let columns = row::CLIENT;
        let query = format!(
            "SELECT {columns} FROM client WHERE application = ?1 AND (?2 IS NULL OR product = ?2) AND id > ?3 ORDER BY id LIMIT ?4"
        );
        self.connections.read(|reader| {
            let mut statement = reader.prepare_cached(&query)?;
            let values = params![application, product, page.after, page.limit];
            let rows = statement.query_map(values, row::client)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Removes a device or an application; its session ends.
    ///
    /// # Errors
    ///
    /// It is missing, or a gateway with sub-devices.
    pub fn remove_client(&self, application: bool, id: &str) -> Result<(), Error> {
        self.connections.write(|transaction| {
            let client = existing(transaction, application, id)?;
            refuse_if_gateway(transaction, id)?;
            transaction.execute("DELETE FROM client WHERE id = ?1", [id])?;
            change::append(transaction, &Changed::Removed(id.to_owned()))?;
            tell_gateway(transaction, &client)
        })
    }

    /// A frozen device may not connect, and its session ends. Freezing it again changes nothing.
    ///
    /// # Errors
    ///
    /// It is missing, a sub-device, or not frozen when it shall be unfrozen.
    pub fn freeze(&self, id: &str, frozen: bool) -> Result<(), Error> {
        self.change_client(false, id, |device| {
            let id = id.to_owned();
            if device.gateway.is_some() {
                return Err(Error::SubDevice { id });
            }
            if !frozen && device.status != Status::Frozen {
                return Err(Error::NotFrozen { id });
            }
            device.status = if frozen {
                Status::Frozen
            } else {
                Status::Active
            };
            Ok(())
        })
    }

    /// Binds a rule document to a device or an application, or takes it off.
    ///
    /// # Errors
    ///
    /// The record is missing, the name malformed, or too many are bound.
    pub fn bind_client(
        &self,
        application: bool,
        id: &str,
        policy: &str,
        bound: bool,
    ) -> Result<(), Error> {
        self.change_client(application, id, |client| {
            product::rebind(&mut client.policies, policy, bound);
            Ok(())
        })
    }

    /// Reads, changes, checks and writes one record.
    pub(super) fn change_client(
        &self,
        application: bool,
        id: &str,
        change: impl FnOnce(&mut Client) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.connections.write(|transaction| {
            let mut client = existing(transaction, application, id)?;
            change(&mut client)?;
            rule::client(&client)?;
            put(transaction, &client)
        })
    }
}

/// Writes a checked client whose product and gateway exist, and its lines of the feed.
pub(super) fn put(transaction: &Connection, client: &Client) -> Result<(), Error> {
    if !client.application {
        product::existing(transaction, &client.product)?;
    }
    check_gateway(transaction, client)?;
    row::put_client(transaction, client)?;
    tell(transaction, client)
}

/// A gateway's grant may depend on its sub-devices, so it is judged again with them.
pub(super) fn tell(transaction: &Connection, client: &Client) -> Result<(), Error> {
    change::append(transaction, &Changed::Client(client.id.clone()))?;
    tell_gateway(transaction, client)
}

fn tell_gateway(transaction: &Connection, client: &Client) -> Result<(), Error> {
    match &client.gateway {
        Some(gateway) => change::append(transaction, &Changed::Client(gateway.clone())),
        None => Ok(()),
    }
}

pub(super) fn existing(reader: &Connection, application: bool, id: &str) -> Result<Client, Error> {
    find::one(reader, "id = ?1 AND application = ?2", &[&id, &application])?
        .ok_or_else(|| Error::missing(noun(application), id))
}

fn noun(application: bool) -> &'static str {
    if application { "app" } else { "device" }
}

fn refuse_if_there(transaction: &Connection, client: &Client) -> Result<(), Error> {
    if let Some(other) = find::one(transaction, "id = ?1", &[&client.id])? {
        return Err(Error::exists(noun(other.application), &client.id));
    }
    refuse_if_bound(transaction, client)
}

/// A node of a product, and a serial number of an authority, belong to one device.
pub(super) fn refuse_if_bound(transaction: &Connection, client: &Client) -> Result<(), Error> {
    let node = find::one(
        transaction,
        "product = ?1 AND node = ?2",
        &[&client.product, &client.node],
    )?;
    if let Some(other) = node.filter(|other| other.id != client.id) {
        let id = format!(
            "{} (node {} of product {})",
            other.id, other.node, other.product
        );
        return Err(Error::exists("device", &id));
    }
    let Credential::Serial((authority, serial)) = &client.credential else {
        return Ok(());
    };
    let holder = find::one(
        transaction,
        "authority = ?1 AND serial = ?2",
        &[authority, serial],
    )?;
    match holder.filter(|other| other.id != client.id) {
        Some(other) => Err(Error::exists("device with this certificate", &other.id)),
        None => Ok(()),
    }
}

fn check_gateway(transaction: &Connection, client: &Client) -> Result<(), Error> {
    let Some(gateway) = &client.gateway else {
        return Ok(());
    };
    let state = |cause| Error::State {
        id: gateway.clone(),
        cause,
    };
    if *gateway == client.id {
        return Err(state("cannot be its own gateway"));
    }
    if existing(transaction, false, gateway)?.gateway.is_some() {
        return Err(state(
            "is a sub-device and cannot be a gateway: choose the gateway that it hangs behind",
        ));
    }
    Ok(())
}

fn refuse_if_gateway(transaction: &Connection, id: &str) -> Result<(), Error> {
    let query = "SELECT count(*) FROM client WHERE gateway = ?1";
    let children: i64 = transaction.query_row(query, [id], |row| row.get(0))?;
    if children == 0 {
        return Ok(());
    }
    Err(Error::InUse {
        what: "device",
        id: id.to_owned(),
        cause: format!("{children} sub-devices hang behind it: remove them first"),
    })
}
