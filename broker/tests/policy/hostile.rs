//! Components that attack the host while they are offered: each is rejected by the name of what it did, with the limit that it met, and the
//! active generation is untouched to the byte.

use crate::fixtures::{hostile, text};
use crate::generated::{of_instances, of_memories, of_tables};
use crate::{EMPTY, authorized, candidate, connect, start, start_patiently, with_cases};
use iotda_broker::contract::{Grant, Lookup};
use iotda_broker::policy::rejection as code;
use iotda_broker::policy::{Candidate, Generation, Policy};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// No single candidate may take longer; the longest has half a second for `configure`.
const ENOUGH: Duration = Duration::from_secs(20);

/// What the active generation is and answers, to be compared later.
pub(crate) struct Witness {
    generation: Arc<Generation>,
    lookup: Lookup,
    grant: Grant,
}

impl Witness {
    pub(crate) async fn of(policy: &Policy) -> Self {
        let generation = policy.active();
        Self {
            lookup: looked_up(&generation).await,
            grant: authorized(&generation, "someone").await.unwrap(),
            generation,
        }
    }

    pub(crate) async fn saw_no_change(&self, policy: &Policy, after: &str) {
        let active = policy.active();
        assert!(Arc::ptr_eq(&self.generation, &active), "{after}");
        assert_eq!(looked_up(&active).await, self.lookup, "{after}");
        let grant = authorized(&active, "someone").await.unwrap();
        assert_eq!(grant, self.grant, "{after}");
    }
}

async fn looked_up(generation: &Arc<Generation>) -> Lookup {
    let lookup = generation.identify(&connect("someone")).await;
    lookup.unwrap().unwrap()
}

async fn is_rejected(policy: &Policy, name: &str, offered: Candidate, code: &str, told: &str) {
    let before = Witness::of(policy).await;
    let began = Instant::now();
    let rejected = policy.offer(offered).await.unwrap_err();
    assert!(began.elapsed() < ENOUGH, "{name}: {:?}", began.elapsed());
    assert_eq!(rejected.code, code, "{name}: {rejected}");
    assert!(rejected.message.contains(told), "{name}: {rejected}");
    assert!(
        !rejected.help.is_empty() && !rejected.message.contains('\n'),
        "{name}: {rejected}"
    );
    before.saw_no_change(policy, name).await;
}

#[tokio::test]
async fn a_file_that_is_no_component_is_rejected() {
    let policy = start("allow news/#");
    let whole = hostile();
    let core_module = wat::parse_str("(module)").unwrap();
    for (name, component, code, told) in [
        (
            "empty",
            Vec::new(),
            code::COMPONENT_INVALID,
            "unexpected end",
        ),
        (
            "text",
            b"(component)".to_vec(),
            code::COMPONENT_INVALID,
            "magic",
        ),
        (
            "truncated",
            whole[..whole.len() / 2].to_vec(),
            code::COMPONENT_INVALID,
            "out of bounds",
        ),
        (
            "one byte less",
            whole[..whole.len() - 1].to_vec(),
            code::COMPONENT_INVALID,
            "offset",
        ),
        ("core module", core_module, code::COMPONENT_INVALID, ""),
        (
            "oversized",
            vec![0; (4 << 20) + 1],
            code::COMPONENT_TOO_LARGE,
            "4194305 bytes: at most 4194304",
        ),
    ] {
        let offered = Candidate {
            component,
            ..candidate("allow news/#")
        };
        is_rejected(&policy, name, offered, code, told).await;
    }
}

#[tokio::test]
async fn a_component_that_is_no_policy_is_rejected() {
    let policy = start("allow news/#");
    for (name, component, code, told) in [
        (
            "empty component",
            wat::parse_str("(component)").unwrap(),
            code::CONTRACT_MISSING,
            "exports nothing",
        ),
        (
            "WASI",
            text("wants-wasi.wat"),
            code::IMPORTS_NOT_EMPTY,
            "`wasi:cli/environment@0.2.0`",
        ),
        (
            "host function",
            text("wants-host-function.wat"),
            code::IMPORTS_NOT_EMPTY,
            "`look-up`",
        ),
        (
            "older contract",
            text("older-contract.wat"),
            code::CONTRACT_VERSION,
            "@0.9.0",
        ),
        (
            "missing export",
            text("without-inspect.wat"),
            code::EXPORTS_MISMATCH,
            "inspect",
        ),
        (
            "wrong types",
            text("wrong-types.wat"),
            code::EXPORTS_MISMATCH,
            "",
        ),
    ] {
        let offered = Candidate {
            component,
            ..candidate("allow news/#")
        };
        is_rejected(&policy, name, offered, code, told).await;
    }
}

