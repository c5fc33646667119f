//! The limits of `wit/policy.wit` on what a component returns. Pure.
//!
//! Words for humans are cut to size and lose their control characters, because they end up in logs and reason strings. What decides something is
//! never cut: over a limit it is a fault.

use super::fault::Fault;
use crate::contract::{
    Description, Grant, Lookup, Principal, Problem, Refusal, Remark, Setup, Verdict,
};
use crate::grant::{self, TooLarge};

/// Ids, names and serial numbers: as long as a canonical client id may be.
const ID_BYTES: usize = 512;
const PROOF_BYTES: usize = 1 << 10;
const WORDS_BYTES: usize = 512;
const NAME_BYTES: usize = 128;
const PROBLEMS: usize = 64;
const INBOXES: usize = 64;
const EXTRA_BYTES: usize = 4 << 10;
/// SHA-1 and SHA-256.
const FINGERPRINT_BYTES: [usize; 2] = [20, 32];

pub(super) fn description(call: &'static str, is: Description) -> Result<Description, Fault> {
    at_most(
        call,
        "the length of the policy's name",
        is.name.len(),
        NAME_BYTES,
    )?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if is.name.is_empty() || !is.name.bytes().all(plain) {
        let cause = format!(
            "the name `{}` must be one word of letters, digits, `-` and `_`",
            is.name.escape_debug()
        );
        return Err(Fault::Value { call, cause });
    }
    Ok(Description {
        name: is.name,
        version: words(&is.version, NAME_BYTES),
        dialect: words(&is.dialect, NAME_BYTES),
        summary: words(&is.summary, WORDS_BYTES),
    })
}

pub(super) fn setup(call: &'static str, setup: Setup) -> Result<Setup, Fault> {
    at_most(call, "the number of inboxes", setup.inboxes.len(), INBOXES)?;
    for inbox in &setup.inboxes {
        at_most(
            call,
            "the length of an inbox template",
            inbox.template.len(),
            ID_BYTES,
        )?;
    }
    Ok(setup)
}

pub(super) fn problems(problems: Vec<Problem>) -> Vec<Problem> {
    let cut = |problem: Problem| Problem {
        document: words(&problem.document, NAME_BYTES * 2),
        line: problem.line,
        message: words(&problem.message, WORDS_BYTES),
    };
    problems.into_iter().take(PROBLEMS).map(cut).collect()
}

pub(super) fn lookup(call: &'static str, lookup: Lookup) -> Result<Lookup, Fault> {
    let id = |id: &str| at_most(call, "the length of an id to look up", id.len(), ID_BYTES);
    match &lookup {
        Lookup::Client(one) | Lookup::Node(one) | Lookup::Application(one) => id(one)?,
        Lookup::ProductNode((one, other)) | Lookup::Serial((one, other)) => {
            id(one)?;
            id(other)?;
        }
        Lookup::Fingerprint(bytes) => fingerprint(call, bytes)?,
    }
    Ok(lookup)
}

pub(super) fn principal(call: &'static str, is: Principal) -> Result<Principal, Fault> {
    at_most(
        call,
        "the length of the principal's id",
        is.id.len(),
        ID_BYTES,
    )?;
    at_most(call, "the length of the proof", is.proof.len(), PROOF_BYTES)?;
    let pairs = is.extra.iter().map(|(key, value)| key.len() + value.len());
    at_most(
        call,
        "the size of the principal's extra",
        pairs.sum(),
        EXTRA_BYTES,
    )?;
    if let Some(enrol) = &is.enrol {
        fingerprint(call, enrol)?;
    }
    Ok(is)
}

pub(super) fn grant(grant: Grant) -> Result<Grant, Fault> {
    grant::check(&grant)?;
    Ok(grant)
}

