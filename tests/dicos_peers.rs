//! The DICOS files that a lane writes, read back by programs that are not ours: pydicom, the Stratovan toolkit (pydicos)
//! and DCMTK's dcmdump. Every attribute, every sample, every decision.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod site;

use std::path::Path;
use std::process::{Command, Stdio};

use portside::dicos::{
    Abort, Category, Decision, Energy, Inspection, Maker, Object, Operator, Projection, Reference, Report, Shape,
    Subject, write_image, write_report,
};
use portside::field::decoder::{Bytes, Decoder};
use portside::field::picture;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn inspection() -> Inspection {
    Inspection {
        id: "0198c2b0-7b1c-7def-8123-456789abcdef".into(),
        port: "CNTYN".into(),
        lane: "B01".into(),
        subject: Subject::Baggage,
        identity: Some("行李 12-7".into()),
        opened: "2026-11-21T08:15:30.123Z".parse().unwrap(),
    }
}

fn samples(seed: u16) -> Vec<u8> {
    (0..40 * 30).flat_map(|at: u16| at.wrapping_mul(seed).to_le_bytes()).collect()
}

/// Samples of 12 bits.
fn twelve() -> Vec<u8> {
    samples(3).chunks(2).flat_map(|two| [two[0], two[1] & 0x0f]).collect()
}

fn projection(samples: &[u8], energy: Energy, view: usize) -> Projection<'_> {
    Projection {
        number: view as u32 + 1,
        source: "3549842a9eecd5697398137e5bd4efc817c59874b8c4ac79fc344df3b8e18d05",
        view,
        device: "scanner",
        at: "2026-11-21T08:15:31Z".parse().unwrap(),
        first: "2026-11-21T08:15:31Z".parse().unwrap(),
        energy,
        width: 40,
        height: 30,
        bits: 16,
        sample_bytes: 2,
        inverse: false,
        spacing_um: Some((1500, 800)),
        samples,
    }
}

fn report(maker: Maker, decision: Decision, abort: Option<Abort>, images: &[Reference]) -> Report {
    Report {
        number: 1,
        maker,
        decision,
        decided: "2026-11-21T08:15:44.5Z".parse().unwrap(),
        asked: "2026-11-21T08:15:32Z".parse().unwrap(),
        abort,
        objects: Vec::new(),
        images: images.to_vec(),
    }
}

fn operator(agency: &str, number: Option<u32>) -> Maker {
    Maker::Operator(Operator { agency: agency.into(), number })
}

fn objects() -> Vec<Object> {
    vec![
        Object {
            category: Category::of("blade"),
            words: "blade".into(),
            image: 0,
            shape: Shape::Box { x: 4, y: 5, width: 6, height: 7 },
        },
        Object {
            category: Category::of("explosive"),
            words: "explosive".into(),
            image: 1,
            shape: Shape::Polygon { points: vec![(1, 2), (9, 3), (5, 20)] },
        },
    ]
}

/// One file of each sort, and what was put into it.
fn write_all(dir: &Path) {
    let put = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).unwrap();
    let inspection = inspection();
    let (low, high) = (samples(7), samples(11));
    let low = write_image(&inspection, &projection(&low, Energy::Low, 0)).unwrap();
    let high = write_image(&inspection, &projection(&high, Energy::High, 1)).unwrap();
    let images = [low.reference.clone(), high.reference.clone()];
    put("dx-high.dcs", &high.bytes);
    put("dx-low.dcs", &low.bytes);
    let twelve = twelve();
    let cargo = Inspection { subject: Subject::Cargo, identity: None, ..inspection.clone() };
    let odd = Projection { bits: 12, inverse: true, spacing_um: None, ..projection(&twelve, Energy::Whole, 0) };
    put("dx-cargo.dcs", &write_image(&cargo, &odd).unwrap().bytes);
    let tdr = |name: &str, report: &Report| put(name, &write_report(&inspection, report).unwrap().bytes);
    tdr("tdr-clear.dcs", &report(operator("customs", Some(1)), Decision::Clear, None, &images));
    let marked = report(operator("海关", Some(2)), Decision::Alarm, None, &images);
    tdr("tdr-marked.dcs", &Report { objects: objects(), ..marked });
    tdr("tdr-sealed.dcs", &report(operator("ciq", Some(1)), Decision::Alarm, None, &images));
    tdr("tdr-timeout.dcs", &report(operator("ciq", None), Decision::Unknown, Some(Abort::Timeout), &images));
    tdr("tdr-silent.dcs", &report(operator("security", None), Decision::Unknown, Some(Abort::NotReviewed), &images));
    tdr("tdr-aggregate.dcs", &report(Maker::Aggregate, Decision::Alarm, None, &images));
    tdr("tdr-aggregate-timeout.dcs", &report(Maker::Aggregate, Decision::Unknown, Some(Abort::Timeout), &images));
}

