//! JSON Schema of the files that people write, for editors and other programs. Only keywords that Taplo and VS Code
//! know are used: type, properties, required, enum, const, oneOf, pattern, items, default, examples, description.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use portside_devices::kind::{Closes, Kind};

use super::file::LaneFile;

/// The schema of the lane file, made from the types that read it.
pub fn config() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<LaneFile>();
    schema.insert("title".to_owned(), "Portside lane file".into());
    schema.to_value()
}

const DURATION: &str = r"^[0-9]+ ?(ms|s|sec|min)( [0-9]+ ?(ms|s|sec|min))*$";

/// The schema of a device profile. Its reader lives in `portside-devices`; the tests below hold the two together.
pub fn profile() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Portside device profile",
        "description": "One model of device: its points, where they lie and what they mean.",
        "type": "object",
        "additionalProperties": false,
        "required": ["kind", "vendor", "model", "protocol", "source", "point"],
        "properties": {
            "kind": words("What the device is for; also the name of the profile's folder.", &kinds()),
            "vendor": text("Who makes it."),
            "model": text("The maker's name of the model."),
            "protocol": words("What it speaks.", &["modbus"]),
            "source": text("Where the map was read: the manual with its page, or what was measured."),
            "note": text("What a technician must know before trusting it."),
            "closes": words("How a barrier closes: while the request is renewed, on one pulse, or by itself.", &closes()),
            "watchdog": duration("Time after which the module drops a held close that is not renewed; at most 500 ms."),
            "gap": integer("How many unwanted addresses one read may bridge.", 0, 64),
            "identify": object("A register that tells the model.", &["table", "address", "equals"], identify()),
            "point": list("One named, typed value of the device.", object("A point.", &["name", "table", "address"], point())),
            "test": list("Raw bits or words, and the value that must come out of them.",
                object("A test.", &["point", "raw"], test())),
        },
    })
}

fn kinds() -> Vec<&'static str> {
    Kind::WORDS.iter().map(|(word, _)| *word).collect()
}

fn closes() -> Vec<&'static str> {
    Closes::WORDS.iter().map(|(word, _)| *word).collect()
}

const TYPES: &[&str] = &["bool", "u8_low", "u8_high", "u16", "i16", "u32", "i32", "f32", "u64", "i64", "f64"];

fn point() -> Value {
    json!({
        "name": text("The standard name of its kind, or a spare one: di1, do1, ai1, ao1, aux_…"),
        "table": words("Which of Modbus's four tables.", &["coil", "discrete", "holding", "input"]),
        "address": integer("Address in the request, from 0: reference 40001 is address 0 of `holding`.", 0, 65_535),
        "type": words("What the registers hold; a coil or discrete input is a bool.", TYPES),
        "byte_order": with_default(words("Which byte of a register comes first.", &["big", "little"]), "big"),
        "word_order": with_default(words("Which register of a longer value comes first.", &["high-first", "low-first"]), "high-first"),
        "bit": integer("The bit of the register that is the bool.", 0, 15),
        "mask": integer("Bits of the register that belong to the point.", 1, i64::MAX),
        "equals": integer("The bool is on when the register, masked, has this value.", 0, 65_535),
        "on": integer("Command word written for on.", 0, 65_535),
        "off": integer("Command word written for off; none if the device clears the command by itself.", 0, 65_535),
        "inverted": with_default(json!({ "type": "boolean", "description": "On means that the bit is 0." }), false),
        "scale": with_default(number("Value = raw × scale + offset."), 1.0),
        "offset": with_default(number("Value = raw × scale + offset."), 0.0),
        "unit": text("Unit of the value."),
        "range": json!({
            "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2,
            "description": "Lowest and highest plausible value; others are bad readings.",
        }),
        "invalid": integers("Raw codes by which the device itself says that there is no measurement."),
        "allowed": integers("The only values that exist; others are bad readings and are never written."),
        "deadband": number("A change not larger than this is not reported."),
        "poll": with_default(words("How often it is read.", &["fast", "normal", "slow"]), "normal"),
        "access": with_default(words("Whether it is read, written or both.", &["read", "write", "read-write"]), "read"),
        "pulse": duration("The output is switched off again after this."),
    })
}

fn identify() -> Value {
    json!({
        "table": words("Where the register is.", &["holding", "input"]),
        "address": integer("Its address.", 0, 65_535),
        "equals": integer("What it holds on this model.", 0, 65_535),
    })
}

fn test() -> Value {
    json!({
        "point": text("The point that is tested."),
        "raw": integers("Its bits or words as they come from the device."),
        "value": json!({ "type": ["boolean", "number"], "description": "The value that must come out." }),
        "quality": words("The quality that must come out instead of a value.", &["bad", "invalid"]),
    })
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": about })
}

fn number(about: &str) -> Value {
    json!({ "type": "number", "description": about })
}

fn words(about: &str, words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words, "description": about })
}

fn integer(about: &str, low: i64, high: i64) -> Value {
    json!({ "type": "integer", "minimum": low, "maximum": high, "description": about })
}

fn integers(about: &str) -> Value {
    json!({ "type": "array", "items": { "type": "integer" }, "description": about })
}

fn duration(about: &str) -> Value {
    json!({ "type": "string", "pattern": DURATION, "examples": ["500 ms"], "description": about })
}

fn list(about: &str, item: Value) -> Value {
    json!({ "type": "array", "items": item, "description": about })
}

fn object(about: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": required, "properties": properties,
        "description": about,
    })
}

fn with_default(schema: Value, default: impl Into<Value>) -> Value {
    let mut map: Map<String, Value> = match schema {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    map.insert("default".to_owned(), default.into());
    Value::Object(map)
}
