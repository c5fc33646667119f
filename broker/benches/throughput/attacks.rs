//! What attacks the host: components and rules that are offered, and clients whose CONNECT a policy in force cannot judge.
//!
//! The broker runs the policy that the tests misbehave with, so that a document, a case or a client id can make it do so, too.

use crate::admin::{Admin, Answer};
use crate::fixtures::{hostile, text};
use crate::generated::{compile_bomb, of_instances, of_memories, of_tables};
use crate::server::{self, Server};
use crate::{Failure, connection, identity};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Instant;

const RULES: &str = "allow bench/#";
const CONFIG: &str = "[policies.iotda]\ncomponent = \"hostile.wasm\"\ndirectory = \"rules\"\n";
/// How the fixture misbehaves where it is asked to; [`SPIN`] is what only a deadline stops.
const IN_CONFIGURE: [&str; 4] = [SPIN, "trap", "alloc", "recurse"];
const IN_A_CALL: [&str; 7] = [
    SPIN,
    "trap",
    "alloc",
    "recurse",
    "huge-string",
    "many-rules",
    "greedy",
];
const SPIN: &str = "spin";
/// The defaults of `[policies.NAME.limits]`: of instantiation and `configure`, of a call, and of a call that a case asks three times.
const CONFIGURE: &str = "500 ms";
const CALL: &str = "10 ms";
const CASE: &str = "3 x 10 ms";

pub(crate) struct Attack {
    pub(crate) name: String,
    /// What must stop the step that it is rejected in, where that is time.
    pub(crate) limit: &'static str,
    offer: Offer,
}

enum Offer {
    Component(Vec<u8>),
    Rules(Value),
    /// A client of this id.
    Connect(&'static str),
}

/// How an attack ended.
pub(crate) struct Stopped {
    /// What it was rejected for.
    pub(crate) code: String,
    /// Milliseconds until whoever offered it was answered.
    pub(crate) answered: f64,
    /// Milliseconds of the step that it was rejected in.
    pub(crate) took: f64,
}

/// A broker whose policy in force is the hostile one, which behaves for well-behaved clients.
pub(crate) fn server() -> Result<Server, Failure> {
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("rules"))?;
    fs::write(dir.path().join("rules/rules.json"), RULES)?;
    fs::write(dir.path().join("hostile.wasm"), hostile())?;
    let config = dir.path().join("broker.toml");
    fs::write(&config, CONFIG)?;
    server::ours_in(dir, 0, &config)
}

/// All of them; `with_bomb`: the compile bomb, too, which takes its ten seconds.
pub(crate) fn all(with_bomb: bool) -> Result<Vec<Attack>, Failure> {
    let mut all = texts()?;
    all.extend([
        Attack::component("500 instances", "", of_instances(500)),
        Attack::component("500 memories", "", of_memories(500)),
        Attack::component("500 tables", "", of_tables(500)),
    ]);
    all.extend(IN_CONFIGURE.map(in_configure));
    all.extend(IN_A_CALL.map(in_a_case));
    all.extend(IN_A_CALL.map(in_a_connect));
    if with_bomb {
        let bomb = compile_bomb();
        all.push(Attack::component("compile bomb", "10 s of CPU", bomb));
    }
    Ok(all)
}

/// Every text among the fixtures.
fn texts() -> Result<Vec<Attack>, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if let Some(name) = file.strip_suffix(".wat") {
            let spins = name.starts_with(SPIN);
            let limit = if spins { CONFIGURE } else { "" };
            texts.push(Attack::component(name, limit, text(&file)));
        }
    }
    texts.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(texts)
}

fn in_configure(how: &'static str) -> Attack {
    let rules = json!({ "documents": { "rules.json": format!("{RULES}\n{how}") } });
    let limit = if how == SPIN { CONFIGURE } else { "" };
    Attack::new(&format!("configure: {how}"), limit, Offer::Rules(rules))
}

fn in_a_case(how: &'static str) -> Attack {
    let case = json!([{ "name": how, "connect": { "client_id": how }, "expect": { "grant": {} } }]);
    let rules = json!({
        "documents": { "rules.json": RULES },
        "cases": { "case.json": case.to_string() },
    });
    let limit = if how == SPIN { CASE } else { "" };
    Attack::new(&format!("a case: {how}"), limit, Offer::Rules(rules))
}

fn in_a_connect(how: &'static str) -> Attack {
    let limit = if how == SPIN { CALL } else { "" };
    Attack::new(&format!("a CONNECT: {how}"), limit, Offer::Connect(how))
}

impl Attack {
    fn component(name: &str, limit: &'static str, bytes: Vec<u8>) -> Self {
        Self::new(name, limit, Offer::Component(bytes))
    }

    fn new(name: &str, limit: &'static str, offer: Offer) -> Self {
        Self {
            name: name.to_owned(),
            limit,
            offer,
        }
    }

    /// Once. It is an error where the host takes it in.
    pub(crate) async fn offer(&self, server: &Server, admin: &Admin) -> Result<Stopped, Failure> {
        match &self.offer {
            Offer::Component(bytes) => {
                self.rejected(admin, admin.put_component(bytes).await?)
                    .await
            }
            Offer::Rules(rules) => self.rejected(admin, admin.put_rules(rules).await?).await,
            Offer::Connect(id) => self.refused(server, id).await,
        }
    }

    async fn rejected(&self, admin: &Admin, answer: Answer) -> Result<Stopped, Failure> {
        if answer.status < 400 {
            return Err(format!("`{}` is taken in: {}", self.name, answer.body).into());
        }
        Ok(Stopped {
            code: answer.code().to_owned(),
            answered: answer.milliseconds(),
            took: admin.last_step().await?,
        })
    }

    async fn refused(&self, server: &Server, id: &str) -> Result<Stopped, Failure> {
        let stream = tokio::net::TcpStream::connect(server.address).await?;
        let start = Instant::now();
        let (_, code) = connection::ask(stream, &identity::anybody(id)).await?;
        let took = start.elapsed().as_secs_f64() * 1e3;
        if code == 0 {
            return Err(format!("`{}` is let in", self.name).into());
        }
        Ok(Stopped {
            code: format!("CONNACK {code}"),
            answered: took,
            took,
        })
    }
}
