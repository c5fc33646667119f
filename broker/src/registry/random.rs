//! Ids and secrets that nobody can guess, from the operating system.

use super::Error;

/// Letters of a generated secret: all that the vendor allows in one (`[A-Za-z0-9_-]`), 64, so that six bits make one letter.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// `bytes` random bytes in lower-case hex.
///
/// # Errors
///
/// The operating system has none.
pub fn random_hex(bytes: usize) -> Result<String, Error> {
    Ok(super::fingerprint_hex(&random(bytes)?))
}

/// A secret of 32 letters, the vendor's longest: 192 random bits.
///
/// # Errors
///
/// The operating system has none.
pub fn random_secret() -> Result<String, Error> {
    let letter = |byte: u8| LETTERS.get(usize::from(byte & 63)).copied().map(char::from);
    Ok(random(32)?.into_iter().filter_map(letter).collect())
}

fn random(bytes: usize) -> Result<Vec<u8>, Error> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    Ok(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_differ_and_keep_to_the_vendors_letters() {
        let (one, other) = (random_secret().unwrap(), random_secret().unwrap());
        assert_eq!((one.len(), other.len()), (32, 32));
        assert_ne!(one, other);
        assert!(one.bytes().all(|letter| LETTERS.contains(&letter)));
        assert_eq!(random_hex(16).unwrap().len(), 32);
    }
}