fn said(dir: &Path) -> Option<Vec<Value>> {
    let python = site::python()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/dicos_files.py");
    let output = Command::new(python).arg(script).arg(dir).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the peer failed");
    Some(String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn of<'a>(said: &'a [Value], file: &str) -> &'a Value {
    said.iter().find(|said| said["file"] == file).unwrap_or_else(|| panic!("nothing said of {file}"))
}

#[test]
fn images_are_read_sample_by_sample_as_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    write_all(dir.path());
    let Some(said) = said(dir.path()) else { return };
    for (file, samples) in [("dx-low.dcs", samples(7)), ("dx-high.dcs", samples(11))] {
        let (of, hash) = (of(&said, file), hex::encode(Sha256::digest(&samples)));
        assert_eq!((&of["pydicom"]["pixels"], &of["pydicos"]["pixels"]), (&json!(hash), &json!(hash)), "{file}");
        assert_eq!((&of["pydicos"]["read"], &of["pydicos"]["said"]), (&json!(true), &json!("")), "{file}");
    }
    let twelve = hex::encode(Sha256::digest(twelve()));
    let cargo = of(&said, "dx-cargo.dcs");
    assert_eq!((&cargo["pydicom"]["pixels"], &cargo["pydicos"]["pixels"]), (&json!(twelve), &json!(twelve)));
    let low = &of(&said, "dx-low.dcs")["pydicom"]["has"];
    assert_eq!(low["SOPClassUID"], "1.2.840.10008.5.1.4.1.1.501.2.2");
    assert_eq!((&low["ImageType"], &low["OOIType"]), (&json!(["ORIGINAL", "LOW ENERGY"]), &json!("BAGGAGE")));
    assert_eq!((&low["PatientID"], &low["PresentationIntentType"]), (&json!("行李 12-7"), &json!("FOR PROCESSING")));
    assert_eq!((&low["Rows"], &low["Columns"], &low["BitsStored"]), (&json!(30), &json!(40), &json!(16)));
    assert_eq!(low["ImagerPixelSpacing"], json!([1.5, 0.8]));
    assert_eq!((&low["KVP"], &low["DateOfLastCalibration"]), (&json!(0.0), &json!("")), "nobody told the lane");
    let cargo = &of(&said, "dx-cargo.dcs")["pydicom"]["has"];
    assert_eq!((&cargo["OOIType"], &cargo["PhotometricInterpretation"]), (&json!("CARGO"), &json!("MONOCHROME1")));
    assert_eq!((&cargo["BitsStored"], &cargo["HighBit"]), (&json!(12), &json!(11)));
}

