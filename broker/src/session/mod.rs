//! Sessions: one task per connection, from its first byte to its last, and the state that outlives it.
//!
//! ```text
//!   listener ─> connect ──> live ──> finish ─> park          one task, one owner of a Session
//!                │ hello      │ inbound, intake     PUBLISH from the client, to the engine
//!                │ candidate  │ filters, links      SUBSCRIBE, UNSUBSCRIBE
//!                │ claim      │ incoming, deliver   messages to the client, through outbound
//!                │ admission  │ judge               the rules again, when they change
//!                │ terms      │ decided             every decision: counted, and into the decision log
//!                v            v
//!              seat ──> sessions (table) <── inboxes, follow, admin: by mailbox
//! ```
//!
//! Read [`connect`] and `candidate` first, then `live`. Pure and tested as values: `alias`, `claim`, `copies`, `end`, `kept`, `limits`, `meter`,
//! `outbound`, `over`, `queue`, `subscriptions`, `terms`, `will`. `slip` and `away` tie `kept` to sessions and to the disk. All others are
//! thin I/O around them.
//!
//! What bounds it: the listeners' limits, [`Settings`], and the limits of each grant. What happens on failure: whatever cannot be
//! judged is refused with the fault codes, whatever cannot be delivered is counted by its cause, and nothing waits without a time-out.
//!
//! # What is not offered, and how each version is answered
//!
//! | what | MQTT 5 | MQTT 3.1.1 |
//! |---|---|---|
//! | QoS 2 PUBLISH | Maximum QoS 1 in CONNACK; DISCONNECT 0x9B | the connection is closed (the specification has no answer) |
//! | QoS 2 in SUBSCRIBE | granted at QoS 1 at most | granted at QoS 1 at most (0x01 in SUBACK) |
//! | QoS 2 will | CONNACK 0x9B | taken at QoS 1 |
//! | retain flag of a PUBLISH | Retain Available 0 in CONNACK; DISCONNECT 0x9A | cleared; the message is routed |
//! | retain flag of a will | CONNACK 0x9A | cleared |
//! | retain handling, retain as published | accepted, without effect: nothing is retained | – |
//! | shared subscriptions (`$share/…`) | Shared Subscription Available 0; SUBACK 0x9E | SUBACK 0x80 |
//! | AUTH exchange | CONNACK 0x8C; an AUTH packet: DISCONNECT 0x82 | – |
//! | topic aliases towards the client | none is sent | – |
//! | PUBREL of an unknown id | PUBCOMP 0x92 | PUBCOMP |
//! | PUBREC of an unknown id | PUBREL 0x92 | PUBREL |
//! | PUBREC or PUBCOMP for a QoS 1 message | DISCONNECT 0x82 | the connection is closed |
//! | an unknown protocol level, or a name that is not its own | CONNACK 0x84 (levels above 5) | CONNACK 1 |
//!
//! MQTT 3.1 (`MQIsdp`, level 3) is served as 3.1.1 is. What differs: a client id must not be empty (CONNACK 2), and its 23 characters at most
//! are not held against it; CONNACK does not tell that a session was there; SUBACK has no failure, so a filter that is refused is answered
//! with the QoS that was asked for, as Mosquitto does, and brings nothing; SUBSCRIBE, UNSUBSCRIBE and PUBREL may carry DUP.
//!
//! # What a client hears when something is refused while it is connected
//!
//! | what | MQTT 5 | MQTT 3.1.1 |
//! |---|---|---|
//! | QoS 1 PUBLISH that is denied | PUBACK 0x87 | PUBACK: it would be sent again for ever otherwise |
//! | QoS 1 PUBLISH over a limit (501, 502, 504, 505) | PUBACK 0x97; 0x90 for the topic's length; the reason names the limit | PUBACK |
//! | QoS 0 PUBLISH of that kind | dropped and counted | dropped and counted |
//! | QoS 1 PUBLISH that cannot be inspected | PUBACK 0x83 | the connection is closed, so that it is sent again |
//! | a SUBSCRIBE or UNSUBSCRIBE whose answer is larger than the client takes | DISCONNECT 0x95, and nothing of it holds | – |
//! | a filter | SUBACK 0x87, 0x8F, 0x97, 0x9E, 0x83 | SUBACK 0x80 |
//! | text in an UNSUBSCRIBE that is no filter | UNSUBACK 0x8F | UNSUBACK |
//! | the session itself | DISCONNECT with the code and a reason | the connection is closed |

pub mod connect;
pub mod wire;

mod admission;
mod alias;
mod away;
mod broker;
mod candidate;
mod card;
mod carried;
mod claim;
mod clock;
mod connection;
mod copies;
mod decided;
mod deliver;
mod end;
mod filters;
mod finish;
mod follow;
mod gate;
mod hello;
mod inbound;
mod inboxes;
mod incoming;
mod inspect;
mod intake;
mod judge;
mod kept;
mod limits;
mod links;
mod live;
mod mailbox;
mod meter;
mod outbound;
mod over;
mod park;
mod qos;
mod queue;
mod reached;
mod refusal;
mod rules;
mod seat;
// The room is named for many of what this file describes one of.
#[allow(clippy::module_inception)]
mod session;
mod sessions;
mod shown;
mod slip;
mod subscriptions;
mod sweep;
mod tally;
mod terms;
mod verdict;
mod wanted;
mod will;

pub use broker::{Broker, Parts, StartError};
pub use claim::Arrival;
pub use connection::{Duplex, Stream};
pub use hello::turn_away;
pub use limits::Settings;
pub use sessions::{Listed, Sessions};
pub use sweep::Swept;
