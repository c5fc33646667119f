//! One build of the component by cargo.
//!
//! Cargo and the compilers that it starts are a process group of their own, and end with this future: whoever drops it kills the group by its id.
//! What cargo says is kept for a failure. No limit of time: the author sees that it runs, and stops it by a signal.

use super::crate_folder::{CrateFolder, TARGET, cargo};
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::Stdio;
use tokio::process::Command;

/// Err: what cargo says.
pub(super) async fn build(folder: &CrateFolder) -> Result<(), String> {
    let mut command = Command::new(cargo());
    command
        .current_dir(&folder.folder)
        .args(["build", "--quiet", "--target", TARGET])
        .args(&folder.profile)
        .args(["--package", &folder.package])
        // Made for the host's own target.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let child = command
        .spawn()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    let mut group = Group(child.id().and_then(group_of));
    let ended = child.wait_with_output().await;
    group.0 = None;
    let ended = ended.map_err(|error| format!("cargo cannot be awaited: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&ended.stderr).trim().to_owned();
    Err(if told.is_empty() {
        format!("cargo ended with {} and said nothing", ended.status)
    } else {
        told
    })
}

fn group_of(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// Kills what still runs.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Nobody is left to be told: a group that has ended meanwhile is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
