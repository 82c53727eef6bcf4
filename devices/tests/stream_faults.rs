//! What is wrong with the profile of a line or frame device is said all at once, each fault where it stands.

use portside_devices::library::Library;
use portside_devices::profile::{Profile, schema};
use serde_json::Value;

const LINE: &str = "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"line\"\nsource = \"test\"\n";
const FRAME: &str = "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"frame\"\nsource = \"test\"\n";
const RECORD: &str = "[[record]]\nname = \"r\"\npattern = \"W{a:int},{b:text}\"\n";

/// Code, offending text, and help of every fault.
fn faults(text: &str) -> Vec<(&'static str, String, Option<String>)> {
    match Profile::parse("io/test", text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| (fault.code, text[fault.span].to_owned(), fault.help)).collect(),
    }
}

fn codes(text: &str) -> Vec<&'static str> {
    faults(text).into_iter().map(|(code, ..)| code).collect()
}

/// A sound line profile with these lines for its one point.
fn point(lines: &str) -> String {
    format!("{LINE}{RECORD}[[point]]\nname = \"p\"\n{lines}\n")
}

#[test]
fn the_sound_profile_of_these_tests_is_sound() {
    assert_eq!(codes(&point("field = \"a\"")), [""; 0]);
}

#[test]
fn a_pattern_is_faulted_at_the_place_in_it_with_the_word_that_was_meant() {
    let text = point("field = \"a\"").replace("{a:int}", "{a:itn}");
    assert_eq!(faults(&text), [("E0319", "{a:itn}".to_owned(), Some("did you mean `int`?".to_owned()))]);
    let text = point("field = \"a\"").replace("{a:int},{b:text}", "{a:int},{b:text");
    assert_eq!(faults(&text), [("E0319", "{".to_owned(), None)]);
}

#[test]
fn names_that_do_not_exist_are_faulted_with_the_nearest_that_does() {
    let help = |word: &str| Some(format!("did you mean `{word}`?"));
    let text = point("field = \"aa\"");
    assert_eq!(faults(&text), [("E0320", "\"aa\"".to_owned(), help("a"))]);
    let text = point("field = \"a\"").replace("pattern", "set = { pp = true }\npattern");
    assert_eq!(faults(&text), [("E0320", "pp".to_owned(), help("p"))]);
    let request = "[[request]]\nname = \"q\"\nsend = \"Q\"\nanswer = \"rr\"\n";
    let text = point("field = \"a\"").replace("[[point]]", &format!("{request}[[point]]"));
    let found = faults(&text);
    assert_eq!(found[0], ("E0321", "[[record]]".to_owned(), None), "the record answers nothing");
    assert_eq!(found[1], ("E0320", "\"rr\"".to_owned(), help("r")));
}

#[test]
fn a_point_that_nothing_gives_a_value_is_refused() {
    assert_eq!(codes(&point("")), ["E0320"]);
    let two = RECORD.replace("\"r\"", "\"s\"").replace("W{a:int},{b:text}", "X{c:int}");
    let text = point("field = [\"a\", \"c\"]").replace("[[point]]", &format!("{two}[[point]]"));
    assert_eq!(codes(&text), ["E0320"], "no record holds both");
}

#[test]
fn keys_of_the_other_protocol_are_told_apart_from_misspelt_ones() {
    assert_eq!(codes(&point("field = \"a\"\naddress = 3\ntable = \"coil\"")), ["E0312", "E0312"]);
    assert_eq!(codes(&point("feild = \"a\"")), ["E0302"]);
    let modbus = LINE.replace("\"line\"", "\"modbus\"");
    let text = format!("{modbus}{RECORD}[[point]]\nname = \"p\"\ntable = \"coil\"\naddress = 0\nfield = \"a\"\n");
    assert_eq!(codes(&text), ["E0312", "E0312"]);
    let text = point("field = \"a\"").replace(RECORD, &format!("[frame]\nlength = 3\n{RECORD}"));
    assert_eq!(codes(&text), ["E0312"]);
}

#[test]
fn keys_of_a_point_that_contradict_each_other_are_refused() {
    for lines in [
        "field = \"a\"\nbit = 3",
        "field = \"a\"\ntype = \"bool\"\nbit = 3\nequals = 4",
        "field = \"a\"\ntype = \"bool\"\nscale = 2",
        "field = \"b\"\ntype = \"text\"\nunit = \"kg\"",
        "field = \"a\"\nsend = \"x{value}\"",
        "field = \"a\"\npoll = \"fast\"",
        "field = \"a\"\nscale = 0",
        "access = \"write\"\nsend = \"{value}\"\nfield = \"a\"",
        "access = \"write\"\ntype = \"bool\"\non = \"1\"\nsend = \"{value}\"",
        "access = \"write\"\nsend = \"{value}\"\non = \"1\"",
    ] {
        assert_eq!(codes(&point(lines)), ["E0312"], "{lines}");
    }
}

#[test]
fn what_is_sent_must_have_a_place_for_the_value_and_nothing_unknown() {
    assert_eq!(codes(&point("access = \"write\"\nsend = \"text\"")), ["E0319"]);
    assert_eq!(faults(&point("access = \"write\"\nsend = \"x{valeu}\""))[0].1, "{");
    assert_eq!(codes(&point("access = \"write\"")), ["E0303"]);
    assert_eq!(codes(&point("access = \"write\"\ntype = \"bool\"\non = \"x{value}\"")), ["E0319"]);
}

