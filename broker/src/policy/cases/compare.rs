//! What a case says against what came out: the first difference, in words.

use super::Outcome;
use super::expect::{Expect, ExpectedGrant, ExpectedGreeting, ExpectedInbox};
use crate::contract::{Inbox, Limits, Lookup, Message, Refusal};
use crate::grant::Grant;
use crate::policy::generation::Generation;
use crate::policy::rejection::Rejection;
use serde_json::{Map, Value};

pub(super) fn compare_problem(expected: &str, got: Result<Generation, Rejection>) -> Outcome {
    let wanted = format!("documents that are refused with «{expected}»");
    match got {
        Ok(_) => fail(wanted, "they are accepted".to_owned()),
        Err(rejection) if rejection.message.contains(expected) => Outcome::Pass,
        Err(rejection) => fail(wanted, rejection.message),
    }
}

pub(super) fn compare_lookup(expected: &Lookup, got: &Result<Lookup, Refusal>) -> Outcome {
    match got {
        Ok(lookup) if lookup == expected => Outcome::Pass,
        Ok(lookup) => fail(
            format!("the look-up {expected:?}"),
            format!("the look-up {lookup:?}"),
        ),
        Err(refusal) => fail(format!("the look-up {expected:?}"), told(refusal)),
    }
}

pub(super) fn compare_refusal(expect: &Expect, got: &Refusal) -> Outcome {
    let same_rule = expect.rule.is_none() || expect.rule == got.rule;
    let same_detail = expect
        .detail
        .as_deref()
        .is_none_or(|words| got.detail.contains(words));
    if expect.refusal == Some(got.code) && same_rule && same_detail {
        return Outcome::Pass;
    }
    fail(expect.to_string(), told(got))
}

pub(super) fn compare_grant(expect: &Expect, grant: &Grant, enrols: Option<&[u8]>) -> Outcome {
    let Some(expected) = &expect.grant else {
        return fail(
            expect.to_string(),
            format!("a grant for `{}`", grant.client_id),
        );
    };
    let differs = differing(expected, grant, enrols)
        .or_else(|| differing_limit(&expected.limits, &grant.limits));
    match differs {
        Some((expected, got)) => fail(expected, got),
        None => Outcome::Pass,
    }
}

/// The first field that is otherwise: what the case says, what the grant says.
fn differing(
    expected: &ExpectedGrant,
    grant: &Grant,
    enrols: Option<&[u8]>,
) -> Option<(String, String)> {
    let differs = |what: &str, expected: String, got: String| {
        (expected != got).then(|| {
            (
                format!("a grant with the {what} {expected}"),
                format!("the {what} {got}"),
            )
        })
    };
    let ExpectedGrant {
        client_id,
        unsolicited,
        suffix_mark,
        greetings,
        ends,
        enrolled,
        ..
    } = expected;
    let id = client_id.as_ref();
    let id = id.and_then(|id| {
        differs(
            "client id",
            format!("`{id}`"),
            format!("`{}`", grant.client_id),
        )
    });
    id.or_else(|| {
        let got = grant.unsolicited.to_string();
        unsolicited.and_then(|one| differs("`unsolicited`", one.to_string(), got))
    })
    .or_else(|| {
        let got = format!("{:?}", grant.suffix_mark);
        suffix_mark.and_then(|one| differs("suffix mark", format!("{:?}", Some(one)), got))
    })
    .or_else(|| {
        let got = greetings_of(grant);
        let one = greetings.as_ref()?;
        differs("greetings", format!("{one:?}"), format!("{got:?}"))
    })
    .or_else(|| {
        let got = format!("{:?}", grant.valid_until);
        let one = ends.as_ref()?;
        differs("end", format!("{:?}", one.0), got)
    })
    .or_else(|| {
        let one = enrolled.as_ref()?;
        differs(
            "enrolled fingerprint",
            format!("{:02x?}", one.0),
            format!("{enrols:02x?}"),
        )
    })
}

fn greetings_of(grant: &Grant) -> Vec<ExpectedGreeting> {
    let shown = |one: &Message| ExpectedGreeting {
        topic: one.topic.clone(),
        qos: one.qos as u8,
        payload: String::from_utf8_lossy(&one.payload).into_owned(),
    };
    grant.greetings.iter().map(shown).collect()
}

fn differing_limit(expected: &Map<String, Value>, limits: &Limits) -> Option<(String, String)> {
    let got = serde_json::to_value(limits).unwrap_or_default();
    let mut differing = expected
        .iter()
        .filter(|(name, value)| got.get(name.as_str()) != Some(*value));
    let (name, value) = differing.next()?;
    let got = got.get(name).cloned().unwrap_or_default();
    Some((
        format!("the limit `{name}` {value}"),
        format!("`{name}` {got}"),
    ))
}

pub(super) fn compare_inbox(expected: &ExpectedInbox, generation: &Generation) -> Outcome {
    let mut inboxes = generation.inboxes().templates.iter().map(|one| &one.inbox);
    let shown = |messages, seconds, qos: u8, unsolicited| {
        let how = if unsolicited {
            "unasked"
        } else {
            "if subscribed"
        };
        format!("an inbox that keeps {messages} messages for {seconds} s at QoS {qos}, {how}")
    };
    let is_it = |inbox: &&Inbox| inbox.template == expected.template;
    let wanted = shown(
        expected.keep_messages,
        expected.keep_seconds,
        expected.max_qos,
        expected.unsolicited,
    );
    match inboxes.find(is_it) {
        None => fail(
            format!("the inbox `{}`", expected.template),
            "no such inbox".to_owned(),
        ),
        Some(inbox) => {
            let got = shown(
                inbox.keep_messages,
                inbox.keep_seconds,
                inbox.max_qos as u8,
                inbox.unsolicited,
            );
            if got == wanted {
                return Outcome::Pass;
            }
            fail(wanted, got)
        }
    }
}

pub(super) fn fail(expected: String, got: String) -> Outcome {
    Outcome::Fail { expected, got }
}

fn told(refusal: &Refusal) -> String {
    let rule = refusal.rule.as_deref().unwrap_or_default();
    format!("refusal {} by `{rule}`: {}", refusal.code, refusal.detail)
}
