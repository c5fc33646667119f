//! Whom a CONNECT claims to be. Nothing is proven here.
//!
//! A client id of the vendor's form claims a device; every other client id with a username claims an application, whose clients choose
//! their ids freely. A device that garbles its client id is thus looked up as an application, found nowhere, and told by `authenticate`
//! what is wrong with its id.

use crate::client_id::{self, ClientId, Kind, Malformed};
use crate::contract::{Connect, Lookup, Refusal};
use crate::refusal::{self, refuse, refuse_by, shown};
use std::ops::RangeInclusive;

/// Seconds: the vendor's platform range. Zero, which turns the time-out off, is outside.
const KEEP_ALIVE: RangeInclusive<u16> = 30..=1_200;
/// Bytes of an application's name: with `/` and a client id it stays within the 512 bytes of a canonical client id.
const NAME_MAX: usize = 255;

/// What a CONNECT claims.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claim<'c> {
    /// To be the device that the client id and the username name.
    Device(ClientId<'c>),
    /// To be a client of an application.
    Application {
        /// The username.
        name: &'c str,
        /// Why the client id is not a device's.
        not_a_device: Malformed,
    },
}

/// The look-up that finds the claimed client.
pub fn identify(connect: &Connect) -> Result<Lookup, Refusal> {
    Ok(match claim(connect)? {
        Claim::Device(claimed) => match claimed.kind {
            Kind::Device => Lookup::Client(claimed.id.to_owned()),
            Kind::Node => Lookup::Node(claimed.id.to_owned()),
        },
        Claim::Application { name, .. } => Lookup::Application(name.to_owned()),
    })
}

/// Reads the claim and checks what needs no record.
pub fn claim(connect: &Connect) -> Result<Claim<'_>, Refusal> {
    let username = connect.username.as_deref().filter(|name| !name.is_empty());
    match (client_id::parse(&connect.client_id), username) {
        (Ok(claimed), _) => device(claimed, connect).map(Claim::Device),
        (Err(cause @ (Malformed::TooLong | Malformed::Control)), _) => {
            Err(malformed(&connect.client_id, cause))
        }
        (Err(not_a_device), Some(name)) if name.len() <= NAME_MAX => {
            Ok(Claim::Application { name, not_a_device })
        }
        (Err(cause), _) => Err(malformed(&connect.client_id, cause)),
    }
}

/// The refusal of a client id that no device has.
pub fn malformed(client_id: &str, cause: Malformed) -> Refusal {
    let shown = shown(client_id);
    refuse_by(
        refusal::CLIENT_ID,
        "client-id",
        format!("the client id {shown} is malformed: {cause}"),
    )
}

fn device<'c>(claimed: ClientId<'c>, connect: &Connect) -> Result<ClientId<'c>, Refusal> {
    check_keep_alive(connect.keep_alive)?;
    match connect.username.as_deref() {
        Some(username) if username == claimed.id => Ok(claimed),
        Some(other) => Err(refuse_by(
            refusal::USERNAME,
            "username",
            format!(
                "the client id names {} but the username is {}: both must be the same id",
                shown(claimed.id),
                shown(other)
            ),
        )),
        None => Err(refuse_by(
            refusal::USERNAME,
            "username",
            "the username is missing: it must be the id that the client id names",
        )),
    }
}

fn check_keep_alive(seconds: u16) -> Result<(), Refusal> {
    if KEEP_ALIVE.contains(&seconds) {
        return Ok(());
    }
    Err(refuse(
        refusal::KEEP_ALIVE,
        format!("a keep alive of {seconds} s is out of range: it must be 30 to 1200 s"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::connect;
    use proptest::prelude::*;

    /// Codes are in the table cases; here are the bounds.
    #[test]
    fn an_application_keeps_within_a_canonical_client_id() {
        let client_id = "c".repeat(client_id::LENGTH_MAX);
        let longest = "n".repeat(NAME_MAX);
        assert!(claim(&connect(&client_id, Some(&longest))).is_ok());
        assert!(longest.len() + 1 + client_id.len() <= 512);
        for (client_id, name) in [
            (format!("{client_id}c"), longest.clone()),
            (client_id, format!("{longest}n")),
        ] {
            let refusal = claim(&connect(&client_id, Some(&name))).unwrap_err();
            assert_eq!(refusal.code, refusal::CLIENT_ID);
        }
    }

    proptest! {
        #[test]
        fn any_connect_is_looked_up_or_refused(client_id in ".{0,40}", username in proptest::option::of(".{0,40}")) {
            match identify(&connect(&client_id, username.as_deref())) {
                Ok(Lookup::Client(id) | Lookup::Node(id)) => prop_assert_eq!(Some(id), username),
                Ok(Lookup::Application(name)) => prop_assert_eq!(Some(name), username),
                Ok(other) => prop_assert!(false, "{:?}", other),
                Err(refusal) => prop_assert!((100..=102).contains(&refusal.code)),
            }
        }
    }
}
