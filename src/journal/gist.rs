//! What matters of a record's data, in a few words.

use serde_json::{Value, json};

/// What a person looks for first, in this order.
const FIRST: [&str; 29] = [
    "act",
    "identity",
    "agency",
    "officer",
    "verdict",
    "outcome",
    "reason",
    "reasons",
    "order",
    "contact",
    "state",
    "name",
    "sha256",
    "waiting_for",
    "text",
    "sensor",
    "point",
    "value",
    "by",
    "why",
    "doubt",
    "at",
    "fault",
    "rule",
    "unproved",
    "motion",
    "position",
    "after_ms",
    "for_ms",
];

/// What matters of the data of a record of this kind.
pub(super) fn gist(kind: &str, data: &Value) -> String {
    let told = match kind {
        "inspection.held" => held(data),
        "inspection.snapshot" | "alarm.snapshot" | "device.snapshot" => snapshot(data),
        "inspection.scanned" => data["mm"].as_f64().map(|mm| format!("belt at {:.1} m", mm / 1000.0)),
        "inspection.sent" => sent(data),
        "inspection.doubted" => doubted(data),
        "inspection.temperature.indicated" | "inspection.temperature.confirmed" => temperature(data),
        "telemetry.readings" => readings(data),
        "audit.act" => asked(data),
        "inspection.review.opened" => review(data),
        "inspection.hold_lifted" => deed(data, &[("reason", "reason"), ("still held by", "left")]),
        "inspection.examination.begun" => deed(data, &[("calls", "called")]),
        "inspection.examination.arrived" => deed(data, &[("missing", "missing")]),
        "inspection.examination.opened" => deed(data, &[("present", "present")]),
        "inspection.examination.finding" => deed(data, &[("found", "found"), ("corrects finding", "corrects")]),
        "inspection.examination.closed" => deed(data, &[("found", "found"), ("still at it", "left")]),
        "inspection.disposition" => deed(data, &[("disposition", "disposition"), ("instead of", "instead_of")]),
        "inspection.case.handed_over" => deed(data, &[("found", "found"), ("to", "to"), ("instead of", "instead_of")]),
        "inspection.case.accepted" => deed(data, &[("found", "found"), ("from", "from")]),
        _ => None,
    };
    told.unwrap_or_else(|| by_field(data))
}

/// `customs (judged, placed), ciq (silent)`
fn held(data: &Value) -> Option<String> {
    let each = data["holds"].as_array()?.iter().map(|hold| {
        let reasons: Vec<String> = items(&hold["reasons"]).map(short).collect();
        format!("{} ({})", short(&hold["agency"]), reasons.join(", "))
    });
    let holds: Vec<String> = each.collect();
    (!holds.is_empty()).then(|| format!("by {}", holds.join(", ")))
}

/// `arrival, 2 pictures, missing: rear`
fn snapshot(data: &Value) -> Option<String> {
    let instant = short(data.get("instant")?);
    let pictures = match items(&data["pictures"]).count() {
        1 => "1 picture".to_owned(),
        count => format!("{count} pictures"),
    };
    let missing: Vec<String> = items(&data["missing"]).map(|each| short(&each["camera"])).collect();
    Some(match missing.is_empty() {
        true => format!("{instant}, {pictures}"),
        false => format!("{instant}, {pictures}, missing: {}", missing.join(", ")),
    })
}

/// `to examine: not_released, doubts inserted`
fn sent(data: &Value) -> Option<String> {
    let mut told = format!("to {}", short(data.get("side")?));
    if let Some(why) = data.get("why").filter(|why| !why.is_null()) {
        told += &format!(": {}", short(why));
    }
    let doubts: Vec<String> = items(&data["doubts"]).map(short).collect();
    if !doubts.is_empty() {
        told += &format!(", doubts {}", doubts.join(", "));
    }
    Some(told)
}

/// `inserted, at scan`
fn doubted(data: &Value) -> Option<String> {
    let doubt = short(data.get("doubt")?);
    Some(data.get("at").map_or_else(|| doubt.clone(), |at| format!("{doubt}, at {}", short(at))))
}

