//! Damage at any byte of any file is found by the proof, costs at most the record it hit, and stops nothing.

#![allow(clippy::unwrap_used)] // helpers of tests fail like tests

mod journal;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use journal::{draft, fill, open, proven, served, streams, texts, tree};
use portside::journal::{EvidenceFiles, Gravity, Journal, Stream, verify};
use proptest::prelude::*;
use serde_json::json;

type Served = BTreeMap<Stream, BTreeMap<u64, Vec<u8>>>;

fn everything(journal: &Journal) -> Served {
    streams().into_iter().map(|stream| (stream.clone(), served(journal, &stream))).collect()
}

fn count(served: &Served) -> usize {
    served.values().map(BTreeMap::len).sum()
}

/// A closed journal of `count` records, and what it serves.
fn closed(dir: &Path, count: u64) -> Served {
    let (journal, _) = open(dir);
    fill(&journal, count);
    let all = everything(&journal);
    journal.close_blocking();
    all
}

/// The segment files with the place after their last byte that was ever written.
fn used(dir: &Path) -> Vec<(PathBuf, usize)> {
    let logs = tree(&dir.join("log")).into_iter();
    logs.map(|(path, bytes)| (path, bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_byte_of_the_log_is_found_and_costs_one_record_at_most(
        place in any::<prop::sample::Index>(), flip in 1_u8..=255, without_index in any::<bool>()
    ) {
        let dir = tempfile::tempdir().unwrap();
        let all = closed(dir.path(), 60);
        let files = used(dir.path());
        let mut at = place.index(files.iter().map(|(_, used)| used).sum());
        let (path, _) = files.iter().find(|(_, used)| if at < *used { true } else { at -= used; false }).unwrap();
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= flip;
        fs::write(path, bytes).unwrap();

        let report = verify(dir.path()).unwrap();
        prop_assert!(!report.is_clean(), "not found: {} byte {at}", path.display());
        if without_index {
            fs::remove_dir_all(dir.path().join("index")).unwrap();
        }
        let (journal, _) = open(dir.path());
        let left = everything(&journal);
        prop_assert!(count(&left) + 1 >= count(&all));
        for (stream, records) in &left {
            for (sequence, bytes) in records {
                prop_assert_eq!(Some(bytes), all[stream].get(sequence));
            }
            let next = journal.append(&[draft(stream, 0)]).wait().unwrap()[0].sequence;
            prop_assert_eq!(next, all[stream].len() as u64 + 1, "a sequence was given out twice or skipped");
        }
        prop_assert_eq!(count(&everything(&journal)), count(&left) + streams().len());
    }

    #[test]
    fn a_flipped_byte_of_head_or_lane_file_is_found_or_refused(
        head in any::<bool>(), place in any::<prop::sample::Index>(), flip in 1_u8..=255
    ) {
        let dir = tempfile::tempdir().unwrap();
        let all = closed(dir.path(), 12);
        let path = dir.path().join(if head { "head" } else { "lane" });
        let mut bytes = fs::read(&path).unwrap();
        let at = place.index(bytes.len());
        bytes[at] ^= flip;
        let whitespace = !head && bytes[at].is_ascii_whitespace();
        fs::write(&path, bytes).unwrap();
        let found = verify(dir.path()).map_or(true, |report| !report.is_clean() || !report.notes.is_empty());
        prop_assert!(found || whitespace, "byte {at}");
        if head {
            let (journal, _) = open(dir.path());
            prop_assert_eq!(everything(&journal), all);
        }
    }

    #[test]
    fn random_life_agrees_with_a_plain_model(
        steps in proptest::collection::vec((0_u8..10, 0_usize..4, 1_usize..6), 1..60)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut model: BTreeMap<Stream, Vec<u64>> = BTreeMap::new();
        let (mut journal, _) = open(dir.path());
        let mut number = 0;
        for (step, stream, size) in steps {
            let stream = streams()[stream].clone();
            match step {
                0..=6 => {
                    let drafts: Vec<_> = (0..size as u64).map(|each| draft(&stream, number + each)).collect();
                    let positions = journal.append(&drafts).wait().unwrap();
                    let kept = model.entry(stream).or_default();
                    for (each, position) in positions.iter().enumerate() {
                        kept.push(number + each as u64);
                        prop_assert_eq!(position.sequence, kept.len() as u64);
                    }
                    number += size as u64;
                }
                7 => {
                    let read = journal.reader().read_blocking(&stream, size as u64, size, 1 << 20).unwrap();
                    let kept = model.get(&stream).map_or(0, |kept| kept.len().saturating_sub(size - 1).min(size));
                    prop_assert_eq!(read.len(), kept);
                }
                _ => {
                    journal.close_blocking();
                    if step == 9 {
                        fs::remove_dir_all(dir.path().join("index")).unwrap();
                    }
                    prop_assert_eq!(verify(dir.path()).unwrap().problems, vec![]);
                    journal = open(dir.path()).0;
                }
            }
        }
        for (stream, kept) in &model {
            prop_assert_eq!(proven(&journal, stream), kept.len() as u64);
            for (bytes, number) in served(&journal, stream).values().zip(kept) {
                let record = portside::journal::Record::parse(bytes).unwrap();
                prop_assert_eq!(&record.value(), &json!({ "number": number }));
            }
        }
    }
}

/// Puts the head file back to what it was before the orderly end, as after a power cut.
fn cut(dir: &Path, count: u64) -> (usize, PathBuf, Vec<u8>) {
    let (journal, _) = open(dir);
    fill(&journal, count);
    let head = fs::read(dir.join("head")).unwrap();
    journal.close_blocking();
    fs::write(dir.join("head"), head).unwrap();
    let (path, used) = used(dir).into_iter().rev().find(|(_, used)| *used > 64).unwrap();
    let bytes = fs::read(&path).unwrap();
    (used, path, bytes)
}

#[test]
fn a_commit_torn_at_any_length_is_cleared_counted_once_and_its_sequence_given_out_anew() {
    for torn in [1, 7, 8, 31, 32, 33, 100, 300, 500] {
        let dir = tempfile::tempdir().unwrap();
        let (used, path, mut bytes) = cut(dir.path(), 22);
        bytes[used - torn..].fill(0);
        fs::write(&path, &bytes).unwrap();
        let report = verify(dir.path()).unwrap();
        assert_eq!((report.problems, report.notes.len()), (vec![], 1), "{torn}");
        let (journal, findings) = open(dir.path());
        let said = texts(&findings);
        assert!(said.contains("torn tail") && !findings.iter().any(|f| f.gravity == Gravity::Alarm), "{torn}: {said}");
        fill(&journal, 3);
        journal.close_blocking();
        assert_eq!(verify(dir.path()).unwrap().problems, []);
        assert_eq!(open(dir.path()).1, [], "{torn}: it is counted once");
    }
}

#[test]
fn a_commit_whose_pages_came_out_of_order_is_a_torn_tail_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    fill(&journal, 4);
    let head = fs::read(dir.path().join("head")).unwrap();
    let drafts: Vec<_> = (0..6).map(|number| draft(&Stream::Alarm, number)).collect();
    journal.append(&drafts).wait().unwrap();
    let second = served(&journal, &Stream::Alarm)[&3].clone();
    journal.close_blocking();
    fs::write(dir.path().join("head"), head).unwrap();
    let path = dir.path().join("log/00000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(second.len()).position(|window| window == second).unwrap();
    bytes[at..at + 100].fill(0);
    fs::write(&path, bytes).unwrap();

    assert_eq!(verify(dir.path()).unwrap().problems, []);
    let (journal, findings) = open(dir.path());
    assert!(texts(&findings).contains("torn tail"), "{}", texts(&findings));
    assert_eq!(proven(&journal, &Stream::Alarm), 2);
    assert_eq!(journal.append(&[draft(&Stream::Alarm, 9)]).wait().unwrap()[0].sequence, 3);
    assert_eq!(proven(&journal, &Stream::Alarm), 3);
}

#[test]
fn a_hole_before_records_that_came_after_its_flush_is_damage_and_no_torn_tail() {
    let dir = tempfile::tempdir().unwrap();
    let (_, path, mut bytes) = cut(dir.path(), 22);
    let at = bytes.windows(13).position(|window| window == b"\"data\":{\"numb").unwrap();
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(!verify(dir.path()).unwrap().is_clean());
    let (journal, findings) = open(dir.path());
    assert!(findings.iter().any(|finding| finding.gravity == Gravity::Alarm), "{}", texts(&findings));
    assert_eq!(count(&everything(&journal)), 21);
}

#[test]
fn recovery_cut_short_and_begun_again_comes_to_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    let (used, path, mut bytes) = cut(dir.path(), 22);
    bytes[used - 50..].fill(0);
    fs::write(&path, &bytes).unwrap();
    let image = tree(dir.path());
    let restore = |to: &Path| {
        for (path, bytes) in &image {
            let copy = to.join(path.strip_prefix(dir.path()).unwrap());
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            fs::write(copy, bytes).unwrap();
        }
    };
    let once = tempfile::tempdir().unwrap();
    restore(once.path());
    open(once.path()).0.close_blocking();
    // Clearing the tail got this far and no further; the head file was not yet written.
    let again = tempfile::tempdir().unwrap();
    restore(again.path());
    let copy = again.path().join(path.strip_prefix(dir.path()).unwrap());
    let bytes = fs::read(&copy).unwrap();
    let hole = bytes[..used].windows(4).rposition(|window| window == [0xF5, b'P', b'J', 0xFF]).unwrap();
    for part in [8, 60, 200, 350] {
        let mut bytes = bytes.clone();
        bytes[hole..hole + part].fill(0);
        fs::write(&copy, bytes).unwrap();
        // Opened for a moment, and killed before it could write its head file.
        let head = fs::read(again.path().join("head")).unwrap();
        open(again.path()).0.close_blocking();
        fs::write(again.path().join("head"), head).unwrap();
    }
    open(again.path()).0.close_blocking();
    let log = |dir: &Path| tree(&dir.join("log")).into_values().collect::<Vec<_>>();
    assert!(log(once.path()) == log(again.path()));
}

#[test]
fn a_record_rewritten_with_a_right_checksum_breaks_the_chain() {
    for (number, last) in [(3, false), (39, true)] {
        let dir = tempfile::tempdir().unwrap();
        closed(dir.path(), 40);
        for (path, bytes) in tree(&dir.path().join("log")) {
            let needle = format!("\"number\":{number}}}");
            let Some(at) = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()) else { continue };
            fs::write(&path, forged(bytes, at + 9)).unwrap();
        }
        let problems = verify(dir.path()).unwrap().problems;
        let expected = if last { "not the record that the head file knows" } else { "`prev` is not the hash" };
        assert!(problems.len() == 1 && problems[0].what.contains(expected), "{problems:?}");
        assert_eq!(problems[0].stream.as_deref(), Some("agency-customs"));
    }
}

