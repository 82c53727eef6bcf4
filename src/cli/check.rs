//! `portside check`: every fault of a lane file in one go, or what the lane will do.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;

use crate::clock::Clock;
use crate::config::{self, Checked, Config, Connection, Ink, OnLines, Report, Security, codes};
use crate::lane::DeskRole;
use crate::screens::certificate;

/// Says everything that is wrong with a lane file and its profiles, or what the lane will do.
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  portside check -c lane.toml\n  portside check -c lane.toml --online --expect arm.opened=on\n  \
    portside check --explain E0211\n\nExit status: 0 the daemon can run it (and with --online every device reads well), \
    1 a device does not read well, 2 the lane file is faulty."
)]
pub struct Args {
    /// The lane file
    #[arg(short, long, value_name = "FILE", default_value = "/etc/portside/lane.toml")]
    pub config: PathBuf,
    /// Print the faults for programs, as JSON
    #[arg(long)]
    pub json: bool,
    /// Explain a fault's code instead
    #[arg(long, value_name = "CODE")]
    pub explain: Option<String>,
    /// Touching the devices
    #[command(flatten)]
    pub online: super::online::OnlineArgs,
}

/// What a call prints, and whether all is well.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For standard output.
    pub text: String,
    /// Exit status: 0, 1 or 2.
    pub status: u8,
}

/// Checks, prints and answers with the exit status.
pub fn run(args: &Args) -> ExitCode {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let outcome = outcome(args, if colour { Ink::Colour } else { Ink::Plain });
    // Whoever closed the pipe has seen enough; the status says the rest.
    let _ = std::io::stdout().write_all(outcome.text.as_bytes());
    ExitCode::from(outcome.status)
}

/// What the call prints, without printing it.
pub fn outcome(args: &Args, ink: Ink) -> Outcome {
    if let Some(code) = &args.explain {
        return explain(code);
    }
    let checked = config::load(&args.config);
    match (args.json, checked) {
        (json, Ok(Checked { config, report })) if args.online.online => {
            let (text, status) = super::online::run(&config, &args.online, json);
            Outcome { text: if json { text } else { report.render(ink) + &text }, status }
        }
        (true, checked) => as_json(&checked),
        (false, Ok(Checked { config, report })) => {
            Outcome { text: report.render(ink) + &summary(&config) + &counts(&report), status: 0 }
        }
        (false, Err(report)) => Outcome { text: report.render(ink) + &counts(&report), status: 2 },
    }
}

fn explain(code: &str) -> Outcome {
    match codes::explain(code) {
        Ok(known) if known.title.is_empty() => {
            Outcome { text: format!("{}\n\n{}\n", known.code, wrapped(known.text)), status: 0 }
        }
        Ok(known) => {
            Outcome { text: format!("{}: {}\n\n{}\n", known.code, known.title, wrapped(known.text)), status: 0 }
        }
        Err(near) => {
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let known: Vec<_> = codes::all().map(|known| known.code).collect();
            let text =
                format!("error: there is no code `{}`{near}\n\n{}\n", code.escape_debug(), wrapped(&known.join(" ")));
            Outcome { text, status: 2 }
        }
    }
}

/// The text in lines of at most 100 characters.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 100 {
            lines.push('\n');
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines += word;
        width += length;
    }
    lines
}

fn as_json(checked: &Result<Checked, Report>) -> Outcome {
    let (report, status) = match checked {
        Ok(checked) => (&checked.report, 0),
        Err(report) => (report, 2),
    };
    let mut value = json!({
        "ok": status == 0,
        "errors": report.errors(),
        "warnings": report.warnings(),
        "faults": report.json(),
    });
    if let Ok(Checked { config, .. }) = checked {
        value["lane"] = json!({ "port": config.lane.port.as_str(), "id": config.lane.id.as_str() });
        value["configuration"] = json!(&*config.hash);
        value["reaction_ms"] = json!(config.reaction().map(whole));
        value["links"] = (0..config.links.len()).map(|link| link_json(config, link)).collect();
    }
    Outcome { text: format!("{value:#}\n"), status }
}

fn link_json(config: &Config, link: usize) -> serde_json::Value {
    let figures = config.figures(link);
    json!({
        "name": &*config.links[link].name,
        "medium": config.links[link].medium.to_string(),
        "cycle_ms": whole(figures.cycle),
        "busy": figures.busy,
    })
}