/// `36.6 °C, normal, officer 李 (ciq), instrument T-7`; a sealed one tells no value.
fn temperature(data: &Value) -> Option<String> {
    let mut told: Vec<String> =
        data["celsius"].as_f64().map(|celsius| format!("{celsius:.1} °C")).into_iter().collect();
    told.extend(data.get("temperature").map(short));
    told.extend(data.get("sealed").filter(|sealed| !sealed.is_null()).map(|_| "sealed".to_owned()));
    let reasons: Vec<String> = items(&data["reasons"]).map(short).collect();
    told.extend((!reasons.is_empty()).then(|| reasons.join(", ")));
    let named = |key: &str| Some(format!("{key} {}", short(data.get(key).filter(|value| !value.is_null())?)));
    told.extend(["agency", "device", "officer", "instrument"].into_iter().filter_map(named));
    (!told.is_empty()).then(|| told.join(", "))
}

/// `李 (ciq) asks: lift hold`; whether it was done is the next record's to say.
fn asked(data: &Value) -> Option<String> {
    Some(format!("{} asks: {}", who(data)?, short(data.get("act")?).replace('_', " ")))
}

/// `desks customs, ciq (advisory), each for itself`
fn review(data: &Value) -> Option<String> {
    let desk = |desk: &Value| match desk["role"].as_str() {
        Some("advisory") => format!("{} (advisory)", short(&desk["agency"])),
        Some(_) | None => short(&desk["agency"]),
    };
    let desks: Vec<String> = data["desks"].as_array()?.iter().map(desk).collect();
    let blind = if data["blind"] == true { ", sealed until all are in" } else { "" };
    (!desks.is_empty()).then(|| format!("desks {}{blind}", desks.join(", ")))
}

/// What an officer did about a held subject, and who: `李 (ciq), found food, to customs`.
fn deed(data: &Value, fields: &[(&str, &str)]) -> Option<String> {
    let mut told = vec![who(data)?];
    for (word, key) in fields {
        let empty = |value: &&Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let Some(value) = data.get(*key).filter(|value| !empty(value)) else { continue };
        let each: Vec<String> =
            value.as_array().map_or_else(|| vec![short(value)], |list| list.iter().map(short).collect());
        told.push(format!("{word} {}", each.join(", ")));
    }
    Some(told.join(", "))
}

fn who(data: &Value) -> Option<String> {
    let (officer, agency) = (data["officer"].as_str()?, data["agency"].as_str()?);
    Some(short(&json!({ "agency": agency, "name": officer })))
}

/// `temperature 36.6, ready true`
fn readings(data: &Value) -> Option<String> {
    let points = data["points"].as_object()?.iter().map(|(name, at)| format!("{name} {}", short(&at["last"])));
    Some(cut(&points.collect::<Vec<_>>().join(", ")))
}

