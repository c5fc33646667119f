//! A generation: one component with one set of documents, proven, configured and ready to be called.

use super::code::{Code, hex_digest};
use super::counts::Counts;
use super::fault::Fault;
use super::instance::Instance;
use super::pool::Pool;
use super::rejection::{CONFIGURE_FAILED, Rejection, SETUP_INVALID};
use super::settings::Settings;
use crate::contract::{
    Access, Connect, Description, Document, Grant, Lookup, Principal, Problem, Refusal, Setup,
    Subject, UtcMs, Verdict,
};
use crate::grant::inbox::Inboxes;
use crate::metrics::PolicyMetrics;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// Immutable: component + documents + revision, compiled, configured, ready to be called. A CONNECT takes one and makes all its calls on it.
pub struct Generation {
    revision: u64,
    documents_digest: String,
    description: Description,
    inboxes: Arc<Inboxes>,
    pool: Arc<Pool>,
    counts: Counts,
}

impl Generation {
    /// Instantiates, asks who it is, configures. Blocks.
    pub(super) fn configure(
        code: Code,
        documents: Vec<Document>,
        settings: &Settings,
        revision: u64,
    ) -> Result<Self, Rejection> {
        let mut first = Instance::start(&code, settings)?;
        let description = first.describe()?;
        let setup = first
            .configure(&documents)?
            .map_err(|problems| refused(&problems))?;
        Ok(Self {
            revision,
            documents_digest: digest_of(&documents),
            description,
            inboxes: inboxes(setup)?,
            pool: Arc::new(Pool::new(code, documents, settings.clone(), first)),
            counts: Counts::default(),
        })
    }

    /// The same, counting into these metrics; `troubled` is told of faults on probation.
    pub(super) fn counted(self, metrics: &PolicyMetrics, troubled: &Arc<Notify>) -> Self {
        Self {
            counts: Counts::new(metrics, troubled),
            ..self
        }
    }

    /// The same component and documents as another generation: what is in force again.
    pub(super) fn renumbered(&self, revision: u64) -> Self {
        Self {
            revision,
            documents_digest: self.documents_digest.clone(),
            description: self.description.clone(),
            inboxes: Arc::clone(&self.inboxes),
            pool: Arc::clone(&self.pool),
            counts: self.counts.anew(),
        }
    }

    /// The same component with other documents: for cases that bring their own, and for tools. Blocks.
    pub fn with_documents(&self, documents: Vec<Document>) -> Result<Self, Rejection> {
        let code = self.code().clone();
        Self::configure(code, documents, self.pool.settings(), self.revision)
    }

    /// Counts up from 1 in this process.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// SHA-256 of the component, lower-case hex.
    pub fn component_digest(&self) -> &str {
        &self.code().digest
    }

    /// SHA-256 over names and texts of the documents, lower-case hex.
    pub fn documents_digest(&self) -> &str {
        &self.documents_digest
    }

    /// Who the policy says it is.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The inboxes of all its clients.
    pub fn inboxes(&self) -> &Arc<Inboxes> {
        &self.inboxes
    }

    /// What it has answered and failed.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether messages are delivered by the same inboxes.
    pub(super) fn has_inboxes_of(&self, other: &Self) -> bool {
        self.inboxes.templates == other.inboxes.templates
    }

    /// Instances that nobody will need soon give their memory back.
    pub(super) fn rest(&self) {
        self.pool.clear();
    }

    /// Whom does this CONNECT claim to be? The error is a fault, never a denial; so for all calls.
    pub async fn identify(
        self: &Arc<Self>,
        connect: &Arc<Connect>,
    ) -> Result<Result<Lookup, Refusal>, Fault> {
        let connect = Arc::clone(connect);
        self.ask("identify", move |policy| policy.identify(&connect))
            .await
    }

    /// Does it prove it?
    pub async fn authenticate(
        self: &Arc<Self>,
        connect: &Arc<Connect>,
        subject: &Subject,
    ) -> Result<Result<Principal, Refusal>, Fault> {
        let (connect, subject) = (Arc::clone(connect), subject.clone());
        self.ask("authenticate", move |policy| {
            policy.authenticate(&connect, &subject)
        })
        .await
    }

