//! Judges a profile that could be read: against its kind, against itself, and against its own test blocks.

use super::reader::{Section, did_you_mean, fault};
use super::{DataType, Place, Point, Profile, Protocol, Register, Table, check_stream, code};
use crate::codec;
use crate::fault::{Aside, Fault};
use crate::kind::{self, Closes, Direction, Kind, Need, Shape, StandardPoint};

/// Keys of one point that cannot stand together.
pub(super) fn keys(section: &mut Section<'_, '_, '_>, table: Table, data: DataType) {
    let (boolean, bit, equals, on) =
        (data == DataType::Bool, section.has("bit"), section.has("equals"), section.has("on"));
    let (bits, decimals) = (table.is_bits(), section.has("decimals_word"));
    let mut clash = |key: &str, when: bool, why: &str| {
        if when && section.has(key) {
            let (span, message) = (section.key_span(key), format!("`{key}` makes no sense in {}", section.what));
            section.report(code::CONTRADICTION, span, message, why);
        }
    };
    clash("type", bits && !boolean, "a coil or discrete input is always a bool");
    for key in ["bit", "mask", "equals", "on", "off", "byte_order", "word_order", "invalid"] {
        clash(key, bits, "a coil or discrete input is a single bit");
    }
    for key in ["scale", "offset", "unit", "range", "deadband", "allowed"] {
        clash(key, boolean, "a bool is not a number");
    }
    for key in ["bit", "equals", "on", "off", "inverted", "pulse"] {
        clash(key, !boolean, "only a bool can have it");
    }
    clash("mask", !boolean && !data.is_unsigned(), "bits can only be picked out of an unsigned type");
    clash("mask", boolean && !equals, "the mask of a bool belongs to `equals`");
    clash("equals", bit, "`bit` says already where the bool is");
    clash("off", !on, "`off` needs `on`");
    for key in ["decimals_word", "decimals_mask"] {
        clash(key, boolean || matches!(data, DataType::F32 | DataType::F64), "only a whole number can have it");
    }
    clash("decimals_mask", !decimals, "`decimals_mask` needs `decimals_word`");
}

/// A whole profile against its kind and against itself.
pub(super) fn profile(profile: &Profile, faults: &mut Vec<Fault>) {
    names(profile, faults);
    if profile.protocol == Protocol::XrayLines {
        return detector(profile, faults);
    }
    standard_points(profile, faults);
    closing(profile, faults);
    for point in &profile.points {
        match &point.place {
            Place::Register(register) => access(point, register, faults),
            Place::Signal(_) => {}
        }
    }
    overlaps(profile, faults);
    if let Some(stream) = &profile.stream {
        check_stream::stream(profile, stream, faults);
    }
}

/// What sends lines is an X-ray machine, and has nothing else to say.
fn detector(profile: &Profile, faults: &mut Vec<Fault>) {
    if profile.kind != Kind::Xray {
        let message = format!("a {} sends no X-ray lines", profile.kind.word());
        faults.push(fault(code::CONTRADICTION, 0..1, message, "expected `kind = \"xray\"`"));
    }
}

fn names(profile: &Profile, faults: &mut Vec<Fault>) {
    if !profile.kind.has_profiles() {
        let message = format!("a {} has no profile", profile.kind.word());
        faults.push(fault(code::UNKNOWN_POINT, 0..1, message, "its address in the lane file says all"));
    }
    for (index, point) in profile.points.iter().enumerate() {
        if let Some(first) = profile.points[..index].iter().find(|other| other.name == point.name) {
            let message = format!("two points are called `{}`", point.name);
            let mut wrong = fault(code::TWICE, point.span.clone(), message, "the second");
            wrong.asides.push(Aside { span: first.span.clone(), label: "the first".to_owned() });
            faults.push(wrong);
        }
        if kind::is_expose(&point.name) {
            let message = format!("point `{}` would start a beam", point.name);
            let mut wrong = fault(code::EXPOSE, point.span.clone(), message, "no kind has such a point");
            wrong.help = Some("leave it out: the machine's own controls start its beam".to_owned());
            faults.push(wrong);
        } else if point.writable() {
            outputs(profile.kind, point, faults);
        }
    }
}

