//! Certificates as text. Pure.

use std::fmt::Write;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Characters of a line.
const WIDTH: usize = 64;

/// A chain, leaf first.
pub(super) fn chain(certificates: &[Box<[u8]>]) -> String {
    let mut text = String::new();
    for der in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        // Three bytes make four characters.
        for line in der.chunks(WIDTH / 4 * 3) {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{}", base64(line));
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = |place: usize| three.get(place).map_or(0, |byte| u32::from(*byte));
        let word = bits(0) << 16 | bits(1) << 8 | bits(2);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            text.push(if place > three.len() {
                '='
            } else {
                digit(word >> shift & 0x3F)
            });
        }
    }
    text
}

fn digit(six_bits: u32) -> char {
    let place = usize::try_from(six_bits).unwrap_or_default();
    ALPHABET.get(place).map_or('=', |digit| char::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

    #[test]
    fn base64_of_the_rfc() {
        // RFC 4648, section 10.
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..4)) {
            let boxed: Vec<Box<[u8]>> = chain.iter().map(|der| der.as_slice().into()).collect();
            let text = super::chain(&boxed);
            let read: Vec<_> = CertificateDer::pem_slice_iter(text.as_bytes()).map(Result::unwrap).collect();
            prop_assert_eq!(read.len(), chain.len());
            for (read, der) in read.iter().zip(&chain) {
                prop_assert_eq!(&**read, der.as_slice());
            }
            prop_assert!(text.lines().all(|line| line.len() <= WIDTH));
        }
    }
}
