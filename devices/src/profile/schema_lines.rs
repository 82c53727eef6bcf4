//! The part of a profile's JSON Schema that describes X-ray detectors.

use serde_json::{Value, json};

use super::lines::{comes_words, field_words};
use super::schema::{duration, integer, integers, named, object, text, words};
use super::schema_stream::checksum;
use crate::lines::{AROUND_MAX, Align, Arrangement, FrameKind, Idle, PIXELS_MAX};
use crate::stream::Order;

const AROUND: i64 = AROUND_MAX as i64;
const U32: i64 = 0xFFFF_FFFF;

/// A number in the header, with what else is said of it.
fn field(more: Vec<(&str, Value)>, required: &[&str], description: &str) -> Value {
    let sizes: Vec<&str> = field_words().collect();
    let mut keys = vec![
        ("at", integer("Offset of its first byte from the frame's first.", 0, AROUND)),
        ("type", json!({ "type": "string", "enum": sizes, "description": "How wide it is; u8 unless given." })),
        ("order", words(Order::WORDS, "Which byte comes first; little unless given.")),
        ("mask", integer("Bits of it that count, moved down; all unless given.", 1, U32)),
    ];
    keys.extend(more);
    let mut schema = object(&[&["at"], required].concat(), named(keys));
    schema["description"] = description.into();
    schema
}

fn calibration() -> Value {
    let comes: Vec<&str> = comes_words().collect();
    let keys = vec![
        (
            "lines",
            json!({ "type": "string", "enum": comes, "description": "flagged: frames say of themselves that they are dark or white. first: the first lines of a connection are. done: the detector corrects its lines itself." }),
        ),
        ("average", integer("flagged: so many lines of each are averaged; 64 unless given.", 8, 4_096)),
        ("dark", integer("first: so many dark lines.", 8, 4_096)),
        ("white", integer("first: so many white lines after them.", 8, 4_096)),
        ("air", integer("done: what a sample of air is.", 1, 0xFFFF)),
    ];
    let mut schema = object(&["lines"], named(keys));
    schema["description"] = "How the lines come that tell darkness and air.".into();
    schema
}

pub(super) fn lines() -> Value {
    let counter =
        vec![("wraps", integer("It begins again at 0 after so many lines; when it is full unless given.", 2, U32 + 1))];
    let view = vec![("first", integer("What the first view is called; 0 unless given.", 0, U32))];
    let kind = vec![
        ("data", integer("What stands there in lines of subjects.", 0, U32)),
        ("dark", integer("In lines without a beam.", 0, U32)),
        ("white", integer("In lines of an empty beam.", 0, U32)),
    ];
    let length = vec![("add", integer("Bytes of the frame that it leaves out.", 0, AROUND))];
    let keys = vec![
        ("sync", text("What every frame begins with, 2 to 16 hexadecimal bytes.")),
        ("header", integer("Bytes before the first sample, sync included.", 3, AROUND)),
        ("counter", field(counter, &[], "The line counter.")),
        ("view", field(view, &[], "Which view a line is of; with several views.")),
        ("kind", field(kind, &["data"], "What a line shows, where frames say it.")),
        ("length", field(length, &[], "The frame's own length in bytes, where it tells one.")),
        ("pixels", integer("Detector elements of a line.", 8, i64::from(PIXELS_MAX))),
        ("energies", integer("Energies: 1 unless given.", 1, 2)),
        ("views", integer("Views: 1 unless given.", 1, 8)),
        ("arrangement", words(Arrangement::WORDS, "With two energies: how their samples lie.")),
        ("bits", integer("Bits of a sample that carry something.", 8, 16)),
        ("sample_bytes", integer("Bytes that a sample takes; as few as hold its bits unless given.", 1, 2)),
        ("order", words(Order::WORDS, "Which byte of a sample comes first; little unless given.")),
        ("align", words(Align::WORDS, "Where the bits of a sample stand in its bytes; low unless given.")),
        ("trailer", integer("Bytes behind the samples, checksum and end included.", 0, AROUND)),
        ("end", text("The last of them, where they are always the same; hexadecimal bytes.")),
        ("checksum", checksum()),
        ("pitch_um", integer("Width of an element in the plane of the belt, micrometres.", 10, 100_000)),
        ("line_um", integer("Way of a subject between two lines, micrometres.", 10, 1_000_000)),
        ("speed_mm_s", integer("Speed of the belt instead, millimetres a second.", 1, 20_000)),
        ("rate", integer("Lines a second, of each view.", 1, 100_000)),
        ("idle", words(Idle::WORDS, "What comes while nothing is in the beam; lines unless given.")),
        ("silence", duration("When no line came for so long, an image that grows is over; 500 ms unless given.")),
        ("calibration", calibration()),
    ];
    let required = ["sync", "header", "counter", "pixels", "bits", "rate", "calibration"];
    let mut schema = object(&required, named(keys));
    schema["description"] = "With protocol = \"xray-lines\": how the lines of a detector are framed.".into();
    schema
}

/// Keys of a test block that only detectors have.
pub(super) fn test_keys() -> Vec<(&'static str, Value)> {
    vec![
        ("header", text("Detector: the header of a line in hexadecimal.")),
        ("samples", text("Detector: how its samples begin, in hexadecimal; the others are 0.")),
        ("kind", words(FrameKind::WORDS, "Detector: what the line must show; data unless given.")),
        ("counter", integer("Detector: what its counter must be.", 0, U32)),
        ("view", integer("Detector: which view it must be of; 0 unless given.", 0, 7)),
        ("low", integers("Detector: how the samples of the softer or only energy must begin.")),
        ("high", integers("Detector: how the samples of the harder energy must begin.")),
    ]
}
