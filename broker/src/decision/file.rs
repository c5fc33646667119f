//! The decision log's file: one thread that reads the lines in memory, as any other reader, and appends them.
//!
//! A disk that is slow or full stalls nobody: the lines wait in memory, and those that fall out of it are counted
//! (`decision_log_drops{cause="file"}`) and stand in the file as a gap. Bounded by `file_max` bytes, twice: the file is renamed to `FILE.1` in
//! place of the one before. A failure is logged once, and tried again every second; what was half written is cut off first.

use super::log::Shared;
use super::{StartError, entries};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tracing::{error, info};

/// How often new lines are looked for: a tenth of the lines of a second are few.
const INTERVAL: Duration = Duration::from_millis(100);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// Lines that are written at once, some 300 KB.
const BATCH: usize = 500;
/// How long a stop waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The thread that writes. It ends with the log.
#[derive(Debug)]
pub(super) struct Writer {
    stop: Sender<()>,
    ended: Receiver<()>,
}

impl Writer {
    /// Opens the file, and starts to write what comes.
    pub(super) fn start(path: &Path, max: u64, log: &Arc<Shared>) -> Result<Self, StartError> {
        let failed = |cause: io::Error| StartError {
            file: path.to_owned(),
            cause,
        };
        let mut appended = Appended::open(path, max).map_err(failed)?;
        let (stop, stopped) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let log = Arc::downgrade(log);
        let run = move || {
            write_all(&log, &mut appended, &stopped);
            // Nobody may wait for it any more.
            end.send(()).ok();
        };
        let thread = std::thread::Builder::new().name("decision log".into());
        thread.spawn(run).map_err(failed)?;
        Ok(Self { stop, ended })
    }

    /// Writes what is left, as far as the disk takes it in a second.
    pub(super) fn stop(self) {
        drop(self.stop);
        self.ended.recv_timeout(LAST_LINES).ok();
    }
}

fn write_all(log: &Weak<Shared>, appended: &mut Appended, stopped: &Receiver<()>) {
    let mut wait = INTERVAL;
    loop {
        let is_last = !matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
        let Some(log) = log.upgrade() else {
            return;
        };
        wait = match write_new(&log, appended) {
            Ok(()) => INTERVAL,
            Err(cause) => {
                appended.tell(&cause);
                PAUSE
            }
        };
        if is_last {
            return;
        }
    }
}

fn write_new(log: &Shared, appended: &mut Appended) -> io::Result<()> {
    loop {
        let saved = log.ring().saved.unwrap_or(0);
        let batch = log.ring().after(saved, BATCH);
        let mut text = Vec::new();
        let end = entries::write(&mut text, saved, &batch.lines, batch.last);
        if !text.is_empty() {
            appended.append(&text)?;
            log.ring().saved = Some(end);
        }
        if batch.last.is_some() {
            return Ok(());
        }
    }
}

/// A file that only grows, until it is renamed.
#[derive(Debug)]
struct Appended {
    path: PathBuf,
    file: File,
    /// What is whole.
    size: u64,
    max: u64,
    /// The last attempt failed.
    is_broken: bool,
    /// And the log on stderr has been told.
    is_told: bool,
}

impl Appended {
    fn open(path: &Path, max: u64) -> io::Result<Self> {
        let file = open(path)?;
        Ok(Self {
            size: file.metadata()?.len(),
            path: path.to_owned(),
            file,
            max,
            is_broken: false,
            is_told: false,
        })
    }

    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        if std::mem::replace(&mut self.is_broken, true) {
            self.repair()?;
        }
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if self.size > 0 && self.size.saturating_add(length) > self.max {
            self.rotate()?;
        }
        self.file.write_all(text)?;
        self.size += length;
        self.is_broken = false;
        if std::mem::take(&mut self.is_told) {
            info!(file = %self.path.display(), "the decision log is written to its file again");
        }
        Ok(())
    }

    /// Perhaps with half a line at its end, and perhaps somebody has taken it away.
    fn repair(&mut self) -> io::Result<()> {
        self.file.set_len(self.size)?;
        self.file = open(&self.path)?;
        self.size = self.file.metadata()?.len();
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        fs::rename(&self.path, before(&self.path))?;
        self.file = open(&self.path)?;
        self.size = 0;
        Ok(())
    }

    /// Once, and not every second: it may last.
    fn tell(&mut self, cause: &io::Error) {
        if !std::mem::replace(&mut self.is_told, true) {
            error!(
                file = %self.path.display(),
                %cause,
                "the decision log cannot be written to its file: its lines wait in memory, and the oldest go first"
            );
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Where a file goes that is full.
fn before(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_full_file_is_renamed_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decisions.jsonl");
        let mut file = Appended::open(&path, 10).unwrap();
        for text in [
            "first\n",
            "second\n",
            "3\n",
            "a line that is longer than all\n",
            "5\n",
        ] {
            file.append(text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "5\n");
        assert_eq!(
            fs::read_to_string(before(&path)).unwrap(),
            "a line that is longer than all\n"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_was_there_stays_and_half_a_line_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decisions.jsonl");
        fs::write(&path, "old\n").unwrap();
        let mut file = Appended::open(&path, 1_000).unwrap();
        file.append(b"new\n").unwrap();
        // As a disk leaves it that became full within a line.
        file.file.write_all(b"{\"n\":").unwrap();
        file.is_broken = true;
        file.append(b"whole\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\nnew\nwhole\n");
    }

    #[test]
    fn a_file_that_was_taken_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decisions.jsonl");
        let mut file = Appended::open(&path, 10).unwrap();
        file.append(b"12345678\n").unwrap();
        fs::remove_file(&path).unwrap();
        assert!(
            file.append(b"next\n").is_err(),
            "there is nothing to rename"
        );
        file.append(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "next\n");
    }

    #[test]
    fn a_disk_that_is_full_is_told_and_tried_again() {
        let mut file = Appended::open(Path::new("/dev/full"), 1_000).unwrap();
        for _ in 0..2 {
            let error = file.append(b"x\n").unwrap_err();
            file.tell(&error);
            assert!(file.is_broken && file.is_told);
        }
    }
}
