//! The vendor's calls that revoke and restore, over HTTP; and what live sessions and new connections see of them.

use std::fs;

use iotda_broker::registry::fingerprint_hex;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::support::{Broker, Connect, Received, Wire};

const FREEZE: &str = "/v5/iot/any-project/devices/demo_device3/freeze";
const RESET_SECRET: &str = "/v5/iot/0/devices/demo_device3/action?action_id=resetSecret";

/// A call with the token in the vendor's header.
fn call(broker: &Broker, path: &str, body: &str) -> (u16, Value) {
    let token = broker.admin_token();
    let (status, answer) =
        broker.admin_raw("POST", path, &[("X-Auth-Token", &token)], body.as_bytes());
    let answer = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
    (status, answer)
}

/// A call of one device that succeeds.
fn done(broker: &Broker, device: &str, call_and_query: &str, body: &str) -> Value {
    let path = format!("/v5/iot/p/devices/{device}/{call_and_query}");
    let (status, answer) = call(broker, &path, body);
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer
}

/// In hex, as the vendor writes it, of the certificate of `data/demo/<name>.pem`.
fn fingerprint(broker: &Broker, name: &str) -> String {
    let file = broker.path(&format!("data/demo/{name}.pem"));
    let leaf = CertificateDer::from_pem_file(file).unwrap();
    fingerprint_hex(&Sha256::digest(&leaf))
}

fn by_certificate(broker: &Broker, name: &str, level: u8, device: &str) -> u8 {
    broker
        .tls_as(name)
        .connect(&Connect::certificate_device(level, device))
}

fn by_secret(broker: &Broker, level: u8, secret: &str) -> u8 {
    broker
        .plain()
        .connect(&Connect::secret_device(level, "demo_device3", secret))
}

/// MQTT 5: the last word is DISCONNECT «not authorized», with a reason string. MQTT 3.1.1 has no last word.
fn expect_revoked(mut session: Wire, level: u8) {
    let told = session.until_close();
    if level == 4 {
        assert_eq!(told, []);
        return;
    }
    let Some(Received { first: 0xE0, body }) = told.last() else {
        panic!("no DISCONNECT: {told:?}");
    };
    // Reason code, length of the properties, reason string.
    assert_eq!((body[0], body[2]), (0x87, 0x1F), "{body:?}");
    assert!(body.len() > 10, "{body:?}");
}

#[test]
fn a_freeze_ends_that_session_and_an_unfreeze_lets_it_in_again() {
    let broker = Broker::demo();
    let mut other = broker.device1(5);
    let mut app = broker.app(4, "app");
    for (level, refused) in [(5, 0x87), (4, 5)] {
        let session = broker.device3(level);
        assert_eq!(done(&broker, "demo_device3", "freeze", ""), json!(""));
        expect_revoked(session, level);
        assert_eq!(by_secret(&broker, level, "12345678"), refused);
        // Once more is no error, and no thaw.
        assert_eq!(done(&broker, "demo_device3", "freeze", "{}"), json!(""));
        assert_eq!(by_secret(&broker, level, "12345678"), refused);
        assert_eq!(done(&broker, "demo_device3", "unfreeze", ""), json!(""));
        broker.device3(level).ping();
    }
    other.ping();
    app.ping();
    assert_eq!(
        broker.cli_json(&["device", "show", "demo_device3"])["status"],
        "ACTIVE"
    );
}

#[test]
fn a_new_fingerprint_ends_the_session_of_the_old_one() {
    let broker = Broker::demo();
    let mut other = broker.device3(4);
    let second = fingerprint(&broker, "device2");
    for (level, refused, next, sent) in [
        (5, 0x87, "device2", second.clone()),
        (
            4,
            5,
            "device1",
            fingerprint(&broker, "device1").to_uppercase(),
        ),
    ] {
        let before = if next == "device2" {
            "device1"
        } else {
            "device2"
        };
        let session = broker
            .tls_as(before)
            .join(&Connect::certificate_device(level, "demo_device1"));
        let body = json!({ "fingerprint": sent, "force_disconnect": false, "later": {} });
        let answer = done(
            &broker,
            "demo_device1",
            "reset-fingerprint",
            &body.to_string(),
        );
        assert_eq!(
            answer,
            json!({ "device_id": "demo_device1", "fingerprint": sent.to_lowercase(), "fingerprint_type": "PRIMARY" })
        );
        expect_revoked(session, level);
        assert_eq!(
            by_certificate(&broker, before, level, "demo_device1"),
            refused
        );
        assert_eq!(by_certificate(&broker, next, level, "demo_device1"), 0);
    }
    other.ping();
}

