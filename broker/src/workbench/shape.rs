//! How a client of a policy connects: the form of its client id and username. Pure.
//!
//! The host knows no dialect, and the policy's own cases do: in the CONNECT of a case the ids of its record are replaced by those of another
//! client. So `demo_device3_0_1_2026112120` of the case's `demo_device3` becomes `pump_7_0_1_2026112120` of `pump_7`. A policy without
//! cases is tried with the id itself. Bounds: [`SHAPES_MAX`] forms for one client.

use crate::contract::{Client, Connect, Protocol};
use crate::policy::cases::Sample;

/// Forms that are tried for one client.
pub const SHAPES_MAX: usize = 64;

/// The CONNECTs that this client might send, without what proves it: those of cases that are let in first.
pub fn connects(samples: &[Sample], client: &Client) -> Vec<Connect> {
    let mut connects: Vec<Connect> = Vec::new();
    let of_kind = |sample: &&Sample| {
        let owner = sample.subject.client.as_ref();
        owner.is_some_and(|owner| owner.application == client.application)
    };
    let (let_in, others): (Vec<_>, Vec<_>) = samples
        .iter()
        .filter(of_kind)
        .partition(|sample| sample.is_let_in);
    let shaped = let_in.into_iter().chain(others);
    let shaped = shaped.filter_map(|sample| shaped_as(sample, client));
    for connect in shaped.chain(plain(client)) {
        let is_like = |known: &Connect| {
            (&known.client_id, &known.username) == (&connect.client_id, &connect.username)
        };
        if connects.len() < SHAPES_MAX && !connects.iter().any(is_like) {
            connects.push(connect);
        }
    }
    connects
}

/// A sample's CONNECT with another client's ids; `None` where nothing in it says whose it is and something should.
fn shaped_as(sample: &Sample, client: &Client) -> Option<Connect> {
    let owner = sample.subject.client.as_ref()?;
    let sent = &sample.connect;
    Some(Connect {
        client_id: renamed(&sent.client_id, owner, client),
        username: sent
            .username
            .as_deref()
            .map(|name| renamed(name, owner, client)),
        ..unproven(sent)
    })
}