#[tokio::test]
async fn a_component_that_attacks_when_it_is_instantiated_is_stopped() {
    let policy = start("allow news/#");
    for (name, component, code, told) in [
        (
            "loop in start",
            text("spins-at-start.wat"),
            code::FAULT_DEADLINE,
            "`instantiate` within 500ms",
        ),
        (
            "trap in start",
            text("traps-at-start.wat"),
            code::FAULT_TRAP,
            "trapped in `instantiate`: wasm trap: ",
        ),
        (
            "recursion in start",
            text("recurses-at-start.wat"),
            code::FAULT_STACK,
            "more than 524288 bytes of stack in `instantiate`",
        ),
        (
            "4 GiB of memory",
            text("big-memory.wat"),
            code::FAULT_MEMORY,
            "wanted 4294967296 bytes of memory in `instantiate`, over the limit of 16777216",
        ),
        (
            "huge table",
            text("big-table.wat"),
            code::FAULT_TABLE,
            "wanted 10000000 table elements in `instantiate`, over the limit of 100000",
        ),
        (
            "instances",
            of_instances(500),
            code::FAULT_PARTS,
            "more than 200 core instances",
        ),
        (
            "memories",
            of_memories(500),
            code::FAULT_PARTS,
            "memory count too high",
        ),
        (
            "tables",
            of_tables(500),
            code::FAULT_PARTS,
            "table count too high",
        ),
    ] {
        let offered = Candidate {
            component,
            ..candidate("allow news/#")
        };
        is_rejected(&policy, name, offered, code, told).await;
    }
}

#[tokio::test]
async fn a_component_that_attacks_when_it_is_configured_is_stopped() {
    let policy = start("allow news/#");
    for (how, code, told) in [
        ("trap", code::FAULT_TRAP, "trapped in `configure`"),
        (
            "spin",
            code::FAULT_DEADLINE,
            "did not answer `configure` within 500ms",
        ),
        (
            "alloc",
            code::FAULT_MEMORY,
            "bytes of memory in `configure`, over the limit of 16777216",
        ),
        (
            "recurse",
            code::FAULT_STACK,
            "more than 524288 bytes of stack in `configure`",
        ),
        (
            "huge",
            code::FAULT_TOO_LARGE,
            "more than 2097152 bytes from `configure`",
        ),
        (
            "inboxes",
            code::FAULT_TOO_LARGE,
            "the number of inboxes is 65, over the limit of 64",
        ),
    ] {
        is_rejected(&policy, how, candidate(how), code, told).await;
    }
}

/// The cases run under production limits, so what only a call shows is seen before anybody is served.
#[tokio::test]
async fn a_component_that_attacks_in_a_call_fails_its_cases() {
    let policy = start_patiently("allow news/#");
    for (client_id, told) in [
        ("trap", "trapped in `identify`"),
        ("spin", "did not answer `identify` within 250ms"),
        ("alloc", "over the limit of 16777216"),
        ("recurse", "more than 524288 bytes of stack"),
        ("huge-string", "more than 2097152 bytes from `identify`"),
        ("bad-fingerprint", "20 or 32 bytes, not 7"),
        ("many-rules", "257, over the limit of 256"),
        ("bad-pattern", "a/#/b"),
        ("greedy", "bytes of memory in `authorize`"),
    ] {
        let case = format!(
            r#"[{{ "name": "n", "connect": {{ "client_id": "{client_id}" }}, "expect": {{ "grant": {{}} }} }}]"#
        );
        let offered = with_cases(&case);
        is_rejected(&policy, client_id, offered, code::CASES_FAILED, told).await;
    }
}

/// A digest is what proves integrity; here only: whatever a bit does, the attempt ends, and ends well or with a name.
#[tokio::test]
async fn a_damaged_component_is_refused_or_runs_within_its_bounds() {
    let policy = start("allow news/#");
    let whole = hostile();
    for number in 0..16 {
        let mut component = whole.clone();
        let place = component.len() * number / 16 + 7;
        component[place] ^= 1 << (number % 8);
        let before = policy.active();
        let offered = Candidate {
            component,
            ..candidate("allow news/#")
        };
        let began = Instant::now();
        match policy.offer(offered).await {
            Ok(active) => assert_eq!(active.revision(), before.revision() + 1),
            Err(rejected) => {
                assert!(!rejected.message.is_empty() && !rejected.message.contains('\n'));
                assert!(Arc::ptr_eq(&before, &policy.active()), "{rejected}");
            }
        }
        assert!(began.elapsed() < ENOUGH);
        // Whoever was active is still asked, and answers or faults.
        let asked = policy.active().authenticate(&connect("a"), &EMPTY).await;
        assert!(asked.is_ok() || policy.active().revision() > 1);
    }
}