#[test]
fn without_a_fingerprint_the_next_certificate_is_adopted() {
    let broker = Broker::demo();
    for (body, next, before) in [
        ("", "device2", "device1"),
        (r#"{"fingerprint": ""}"#, "device1", "device2"),
        (
            r#"{"fingerprint": null, "fingerprint_type": "PRIMARY"}"#,
            "device2",
            "device1",
        ),
    ] {
        let session = broker
            .tls_as(before)
            .join(&Connect::certificate_device(5, "demo_device1"));
        assert_eq!(
            done(&broker, "demo_device1", "reset-fingerprint", body),
            json!({ "device_id": "demo_device1", "fingerprint": "", "fingerprint_type": "PRIMARY" })
        );
        expect_revoked(session, 5);
        assert_eq!(
            by_certificate(&broker, next, 5, "demo_device1"),
            0,
            "{body}"
        );
        assert_eq!(
            by_certificate(&broker, before, 5, "demo_device1"),
            0x87,
            "{body}"
        );
    }
}

#[test]
fn the_secondary_fingerprint_is_another_key_to_the_same_door() {
    let broker = Broker::demo();
    let second = fingerprint(&broker, "device2");
    let body =
        |value: &str| json!({ "fingerprint": value, "fingerprint_type": "SECONDARY" }).to_string();
    let mut by_primary = broker.device1(5);
    let answer = done(&broker, "demo_device1", "reset-fingerprint", &body(&second));
    assert_eq!(answer["fingerprint_type"], "SECONDARY");
    by_primary.ping();
    let by_secondary = broker
        .tls_as("device2")
        .join(&Connect::certificate_device(5, "demo_device1"));
    // Taken over, not revoked.
    assert_eq!(by_primary.until_close().last().unwrap().body[0], 0x8E);
    done(&broker, "demo_device1", "reset-fingerprint", &body(""));
    expect_revoked(by_secondary, 5);
    assert_eq!(by_certificate(&broker, "device2", 5, "demo_device1"), 0x87);
    assert_eq!(by_certificate(&broker, "device1", 5, "demo_device1"), 0);
}

#[test]
fn a_reset_fingerprint_makes_a_certificate_device_of_a_secret_one() {
    let broker = Broker::demo();
    let session = broker.device3(5);
    let body = json!({ "fingerprint": fingerprint(&broker, "device2") }).to_string();
    done(&broker, "demo_device3", "reset-fingerprint", &body);
    expect_revoked(session, 5);
    assert_ne!(by_secret(&broker, 5, "12345678"), 0);
    let by_certificate = broker
        .tls_as("device2")
        .join(&Connect::certificate_device(5, "demo_device3"));
    let answer = done(&broker, "demo_device3", "action?action_id=resetSecret", "");
    expect_revoked(by_certificate, 5);
    assert_eq!(by_secret(&broker, 5, answer["secret"].as_str().unwrap()), 0);
}

#[test]
fn a_reset_secret_ends_the_session_of_the_old_one() {
    let broker = Broker::demo();
    let mut other = broker.device1(4);
    let mut secret = "12345678".to_owned();
    for (level, refused, given) in [(5, 0x86, Some("another_secret-1")), (4, 4, None)] {
        let connect = Connect::secret_device(level, "demo_device3", &secret);
        let session = broker.plain().join(&connect);
        let body = json!({ "secret": given, "secret_type": "PRIMARY" }).to_string();
        let (status, answer) = call(&broker, RESET_SECRET, &body);
        assert_eq!(
            (status, &answer["device_id"]),
            (200, &json!("demo_device3"))
        );
        assert_eq!(answer["secret_type"], "PRIMARY");
        let fresh = answer["secret"].as_str().unwrap();
        assert!(given.is_none_or(|given| given == fresh), "{fresh}");
        assert!(fresh != secret && fresh.len() >= 16, "{fresh}");
        expect_revoked(session, level);
        assert_eq!(by_secret(&broker, level, &secret), refused);
        assert_eq!(by_secret(&broker, level, fresh), 0);
        fresh.clone_into(&mut secret);
    }
    other.ping();
    broker.wait_for_log("/devices/demo_device3/action");
    let log = broker.log();
    assert!(
        !log.contains("another_secret-1") && !log.contains(&secret),
        "{log}"
    );
}

#[test]
fn the_secondary_secret_opens_too_and_force_disconnect_ends_what_it_need_not() {
    let broker = Broker::demo();
    let mut session = broker.device3(5);
    let secondary = json!({ "secret": "secondary-1", "secret_type": "SECONDARY" });
    let (status, answer) = call(&broker, RESET_SECRET, &secondary.to_string());
    assert_eq!((status, &answer["secret_type"]), (200, &json!("SECONDARY")));
    session.ping();
    let mut forced = secondary.clone();
    forced["force_disconnect"] = json!(true);
    assert_eq!(call(&broker, RESET_SECRET, &forced.to_string()).0, 200);
    let told = session.until_close();
    assert_eq!(told.last().map(|packet| packet.first), Some(0xE0));
    for secret in ["12345678", "secondary-1"] {
        assert_eq!(by_secret(&broker, 5, secret), 0, "{secret}");
    }
}

#[test]
fn every_refusal_has_the_vendors_form_and_code() {
    let broker = Broker::demo();
    broker.cli_json(&[
        "device",
        "add",
        "--node-id",
        "gw",
        "--product",
        "demo",
        "--auth",
        "secret",
    ]);
    broker.cli_json(&[
        "device",
        "add",
        "--node-id",
        "sub",
        "--product",
        "demo",
        "--gateway",
        "demo_gw",
    ]);
    let mut live = broker.device3(5);
    let (long, large) = (
        "d".repeat(129),
        format!("{{\"x\": \"{}\"}}", "x".repeat(1 << 16)),
    );
    let (fingerprint, secret) = ("reset-fingerprint", "action?action_id=resetSecret");
    let rows: &[(&str, &str, &str, u16, &str, &str)] = &[
        ("nobody", "freeze", "", 404, "014000", "`nobody`"),
        ("nobody", fingerprint, "", 404, "014000", "`nobody`"),
        ("nobody", secret, "", 404, "014000", "`nobody`"),
        // Applications are no devices.
        ("demo_app", "freeze", "", 404, "014000", "`demo_app`"),
        ("demo_sub", "freeze", "", 403, "014038", "sub-device"),
        ("demo_sub", "unfreeze", "", 403, "014038", "sub-device"),
        ("demo_device3", "unfreeze", "", 403, "014040", "not frozen"),
        (
            "demo_device3",
            "action?action_id=reset",
            "",
            400,
            "000006",
            "`reset`",
        ),
        ("demo_device3", "action", "", 400, "000006", "action_id"),
        ("a%20b", "freeze", "", 400, "000006", "`a b`"),
        ("%FF", "freeze", "", 400, "000006", "device id"),
        (&long, "freeze", "", 400, "000006", "1 to 128"),
        (
            "demo_device1",
            fingerprint,
            r#"{"fingerprint": "abc"}"#,
            400,
            "000006",
            "`abc`",
        ),
        (
            "demo_device1",
            fingerprint,
            r#"{"fingerprint": 5}"#,
            400,
            "000006",
            "`fingerprint` is `5`",
        ),
        (
            "demo_device1",
            fingerprint,
            r#"{"fingerprint_type": "primary"}"#,
            400,
            "000006",
            "PRIMARY or SECONDARY",
        ),
        (
            "demo_device1",
            fingerprint,
            r#"{"force_disconnect": "true"}"#,
            400,
            "000006",
            "true or false",
        ),
        (
            "demo_device3",
            fingerprint,
            r#"{"fingerprint_type": "SECONDARY"}"#,
            400,
            "000006",
            "left without a fingerprint",
        ),
        (
            "demo_device3",
            secret,
            r#"{"secret": "short"}"#,
            400,
            "000006",
            "8 to 32",
        ),
        (
            "demo_device3",
            secret,
            r#"{"secret": ""}"#,
            400,
            "000006",
            "8 to 32",
        ),
        (
            "demo_device3",
            secret,
            r#"{"secret": ["hidden-1"]}"#,
            400,
            "000006",
            "a text is needed",
        ),
        (
            "demo_device3",
            secret,
            r#"{"secret_type": 1}"#,
            400,
            "000006",
            "PRIMARY or SECONDARY",
        ),
        (
            "demo_device1",
            secret,
            r#"{"secret_type": "SECONDARY"}"#,
            400,
            "000006",
            "without a primary secret",
        ),
        ("demo_device3", secret, "{", 400, "000008", "no JSON object"),
        (
            "demo_device3",
            secret,
            "[]",
            400,
            "000008",
            "no JSON object",
        ),
        (
            "demo_device3",
            secret,
            &large,
            413,
            "000008",
            "larger than 65536 bytes",
        ),
        (
            "demo_device3",
            "delete",
            "",
            404,
            "999404",
            "/devices/demo_device3/delete",
        ),
    ];
    for (device, name, body, status, code, told) in rows {
        let path = format!("/v5/iot/p/devices/{device}/{name}");
        let (got, answer) = call(&broker, &path, body);
        let shown: String = body.chars().take(100).collect();
        let row = format!("{path} {shown}: {got} {answer}");
        assert_eq!(got, *status, "{row}");
        assert_eq!(answer["error_code"], format!("IOTDA.{code}"), "{row}");
        let message = answer["error_msg"].as_str().unwrap();
        assert!(
            message.contains(told) && !message.contains("hidden"),
            "{row}"
        );
        assert!(!message.contains('\n') && message.len() < 500, "{row}");
    }
    let token = broker.admin_token();
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let (status, answer) = broker.admin_raw(method, FREEZE, &[("X-Auth-Token", &token)], b"");
        assert_eq!(status, 405, "{method}: {answer}");
        assert!(
            answer.contains("IOTDA.999405") && answer.contains(method),
            "{answer}"
        );
    }
    // None of it has changed anything.
    live.ping();
    assert_eq!(by_secret(&broker, 4, "12345678"), 0);
    assert_eq!(by_certificate(&broker, "device1", 4, "demo_device1"), 0);
}

