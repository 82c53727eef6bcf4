//! What is wrong with the profile of an X-ray detector is said all at once, each fault where it stands.

use portside_devices::library::Library;
use portside_devices::lines::{Calibration, FrameKind, Idle};
use portside_devices::profile::{Profile, schema};
use serde_json::Value;

const NAMES: [&str; 2] = ["xray/generic-baggage-lines", "xray/generic-cargo-lines"];

const SOUND: &str = r#"kind = "xray"
vendor = "T"
model = "T"
protocol = "xray-lines"
source = "test"

[lines]
sync = "AA 55"
header = 8
counter = { at = 2, type = "u16", order = "big" }
kind = { at = 4, data = 0, dark = 1, white = 2 }
pixels = 16
bits = 12
rate = 100
calibration = { lines = "flagged" }
"#;

/// Code and offending text of every fault of the sound profile with `from` made `to`.
fn with(from: &str, to: &str) -> Vec<(&'static str, String)> {
    assert!(SOUND.contains(from), "{from}");
    faults(&SOUND.replace(from, to))
}

fn faults(text: &str) -> Vec<(&'static str, String)> {
    match Profile::parse("xray/test", text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| (fault.code, text[fault.span].to_owned())).collect(),
    }
}

#[test]
fn what_a_sound_profile_says_is_what_is_read() {
    let profile = Profile::parse("xray/test", SOUND).unwrap();
    let detector = profile.detector.unwrap();
    assert_eq!((detector.frame_length(), detector.samples(), detector.is_guarded()), (8 + 32, 16, false));
    assert_eq!(detector.counter.wraps, 0x1_0000);
    assert_eq!((detector.calibration, detector.idle), (Calibration::Flagged { lines: 64 }, Idle::Lines));
    assert_eq!((detector.views, detector.energies, detector.line_um), (1, 1, 0));
}

#[test]
fn shipped_detectors_are_of_one_view_and_two_energies() {
    for name in NAMES {
        let detector = Library::shipped().get(name).unwrap().unwrap().detector.clone().unwrap();
        assert_eq!((detector.views, detector.energies, detector.sample.bits), (1, 2, 16), "{name}");
        assert!(detector.is_guarded() && detector.line_um > 0 && detector.pitch_um > 0);
        let frame = portside_devices::lines::Frame {
            kind: FrameKind::White,
            counter: 7,
            view: 0,
            samples: vec![500; detector.samples()],
        };
        assert_eq!(detector.read(&detector.write(&frame)), Ok(frame));
    }
}

#[test]
fn every_contradiction_is_faulted_where_it_stands() {
    let table: [(&str, &str, &str, &str); 19] = [
        ("sync = \"AA 55\"", "sync = \"AA\"", "E0321", "\"AA\""),
        ("sync = \"AA 55\"", "sync = \"AA 5\"", "E0319", "\"AA 5\""),
        ("header = 8", "header = 4", "E0312", "{ at = 4, data = 0, dark = 1, white = 2 }"),
        ("at = 2, type", "at = 1, type", "E0312", "{ at = 1, type = \"u16\", order = \"big\" }"),
        ("order = \"big\"", "order = \"big\", wraps = 70000", "E0312", "8"),
        ("dark = 1, white = 2", "dark = 1", "E0321", "\"flagged\""),
        ("dark = 1", "dark = 2", "E0312", "{ at = 4, data = 0, dark = 2, white = 2 }"),
        ("pixels = 16", "pixels = 16\nviews = 2", "E0321", "views"),
        ("pixels = 16", "pixels = 16\nenergies = 2", "E0303", "[lines]"),
        ("pixels = 16", "pixels = 16\narrangement = \"low-then-high\"", "E0312", "\"low-then-high\""),
        ("bits = 12", "bits = 12\nsample_bytes = 1", "E0312", "1"),
        ("bits = 12", "bits = 17", "E0306", "17"),
        ("rate = 100", "rate = 100\nline_um = 500\nspeed_mm_s = 50", "E0312", "50"),
        ("rate = 100", "rate = 100\nend = \"0D 0A\"", "E0312", "8"),
        ("rate = 100", "rate = 100\ntrailer = 2\nend = \"0A\"\nchecksum = { sum = \"xor8\" }", "E0312", "8"),
        ("lines = \"flagged\"", "lines = \"first\", dark = 10", "E0303", "{ lines = \"first\", dark = 10 }"),
        ("lines = \"flagged\"", "lines = \"done\", air = 60000, white = 8", "E0312", "white"),
        ("lines = \"flagged\"", "lines = \"flaged\"", "E0305", "\"flaged\""),
        ("rate = 100", "rate = 100\nbelt_speed = 5", "E0302", "belt_speed"),
    ];
    for (from, to, code, place) in table {
        assert_eq!(with(from, to), [(code, place.to_owned())], "{to}");
    }
}

