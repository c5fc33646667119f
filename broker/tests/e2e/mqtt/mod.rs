//! MQTT at the wire, by the clauses of the specifications and by the scenarios of independent suites. Packets are bytes; each test names the
//! clause that it holds the broker to: `MQTT-…` is numbered so in 3.1.1 and 5, a bare number is a section of MQTT 5.

mod bounds;
mod connect;
mod exchange;
mod limits;
mod mqtt31;
mod subscriptions;
mod wills;

use std::fs;

use crate::fixtures::hostile;
use crate::support::{Broker, Connect, Options, Received, Wire, subscribe, subscribe_v5};

/// A broker that lets everybody do everything outside `$`, with these lines under `[sessions]`.
fn open(sessions: &str) -> Broker {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("rules")).unwrap();
    fs::write(
        dir.path().join("rules/rules.json"),
        "allow #\nallow $dollar/#",
    )
    .unwrap();
    fs::write(dir.path().join("open.wasm"), hostile()).unwrap();
    let config = format!(
        "[policies.iotda]\ncomponent = \"open.wasm\"\ndirectory = \"rules\"\n[sessions]\n{sessions}"
    );
    let options = Options {
        config,
        ..Options::default()
    };
    Broker::start_in(dir, &options)
}

fn join(broker: &Broker, level: u8, id: &str) -> Wire {
    broker.plain().join(&Connect::new(level, id))
}

/// MQTT 5 with these properties.
fn with(id: &str, properties: &[u8]) -> Connect {
    Connect {
        properties: properties.to_vec(),
        ..Connect::new(5, id)
    }
}

/// Subscribes in MQTT 5 with these options and returns the answer's code.
fn ask(wire: &mut Wire, filter: &str, options: u8, properties: &[u8]) -> u8 {
    wire.send(&subscribe_v5(9, &[(filter, options)], properties));
    let answer = wire.receive();
    assert_eq!(answer.first, 0x90, "{answer:?}");
    *answer.body.last().unwrap()
}

/// Subscribes in 3.1.1 at QoS 1.
fn follow(wire: &mut Wire, filter: &str) {
    wire.send(&subscribe(9, &[(filter, 1)]))
        .expect(&[0x90, 3, 0, 9, 1]);
}

/// Where the properties of a PUBLISH of MQTT 5 begin.
fn properties_of(got: &Received) -> &[u8] {
    crate::support::properties(got.payload(), 0)
}

/// The reason code of the DISCONNECT before the end.
fn told(wire: &mut Wire) -> Option<u8> {
    let last = wire.until_close().pop()?;
    assert_eq!(last.first, 0xE0, "{last:?}");
    last.body.first().copied()
}
