//! Whom a client may speak for: itself and its sub-devices.
//!
//! The record holds the first 1 000 sub-devices by id. A gateway may have 50 000, so an id behind a full list may be one of the rest: that is neither
//! a yes nor a no. An id that would stand within the list and does not is a no.

use crate::contract::{Child, Client};
use std::cell::OnceCell;

/// Sub-devices in a full list: the contract's number.
const CHILDREN_MAX: usize = 1_000;

pub(super) struct Speakers<'c> {
    client: &'c Client,
    /// Sorted when the first id is not the client's own.
    children: OnceCell<Vec<&'c Child>>,
}

/// What an id is to the client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Speaker<'c> {
    Client,
    Child(&'c Child),
    /// Beyond a full list.
    Unlisted,
    Foreign,
}

impl<'c> Speakers<'c> {
    pub(super) fn of(client: &'c Client) -> Self {
        Self {
            client,
            children: OnceCell::new(),
        }
    }

    pub(super) fn find(&self, id: &str) -> Speaker<'c> {
        if id == self.client.id {
            return Speaker::Client;
        }
        let children = self.children.get_or_init(|| sorted(self.client));
        match children.binary_search_by(|child| child.id.as_str().cmp(id)) {
            Ok(number) => children
                .get(number)
                .map_or(Speaker::Foreign, |child| Speaker::Child(child)),
            Err(number) if number >= CHILDREN_MAX => Speaker::Unlisted,
            Err(_) => Speaker::Foreign,
        }
    }
}

/// The host sends them sorted, which costs nothing to sort again.
fn sorted(client: &Client) -> Vec<&Child> {
    let mut children: Vec<_> = client.children.iter().collect();
    children.sort_by(|one, other| one.id.cmp(&other.id));
    children
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Credential;
    use crate::sample::device;

    fn gateway(count: usize) -> Client {
        let child = |number: usize| Child {
            id: format!("gw_{number:05}"),
            product: "demo".into(),
            node: format!("{number:05}"),
        };
        Client {
            children: (0..count).map(child).rev().collect(),
            ..device("gw", Credential::None)
        }
    }

    #[test]
    fn a_client_speaks_for_itself_and_its_children() {
        let client = gateway(3);
        let speakers = Speakers::of(&client);
        assert_eq!(speakers.find("gw"), Speaker::Client);
        assert!(
            matches!(speakers.find("gw_00002"), Speaker::Child(child) if child.node == "00002")
        );
        for other in ["gw_00003", "gw_0000", "GW", "gw ", "", "a", "z"] {
            assert_eq!(speakers.find(other), Speaker::Foreign, "{other}");
        }
    }

    #[test]
    fn behind_a_full_list_nobody_can_say() {
        for (count, behind) in [(999, Speaker::Foreign), (1_000, Speaker::Unlisted)] {
            let client = gateway(count);
            let speakers = Speakers::of(&client);
            assert_eq!(speakers.find("gw_01000"), behind);
            assert_eq!(speakers.find("gw_00500x"), Speaker::Foreign);
            assert!(matches!(speakers.find("gw_00998"), Speaker::Child(_)));
        }
    }
}
