//! Whole payloads and their verdicts, on the documents that operators deploy: `demo` is lenient, `demo_strict` strict.

use super::*;
use crate::contract::{Child, Credential, Document, Principal, Qos, Subject};
use crate::sample::{NOW, device};
use proptest::prelude::*;

const REPORT: &str = "system:properties/report";
const GATEWAY: &str = "system:gateway/sub_devices/properties/report";
const EVENTS: &str = "system:events/up";
const COMMAND: &str = "system:commands/response/+";
const SET: &str = "system:properties/set/response/+";
const GET: &str = "system:properties/get/response/+";
const SHADOW: &str = "system:shadow/get/+";
const INSPECTED: [&str; 7] = [REPORT, GATEWAY, EVENTS, COMMAND, SET, GET, SHADOW];

fn configuration() -> Configuration {
    let document = |name: &str, text: &str| Document {
        name: name.into(),
        text: text.into(),
    };
    Configuration::read(&[
        document(
            "product_demo.json",
            include_str!("../../../../policies/iotda/product_demo.json"),
        ),
        document(
            "product_demo_strict.json",
            include_str!("../../../../policies/iotda/product_demo_strict.json"),
        ),
        document("topics.json", r#"{"product_id":"topics","services":[]}"#),
        document(
            "off.json",
            r#"{"product_id":"off","services":[],"payload_check":"off"}"#,
        ),
    ])
    .unwrap()
}

fn access(product: &str, rule: &str, payload: &[u8]) -> Access {
    let child = |id: &str, product: &str| Child {
        id: id.into(),
        product: product.into(),
        node: id.into(),
    };
    let client = Client {
        product: product.into(),
        children: vec![
            child("sub1", product),
            child("sub2", "demo_strict"),
            child("sub3", "unknown"),
        ],
        ..device("gw", Credential::None)
    };
    Access {
        principal: Principal {
            id: "gw".into(),
            proof: Vec::new(),
            enrol: None,
            extra: Vec::new(),
        },
        subject: Subject {
            client: Some(client),
            product: None,
        },
        action: Actions::PUBLISH,
        topic: "$oc/devices/gw/sys/x".into(),
        qos: Qos::AtLeastOnce,
        retain: false,
        payload: payload.to_vec(),
        rule: rule.into(),
        now: NOW,
        extra: Vec::new(),
    }
}

fn judge(product: &str, rule: &str, payload: &str) -> Verdict {
    inspect(&configuration(), &access(product, rule, payload.as_bytes()))
}

/// `allow`, or the code and sentence with which it is denied.
fn strict(rule: &str, payload: &str) -> Result<(), (u16, String)> {
    match judge("demo_strict", rule, payload) {
        Verdict::Allow | Verdict::Replace(_) => Ok(()),
        Verdict::Deny(refusal) => {
            assert_eq!(refusal.rule.as_deref(), Some(rule));
            Err((refusal.code, refusal.detail))
        }
        Verdict::Remark(remark) => panic!("a remark of a strict product: {remark:?}"),
    }
}

/// One strict service `Meter` with these properties.
fn meter(properties: &str) -> String {
    format!(
        r#"{{"services":[{{"service_id":"Meter","properties":{{{properties}}},"event_time":"20261121T223000Z"}}]}}"#
    )
}

fn mismatch(rule: &str, payload: &str) -> String {
    let (code, detail) = strict(rule, payload).expect_err(payload);
    assert_eq!(code, refusal::PAYLOAD, "{payload}: {detail}");
    assert!(detail.len() <= 512 && !detail.contains('\n'), "{detail}");
    detail
}

#[test]
fn every_data_type_in_its_range_passes() {
    for properties in [
        r#""level":0"#,
        r#""level":100"#,
        r#""level":1e2"#,
        r#""level":50.0"#,
        r#""level":1,"total":9223372036854775807"#,
        r#""level":1,"temperature":-40,"label":"ÄÖÜäöüß8","since":"20161219T114920Z""#,
        r#""level":1,"temperature":85.5,"label":"","since":"2020-08-12T12:12:12.333Z""#,
        r#""level":1,"network":{"a":[1,{"b":null}]},"mode":"manual","online":false"#,
        r#""level":1,"network":[],"mode":"\u0061uto","tags":[]"#,
        r#""level":1,"tags":["a","12345678"]"#,
        r#""l\u0065vel":1"#,
    ] {
        let payload = meter(properties);
        assert_eq!(
            judge("demo_strict", REPORT, &payload),
            Verdict::Allow,
            "{payload}"
        );
    }
}

#[test]
fn what_the_model_forbids_is_told_with_place_value_and_cause() {
    for (properties, expected) in [
        (
            r#""level":101"#,
            "`services[0].properties.level` is `101`, over the maximum of `100`: report a value from `0` to `100`",
        ),
        (
            r#""level":-1"#,
            "`services[0].properties.level` is `-1`, below the minimum of `0`",
        ),
        (
            r#""level":1.5"#,
            "is `1.5`, which is no int: report a whole number",
        ),
        (r#""level":"1""#, "is `\"1\"`, which is no int"),
        (r#""level":null"#, "is `null`, which is no int"),
        (r#""level":true"#, "which is no int"),
        (r#""level":1e99"#, "is `1e99`, beyond 64 bits"),
        (
            r#""level":1,"total":9223372036854775808"#,
            "properties.total` is `9223372036854775808`, beyond 64 bits",
        ),
        (
            r#""level":1,"temperature":-40.01"#,
            "is `-40.01`, below the minimum of `-40`",
        ),
        (
            r#""level":1,"temperature":85.6"#,
            "over the maximum of `85.5`",
        ),
        (
            r#""level":1,"temperature":1e999"#,
            "over the maximum of `85.5`",
        ),
        (r#""level":1,"temperature":"20""#, "which is no decimal"),
        (
            r#""level":1,"label":"123456789""#,
            "has 9 characters, over the `max_length` of 8",
        ),
        (r#""level":1,"label":5"#, "which is no string"),
        (r#""level":1,"since":"yesterday""#, "which is no DateTime"),
        (r#""level":1,"since":20161219"#, "which is no DateTime"),
        (r#""level":1,"network":"{}""#, "which is no jsonObject"),
        (
            r#""level":1,"mode":"off""#,
            "which the model's `enum_list` does not have: report one of its 2 values, such as `auto`",
        ),
        (r#""level":1,"mode":0"#, "which is no enum"),
        (r#""level":1,"online":1"#, "which is no boolean"),
        (r#""level":1,"tags":"a""#, "which is no string list"),
        (r#""level":1,"tags":["a",1]"#, "which is no string list"),
        (
            r#""level":1,"tags":["123456789"]"#,
            "with an entry which has 9 characters",
        ),
        (
            r#""level":1,"speed":5"#,
            "`services[0].properties` has `speed`, which the model does not have there",
        ),
        (
            r#""level":1,"level":2"#,
            "`services[0].properties.level` is there twice",
        ),
        (
            r#""total":1"#,
            "`services[0].properties.level` is missing, which the model requires",
        ),
    ] {
        let told = mismatch(REPORT, &meter(properties));
        assert!(told.contains(expected), "{properties}: {told}");
    }
}

#[test]
fn the_form_of_a_report_is_checked() {
    for (payload, expected) in [
        (
            "",
            "the payload is no JSON: EOF while parsing a value at line 1 column 0",
        ),
        ("[]", "the payload is no JSON object"),
        (
            "{}",
            "`services` is missing or of another kind: send an array",
        ),
        (
            r#"{"services":{}}"#,
            "`services` is missing or of another kind",
        ),
        (
            r#"{"services":null}"#,
            "`services` is missing or of another kind",
        ),
        (
            r#"{"services":[1]}"#,
            "`services[0]` is missing or of another kind: send an object",
        ),
        (
            r#"{"services":[{}]}"#,
            "`services[0].service_id` is missing",
        ),
        (
            r#"{"services":[{"service_id":1,"properties":{}}]}"#,
            "`services[0].service_id` is missing or of another kind: send a text",
        ),
        (
            r#"{"services":[{"service_id":"Relay"}]}"#,
            "`services[0].properties` is missing",
        ),
        (
            r#"{"services":[{"service_id":"Relay","properties":[]}]}"#,
            "`services[0].properties` is missing or of another kind",
        ),
        (
            r#"{"services":[{"service_id":"relay","properties":{}}]}"#,
            "is of the service `relay`, which the model does not have",
        ),
        (
            r#"{"services":[{"service_id":"$ota","properties":{}}]}"#,
            "of the service `$ota`",
        ),
        (
            r#"{"services":[],"services":[]}"#,
            "`payload` has `services` twice",
        ),
        (
            r#"{"services":[{"service_id":"Relay","service_id":"Meter","properties":{}}]}"#,
            "`services[0]` has `service_id` twice",
        ),
        (
            r#"{"services":[{"service_id":"Relay","properties":{"closed":NaN}}]}"#,
            "no JSON: expected value at line 1 column 59",
        ),
    ] {
        let told = mismatch(REPORT, payload);
        assert!(told.contains(expected), "{payload}: {told}");
    }
    for payload in [
        r#"{"services":[]}"#,
        r#"{"services":[{"service_id":"Relay","properties":{},"quality":3}],"id":7}"#,
    ] {
        assert_eq!(strict(REPORT, payload), Ok(()), "{payload}");
    }
}

#[test]
fn events_and_answers_that_match_pass() {
    for (rule, payload) in [
        (
            EVENTS,
            r#"{"services":[{"service_id":"Meter","event_type":"alarm","event_time":"20261121T223000Z","event_id":"1","paras":{"severity":"high"}}]}"#,
        ),
        (
            EVENTS,
            r#"{"object_device_id":"gw","services":[{"service_id":"$time_sync","event_type":"time_sync_request","paras":{"device_send_time":1}}]}"#,
        ),
        (
            EVENTS,
            r#"{"services":[{"service_id":"$sub_device_manager"}]}"#,
        ),
        (
            EVENTS,
            r#"{"services":[{"service_id":"$log","event_type":7,"paras":[]}]}"#,
        ),
        (COMMAND, "{}"),
        (
            COMMAND,
            r#"{"result_code":0,"response_name":"reboot_response","paras":{"at":"20161219T114920Z"}}"#,
        ),
        (
            COMMAND,
            r#"{"result_code":1,"response_name":"reboot_response","paras":{"reason":"busy"}}"#,
        ),
        (COMMAND, r#"{"result_code":0,"paras":{"anything":1}}"#),
        (
            COMMAND,
            r#"{"result_code":null,"response_name":null,"paras":null}"#,
        ),
        (SET, r#"{"result_code":0,"result_desc":"success"}"#),
        (SET, "{}"),
        (
            GET,
            r#"{"services":[{"service_id":"Meter","properties":{"total":5}}]}"#,
        ),
        (SHADOW, r#"{"object_device_id":null,"service_id":"Meter"}"#),
        (SHADOW, r#"{"object_device_id":""}"#),
        (SHADOW, "{}"),
    ] {
        assert_eq!(strict(rule, payload), Ok(()), "{rule} {payload}");
    }
}

#[test]
fn events_and_answers_that_do_not_match_are_told() {
    for (rule, payload, expected) in [
        (
            EVENTS,
            r#"{"services":[{"service_id":"Meter","event_type":"alarm","paras":{"severity":"medium"}}]}"#,
            "`services[0].paras.severity` is `\"medium\"`",
        ),
        (
            EVENTS,
            r#"{"services":[{"service_id":"Meter","event_type":"alarm"}]}"#,
            "`services[0].paras.severity` is missing",
        ),
        (
            EVENTS,
            r#"{"services":[{"service_id":"Meter","event_type":"fire","paras":{}}]}"#,
            "of the event `fire`, which the model does not have",
        ),
        (
            EVENTS,
            r#"{"services":[{"service_id":"Pump","event_type":"alarm","paras":{}}]}"#,
            "of the service `Pump`",
        ),
        (
            EVENTS,
            r#"{"services":[{"service_id":"Meter","paras":{}}]}"#,
            "`services[0].event_type` is missing",
        ),
        (
            EVENTS,
            r#"{"services":[{"service_id":"Meter","event_type":"alarm","event_id":1,"paras":{"severity":"low"}}]}"#,
            "`services[0].event_id` is missing or of another kind",
        ),
        (
            COMMAND,
            r#"{"result_code":"0"}"#,
            "`result_code` is missing or of another kind",
        ),
        (
            COMMAND,
            r#"{"response_name":"reboot_response","paras":{}}"#,
            "`paras.at` is missing",
        ),
        (
            COMMAND,
            r#"{"response_name":"open_response","paras":{}}"#,
            "of the response `open_response`",
        ),
        (
            COMMAND,
            r#"{"paras":[]}"#,
            "`paras` is missing or of another kind",
        ),
        (
            SET,
            r#"{"result_code":0.5}"#,
            "`result_code` is missing or of another kind",
        ),
        (
            SET,
            r#"{"result_desc":1}"#,
            "`result_desc` is missing or of another kind",
        ),
        (
            GET,
            r#"{"services":[{"service_id":"Meter","properties":{"level":101}}]}"#,
            "over the maximum",
        ),
        (
            SHADOW,
            r#"{"service_id":5}"#,
            "`service_id` is missing or of another kind",
        ),
    ] {
        let told = mismatch(rule, payload);
        assert!(told.contains(expected), "{payload}: {told}");
    }
}

#[test]
fn a_lenient_product_passes_what_a_strict_one_denies_with_the_same_sentence() {
    for payload in [
        "{",
        r#"{"services":[{"service_id":"Pump","properties":{},"event_time":"20261121T223000Z"}]}"#,
    ] {
        let Verdict::Remark(remark) = judge("demo", REPORT, payload) else {
            panic!("{payload}")
        };
        assert_eq!((remark.payload, remark.refusal.code), (None, 402));
        assert_eq!(remark.refusal.detail, mismatch(REPORT, payload));
        assert_eq!(remark.refusal.rule.as_deref(), Some(REPORT));
    }
    let Verdict::Remark(remark) = judge(
        "demo",
        REPORT,
        r#"{"services":[{"service_id":"Pump","properties":{}}]}"#,
    ) else {
        panic!()
    };
    let stamped =
        r#"{"services":[{"service_id":"Pump","properties":{},"event_time":"20261121T223000Z"}]}"#;
    assert_eq!(remark.payload.as_deref(), Some(stamped.as_bytes()));
}

#[test]
fn a_missing_or_malformed_time_becomes_the_arrival_and_all_else_stays() {
    for (rule, sent, routed) in [
        (
            REPORT,
            r#"{ "services" : [ {"service_id":"Meter","properties":{"level":1.0e1,"total":12345678901234567}} ] }"#,
            r#"{ "services" : [ {"service_id":"Meter","properties":{"level":1.0e1,"total":12345678901234567},"event_time":"20261121T223000Z"} ] }"#,
        ),
        (
            REPORT,
            r#"{"services":[{"event_time":"yesterday","service_id":"Relay","properties":{}},{"service_id":"Relay","event_time":null,"properties":{}}]}"#,
            r#"{"services":[{"event_time":"20261121T223000Z","service_id":"Relay","properties":{}},{"service_id":"Relay","event_time":"20261121T223000Z","properties":{}}]}"#,
        ),
        (
            REPORT,
            r#"{"services":[{"service_id":"Relay","properties":{},"event_time":1482148160000}]}"#,
            r#"{"services":[{"service_id":"Relay","properties":{},"event_time":"20261121T223000Z"}]}"#,
        ),
        (
            EVENTS,
            r#"{"services":[{"service_id":"$log","event_type":"log_report","paras":{"timestamp":"1"}}]}"#,
            r#"{"services":[{"service_id":"$log","event_type":"log_report","paras":{"timestamp":"1"},"event_time":"20261121T223000Z"}]}"#,
        ),
        (
            GATEWAY,
            r#"{"devices":[{"device_id":"sub1","services":[{"service_id":"Relay","properties":{"closed":true}}]}]}"#,
            r#"{"devices":[{"device_id":"sub1","services":[{"service_id":"Relay","properties":{"closed":true},"event_time":"20261121T223000Z"}]}]}"#,
        ),
    ] {
        assert_eq!(
            judge("demo_strict", rule, sent),
            Verdict::Replace(routed.into()),
            "{sent}"
        );
        assert_eq!(
            judge("demo_strict", rule, routed),
            Verdict::Allow,
            "{routed}"
        );
    }
    let python = r#"{"services":[{"service_id":"Relay","properties":{},"event_time":"2026-11-21T22:30:00Z"}]}"#;
    assert_eq!(judge("demo_strict", REPORT, python), Verdict::Allow);
    let answer = r#"{"services":[{"service_id":"Relay","properties":{}}]}"#;
    assert_eq!(judge("demo_strict", GET, answer), Verdict::Allow);
}

fn code(verdict: &Verdict) -> u16 {
    match verdict {
        Verdict::Deny(refusal) => refusal.code,
        _ => 0,
    }
}

#[test]
fn nobody_speaks_for_a_strange_device_strict_or_lenient() {
    for (rule, payload) in [
        (REPORT, r#"{"object_device_id":"other","services":[]}"#),
        (REPORT, r#"{"services":[],"object_device_\u0069d":"other"}"#),
        (
            REPORT,
            r#"{"object_device_id":"gw","services":[],"object_device_id":"other"}"#,
        ),
        (
            REPORT,
            r#"{"object_device_id":null,"services":[],"object_device_id":"other"}"#,
        ),
        (REPORT, r#"{"object_device_id":123,"services":[]}"#),
        (REPORT, r#"{"object_device_id":["gw"],"services":[]}"#),
        (REPORT, r#"{"object_device_id":"GW","services":[]}"#),
        (
            REPORT,
            r#"{"services":[{"a":NaN}],"object_device_id":"other"}"#,
        ),
        (REPORT, r"{'object_device_id':'other','services':[]}"),
        (REPORT, r#"[{"object_device_id":"other"}]"#),
        (REPORT, r#"{"object_device_id":"other""#),
        (EVENTS, r#"{"object_device_id":"other","services":[]}"#),
        (COMMAND, r#"{"object_device_id":"other"}"#),
        (SET, r#"{"object_device_id":"other"}"#),
        (GET, r#"{"object_device_id":"other","services":[]}"#),
        (SHADOW, r#"{"object_device_id":"other"}"#),
        (
            GATEWAY,
            r#"{"devices":[{"device_id":"sub1","services":[]},{"device_id":"other","services":[]}]}"#,
        ),
        (
            GATEWAY,
            r#"{"devices":[{"device_id":"sub1","device_id":"other","services":[]}]}"#,
        ),
        (
            GATEWAY,
            r#"{"devices":[],"devices":[{"device_id":"other","services":[]}]}"#,
        ),
        (
            GATEWAY,
            r#"{"devices":[{"device_id":"other","services":[]}],"devices":[]}"#,
        ),
        (GATEWAY, r#"{"devices":{"device_id":"other"}}"#),
        (GATEWAY, r#"{"devices":[{"device_id":7,"services":[]}]}"#),
        (GATEWAY, r#"{"devices":[],"object_device_id":"other"}"#),
    ] {
        for product in ["demo", "demo_strict", "topics"] {
            let verdict = judge(product, rule, payload);
            assert_eq!(code(&verdict), 403, "{product} {payload}: {verdict:?}");
        }
    }
    let deep = format!(
        r#"{{"services":{}{},"object_device_id":"other"}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    assert_eq!(code(&judge("demo", REPORT, &deep)), 403);
    let broken = b"{\"services\":\"\xff\",\"object_device_id\":\"other\"}";
    assert_eq!(
        code(&inspect(&configuration(), &access("demo", REPORT, broken))),
        403
    );
}

#[test]
fn a_client_speaks_for_itself_and_its_sub_devices() {
    for (rule, payload) in [
        (REPORT, r#"{"object_device_id":"gw","services":[]}"#),
        (REPORT, r#"{"object_device_id":"sub1","services":[]}"#),
        (SHADOW, r#"{"object_device_id":"sub2"}"#),
        (
            GATEWAY,
            r#"{"devices":[{"device_id":"sub1","services":[]},{"services":[],"device_id":"sub3"},{"device_id":"gw","services":[]}]}"#,
        ),
    ] {
        assert_eq!(
            judge("demo_strict", rule, payload),
            Verdict::Allow,
            "{payload}"
        );
    }
}

#[test]
fn data_of_a_sub_device_is_checked_against_its_own_product() {
    let of = |id: &str, service: &str| {
        format!(
            r#"{{"devices":[{{"services":[{{"event_time":"20261121T223000Z","properties":{{}},"service_id":"{service}"}}],"device_id":"{id}"}}]}}"#
        )
    };
    for (id, service, passes) in [
        ("sub1", "Battery", true),
        ("sub1", "Relay", false),
        ("sub2", "Relay", true),
        ("sub2", "Battery", false),
        ("sub3", "Anything", true),
    ] {
        let verdict = judge("demo", GATEWAY, &of(id, service));
        assert_eq!(
            verdict == Verdict::Allow,
            passes,
            "{id} {service} {verdict:?}"
        );
    }
}

#[test]
fn a_gateway_reports_a_hundred_sub_devices_at_once() {
    let report = |count: usize| {
        let devices = vec![r#"{"device_id":"sub1","services":[]}"#; count].join(",");
        format!(r#"{{"devices":[{devices}]}}"#)
    };
    assert_eq!(strict(GATEWAY, &report(100)), Ok(()));
    let told = mismatch(GATEWAY, &report(101));
    assert!(
        told.contains("`devices` has 101 entries, over 100"),
        "{told}"
    );
}

#[test]
fn behind_a_full_list_of_sub_devices_lenient_passes_and_strict_denies() {
    let payload = br#"{"object_device_id":"z","services":[]}"#;
    for (product, is_denied) in [("demo", false), ("demo_strict", true)] {
        let mut access = access(product, REPORT, payload);
        let client = access.subject.client.as_mut().unwrap();
        client.children = (0..1_000)
            .map(|number| Child {
                id: format!("sub{number:04}"),
                product: product.into(),
                node: number.to_string(),
            })
            .collect();
        let refusal = match inspect(&configuration(), &access) {
            Verdict::Deny(refusal) if is_denied => refusal,
            Verdict::Remark(remark) if !is_denied => remark.refusal,
            other => panic!("{product} {other:?}"),
        };
        assert_eq!(refusal.code, 403);
        assert!(
            refusal.detail.contains("first 1000 sub-devices"),
            "{}",
            refusal.detail
        );
    }
}

#[test]
fn a_property_report_has_64_kib_and_other_uplinks_have_more() {
    let of = |size: usize| {
        let frame = r#"{"services":[],"padding":""}"#.len();
        format!(
            r#"{{"services":[],"padding":"{}"}}"#,
            "x".repeat(size - frame)
        )
    };
    for product in ["demo", "demo_strict"] {
        assert_eq!(judge(product, REPORT, &of(65_536)), Verdict::Allow);
        assert_eq!(code(&judge(product, REPORT, &of(65_537))), 501);
        assert_eq!(code(&judge(product, GATEWAY, &of(65_537))), 501);
        assert_eq!(judge(product, EVENTS, &of(1_048_576)), Verdict::Allow);
    }
}

#[test]
fn what_is_compressed_passes_a_lenient_product_only() {
    let access = |product| access(product, REPORT, &[0x1f, 0x8b, 8, 0, 0]);
    assert_eq!(inspect(&configuration(), &access("demo")), Verdict::Allow);
    assert_eq!(
        code(&inspect(&configuration(), &access("demo_strict"))),
        402
    );
}

#[test]
fn a_document_without_services_says_nothing_of_data() {
    let unknown =
        r#"{"services":[{"service_id":"S","properties":{"a":1},"event_time":"20261121T223000Z"}]}"#;
    assert_eq!(judge("topics", REPORT, unknown), Verdict::Allow);
    assert!(
        matches!(judge("topics", REPORT, "{}"), Verdict::Remark(_)),
        "the form still counts"
    );
}

#[test]
fn what_no_rule_asks_for_is_denied_and_what_is_off_passes() {
    assert_eq!(judge("off", REPORT, "{"), Verdict::Allow);
    assert_eq!(judge("gone", REPORT, "{"), Verdict::Allow);
    assert_eq!(code(&judge("demo", "system:messages/up", "{}")), 300);
    assert_eq!(code(&judge("demo", "p.json#0", "{}")), 300);
    let received = Access {
        action: Actions::RECEIVE,
        ..access("demo", REPORT, b"{}")
    };
    assert_eq!(code(&inspect(&configuration(), &received)), 300);
    let mut strange = access("demo", REPORT, b"{}");
    strange.principal.id = "other".into();
    assert_eq!(code(&inspect(&configuration(), &strange)), 200);
}

/// A megabyte of anything takes milliseconds of a core. On a machine without a free one they may be seconds on the wall; something quadratic would
/// take minutes on any.
#[test]
fn a_hostile_megabyte_is_judged_quickly() {
    let configuration = configuration();
    let repeated = |unit: &str| unit.repeat(1_048_000 / unit.len());
    let listed = |unit: &str| format!(r#"{{"services":[{}{{}}]}}"#, repeated(unit));
    let payloads = [
        repeated("["),
        repeated("{\"a\":"),
        repeated("\""),
        repeated("\\u0000"),
        repeated("9"),
        repeated("\"object_device_id\":"),
        repeated("\"object_device_id\" "),
        listed("{},"),
        listed("[[[[]]]],"),
        listed("{\"service_id\":\"a\"},"),
        listed(
            "{\"service_id\":\"Meter\",\"event_type\":\"alarm\",\"paras\":{\"severity\":\"low\"}},",
        ),
        format!(r#"{{"services":[],{}"a":0}}"#, repeated("\"services\":0,")),
        format!(r#"{{"services":[],"a":{}}}"#, repeated("9")),
        format!(
            r#"{{"services":[{{"service_id":"Meter","event_type":"alarm","paras":{{"count":{}}}}}]}}"#,
            repeated("9")
        ),
    ];
    for payload in payloads {
        for product in ["demo", "demo_strict"] {
            let access = access(product, EVENTS, payload.as_bytes());
            let started = std::time::Instant::now();
            let verdict = inspect(&configuration, &access);
            let took = started.elapsed();
            assert!(took.as_secs() < 60, "{payload:.60} took {took:?}");
            if let Verdict::Replace(stamped) = verdict {
                assert!(stamped.len() <= STAMPED_MAX);
            }
        }
    }
    let many = listed("{\"service_id\":\"$a\"},");
    assert_eq!(
        code(&inspect(
            &configuration,
            &access("demo", EVENTS, many.as_bytes())
        )),
        501
    );
}

/// What a device may send, and what somebody may make of it.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        Just(meter(r#""level":1,"tags":["a"],"network":{"b":[1]}"#)),
        Just(r#"{"devices":[{"device_id":"sub1","services":[{"service_id":"Relay","properties":{}}]}]}"#.to_owned()),
        Just(r#"{"object_device_id":"gw","services":[{"service_id":"Meter","event_type":"alarm","paras":{"severity":"low"}}]}"#.to_owned()),
    ];
    let change = (
        any::<prop::sample::Index>(),
        proptest::collection::vec(any::<u8>(), 0..6),
        0_usize..6,
    );
    (whole, proptest::collection::vec(change, 0..4)).prop_map(|(whole, changes)| {
        let mut bytes = whole.into_bytes();
        for (index, new, cut) in changes {
            let at = index.index(bytes.len() + 1);
            let end = bytes.len().min(at + cut);
            bytes.splice(at..end, new);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_payload_panics_and_no_sentence_is_long(payload in damaged(), rule in prop::sample::select(&INSPECTED[..]), product in prop::sample::select(&["demo", "demo_strict"][..])) {
        let told = match inspect(&configuration(), &access(product, rule, &payload)) {
            Verdict::Deny(refusal) => refusal.detail,
            Verdict::Remark(remark) => remark.refusal.detail,
            Verdict::Allow | Verdict::Replace(_) => String::new(),
        };
        prop_assert!(told.len() < 700, "{}", told);
    }

    #[test]
    fn strict_and_lenient_differ_only_in_what_becomes_of_a_mismatch(payload in damaged(), rule in prop::sample::select(&INSPECTED[..])) {
        let mut lenient = access("demo_lenient", rule, &payload);
        let strict = access("demo_strict", rule, &payload);
        lenient.subject.client.as_mut().unwrap().children[0].product = "demo_strict".into();
        let text = include_str!("../../../../policies/iotda/product_demo_strict.json");
        let text = text.replace("\"demo_strict\"", "\"demo_lenient\"").replace("\"strict\"", "\"lenient\"");
        let both = Configuration::read(&[
            Document { name: "a".into(), text },
            Document { name: "b".into(), text: include_str!("../../../../policies/iotda/product_demo_strict.json").into() },
        ]).unwrap();
        match (inspect(&both, &strict), inspect(&both, &lenient)) {
            (Verdict::Deny(denied), Verdict::Remark(remark)) => prop_assert_eq!(denied, remark.refusal),
            // Compressed, by chance.
            (Verdict::Deny(denied), Verdict::Allow) => prop_assert!(denied.detail.contains("compressed")),
            (one, other) => prop_assert_eq!(one, other),
        }
    }

    #[test]
    fn a_replaced_payload_is_accepted_as_it_is(payload in damaged(), rule in prop::sample::select(&INSPECTED[..])) {
        if let Verdict::Replace(stamped) = inspect(&configuration(), &access("demo_strict", rule, &payload)) {
            let again = inspect(&configuration(), &access("demo_strict", rule, &stamped));
            prop_assert_eq!(again, Verdict::Allow);
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&stamped).is_ok());
        }
    }
}
