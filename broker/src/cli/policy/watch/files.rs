//! The files of a crate and of its rules: has anything changed, and which of the two?
//!
//! The system's events make it quick, a look every 2 s makes it sure, as where a broker follows its files. A change is what a look finds other than
//! the last time (names, sizes, times), so events of no consequence start nothing. Left out: `target/`, hidden files but `.cargo`, editors' backups,
//! links to folders. Files count once they are the same for 100 ms. `Cargo.lock` is the author's between two builds and cargo's during one: cargo
//! rewrites it in place, and a build that is killed for it leaves it cut off.

use super::crate_folder::CrateFolder;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;

const QUIET: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_secs(2);
const LOCK_FILE: &str = "Cargo.lock";

pub(super) type Seen = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// What the files look like.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stamp {
    pub(super) source: Seen,
    pub(super) rules: Seen,
    /// Cargo's own record of versions: source, but for a build that runs.
    pub(super) lock: Seen,
}

impl Stamp {
    /// Would a build make the same of both?
    pub(super) fn builds_as(&self, other: &Self) -> bool {
        self.source == other.source && self.lock == other.lock
    }
}

pub(super) struct Files {
    folder: CrateFolder,
    woken: Arc<Notify>,
    /// Without one, changes are seen by the next look.
    _watcher: Option<RecommendedWatcher>,
}

impl Files {
    pub(super) fn follow(folder: &CrateFolder) -> Self {
        let woken = Arc::new(Notify::new());
        Self {
            _watcher: watcher(folder, Arc::clone(&woken)),
            folder: folder.clone(),
            woken,
        }
    }

    /// The files at rest, once they are not those of `before`.
    pub(super) async fn changed(&self, before: Option<&Stamp>) -> Stamp {
        while before == Some(&self.stamp()) {
            self.wait().await;
        }
        let mut last = self.stamp();
        loop {
            tokio::time::sleep(QUIET).await;
            let now = self.stamp();
            if now == last {
                return now;
            }
            last = now;
        }
    }

    /// What a build that has just ended made of the lock file.
    pub(super) fn lock(&self) -> Seen {
        self.stamp().lock
    }

    /// Until the source is another one, whatever the build itself writes.
    pub(super) async fn source_changed(&self, before: &Stamp) {
        while self.stamp().source == before.source {
            self.wait().await;
        }
    }

    async fn wait(&self) {
        tokio::select! {
            () = self.woken.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }

    /// Some milliseconds for the files of a crate: not worth another thread.
    fn stamp(&self) -> Stamp {
        let mut stamp = Stamp::default();
        let CrateFolder {
            folder,
            rules,
            contract,
            ..
        } = &self.folder;
        for root in [folder, contract] {
            walk(root, &mut |path| {
                if path.ends_with(LOCK_FILE) {
                    note(path, &mut stamp.lock);
                } else if !path.starts_with(rules) {
                    note(path, &mut stamp.source);
                }
            });
        }
        walk(rules, &mut |path| note(path, &mut stamp.rules));
        stamp
    }
}

fn note(path: &Path, seen: &mut Seen) {
    if let Ok(about) = fs::metadata(path)
        && about.is_file()
    {
        seen.insert(path.to_owned(), (about.modified().ok(), about.len()));
    }
}

/// Hands over folders and files.
fn walk(folder: &Path, each: &mut dyn FnMut(&Path)) {
    each(folder);
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if is_left_out(&name.to_string_lossy()) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), each),
            Ok(_) => each(&entry.path()),
            Err(_) => {}
        }
    }
}

fn is_left_out(name: &str) -> bool {
    let is_hidden = name.starts_with('.') && name != ".cargo";
    is_hidden || name == "target" || name.ends_with('~')
}

fn watcher(folder: &CrateFolder, woken: Arc<Notify>) -> Option<RecommendedWatcher> {
    let wake = move |_: notify::Result<notify::Event>| woken.notify_one();
    let mut watcher = notify::recommended_watcher(wake).ok()?;
    for root in [&folder.folder, &folder.rules, &folder.contract] {
        walk(root, &mut |path| {
            if path.is_dir() {
                // One that cannot be watched is seen by the next look.
                let _ = watcher.watch(path, RecursiveMode::NonRecursive);
            }
        });
    }
    Some(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(root: &Path) -> Files {
        for folder in ["src", "policy/cases", "target"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("src/lib.rs"), "1").unwrap();
        Files::follow(&CrateFolder {
            folder: root.to_owned(),
            package: "p".into(),
            profile: Vec::new(),
            component: root.join("target/p.wasm"),
            rules: root.join("policy"),
            contract: root.join("wit"),
        })
    }

    #[tokio::test]
    async fn what_changed_is_told_apart_and_the_target_is_not_seen() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let first = files.changed(None).await;
        for ignored in ["target/p.wasm", "src/.lib.rs.swp", "src/lib.rs~"] {
            fs::write(folder.path().join(ignored), "x").unwrap();
        }
        assert_eq!(files.stamp(), first);
        fs::write(folder.path().join("policy/cases/a.json"), "[]").unwrap();
        let second = files.changed(Some(&first)).await;
        assert!(second.source == first.source && second.rules != first.rules);
        fs::write(folder.path().join("src/new.rs"), "x").unwrap();
        files.source_changed(&second).await;
        let third = files.changed(Some(&second)).await;
        assert!(third.source != second.source && third.rules == second.rules);
    }

    #[tokio::test]
    async fn a_lock_file_is_a_change_but_ends_no_build() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(folder.path());
        let before = files.changed(None).await;
        fs::write(folder.path().join(LOCK_FILE), "[[pa").unwrap();
        let build = tokio::time::timeout(2 * QUIET, files.source_changed(&before)).await;
        assert!(build.is_err(), "a build would be stopped by what it writes");
        let after = files.changed(Some(&before)).await;
        assert!(!after.builds_as(&before) && after.source == before.source);
    }
}
