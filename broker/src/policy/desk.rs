//! What is known of what is in force, and what an offer means beside it. Pure.
//!
//! A candidate is a component with its rules (documents and cases), and either may be offered alone: the other stays what it is. The
//! newest word counts: a file that was overruled by an upload or a rollback counts again once it changes, and until then it does not.

use super::code::hex_digest;
use super::documents::Folder;
use super::generation::Generation;
use super::ladder::Part;
use super::life::{Made, Origin};
use super::rollout::Stage;
use super::shelf::{Overruled, digests};
use super::swap::Candidate;
use std::sync::Arc;

/// A component as it came in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ComponentFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The text of its detached minisign signature.
    pub signature: Option<String>,
}

/// Something new for a policy.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Where it comes from.
    pub origin: Origin,
    /// None: the one in force stays.
    pub component: Option<ComponentFile>,
    /// None: those in force stay.
    pub folder: Option<Folder>,
    /// None: as configured.
    pub stage: Option<Stage>,
}

/// What is on the desk of whoever judges offers: one at a time.
pub(super) struct Desk {
    /// What is in force, and its number in the history.
    pub(super) made: Made,
    pub(super) folder: Arc<Folder>,
    pub(super) number: u64,
    /// What was in force before it.
    pub(super) former: Option<Former>,
    /// A candidate between proof and force.
    pub(super) trial: Option<OnTrial>,
    /// The files as they were seen last.
    pub(super) files: Option<Made>,
    pub(super) overruled: Overruled,
    pub(super) signed: Option<(u64, String)>,
    /// The last revision that was given to anybody.
    pub(super) revision: u64,
}

/// A generation that can be in force again at once.
pub(super) struct Former {
    pub(super) generation: Arc<Generation>,
    pub(super) made: Made,
    pub(super) folder: Arc<Folder>,
}

/// A candidate that is proven and not active yet.
pub(super) struct OnTrial {
    pub(super) number: u64,
    pub(super) stage: Stage,
    pub(super) former: Former,
    pub(super) signed: Option<(u64, String)>,
    pub(super) until: Option<std::time::Instant>,
}

/// An offer, completed by what is in force.
pub(super) struct Wanted {
    pub(super) made: Made,
    /// None: the one in force.
    pub(super) component: Option<ComponentFile>,
    pub(super) folder: Arc<Folder>,
}

impl Offer {
    /// What the files say now.
    pub fn files(candidate: Candidate) -> Self {
        Self::whole(Origin::File, candidate)
    }

    pub(super) fn whole(origin: Origin, candidate: Candidate) -> Self {
        Self {
            origin,
            folder: Some(Folder::of(&candidate)),
            component: Some(ComponentFile {
                bytes: candidate.component,
                signature: candidate.signature,
            }),
            stage: None,
        }
    }
}

impl Desk {
    /// Takes note of the files and leaves out of an offer of them what was overruled and has not changed since. True where they are other
    /// files than those seen last.
    pub(super) fn see_files(&mut self, offer: &mut Offer) -> bool {
        let (Some(component), Some(folder)) = (&offer.component, &offer.folder) else {
            return true;
        };
        let files = made(hex_digest(&component.bytes), folder);
        if self.overruled.component.as_ref() == Some(&files.component) {
            offer.component = None;
        } else {
            self.overruled.component = None;
        }
        if self.overruled.rules == Some(files.rules()) {
            offer.folder = None;
        } else {
            self.overruled.rules = None;
        }
        let are_others = self.files.as_ref() != Some(&files);
        self.files = Some(files);
        are_others
    }

    /// The offer, completed.
    pub(super) fn complete(&self, offer: Offer) -> Wanted {
        let folder = offer
            .folder
            .map_or_else(|| Arc::clone(&self.folder), Arc::new);
        let digest = offer.component.as_ref().map(|one| hex_digest(&one.bytes));
        let component = digest.unwrap_or_else(|| self.made.component.clone());
        let made = made(component, &folder);
        Wanted {
            component: offer
                .component
                .filter(|_| made.component != self.made.component),
            made,
            folder,
        }
    }

    /// Files that are not what is in force do not count any more, until they change.
    pub(super) fn overrule_files(&mut self) {
        let Some(files) = &self.files else {
            return;
        };
        self.overruled = Overruled {
            component: Some(files.component.clone()).filter(|one| *one != self.made.component),
            rules: Some(files.rules()).filter(|one| *one != self.made.rules()),
        };
    }
}

impl Wanted {
    /// The foot of the ladder.
    pub(super) fn part(&self, active: &Generation) -> Part {
        match &self.component {
            None => Part::Known(active.code().clone()),
            Some(file) => Part::New {
                bytes: file.bytes.clone(),
                digest: self.made.component.clone(),
                signature: file.signature.clone(),
            },
        }
    }
}

fn made(component: String, folder: &Folder) -> Made {
    let (documents, cases) = digests(&folder.documents, &folder.cases);
    Made {
        component,
        documents,
        cases,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Document;

    fn folder(text: &str) -> Folder {
        Folder {
            documents: vec![Document {
                name: "a.json".into(),
                text: text.into(),
            }],
            cases: Vec::new(),
        }
    }

    fn offer(component: &str, rules: &str) -> Offer {
        Offer::files(Candidate {
            component: component.into(),
            documents: folder(rules).documents,
            ..Candidate::default()
        })
    }

    fn desk(component: &str, rules: &str) -> Desk {
        let folder = folder(rules);
        Desk {
            made: made(hex_digest(component.as_bytes()), &folder),
            folder: Arc::new(folder),
            number: 1,
            former: None,
            trial: None,
            files: None,
            overruled: Overruled::default(),
            signed: None,
            revision: 1,
        }
    }

    /// Component and rules that an offer of files asks for.
    fn wanted(desk: &mut Desk, component: &str, rules: &str) -> Made {
        let mut offer = offer(component, rules);
        desk.see_files(&mut offer);
        desk.complete(offer).made
    }

    fn is(made: &Made, component: &str, rules: &str) -> bool {
        *made == super::made(hex_digest(component.as_bytes()), &folder(rules))
    }

    #[test]
    fn an_overruled_file_counts_again_once_it_changes() {
        let mut desk = desk("file", "rules");
        assert!(is(&wanted(&mut desk, "file", "rules"), "file", "rules"));
        // An upload takes the component's place.
        desk.made.component = hex_digest(b"upload");
        desk.overrule_files();
        assert!(is(&wanted(&mut desk, "file", "rules"), "upload", "rules"));
        assert!(is(&wanted(&mut desk, "file", "new"), "upload", "new"));
        assert!(is(&wanted(&mut desk, "other", "new"), "other", "new"));
        // The newest word, though it is an old one.
        assert!(is(&wanted(&mut desk, "file", "new"), "file", "new"));
    }

    #[test]
    fn a_rollback_overrules_both() {
        let mut desk = desk("old", "old");
        wanted(&mut desk, "bad", "bad");
        desk.overrule_files();
        assert!(is(&wanted(&mut desk, "bad", "bad"), "old", "old"));
        assert!(is(&wanted(&mut desk, "bad", "mended"), "old", "mended"));
    }

    #[test]
    fn one_part_alone_leaves_the_other() {
        let desk = desk("one", "rules");
        let upload = Offer {
            origin: Origin::Upload,
            component: None,
            folder: Some(folder("new")),
            stage: None,
        };
        let wanted = desk.complete(upload);
        assert!(is(&wanted.made, "one", "new") && wanted.component.is_none());
    }
}
