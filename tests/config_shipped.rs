//! The lane files and profiles that are shipped: what check says of them, and what an independent validator does.
#![allow(clippy::unwrap_used)] // a test that cannot read its files has failed

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use portside::config::{self, Connection, Ink, Medium};
use portside::field::medium::Parity;
use portside::lane::{DeskRole, PictureRule, Place};
use portside_devices::kind::Closes;
use proptest::prelude::*;

const GATE: &str = "config/gate.toml";

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.sort();
    paths
}

#[test]
fn every_shipped_lane_file_is_sound() {
    for path in files("config") {
        if let Err(report) = config::load(&path) {
            panic!("{}", report.render(Ink::Plain));
        }
    }
}

#[test]
fn the_gate_template_means_what_it_says() {
    let config = config::load(Path::new(GATE)).unwrap().config;
    let settings = config.settings().unwrap();
    assert_eq!((config.lane.port.as_str(), config.lane.id.as_str()), ("CNTYN", "G03"));
    assert_eq!(settings.agencies.iter().map(|id| &**id).collect::<Vec<_>>(), ["customs", "border"]);
    let sensors: Vec<_> = settings.sensors.iter().map(|at| (&*at.name, at.place, at.proves)).collect();
    assert_eq!(
        sensors,
        [
            ("approach loop", Place::Approach, false),
            ("loop under the arm", Place::Under, true),
            ("photocell behind the arm", Place::Beyond, true),
        ]
    );
    assert_eq!(config.gate().unwrap().sensors.iter().map(|at| &*at.point).collect::<Vec<_>>(), ["di3", "di4", "di5"]);
    assert_eq!((&*settings.arm.device, settings.arm.closes), ("arm", Closes::Pulse));
    assert!(settings.arm.can_stop && !settings.arm.has_protection);
    assert!(settings.desks.iter().all(|desk| desk.role == DeskRole::Required));
    assert_eq!(settings.picture, PictureRule::None);
    assert_eq!(settings.arm.travel, Duration::from_secs(4));
    assert_eq!(settings.clear_for, Duration::from_millis(1_500));
    assert_eq!(settings.stale_after, Duration::from_millis(300));
    assert_eq!(settings.renew_every, Duration::from_millis(100));
    assert_eq!(settings.review_timeout, Duration::from_secs(90));
    assert_eq!(config.reaction().unwrap(), Duration::from_millis(150));
    let Connection::Modbus(arm) = &config.devices[config.gate().unwrap().arm].connection else {
        panic!("the arm is on Modbus")
    };
    assert_eq!((&config.links[arm.link].medium, arm.unit), (&Medium::tcp("10.0.0.20", 502), 1));
}

fn is_key(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

#[test]
fn every_choice_of_the_gate_template_can_be_taken() {
    let text = std::fs::read_to_string(GATE).unwrap();
    // A choice is a comment that holds a header or a key alone.
    let chosen: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || is_key(rest) => rest,
            Some(_) | None => line,
        })
        .map(|line| line.to_owned() + "\n")
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let chosen = chosen.replace("/etc/portside/profiles", dir.path().to_str().unwrap());
    let config = config::parse(Path::new("chosen.toml"), chosen.as_bytes());
    let config = config.unwrap_or_else(|report| panic!("{}", report.render(Ink::Plain))).config;
    assert!(config.uplink.is_some() && config.station.xray.is_some());
    let kinds: Vec<_> = config.devices.iter().map(|device| device.kind().word()).collect();
    assert_eq!(kinds, ["barrier", "xray", "camera", "thermometer", "radiation"]);
}

#[test]
fn two_devices_of_one_host_share_a_link() {
    let text = std::fs::read_to_string(GATE).unwrap();
    let more = "[[device]]\nid = \"io1\"\nkind = \"io\"\nprofile = \"io/waveshare-8ch\"\n\
                address = \"modbus://10.0.0.20:502/2\"\n\n[gate]";
    let config = config::parse(Path::new("x.toml"), text.replacen("[gate]", more, 1).as_bytes()).unwrap().config;
    assert_eq!(config.links.len(), 1);
    assert_eq!(config.links[0].devices, [0, 1]);
}

#[test]
fn devices_of_a_bus_share_one_link_as_the_bus_is_set() {
    let text = std::fs::read_to_string(GATE).unwrap().replace("modbus://10.0.0.20:502/1", "modbus://pair1/1");
    let more = "[bus.pair1]\nport = \"/dev/serial/by-id/a\"\nbaud = 115200\nparity = \"even\"\nquiet = \"400 ms\"\n\n\
                [[device]]\nid = \"io1\"\nkind = \"io\"\nprofile = \"io/waveshare-8ch\"\n\
                address = \"modbus://pair1/2\"\n\n[gate]";
    let config = config::parse(Path::new("x.toml"), text.replacen("[gate]", more, 1).as_bytes()).unwrap().config;
    let [link] = &config.links[..] else { panic!("{:?}", config.links) };
    let Medium::Serial(serial) = &link.medium else { panic!("{:?}", link.medium) };
    assert_eq!((&*link.name, &link.devices[..]), ("pair1", &[0, 1][..]));
    assert_eq!(
        (serial.path.to_str(), serial.baud, serial.parity),
        (Some("/dev/serial/by-id/a"), 115_200, Parity::Even)
    );
    assert_eq!((serial.gap.as_micros(), serial.quiet.as_millis()), (1_750, 400));
    // Telegrams under way cannot be cut short: the doubt waits for the longest of them where that exceeds 50 ms.
    assert_eq!(config.reaction().unwrap().as_millis(), 150);
}

