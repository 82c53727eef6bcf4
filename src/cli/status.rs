//! `portside status`: one screen about the lane.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::door::{self, DoorArgs};
use crate::control::call::{Call, Reply};

/// `portside status`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  portside status\n  portside status --json | jq .lane.step")]
pub(super) struct StatusArgs {
    #[command(flatten)]
    door: DoorArgs,
}

/// Runs `portside status`.
pub(super) fn run(args: &StatusArgs) -> ExitCode {
    match door::ask(&args.door.socket, &Call::Status) {
        Ok(Reply::Status { status }) if args.door.json => {
            println!("{status}");
            ExitCode::SUCCESS
        }
        Ok(Reply::Status { status }) => {
            print!("{}", screen(&status));
            ExitCode::SUCCESS
        }
        Ok(other) => {
            eprintln!("portside: the daemon answered something else: {other:?}");
            ExitCode::FAILURE
        }
        Err(message) => {
            eprintln!("portside: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The status in lines for a terminal.
pub fn screen(status: &Value) -> String {
    let mut out = String::new();
    let about = &status["about"];
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{} {}/{}   portside {}   {} mode",
        text(&about["name"]),
        text(&about["port"]),
        text(&about["id"]),
        text(&about["version"]),
        text(&about["mode"])
    );
    if status["lane"]["belt"].is_array() {
        belt(&mut out, &status["lane"]);
    } else {
        subject(&mut out, &status["lane"]);
        arm(&mut out, &status["lane"]);
    }
    devices(&mut out, &status["devices"]);
    portals(&mut out, &status["portals"]);
    cameras(&mut out, &status["cameras"]);
    journal(&mut out, &status["journal"], &status["uplink"]);
    faults(&mut out, &status["lane"]);
    out
}

fn subject(out: &mut String, lane: &Value) {
    let inspection = &lane["inspection"];
    let _ = write!(out, "\nlane      {}", text(&lane["step"]).replace('_', " "));
    if inspection.is_null() {
        let _ = writeln!(out, "\nsubject   none");
        return;
    }
    if let Some(left) = inspection["left_ms"].as_u64() {
        let _ = write!(out, ", {} s left", left.div_ceil(1000));
    }
    let _ = writeln!(
        out,
        "\nsubject   {}   inspection {}",
        inspection["identity"].as_str().unwrap_or("not yet identified"),
        text(&inspection["id"])
    );
    for desk in list(&inspection["desks"]) {
        let role = if desk["role"] == "advisory" { " (advisory)" } else { "" };
        let _ = writeln!(out, "desk      {}{role}: {}", text(&desk["agency"]), text(&desk["standing"]));
    }
    if let Some(agency) = inspection["temperature"]["agency"].as_str() {
        let standing = inspection["temperature"]["standing"].as_str().unwrap_or_default();
        let standing = if standing == "confirm" { "a person measures again" } else { standing };
        let _ = writeln!(out, "temp.     {agency}: {standing}");
    }
    if let Some(agency) = inspection["radiation"]["agency"].as_str() {
        let _ = writeln!(out, "radiation {agency}: {}", text(&inspection["radiation"]["standing"]));
    }
    for hold in list(&inspection["holds"]) {
        let reasons: Vec<&str> = list(&hold["reasons"]).filter_map(Value::as_str).collect();
        let _ = writeln!(out, "hold      {}: {}", text(&hold["agency"]), reasons.join(", "));
    }
    examination(out, "", &inspection["examination"]);
    if let Some(pictures) = inspection["pictures"].as_array().filter(|pictures| !pictures.is_empty()) {
        let _ = writeln!(out, "pictures  {}", pictures.len());
    }
}

/// The subjects in the order of the belt, the foremost first, then those at the examination.
fn belt(out: &mut String, lane: &Value) {
    let stopping = if lane["stopping"] == true { ", told to stop" } else { "" };
    let _ = write!(out, "\nbelt      {}{stopping}", text(&lane["motion"]));
    if let Some(side) = lane["diverter"].as_str() {
        let _ = write!(out, ", diverter to {side}");
    }
    if let Some(beam) = lane["beam"].as_str() {
        let _ = write!(out, ", beam {beam}");
    }
    out.push('\n');
    if list(&lane["belt"]).chain(list(&lane["aside"])).next().is_none() {
        let _ = writeln!(out, "subject   none");
    }
    for subject in list(&lane["belt"]) {
        let place = format!("{} + {} mm", text(&subject["at"]), subject["since_mm"]);
        on_belt(out, &place, subject);
    }
    for subject in list(&lane["aside"]) {
        on_belt(out, "examination", subject);
    }
    let sensors: Vec<String> = list(&lane["sensors"])
        .map(|sensor| format!("{} {}", text(&sensor["name"]), text(&sensor["presence"])))
        .collect();
    let _ = writeln!(out, "sensors   {}", sensors.join(" · "));
}

fn on_belt(out: &mut String, place: &str, subject: &Value) {
    let identity = subject["identity"].as_str().unwrap_or("-");
    let _ = write!(out, "subject   {place}: {}", text(&subject["step"]).replace('_', " "));
    if let Some(bound) = subject["bound"].as_str() {
        let _ = write!(out, ", {bound}");
    }
    if let Some(left) = subject["left_ms"].as_u64() {
        let _ = write!(out, ", {} s left", left.div_ceil(1000));
    }
    let _ = writeln!(out, "   {identity}   inspection {}", text(&subject["id"]));
    let desks: Vec<String> =
        list(&subject["desks"]).map(|desk| format!("{} {}", text(&desk["agency"]), text(&desk["standing"]))).collect();
    let _ = writeln!(out, "            {}", desks.join(" · "));
    for hold in list(&subject["holds"]) {
        let reasons: Vec<&str> = list(&hold["reasons"]).filter_map(Value::as_str).collect();
        let _ = writeln!(out, "            hold {}: {}", text(&hold["agency"]), reasons.join(", "));
    }
    examination(out, "            ", &subject["examination"]);
    let doubts: Vec<&str> = list(&subject["doubts"]).filter_map(Value::as_str).map(doubt).collect();
    if !doubts.is_empty() {
        let _ = writeln!(out, "            not certain: {}", doubts.join(", "));
    }
}

/// Why it is not certain which subject this is, for a person; a word that is not known here says itself.
fn doubt(word: &str) -> &str {
    match word {
        "inserted" => "it was first seen behind the entry",
        "ambiguous" => "it or another one could be meant",
        "length" => "one light barrier saw it longer than another",
        "close" => "so near to another that one picture may show both",
        "motion" => "nobody can tell whether the belt ran",
        "reach" => "somebody reached in, or may have",
        "blind" => "a light barrier on its way cannot be read",
        "placed" => "it appeared while the belt stood",
        "stuck" => "it is stuck, or something before it",
        "restart" => "the program was started while it was on the belt",
        other => other,
    }
}

fn examination(out: &mut String, margin: &str, examination: &Value) {
    let Some(stage) = examination["stage"].as_str() else { return };
    let _ = write!(out, "{margin}joint examination {stage}");
    let missing: Vec<&str> = list(&examination["missing"]).filter_map(Value::as_str).collect();
    if !missing.is_empty() {
        let _ = write!(out, ", missing {}", missing.join(", "));
    }
    for party in list(&examination["parties"]) {
        let found = party["found"].as_str().unwrap_or("-").replace('_', " ");
        let _ = write!(out, " · {} found {found}", text(&party["agency"]));
    }
    for handed in list(&examination["handed_over"]).filter(|handed| handed["accepted"] == false) {
        let _ = write!(out, " · {} has to accept from {}", text(&handed["to"]), text(&handed["from"]));
    }
    for done in list(&examination["dispositions"]) {
        let word = text(&done["disposition"]).replace('_', " ");
        let _ = write!(out, " · {}: {word}", text(&done["agency"]));
    }
    out.push('\n');
}

fn arm(out: &mut String, lane: &Value) {
    let arm = &lane["arm"];
    let asked = match &arm["asked"] {
        Value::String(order) => order.replace('_', " "),
        Value::Object(order) => order.keys().next().cloned().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => "nothing since the start".to_owned(),
    };
    let _ = write!(out, "arm       seen {}, asked {asked}", text(&arm["seen"]).replace('_', " "));
    if let Some(waits) = arm["waits_for"].as_str() {
        let _ = write!(out, ", stays open until: {}", waits.replace('_', " "));
    }
    let sensors: Vec<String> = list(&lane["sensors"])
        .map(|sensor| format!("{} {}", text(&sensor["name"]), text(&sensor["presence"])))
        .collect();
    let _ = writeln!(out, "\nsensors   {}", sensors.join(" · "));
}

fn devices(out: &mut String, devices: &Value) {
    for device in list(devices).filter(|device| device["kind"] != "camera") {
        let _ =
            write!(out, "device    {} ({}): {}", text(&device["id"]), text(&device["kind"]), text(&device["state"]));
        if let Some(reason) = device["reason"].as_str() {
            let _ = write!(out, ", {reason}");
        }
        for (point, reason) in device["bad"].as_object().into_iter().flatten() {
            let _ = write!(out, "; {point}: {}", text(reason));
        }
        out.push('\n');
    }
}

fn portals(out: &mut String, portals: &Value) {
    for portal in list(portals) {
        let _ = write!(out, "portal    {}: ", text(&portal["device"]));
        let last = &portal["last"];
        let _ = match last["finding"].as_str() {
            Some(finding) => write!(out, "last passage {finding}, ended {}", text(&last["ended"])),
            None => write!(out, "no passage has ended since the start"),
        };
        if let Some(doubt) = last["doubt"].as_str() {
            let _ = write!(out, ": {doubt}");
        }
        out.push_str(if portal["occupied"] == true { "; occupied\n" } else { "\n" });
    }
}

fn cameras(out: &mut String, cameras: &Value) {
    for camera in list(cameras) {
        let _ = write!(out, "camera    {}: {}", text(&camera["id"]), text(&camera["state"]));
        match (camera["state"].as_str(), camera["age_ms"].as_u64()) {
            (Some("live"), Some(age)) => {
                let _ = write!(out, ", newest frame {age} ms old");
            }
            (Some("stale"), Some(age)) => {
                let _ = write!(out, ", {}, newest frame {age} ms old", text(&camera["why"]).replace('_', " "));
            }
            (_, _) => {
                let _ =
                    camera["reason"].as_str().map(|reason| write!(out, ", {}", reason.replace(char::is_control, " ")));
            }
        }
        if let Some(doubt) = camera["doubt"].as_str() {
            let _ = write!(out, "; its view looks {doubt}");
        }
        if let Some(starts @ 2..) = camera["starts"].as_u64() {
            let _ = write!(out, ", process {starts}");
        }
        out.push('\n');
    }
}

fn journal(out: &mut String, journal: &Value, uplink: &Value) {
    let streams: Vec<String> = journal["newest"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(stream, newest)| match uplink["streams"][stream]["owed"].as_u64() {
            Some(owed) if owed > 0 => format!("{stream} {newest} ({owed} owed)"),
            Some(_) | None => format!("{stream} {newest}"),
        })
        .collect();
    let _ = writeln!(out, "journal   {}", streams.join(" · "));
    if let Some(reason) = journal["fenced"].as_str() {
        let _ = writeln!(out, "journal   FENCED: {reason}");
    }
    if uplink.is_null() {
        let _ = writeln!(out, "uplink    none configured");
        return;
    }
    let _ = write!(out, "uplink    {}", text(&uplink["link"]));
    if let Some(reason) = uplink["reason"].as_str() {
        let _ = write!(out, ": {reason}");
    }
    out.push('\n');
}

fn faults(out: &mut String, lane: &Value) {
    for fault in list(&lane["faults"]) {
        let _ = writeln!(out, "FAULT     {}", text(fault));
    }
    for todo in list(&lane["next"]) {
        let agencies: Vec<&str> = list(&todo["agencies"]).filter_map(Value::as_str).collect();
        let who = if agencies.is_empty() { String::new() } else { format!(" [{}]", agencies.join(", ")) };
        let _ = writeln!(out, "next      {}{who}", text(&todo["text"]));
    }
}

fn text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.replace(char::is_control, " ")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
