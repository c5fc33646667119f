//! Stock rumqttd, as its crate is published, with no rules: what the load tool runs in a child process of itself.

use crate::Failure;
use std::net::SocketAddr;

/// Serves until the process is killed. The settings are those of the crate's own `rumqttd.toml`.
pub(crate) fn serve(address: SocketAddr) -> Result<(), Failure> {
    let config: rumqttd::Config = serde_json::from_value(serde_json::json!({
        "id": 0,
        "router": {
            "max_connections": 10010,
            "max_outgoing_packet_count": 200,
            "max_segment_size": 104_857_600,
            "max_segment_count": 10,
        },
        "v4": {
            "1": {
                "name": "v4-1",
                "listen": address,
                "next_connection_delay_ms": 1,
                "connections": {
                    "connection_timeout_ms": 60000,
                    "max_payload_size": 20480,
                    "max_inflight_count": 100,
                    "dynamic_filters": true,
                },
            },
        },
    }))?;
    rumqttd::Broker::new(config).start()?;
    Ok(())
}
