//! The causes that one device's answers speak for, the one that explains the most first.

use portside_devices::simulate::{ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, Response};

use super::value::{causes as value_causes, shown};
use super::{Cause, Read, Sight};
use crate::field::medium::Medium;
use crate::field::touch::{Answer, NoWay, Outcome, setting};

/// Exception codes by which a gateway speaks of a device behind it.
const GATEWAY: [u8; 2] = [10, 11];
/// Exception codes that speak of the request: function, address, value. No other says anything about the profile.
const OF_REQUEST: [u8; 3] = [ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, 3];

/// What is wrong with the device; empty where it reads well.
pub fn causes(sight: &Sight) -> Vec<Cause> {
    if let Err(no_way) = &sight.way {
        return vec![way(sight, no_way)];
    }
    if let Some(cause) = line(sight) {
        return vec![cause];
    }
    let mut found = Vec::new();
    if sight.reads.iter().any(|read| matches!(read.answer.outcome, Outcome::Twice(..))) {
        found.push(Cause::TwoAnswer(sight.unit));
    }
    found.extend(identity(sight));
    if found.iter().any(|cause| matches!(cause, Cause::WrongModel { .. })) {
        // What another model has at these addresses says nothing.
        return found;
    }
    let mut shifted = false;
    for (place, read) in sight.reads.iter().enumerate() {
        let cause = refused(sight, place, read).or_else(|| broken(sight, read));
        // What is one fault in the map is told once, not for every read.
        shifted |= matches!(cause, Some(Cause::Shifted { .. }));
        found.extend(cause.filter(|cause| !told(&found, cause)));
    }
    if !shifted {
        for place in 0..sight.reads.len() {
            found.extend(values(sight, place));
        }
    }
    found
}

/// What is wrong with the values of one read: each for itself, or all of them together at another address.
fn values(sight: &Sight, place: usize) -> Vec<Cause> {
    let read = &sight.reads[place];
    let judge = |answer: &Answer| -> Vec<Cause> {
        let values = shown(&sight.profile, &read.block, answer);
        values.iter().flat_map(|value| value_causes(&sight.profile.points[value.index], value)).collect()
    };
    let found = judge(&read.answer);
    let unexplained =
        found.iter().any(|cause| matches!(cause, Cause::Implausible { .. } | Cause::NoMeasurement { .. }));
    let of_this = sight.more.shifts.iter().filter(|(of, ..)| *of == place && unexplained);
    let mut explain = of_this.filter(|(.., answer)| {
        answer.is_data() && judge(answer).is_empty() && !shown(&sight.profile, &read.block, answer).is_empty()
    });
    match explain.next() {
        Some((_, by, _)) => vec![Cause::Shifted { table: read.block.table, start: read.block.start, by: *by }],
        None => found,
    }
}

fn told(found: &[Cause], cause: &Cause) -> bool {
    let by = |cause: &Cause| if let Cause::Shifted { by, .. } = cause { Some(*by) } else { None };
    found.contains(cause) || by(cause).is_some_and(|shift| found.iter().any(|other| by(other) == Some(shift)))
}

fn way(sight: &Sight, no_way: &NoWay) -> Cause {
    self::no_way(&sight.medium, no_way, sight.more.holder.clone())
}

/// The cause that a way is shut for; `holder` is who has the serial port, if that is known.
pub fn no_way(medium: &Medium, no_way: &NoWay, holder: Option<String>) -> Cause {
    let place = medium.to_string();
    match no_way {
        NoWay::NoName(words) => Cause::NoName(words.clone()),
        NoWay::Refused => Cause::PortClosed(place),
        NoWay::Silent(_) => Cause::HostSilent(place),
        NoWay::NoRoute(words) => Cause::NoRoute(place, words.clone()),
        NoWay::NoPort => Cause::NoPort(place),
        NoWay::Held => Cause::PortHeld(place, holder),
        NoWay::Denied => Cause::Denied(place),
        NoWay::Other(words) => Cause::NoWay(words.clone()),
    }
}