pub(super) fn verdict(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Deny(reason) => Verdict::Deny(refusal(reason)),
        Verdict::Remark(remark) => Verdict::Remark(Remark {
            refusal: refusal(remark.refusal),
            ..remark
        }),
        Verdict::Allow | Verdict::Replace(_) => verdict,
    }
}

pub(super) fn refusal(refusal: Refusal) -> Refusal {
    Refusal {
        code: refusal.code,
        detail: words(&refusal.detail, WORDS_BYTES),
        rule: refusal.rule.map(|rule| words(&rule, NAME_BYTES)),
    }
}

fn fingerprint(call: &'static str, bytes: &[u8]) -> Result<(), Fault> {
    if FINGERPRINT_BYTES.contains(&bytes.len()) {
        return Ok(());
    }
    let cause = format!("a fingerprint has 20 or 32 bytes, not {}", bytes.len());
    Err(Fault::Value { call, cause })
}

fn at_most(
    call: &'static str,
    what: &'static str,
    value: usize,
    limit: usize,
) -> Result<(), Fault> {
    if value > limit {
        let source = TooLarge { what, value, limit };
        return Err(Fault::TooLarge { call, source });
    }
    Ok(())
}

/// At most `limit` bytes on one line.
pub(super) fn words(text: &str, limit: usize) -> String {
    let (cut, _) = text.split_at(text.floor_char_boundary(limit));
    cut.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_a_character_and_stay_on_one_line() {
        assert_eq!(words("a\r\nb\0c", 512), "a  b c");
        assert_eq!(words("äöü", 3), "ä");
        assert_eq!(words("", 3), "");
        let long = Refusal {
            code: 300,
            detail: "é".repeat(600),
            rule: Some("r".repeat(600)),
        };
        let cut = refusal(long);
        assert_eq!((cut.detail.len(), cut.rule.unwrap().len()), (512, 128));
    }

    #[test]
    fn what_decides_is_never_cut() {
        let principal_of = |id: usize, proof: usize, enrol: Option<usize>| Principal {
            id: "i".repeat(id),
            proof: vec![0; proof],
            enrol: enrol.map(|bytes| vec![0; bytes]),
            extra: Vec::new(),
        };
        let kind = |is: Principal| {
            principal("authenticate", is)
                .err()
                .map(|fault| fault.kind())
        };
        for (id, proof, enrol, expected) in [
            (1, 1_024, None, None),
            (512, 0, Some(20), None),
            (1, 0, Some(32), None),
            (513, 0, None, Some("too-large")),
            (1, 1_025, None, Some("too-large")),
            (1, 0, Some(0), Some("value")),
            (1, 0, Some(64), Some("value")),
        ] {
            assert_eq!(
                kind(principal_of(id, proof, enrol)),
                expected,
                "{id} {proof} {enrol:?}"
            );
        }
    }

    #[test]
    fn a_lookup_is_an_id_or_a_fingerprint() {
        let kind = |is: Lookup| lookup("identify", is).err().map(|fault| fault.kind());
        assert_eq!(kind(Lookup::Fingerprint(vec![0; 20])), None);
        assert_eq!(kind(Lookup::Fingerprint(vec![0; 21])), Some("value"));
        assert_eq!(kind(Lookup::Client("a".repeat(512))), None);
        assert_eq!(kind(Lookup::Node("a".repeat(513))), Some("too-large"));
        let serial = Lookup::Serial(("a".into(), "0".repeat(513)));
        assert_eq!(kind(serial), Some("too-large"));
    }

    #[test]
    fn a_policy_has_a_name_that_can_be_a_folder() {
        let named = |name: &str| {
            let is = Description {
                name: name.into(),
                version: "1".into(),
                dialect: "d".into(),
                summary: "a\nb".into(),
            };
            description("describe", is)
        };
        assert_eq!(named("iotda").unwrap().summary, "a b");
        for name in ["", "..", "a/b", "a b", &"a".repeat(129)] {
            assert!(named(name).is_err(), "{name}");
        }
    }
}