fn whole(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `1 error, 2 warnings`
fn counts(report: &Report) -> String {
    let some = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let text = format!("{}, {}", some(report.errors(), "error"), some(report.warnings(), "warning"));
    let codes = report.sources.iter().flat_map(|source| &source.faults).map(|fault| fault.code);
    match codes.min() {
        Some(code) => format!("{text}. `portside check --explain {code}` says more.\n"),
        None => text + "\n",
    }
}

/// What a detector sends, in a few words.
fn sends(lines: &OnLines) -> String {
    let Some(detector) = &lines.profile.detector else { return "no lines".to_owned() };
    let energies = if detector.energies == 2 { "two energies" } else { "one energy" };
    let views = if detector.views == 1 { String::new() } else { format!(", {} views", detector.views) };
    format!("{} lines a second of {} elements, {energies}{views}", detector.rate, detector.pixels)
}

/// What the lane will do, in a few lines.
fn summary(config: &Config) -> String {
    let lane = &config.lane;
    let mut text =
        format!("lane {}/{} {}: {}, {}\n", lane.port, lane.id, lane.name, lane.traffic.word(), lane.direction.word());
    for device in &config.devices {
        let _ = match &device.connection {
            Connection::Modbus(at) => {
                let link = &config.links[at.link];
                let every = whole(at.interval);
                writeln!(
                    text,
                    "  device {}: {} at {} unit {}, read every {every} ms",
                    device.id, at.profile.name, link.name, at.unit
                )
            }
            Connection::Camera(camera) => {
                let every = whole(camera.every);
                writeln!(text, "  device {}: camera at {}, a frame every {every} ms", device.id, camera.source)
            }
            Connection::Lines(at) => {
                writeln!(text, "  device {}: {} at {}, {}", device.id, at.profile.name, at.medium, sends(at))
            }
            Connection::Folder(dir) => writeln!(text, "  device {}: pictures from {}", device.id, dir.display()),
        };
        if let (Some(at), Connection::Modbus(_)) = (device.lines(), &device.connection) {
            let _ = writeln!(text, "    lines: {} at {}, {}", at.profile.name, at.medium, sends(at));
        }
    }
    for (index, link) in config.links.iter().enumerate() {
        let figures = config.figures(index);
        let (cycle, busy) = (whole(figures.cycle), figures.busy * 100.0);
        let _ = writeln!(text, "  link {}: one cycle takes {cycle} ms, {busy:.0} % busy", link.name);
    }
    if let Some(reaction) = config.reaction() {
        let _ = writeln!(text, "  gate: doubt stops a closing arm within {} ms (at most 150 ms)", whole(reaction));
    }
    if let Some(belt) = config.belt() {
        let how =
            if belt.diverter.is_some() { "led to the examination by the diverter" } else { "stopped with the belt" };
        let _ = writeln!(text, "  belt: what is not released at the decision is {how}");
    }
    text += &judgement(config);
    text += &temperature(config);
    text += &radiation(config);
    text += &screens(config, Clock::start().wall());
    text += &uplink(config);
    text
}

fn judgement(config: &Config) -> String {
    let names = |role: DeskRole| {
        let desks = config.station.desks.iter().filter(|desk| desk.role == role);
        desks.map(|desk| config.agencies[desk.agency].id.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!("  release: needs the verdict of {}", names(DeskRole::Required));
    let advisory = names(DeskRole::Advisory);
    if !advisory.is_empty() {
        let _ = write!(text, "; asks {advisory}");
    }
    let picture = match config.station.xray {
        Some(_) => format!("on a picture within {} s", config.station.picture.as_secs()),
        None => "without a picture".to_owned(),
    };
    let _ = writeln!(text, "; {picture}; hold after {} s of silence", config.review.timeout.as_secs());
    text
}

fn temperature(config: &Config) -> String {
    match (&config.temperature, config.screening()) {
        (None, _) => String::new(),
        (Some(_), None) => "  temperature: not measured of those who leave, except in an emergency\n".to_owned(),
        (Some(_), Some(rules)) => {
            let (device, agency, limit) = (&rules.device, &rules.agency, rules.elevated);
            let without = if rules.required { "holds" } else { "is told" };
            format!(
                "  temperature: {device} indicates, elevated from {limit} °C; {agency} confirms, and {without} where it is not normal\n"
            )
        }
    }
}

fn radiation(config: &Config) -> String {
    let Some(rules) = &config.radiation else { return String::new() };
    let (portal, agency) = (&rules.portal, &rules.agency);
    let without = if rules.required { ", and where no passage was clear" } else { "" };
    format!("  radiation: {agency} holds when {portal} alarms{without}\n")
}

fn screens(config: &Config, wall: jiff::Timestamp) -> String {
    let Some(screens) = &config.screens else { return "  screens: none, verdicts come from the shell\n".to_owned() };
    let found = match &screens.identity {
        Some(identity) => certificate::load(identity).map(Some),
        None => certificate::own(&config.store.dir),
    };
    let which = match found {
        Ok(Some(found)) => {
            let whose = if found.origin == certificate::Origin::Site { "the site's" } else { "a self-made" };
            let left = found.ends.duration_since(wall).as_hours() / 24;
            let ends = found.ends.to_zoned(config.lane.time_zone.clone()).date();
            let when = if left < 0 { format!("ENDED on {ends}") } else { format!("ends on {ends}, in {left} days") };
            format!("{whose} certificate that {when}; its SHA-256 is\n    {}", found.fingerprint)
        }
        Ok(None) => "a certificate that the daemon makes at its first start".to_owned(),
        Err(error) => format!("no certificate yet ({error})"),
    };
    format!("  screens: https at {}, {which}\n", screens.listen)
}

fn uplink(config: &Config) -> String {
    match &config.uplink {
        None => "  centre: none, the lane works alone\n".to_owned(),
        Some(uplink) => {
            let how = match uplink.security {
                Security::Plain => "not protected",
                Security::Tls { identity: None, .. } => "TLS",
                Security::Tls { identity: Some(_), .. } => "TLS with the lane's certificate",
            };
            format!("  centre: {}:{}, {how}, receipts {}\n", uplink.host, uplink.port, uplink.receipts.word())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wrapped_between_words_and_loses_none() {
        let text = "word ".repeat(60);
        let lines = wrapped(&text);
        assert!(lines.lines().all(|line| line.chars().count() <= 100 && !line.ends_with(' ')));
        assert_eq!(lines.split_whitespace().count(), 60);
    }

    #[test]
    fn an_unknown_code_is_answered_with_the_nearest_and_status_2() {
        let answer = explain("EO211");
        assert_eq!(answer.status, 2);
        assert!(answer.text.contains("did you mean E0211?"), "{}", answer.text);
        assert_eq!(explain("e0211").status, 0);
    }
}