/// What keeps every answer away, if the device did not answer a single read.
fn line(sight: &Sight) -> Option<Cause> {
    let answered = |read: &Read| read.answer.is_answer() && gateway(&read.answer).is_none();
    if sight.reads.is_empty() || sight.reads.iter().any(answered) {
        return None;
    }
    let more = &sight.more;
    if more.serial_frames {
        return Some(Cause::SerialFrames);
    }
    if let Some(answers) = &more.setting {
        return Some(Cause::OtherSetting {
            configured: port_setting(sight).unwrap_or_default(),
            answers: answers.clone(),
        });
    }
    if let Some(took) = more.late {
        return Some(Cause::Late { allowed_ms: sight.timeout.as_millis(), took_ms: took.as_millis() });
    }
    let outcomes = || sight.reads.iter().map(|read| &read.answer);
    let stranger = |answer: &Answer| if let Outcome::OtherUnit(unit) = answer.outcome { Some(unit) } else { None };
    if let Some(came) = outcomes().find_map(stranger) {
        return Some(Cause::AnswersAs { asked: sight.unit, came });
    }
    if outcomes().any(|answer| answer.outcome == Outcome::BadCheck) {
        return Some(Cause::BadCheck(sight.unit));
    }
    if let Some(answer) = outcomes().find(|answer| matches!(answer.outcome, Outcome::Foreign)) {
        return Some(foreign(sight, answer));
    }
    let cut = |answer: &Answer| if let Outcome::Cut(words) = &answer.outcome { Some(words.clone()) } else { None };
    if let Some(words) = outcomes().find_map(cut) {
        return Some(Cause::CutOff(words));
    }
    // A read that was given up, or a gateway's word, says nothing about what lives behind.
    let odd = sight.reads.iter().filter(|read| read.answer.outcome != Outcome::Silence && !read.answer.is_answer());
    Some(odd.filter_map(|read| broken(sight, read)).next().unwrap_or_else(|| silent(sight)))
}

/// Nobody, or a gateway alone, answers.
fn silent(sight: &Sight) -> Cause {
    let (alive, strangers): (Vec<_>, Vec<_>) = sight.more.units.iter().partition(|(_, device)| device.is_some());
    let name = |(unit, device): &(u8, Option<_>)| match device {
        Some(device) => format!("`{device}` (unit {unit})"),
        None => format!("unit {unit}"),
    };
    let gateway = sight.reads.iter().any(|read| gateway(&read.answer).is_some());
    match (strangers.is_empty(), alive.is_empty()) {
        (false, _) => Cause::OtherUnits { unit: sight.unit, answer: strangers.into_iter().map(name).collect() },
        (true, false) => Cause::DeadUnit { unit: sight.unit, alive: alive.into_iter().map(name).collect() },
        (true, true) if gateway => Cause::BehindGateway(sight.unit),
        (true, true) => Cause::DeadBus { unit: sight.unit, setting: port_setting(sight) },
    }
}

fn port_setting(sight: &Sight) -> Option<String> {
    match &sight.medium {
        Medium::Serial(serial) => Some(setting(serial)),
        Medium::Tcp { .. } | Medium::RtuOverTcp { .. } => None,
    }
}

fn gateway(answer: &Answer) -> Option<u8> {
    exception(answer).filter(|code| GATEWAY.contains(code))
}

fn exception(answer: &Answer) -> Option<u8> {
    let (Outcome::Answer(Response::Exception(code)) | Outcome::Twice(Response::Exception(code), _)) = answer.outcome
    else {
        return None;
    };
    Some(code)
}

/// Whether the device says that it has nothing there: reason to look elsewhere.
pub fn denies(answer: &Answer) -> bool {
    exception(answer).is_some_and(|code| OF_REQUEST.contains(&code))
}

/// An exception that says nothing about function, table or address.
const fn excepted(code: u8) -> Cause {
    match code {
        5 | 6 => Cause::Busy(code),
        4 | 8 => Cause::Failed(code),
        _ => Cause::Excepted(code),
    }
}

/// Bytes that are no Modbus: what they look like.
fn foreign(sight: &Sight, answer: &Answer) -> Cause {
    if let Medium::Serial(_) = sight.medium {
        return Cause::Noise { bytes: answer.bytes.len(), setting: port_setting(sight) };
    }
    let text = String::from_utf8_lossy(&answer.bytes);
    let first: String = text.lines().next().unwrap_or_default().chars().take(40).collect();
    Cause::NotModbus(if text.starts_with("HTTP/") || text.contains("<html") {
        "a web server".to_owned()
    } else if text.starts_with("SSH-") {
        format!("an SSH server ({})", first.trim_end())
    } else if text.starts_with("RTSP/") {
        "a camera (RTSP)".to_owned()
    } else if text.starts_with("220") {
        format!("a mail or FTP server ({})", first.trim_end())
    } else if !first.is_empty() && first.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        format!("it says `{first}`")
    } else {
        format!("{} bytes that are none", answer.bytes.len())
    })
}

