//! SUBSCRIBE and UNSUBSCRIBE: options, identifiers, no local, wildcards.

use super::{ask, follow, join, open, properties_of, told, with};
use crate::support::{
    Connect, properties, puback, publish, publish_v5, subscribe, subscribe_v5, unsubscribe,
};

/// MQTT-3.3.4-3, MQTT-3.8.4-3: a re-SUBSCRIBE replaces the identifier, and takes it away where it has none; an UNSUBSCRIBE ends it.
#[test]
fn identifiers_are_replaced_and_end_with_their_subscription() {
    let broker = open("");
    let (mut reader, mut writer) = (join(&broker, 5, "r"), join(&broker, 4, "w"));
    let mut heard = |reader: &mut crate::support::Wire| {
        writer.send(&publish("t/x", b"x", 0, 0));
        properties_of(&reader.receive()).to_vec()
    };
    ask(&mut reader, "t/x", 0, &[0x0B, 1]);
    assert_eq!(heard(&mut reader), [0x0B, 1]);
    ask(&mut reader, "t/x", 0, &[0x0B, 0xFF, 0xFF, 0xFF, 0x7F]);
    assert_eq!(heard(&mut reader), [0x0B, 0xFF, 0xFF, 0xFF, 0x7F]);
    ask(&mut reader, "t/+", 0, &[0x0B, 3]);
    assert_eq!(heard(&mut reader).len(), 7, "both");
    ask(&mut reader, "t/x", 0, &[]);
    assert_eq!(heard(&mut reader), [0x0B, 3]);
    reader.send(&unsubscribe(5, 4, &["t/+", "never"]));
    assert_eq!(reader.receive().body, [0, 4, 0, 0, 0x11]);
    assert!(heard(&mut reader).is_empty());
}

/// MQTT-3.8.3-3: no local holds for a wide filter and for an inbox, and only for the filter that says so.
#[test]
fn no_local_holds_for_every_kind_of_filter() {
    let broker = open("");
    let (mut own, mut other) = (join(&broker, 5, "own"), join(&broker, 5, "other"));
    for (filter, topic) in [
        ("#", "a/b"),
        ("a/+", "a/b"),
        ("+/b", "a/b"),
        ("in/own/+", "in/own/x"),
        ("in/#", "in/own/x"),
        ("#", "in/own/x"),
    ] {
        assert_eq!(ask(&mut own, filter, 0x04, &[]), 0);
        own.send(&publish_v5(topic, b"own", 0, 0, &[])).ping();
        other.send(&publish_v5(topic, b"other", 0, 0, &[]));
        assert_eq!(own.receive().payload_v5(), b"other", "{filter}");
        own.send(&unsubscribe(5, 3, &[filter]));
        assert_eq!(own.receive().body, [0, 3, 0, 0]);
    }
    // Another filter without it brings the message all the same.
    ask(&mut own, "a/#", 0x04, &[]);
    ask(&mut own, "a/b", 0, &[]);
    own.send(&publish_v5("a/b", b"own", 0, 0, &[]));
    assert_eq!(own.receive().payload_v5(), b"own");
}

/// MQTT-3.8.3-4: no local on a shared subscription is a protocol error, though neither is offered alone.
#[test]
fn no_local_on_a_shared_subscription_ends_the_connection() {
    let broker = open("");
    let mut wire = join(&broker, 5, "c");
    assert_eq!(ask(&mut wire, "$share/g/t", 0, &[]), 0x9E);
    wire.send(&subscribe_v5(1, &[("$share/g/t", 0x04)], &[]));
    assert_eq!(told(&mut wire), Some(0x82));
}

/// 3.8.3.1: retain handling 0 to 2 and retain-as-published are taken; 3 is a protocol error; MQTT-3.8.3-5: the two highest bits are
/// reserved; QoS 3 is a protocol error. In 3.1.1 everything but the QoS is reserved (MQTT-3-8.3-4).
#[test]
fn subscription_options() {
    let broker = open("");
    let mut wire = join(&broker, 5, "c");
    for options in [0x00, 0x10, 0x20, 0x08, 0x2C] {
        assert_eq!(ask(&mut wire, "t", options, &[]), 0, "{options:#x}");
    }
    assert_eq!(ask(&mut wire, "t", 0x01, &[]), 1);
    assert_eq!(ask(&mut wire, "t", 0x02, &[]), 1, "lowered");
    for (options, code) in [(0x30, 0x82), (0x40, 0x81), (0x80, 0x81), (0x03, 0x82)] {
        let mut wire = join(&broker, 5, "d");
        wire.send(&subscribe_v5(1, &[("t", options)], &[]));
        assert_eq!(told(&mut wire), Some(code), "{options:#x}");
    }
    for options in [0x03, 0x04, 0x08, 0x80] {
        join(&broker, 4, "d")
            .send(&subscribe(1, &[("t", options)]))
            .expect_close();
    }
}

