//! The decision log: takes records, keeps lines, and lets them be read.
//!
//! A session never waits for a reader or a disk: to note a line is to take a short lock twice, and a line over its share of the second is
//! dropped before it is made. Whatever is dropped has a number, is counted (`decision_log_drops`), and shows as a gap.

use super::file::Writer;
use super::line::Kept;
use super::record::Record;
use super::ring::Ring;
use super::{Claim, Sampler, Settings, entries};
use prometheus_client::metrics::counter::Counter;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Lines that a reader takes in one lock.
const LOCKED: usize = 500;

/// The log of one process. Clone is cheap.
#[derive(Clone, Debug)]
pub struct Log {
    shared: Arc<Shared>,
    /// Whose decisions come by this handle.
    policy: Option<Box<str>>,
}

/// Lines that could not be kept.
#[derive(Clone, Debug, Default)]
pub struct Drops {
    /// Over the lines of a second, or over the client's share of them.
    pub rate: Counter,
    /// Out of memory before the file had them.
    pub file: Counter,
}

#[derive(Debug)]
pub(super) struct Shared {
    ring: Mutex<Ring>,
    /// Connections are accepted by all threads, and seldom enough.
    connects: Mutex<Sampler>,
    allowed_sample: u32,
    /// Keyed, so that nobody can take another's share on purpose.
    hasher: RandomState,
    drops: Drops,
    writer: Mutex<Option<Writer>>,
}

/// The file cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error(
    "the decision log cannot be opened: `{}`: {cause}; name another `file` in `[decisions]`, or none",
    .file.display()
)]
pub struct StartError {
    /// The setting `file`.
    pub file: PathBuf,
    /// What the system says.
    pub cause: io::Error,
}

/// A reader wants lines after one that there has never been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no decision `{after}`: the last one is `{last}`")]
pub struct Ahead {
    /// What was asked for.
    pub after: u64,
    /// The last number.
    pub last: u64,
}

impl Log {
    /// An empty log; where a file is set, a thread that writes to it until [`Log::close`].
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    pub fn start(settings: &Settings, drops: &Drops) -> Result<Self, StartError> {
        let shared = Arc::new(Shared {
            ring: Mutex::new(Ring::new(settings)),
            connects: Mutex::new(Sampler::new(settings.allowed_sample, 0)),
            allowed_sample: settings.allowed_sample,
            hasher: RandomState::new(),
            drops: drops.clone(),
            writer: Mutex::new(None),
        });
        if let Some(file) = &settings.file {
            let writer = Writer::start(file, settings.file_max, &shared)?;
            *locked(&shared.writer) = Some(writer);
        }
        Ok(Self {
            shared,
            policy: None,
        })
    }

    /// The same log, for the decisions of one policy.
    #[must_use]
    pub fn of_policy(&self, name: &str) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            policy: Some(name.into()),
        }
    }

    /// Keeps a decision. False: its client, or the second, has had its lines; the caller may spare itself the next ones for a moment, and
    /// tell their number by [`Log::lost`].
    pub fn note(&self, record: &Record<'_>, claim: Option<Box<Claim>>) -> bool {
        let client = self.client(record);
        if !self.shared.ring().share.take(record.at / 1_000, client) {
            self.lost(1);
            return false;
        }
        let mut kept = Kept::new(record, claim);
        kept.line.policy.clone_from(&self.policy);
        let unsaved = self.shared.ring().push(kept);
        self.shared.drops.file.inc_by(unsaved);
        true
    }

    /// Counts lines that were not even offered.
    pub fn lost(&self, lines: u64) {
        self.shared.ring().lose(lines);
        self.shared.drops.rate.inc_by(lines);
    }

    /// Whether this accepted CONNECT has a line.
    pub fn samples_connect(&self) -> bool {
        locked(&self.shared.connects).is_due()
    }

    /// What says which allowed accesses of one session have a line. `session`: its number.
    pub fn sampler(&self, session: u64) -> Sampler {
        Sampler::new(self.shared.allowed_sample, session)
    }

    /// At most `most` lines after this number as JSON, one on each text line, oldest first, with the gaps between them.
    ///
    /// # Errors
    ///
    /// There is no such number yet: it is of an earlier process.
    pub fn read(&self, after: u64, most: usize) -> Result<Vec<u8>, Ahead> {
        let last = self.shared.ring().last();
        if after > last {
            return Err(Ahead { after, last });
        }
        let (mut text, mut at, mut left) = (Vec::new(), after, most);
        while left > 0 {
            let batch = self.shared.ring().after(at, left.min(LOCKED));
            at = entries::write(&mut text, at, &batch.lines, batch.last);
            left -= batch.lines.len();
            if batch.last.is_some() {
                break;
            }
        }
        Ok(text)
    }

    /// One line, as long as it is in memory.
    pub fn find(&self, number: u64) -> Option<Arc<Kept>> {
        self.shared.ring().find(number)
    }

    /// Writes what is left to the file. Blocks for a second at most.
    pub fn close(&self) {
        let writer = locked(&self.shared.writer).take();
        if let Some(writer) = writer {
            writer.stop();
        }
    }

    /// Whose share a line is taken from. Who has proven nothing is told by where it comes from.
    fn client(&self, record: &Record<'_>) -> u64 {
        let hasher = &self.shared.hasher;
        match (record.client, record.peer) {
            ("", Some(peer)) => hasher.hash_one(peer.ip()),
            (client, _) => hasher.hash_one(client),
        }
    }
}

