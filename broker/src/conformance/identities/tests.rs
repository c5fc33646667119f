//! What an identities file may say, and how a wrong one is refused.

use super::reading::parse;
use super::*;
use std::path::Path;

fn parsed(text: &str) -> Result<Identities, String> {
    parse(text, Path::new("/nowhere"))
}

#[test]
fn every_way_to_log_in_is_read() {
    let identities = parsed(
        r#"
        ca = "../pki/ca.pem"
        server_name = "localhost"
        [[device]]
        id = "demo_device3"
        product = "demo"
        secret = "12345678"
        [[device]]
        id = "odd"
        product = "demo"
        secret = "s"
        [application]
        username = "demo_app"
        password = "p"
        shared = true
        [guest]
        anonymous = true
        facts = { child = "demo_sensor1" }
        "#,
    )
    .unwrap();
    assert_eq!(identities.ca.unwrap(), Path::new("/nowhere/../pki/ca.pem"));
    let devices = &identities.roles["device"];
    let labels: Vec<_> = devices
        .iter()
        .map(|it| (it.label.as_str(), it.node.as_str()))
        .collect();
    assert_eq!(labels, [("device", "device3"), ("device 2", "odd")]);
    let signature = Signature {
        kind: 1,
        stamp: "2026112122".into(),
    };
    assert_eq!(
        devices[0].client_id(&signature, "free"),
        "demo_device3_0_1_2026112122"
    );
    assert_eq!(devices[0].username(), Some("demo_device3"));
    let application = &identities.roles["application"][0];
    assert_eq!(application.client_id(&signature, "free"), "free");
    assert_eq!(application.password(&signature).as_deref(), Some("p"));
    assert!(application.shared);
    let guest = &identities.roles["guest"][0];
    assert_eq!((guest.username(), guest.password(&signature)), (None, None));
    assert_eq!(guest.facts["child"], "demo_sensor1");
}

#[test]
fn what_is_wrong_is_named_with_its_role_and_field() {
    for (text, parts) in [
        ("", &["no role"][..]),
        ("ca = 5\n[device]\nid=\"a\"\nsecret=\"b\"", &["`ca`", "`5`"]),
        ("device = 5", &["`device`", "table"]),
        ("[Device]\nid=\"a\"", &["`Device`", "a-z"]),
        (
            "[device]\nid = \"a\"\nsecrt = \"b\"",
            &["`device`", "secrt"],
        ),
        ("[device]\nsecret = \"b\"", &["`device`", "`id`"]),
        ("[device]\nid = \"a\"", &["`device`", "cannot log in"]),
        (
            "[device]\nid = \"a\"\nsecret = \"b\"\nanonymous = true",
            &["more than one way"],
        ),
        (
            "[application]\nusername = \"a\"",
            &["`application`", "`password`"],
        ),
        ("[application]\npassword = \"a\"", &["`username`"]),
        (
            "[application]\nusername=\"a\"\npassword=\"a\"\npassword_file=\"f\"",
            &["keep one"],
        ),
        (
            "[application]\nusername = \"a\"\npassword_file = \"f\"",
            &["`password_file`", "/nowhere/f"],
        ),
        (
            "[x509]\nid = \"a\"\nkey = \"k\"",
            &["`x509`", "`certificate`"],
        ),
        (
            "[x509]\nid = \"a\"\ncertificate = \"c\"\nkey = \"k\"",
            &["/nowhere/c"],
        ),
        ("[device\nid", &["line 1"]),
    ] {
        let error = parsed(text).err().unwrap();
        for part in parts {
            assert!(error.contains(part), "{text}: no `{part}` in: {error}");
        }
        assert!(!error.contains('\n'), "{error}");
    }
}