/// A text about one client as one about another: its id, node and product are replaced, the longest first.
pub fn renamed(text: &str, from: &Client, to: &Client) -> String {
    let mut names = [
        (from.id.as_str(), to.id.as_str()),
        (&from.node, &to.node),
        (&from.product, &to.product),
    ];
    names.sort_by_key(|(own, _)| std::cmp::Reverse(own.len()));
    let (mut rest, mut whole) = (text, String::new());
    while let Some(first) = rest.chars().next() {
        let known = names
            .iter()
            .find(|(own, _)| !own.is_empty() && rest.starts_with(own));
        let taken = if let Some((own, other)) = known {
            whole.push_str(other);
            own.len()
        } else {
            whole.push(first);
            first.len_utf8()
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    whole
}

/// What no case shows.
fn plain(client: &Client) -> impl Iterator<Item = Connect> {
    let id = client.id.clone();
    let named = |client_id: &str, username: Option<&str>| Connect {
        client_id: client_id.to_owned(),
        username: username.map(str::to_owned),
        ..nobody()
    };
    [
        named(&id, Some(&id)),
        named(&id, None),
        named("workbench", Some(&id)),
    ]
    .into_iter()
}

/// The CONNECT without password, certificate and will, over TLS.
pub fn unproven(connect: &Connect) -> Connect {
    Connect {
        password: None,
        certificate: None,
        will: None,
        encrypted: true,
        ..connect.clone()
    }
}

fn nobody() -> Connect {
    Connect {
        client_id: String::new(),
        client_id_assigned: false,
        username: None,
        password: None,
        certificate: None,
        protocol: Protocol::Mqtt311,
        keep_alive: 120,
        clean_start: true,
        session_expiry: 0,
        will: None,
        listener: "mqtts".into(),
        encrypted: true,
        server_name: None,
        peer: "127.0.0.1:1".into(),
        authentication_method: None,
        user_properties: Vec::new(),
        // 2026-11-21T22:30:00Z, as in cases that say nothing else.
        now: 1_795_300_200_000,
        extra: Vec::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::contract::{Credential, Product, Secrets, Status, Subject};
    use proptest::prelude::*;

    pub(crate) fn client(id: &str, node: &str, product: &str) -> Client {
        Client {
            id: id.into(),
            node: node.into(),
            product: product.into(),
            gateway: None,
            application: product.is_empty(),
            status: Status::Active,
            encrypted_only: false,
            credential: Credential::None,
            policies: Vec::new(),
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    /// As the registry has it: an application is of no product.
    pub(crate) fn of(client: Client) -> Subject {
        let product = Product {
            id: client.product.clone(),
            policies: Vec::new(),
            attributes: Vec::new(),
        };
        Subject {
            product: (!client.application).then_some(product),
            client: Some(client),
        }
    }

    pub(crate) fn secret() -> Credential {
        Credential::Secret(Secrets {
            primary: Some(b"not typed".to_vec()),
            secondary: None,
        })
    }

    fn sample(owner: Client, client_id: &str, username: Option<&str>, is_let_in: bool) -> Sample {
        Sample {
            documents: None,
            payloads: Vec::new(),
            connect: Connect {
                client_id: client_id.into(),
                username: username.map(Into::into),
                password: Some(b"secret".to_vec()),
                encrypted: false,
                ..nobody()
            },
            subject: Subject {
                client: Some(owner),
                product: None,
            },
            is_let_in,
            accesses: Vec::new(),
        }
    }

    #[test]
    fn a_cases_connect_becomes_anothers() {
        let demo = || client("demo_device3", "device3", "demo");
        let samples = [
            sample(demo(), "demo_device3_0_0_26", Some("other"), false),
            sample(demo(), "demo_device3_0_1_26", Some("demo_device3"), true),
            sample(demo(), "x|a=b|", Some("device3&demo"), true),
            sample(client("app", "", ""), "any", Some("app"), true),
        ];
        let shapes = |client: &Client| -> Vec<(String, Option<String>)> {
            let connects = connects(&samples, client);
            assert!(
                connects
                    .iter()
                    .all(|one| one.password.is_none() && one.encrypted)
            );
            connects
                .into_iter()
                .map(|one| (one.client_id, one.username))
                .collect()
        };
        let pair = |id: &str, name: &str| (id.to_owned(), Some(name.to_owned()));
        assert_eq!(
            shapes(&client("pump_7", "p7", "pumps"))[..3],
            [
                pair("pump_7_0_1_26", "pump_7"),
                pair("x|a=b|", "p7&pumps"),
                pair("pump_7_0_0_26", "other"),
            ]
        );
        assert_eq!(shapes(&client("back", "", ""))[0], pair("any", "back"));
    }

    #[test]
    fn without_cases_the_id_is_tried_as_it_is() {
        let plain = connects(&[], &client("d", "n", "p"));
        assert_eq!(plain.len(), 3);
        assert_eq!(plain[0].client_id, "d");
    }

    #[test]
    fn forms_are_told_apart_and_bounded() {
        let owner = || client("d", "", "p");
        let form = |number: u32| sample(owner(), &format!("d-{number}"), None, true);
        let many: Vec<_> = (0..200).chain(0..200).map(form).collect();
        assert_eq!(connects(&many, &client("e", "", "p")).len(), SHAPES_MAX);
    }

    proptest! {
        #[test]
        fn a_client_is_renamed_to_itself(text in "[a-c/]{0,20}", id in "[a-c]{0,3}", node in "[a-c]{0,2}", product in "[a-c]{1,2}") {
            let own = client(&id, &node, &product);
            prop_assert_eq!(renamed(&text, &own, &own), text);
        }
    }
}