#[test]
fn a_port_that_is_opened_under_two_names_is_found_where_the_port_is() {
    let dir = tempfile::tempdir().unwrap();
    let (port, name) = (dir.path().join("ttyUSB0"), dir.path().join("usb-FTDI"));
    std::fs::write(&port, "").unwrap();
    std::os::unix::fs::symlink(&port, &name).unwrap();
    let more = format!(
        "[bus.a]\nport = {port:?}\n[bus.b]\nport = {name:?}\n\n[[device]]\nid = \"io1\"\nkind = \"io\"\n\
         profile = \"io/waveshare-8ch\"\naddress = \"modbus://b/2\"\n\n[gate]"
    );
    let text = std::fs::read_to_string(GATE).unwrap().replace("modbus://10.0.0.20:502/1", "modbus://a/1");
    let report = config::parse(Path::new("x.toml"), text.replacen("[gate]", &more, 1).as_bytes()).unwrap_err();
    let codes: Vec<_> = report.sources.iter().flat_map(|source| &source.faults).map(|fault| fault.code).collect();
    assert!(codes.contains(&"E0207"), "{codes:?}");
}

#[test]
fn every_shipped_barrier_can_stand_at_a_gate_and_every_shipped_module_can_guard_it() {
    let library = portside_devices::library::Library::shipped();
    let of = |kind: &'static str| library.names().filter(move |name| name.starts_with(kind));
    let text = std::fs::read_to_string(GATE).unwrap();
    assert!(of("barrier/").count() >= 2 && of("io/").count() >= 1);
    for (barrier, module) in of("barrier/").flat_map(|barrier| of("io/").map(move |module| (barrier, module))) {
        let device = format!(
            "[[device]]\nid = \"io1\"\nkind = \"io\"\nprofile = \"{module}\"\naddress = \"modbus://h:502/2\"\n\n[gate]"
        );
        let profile = library.get(module).unwrap().unwrap();
        let inputs: Vec<_> =
            profile.points.iter().filter(|point| point.readable() && !point.writable()).take(3).collect();
        let mut lane = text.replace("barrier/generic-relay", barrier).replacen("\n[gate]", &format!("\n{device}"), 1);
        for (old, new) in ["arm.di3", "arm.di4", "arm.di5"].iter().zip(inputs) {
            lane = lane.replace(old, &format!("io1.{}", new.name));
        }
        if let Err(report) = config::parse(Path::new("x.toml"), lane.as_bytes()) {
            panic!("{barrier} with {module}:\n{}", report.render(Ink::Plain));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_damage_to_a_lane_file_makes_check_panic(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>()), 1..12),
        file in any::<prop::sample::Index>(),
    ) {
        let mut files = files("config");
        files.extend(self::files("tests/config_errors"));
        let mut bytes = std::fs::read(file.get(&files)).unwrap();
        for (at, what, byte) in damage {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        match config::parse(Path::new("config/damaged.toml"), &bytes) {
            Ok(checked) => {
                let _ = (checked.config.settings(), checked.config.belt_settings());
                prop_assert_eq!(checked.report.errors(), 0);
            }
            Err(report) => {
                prop_assert!(report.errors() > 0);
                prop_assert!(!report.render(Ink::Colour).is_empty());
                report.json();
            }
        }
    }

    #[test]
    fn no_damage_to_a_token_makes_check_panic(
        line in any::<prop::sample::Index>(),
        token in prop::sample::select(vec![
            "", "\"", "[", "]", "{}", "[]", "[[]]", "0", "-1", "1e999", "true", "\"\"", "\"all\"", "'''", "2026-11-21",
            "99999999999999999999", "\"\\u0000\"", "\"18446744073709551615 d\"", "\"99999999999999999 TB\"", "[[lane]]",
            "\u{feff}", "\u{202e}", "= =", "\"modbus://[::1]:502/1\"", "{ a = 1 }",
        ]),
    ) {
        let text = std::fs::read_to_string(GATE).unwrap();
        let mut lines: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        let line = line.index(lines.len());
        lines[line] = match lines[line].split_once('=') {
            Some((key, _)) => format!("{key}= {token}"),
            None => token.to_owned(),
        };
        if let Err(report) = config::parse(Path::new("config/damaged.toml"), lines.join("\n").as_bytes()) {
            prop_assert!(!report.render(Ink::Plain).is_empty());
        }
    }
}

#[test]
fn an_independent_validator_accepts_what_is_shipped_and_refuses_unknown_keys() {
    let venv = std::env::var_os("PORTSIDE_VENV").map_or_else(|| PathBuf::from(".venv"), PathBuf::from);
    let python = venv.join("bin/python");
    let ready = Command::new(&python).args(["-c", "import jsonschema, tomllib"]).output();
    if !ready.is_ok_and(|output| output.status.success()) {
        println!("skipped: {} has no jsonschema (see tests/peers/requirements.txt)", python.display());
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let check = |name: &str, schema: &serde_json::Value, files: &[PathBuf]| {
        let path = dir.path().join(name);
        std::fs::write(&path, schema.to_string()).unwrap();
        let output = Command::new(&python).arg("tests/peers/validate.py").arg(&path).args(files).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), files.len(), "{said}");
    };
    check("lane.json", &config::schema::config(), &files("config"));
    let kinds = std::fs::read_dir("devices/profiles").unwrap().map(|kind| kind.unwrap().file_name());
    let profiles: Vec<_> =
        kinds.flat_map(|kind| files(&format!("devices/profiles/{}", kind.to_string_lossy()))).collect();
    assert!(profiles.len() >= 40);
    check("profile.json", &config::schema::profile(), &profiles);
}

