//! The part of a profile's JSON Schema that describes line and frame devices.

use serde_json::{Value, json};

use super::PollClass;
use super::schema::{duration, integer, named, object, text, words};
use crate::stream::{CellKind, Charset, Form, Order, Sum};

/// A whole number, a text, or a list of them.
pub(super) fn either(description: &str) -> Value {
    json!({ "type": ["integer", "string", "array"], "description": description })
}

fn texts(description: &str) -> Value {
    json!({ "type": ["string", "array"], "items": { "type": "string" }, "description": description })
}

fn list(items: &Value, description: &str) -> Value {
    json!({ "type": "array", "items": items, "description": description })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

pub(super) fn checksum() -> Value {
    let keys = vec![
        ("sum", words(Sum::WORDS, "How it is reckoned.")),
        ("from", integer("First byte that it covers, counted from the first of the line or frame.", 0, 64)),
        ("after", integer("How many bytes stand after it.", 0, 16)),
        ("form", words(Form::WORDS, "As bytes, or as two hexadecimal digits a byte.")),
    ];
    described(object(&["sum"], named(keys)), "What guards a line or frame against disturbances.")
}

/// Keys that `[line]` and `[frame]` share.
fn framing_keys() -> Vec<(&'static str, Value)> {
    vec![
        ("start", text("What begins a line or frame. Line: text; frame: hexadecimal bytes such as \"02\".")),
        ("end", text("What ends it. Line: \"\\n\" unless given; frame: its last bytes, if they are always the same.")),
        ("max", integer("Longest line or frame in bytes; 256 unless given.", 1, 2_048)),
        ("charset", words(Charset::WORDS, "How text is written in bytes; ascii unless given.")),
        (
            "silence",
            duration("Longest pause of a device that speaks by itself; then it counts as silent. 5 s unless given."),
        ),
        ("timeout", duration("Longest wait for an answer, where the device is slower than the lane file allows.")),
        ("ignore", texts("Beginnings of what the device sends and what means nothing here.")),
        ("checksum", checksum()),
    ]
}

pub(super) fn line() -> Value {
    described(object(&[], named(framing_keys())), "With protocol = \"line\": how lines are told apart.")
}

pub(super) fn frame() -> Value {
    let mut keys = framing_keys();
    keys.extend([
        ("length", integer("How long every frame is, start, checksum and end included.", 2, 2_048)),
        ("length_at", integer("Offset of the length in the frame, where the frame tells it.", 0, 64)),
        ("length_type", json!({ "type": "string", "enum": ["u8", "u16"], "description": "How it is told." })),
        ("length_order", words(Order::WORDS, "Which byte of it comes first; big unless given.")),
        ("length_add", integer("Bytes of the frame that the told length leaves out.", 0, 64)),
    ]);
    described(object(&[], named(keys)), "With protocol = \"frame\": how frames are told apart.")
}

pub(super) fn record() -> Value {
    let keys = vec![
        ("name", text("How requests and tests call it.")),
        (
            "pattern",
            text(
                "Line: literal text with fields, \"GB,{left:int},{right:int}\". Types: int, number, hex, bits, byte, text; {name:int:6} has a width, {:text} is unused, {*} is the rest.",
            ),
        ),
        ("length", integer("Frame: how long this one is.", 1, 2_048)),
        ("when", list(&selector(), "Frame: bytes by which it is recognised.")),
        (
            "fields",
            json!({ "type": "object", "additionalProperties": cell(), "description": "Frame: its fields by name." }),
        ),
        ("set", json!({ "type": "object", "description": "Values that points get by its coming at all." })),
        (
            "invalid",
            json!({ "type": "object", "additionalProperties": { "type": "string" }, "description": "Points that have no measurement when it comes, each with the reason." }),
        ),
        ("stale", duration("Its points are stale when it has not come for this long.")),
    ];
    list(&object(&["name"], named(keys)), "What a line or frame can be; the first that fits counts.")
}

fn selector() -> Value {
    let keys = vec![
        ("at", integer("Offset from the first byte.", 0, 2_047)),
        ("mask", integer("Bits that count.", 1, 255)),
        ("equals", integer("What they hold.", 0, 255)),
    ];
    object(&["at", "equals"], named(keys))
}

fn cell() -> Value {
    let keys = vec![
        ("at", integer("Offset of its first byte from the frame's first byte.", 0, 2_047)),
        ("type", words(CellKind::WORDS, "What it holds.")),
        ("length", integer("Bytes of digits or text.", 1, 256)),
        ("order", words(Order::WORDS, "Which byte comes first; big unless given.")),
        ("mask", integer("Bits that belong to it; the value is what they hold, moved down.", 1, i64::MAX)),
        ("add", integer("Added to a whole number.", -1_000_000, 1_000_000)),
    ];
    object(&["at", "type"], named(keys))
}

pub(super) fn request() -> Value {
    let keys = vec![
        ("name", text("How messages call it.")),
        ("poll", words(PollClass::WORDS, "How often it is asked; normal unless given.")),
        (
            "send",
            text(
                "What is sent. Line: text; frame: hexadecimal bytes. {unit}, {unit:02}, {unit+B0} and checksums such as {xor8@1} have their places in it.",
            ),
        ),
        ("answer", texts("The records that answer it; no other does.")),
    ];
    list(&object(&["name", "send", "answer"], named(keys)), "What the device is asked; none where it speaks by itself.")
}

fn condition(reason: bool) -> Value {
    let mut keys = vec![
        ("field", text("The field.")),
        ("bit", integer("True when this bit of it is 1.", 0, 62)),
        ("equals", either("True when it holds this, or one of these.")),
    ];
    if reason {
        keys.push(("reason", text("Why there is no measurement then.")));
    }
    object(if reason { &["field", "reason"] } else { &["field"] }, named(keys))
}

/// Keys of a point that only line and frame devices have.
pub(super) fn point_keys() -> Vec<(&'static str, Value)> {
    vec![
        ("field", texts("The field that it is read from, its own name unless given; several are added up.")),
        ("decimals", text("The field that says how many decimals the number has.")),
        ("negative", described(condition(false), "When a number without a sign is below zero.")),
        ("invalid_when", list(&condition(true), "When the device disowns the value.")),
        (
            "send",
            text("What is sent for a value, {value} in its place: {value}, {value:06}, {value:u16}, {value:u16le}."),
        ),
        ("answer", texts("The records that confirm it.")),
        ("refusal", texts("The records that refuse it.")),
        ("replace", text("What stands for a character that cannot be sent; ? unless given.")),
        ("max", integer("Longest text in bytes; 64 unless given.", 1, 1_024)),
        ("forbid", text("Further characters that no text may hold.")),
    ]
}

/// Keys of a test block that only line and frame devices have.
pub(super) fn test_keys() -> Vec<(&'static str, Value)> {
    let values = json!({ "type": "object", "description": "The values that must come out, by point." });
    vec![
        ("line", text("One line without its end, start included.")),
        ("frame", text("One whole frame in hexadecimal.")),
        ("record", text("The record that it must be; none at all where neither this nor a value is given.")),
        ("values", values),
        ("bad", texts("Points that must come out bad.")),
        ("invalid", texts("Points that must come out invalid.")),
        ("bytes", text("What comes from the wire, ends and disturbances included.")),
        ("records", texts("The records that must be found in it.")),
        (
            "write",
            json!({ "type": ["boolean", "number", "string"], "description": "A value that is written to `point`." }),
        ),
        ("unit", integer("The unit that it is written to; 1 unless given.", 0, 255)),
        ("sends", text("The bytes that must be sent for it.")),
    ]
}