fn identity(sight: &Sight) -> Option<Cause> {
    let (identify, answer) = (sight.profile.identify.as_ref()?, sight.identity.as_ref()?);
    match answer.words() {
        Some([found]) if *found == identify.equals => None,
        Some([found]) => {
            let known = sight.more.models.iter().map(|name| format!("`{name}`")).collect();
            Some(Cause::WrongModel { expected: identify.equals, found: *found, known })
        }
        Some(_) | None if denies(answer) => {
            Some(Cause::NoIdentity { table: identify.table, address: identify.address })
        }
        Some(_) | None => exception(answer).map(excepted),
    }
}

/// A read that the device refuses.
fn refused(sight: &Sight, place: usize, read: &Read) -> Option<Cause> {
    let (code, block) = (exception(&read.answer)?, &read.block);
    if !denies(&read.answer) {
        return Some(excepted(code));
    }
    if let Some((_, table)) = sight.more.tables.iter().find(|(of, _)| *of == place) {
        return Some(Cause::OtherTable { configured: block.table, answers: *table, start: block.start });
    }
    if let Some((_, by, _)) = sight.more.shifts.iter().find(|(of, ..)| *of == place) {
        return Some(Cause::Shifted { table: block.table, start: block.start, by: *by });
    }
    let words = match code {
        ILLEGAL_FUNCTION => "the device answers \"illegal function\"".to_owned(),
        ILLEGAL_ADDRESS => "the device answers \"illegal address\"".to_owned(),
        code => format!("the device answers exception {code}"),
    };
    Some(Cause::NoAddress { table: block.table, start: block.start, count: block.count, words })
}

