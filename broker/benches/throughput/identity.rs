//! Who the load clients are.
//!
//! Ours: connections of an application, because the policy holds a device to the vendor's 50 messages per second; devices with secrets where a
//! case is about devices. Mosquitto: one user. Stock rumqttd: anybody.

use crate::Failure;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use iotda_broker::session::wire::{Connect, Level};
use serde_json::json;
use sha2::Sha256;
use std::fmt::Write;

pub(crate) const PRODUCT: &str = "bench";
pub(crate) const APPLICATION: &str = "bench_app";
/// The first allows `$oc/devices/*`, the second every topic that does not start with `$oc`.
const APPLICATION_POLICIES: [&str; 2] = ["demo_app_policy", "system_default_policy"];
pub(crate) const PASSWORD: &str = "c5f2d0b1a7e94c36";
/// Of Mosquitto.
pub(crate) const USER: &str = "bench";
/// Any hour will do: sign type 0 does not compare it with the clock.
const HOUR: &str = "2026010100";

/// The id of the device with this number.
pub(crate) fn device(number: usize) -> String {
    format!("{PRODUCT}_{number}")
}

/// The registry's `clients.json` with so many devices.
pub(crate) fn registry(devices: usize) -> String {
    let devices: Vec<_> = (0..devices)
        .map(|number| {
            json!({"product": PRODUCT, "node": number.to_string(), "id": device(number), "secret": PASSWORD})
        })
        .collect();
    json!({
        "products": [{"id": PRODUCT}],
        "devices": devices,
        "applications": [{"name": APPLICATION, "password": PASSWORD, "policies": APPLICATION_POLICIES}],
    })
    .to_string()
}

/// A device of our broker that proves its secret.
pub(crate) fn device_connect(number: usize) -> Result<Connect, Failure> {
    let id = device(number);
    Ok(Connect {
        username: Some(id.as_str().into()),
        password: Some(Bytes::from(device_password(PASSWORD)?)),
        ..anybody(&format!("{id}_0_0_{HOUR}"))
    })
}

/// A certificate device of our broker: TLS has its proof.
pub(crate) fn certificate_connect(id: &str) -> Connect {
    Connect {
        username: Some(id.into()),
        ..anybody(&format!("{id}_0_0_{HOUR}"))
    }
}

/// HMAC-SHA256 with the time stamp as the key, in lower-case hex.
fn device_password(secret: &str) -> Result<String, Failure> {
    let mut mac = Hmac::<Sha256>::new_from_slice(HOUR.as_bytes())?;
    mac.update(secret.as_bytes());
    let mut hex = String::new();
    for byte in mac.finalize().into_bytes() {
        write!(hex, "{byte:02x}")?;
    }
    Ok(hex)
}

/// A connection of our application, or of Mosquitto's user.
pub(crate) fn named(user: &str, client_id: &str) -> Connect {
    Connect {
        username: Some(user.into()),
        password: Some(Bytes::from_static(PASSWORD.as_bytes())),
        ..anybody(client_id)
    }
}

pub(crate) fn anybody(client_id: &str) -> Connect {
    Connect {
        // The longest that IoTDA takes, so that idle sessions need no PINGREQ.
        keep_alive: 1200,
        ..Connect::new(Level::V4, client_id)
    }
}