impl Shared {
    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        locked(&self.ring)
    }
}

/// Whoever panicked under a lock of ours left numbers that are whole.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Action, Verdict};
    use serde_json::Value;
    use std::path::Path;

    fn log(settings: &Settings) -> (Log, Drops) {
        let drops = Drops::default();
        (Log::start(settings, &drops).unwrap(), drops)
    }

    fn denied(client: &str, at: u64) -> Record<'_> {
        Record {
            client,
            verdict: Verdict::Deny,
            ..Record::new(at, Action::Publish)
        }
    }

    fn entries(log: &Log, after: u64, most: usize) -> Vec<Value> {
        let text = String::from_utf8(log.read(after, most).unwrap()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_flood_of_one_client_leaves_room_for_others_and_a_gap() {
        let (log, drops) = log(&Settings {
            lines_max: 20,
            ..Settings::default()
        });
        let noted = (0..100).filter(|_| log.note(&denied("loud", 5_000), None));
        assert_eq!(noted.count(), 2);
        assert!(log.note(&denied("quiet", 5_900), None));
        let read = entries(&log, 0, 10);
        assert_eq!(read.len(), 4, "{read:?}");
        assert_eq!(read[1]["client"], "loud");
        assert_eq!(
            read[2],
            serde_json::json!({ "gap": { "from": 3, "to": 100, "lost": 98 } })
        );
        assert_eq!(
            (&read[3]["n"], &read[3]["client"]),
            (&101.into(), &"quiet".into())
        );
        assert_eq!(drops.rate.get(), 98);
        assert!(log.note(&denied("loud", 6_000), None), "the next second");
    }

    #[test]
    fn who_is_not_known_yet_is_told_by_its_address() {
        let (log, _) = log(&Settings {
            lines_max: 10,
            ..Settings::default()
        });
        let from = |last: u8, port: u16| Record {
            peer: Some(([192, 0, 2, last], port).into()),
            ..denied("", 1_000)
        };
        assert!(log.note(&from(1, 1), None));
        assert!(!log.note(&from(1, 2), None));
        assert!(log.note(&from(2, 1), None));
    }

    #[test]
    fn reading_goes_on_where_it_ended() {
        let (log, _) = log(&Settings {
            lines_max: 10_000,
            ..Settings::default()
        });
        for _ in 0..1_000 {
            log.note(&denied("a", 0), None);
        }
        let (mut after, mut pages) = (0, 0);
        loop {
            let page = entries(&log, after, 300);
            let Some(end) = page.last() else {
                break;
            };
            assert_eq!(page[0]["n"], after + 1);
            after = end["n"].as_u64().unwrap();
            pages += 1;
        }
        assert_eq!((after, pages), (1_000, 4));
        assert_eq!(entries(&log, 0, 1_000).len(), 1_000, "in two locks");
        assert_eq!(
            log.read(1_001, 1).unwrap_err().to_string(),
            "there is no decision `1001`: the last one is `1000`"
        );
    }

    #[test]
    fn what_was_lost_at_the_end_is_read_once() {
        let (log, _) = log(&Settings::default());
        log.note(&denied("a", 0), None);
        log.lost(3);
        assert_eq!(entries(&log, 1, 10)[0]["gap"]["to"], 4);
        assert_eq!(entries(&log, 4, 10), [Value::Null; 0]);
        log.note(&denied("a", 0), None);
        assert_eq!(entries(&log, 4, 10)[0]["n"], 5);
    }

    fn file_lines(file: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(file).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn the_file_has_every_line_and_every_gap() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("decisions.jsonl");
        let (log, _) = log(&Settings {
            file: Some(file.clone()),
            ..Settings::default()
        });
        for at in 0..1_200 {
            assert!(log.note(&denied("a", at * 1_000), None));
        }
        log.lost(2);
        log.note(&denied("a", 0), None);
        log.close();
        let lines = file_lines(&file);
        assert_eq!(lines.len(), 1_202);
        assert_eq!(lines[1_200]["gap"]["lost"], 2);
        assert_eq!(lines[1_201]["n"], 1_203);
        log.close();
    }

    #[test]
    fn a_file_that_cannot_be_written_costs_lines_and_no_time() {
        let (log, drops) = log(&Settings {
            file: Some("/dev/full".into()),
            memory_lines: 10,
            ..Settings::default()
        });
        for at in 0..100 {
            assert!(log.note(&denied("a", at * 1_000), None));
        }
        log.close();
        assert_eq!((drops.file.get(), drops.rate.get()), (90, 0));
        let refused = Log::start(
            &Settings {
                file: Some("/no/such/folder/f".into()),
                ..Settings::default()
            },
            &drops,
        );
        let told = refused.err().unwrap().to_string();
        assert!(told.contains("`/no/such/folder/f`: "), "{told}");
    }
}
