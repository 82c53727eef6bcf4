//! `portside journal export` on a store: what goes into the ZIP file, what never does, and what is found when somebody
//! changed it. The bytes are looked at with nothing of ours but the program itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod site;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Output;

use dicom_object::{InMemDicomObject, from_reader};
use jiff::Timestamp;
use portside::journal::{Draft, EvidenceFiles, Identity, Journal, Options, Stream};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use site::portside;

const BAG: &str = "0198c2b0-7b1c-7def-8123-456789abcdef";
const OTHER: &str = "0198c2b0-7b1d-7def-8123-456789abcdef";
const WIDTH: usize = 40;
const HEIGHT: usize = 30;

/// A store with one bag's inspection among the records of another.
struct Site {
    dir: tempfile::TempDir,
    raw: String,
    sidecar: String,
    rendered: String,
}

/// How the review went.
#[derive(Clone, Copy, PartialEq)]
enum Review {
    /// Customs clear, quarantine alarm, and the marks of the alarm are shared.
    Alarm,
    /// Quarantine said nothing until the time was up.
    Silent,
}

fn samples(energy: u16) -> Vec<u8> {
    (0..(WIDTH * HEIGHT) as u16).flat_map(|at| (at * 13 + energy).to_le_bytes()).collect()
}

impl Site {
    fn new(review: Review, closed: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { port: "CNTYN".into(), lane: "B01".into() };
        let (journal, _) = Journal::open(&dir.path().join("store"), &identity, Options::default()).unwrap();
        let (evidence, _) = EvidenceFiles::open(&dir.path().join("store")).unwrap();
        let sidecar = json!({ "width": WIDTH, "height": HEIGHT, "bits_allocated": 16,
            "views": [{ "energy": "low" }, { "energy": "high" }] });
        let mut png = Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(8, 6).write_to(&mut png, image::ImageFormat::Png).unwrap();
        let raw = evidence.put(&[samples(1), samples(2)].concat()).unwrap().sha256;
        let sidecar = evidence.put(sidecar.to_string().as_bytes()).unwrap().sha256;
        let rendered = evidence.put(png.get_ref()).unwrap().sha256;
        let site = Self { dir, raw, sidecar, rendered };
        journal.append(&site.drafts(review, closed)).wait().unwrap();
        journal.close_blocking();
        site
    }