/// Changes the digit at `at` and gives the frame around it the checksum of a root who knows how.
fn forged(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let start = bytes[..at].windows(4).rposition(|window| window == [0xF5, b'P', b'J', 0xFF]).unwrap();
    let length = u32::from_le_bytes(bytes[start + 4..start + 8].try_into().unwrap()) as usize;
    bytes[at] = b'8';
    let end = start + 32 + length;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[start + 4..start + 8]), &bytes[start + 12..end]);
    bytes[start + 8..start + 12].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn evidence_that_a_record_names_is_proved_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (files, _) = EvidenceFiles::open(dir.path()).unwrap();
    let (journal, _) = open(dir.path());
    let mut kept = Vec::new();
    for (picture, key) in [(b"one", "sha256"), (b"two", "sha256"), (b"six", "sidecar")] {
        let evidence = files.put(picture).unwrap();
        let mut draft = draft(&Stream::Inspection, 1);
        draft.data = json!({ "pictures": [{ key: evidence.sha256 }] });
        journal.append(&[draft]).wait().unwrap();
        kept.push(evidence.sha256);
    }
    let orphan = files.put(b"nobody").unwrap();
    let report = verify(dir.path()).unwrap();
    assert_eq!((report.problems, report.evidence), (vec![], 3));
    assert!(report.notes.iter().any(|note| note.contains(&orphan.sha256)), "{:?}", report.notes);
    let path = |hash: &str| dir.path().join("evidence").join(&hash[..2]).join(hash);
    fs::remove_file(path(&kept[0])).unwrap();
    fs::write(path(&kept[1]), b"TWO").unwrap();
    let problems = verify(dir.path()).unwrap().problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    let said: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
    assert!(said.contains("missing") && said.contains("altered") && said.contains("inspection 1"), "{said}");
}
