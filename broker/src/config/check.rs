//! What parsing alone cannot see: numbers out of range, files that are not there, names that lead nowhere.

use super::{Config, Limits, error::Problems};
use crate::policy::{self, BuiltIn, Rollout};
use crate::{decision, session};
use std::{collections::BTreeMap, net::SocketAddr, path::Path};
use tracing_subscriber::EnvFilter;

const POLICY_NAME_MAX: usize = 64;
/// A CONNECT with a will and a long client id must fit; beyond the upper bound MQTT has no encoding.
const PACKET_BYTES: std::ops::RangeInclusive<u32> = 1_024..=268_435_455;

impl Config {
    pub(super) fn check(&self, problems: &mut Problems) {
        self.check_listeners(problems);
        self.check_policies(problems);
        self.check_files(problems);
        self.limits.check(problems);
        check_sessions(&self.sessions, problems);
        check_decisions(&self.decisions, problems);
        if let Err(error) = EnvFilter::try_new(&self.log.filter) {
            problems.add("log.filter", format!("`{}`: {error}", self.log.filter));
        }
    }

    fn check_listeners(&self, problems: &mut Problems) {
        let is_some = !self.listeners.is_empty();
        problems.require(is_some, "listeners", "at least one is needed");
        let mut taken = BTreeMap::<SocketAddr, String>::new();
        if self.admin.enabled {
            taken.insert(self.admin.address, "admin".into());
        }
        for (name, listener) in &self.listeners {
            let setting = format!("listeners.{name}");
            if listener.address.port() != 0
                && let Some(other) = taken.insert(listener.address, setting.clone())
            {
                let message = format!("`{}` is the address of `{other}`, too", listener.address);
                problems.add(setting.clone(), message);
            }
            if !self.policies.contains_key(&listener.policy) {
                let message = format!(
                    "there is no policy `{}`: add `[policies.{0}]`",
                    listener.policy
                );
                problems.add(setting, message);
            }
        }
    }

    fn check_policies(&self, problems: &mut Problems) {
        for (name, policy) in &self.policies {
            self.check_use(name, problems);
            let is_there = policy.component.is_some() || BuiltIn::named(name).is_some();
            problems.require(
                is_there,
                format!("policies.{name}.component"),
                &format!(
                    "it is missing: no component is built in as `{name}`, only {}",
                    BuiltIn::names()
                ),
            );
            if let Some(directory) = &policy.directory {
                let setting = format!("policies.{name}.directory");
                problems.require(directory.is_dir(), setting, &told(directory, "directory"));
            }
            if let Some(component) = &policy.component {
                let setting = format!("policies.{name}.component");
                problems.require(component.is_file(), setting, &told(component, "file"));
            }
            check_compiler(name, &policy.limits, problems);
            problems.require(
                policy.signature.is_none() || policy.component.is_some(),
                format!("policies.{name}.signature"),
                "the built-in component is not signed: name a signed file in `component`",
            );
            check_rollout(&policy.rollout, name, problems);
        }
    }

    fn check_use(&self, name: &str, problems: &mut Problems) {
        let setting = format!("policies.{name}");
        let mut named = self.listeners.values().map(|listener| &listener.policy);
        problems.require(
            // Without any the mistake is another one.
            self.listeners.is_empty() || named.any(|policy| policy == name),
            setting.as_str(),
            &format!("no listener is judged by it: say `policy = \"{name}\"` in one, or remove it"),
        );
        // It is part of file names.
        let is_name = (1..=POLICY_NAME_MAX).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        problems.require(
            is_name,
            setting.as_str(),
            &format!(
                "`{name}` is no name: use 1 to {POLICY_NAME_MAX} letters, digits, `_` and `-`"
            ),
        );
    }

