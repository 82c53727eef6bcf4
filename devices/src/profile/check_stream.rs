//! Judges what was read of a line or frame device: whether its units can be told apart, its requests answered, its
//! points read and its orders trusted.

use super::reader::fault;
use super::{Point, Profile, code};
use crate::fault::Fault;
use crate::kind::{Direction, Kind};
use crate::stream::{Framing, Length, RecordShape, Signal, Stream};

/// The whole stream of a profile.
pub(super) fn stream(profile: &Profile, stream: &Stream, faults: &mut Vec<Fault>) {
    names(stream, faults);
    if stream.records.is_empty() && profile.points.iter().any(Point::readable) {
        let label = "expected at least one [[record]]";
        faults.push(fault(code::MISSING_KEY, 0..1, "nothing that the device says is described".to_owned(), label));
    }
    lengths(stream, faults);
    if stream.is_polled() {
        answered(profile, stream, faults);
    }
    for (index, point) in profile.points.iter().enumerate() {
        if let Some(signal) = point.signal() {
            sources(stream, index, point, signal, faults);
            orders(profile.kind, point, signal, faults);
        }
    }
}

fn names(stream: &Stream, faults: &mut Vec<Fault>) {
    let twice = |name: &str, span: &std::ops::Range<usize>, what: &str| {
        fault(code::TWICE, span.clone(), format!("two {what} are called `{name}`"), "the second")
    };
    for (index, record) in stream.records.iter().enumerate() {
        if stream.records[..index].iter().any(|other| other.name == record.name) {
            faults.push(twice(&record.name, &record.span, "records"));
        }
    }
    for (index, request) in stream.requests.iter().enumerate() {
        if stream.requests[..index].iter().any(|other| other.name == request.name) {
            faults.push(twice(&request.name, &request.span, "requests"));
        }
    }
}

/// Frames must be as long as their fields reach, and tell where they end.
fn lengths(stream: &Stream, faults: &mut Vec<Fault>) {
    let Framing::Frame(framing) = &stream.framing else { return };
    for record in &stream.records {
        let RecordShape::Frame(layout) = &record.shape else { continue };
        let mut wrong = |message: String, label: &str| {
            faults.push(fault(code::FRAMING, record.span.clone(), message, label));
        };
        let length = match (framing.length, layout.length) {
            (Length::Fixed(length), None | Some(_)) => Some(length),
            (Length::Told { .. }, length) => length,
            (Length::OfAnswer, None) => {
                let message = format!("nothing tells how long record `{}` is", record.name);
                wrong(message, "add `length` here, or `start` and `length` to [frame]");
                None
            }
            (Length::OfAnswer, length @ Some(_)) => length,
        };
        if length.is_some_and(|length| layout.reach() > length) {
            wrong(format!("record `{}` is shorter than its fields reach", record.name), "they end behind the frame");
        }
    }
    if framing.length == Length::OfAnswer && !stream.is_polled() && !stream.records.is_empty() {
        let label = "add `start` and `length` to [frame], or a [[request]] whose answer it is";
        faults.push(fault(code::FRAMING, 0..1, "nothing tells where a frame begins".to_owned(), label));
    }
}

/// Of a polled device every record answers something, and nothing is read from two answers at once.
fn answered(profile: &Profile, stream: &Stream, faults: &mut Vec<Fault>) {
    let sinks = || profile.points.iter().filter_map(|point| point.signal()?.sink.as_ref());
    for (index, record) in stream.records.iter().enumerate() {
        let polled = stream.requests.iter().any(|request| request.answers.contains(&index));
        if !polled && !sinks().any(|sink| sink.answers.contains(&index) || sink.refusals.contains(&index)) {
            let message = format!("record `{}` answers no request", record.name);
            faults.push(fault(code::FRAMING, record.span.clone(), message, "name it in the `answer` of a [[request]]"));
        }
    }
    let Framing::Frame(framing) = &stream.framing else { return };
    for request in
        stream.requests.iter().filter(|request| framing.length == Length::OfAnswer && request.answers.len() > 1)
    {
        let message = format!("request `{}` has several answers and nothing tells them apart", request.name);
        faults.push(fault(code::FRAMING, request.span.clone(), message, "expected one record"));
    }
}

/// Every point that is read comes from somewhere.
fn sources(stream: &Stream, index: usize, point: &Point, signal: &Signal, faults: &mut Vec<Fault>) {
    let set = stream.records.iter().any(|record| record.set.iter().any(|(set, _)| *set == index));
    let read = stream.records.iter().any(|record| record.points.contains(&index));
    if point.readable() && !set && !read {
        let message = format!("nothing gives point `{}` a value", point.name);
        let label = if signal.fields.is_empty() {
            "name its `field`, or set it in a [[record]]"
        } else {
            "no single record holds all of its fields"
        };
        faults.push(fault(code::UNKNOWN_NAME, point.span.clone(), message, label));
    }
    let held = signal.decimals.iter().chain(signal.negative.iter().map(|condition| &condition.field));
    let held: Vec<usize> =
        held.chain(signal.invalid_when.iter().map(|(condition, _)| &condition.field)).copied().collect();
    for record in stream.records.iter().filter(|record| record.points.contains(&index)) {
        if held.iter().any(|field| !record.shape.fields().any(|one| one == *field)) {
            let message = format!("record `{}` does not hold all that point `{}` asks for", record.name, point.name);
            faults.push(fault(code::UNKNOWN_NAME, point.span.clone(), message, "a field of it is missing there"));
        }
    }
}

/// What protects people goes by a protocol that confirms every write.
fn orders(kind: Kind, point: &Point, signal: &Signal, faults: &mut Vec<Fault>) {
    let protects = matches!(kind, Kind::Barrier | Kind::Xray | Kind::Belt | Kind::Diverter);
    let standard = kind
        .standard_points()
        .iter()
        .any(|standard| standard.name == &*point.name && standard.direction == Direction::Output);
    if protects && standard && signal.sink.is_some() {
        let message = format!("`{}` of a {} moves or stops something", point.name, kind.word());
        let label = "such an order goes by Modbus, which confirms every write";
        faults.push(fault(code::CONTRADICTION, point.span.clone(), message, label));
    }
}