#[test]
fn lines_belong_to_an_x_ray_machine_and_have_no_points() {
    let point = format!("{SOUND}[[point]]\nname = \"interlock\"\ntable = \"discrete\"\naddress = 0\n");
    assert_eq!(faults(&point), [("E0312", "point".to_owned())]);
    assert_eq!(with("[lines]", "[line]").iter().filter(|(code, _)| *code == "E0312").count(), 1);
    let belt = Profile::parse("belt/test", &SOUND.replace("\"xray\"", "\"belt\"")).unwrap_err();
    assert_eq!(belt[0].code, "E0312");
    let modbus = Profile::parse("xray/test", &SOUND.replace("xray-lines", "modbus")).unwrap_err();
    assert!(modbus.iter().any(|fault| fault.message.contains("`lines` makes no sense")), "{modbus:#?}");
}

#[test]
fn a_test_block_fails_where_the_line_comes_out_otherwise() {
    let test = |block: &str| faults(&format!("{SOUND}\n[[test]]\n{block}"));
    let good =
        "header = \"AA 55 01 02 01 00 00 00\"\nsamples = \"34 02\"\nkind = \"dark\"\ncounter = 258\nlow = [564, 0]\n";
    assert_eq!(test(good), []);
    for (from, to) in [
        ("258", "257"),
        ("\"dark\"", "\"white\""),
        ("564", "565"),
        ("34 02", "34 12"),
        ("AA 55 01", "AA 56 01"),
        ("00 00\"\nsam", "00\"\nsam"),
        ("low = [564, 0]", "low = [564, 0]\nview = 1"),
    ] {
        assert!(good.contains(from));
        assert_eq!(test(&good.replace(from, to)).first().map(|(code, _)| *code), Some("E0315"), "{to}");
    }
}

#[test]
fn the_schema_knows_the_same_keys_as_the_parser() {
    let schema = schema();
    let lines = &schema["properties"]["lines"]["properties"];
    let names: Vec<&String> = lines.as_object().unwrap().keys().collect();
    for name in &names {
        let text = SOUND.replace("[lines]\n", &format!("[lines]\n{name} = {{}}\n"));
        assert!(faults(&text).iter().all(|(code, _)| *code != "E0302"), "{name}");
    }
    for table in ["counter", "view", "kind", "length", "checksum", "calibration"] {
        let known: Vec<&String> = lines[table]["properties"].as_object().unwrap().keys().collect();
        for name in known {
            let text = format!("{}{table} = {{ {name} = {{}} }}\n", SOUND.replace(&line_of(table), ""));
            assert!(faults(&text).iter().all(|(code, _)| *code != "E0302"), "{table}.{name}");
        }
    }
    let shown = |value: &Value| value.as_array().map_or(0, Vec::len);
    assert_eq!(shown(&schema["properties"]["lines"]["required"]), 7);
}

/// The line of the sound profile that begins with `key`, or nothing of it.
fn line_of(key: &str) -> String {
    SOUND.lines().find(|line| line.starts_with(key)).map_or("\0".to_owned(), |line| format!("{line}\n"))
}