    fn check_files(&self, problems: &mut Problems) {
        if let Some(tls) = &self.tls {
            for (name, file) in [("certificate", &tls.certificate), ("key", &tls.key)] {
                problems.require(file.is_file(), format!("tls.{name}"), &told(file, "file"));
            }
        }
        let is_usable = !self.data.exists() || self.data.is_dir();
        problems.require(
            is_usable,
            "data",
            &format!("`{}` is not a directory", self.data.display()),
        );
    }
}

impl Limits {
    fn check(&self, problems: &mut Problems) {
        let numbers = [
            ("connections", self.connections),
            ("half_open", self.half_open),
        ];
        for (name, value) in numbers {
            problems.require(
                value > 0,
                format!("limits.{name}"),
                "0 is not allowed: at least 1",
            );
        }
        let deadlines = [
            ("handshake_deadline", self.handshake_deadline),
            ("connect_deadline", self.connect_deadline),
        ];
        for (name, value) in deadlines {
            let setting = format!("limits.{name}");
            problems.require(
                !value.is_zero(),
                setting,
                "0 is not allowed: say for example \"10s\"",
            );
        }
    }
}

fn check_compiler(name: &str, limits: &policy::Settings, problems: &mut Problems) {
    let times = [
        ("compile_cpu", limits.compile_cpu),
        ("compile_patience", limits.compile_patience),
        ("compile_wall", limits.compile_wall),
    ];
    for (setting, value) in times {
        problems.require(
            !value.is_zero(),
            format!("policies.{name}.limits.{setting}"),
            "0 is not allowed: say for example \"10s\"",
        );
    }
    problems.require(
        limits.compile_memory > 0,
        format!("policies.{name}.limits.compile_memory"),
        "0 is not allowed: say for example 536870912",
    );
}

fn check_rollout(rollout: &Rollout, name: &str, problems: &mut Problems) {
    let setting = |field: &str| format!("policies.{name}.rollout.{field}");
    problems.require(
        (0.0..=100.0).contains(&rollout.canary_percent),
        setting("canary_percent"),
        &format!("`{}` is not between 0 and 100", rollout.canary_percent),
    );
    problems.require(
        rollout.sample > 0,
        setting("sample"),
        "0 is not allowed: 1 shows every access",
    );
    problems.require(
        rollout.faults_max > 0,
        setting("faults_max"),
        "0 is not allowed: at least 1",
    );
    problems.require(
        (2..=1_000).contains(&rollout.history),
        setting("history"),
        "2 to 1000 are allowed: the active one, and one to roll back to",
    );
}

fn check_sessions(sessions: &session::Settings, problems: &mut Problems) {
    for (name, bytes) in [
        ("packet_max", sessions.packet_max),
        ("connect_packet_max", sessions.connect_packet_max),
    ] {
        let fits = PACKET_BYTES.contains(&bytes);
        let setting = format!("sessions.{name}");
        problems.require(fits, setting, "1024 to 268435455 are allowed");
    }
    problems.require(
        sessions.queue_messages > 0 && sessions.queue_bytes > 0,
        "sessions.queue_messages",
        "0 is not allowed, nor for `queue_bytes`: nothing could be delivered",
    );
    problems.require(
        !sessions.write_stall.is_zero(),
        "sessions.write_stall",
        "0 is not allowed: say for example \"30s\"",
    );
}

fn check_decisions(decisions: &decision::Settings, problems: &mut Problems) {
    for (name, holds) in [
        ("memory_lines", decisions.memory_lines > 0),
        ("memory_bytes", decisions.memory_bytes > 0),
        ("lines_max", decisions.lines_max > 0),
        ("file_max", decisions.file_max > 0),
    ] {
        let setting = format!("decisions.{name}");
        problems.require(
            holds,
            setting,
            "0 is not allowed: nothing could be read there",
        );
    }
    if let Some(file) = &decisions.file {
        problems.require(
            !file.is_dir(),
            "decisions.file",
            &format!("`{}` is a directory: name a file in it", file.display()),
        );
    }
}

fn told(path: &Path, kind: &str) -> String {
    format!("there is no {kind} `{}`", path.display())
}