#[test]
fn the_token_has_two_headers_and_each_its_form() {
    let broker = Broker::demo();
    let token = broker.admin_token();
    let bearer = format!("Bearer {token}");
    let basic = format!("Basic {token}");
    let cut = &token[1..];
    for (headers, expected) in [
        (vec![("X-Auth-Token", token.as_str())], Ok(204)),
        (vec![("x-auth-token", &token)], Ok(204)),
        (vec![("Authorization", &bearer)], Ok(204)),
        (
            vec![
                ("Authorization", "SDK-HMAC-SHA256 x"),
                ("X-Auth-Token", &token),
            ],
            Ok(204),
        ),
        (vec![], Err((401, "IOTDA.000002"))),
        (vec![("Authorization", &token)], Err((401, "IOTDA.000002"))),
        (vec![("Authorization", &basic)], Err((401, "IOTDA.000002"))),
        (vec![("X-Token", &token)], Err((401, "IOTDA.000002"))),
        (vec![("X-Auth-Token", &bearer)], Err((403, "IOTDA.000004"))),
        (vec![("X-Auth-Token", cut)], Err((403, "IOTDA.000004"))),
        (vec![("X-Auth-Token", "")], Err((403, "IOTDA.000004"))),
        (
            vec![("Authorization", "Bearer wrong")],
            Err((403, "IOTDA.000004")),
        ),
        (
            vec![("Authorization", &bearer), ("X-Auth-Token", "wrong")],
            Err((403, "IOTDA.000004")),
        ),
    ] {
        let mut live = broker.device3(4);
        let (status, answer) = broker.admin_raw("POST", FREEZE, &headers, b"");
        match expected {
            Ok(expected) => {
                assert_eq!(status, expected, "{headers:?}: {answer}");
                live.expect_close();
                done(&broker, "demo_device3", "unfreeze", "");
            }
            Err((expected, code)) => {
                assert_eq!(status, expected, "{headers:?}: {answer}");
                let answer: Value = serde_json::from_str(&answer).unwrap();
                assert_eq!(answer["error_code"], code, "{headers:?}");
                live.ping();
            }
        }
    }
    // The vendor's header opens nothing else, and unknown paths are not told from known ones without a token.
    assert_eq!(
        broker
            .admin_raw("GET", "/sessions", &[("X-Auth-Token", &token)], b"")
            .0,
        401
    );
    assert_eq!(
        broker.admin_raw("POST", "/v5/iot/p/nothing", &[], b"").0,
        401
    );
    assert_eq!(broker.admin_raw("GET", FREEZE, &[], b"").0, 401);
}

#[test]
fn a_certificate_of_nobody_is_not_adopted() {
    let broker = Broker::demo();
    done(&broker, "demo_device1", "reset-fingerprint", "");
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::default().self_signed(&key).unwrap();
    let (chain, key_file) = (broker.path("own.pem"), broker.path("own.key"));
    fs::write(&chain, own.pem()).unwrap();
    fs::write(&key_file, key.serialize_pem()).unwrap();
    let ca = broker.path("data/pki/ca.pem");
    let mut stranger = Wire::tls(&broker.addr("mqtts"), &ca, Some((&chain, &key_file))).unwrap();
    let connect = Connect::certificate_device(4, "demo_device1");
    assert_eq!(stranger.connect(&connect), 5);
    assert_eq!(by_certificate(&broker, "device1", 4, "demo_device1"), 0);
}
