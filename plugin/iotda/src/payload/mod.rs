//! What a device's uplink says, checked against its product's model: the answer to `inspect`.
//!
//! ```text
//!   bytes ──> size, compression ──> json ──> reports, events, answers ──> findings ──> verdict
//!                                              │        │                    │
//!                                          speakers  values, event_time   claims (where nothing is certain)
//! ```
//!
//! Four questions, in the order in which they decide:
//!
//! 1. Is a property report over 64 KB? Denied (501).
//! 2. Whom does it speak for? For a device that is neither the client nor one of its sub-devices: denied (403), strict or lenient.
//! 3. Does it match the model? If not: strict denies (402), lenient passes it with a remark.
//! 4. When was it measured? Where the device does not say, or not legibly, its payload gets the time of arrival and stays as it was otherwise,
//!    byte for byte.
//!
//! Bounds: the payload is read in place, once per level that is looked into, four levels at most and without recursion; only the first
//! mismatch is written out. Nothing here fails: what cannot be read is a finding.

mod answers;
mod claims;
mod event_time;
mod fields;
mod findings;
mod place;
mod reports;
mod speakers;
mod values;

use crate::configuration::Configuration;
use crate::contract::{Access, Actions, Client, Refusal, Remark, Verdict};
use crate::json::{self, Kind, Value};
use crate::model::{Check, Model};
use crate::refusal;
use crate::topics::{self, Uplink};
use findings::Findings;
use speakers::{Speaker, Speakers};

/// Bytes of a property report (vendor).
const REPORT_MAX: usize = 65_536;
/// Bytes of a payload with arrival times in it: what the host takes back is 2 MiB, and a device's own payload 1 MiB.
const STAMPED_MAX: usize = 1_572_864;
/// How gzip begins. The host has cut `?encoding=gzip` off the topic.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Judges one message of a device.
pub fn inspect(configuration: &Configuration, access: &Access) -> Verdict {
    let Some(uplink) = asked(access) else {
        let detail = "no rule of this policy asks for such an inspection";
        return deny(access, refusal::NOT_AUTHORIZED, detail);
    };
    let known = access.subject.client.as_ref();
    let Some(client) = known.filter(|client| client.id == access.principal.id) else {
        let detail = "the client is not registered";
        return deny(access, refusal::UNKNOWN_CLIENT, detail);
    };
    // The record has moved to a product that nothing is said of: its next grant does not ask.
    let Some(model) = configuration.model(&client.product) else {
        return Verdict::Allow;
    };
    let size = access.payload.len();
    if uplink.is_property_report() && size > REPORT_MAX {
        let detail =
            format!("the property report has `{size}` bytes, over {REPORT_MAX}: send several");
        return deny(access, refusal::PAYLOAD_SIZE, detail);
    }
    if access.payload.starts_with(&GZIP) {
        return compressed(access, model.check);
    }
    let found = found(configuration, client, model, uplink, &access.payload);
    verdict(access, model.check, &found)
}

fn asked(access: &Access) -> Option<Uplink> {
    let uplink = topics::inspected(&access.rule)?;
    (access.action == Actions::PUBLISH).then_some(uplink)
}

/// What is compressed cannot be read here. Devices that compress go on working; who asks for strictness gets nothing unread.
fn compressed(access: &Access, check: Check) -> Verdict {
    match check {
        Check::Lenient => Verdict::Allow,
        Check::Strict => deny(
            access,
            refusal::PAYLOAD,
            "the payload is compressed, so it cannot be checked: send it as plain JSON, or let the product's `payload_check` be lenient",
        ),
    }
}

fn found(
    configuration: &Configuration,
    client: &Client,
    model: &Model,
    uplink: Uplink,
    payload: &[u8],
) -> Findings {
    let mut checker = Checker {
        configuration,
        own: Some(model).filter(|model| !model.says_nothing()),
        product: &client.product,
        speakers: Speakers::of(client),
        findings: Findings::default(),
    };
    match str::from_utf8(payload) {
        Ok(text) => checker.text(uplink, text),
        Err(error) => checker.findings.misshapen(|| {
            let at = error.valid_up_to();
            format!("the payload is no UTF-8 at byte {at}: send JSON in UTF-8")
        }),
    }
    if checker.findings.is_misshapen() {
        checker.claims(uplink, payload);
    }
    checker.findings
}

