//! Inbox links: one per template for all clients, so that a fleet costs the engine a handful of filters.
//!
//! Bounds: as many tasks as templates (the contract allows 64). Failure: when the engine is down a task waits for its next life and
//! subscribes again; messages of the gap are lost and the restart is logged.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::task::AbortHandle;

use super::{Down, Inner, Link, Message};

/// Takes a message of an inbox to its addressee. Called from the engine's inbox tasks; must not block.
pub trait Deliver: Send + Sync + 'static {
    /// `template` indexes the filters of the call that set them.
    fn deliver(&self, template: usize, message: Message);
    /// The engine has dropped so many messages of this inbox because it was read too slowly.
    fn lost(&self, template: usize, count: u64);
}

/// The inbox links that are open.
#[derive(Default)]
pub(super) struct Inboxes {
    open: HashMap<String, Inbox>,
}

struct Inbox {
    target: Arc<ArcSwap<Target>>,
    task: AbortHandle,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Target {
    template: usize,
    deliver: Arc<dyn Deliver>,
}

impl Inboxes {
    /// Opens what is new, redirects what stays without a gap, closes what is gone. Returns when the new filters are in force. Where one
    /// cannot be opened nothing changes.
    pub(super) async fn replace(
        &mut self,
        engine: &Arc<Inner>,
        filters: Vec<String>,
        deliver: &Arc<dyn Deliver>,
    ) -> Result<(), Down> {
        let target = |template| {
            let deliver = Arc::clone(deliver);
            Arc::new(Target { template, deliver })
        };
        let mut wanted = HashMap::with_capacity(filters.len());
        for (template, filter) in filters.iter().enumerate() {
            if !self.open.contains_key(filter) {
                let inbox = open(engine, filter, target(template)).await?;
                wanted.insert(filter.clone(), inbox);
            }
        }
        for (template, filter) in filters.into_iter().enumerate() {
            if let Some(inbox) = self.open.remove(&filter) {
                inbox.target.store(target(template));
                wanted.insert(filter, inbox);
            }
        }
        self.open = wanted;
        Ok(())
    }
}

async fn open(engine: &Arc<Inner>, filter: &str, target: Arc<Target>) -> Result<Inbox, Down> {
    let link = subscribed(engine, filter).await?;
    let target = Arc::new(ArcSwap::new(target));
    let task = tokio::spawn(run(
        Arc::clone(engine),
        filter.to_owned(),
        link,
        Arc::clone(&target),
    ));
    Ok(Inbox {
        target,
        task: task.abort_handle(),
    })
}

async fn subscribed(engine: &Arc<Inner>, filter: &str) -> Result<Link, Down> {
    let mut link = Link::open(Arc::clone(engine)).await?;
    link.subscribe(filter).await?;
    Ok(link)
}

async fn run(engine: Arc<Inner>, filter: String, mut link: Link, target: Arc<ArcSwap<Target>>) {
    let mut messages = VecDeque::new();
    loop {
        match link.receive(&mut messages).await {
            Ok(lost) => hand_out(&target.load(), lost, &mut messages),
            Err(Down) => link = reopen(&engine, &filter).await,
        }
    }
}

fn hand_out(target: &Target, lost: u64, messages: &mut VecDeque<Message>) {
    if lost > 0 {
        target.deliver.lost(target.template, lost);
    }
    for message in messages.drain(..) {
        target.deliver.deliver(target.template, message);
    }
}

async fn reopen(engine: &Arc<Inner>, filter: &str) -> Link {
    const PAUSE: Duration = Duration::from_millis(50);
    loop {
        tokio::time::sleep(PAUSE).await;
        if let Ok(link) = subscribed(engine, filter).await {
            return link;
        }
    }
}