#[test]
fn frames_that_could_not_be_told_apart_are_refused() {
    let frame = |framing: &str, record: &str| {
        format!(
            "{FRAME}[frame]\n{framing}\n[[record]]\nname = \"r\"\n{record}\n[[point]]\nname = \"p\"\nfield = \"a\"\n"
        )
    };
    let fields = "fields = { a = { at = 2, type = \"u16\" } }";
    assert_eq!(codes(&frame("start = \"02\"\nlength = 4", fields)), [""; 0]);
    assert_eq!(codes(&frame("start = \"02\"\nlength = 3", fields)), ["E0321"], "shorter than its fields reach");
    assert_eq!(codes(&frame("length = 4", fields)), ["E0321"], "no start");
    assert_eq!(codes(&frame("start = \"02\"", fields)), ["E0321", "E0321"], "no length, and nobody asks");
    assert_eq!(codes(&frame("start = \"0\"\nlength = 4", fields)), ["E0319"]);
    assert_eq!(codes(&frame("start = \"02\"\nlength = 4\nlength_at = 1", fields)), ["E0312"]);
    assert_eq!(codes(&frame("start = \"02\"\nlength = 4\nlength_add = 1", fields)), ["E0312"]);
    let wrong = fields.replace("u16", "u61");
    assert_eq!(codes(&frame("start = \"02\"\nlength = 4", &wrong))[0], "E0305");
    let digits = fields.replace("\"u16\"", "\"digits\"");
    assert_eq!(codes(&frame("start = \"02\"\nlength = 4", &digits))[0], "E0303", "digits need a length");
}

#[test]
fn lines_that_would_never_end_are_refused() {
    let text =
        point("field = \"a\"").replace(RECORD, &format!("[line]\nend = \"\\u0003\"\nstart = \"a\\u0003\"\n{RECORD}"));
    assert_eq!(codes(&text), ["E0321"]);
    let text = point("field = \"a\"").replace(RECORD, &format!("[line]\nignore = [\"\"]\n{RECORD}"));
    assert_eq!(codes(&text), ["E0319"], "it would take noise for a sign of life");
}

#[test]
fn orders_that_protect_people_go_by_a_protocol_that_confirms_them() {
    let text = Library::shipped().text("weighbridge/mettler-sics").unwrap();
    let text = text.replace("kind = \"weighbridge\"", "kind = \"belt\"");
    let stop = "[[point]]\nname = \"belt_stop\"\ntype = \"bool\"\naccess = \"write\"\non = \"STOP\\r\\n\"\n";
    let found = Profile::parse("belt/test", &format!("{text}\n{stop}")).unwrap_err();
    assert!(found.iter().any(|fault| fault.code == "E0312" && fault.message.contains("`belt_stop`")), "{found:#?}");
}

#[test]
fn a_failing_test_block_shows_what_came_out() {
    let cases = [
        ("weighbridge/aandd-standard", "weight = 15600,", "weight = 15601,", "15600"),
        ("weighbridge/aandd-standard", "records = [\"gross\"]", "records = [\"gross\", \"gross\"]", "`gross` came out"),
        ("display/sunpn-parking", "write = 888", "write = 889", "3A 00 79 03 01 B7 0A"),
        ("radiation/rapiscan-rpm", "bad = [\"speed\"]", "values = { speed = 44.7 }", "outside"),
        ("ups/megatec-q1", "invalid = [\"battery_temperature\"]", "bad = [\"battery_temperature\"]", "--.-"),
        ("thermometer/optris-ct", "frame = \"05 4D\"", "frame = \"05 4D 00\"", "`serial number`"),
    ];
    for (name, from, to, shown) in cases {
        let text = Library::shipped().text(name).unwrap();
        assert!(text.contains(from), "{name}");
        let found = Profile::parse(name, &text.replacen(from, to, 1)).unwrap_err();
        assert_eq!((found.len(), found[0].code), (1, "E0315"), "{name}: {found:#?}");
        assert!(found[0].label.contains(shown), "{name}: {}", found[0].label);
    }
}

/// Every key of a schema's object.
fn keys(schema: &Value) -> Vec<String> {
    schema["properties"].as_object().map(|keys| keys.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn the_schema_knows_the_same_keys_as_the_parser() {
    let schema = schema();
    let table = |name: &str| schema["properties"][name].clone();
    let cases = [
        (LINE, table("line"), "[line]\n"),
        (FRAME, table("frame"), "[frame]\n"),
        (LINE, table("record")["items"].clone(), "[[record]]\n"),
        (LINE, table("request")["items"].clone(), "[[request]]\n"),
        (LINE, table("point")["items"].clone(), "[[point]]\n"),
        (LINE, table("line")["properties"]["checksum"].clone(), "[line.checksum]\n"),
        (
            FRAME,
            table("record")["items"]["properties"]["fields"]["additionalProperties"].clone(),
            "[[record]]\n[record.fields.x]\n",
        ),
        (FRAME, table("record")["items"]["properties"]["when"]["items"].clone(), "[[record]]\n[[record.when]]\n"),
    ];
    for (head, table, header) in &cases {
        let names = keys(table);
        assert!(!names.is_empty(), "{header}");
        for name in names {
            let unknown = codes(&format!("{head}{header}{name} = {{}}\n")).contains(&"E0302");
            assert!(!unknown, "the schema has `{name}` in `{header}`, the parser has not");
        }
        assert!(codes(&format!("{head}{header}zzzz = 1\n")).contains(&"E0302"), "{header}");
    }
    for name in Library::shipped().names() {
        let text = Library::shipped().text(name).unwrap();
        let read: toml::Table = toml::from_str(&text).unwrap();
        for table in ["record", "request"] {
            let known = keys(&schema["properties"][table]["items"]);
            for entry in read.get(table).and_then(|list| list.as_array()).into_iter().flatten() {
                assert!(entry.as_table().unwrap().keys().all(|key| known.contains(key)), "{name}: {entry}");
            }
        }
    }
}