/// One payload under check.
struct Checker<'a> {
    configuration: &'a Configuration,
    /// The model of the client's product; none where it says nothing of data.
    own: Option<&'a Model>,
    product: &'a str,
    speakers: Speakers<'a>,
    findings: Findings,
}

impl<'a> Checker<'a> {
    fn text(&mut self, uplink: Uplink, text: &str) {
        match json::read(text) {
            Ok(root) if root.kind() == Kind::Object => self.root(uplink, root),
            Ok(_) => self
                .findings
                .misshapen(|| "the payload is no JSON object: send `{…}`".to_owned()),
            Err(malformed) => self
                .findings
                .misshapen(|| format!("the payload is no JSON: {malformed}: correct it")),
        }
    }

    fn root(&mut self, uplink: Uplink, root: Value) {
        match uplink {
            Uplink::Free => {}
            Uplink::PropertyReport => self.property_report(root),
            Uplink::GatewayReport => self.gateway_report(root),
            Uplink::Events => self.events(root),
            Uplink::CommandAnswer => self.command_answer(root),
            Uplink::SetAnswer => self.set_answer(root),
            Uplink::GetAnswer => self.get_answer(root),
            Uplink::ShadowQuestion => self.shadow_question(root),
        }
    }

    /// The model of the device that is spoken for; none where nothing can be compared. `id`: what the payload calls it, none for the client.
    fn model_of(&mut self, id: Option<Value>) -> Option<&'a Model> {
        let Some(id) = id.filter(|id| !fields::is_nobody(Some(*id))) else {
            return self.own;
        };
        let Some(name) = id.text() else {
            self.findings.foreign(id.raw());
            return None;
        };
        let name = name.decoded();
        match self.speakers.find(&name) {
            Speaker::Client => self.own,
            Speaker::Child(child) if child.product == self.product => self.own,
            Speaker::Child(child) => self
                .configuration
                .model(&child.product)
                .filter(|model| !model.says_nothing()),
            Speaker::Unlisted => {
                self.findings.unlisted(&name);
                None
            }
            Speaker::Foreign => {
                self.findings.foreign(&name);
                None
            }
        }
    }

    /// A payload that two readers may read differently must not name another device in any reading.
    fn claims(&mut self, uplink: Uplink, payload: &[u8]) {
        let text = claims::plain(payload);
        for id in claims::ids(&text, uplink.names_devices_by()) {
            match self.speakers.find(id) {
                Speaker::Client | Speaker::Child(_) => {}
                Speaker::Unlisted => self.findings.unlisted(id),
                Speaker::Foreign => self.findings.foreign(id),
            }
        }
    }
}

fn verdict(access: &Access, check: Check, found: &Findings) -> Verdict {
    if let Some(detail) = found.speaks_for_other() {
        return deny(access, refusal::SPEAKS_FOR, detail);
    }
    let told = match (found.cannot_tell(), found.mismatch()) {
        (Some(detail), _) => Some((refusal::SPEAKS_FOR, detail)),
        (None, Some(detail)) => Some((refusal::PAYLOAD, detail.to_owned())),
        (None, None) => None,
    };
    if let (Check::Strict, Some((code, detail))) = (check, told.as_ref()) {
        return deny(access, *code, detail.as_str());
    }
    let stamped = event_time::stamped(&access.payload, found.times(), access.now);
    if stamped
        .as_ref()
        .is_some_and(|stamped| stamped.len() > STAMPED_MAX)
    {
        let detail = format!(
            "with the time of arrival in each service the payload is over {STAMPED_MAX} bytes: send each `event_time`, or several messages"
        );
        return deny(access, refusal::PAYLOAD_SIZE, detail);
    }
    match (told, stamped) {
        (Some((code, detail)), payload) => Verdict::Remark(Remark {
            payload,
            refusal: refuse(access, code, detail),
        }),
        (None, Some(payload)) => Verdict::Replace(payload),
        (None, None) => Verdict::Allow,
    }
}

fn deny(access: &Access, code: u16, detail: impl Into<String>) -> Verdict {
    Verdict::Deny(refuse(access, code, detail))
}

fn refuse(access: &Access, code: u16, detail: impl Into<String>) -> Refusal {
    refusal::refuse_by(code, &access.rule, detail)
}

#[cfg(test)]
mod tests;