#[test]
fn reports_say_what_was_decided_and_nothing_of_what_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    write_all(dir.path());
    let Some(said) = said(dir.path()) else { return };
    let table = [
        ("tdr-clear.dcs", ["OPERATOR", "CLEAR", "SUCCESS"], None, 0),
        ("tdr-marked.dcs", ["OPERATOR", "ALARM", "SUCCESS"], None, 2),
        ("tdr-sealed.dcs", ["OPERATOR", "ALARM", "SUCCESS"], None, 1),
        ("tdr-timeout.dcs", ["OPERATOR", "UNKNOWN", "ABORT"], Some("TIMEOUT"), 0),
        ("tdr-silent.dcs", ["OPERATOR", "UNKNOWN", "ABORT"], Some("NOT_REVIEWED"), 0),
        ("tdr-aggregate.dcs", ["AGGREGATE", "ALARM", "SUCCESS"], None, 1),
        ("tdr-aggregate-timeout.dcs", ["AGGREGATE", "UNKNOWN", "ABORT"], Some("TIMEOUT"), 0),
    ];
    for (file, [kind, decision, abort], reason, objects) in table {
        let has = &of(&said, file)["pydicom"]["has"];
        assert_eq!([&has["TDRType"], &has["AlarmDecision"], &has["AbortFlag"]], [kind, decision, abort], "{file}");
        assert_eq!(has["AbortReason"].as_str(), reason, "{file}");
        // The toolkit forgets abort flag and reason of any file that it reads, its own too.
        let found = &of(&said, file)["pydicos"];
        assert_eq!((&found["read"], &found["said"]), (&json!(true), &json!("")), "{file}");
        let words = [("OPERATOR", "enumOperator"), ("AGGREGATE", "enumAggregate"), ("CLEAR", "enumClear")];
        let words = words.into_iter().chain([("ALARM", "enumAlarm"), ("UNKNOWN", "enumUnknownAlarmDecision")]);
        let words: std::collections::BTreeMap<_, _> = words.collect();
        assert_eq!([&found["type"], &found["decision"]], [words[kind], words[decision]], "{file}");
        assert_eq!((&found["subject"], &has["PatientID"]), (&json!("行李 12-7"), &json!("行李 12-7")), "{file}");
        assert_eq!(found["objects"].as_array().map(Vec::len), Some(objects), "{file}");
    }
    let marked = &of(&said, "tdr-marked.dcs")["pydicos"]["objects"];
    assert_eq!(marked[0]["box"], json!([4.0, 5.0, 6.0, 7.0]));
    assert_eq!(marked[0]["outline"], json!([[4.0, 5.0], [10.0, 12.0]]));
    assert_eq!((&marked[0]["category"], &marked[0]["flag"]), (&json!("enumProhibitedItem"), &json!("enumThreat")));
    assert_eq!(marked[1]["outline"], json!([[1.0, 2.0], [9.0, 3.0], [5.0, 20.0]]));
    assert_eq!(marked[1]["category"], "enumExplosive");
    let sealed = &of(&said, "tdr-sealed.dcs")["pydicom"]["has"]["ThreatSequence"][0];
    assert_eq!(sealed.get("PTORepresentationSequence"), None, "an alarm tells no place that is not shared");
}

#[test]
fn dcmdump_reads_every_file_without_a_word_of_complaint() {
    let dir = tempfile::tempdir().unwrap();
    write_all(dir.path());
    let Some(dcmdump) = site::peer::dcmdump() else { return };
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let output = Command::new(&dcmdump).args(["--print-all", "--load-all"]).arg(&path).output().unwrap();
        let (text, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", path.display());
        // DCMTK's own dictionary names every attribute that it knows; these are of DICOS alone.
        const OF_DICOS: [&str; 6] =
            ["(0002,0004)", "(0008,2108)", "(4010,1080)", "(4010,1081)", "(4010,1082)", "(4300,0902)"];
        let mut unknown = text.lines().filter(|line| line.contains("Unknown Tag"));
        assert!(unknown.all(|line| OF_DICOS.iter().any(|tag| line.contains(tag))), "{}: {text}", path.display());
        assert!(text.contains("DICOSVersion"), "{text}");
    }
}

#[tokio::test]
async fn our_own_decoder_takes_the_images_as_it_takes_any_other_machines() {
    let dir = tempfile::tempdir().unwrap();
    write_all(dir.path());
    let file = std::fs::read(dir.path().join("dx-high.dcs")).unwrap();
    let decoder = Decoder::of(env!("CARGO_BIN_EXE_portside").into());
    let picture = decoder.picture(Bytes { file: &file, sidecar: None }).await.unwrap();
    assert_eq!(picture.samples, samples(11));
    assert_eq!(
        (picture.header.form, picture.header.views[0].energy),
        (picture::Form::Raw, Some(picture::Energy::High))
    );
}
