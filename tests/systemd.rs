//! The unit as shipped: systemd reads it without a fault, and its sandbox is as tight as promised.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Output};

const UNIT: &str = "portside@.service";

/// `None`, with a line that says so, where systemd is not installed.
fn analyze(folder: &Path, args: &[&str]) -> Option<Output> {
    match Command::new("systemd-analyze").args(args).arg(UNIT).current_dir(folder).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: systemd-analyze: {error}");
            None
        }
    }
}

/// The unit with these drop-ins, and with a program that exists on this machine in place of the daemon.
fn site(drop_ins: &[&str]) -> tempfile::TempDir {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let folder = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(shipped.join(UNIT)).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/portside run"));
    std::fs::write(folder.path().join(UNIT), unit.replace("ExecStart=/usr/bin/portside ", "ExecStart=/bin/true "))
        .unwrap();
    let parts = folder.path().join(format!("{UNIT}.d"));
    std::fs::create_dir(&parts).unwrap();
    for name in drop_ins {
        let example = shipped.join(format!("{UNIT}.d")).join(format!("{name}.example"));
        std::fs::copy(example, parts.join(name)).unwrap();
    }
    folder
}

/// The score of `systemd-analyze security`, in tenths.
fn exposure(drop_ins: &[&str]) -> Option<u32> {
    let output = analyze(site(drop_ins).path(), &["security", "--offline=true", "--no-pager"])?;
    let text = String::from_utf8(output.stdout).unwrap();
    let score = text.split("Overall exposure level for ").nth(1).and_then(|rest| rest.split_whitespace().nth(1));
    let score = score.unwrap_or_else(|| panic!("no score in: {text}{}", String::from_utf8_lossy(&output.stderr)));
    println!("exposure with {drop_ins:?}: {score}");
    Some(score.replace('.', "").parse().unwrap())
}

#[test]
fn the_shipped_unit_exposes_no_more_than_promised() {
    let Some(score) = exposure(&[]) else { return };
    assert!(score <= 14, "1.4 is promised");
}

#[test]
fn with_the_sites_address_list_it_exposes_less() {
    let Some(score) = exposure(&["addresses.conf"]) else { return };
    assert!(score <= 13, "1.3 is promised");
}

#[test]
fn a_lane_with_serial_ports_stays_within_the_promise_too() {
    let Some(score) = exposure(&["addresses.conf", "serial.conf", "pictures.conf"]) else { return };
    assert!(score <= 14, "1.4 is promised");
}

#[test]
fn systemd_finds_no_fault_in_the_unit_or_its_drop_ins() {
    let folder = site(&["addresses.conf", "serial.conf", "pictures.conf"]);
    let Some(output) = analyze(folder.path(), &["verify"]) else { return };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    // Known from systemd 254 on; before it they are ignored, as the unit says.
    let newer = ["'RestartSteps'", "'RestartMaxDelaySec'"];
    let faults: Vec<&str> = text.lines().filter(|line| !newer.iter().any(|key| line.contains(key))).collect();
    let ours: Vec<&&str> = faults.iter().filter(|line| line.contains("portside")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
}

#[test]
fn every_setting_of_the_sandbox_stands_under_its_reason() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let unit = std::fs::read_to_string(shipped.join(UNIT)).unwrap();
    let service = unit.split("[Service]").nth(1).unwrap().split("[Install]").next().unwrap();
    // A block of settings between two empty lines or comments needs a comment above it.
    let mut explained = false;
    for line in service.lines() {
        assert!(line.is_empty() || line.starts_with('#') || explained, "no reason above `{line}`");
        explained = !line.is_empty();
    }
}

#[test]
fn the_user_and_the_sockets_folder_are_what_the_unit_names() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd");
    let read = |name: &str| std::fs::read_to_string(shipped.join(name)).unwrap();
    let unit = read(UNIT);
    assert!(unit.contains("\nUser=portside\nGroup=portside\n") && unit.contains("\nReadWritePaths=/run/portside\n"));
    assert!(read("sysusers.d/portside.conf").contains("\nu portside "));
    assert!(read("tmpfiles.d/portside.conf").contains("\nd /run/portside 0750 portside portside "));
}