/// Outputs that a kind may not have at all: whatever it is called, a terminal that is not there runs no belt.
fn outputs(kind: Kind, point: &Point, faults: &mut Vec<Fault>) {
    let Some(only) = kind.only_outputs() else { return };
    // A standard input that was made writable is told so by its shape.
    let input = |wanted: &&StandardPoint| wanted.name == &*point.name && wanted.direction == Direction::Input;
    if only.contains(&&*point.name) || kind.standard_points().iter().any(|wanted| input(&wanted)) {
        return;
    }
    let message = format!("output `{}` of a {} is not this program's to switch", point.name, kind.word());
    let label = match only {
        [] => "no output of this kind is".to_owned(),
        some => format!(
            "only {} may be writable",
            some.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
        ),
    };
    let mut wrong = fault(code::PERSONS_ACT, point.span.clone(), message, label);
    wrong.help = Some("leave it out: a person at the device does that".to_owned());
    faults.push(wrong);
}

fn standard_points(profile: &Profile, faults: &mut Vec<Fault>) {
    let standard = profile.kind.standard_points();
    for wanted in standard {
        presence(profile, wanted, faults);
    }
    if standard.is_empty() {
        return;
    }
    for point in &profile.points {
        match standard.iter().find(|wanted| wanted.name == &*point.name) {
            Some(wanted) => shape(point, wanted, faults),
            None if kind::is_spare(&point.name) || kind::is_expose(&point.name) => {}
            // A run or start output has been refused by its name already.
            None if point.writable() && profile.kind.only_outputs().is_some() => {}
            None => {
                let message = format!("a {} has no point `{}`", profile.kind.word(), point.name);
                let label = "neither a standard point nor a spare terminal (di1, do1, ai1, ao1, aux_…)";
                let mut wrong = fault(code::UNKNOWN_POINT, point.span.clone(), message, label);
                wrong.help = did_you_mean(&point.name, standard.iter().map(|wanted| wanted.name));
                faults.push(wrong);
            }
        }
    }
}

fn presence(profile: &Profile, wanted: &StandardPoint, faults: &mut Vec<Fault>) {
    let among = |ways: &[Closes]| profile.closes.is_some_and(|closes| ways.contains(&closes));
    let (required, forbidden) = match wanted.need {
        Need::Required => (true, false),
        Need::Optional => (false, false),
        Need::RequiredUnless(other) => (profile.point(other).is_none(), false),
        Need::RequiredFor(ways) => (among(ways), profile.closes.is_some() && !among(ways)),
        Need::OptionalFor(ways) => (false, profile.closes.is_some() && !among(ways)),
    };
    match profile.point(wanted.name) {
        None if required => {
            let message = format!("point `{}` ({}) is missing", wanted.name, wanted.meaning);
            let label = format!("every {} needs it", profile.kind.word());
            let mut wrong = fault(code::MISSING_POINT, 0..1, message, label);
            wrong.help = Some(format!("add a [[point]] with name = \"{}\"", wanted.name));
            faults.push(wrong);
        }
        Some(point) if forbidden => {
            let closes = profile.closes.map_or("", Closes::word);
            let message = format!("point `{}` does not go with `closes = \"{closes}\"`", wanted.name);
            faults.push(fault(code::WRONG_POINT, point.span.clone(), message, "must not be there"));
        }
        Some(_) | None => {}
    }
}

fn shape(point: &Point, wanted: &StandardPoint, faults: &mut Vec<Fault>) {
    let mut wrong = |label: &str| {
        let message = format!("standard point `{}` ({}) is described wrongly", wanted.name, wanted.meaning);
        faults.push(fault(code::WRONG_POINT, point.span.clone(), message, label));
    };
    match wanted.direction {
        Direction::Input if !point.readable() => wrong("it must be readable"),
        Direction::Input if point.writable() => wrong("it is an input: `access` must be \"read\""),
        Direction::Output if !point.writable() => wrong("it must be writable: `access = \"write\"` or \"read-write\""),
        Direction::Input | Direction::Output => {}
    }
    match (wanted.shape, point.shape()) {
        (Shape::Bool, Shape::Number | Shape::Text) => wrong("it must be a bool"),
        (Shape::Number, Shape::Bool | Shape::Text) => wrong("it must be a number"),
        (Shape::Text, Shape::Bool | Shape::Number) => wrong("it must be a text"),
        (Shape::Bool, Shape::Bool) | (Shape::Number, Shape::Number) | (Shape::Text, Shape::Text) => {}
    }
    if let Some(unit) = wanted.unit.filter(|unit| point.unit.as_deref() != Some(*unit)) {
        wrong(&format!("its unit must be \"{unit}\": convert with `scale` and `offset`"));
    }
}

