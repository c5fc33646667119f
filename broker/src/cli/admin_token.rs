//! `data/admin.token`: the bearer token of the admin server, made at the first start, readable by its owner alone.

use super::Error;
use crate::{
    registry::random_hex,
    tls::pem::{self, Readers},
};
use std::path::Path;

/// Shorter tokens can be guessed.
const SHORTEST: usize = 16;

/// The token in `data`; made where it is absent.
pub(super) fn load_or_make(data: &Path) -> Result<String, Error> {
    let file = data.join("admin.token");
    if !file.exists() {
        let token = format!("{}\n", random_hex(32)?);
        pem::write_new(&file, &token, Readers::Owner)?;
    }
    let token = pem::text(&file)?.trim().to_owned();
    if token.len() < SHORTEST {
        let file = file.display();
        return Err(Error::Serve(format!(
            "`{file}` holds fewer than {SHORTEST} letters: remove it, and a new one is made"
        )));
    }
    Ok(token)
}