    fn drafts(&self, review: Review, closed: bool) -> Vec<Draft> {
        let mut at = 0;
        let mut draft = |stream, kind: &str, subject: &str, data: Value| {
            at += 100;
            let time = Timestamp::from_millisecond(1_795_248_930_123 + at).unwrap();
            Draft::new(stream, kind, subject, time, data)
        };
        let inspection = Stream::Inspection;
        let picture = |sha256: &str, media_type: &str, form: &str| json!({ "sha256": sha256, "media_type": media_type, "form": form, "device": "scanner", "width": WIDTH });
        let mut raw = picture(&self.raw, "application/octet-stream", "raw");
        raw["sidecar"] = json!(self.sidecar);
        let mut drafts = vec![
            draft(inspection.clone(), "inspection.opened", OTHER, json!({ "reason": "approach" })),
            draft(inspection.clone(), "inspection.opened", BAG, json!({ "reason": "approach" })),
            draft(inspection.clone(), "inspection.identified", BAG, json!({ "identity": "行李 7" })),
            draft(inspection.clone(), "inspection.scanned", OTHER, json!({ "mm": 1 })),
            draft(inspection.clone(), "inspection.scanned", BAG, json!({ "mm": 2 })),
            draft(inspection.clone(), "inspection.picture", BAG, raw),
            draft(inspection.clone(), "inspection.picture", BAG, picture(&self.rendered, "image/png", "rendered")),
            draft(inspection.clone(), "inspection.review_opened", BAG, json!({ "timeout_ms": 300 })),
            draft(
                Stream::Audit,
                "audit.act",
                "lane",
                json!({ "act": "judge", "inspection": BAG, "agency": "customs" }),
            ),
            draft(
                inspection.clone(),
                "inspection.verdict.sealed",
                BAG,
                json!({ "agency": "customs", "sealed": "SECRET-CIPHERTEXT" }),
            ),
            draft(Stream::agency("customs").unwrap(), "inspection.note", BAG, json!({ "note": "SECRET-NOTE" })),
            draft(Stream::Device, "belt.asked", "belt", json!({ "inspection": BAG, "order": "divert" })),
            draft(Stream::Device, "belt.asked", "belt", json!({ "inspection": OTHER, "order": "divert" })),
        ];
        if !closed {
            return drafts;
        }
        let opened = |agency: &str, verdict: &str, officer: Option<&str>| json!({ "agency": agency, "role": "required", "verdict": verdict, "officer": officer });
        let customs = opened("customs", "clear", Some("周"));
        drafts.push(draft(inspection.clone(), "inspection.verdict.opened", BAG, customs));
        let quarantine = match review {
            Review::Alarm => opened("ciq", "alarm", Some("王")),
            Review::Silent => opened("ciq", "not_reviewed", None),
        };
        drafts.push(draft(inspection.clone(), "inspection.verdict.opened", BAG, quarantine));
        if review == Review::Alarm {
            let marks =
                json!([{ "view": 0, "category": "blade", "shape": "box", "x": 3, "y": 4, "width": 5, "height": 6 }]);
            let of_desk = json!({ "agency": "ciq", "image": { "id": self.raw, "revision": 1 }, "regions": marks });
            let data = json!({ "agency": "ciq", "officer": "王", "regions": [of_desk] });
            drafts.push(draft(inspection.clone(), "inspection.examination.begun", BAG, data));
        }
        let end = json!({ "outcome": "examined", "doubts": [] });
        drafts.push(draft(inspection, "inspection.closed", BAG, end));
        drafts
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// `portside journal export` of the bag to `name`.
    fn export(&self, name: &str, more: &[&str]) -> Output {
        let mut command = portside();
        command.args(["journal", "export", "0198c2b0-7b1c", "-o"]).arg(self.path(name)).args(more);
        command.arg(self.store()).output().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn exported(&self, name: &str, more: &[&str]) -> BTreeMap<String, Vec<u8>> {
        let output = self.export(name, more);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        unzip(&fs::read(self.path(name)).unwrap())
    }

    /// The evidence file under this hash.
    fn file(&self, sha256: &str) -> PathBuf {
        self.store().join("evidence").join(&sha256[..2]).join(sha256)
    }
}

fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    let mut content = |name: String| {
        let mut bytes = Vec::new();
        zip.by_name(&name).unwrap().read_to_end(&mut bytes).unwrap();
        (name, bytes)
    };
    names.into_iter().map(&mut content).collect()
}

fn rezip(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in files {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn verify(path: &Path) -> (bool, String) {
    let output = portside().args(["journal", "verify"]).arg(path).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn dicos(files: &BTreeMap<String, Vec<u8>>, name: &str) -> InMemDicomObject {
    let bytes = files.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", files.keys()));
    from_reader(Cursor::new(bytes)).unwrap().into_inner()
}

fn word(object: &InMemDicomObject, name: &str) -> String {
    object.element_by_name(name).unwrap().to_str().unwrap().trim().to_owned()
}

#[test]
fn a_closed_inspection_is_in_it_whole_in_exact_bytes_and_nothing_of_another_or_of_what_is_sealed() {
    let site = Site::new(Review::Alarm, true);
    let files = site.exported("bag.zip", &[]);
    let (whole, told) = verify(&site.path("bag.zip"));
    assert!(whole, "{told}");
    assert!(told.contains("not provable here") && told.contains("1 records of agency-customs"), "{told}");

    let of_bag = |record: &&site::journal::Record| record.subject() == BAG && record.stream() == "inspection";
    let expected: Vec<u8> = site::journal::records(&site.store())
        .iter()
        .filter(of_bag)
        .flat_map(|record| record.bytes.iter().copied().chain([b'\n']))
        .collect();
    assert_eq!(files["records/inspection.jsonl"], expected);
    assert_eq!(files["records/device.jsonl"].split(|byte| *byte == b'\n').count(), 2, "one record and its end");
    assert!(!files.contains_key("records/agency-customs.jsonl"));
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("SECRET-NOTE"), "{name}");
        assert!(!text.contains(OTHER), "{name}");
    }
    assert_eq!(files[&format!("evidence/{}.bin", site.raw)], [samples(1), samples(2)].concat());
    assert!(files.contains_key(&format!("evidence/{}.json", site.sidecar)));
    assert!(files.contains_key(&format!("evidence/{}.png", site.rendered)));
}

#[test]
fn the_same_inspection_gives_the_same_bytes_and_no_file_is_written_over() {
    let site = Site::new(Review::Alarm, true);
    site.exported("one.zip", &[]);
    site.exported("two.zip", &[]);
    assert_eq!(fs::read(site.path("one.zip")).unwrap(), fs::read(site.path("two.zip")).unwrap());
    assert!(said(&site.export("one.zip", &[])).contains("is there already"));
}

#[test]
fn both_energies_and_each_desks_word_are_there_as_dicos_and_officers_are_numbers() {
    let site = Site::new(Review::Alarm, true);
    let files = site.exported("bag.zip", &[]);
    let names: Vec<&str> = files.keys().filter(|name| name.starts_with("dicos/")).map(String::as_str).collect();
    let expected = [
        "dicos/dx-1-low.dcs",
        "dicos/dx-2-high.dcs",
        "dicos/tdr-aggregate.dcs",
        "dicos/tdr-operator-ciq.dcs",
        "dicos/tdr-operator-customs.dcs",
    ];
    assert_eq!(names, expected);
    for (name, energy) in [("dicos/dx-1-low.dcs", 1), ("dicos/dx-2-high.dcs", 2)] {
        let image = dicos(&files, name);
        assert_eq!(&*image.element_by_name("PixelData").unwrap().to_bytes().unwrap(), samples(energy), "{name}");
        assert_eq!((word(&image, "OOIType"), word(&image, "PatientID")), ("BAGGAGE".into(), "行李 7".into()));
    }
    let decision = |name: &str| word(&dicos(&files, name), "AlarmDecision");
    assert_eq!(decision("dicos/tdr-operator-customs.dcs"), "CLEAR");
    assert_eq!(decision("dicos/tdr-operator-ciq.dcs"), "ALARM");
    assert_eq!(decision("dicos/tdr-aggregate.dcs"), "ALARM");
    let threats = |name: &str| dicos(&files, name).element_by_name("ThreatSequence").unwrap().items().unwrap().to_vec();
    let marked = &threats("dicos/tdr-operator-ciq.dcs")[0];
    let place = marked.element_by_name("PTORepresentationSequence").unwrap().items().unwrap()[0].clone();
    let outline = place.element_by_name("BoundingPolygon").unwrap().to_multi_float32().unwrap();
    assert_eq!(outline, [3.0, 4.0, 0.0, 8.0, 10.0, 0.0]);
    for name in expected {
        let text = String::from_utf8_lossy(&files[name]);
        assert!(!text.contains('周') && !text.contains('王'), "{name} names an officer");
    }
}

#[test]
fn a_desk_that_said_nothing_in_time_has_a_report_that_says_so_and_so_has_all_together() {
    let site = Site::new(Review::Silent, true);
    let files = site.exported("bag.zip", &[]);
    for name in ["dicos/tdr-operator-ciq.dcs", "dicos/tdr-aggregate.dcs"] {
        let report = dicos(&files, name);
        let words = ["AlarmDecision", "AbortFlag", "AbortReason"].map(|attribute| word(&report, attribute));
        assert_eq!(words, ["UNKNOWN", "ABORT", "TIMEOUT"], "{name}");
    }
}

#[test]
fn an_open_inspection_is_refused_and_on_request_leaves_without_anything_sealed() {
    let site = Site::new(Review::Alarm, false);
    assert!(said(&site.export("bag.zip", &[])).contains("--open"));
    assert!(!site.path("bag.zip").exists());
    let files = site.exported("bag.zip", &["--open"]);
    for (name, bytes) in &files {
        assert!(!String::from_utf8_lossy(bytes).contains("SECRET"), "{name}");
    }
    assert!(!files.contains_key("records/audit.jsonl"), "who judged is nobody's yet");
    assert!(files.keys().all(|name| !name.contains("tdr-")), "no report before the desks' time");
    let (whole, told) = verify(&site.path("bag.zip"));
    assert!(whole && told.contains("was not closed"), "{told}");
}

#[test]
fn altered_evidence_is_said_and_nothing_half_written_stays_and_the_rest_can_be_had() {
    let site = Site::new(Review::Alarm, true);
    fs::write(site.file(&site.rendered), b"something else").unwrap();
    let before = fs::read_dir(site.dir.path()).unwrap().count();
    let refused = said(&site.export("bag.zip", &[]));
    assert!(refused.contains("evidence was altered") && refused.contains("--incomplete"), "{refused}");
    assert_eq!(fs::read_dir(site.dir.path()).unwrap().count(), before, "nothing is left behind");
    let files = site.exported("bag.zip", &["--incomplete"]);
    assert!(!files.contains_key(&format!("evidence/{}.png", site.rendered)));
    let (whole, told) = verify(&site.path("bag.zip"));
    assert!(whole && told.contains(&format!("evidence {} is not in it", site.rendered)), "{told}");
}

#[test]
fn a_damaged_journal_is_said_before_anything_is_exported_from_it() {
    let site = Site::new(Review::Alarm, true);
    let log = site.store().join("log/00000001.log");
    let mut bytes = fs::read(&log).unwrap();
    let at = bytes.windows(5).position(|five| five == b"\"mm\":").unwrap();
    bytes[at] ^= 1;
    fs::write(&log, bytes).unwrap();
    assert!(said(&site.export("bag.zip", &[])).contains("the journal is damaged in 1 places"));
    site.exported("bag.zip", &["--incomplete"]);
    assert!(verify(&site.path("bag.zip")).1.contains("the journal was damaged"));
}

#[test]
fn whatever_is_changed_added_or_taken_away_is_found() {
    let site = Site::new(Review::Alarm, true);
    let files = site.exported("bag.zip", &[]);
    type Change = fn(&mut BTreeMap<String, Vec<u8>>);
    let records = "records/inspection.jsonl";
    let table: [(&str, Change, &str); 7] = [
        ("nothing", |_| {}, "whole:"),
        (
            "a byte of evidence",
            |files| files.iter_mut().find(|(name, _)| name.ends_with(".png")).unwrap().1[9] ^= 1,
            "was altered",
        ),
        (
            "a word of a record",
            |files| {
                let text = String::from_utf8(files["records/inspection.jsonl"].clone()).unwrap();
                files.insert("records/inspection.jsonl".into(), text.replace("approach", "override").into());
            },
            "`prev` is not the hash of record",
        ),
        (
            "a record is gone",
            |files| {
                let text = String::from_utf8(files["records/inspection.jsonl"].clone()).unwrap();
                let without: Vec<&str> = text.lines().filter(|line| !line.contains("inspection.identified")).collect();
                files.insert("records/inspection.jsonl".into(), (without.join("\n") + "\n").into());
            },
            "some were removed or added",
        ),
        ("a file is gone", |files| drop(files.remove("records/device.jsonl")), "is listed and cannot be read"),
        ("a file is new", |files| drop(files.insert("evidence/more.png".into(), vec![1])), "is not listed"),
        ("a report", |files| files.get_mut("dicos/tdr-aggregate.dcs").unwrap()[400] ^= 1, "was altered"),
    ];
    assert!(files.contains_key(records));
    for (what, change, found) in table {
        let mut changed = files.clone();
        change(&mut changed);
        let path = site.path("changed.zip");
        fs::write(&path, rezip(&changed)).unwrap();
        let (whole, told) = verify(&path);
        assert_eq!(whole, what == "nothing", "{what}: {told}");
        assert!(told.contains(found), "{what}: {told}");
    }
}

#[test]
fn an_altered_record_is_found_by_its_chain_even_where_the_manifest_was_altered_with_it() {
    let site = Site::new(Review::Alarm, true);
    let mut files = site.exported("bag.zip", &[]);
    let text = String::from_utf8(files["records/inspection.jsonl"].clone()).unwrap();
    let altered: Vec<u8> = text.replace("\"verdict\":\"alarm\"", "\"verdict\":\"clear\"").into();
    let mut manifest: Value = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let entry =
        manifest["files"].as_array_mut().unwrap().iter_mut().find(|file| file["path"] == "records/inspection.jsonl");
    let entry = entry.unwrap();
    entry["sha256"] = json!(hex::encode(Sha256::digest(&altered)));
    files.insert("records/inspection.jsonl".into(), altered);
    files.insert("manifest.json".into(), manifest.to_string().into());
    fs::write(site.path("changed.zip"), rezip(&files)).unwrap();
    let (whole, told) = verify(&site.path("changed.zip"));
    assert!(!whole && told.contains("one of the two was altered"), "{told}");
}

#[test]
fn list_and_show_read_an_exported_file_as_they_read_a_store() {
    let site = Site::new(Review::Alarm, true);
    site.exported("bag.zip", &[]);
    let told = |verb: &[&str], from: &Path| {
        let output = portside().arg("journal").args(verb).arg(from).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let show = told(&["show", "0198c2b0"], &site.path("bag.zip"));
    assert!(show.starts_with(&format!("inspection {BAG}   lane /CNTYN/B01")) && show.contains("closed"), "{show}");
    let (bundle, store) = (site.path("bag.zip"), site.store());
    let list = ["list", "--json", "--stream", "inspection", "--inspection", BAG];
    assert_eq!(told(&list, &bundle), told(&list, &store));
}

/// What the fuzz target begins with.
fn corpus(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/bundle").join(name)).unwrap()
}

#[test]
fn each_way_of_being_wrong_is_named() {
    for (name, says) in [
        ("whole.zip", ""),
        ("evidence_missing.zip", ""),
        ("record_altered.zip", "`prev` is not the hash of record 1"),
        ("evidence_gone.zip", "is listed and cannot be read"),
        ("line_breaks_off.zip", "a line breaks off"),
        ("compressed.zip", "manifest.json is compressed"),
        ("other_form.zip", "its form is `portside-bundle/9`"),
        ("empty.zip", "it is no bundle of an inspection"),
    ] {
        let wrong = match portside::bundle::check(Cursor::new(corpus(name))) {
            Ok(checked) => checked.problems.join("; "),
            Err(why) => why,
        };
        assert!(wrong.contains(says) && wrong.is_empty() == says.is_empty(), "{name}: {wrong}");
    }
}

proptest! {
    #[test]
    fn a_damaged_bundle_is_proved_or_not_and_never_more_than_that(
        name in prop::sample::select(vec!["whole.zip", "record_altered.zip", "compressed.zip"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = corpus(name);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        let _ = portside::bundle::records(Cursor::new(&bytes));
        if let Ok(checked) = portside::bundle::check(Cursor::new(&bytes)) {
            prop_assert!(checked.evidence <= checked.files);
        }
    }

    #[test]
    fn no_byte_of_any_file_can_be_changed_unseen(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut files = unzip(&corpus("whole.zip"));
        let names: Vec<String> = files.keys().filter(|name| *name != "manifest.json").cloned().collect();
        let name = &names[place.index(names.len())];
        let bytes = files.get_mut(name).unwrap();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let checked = portside::bundle::check(Cursor::new(rezip(&files)));
        prop_assert!(checked.is_err() || !checked.unwrap().is_clean(), "{name} at {at}");
    }
}

#[test]
fn what_is_no_bundle_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.zip");
    for (bytes, says) in [
        (b"not a zip".to_vec(), "it is no ZIP file"),
        (rezip(&BTreeMap::from([("a".into(), vec![1])])), "it is no bundle of an inspection"),
        (rezip(&BTreeMap::from([("manifest.json".into(), b"{}".to_vec())])), "manifest.json is none of ours"),
    ] {
        fs::write(&path, bytes).unwrap();
        let (whole, told) = verify(&path);
        assert!(!whole && told.contains(says), "{told}");
    }
}