fn closing(profile: &Profile, faults: &mut Vec<Fault>) {
    let mut wrong = |code, span, message: &str, label: &str| faults.push(fault(code, span, message.to_owned(), label));
    match (profile.kind == Kind::Barrier, profile.closes) {
        (true, None) => {
            wrong(
                code::CLOSES,
                0..1,
                "the barrier does not say how it closes",
                "add `closes`: `held`, `pulse` or `own`",
            );
        }
        (false, Some(_)) => {
            wrong(code::CLOSES, 0..1, "only a barrier closes", "`closes` must not be there");
        }
        (true, Some(Closes::Held)) if profile.watchdog.is_none() => {
            let message = "a held close without a watchdog outlives this program";
            wrong(code::UNBOUNDED, 0..1, message, "add `watchdog`, at most \"500 ms\", as set in the module");
        }
        (true, Some(_)) | (false, None) => {}
    }
    if profile.closes != Some(Closes::Pulse) {
        return;
    }
    for name in ["open", "stop", "close"] {
        if let Some(point) = profile.point(name).filter(|point| point.latches()) {
            let message = format!("output `{name}` of a pulse barrier never ends");
            let label = "add `pulse`, or `on` without `off` for a command word";
            faults.push(fault(code::UNBOUNDED, point.span.clone(), message, label));
        }
    }
}

fn access(point: &Point, register: &Register, faults: &mut Vec<Fault>) {
    let mut wrong = |label: &str| {
        let message = format!("point `{}` contradicts itself", point.name);
        faults.push(fault(code::CONTRADICTION, point.span.clone(), message, label));
    };
    let register_bool = register.data == DataType::Bool && !register.table.is_bits();
    if point.writable() && !register.table.is_writable() {
        wrong("Modbus can only read this table");
    }
    if let Some(decimals) = register.decimals.filter(|decimals| decimals.word < register.data.words()) {
        wrong(&format!("`decimals_word = {}` lies within the number itself", decimals.word));
    }
    if register.decimals.is_some() && point.writable() {
        wrong("a number whose decimals the device chooses cannot be written");
    }
    if point.pulse.is_some() && !point.writable() {
        wrong("`pulse` needs a writable point");
    }
    if register.command.is_some() && !point.writable() {
        wrong("`on` needs a writable point");
    }
    if register_bool && point.readable() && register.truth.is_none() {
        wrong("a bool in a register needs `bit` or `equals` to be read");
    }
    if register_bool && point.writable() && register.command.is_none() {
        wrong("a bool in a register needs `on` (and `off`) to be written: the other bits are not ours to change");
    }
    let byte = matches!(register.data, DataType::U8Low | DataType::U8High);
    if point.writable() && (byte || register.mask.is_some()) {
        wrong("a part of a register cannot be written without touching the rest");
    }
    if point.pulse.is_some() && register.command.is_some_and(|command| command.off.is_none()) {
        wrong("a pulse needs `off`, the word that ends it");
    }
    if u32::from(register.address) + u32::from(register.width()) > 0x1_0000 {
        wrong("it reaches beyond address 65535");
    }
}

fn overlaps(profile: &Profile, faults: &mut Vec<Fault>) {
    let writable: Vec<(&Point, &Register)> = profile
        .points
        .iter()
        .filter(|point| point.writable())
        .filter_map(|point| point.register().map(|register| (point, register)))
        .collect();
    for (index, (point, register)) in writable.iter().enumerate() {
        let Some((other, _)) = writable[..index].iter().find(|(_, other)| collide(register, other)) else { continue };
        let message = format!("`{}` and `{}` are written to the same place", other.name, point.name);
        let mut wrong = fault(code::OVERLAP, point.span.clone(), message, "the second");
        wrong.asides.push(Aside { span: other.span.clone(), label: "the first".to_owned() });
        faults.push(wrong);
    }
}

fn collide(one: &Register, other: &Register) -> bool {
    let ends = |place: &Register| (u32::from(place.address), u32::from(place.address) + u32::from(place.width()));
    let ((start, end), (other_start, other_end)) = (ends(one), ends(other));
    let overlap = one.table == other.table && start < other_end && other_start < end;
    let words = match (one.command, other.command) {
        (Some(one), Some(other)) => one.on != other.on,
        (Some(_) | None, _) => false,
    };
    overlap && !words
}

/// The profile's own test blocks.
pub(super) fn tests(profile: &Profile, faults: &mut Vec<Fault>) {
    for test in &profile.tests {
        if let Err(came_out) = codec::run_test(profile, test) {
            let message = format!("a test of {} fails", test.subject(profile));
            faults.push(fault(code::TEST, test.span.clone(), message, came_out));
        }
    }
}
