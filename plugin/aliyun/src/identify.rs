//! Whom a CONNECT claims to be. Nothing is proven here.
//!
//! | username | client id | claim | looked up by |
//! |---|---|---|---|
//! | absent, empty, `&` | anything that can be read | who holds the certificate | authority and serial number |
//! | `{device name}&{product key}` | the same | that device | product and node |
//! | without `&` | without <code>\|</code> | an application | its name |
//!
//! Every other CONNECT is refused here, and so is one whose client id, keep alive or kind of authentication no device may have.

use crate::certificate;
use crate::client_id::{self, ClientId, SecureMode};
use crate::contract::{Connect, Lookup, Refusal};
use crate::names::{self, Names, Username};
use crate::refusal::{self, refuse_by, shown};
use std::ops::RangeInclusive;

/// Seconds: the vendor's platform range. Zero, which turns the time-out off, is outside.
const KEEP_ALIVE: RangeInclusive<u16> = 30..=1_200;
/// Bytes of an application's name and of its client id: together they stay within the 512 bytes of a canonical client id.
const APPLICATION_MAX: usize = 255;

/// What a CONNECT claims.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claim<'c> {
    /// To hold a certificate that is bound to some device.
    Bearer(ClientId<'c>),
    /// To be the device that the username names.
    Device(ClientId<'c>, Names<'c>),
    /// To be a client of this application.
    Application(&'c str),
}

/// The look-up that finds the claimed client.
pub fn identify(connect: &Connect) -> Result<Lookup, Refusal> {
    Ok(match claim(connect)? {
        Claim::Bearer(_) => {
            let leaf = certificate::presented(connect)?;
            Lookup::Serial((leaf.authority, leaf.serial))
        }
        Claim::Device(_, names) => {
            Lookup::ProductNode((names.product_key.to_owned(), names.device_name.to_owned()))
        }
        Claim::Application(name) => Lookup::Application(name.to_owned()),
    })
}

/// Reads the claim and checks what needs no record.
pub fn claim(connect: &Connect) -> Result<Claim<'_>, Refusal> {
    match names::parse(connect.username.as_deref()) {
        Username::Nobody => device(connect).map(Claim::Bearer),
        Username::Device(names) => Ok(Claim::Device(device(connect)?, names)),
        Username::Other(name) if !connect.client_id.contains('|') => application(connect, name),
        Username::Other(_) | Username::Malformed => Err(nameless(connect)),
    }
}

fn nameless(connect: &Connect) -> Refusal {
    let shown = shown(connect.username.as_deref().unwrap_or_default());
    refuse_by(
        refusal::NOT_AUTHORIZED,
        "username",
        format!("the username {shown} names no device: write it as `deviceName&productKey`"),
    )
}

fn device(connect: &Connect) -> Result<ClientId<'_>, Refusal> {
    let text = sent_client_id(connect);
    let id = client_id::parse(text).map_err(|cause| malformed(text, cause.cause()))?;
    check_auth_type(&id)?;
    check_secure_mode(&id, connect)?;
    check_keep_alive(connect.keep_alive)?;
    Ok(id)
}

/// An id that the host made up says nothing of the device.
fn sent_client_id(connect: &Connect) -> &str {
    if connect.client_id_assigned {
        ""
    } else {
        &connect.client_id
    }
}

fn malformed(client_id: &str, cause: &str) -> Refusal {
    let shown = shown(client_id);
    refuse_by(
        refusal::CLIENT_ID,
        "client-id",
        format!("the client id {shown} is malformed: {cause}"),
    )
}

/// `register`, `regnwl` and `connwl` are dynamic registration; what is unknown is not guessed at.
fn check_auth_type(id: &ClientId) -> Result<(), Refusal> {
    let Some(kind) = id.auth_type else {
        return Ok(());
    };
    Err(refuse_by(
        refusal::NOT_AUTHORIZED,
        "authType",
        format!(
            "`authType` {} is not offered: register the device before it connects",
            shown(kind)
        ),
    ))
}

fn check_secure_mode(id: &ClientId, connect: &Connect) -> Result<(), Refusal> {
    let cause = match (id.secure_mode, connect.encrypted) {
        (Some(SecureMode::Tls), false) => "`securemode=2` is TLS, but the connection is plain TCP",
        (Some(SecureMode::Plain), true) => "`securemode=3` is plain TCP, but the connection is TLS",
        _ => return Ok(()),
    };
    let cause = format!("{cause}: say what it is, or use the other port");
    Err(malformed(sent_client_id(connect), &cause))
}

fn check_keep_alive(seconds: u16) -> Result<(), Refusal> {
    if KEEP_ALIVE.contains(&seconds) {
        return Ok(());
    }
    Err(refuse_by(
        refusal::KEEP_ALIVE,
        "keep-alive",
        format!("a keep alive of {seconds} s is out of range: it must be 30 to 1200 s"),
    ))
}

fn application<'c>(connect: &'c Connect, name: &'c str) -> Result<Claim<'c>, Refusal> {
    let id = &connect.client_id;
    if id.len() > APPLICATION_MAX || id.chars().any(char::is_control) {
        let cause = "an application's has at most 255 bytes and no control characters";
        return Err(malformed(id, cause));
    }
    if name.len() > APPLICATION_MAX {
        return Err(nameless(connect));
    }
    Ok(Claim::Application(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::connect;
    use proptest::prelude::*;

    /// Codes are in the table cases; here are the bounds.
    #[test]
    fn an_application_keeps_within_a_canonical_client_id() {
        let longest = "n".repeat(APPLICATION_MAX);
        assert!(claim(&connect(&longest, Some(&longest))).is_ok());
        assert!(longest.len() * 2 < 512);
        let longer = format!("{longest}n");
        let code = |id: &str, name: &str| claim(&connect(id, Some(name))).unwrap_err().code;
        assert_eq!(code(&longer, &longest), refusal::CLIENT_ID);
        assert_eq!(code(&longest, &longer), refusal::NOT_AUTHORIZED);
    }

    proptest! {
        #[test]
        fn any_connect_is_looked_up_or_refused(
            client_id in "[a-z.|=,]{0,80}",
            username in proptest::option::of("[a-z0-9&/+.]{0,60}"),
            keep_alive in any::<u16>(),
        ) {
            let connect = Connect { keep_alive, ..connect(&client_id, username.as_deref()) };
            match identify(&connect) {
                Ok(Lookup::ProductNode((product, node))) => {
                    prop_assert_eq!(Some(format!("{node}&{product}")), username);
                    prop_assert!((30..=1_200).contains(&keep_alive));
                }
                Ok(Lookup::Application(name)) => {
                    prop_assert_eq!(Some(name), username);
                    prop_assert!(!client_id.contains('|'));
                }
                Ok(other) => prop_assert!(false, "{:?}", other),
                // No certificate was shown, so whoever names nobody is refused.
                Err(refusal) => prop_assert!([100, 102, 300, 302].contains(&refusal.code), "{}", refusal.code),
            }
        }
    }
}
