//! What judges at one moment: the active generation, the one on trial, and whether an operator has shut everything. Immutable; replaced
//! as a whole by one pointer store, so nobody ever sees a mix.

use super::documents::Folder;
use super::generation::Generation;
use super::rollout::{LiveSessions, Selector};
use super::shadow::{Report, Shadow};
use std::sync::Arc;

/// One moment's rules.
#[derive(Clone)]
pub struct InForce {
    pub(super) active: Arc<Generation>,
    pub(super) trial: Option<Trial>,
    /// Documents and cases of the active generation.
    pub(super) folder: Arc<Folder>,
    pub(super) denies_all: bool,
    /// What a session may live on under.
    pub(super) live: Live,
    /// What came out of the shadow before: whoever looks for why it was rejected comes after its trial.
    pub(super) reported: Option<Arc<Report>>,
    /// Counts every change.
    pub(super) serial: u64,
}

/// A candidate that is proven and not active yet.
#[derive(Clone)]
pub(super) struct Trial {
    pub(super) generation: Arc<Generation>,
    pub(super) role: Role,
}

#[derive(Clone)]
pub(super) enum Role {
    Shadow(Arc<Shadow>),
    Canary(Selector),
}

/// Under which generations a session may live on where new ones are for new connections only.
#[derive(Clone, Default)]
pub(super) struct Live {
    pub(super) sessions: LiveSessions,
    /// Revisions that were rolled back or discarded: nobody stays under them.
    pub(super) withdrawn: Vec<u64>,
}

impl InForce {
    /// The generation that answers for most clients, and for all where there is no canary.
    pub fn active(&self) -> &Arc<Generation> {
        &self.active
    }

    /// The generation that answers for this client.
    pub fn for_client(&self, client: &str, product: &str) -> &Arc<Generation> {
        match &self.trial {
            Some(Trial {
                generation,
                role: Role::Canary(selector),
            }) if selector.selects(client, product) => generation,
            _ => &self.active,
        }
    }

    /// Whether a session of this client may live on under the generation of this revision.
    pub fn holds(&self, revision: u64, client: &str, product: &str) -> bool {
        match self.live.sessions {
            LiveSessions::Judge => self.for_client(client, product).revision() == revision,
            LiveSessions::Keep => !self.live.withdrawn.contains(&revision),
        }
    }

    /// New connections and messages are refused as if the policy were at fault; sessions stay.
    pub fn denies_all(&self) -> bool {
        self.denies_all
    }

    /// The candidate that is shown what happens.
    pub fn shadow(&self) -> Option<&Arc<Shadow>> {
        match &self.trial {
            Some(Trial {
                role: Role::Shadow(shadow),
                ..
            }) => Some(shadow),
            _ => None,
        }
    }

    /// What came out of the shadow so far, or of the last one.
    pub fn report(&self) -> Option<Arc<Report>> {
        let so_far = self.shadow().map(|shadow| Arc::new(shadow.report()));
        so_far.or_else(|| self.reported.clone())
    }

    /// Documents and cases of the active generation.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Counts every change of what is in force.
    pub fn serial(&self) -> u64 {
        self.serial
    }
}