    /// What may it do now?
    pub async fn authorize(
        self: &Arc<Self>,
        principal: &Principal,
        subject: &Subject,
        now: UtcMs,
    ) -> Result<Result<Grant, Refusal>, Fault> {
        let (principal, subject) = (principal.clone(), subject.clone());
        self.ask("authorize", move |policy| {
            policy.authorize(&principal, &subject, now)
        })
        .await
    }

    /// [`authorize`](Self::authorize) with a record that is read in the same turn, and what `then` makes of both: one way to a blocking thread
    /// instead of two, since after a swap thousands of sessions wait for it.
    pub async fn authorize_read<T: Send + 'static>(
        self: &Arc<Self>,
        principal: &Principal,
        now: UtcMs,
        read: impl FnOnce() -> Result<Subject, String> + Send + 'static,
        then: impl FnOnce(Grant, Subject) -> Result<T, Fault> + Send + 'static,
    ) -> Result<Result<T, Refusal>, Fault> {
        let call = "authorize";
        let principal = principal.clone();
        self.ask(call, move |policy| {
            let subject = read().map_err(|cause| Fault::Host { call, cause })?;
            match policy.authorize(&principal, &subject, now)? {
                Ok(grant) => then(grant, subject).map(Ok),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
        .await
    }

    /// May this message pass? Only for rules that say `inspect`.
    pub async fn inspect(self: &Arc<Self>, access: Access) -> Result<Verdict, Fault> {
        self.ask("inspect", move |policy| policy.inspect(&access))
            .await
    }

    pub(super) fn code(&self) -> &Code {
        self.pool.code()
    }

    pub(super) fn settings(&self) -> &Settings {
        self.pool.settings()
    }

    /// Several calls on one instance, on this thread: for whoever may block.
    pub(super) fn ask_now<T>(
        &self,
        ask: impl FnOnce(&mut Instance) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let began = Instant::now();
        let answer = self.pool.ask_now(ask);
        self.count("", began, &answer);
        answer
    }

    async fn ask<T: Send + 'static>(
        &self,
        call: &'static str,
        ask: impl FnOnce(&mut Instance) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let began = Instant::now();
        let answer = Arc::clone(&self.pool).ask(call, ask).await;
        self.count(call, began, &answer);
        answer
    }

    fn count<T>(&self, call: &'static str, began: Instant, answer: &Result<T, Fault>) {
        self.counts.answered(call, began.elapsed());
        if let Err(fault) = answer {
            self.counts.faulted(fault);
        }
    }
}

/// Over names and texts in their order; lengths keep two documents apart.
pub(super) fn digest_of(documents: &[Document]) -> String {
    let mut all = Vec::new();
    for text in documents
        .iter()
        .flat_map(|document| [&document.name, &document.text])
    {
        all.extend(text.len().to_be_bytes());
        all.extend(text.as_bytes());
    }
    hex_digest(&all)
}

fn inboxes(setup: Setup) -> Result<Arc<Inboxes>, Rejection> {
    let parsed = Inboxes::parse(setup.inboxes).map_err(|message| {
        let help = "mend the inbox in the policy: `wit/policy.wit` says what a template is";
        Rejection::new(SETUP_INVALID, message, help)
    })?;
    Ok(Arc::new(parsed))
}

fn refused(problems: &[Problem]) -> Rejection {
    let lines: Vec<String> = problems.iter().map(one_problem).collect();
    let message = match lines.as_slice() {
        [] => "the policy refused its documents without saying why".to_owned(),
        lines => lines.join("; "),
    };
    let help = "mend the document and save it again";
    Rejection::new(CONFIGURE_FAILED, message, help)
}

fn one_problem(problem: &Problem) -> String {
    let Problem {
        document, message, ..
    } = problem;
    match problem.line {
        Some(line) => format!("`{document}` line {line}: {message}"),
        None => format!("`{document}`: {message}"),
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("name", &self.description.name)
            .field("revision", &self.revision)
            .field("component", &self.component_digest())
            .field("documents", &self.documents_digest)
            .finish_non_exhaustive()
    }
}
