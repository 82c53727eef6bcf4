//! A full disk: nothing is lost, nothing is acknowledged that is not kept, and it mends itself with space.

#![allow(clippy::unwrap_used)] // helpers of tests fail like tests

mod journal;

use std::fs;
use std::process::{Command, Stdio};

use journal::{draft, open, proven};
use portside::journal::{AppendError, Stream};

/// A small file system of its own, gone at the end.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = ["-t", "tmpfs", "-o", size, "tmpfs"];
        let mounted = Command::new("mount").args(options).arg(dir.path()).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn on_a_full_disk_appends_are_refused_everything_can_be_read_and_space_mends_it() {
    let Some(disk) = Small::mount("size=400k") else {
        println!("skipped: mounting a tmpfs takes root");
        return;
    };
    let dir = disk.0.path().join("journal");
    let (journal, _) = open(&dir);
    let mut kept = 0;
    let error = loop {
        match journal.append(&[draft(&Stream::Alarm, kept)]).wait() {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::NoSpace { .. }), "{error}");
    assert_eq!(proven(&journal, &Stream::Alarm), kept);
    journal.close_blocking();
    let _ = fs::remove_dir_all(dir.join("index"));
    while fs::write(disk.0.path().join(format!("filler-{}", fastrand::u64(..))), [1; 4096]).is_ok() {}
    let (journal, findings) = open(&dir);
    assert_eq!(proven(&journal, &Stream::Alarm), kept, "{findings:?}");
    for entry in fs::read_dir(disk.0.path()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        fs::remove_file(entry.path()).unwrap();
    }
    let more = journal.append(&[draft(&Stream::Alarm, kept)]).wait().unwrap();
    assert_eq!((more[0].sequence, proven(&journal, &Stream::Alarm)), (kept + 1, kept + 1));
}
