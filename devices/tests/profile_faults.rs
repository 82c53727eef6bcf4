//! What is wrong with a profile is said all at once, each fault where it stands.

use portside_devices::library::Library;
use portside_devices::profile::{EXPLANATIONS, Profile, schema};
use serde_json::Value;

const HEAD: &str = "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n";

/// Code, offending text, and help of every fault.
fn faults(name: &str, text: &str) -> Vec<(&'static str, String, Option<String>)> {
    match Profile::parse(name, text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| (fault.code, text[fault.span].to_owned(), fault.help)).collect(),
    }
}

/// The faults of one point's lines in an otherwise sound io profile.
fn codes(lines: &str) -> Vec<&'static str> {
    let text = format!("{HEAD}[[point]]\nname = \"p\"\n{lines}");
    faults("io/test", &text).into_iter().map(|(code, ..)| code).collect()
}

#[test]
fn all_faults_of_a_profile_are_reported_in_one_go_and_in_their_order() {
    let text = "kind = \"io\"\nvendor = \"T\"\nmodle = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n\
        [[point]]\nname = \"a\"\ntable = \"holdin\"\naddress = 70000\ntype = \"u16\"\n\
        [[point]]\nname = \"b\"\ntable = \"coil\"\naddress = 1\naccess = \"write\"\npulse = 500\n";
    let help = |word: &str| Some(format!("did you mean `{word}`?"));
    assert_eq!(
        faults("io/test", text),
        [
            ("E0303", "kind = \"io\"".to_owned(), None),
            ("E0302", "modle".to_owned(), help("model")),
            ("E0305", "\"holdin\"".to_owned(), help("holding")),
            ("E0306", "70000".to_owned(), None),
            ("E0304", "500".to_owned(), None),
        ]
    );
}

#[test]
fn several_syntax_errors_are_reported_with_their_places() {
    let found = faults("io/test", "kind = \nvendor = \"T\nmodel = 3\n");
    assert!(found.iter().filter(|(code, ..)| *code == "E0301").count() >= 2, "{found:?}");
}

#[test]
fn a_barrier_without_a_required_point_is_refused_with_the_points_name() {
    let text = Library::shipped().text("barrier/generic-relay").unwrap();
    let without = text.replace("name = \"closed\"", "name = \"di9\"").replace("point = \"closed\"", "point = \"di9\"");
    let found = Profile::parse("barrier/test", &without).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, "E0308");
    assert!(found[0].message.contains("`closed`"), "{}", found[0].message);
}

#[test]
fn a_misspelt_standard_point_is_told_apart_from_a_spare_terminal() {
    let text = Library::shipped().text("barrier/generic-held").unwrap().replace("name = \"fault\"", "name = \"falut\"");
    let found = faults("barrier/test", &text);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].0, found[0].2.as_deref()), ("E0309", Some("did you mean `fault`?")));
}

#[test]
fn no_profile_of_any_kind_can_name_a_point_that_starts_a_beam() {
    for (kind, extra) in [("io", ""), ("xray", ""), ("io", "access = \"write\"\n")] {
        let head = HEAD.replace("\"io\"", &format!("\"{kind}\""));
        let text = format!("{head}[[point]]\nname = \"xray_expose\"\ntable = \"coil\"\naddress = 0\n{extra}");
        let found = faults(&format!("{kind}/test"), &text);
        // The X-ray machine also lacks its required points.
        let found: Vec<_> = found.iter().map(|(code, ..)| *code).filter(|code| *code != "E0308").collect();
        assert_eq!(found, ["E0310"]);
    }
}

/// The least that a profile of an X-ray machine's control points must say.
fn xray(more: &str) -> String {
    let input = |(address, name)| format!("[[point]]\nname = \"{name}\"\ntable = \"discrete\"\naddress = {address}\n");
    let points: String =
        ["belt_running", "interlock", "xray_on", "emergency_stop"].into_iter().enumerate().map(input).collect();
    format!("{}{points}{more}", HEAD.replace("\"io\"", "\"xray\""))
}

#[test]
fn an_xray_machine_may_be_stopped_and_nothing_else() {
    let output = |name: &str| {
        xray(&format!("[[point]]\nname = \"{name}\"\ntable = \"coil\"\naddress = 0\naccess = \"read-write\"\n"))
    };
    assert_eq!(faults("xray/test", &output("belt_stop")), []);
    assert_eq!(faults("xray/test", &output("beam_off")), []);
    for name in ["belt_run", "belt_start", "belt_reverse", "beam_on", "do1", "aux_conveyor"] {
        let found = Profile::parse("xray/test", &output(name)).unwrap_err();
        assert_eq!(found.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["E0318"], "{name}");
        assert!(found[0].message.contains(&format!("`{name}`")), "{}", found[0].message);
    }
    let lamp = xray("").replacen("table = \"discrete\"", "table = \"coil\"\naccess = \"read-write\"", 1);
    assert_eq!(faults("xray/test", &lamp)[0].0, "E0311", "belt_running made writable");
}

