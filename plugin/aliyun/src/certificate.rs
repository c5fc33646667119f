//! The certificate of a connection: TLS has proved possession of its key and the chain to a verified authority of the registry; here its serial number is
//! read, which together with the authority is the identity.
//!
//! Names count for nothing: every certificate that the vendor issues has the same subject. The authority is the verified one, not the issuer's
//! name, since two authorities may share a name. A serial number has one form, the registry's: upper-case hex without leading zeros.

use crate::contract::{Connect, Refusal, UtcMs};
use crate::refusal::{self, refuse_by};
use std::fmt::Write;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Hex digits of a serial number: 20 bytes, the registry's bound.
const SERIAL_MAX: usize = 40;

const MILLISECONDS: u64 = 1_000;

/// What identifies a device, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The registry's id of the authority that the leaf chains to.
    pub authority: String,
    /// Upper-case hex without leading zeros.
    pub serial: String,
    /// The last moment of the validity.
    pub not_after: UtcMs,
}

/// The leaf that the client presented, within its validity.
pub fn presented(connect: &Connect) -> Result<Leaf, Refusal> {
    let certificate = connect.certificate.as_ref().ok_or_else(missing)?;
    let authority = certificate.authority.as_ref().ok_or_else(|| {
        wrong(
            "the certificate does not chain to a verified authority: add and verify its authority",
        )
    })?;
    let der = certificate.chain.first().ok_or_else(missing)?;
    read(der, authority, connect.now)
}

/// Whether a leaf may still be used; also asked of live sessions.
pub fn check_not_after(not_after: UtcMs, now: UtcMs) -> Result<(), Refusal> {
    if now <= not_after {
        return Ok(());
    }
    Err(wrong("the certificate has expired: renew it"))
}

fn read(der: &[u8], authority: &str, now: UtcMs) -> Result<Leaf, Refusal> {
    let unreadable =
        || wrong("the certificate cannot be read: it is not one X.509 certificate in DER");
    let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| unreadable())?;
    if !rest.is_empty() {
        return Err(unreadable());
    }
    let serial = hex(certificate.raw_serial());
    if serial.is_empty() || serial.len() > SERIAL_MAX {
        return Err(wrong(
            "the certificate's serial number is zero or over 20 bytes: it identifies nobody, issue another one",
        ));
    }
    let validity = certificate.validity();
    if now < milliseconds(validity.not_before.timestamp()) {
        return Err(wrong("the certificate is not valid yet: check the clocks"));
    }
    let not_after = milliseconds(validity.not_after.timestamp());
    check_not_after(not_after, now)?;
    Ok(Leaf {
        authority: authority.to_owned(),
        serial,
        not_after,
    })
}

/// Upper case, without leading zeros; empty for zero.
fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing into a String cannot fail.
        let _ = write!(digits, "{byte:02X}");
        digits
    });
    digits.trim_start_matches('0').to_owned()
}

/// A moment before 1970 counts as 1970: as an end it is long over, as a beginning long past.
fn milliseconds(seconds: i64) -> UtcMs {
    u64::try_from(seconds).map_or(0, |seconds| seconds.saturating_mul(MILLISECONDS))
}

fn missing() -> Refusal {
    refuse_by(
        refusal::CERTIFICATE_MISSING,
        "certificate",
        "the client must prove itself by a certificate and sent none: connect over TLS with it, or name the device and send its password",
    )
}

/// The certificate is not the client's.
pub fn wrong(detail: &str) -> Refusal {
    refuse_by(refusal::CERTIFICATE, "certificate", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Certificate;
    use crate::sample::{self, DEVICE1, EXPIRED, NOW, ZEROS};
    use proptest::prelude::*;

    fn code(certificate: Option<Certificate>, now: UtcMs) -> Result<String, u16> {
        let connect = Connect {
            certificate,
            now,
            ..sample::connect(".", None)
        };
        presented(&connect)
            .map(|leaf| format!("{}:{}", leaf.authority, leaf.serial))
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn serial_numbers_have_the_registrys_form() {
        for (pem, serial) in [(DEVICE1, "3476BFA870CC99"), (ZEROS, "8F00A1")] {
            let expected = Ok(format!("ca1:{serial}"));
            assert_eq!(code(Some(sample::presented(pem)), NOW), expected);
        }
        for (bytes, expected) in [
            (&[0_u8, 0x8f, 0][..], "8F00"),
            (&[0x0a, 0xbc], "ABC"),
            (&[0, 0], ""),
            (&[], ""),
            (&[0xff], "FF"),
        ] {
            assert_eq!(hex(bytes), expected);
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let whole = sample::der(DEVICE1);
        let longer = [whole.clone(), vec![0]].concat();
        assert_eq!(code(None, NOW), Err(302));
        for (chain, expected) in [
            (Vec::new(), 302),
            (vec![Vec::new()], 303),
            (vec![vec![0x30]], 303),
            (vec![whole[..whole.len() - 1].to_vec()], 303),
            (vec![longer], 303),
        ] {
            let authority = Some("ca1".into());
            let certificate = Certificate { chain, authority };
            assert_eq!(code(Some(certificate), NOW), Err(expected));
        }
        let unchained = Certificate {
            authority: None,
            ..sample::presented(DEVICE1)
        };
        assert_eq!(code(Some(unchained), NOW), Err(303));
    }

    /// 2026-11-01T00:00:00Z to 2026-11-08T00:00:00Z.
    #[test]
    fn the_validity_is_closed_at_both_ends() {
        let (start, end) = (1_793_491_200_000, 1_794_096_000_000);
        for (now, valid) in [
            (start - 1, false),
            (start, true),
            (end, true),
            (end + 1, false),
        ] {
            let judged = code(Some(sample::presented(EXPIRED)), now);
            assert_eq!(judged.is_ok(), valid, "{now}");
        }
    }

    proptest! {
        #[test]
        fn flipped_bytes_never_panic(at in 0_usize..900, bit in 0_u8..8) {
            let mut certificate = sample::presented(DEVICE1);
            let der = &mut certificate.chain[0];
            let at = at % der.len();
            der[at] ^= 1 << bit;
            drop(code(Some(certificate), NOW));
        }
    }
}