/// MQTT-4.7.2-1: a wildcard at the beginning does not see `$` topics. MQTT-4.7.1-2, MQTT-4.7.1-3: `#` sees its parent, `+` one level.
#[test]
fn wildcards() {
    let broker = open("");
    let mut writer = join(&broker, 4, "w");
    for (filter, topic, seen) in [
        ("#", "a", true),
        ("#", "$dollar/a", false),
        ("+/a", "$dollar/a", false),
        ("$dollar/#", "$dollar/a", true),
        ("$dollar/+", "$dollar/a", true),
        ("a/#", "a", true),
        ("a/+", "a", false),
        ("a/+", "a/", true),
        ("+/+", "/a", true),
        ("+", "/a", false),
        ("/+", "/a", true),
        ("a/+/c", "a/b/c", true),
        ("a/+/c", "a/b/d/c", false),
    ] {
        let mut reader = join(&broker, 4, "r");
        follow(&mut reader, filter);
        reader.send(&subscribe(2, &[("end", 1)])).receive();
        writer
            .send(&publish(topic, b"x", 0, 0))
            .send(&publish("end", b"x", 0, 0));
        let first = reader.receive().topic();
        assert_eq!(
            first == topic && topic != "end",
            seen,
            "{filter} {topic}: {first}"
        );
    }
}

/// MQTT-3.8.4-6, MQTT-3.9.3-1, 4.7.1: each filter has its own code, in order; one that is no filter is refused by itself, 0x8F in MQTT 5.
#[test]
fn each_filter_has_its_own_code() {
    let broker = open("");
    let filters = [
        ("a", 0),
        ("a/#/b", 0),
        ("b+", 0),
        ("#c", 0),
        ("", 0),
        ("d", 1),
    ];
    let mut wire = join(&broker, 4, "c");
    wire.send(&subscribe(1, &filters))
        .expect(&[0x90, 8, 0, 1, 0, 0x80, 0x80, 0x80, 0x80, 1]);
    let mut wire = join(&broker, 5, "c");
    let body = wire.send(&subscribe_v5(1, &filters, &[])).receive().body;
    assert_eq!(body[body.len() - 6..], [0, 0x8F, 0x8F, 0x8F, 0x8F, 1]);
}

/// MQTT-3.11.3-1, MQTT-3.11.3-2, 4.7.1: so it is in an UNSUBSCRIBE: 0x11 says that all is well, and is for filters alone.
#[test]
fn no_filter_is_not_taken_for_one_that_is_not_subscribed() {
    let broker = open("");
    let mut wire = join(&broker, 5, "c");
    ask(&mut wire, "a/#", 0, &[]);
    wire.send(&unsubscribe(
        5,
        2,
        &["a/#", "a/+", "a/#/b", "#/a", "a+", ""],
    ));
    let codes = [0, 0x11, 0x8F, 0x8F, 0x8F, 0x8F];
    assert_eq!(wire.receive().body, [&[0, 2, 0][..], &codes].concat());
    join(&broker, 4, "d")
        .send(&unsubscribe(4, 2, &["#/a", ""]))
        .expect(&[0xB0, 2, 0, 2]);
}

/// MQTT-3.3.5-1 and 4.4: an overlapping pair of filters brings at least one copy, at the highest QoS; ours brings one.
#[test]
fn overlapping_filters_bring_one_copy_in_3_1_1() {
    let broker = open("");
    let (mut reader, mut writer) = (join(&broker, 4, "r"), join(&broker, 4, "w"));
    reader
        .send(&subscribe(1, &[("o/#", 0), ("o/+", 1)]))
        .expect(&[0x90, 4, 0, 1, 0, 1]);
    writer.send(&publish("o/x", b"x", 1, 1)).expect(&puback(1));
    let got = reader.receive();
    assert_eq!((got.first, got.payload()), (0x32, &b"x"[..]));
    reader.send(&puback(got.packet_id())).expect_silence();
}

/// Session expiry of a minute, and the largest packet that the client takes.
fn small(most: u8) -> Connect {
    Connect {
        clean: false,
        ..with("small", &[0x11, 0, 0, 0, 60, 0x27, 0, 0, 0, most])
    }
}

/// MQTT-3.1.2-24, MQTT-3.8.4-6, MQTT-3.11.3-1: a SUBACK or UNSUBACK is no larger than the client takes. The reason goes first
/// (MQTT-3.9.2-1); where the codes alone do not fit, the connection ends with 0x95 and nothing of the packet holds.
#[test]
fn answers_to_filters_are_no_larger_than_the_client_takes() {
    let broker = open("");
    // Header 2, packet id 2, property length 1: fifteen codes make 20 bytes.
    let names: Vec<String> = (0..16).map(|n| format!("s/{n}")).collect();
    let filters: Vec<(&str, u8)> = names.iter().map(|name| (name.as_str(), 0)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();

    let mut wire = broker.plain().join(&small(20));
    wire.send(&subscribe_v5(1, &filters[..15], &[]));
    assert_eq!(wire.receive().body[2..], [0; 16]);
    wire.send(&unsubscribe(5, 2, &names[..15]));
    assert_eq!(wire.receive().body[2..], [0; 16]);
    wire.send(&subscribe_v5(3, &[("$none/x", 0)], &[]));
    let refused = wire.receive().body;
    assert!(properties(&refused, 2).is_empty(), "{refused:?}");
    assert_eq!(refused[3..], [0x87]);

    wire.send(&subscribe_v5(4, &filters, &[]));
    assert_eq!(told(&mut wire), Some(0x95));
    let mut wire = broker.plain().join(&small(20));
    wire.send(&publish_v5("s/1", b"x", 0, 0, &[])).ping();

    wire.send(&subscribe_v5(5, &[("s/1", 0)], &[])).receive();
    wire.send(&unsubscribe(5, 6, &names));
    assert_eq!(told(&mut wire), Some(0x95));
    let mut wire = broker.plain().join(&small(20));
    wire.send(&publish_v5("s/1", b"x", 0, 0, &[]));
    assert_eq!(wire.receive().payload_v5(), b"x");
}