#[test]
fn a_measuring_device_has_no_outputs_and_a_camera_no_profile() {
    let head = HEAD.replace("\"io\"", "\"thermometer\"");
    let point = |name: &str, more: &str| {
        format!("{head}[[point]]\nname = \"{name}\"\ntable = \"holding\"\naddress = 0\ntype = \"i16\"\n{more}")
    };
    let writable = format!(
        "{}[[point]]\nname = \"ao1\"\ntable = \"holding\"\naddress = 1\ntype = \"i16\"\naccess = \"write\"\n",
        point("temperature", "unit = \"°C\"\n")
    );
    assert_eq!(faults("thermometer/test", &point("temperature", "unit = \"°C\"\n")), []);
    assert_eq!(faults("thermometer/test", &writable)[0].0, "E0318");
    let kelvin = Profile::parse("thermometer/test", &point("temperature", "unit = \"K\"\n")).unwrap_err();
    assert_eq!(kelvin[0].code, "E0311");
    assert!(kelvin[0].label.contains("\"°C\""), "{}", kelvin[0].label);
    let camera = HEAD.replace("\"io\"", "\"camera\"") + "[[point]]\nname = \"di1\"\ntable = \"coil\"\naddress = 0\n";
    assert!(!faults("camera/test", &camera).is_empty());
}

#[test]
fn a_display_shows_a_text_or_a_stored_message() {
    let head = HEAD.replace("\"io\"", "\"display\"");
    let message = format!(
        "{head}[[point]]\nname = \"message\"\ntable = \"holding\"\naddress = 0\ntype = \"u16\"\naccess = \"write\"\n"
    );
    assert_eq!(faults("display/test", &message), []);
    let none = message.replace("\"message\"", "\"brightness\"");
    assert_eq!(faults("display/test", &none).iter().map(|(code, ..)| *code).collect::<Vec<_>>(), ["E0308", "E0308"]);
}

#[test]
fn outputs_that_move_an_arm_must_end_by_themselves() {
    let library = Library::shipped();
    let pulse = library.text("barrier/generic-relay").unwrap().replacen("pulse = \"500 ms\"", "", 1);
    assert_eq!(faults("barrier/test", &pulse)[0].0, "E0314");
    let held = library.text("barrier/generic-held").unwrap();
    assert_eq!(faults("barrier/test", &held.replace("watchdog = \"500 ms\"", ""))[0].0, "E0314");
    assert_eq!(faults("barrier/test", &held.replace("watchdog = \"500 ms\"", "watchdog = \"2 s\""))[0].0, "E0306");
    let own = held.replace("closes = \"held\"\nwatchdog = \"500 ms\"", "closes = \"own\"");
    let codes: Vec<_> = faults("barrier/test", &own).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["E0311", "E0311"], "neither close nor close_counter");
    assert_eq!(faults("barrier/test", &held.replace("closes = \"held\"\n", ""))[0].0, "E0313");
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for lines in [
        "table = \"coil\"\naddress = 0\nbit = 3",
        "table = \"coil\"\naddress = 0\ntype = \"u16\"",
        "table = \"holding\"\naddress = 0\ntype = \"u16\"\ninverted = true",
        "table = \"holding\"\naddress = 0\ntype = \"i16\"\nmask = 3",
        "table = \"holding\"\naddress = 0\ntype = \"u16\"\nscale = 0",
        "table = \"holding\"\naddress = 0\ntype = \"bool\"",
        "table = \"holding\"\naddress = 0\ntype = \"bool\"\nbit = 1\naccess = \"read-write\"",
        "table = \"holding\"\naddress = 0\ntype = \"bool\"\nbit = 1\nequals = 3",
        "table = \"discrete\"\naddress = 0\naccess = \"write\"",
        "table = \"coil\"\naddress = 0\npulse = \"1 s\"",
        "table = \"holding\"\naddress = 65535\ntype = \"u32\"",
        "table = \"holding\"\naddress = 0\ntype = \"u8_low\"\naccess = \"read-write\"",
        "table = \"holding\"\naddress = 0\ntype = \"f32\"\ndecimals_word = 5",
        "table = \"holding\"\naddress = 0\ntype = \"i32\"\ndecimals_word = 1",
        "table = \"holding\"\naddress = 0\ntype = \"i32\"\ndecimals_mask = 7",
        "table = \"holding\"\naddress = 0\ntype = \"i32\"\ndecimals_word = 5\naccess = \"read-write\"",
    ] {
        assert_eq!(codes(lines), ["E0312"], "{lines}");
    }
}

