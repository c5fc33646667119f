//! `policy explain`: one access of one client, why it comes out as it does, and what would change it.
//!
//! Offline: reads the registry's file, also beside a running broker, and writes nothing. Exit codes: 0 allowed, 2 denied, 3 the component or its
//! documents are no policy, 1 something cannot be read or nothing can be said, 64 bad usage.

mod shown;

use super::limits::Limits;
use super::loaded::{self, Loaded};
use super::{Failed, OK, records};
use crate::cli::data_or_default;
use crate::contract::{Connect, Qos};
use crate::decision::Action;
use crate::grant::filter;
use crate::policy::Compiler;
use crate::policy::rejection::Rejection;
use crate::workbench::access::Access;
use crate::workbench::explain::{Asked, Explanation, Policy, explain};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;
use std::time::SystemTime;

/// The access is denied.
const DENIED: u8 = 2;

/// `policy explain`.
#[derive(Args, Debug)]
#[command(after_help = "\
The client's password is not needed: a stand-in proves it, in the form in which clients of the policy's cases connect.
Exit codes: 0 allowed, 2 denied, 3 invalid policy, 1 unreadable, 64 bad usage.")]
pub struct Explain {
    /// The component's file, or `built-in`, or `built-in:NAME`
    #[arg(long, default_value = "built-in")]
    component: PathBuf,
    /// Directory of the registry [default: the environment's `IOTDA_BROKER__DATA`, else `data`]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The id of the client's record
    #[arg(long, value_name = "ID")]
    client: String,
    #[command(flatten)]
    asked: AskedFor,
    /// QoS of the access, 0 to 2
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
    /// The folder of rule documents [default: `policies/NAME` with the component's name, else what is built in]
    #[arg(long, value_name = "DIR")]
    policy_dir: Option<PathBuf>,
    /// A payload, or the file that holds it, for what is inspected
    #[arg(long, value_name = "FILE|TEXT")]
    payload: Option<String>,
    /// A table case with the client's CONNECT, where no form of the policy's cases is right
    #[arg(long, value_name = "FILE")]
    connect_file: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct AskedFor {
    /// May it publish to this topic?
    #[arg(long, value_name = "TOPIC")]
    publish: Option<String>,
    /// May it subscribe to this filter?
    #[arg(long, value_name = "FILTER")]
    subscribe: Option<String>,
    /// May a message on this topic be delivered to it?
    #[arg(long, value_name = "TOPIC")]
    receive: Option<String>,
    /// May it connect at all?
    #[arg(long)]
    connect: bool,
}

impl Explain {
    pub(super) fn run(&self, compiler: &Compiler, out: &mut dyn Write) -> Result<u8, Failed> {
        let access = self.access()?;
        let payload = self.payload()?;
        let connect = self.connect_file.as_deref().map(loaded::connect);
        let connect: Option<Connect> = connect.transpose()?;
        let data = data_or_default(self.data.clone());
        let subject = records::client(&data, &self.client)?;
        let settings = self.limits.settings()?;
        let loaded = Loaded::load(
            &settings,
            compiler,
            &self.component,
            self.policy_dir.as_deref(),
        )?;
        let policy = Policy {
            generation: &loaded.generation,
            documents: &loaded.documents,
            samples: &loaded.samples,
        };
        let asked = Asked {
            subject: &subject,
            connect: connect.as_ref(),
            access: access.as_ref(),
            payload: payload.as_deref(),
            now: now(),
        };
        let explanation = explain(&policy, &asked)?;
        self.print(&explanation, out)?;
        Ok(if explanation.verdict == "deny" {
            DENIED
        } else {
            OK
        })
    }

    fn access(&self) -> Result<Option<Access>, Failed> {
        let AskedFor {
            publish,
            subscribe,
            receive,
            connect: _,
        } = &self.asked;
        let (action, topic) = match (publish, subscribe, receive) {
            (Some(topic), _, _) => (Action::Publish, topic),
            (_, Some(filter), _) => (Action::Subscribe, filter),
            (_, _, Some(topic)) => (Action::Receive, topic),
            _ => return Ok(None),
        };
        let (is_valid, what) = match action {
            Action::Subscribe => (filter::is_valid_filter(topic), "topic filter"),
            _ => (filter::is_valid_topic(topic), "topic"),
        };
        if !is_valid {
            return Err(Failed::Usage(Rejection::new(
                "topic-invalid",
                format!("`{topic}` is no {what} of MQTT"),
                "wildcards are whole levels and only in filters; `#` is the last level",
            )));
        }
        Ok(Some(Access {
            action,
            topic: topic.clone(),
            qos: qos(self.qos),
        }))
    }

    /// What is the name of a file is a file.
    fn payload(&self) -> Result<Option<Vec<u8>>, Failed> {
        let Some(given) = &self.payload else {
            return Ok(None);
        };
        let file = PathBuf::from(given);
        if !file.is_file() {
            return Ok(Some(given.clone().into_bytes()));
        }
        let read = std::fs::read(&file).map_err(|error| {
            Failed::unreadable(
                "payload-unreadable",
                format!("the payload `{given}` cannot be read: {error}"),
                "give a file that can be read, or the text itself",
            )
        });
        read.map(Some)
    }

    fn print(&self, explanation: &Explanation, out: &mut dyn Write) -> std::io::Result<()> {
        if self.json {
            writeln!(out, "{}", serde_json::to_string(explanation)?)
        } else {
            shown::print(explanation, out)
        }
    }
}

/// The range is clap's.
pub(super) fn qos(level: u8) -> Qos {
    match level {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        _ => Qos::ExactlyOnce,
    }
}

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    u64::try_from(millis).unwrap_or(u64::MAX)
}