/// A read whose answer cannot be used although others of the device can.
fn broken(sight: &Sight, read: &Read) -> Option<Cause> {
    match &read.answer.outcome {
        Outcome::Answer(_) | Outcome::Twice(..) => None,
        Outcome::OtherUnit(came) => Some(Cause::AnswersAs { asked: sight.unit, came: *came }),
        Outcome::BadCheck => Some(Cause::BadCheck(sight.unit)),
        Outcome::Misfit(words) => Some(Cause::Broken(words.clone())),
        Outcome::OtherRequest => Some(Cause::Broken("it belongs to another request".to_owned())),
        Outcome::Part => Some(Cause::Broken(format!("it breaks off after {} bytes", read.answer.bytes.len()))),
        Outcome::Foreign => Some(foreign(sight, &read.answer)),
        Outcome::Silence => {
            let (block, within_ms) = (&read.block, sight.timeout.as_millis());
            Some(Cause::NoAnswer { table: block.table, start: block.start, count: block.count, within_ms })
        }
        Outcome::Cut(words) => Some(Cause::CutOff(words.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use portside_devices::plan::plan;
    use portside_devices::profile::{Profile, Table};

    use super::super::More;
    use super::*;

    fn answer(outcome: Outcome) -> Answer {
        Answer { outcome, bytes: Vec::new(), took: Duration::from_millis(3) }
    }

    /// A thermometer of two registers whose reads all came out as `outcome`.
    fn sight(outcome: &Outcome, more: More) -> Sight {
        let text = "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n\
            [[point]]\nname = \"a\"\ntable = \"input\"\naddress = 4\ntype = \"u16\"\nrange = [0, 100]\n\
            [identify]\ntable = \"holding\"\naddress = 9\nequals = 7\n";
        let profile = Arc::new(Profile::parse("io/test", text).unwrap());
        let reads = plan(&profile).into_iter().map(|block| Read { block, answer: answer(outcome.clone()) }).collect();
        let medium = Medium::tcp("10.0.0.20", 502);
        let timeout = Duration::from_millis(250);
        Sight { medium, unit: 3, profile, timeout, way: Ok(()), identity: None, reads, more }
    }

    fn code(outcome: Outcome, more: More) -> Vec<&'static str> {
        causes(&sight(&outcome, more)).iter().map(Cause::code).collect()
    }

    fn words(words: &[u16]) -> Outcome {
        Outcome::Answer(Response::Words(words.to_vec()))
    }

    #[test]
    fn a_device_that_reads_well_has_no_cause() {
        assert_eq!(causes(&sight(&words(&[20]), More::default())), []);
    }

    #[test]
    fn silence_is_told_apart_by_who_else_answers() {
        let units = |units| More { units, ..More::default() };
        assert_eq!(code(Outcome::Silence, More::default()), ["dead_bus"]);
        assert_eq!(code(Outcome::Silence, units(vec![(5, None)])), ["other_unit"]);
        assert_eq!(code(Outcome::Silence, units(vec![(5, Some("io".into()))])), ["dead_unit"]);
        assert_eq!(code(Outcome::Answer(Response::Exception(11)), More::default()), ["behind_gateway"]);
        assert_eq!(code(Outcome::Silence, More { serial_frames: true, ..More::default() }), ["serial_frames"]);
        let late = More { late: Some(Duration::from_millis(400)), ..More::default() };
        assert_eq!(code(Outcome::Silence, late), ["late"]);
        let setting = More { setting: Some("19200 Bd 8E1".into()), ..More::default() };
        assert_eq!(code(Outcome::Silence, setting), ["other_setting"]);
    }

    #[test]
    fn a_refused_read_is_told_apart_by_where_it_is_answered() {
        let illegal = || Outcome::Answer(Response::Exception(ILLEGAL_ADDRESS));
        assert_eq!(code(illegal(), More::default()), ["no_address"]);
        let tables = More { tables: vec![(0, Table::Holding)], ..More::default() };
        assert_eq!(code(illegal(), tables), ["other_table"]);
        let shifts = More { shifts: vec![(0, -1, answer(words(&[20])))], ..More::default() };
        assert_eq!(code(illegal(), shifts), ["shifted"]);
    }

    #[test]
    fn an_exception_that_speaks_of_no_address_accuses_no_profile() {
        // Whatever was answered elsewhere: a device that is busy here may be free there a moment later.
        let more = || More { tables: vec![(0, Table::Holding)], ..More::default() };
        let by_code =
            [(4, "device_failed"), (5, "device_busy"), (6, "device_busy"), (8, "device_failed"), (9, "exception")];
        for (exception, expected) in by_code {
            let refused = Outcome::Answer(Response::Exception(exception));
            let mut sight = sight(&refused, more());
            sight.identity = Some(answer(refused));
            let found = causes(&sight);
            assert_eq!(found.iter().map(Cause::code).collect::<Vec<_>>(), [expected], "exception {exception}");
            let said = found[0].to_string();
            assert!(!said.contains("wrong model") && !said.contains("wrong table"), "{said}");
        }
        assert_eq!(code(Outcome::Answer(Response::Exception(3)), More::default()), ["no_address"]);
    }

    #[test]
    fn silence_behind_a_connection_speaks_of_no_baud_rate_and_on_a_wire_it_does() {
        let said = causes(&sight(&Outcome::Silence, More::default()))[0].to_string();
        assert!(said.contains("firewall") && !said.contains("baud") && !said.contains("swapped"), "{said}");
        let wire = Cause::DeadBus { unit: 3, setting: Some("9600 Bd 8N1".into()) }.to_string();
        assert!(wire.contains("at 9600 Bd 8N1") && wire.contains("A and B swapped"), "{wire}");
    }

    #[test]
    fn one_read_without_an_answer_says_so_and_which() {
        let mut sight = sight(&words(&[20]), More::default());
        let mut silent = sight.reads[0].clone();
        (silent.block.start, silent.answer) = (40, answer(Outcome::Silence));
        sight.reads.push(silent);
        let found = causes(&sight);
        assert_eq!(found.iter().map(Cause::code).collect::<Vec<_>>(), ["no_answer"]);
        assert!(found[0].to_string().starts_with("no answer to the read of input 40 to 40 within 250 ms"), "{found:?}");
    }

    #[test]
    fn another_model_says_which_and_silences_what_its_values_would_say() {
        let mut sight = sight(&words(&[9_000]), More { models: vec!["io/other".into()], ..More::default() });
        sight.identity = Some(answer(words(&[8])));
        let found = causes(&sight);
        assert!(
            matches!(&found[..], [Cause::WrongModel { found: 8, known, .. }] if known == &["`io/other`"]),
            "{found:?}"
        );
    }

    #[test]
    fn what_is_no_modbus_is_named_by_what_it_says() {
        let mut sight = sight(&Outcome::Foreign, More::default());
        sight.reads[0].answer.bytes = b"SSH-2.0-OpenSSH_9.2\r\n".to_vec();
        assert!(causes(&sight)[0].to_string().contains("an SSH server (SSH-2.0-OpenSSH_9.2)"));
        sight.medium = Medium::tcp("10.0.0.20", 80);
        sight.reads[0].answer.bytes = b"HTTP/1.1 400 Bad Request\r\n".to_vec();
        assert!(causes(&sight)[0].to_string().contains("a web server"));
    }

    #[test]
    fn a_second_answer_and_another_units_number_are_told() {
        assert_eq!(code(Outcome::Twice(Response::Words(vec![20]), 7), More::default()), ["two_answer"]);
        assert_eq!(code(Outcome::OtherUnit(1), More::default()), ["answers_as"]);
        assert_eq!(code(Outcome::BadCheck, More::default()), ["bad_check"]);
        assert_eq!(code(Outcome::Part, More::default()), ["broken_answer"]);
    }
}