#[test]
fn a_device_may_say_itself_where_its_points_begin() {
    let portal = Library::shipped().get("radiation/aspect").unwrap().unwrap();
    let address = |profile: &Profile, name: &str| profile.point(name).unwrap().register().unwrap().address;
    let based = portal.based(0x0120).unwrap();
    assert_eq!((address(&portal, "gamma_counts"), address(&based, "gamma_counts")), (4, 0x0124));
    assert_eq!(based.base, None, "it is not moved twice");
    let beyond = portal.based(0xFFFF).unwrap_err();
    assert!(beyond.contains("65535"), "{beyond}");
}

#[test]
fn two_writable_points_in_one_place_are_refused_unless_their_words_differ() {
    let two = |first: &str, second: &str| {
        let point = |name, on| {
            format!(
                "[[point]]\nname = \"{name}\"\ntable = \"holding\"\naddress = 5\ntype = \"bool\"\naccess = \"write\"\non = {on}\n"
            )
        };
        faults("io/test", &format!("{HEAD}{}{}", point("a", first), point("b", second)))
    };
    assert!(two("1", "2").is_empty());
    assert_eq!(two("1", "1")[0].0, "E0317");
}

#[test]
fn a_failing_test_block_is_a_fault_that_shows_what_came_out() {
    let text = format!(
        "{HEAD}[[point]]\nname = \"p\"\ntable = \"holding\"\naddress = 0\ntype = \"i16\"\nscale = 0.1\n\
         [[test]]\npoint = \"p\"\nraw = [215]\nvalue = 21.5\n[[test]]\npoint = \"p\"\nraw = [0xFFFF]\nvalue = 6553.5\n\
         [[test]]\npoint = \"q\"\nraw = [0]\nvalue = 0\n"
    );
    let unknown = faults("io/test", &text);
    assert_eq!(unknown.len(), 1, "a test that names nothing");
    let found = Profile::parse("io/test", &text.replace("\"q\"", "\"p\"")).unwrap_err();
    assert_eq!((found.len(), found[0].code), (1, "E0315"));
    assert!(found[0].label.contains("-0.1"), "{}", found[0].label);
}

#[test]
fn a_profile_in_the_wrong_folder_and_a_name_twice_are_refused() {
    let point = "[[point]]\nname = \"p\"\ntable = \"coil\"\naddress = 0\n";
    assert_eq!(faults("barrier/test", &format!("{HEAD}{point}"))[0].0, "E0316");
    assert_eq!(faults("io/test", &format!("{HEAD}{point}{point}"))[0].0, "E0307");
}

#[test]
fn every_code_is_explained_once() {
    let mut codes: Vec<_> = EXPLANATIONS.iter().map(|(code, _)| *code).collect();
    assert!(codes.iter().all(|code| code.starts_with("E03") && code.len() == 5));
    let count = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), count);
}

/// Every key of a schema's object with its path, nested ones too.
fn keys(schema: &Value) -> Vec<String> {
    schema["properties"].as_object().map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn the_schema_knows_the_same_keys_as_the_parser() {
    let schema = schema();
    let tables = [
        (&schema, ""),
        (&schema["properties"]["base"], "[base]\n"),
        (&schema["properties"]["identify"], "[identify]\n"),
        (&schema["properties"]["point"]["items"], "[[point]]\n"),
        (&schema["properties"]["test"]["items"], "[[test]]\n"),
    ];
    for (table, header) in tables {
        let names = keys(table);
        assert!(!names.is_empty());
        for name in &names {
            let text = format!("{header}{name} = {{}}\n");
            let unknown = faults("io/test", &text).into_iter().any(|(code, ..)| code == "E0302");
            assert!(!unknown, "the schema has `{name}` in `{header}`, the parser has not");
        }
        // The other way round: one letter off a key is answered with that key, for every key the parser has.
        let text = format!("{header}zzzz = 1\n");
        assert!(faults("io/test", &text).into_iter().any(|(code, ..)| code == "E0302"));
    }
    for name in Library::shipped().names() {
        let text = Library::shipped().text(name).unwrap();
        let read: toml::Table = toml::from_str(&text).unwrap();
        let known = keys(&schema["properties"]["point"]["items"]);
        for point in read.get("point").and_then(|list| list.as_array()).into_iter().flatten() {
            assert!(point.as_table().unwrap().keys().all(|key| known.contains(key)), "{name}: {point}");
        }
        let known = keys(&schema["properties"]["test"]["items"]);
        for test in read["test"].as_array().unwrap() {
            assert!(test.as_table().unwrap().keys().all(|key| known.contains(key)), "{name}: {test}");
        }
    }
}