/// The fields of any other kind, what is looked for first alone; else who is where.
fn by_field(data: &Value) -> String {
    let Value::Object(fields) = data else { return String::new() };
    let known = FIRST.iter().filter_map(|key| {
        let empty = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        let value = fields.get(*key).filter(|value| !empty(value))?;
        Some(format!("{key} {}", short(value)))
    });
    let told: Vec<String> = known.collect();
    match (told.is_empty(), fields.get("sensors")) {
        (false, _) => told.join(", "),
        (true, Some(Value::Object(sensors))) => {
            let present = sensors.iter().filter(|(_, state)| state.as_str() != Some("clear"));
            cut(&present.map(|(name, state)| format!("{name} {}", short(state))).collect::<Vec<_>>().join(", "))
        }
        (true, Some(_) | None) if fields.is_empty() => String::new(),
        (true, Some(_) | None) => short(data),
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// A value in few characters.
fn short(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => match (fields.get("agency"), fields.get("name")) {
            (Some(Value::String(agency)), Some(Value::String(name))) => format!("{name} ({agency})"),
            (Some(_) | None, _) => value.to_string(),
        },
        Value::Array(list) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    };
    cut(&text)
}

/// What an officer typed may hold anything; a story stays on its lines and cannot drive the terminal.
fn cut(text: &str) -> String {
    let text: String = text.chars().map(|each| if each.is_control() { '\u{FFFD}' } else { each }).collect();
    match text.char_indices().nth(72) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decisive_kinds_are_told_in_words() {
        let holds = json!([{ "agency": "customs", "reasons": ["suspicious"] }, { "agency": "ciq", "reasons": ["placed", "silent"] }]);
        let missing = json!([{ "camera": "rear", "why": "lost" }]);
        let alarm = json!({ "sensor": "loop_in", "inspection": "i", "sensors": { "loop_in": "unknown" }, "arm": {} });
        let table = [
            ("inspection.held", json!({ "holds": holds }), "by customs (suspicious), ciq (placed, silent)"),
            (
                "inspection.snapshot",
                json!({ "instant": "arrival", "of": "inspection.opened", "pictures": [{}, {}], "missing": missing }),
                "arrival, 2 pictures, missing: rear",
            ),
            ("alarm.snapshot", json!({ "instant": "alarm", "pictures": [{}], "missing": [] }), "alarm, 1 picture"),
            ("inspection.scanned", json!({ "mm": 12_345 }), "belt at 12.3 m"),
            (
                "inspection.sent",
                json!({ "side": "examine", "why": "held", "doubts": ["inserted"] }),
                "to examine: held, doubts inserted",
            ),
            ("inspection.doubted", json!({ "doubt": "length", "at": "scan" }), "length, at scan"),
            ("alarm.sensor_lost", alarm, "sensor loop_in"),
            ("alarm.contact_lost", json!({ "contact": "closed", "arm": {} }), "contact closed"),
            (
                "inspection.temperature.confirmed",
                json!({ "celsius": 36.62, "temperature": "normal", "reasons": [], "instrument": "T-7",
                    "officer": { "agency": "ciq", "name": "李" } }),
                "36.6 °C, normal, officer 李 (ciq), instrument T-7",
            ),
            ("telemetry.readings", json!({ "points": { "di1": { "last": true } } }), "di1 true"),
            (
                "audit.act",
                json!({ "act": "lift_hold", "agency": "ciq", "officer": "李", "inspection": "i", "uid": null }),
                "李 (ciq) asks: lift hold",
            ),
            (
                "inspection.review.opened",
                json!({ "blind": true, "desks": [{ "agency": "customs", "role": "required" }, { "agency": "ciq", "role": "advisory" }] }),
                "desks customs, ciq (advisory), sealed until all are in",
            ),
            (
                "inspection.examination.begun",
                json!({ "agency": "ciq", "officer": "李", "with": ["customs"], "called": ["ciq", "customs"], "regions": [] }),
                "李 (ciq), calls ciq, customs",
            ),
            (
                "inspection.examination.opened",
                json!({ "agency": "ciq", "officer": "李", "present": [{ "agency": "ciq", "name": "李" }] }),
                "李 (ciq), present 李 (ciq)",
            ),
            (
                "inspection.examination.finding",
                json!({ "agency": "ciq", "officer": "李", "found": "food", "number": 2, "corrects": 1 }),
                "李 (ciq), found food, corrects finding 1",
            ),
            (
                "inspection.disposition",
                json!({ "agency": "ciq", "officer": "李", "disposition": "return", "instead_of": null }),
                "李 (ciq), disposition return",
            ),
            (
                "inspection.case.handed_over",
                json!({ "agency": "ciq", "officer": "李", "to": "customs", "found": "food", "instead_of": null, "holds": false }),
                "李 (ciq), found food, to customs",
            ),
            (
                "inspection.hold_lifted",
                json!({ "agency": "ciq", "officer": "李", "reason": "examined", "lifted": ["placed"], "left": ["customs"] }),
                "李 (ciq), reason examined, still held by customs",
            ),
            ("inspection.entered", json!({ "sensors": { "arm": "present", "exit": "clear" } }), "arm present"),
        ];
        for (kind, data, words) in table {
            assert_eq!(gist(kind, &data), words, "{kind}");
        }
    }

    #[test]
    fn data_of_another_form_is_shown_and_not_lost() {
        assert_eq!(gist("inspection.held", &json!({ "elsewhere": 1 })), "{\"elsewhere\":1}");
        assert_eq!(gist("inspection.opened", &json!({})), "");
    }
}
