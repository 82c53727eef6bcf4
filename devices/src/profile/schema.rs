//! The JSON Schema of a profile, for editors (Taplo, VS Code): what may stand where, with help for each key.

use serde_json::{Map, Value, json};

use super::{Access, ByteOrder, DataType, PollClass, Protocol, Table, WordOrder, schema_lines, schema_stream};
use crate::kind::{Closes, Kind};

/// JSON Schema, draft 2020-12.
pub fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Portside device profile",
        "description": "Describes one device model: where each of its points is and what its bytes mean.",
        "type": "object",
        "additionalProperties": false,
        "required": ["kind", "vendor", "model", "protocol", "source"],
        "properties": {
            "kind": words(Kind::WORDS, "What the device is for; also the name of the profile's folder."),
            "vendor": text("Who makes it."),
            "model": text("The maker's name of the model."),
            "protocol": words(Protocol::WORDS, "What it speaks."),
            "source": text("Where the map was read: a manual with its page, a public project, a measurement."),
            "note": text("What a technician must know before trusting it."),
            "closes": words(Closes::WORDS, "How a barrier closes: while the request is renewed, on one pulse, or by itself."),
            "watchdog": duration("With closes = \"held\": the module drops a close that is not renewed for this long; at most 500 ms."),
            "gap": integer("Addresses without a point that one read may span. 0 unless the maker allows more.", 0, 64),
            "base": base(),
            "identify": identify(),
            "line": schema_stream::line(),
            "frame": schema_stream::frame(),
            "record": schema_stream::record(),
            "request": schema_stream::request(),
            "lines": schema_lines::lines(),
            "point": { "type": "array", "minItems": 1, "items": point(), "description": "One entry for each point." },
            "test": { "type": "array", "items": test(), "description": "Raw bits or words and what must come out of them." }
        }
    })
}

pub(super) fn words<T>(words: &[(&str, T)], description: &str) -> Value {
    let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    json!({ "type": "string", "enum": list, "description": description })
}

pub(super) fn text(description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": description })
}

fn number(description: &str) -> Value {
    json!({ "type": "number", "description": description })
}

fn boolean(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

pub(super) fn integer(description: &str, low: i64, high: i64) -> Value {
    json!({ "type": "integer", "minimum": low, "maximum": high, "description": description })
}

fn word(description: &str) -> Value {
    integer(description, 0, 0xFFFF)
}

pub(super) fn duration(description: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9]", "description": description, "examples": ["500 ms", "2 s"] })
}

pub(super) fn integers(description: &str) -> Value {
    json!({ "type": "array", "items": { "type": "integer" }, "description": description })
}

pub(super) fn object(required: &[&str], properties: Map<String, Value>) -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

pub(super) fn named(list: Vec<(&str, Value)>) -> Map<String, Value> {
    list.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn base() -> Value {
    let keys = vec![
        ("table", json!({ "type": "string", "enum": ["holding", "input"], "description": "Which table." })),
        ("address", word("Address of the register that holds the address at which the points begin.")),
    ];
    object(&["table", "address"], named(keys))
}

fn identify() -> Value {
    let keys = vec![
        ("table", json!({ "type": "string", "enum": ["holding", "input"], "description": "Which table." })),
        ("address", word("Address in the request, counted from 0.")),
        ("equals", word("What this model holds there.")),
    ];
    object(&["table", "address", "equals"], named(keys))
}

fn point() -> Value {
    let keys = vec![
        ("name", text("Standard name of the kind, a spare terminal (di1, do1, ai1, ao1, aux_…), or free for kind io.")),
        ("table", words(Table::WORDS, "Which of Modbus's four tables.")),
        ("address", word("Address in the request, counted from 0: reference 40001 is address 0 of table holding.")),
        (
            "type",
            json!({
                "type": "string",
                "enum": DataType::WORDS.iter().map(|(word, _)| *word).chain(["number", "text"]).collect::<Vec<_>>(),
                "description": "Modbus: what the bits or words hold; coils and discrete inputs are always bool. \
                    Line or frame: bool, number (unless given) or text."
            }),
        ),
        ("byte_order", words(ByteOrder::WORDS, "Which byte of a word comes first; big, as Modbus says, unless given.")),
        ("word_order", words(WordOrder::WORDS, "Which word of a longer value comes first; high-first unless given.")),
        ("bit", integer("For a bool in a register (0 to 15) or a field: its bit, 0 being the lowest.", 0, 62)),
        (
            "mask",
            integer(
                "Bits of the register that count: for a bool with equals, or moved down for a number.",
                1,
                i64::MAX,
            ),
        ),
        (
            "equals",
            schema_stream::either("A bool is on when the (masked) register or the field holds this, or one of these."),
        ),
        ("on", schema_stream::either("The word, or what is sent, to switch a bool on.")),
        ("off", schema_stream::either("The same for off; left out where the device ends the command by itself.")),
        (
            "decimals_word",
            integer("The word, counted from the point's first one, that says how many digits are decimals.", 1, 124),
        ),
        ("decimals_mask", integer("Which bits of that word; all unless given.", 1, 0xFFFF)),
        ("inverted", boolean("On when the bit is 0.")),
        ("scale", number("Value = raw × scale + offset.")),
        ("offset", number("Value = raw × scale + offset.")),
        ("unit", text("Unit of the value.")),
        (
            "range",
            json!({
                "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2,
                "description": "Plausible values, [low, high]; others are bad."
            }),
        ),
        ("invalid", integers("Raw codes by which the device says that it has no measurement.")),
        ("allowed", integers("The only values that exist, where the list is closed.")),
        ("deadband", number("A change not larger than this is not reported.")),
        ("poll", words(PollClass::WORDS, "How often it is polled; normal unless given.")),
        ("access", words(Access::WORDS, "Whether it is read, written or both; read unless given.")),
        ("pulse", duration("The output is switched on, and off again after this; 20 ms to 30 s.")),
    ];
    object(&["name"], named(keys.into_iter().chain(schema_stream::point_keys()).collect()))
}

fn test() -> Value {
    let keys = vec![
        ("point", text("Name of a point of this profile.")),
        ("raw", integers("Bits (0 or 1) or words as they arrive, first address first.")),
        ("value", json!({ "type": ["boolean", "number", "string"], "description": "The value that must come out." })),
        (
            "quality",
            json!({ "type": "string", "enum": ["bad", "invalid"], "description": "Instead of a value: what must be wrong." }),
        ),
    ];
    object(&[], named(keys.into_iter().chain(schema_stream::test_keys()).chain(schema_lines::test_keys()).collect()))
}
