//! JSON Schema of the files that people write, for editors and other programs. Only keywords that Taplo and VS Code
//! know are used: type, properties, required, enum, const, oneOf, pattern, items, default, examples, description.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::LaneFile;

/// The schema of the lane file, made from the types that read it.
pub fn config() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<LaneFile>();
    schema.insert("title".to_owned(), "Portside lane file".into());
    schema.to_value()
}

/// The schema of a device profile, made from the words that its reader knows.
pub fn profile() -> Value {
    portside_devices::profile::schema()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Taplo's validator and VS Code's understand, as far as it is used here.
    const KNOWN: &[&str] = &[
        "$defs",
        "$ref",
        "$schema",
        "additionalProperties",
        "const",
        "default",
        "description",
        "enum",
        "examples",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "not",
        "oneOf",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
    ];

    fn keywords(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(map) => {
                for (key, value) in map {
                    found.push(key.clone());
                    match key.as_str() {
                        "properties" | "$defs" => {
                            value.as_object().unwrap().values().for_each(|value| keywords(value, found));
                        }
                        "default" | "examples" | "const" | "enum" => {}
                        _ => keywords(value, found),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| keywords(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn editors_know_every_keyword_and_every_key_has_its_help() {
        for schema in [config(), profile()] {
            let mut found = Vec::new();
            keywords(&schema, &mut found);
            found.retain(|keyword| !KNOWN.contains(&keyword.as_str()));
            assert!(found.is_empty(), "{found:?}");
        }
        let config = config();
        let tables = config["$defs"].as_object().unwrap().values().chain([&config]);
        for (key, schema) in tables.flat_map(|table| table["properties"].as_object().unwrap()) {
            assert!(schema["description"].as_str().is_some_and(|text| text.len() > 8), "{key}");
        }
    }

    #[test]
    fn the_range_and_the_default_of_a_duration_are_shown() {
        let config = config();
        let timeout = &config["$defs"]["ReviewTable"]["properties"]["timeout"];
        assert_eq!(timeout["default"], "90 s");
        assert!(timeout["description"].as_str().unwrap().ends_with("(5 s to 1 h)"), "{timeout}");
    }
}
