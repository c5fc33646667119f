//! Certificate authorities of the devices. An authority counts only once its owner has proved possession of its key (`verified`).
//!
//! What a certificate must be to become one is checked where certificates are read: `tls::authority`.

use super::{Changed, Error, Registry, change, random_hex};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The vendor's limit.
const AUTHORITIES: i64 = 100;
const COLUMNS: &str = "id, common_name, certificate, verified, verify_code";

/// A registered authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The certificate id, 24 random hex digits.
    pub id: String,
    /// The certificate's common name; for people.
    pub common_name: String,
    /// DER of the certificate.
    pub certificate: Vec<u8>,
    /// Only a verified authority authenticates anybody.
    pub verified: bool,
    /// What the common name of the verification certificate must be.
    pub verify_code: String,
}

/// An authority that passed `tls::authority`'s checks.
#[derive(Clone, Debug)]
pub struct NewAuthority {
    /// The certificate's common name.
    pub common_name: String,
    /// DER of the certificate.
    pub certificate: Vec<u8>,
}

impl Registry {
    /// Adds an unverified authority with a new id and verification code.
    ///
    /// # Errors
    ///
    /// The same certificate is registered already, or 100 authorities are.
    pub fn add_authority(&self, new: NewAuthority) -> Result<Authority, Error> {
        let authority = Authority {
            id: random_hex(12)?,
            common_name: new.common_name,
            certificate: new.certificate,
            verified: false,
            verify_code: random_hex(16)?,
        };
        self.connections.write(|transaction| {
            refuse_if_there(transaction, &authority.certificate)?;
            refuse_if_full(transaction, &authority.id)?;
            let query = format!("INSERT INTO authority ({COLUMNS}) VALUES (?1, ?2, ?3, 0, ?4)");
            let Authority {
                id,
                common_name,
                certificate,
                verify_code,
                ..
            } = &authority;
            transaction.execute(&query, params![id, common_name, certificate, verify_code])?;
            tell(transaction, id)
        })?;
        Ok(authority)
    }

    /// Marks an authority as verified; the caller has checked the verification certificate.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`].
    pub fn mark_verified(&self, id: &str) -> Result<(), Error> {
        self.change_authority(id, "UPDATE authority SET verified = 1 WHERE id = ?1")
    }

    /// Removes an authority: from now on it authenticates nobody.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`].
    pub fn remove_authority(&self, id: &str) -> Result<(), Error> {
        self.change_authority(id, "DELETE FROM authority WHERE id = ?1")
    }

    /// One authority.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`].
    pub fn authority(&self, id: &str) -> Result<Authority, Error> {
        let query = format!("SELECT {COLUMNS} FROM authority WHERE id = ?1");
        let found = self.connections.read(|reader| {
            let mut statement = reader.prepare_cached(&query)?;
            Ok(statement.query_row([id], authority).optional()?)
        })?;
        found.ok_or_else(|| Error::missing("ca", id))
    }

    /// All authorities, by id.
    ///
    /// # Errors
    ///
    /// The registry cannot be read.
    pub fn authorities(&self) -> Result<Vec<Authority>, Error> {
        let query = format!("SELECT {COLUMNS} FROM authority ORDER BY id");
        self.connections.read(|reader| {
            let mut statement = reader.prepare_cached(&query)?;
            let rows = statement.query_map([], authority)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Verified authorities only: what TLS may trust.
    ///
    /// # Errors
    ///
    /// The registry cannot be read.
    pub fn verified_authorities(&self) -> Result<Vec<Authority>, Error> {
        let all = self.authorities()?;
        Ok(all
            .into_iter()
            .filter(|authority| authority.verified)
            .collect())
    }

    fn change_authority(&self, id: &str, statement: &str) -> Result<(), Error> {
        self.connections.write(|transaction| {
            if transaction.execute(statement, [id])? == 0 {
                return Err(Error::missing("ca", id));
            }
            tell(transaction, id)
        })
    }
}

fn authority(row: &Row<'_>) -> rusqlite::Result<Authority> {
    Ok(Authority {
        id: row.get(0)?,
        common_name: row.get(1)?,
        certificate: row.get(2)?,
        verified: row.get(3)?,
        verify_code: row.get(4)?,
    })
}

fn tell(transaction: &Connection, id: &str) -> Result<(), Error> {
    change::append(transaction, &Changed::Authority(id.to_owned()))
}

fn refuse_if_there(transaction: &Connection, certificate: &[u8]) -> Result<(), Error> {
    let query = "SELECT id FROM authority WHERE certificate = ?1";
    let there: Option<String> = transaction
        .query_row(query, [certificate], |row| row.get(0))
        .optional()?;
    match there {
        Some(id) => Err(Error::exists("ca", &id)),
        None => Ok(()),
    }
}

fn refuse_if_full(transaction: &Connection, id: &str) -> Result<(), Error> {
    let count: i64 =
        transaction.query_row("SELECT count(*) FROM authority", [], |row| row.get(0))?;
    if count < AUTHORITIES {
        return Ok(());
    }
    Err(Error::Malformed {
        what: "ca",
        value: id.to_owned(),
        rule: format!(
            "{AUTHORITIES} authorities are registered, and no more are allowed: remove one first"
        ),
    })
}
