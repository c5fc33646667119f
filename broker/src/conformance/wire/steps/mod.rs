//! What each verb of a case does, one file per kind of packet.

mod close;
mod connect;
mod expect;
mod matching;
mod publish;
mod raw;
mod subscribe;

use super::run::Stop;
use crate::session::wire::Qos;

/// 0, 1 or 2.
fn qos(number: u8) -> Result<Qos, Stop> {
    match number {
        0 => Ok(Qos::AtMostOnce),
        1 => Ok(Qos::AtLeastOnce),
        2 => Ok(Qos::ExactlyOnce),
        other => Err(Stop::Error(format!(
            "`{other}` is no QoS: write the packet with `send_raw`"
        ))),
    }
}