fn words(schema: &serde_json::Value) -> String {
    schema["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| format!("`{}`", word.as_str().unwrap()))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn the_schema_of_profiles_knows_the_words_that_their_reader_knows() {
    let schema = config::schema::profile();
    let point = &schema["properties"]["point"]["items"]["properties"];
    let test = &schema["properties"]["test"]["items"]["properties"];
    let identify = &schema["properties"]["identify"]["properties"];
    let lists = [
        ("", "kind", &schema["properties"]["kind"]),
        ("", "protocol", &schema["properties"]["protocol"]),
        ("", "closes", &schema["properties"]["closes"]),
        ("[[point]]", "table", &point["table"]),
        ("[[point]]", "byte_order", &point["byte_order"]),
        ("[[point]]", "word_order", &point["word_order"]),
        ("[[point]]", "poll", &point["poll"]),
        ("[[point]]", "access", &point["access"]),
        ("[[test]]", "quality", &test["quality"]),
        ("[identify]", "table", &identify["table"]),
    ];
    for (header, key, schema) in lists {
        let said = expected(&format!("{header}\n{key} = \"zzz\"\n"));
        assert_eq!(said, format!("expected one of {}", words(schema)), "{header} {key}");
    }
    // What a register can hold, and what a line or a frame can.
    let of = |protocol: &str| expected(&format!("protocol = \"{protocol}\"\n[[point]]\ntype = \"zzz\"\n"));
    let (registers, lines) = (of("modbus"), of("line"));
    let known = words(&point["type"]);
    let said: BTreeSet<_> = quoted(&registers).chain(quoted(&lines)).collect();
    assert_eq!(said, quoted(&known).collect(), "[[point]] type");
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What the reader of profiles says of a wrong word.
fn expected(text: &str) -> String {
    let faults = portside_devices::profile::Profile::parse("io/t", text).unwrap_err();
    faults.into_iter().find(|fault| fault.code == "E0305").unwrap().label
}

#[test]
fn the_schema_of_profiles_knows_the_keys_that_their_reader_knows() {
    let schema = config::schema::profile();
    let tables = [
        ("", &schema["properties"]),
        ("[[point]]", &schema["properties"]["point"]["items"]["properties"]),
        ("[[test]]", &schema["properties"]["test"]["items"]["properties"]),
        ("[identify]", &schema["properties"]["identify"]["properties"]),
    ];
    let mut known = std::collections::BTreeSet::new();
    for (header, properties) in tables {
        for key in properties.as_object().unwrap().keys() {
            known.insert(key.clone());
            let faults =
                portside_devices::profile::Profile::parse("io/t", &format!("{header}\n{key} = 1\n")).unwrap_err();
            assert!(faults.iter().all(|fault| fault.code != "E0302"), "{header} {key}: {faults:?}");
        }
    }
    // The reader asks for each key by a literal; none of them may be missing in the schema.
    let reader = std::fs::read_to_string("devices/src/profile/parse.rs").unwrap();
    let asked = reader.split("(\"").skip(1).filter(|rest| !rest.starts_with(' '));
    let keys = asked.filter_map(|rest| rest.split_once('"')).map(|(key, _)| key);
    let keys: Vec<_> =
        keys.filter(|key| !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).collect();
    assert!(keys.len() > 20, "{keys:?}");
    let words = ["holding", "input", "bad", "invalid"];
    for key in keys.into_iter().filter(|key| !words.contains(key)) {
        assert!(known.contains(key), "`{key}` is read and not in the schema");
    }
}
