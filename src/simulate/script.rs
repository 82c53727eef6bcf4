//! What a technician types to a simulated device, one line at a time:
//!
//! ```text
//! set di3 on           a point shows a value
//! nan temperature      a point shows NaN, or all bits set
//! stick di3            a point stays as it is
//! free                 every point moves again
//! word holding 7 0x1F  any address holds a word
//! fault late 300ms     every answer has a fault
//! fault silent 3       the next 3 answers have one
//! ok                   no fault any more
//! wait 2s              go on after this time
//! ```

use std::time::Duration;

use portside_devices::modbus::Framing;
use portside_devices::profile::Table;
use portside_devices::reading::Value;
use portside_devices::simulate::{Model, WireFault};

use super::bench::Bench;

/// One line, understood.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A point shows a value.
    Set(String, Value),
    /// A point shows NaN.
    Nan(String),
    /// A point stays as it is.
    Stick(String),
    /// Every point moves again.
    Free,
    /// An address holds a word.
    Word(Table, u16, u16),
    /// A fault, for so many answers or for good.
    Fault(WireFault, Option<u32>),
    /// No fault any more.
    Ok,
    /// A pause.
    Wait(Duration),
}

/// Reads one line; `None` for an empty one and a comment.
///
/// # Errors
/// A sentence with what was expected.
pub fn parse(line: &str) -> Result<Option<Line>, String> {
    let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
    Ok(Some(match &words[..] {
        [] => return Ok(None),
        ["set", point, value] => Line::Set((*point).to_owned(), parse_value(value)?),
        ["nan", point] => Line::Nan((*point).to_owned()),
        ["stick", point] => Line::Stick((*point).to_owned()),
        ["free"] => Line::Free,
        ["ok"] => Line::Ok,
        ["word", table, address, word] => Line::Word(parse_table(table)?, number(address)?, number(word)?),
        ["wait", time] => Line::Wait(duration(time)?),
        ["fault", rest @ ..] => fault(rest)?,
        [first, ..] => {
            return Err(format!("`{first}` is none of: set, nan, stick, free, word, fault, ok, wait"));
        }
    }))
}

/// The line, if the framing can carry what it asks for.
///
/// # Errors
/// A sentence with the reason.
pub fn possible(line: Option<Line>, framing: Framing) -> Result<Option<Line>, String> {
    match (&line, framing) {
        (Some(Line::Fault(WireFault::BadCheck, _)), Framing::Tcp) => Err(
            "bad-crc: a Modbus TCP frame carries no checksum that could be wrong; simulate with --pty or --rtu, or \
                 take garbage or cut"
                .to_owned(),
        ),
        (_, Framing::Tcp | Framing::Rtu) => Ok(line),
    }
}

fn fault(words: &[&str]) -> Result<Line, String> {
    let times = |rest: &[&str]| match rest {
        [] => Ok(None),
        [count] => count.parse().map(Some).map_err(|_| format!("`{count}` is no number of answers")),
        [_, extra, ..] => Err(format!("`{extra}` is one word too many")),
    };
    let (fault, rest) = match words {
        ["silent", rest @ ..] => (WireFault::Silent, rest),
        ["late", time, rest @ ..] => (WireFault::Late(duration(time)?), rest),
        ["wrong-unit", unit, rest @ ..] => (WireFault::WrongUnit(byte(unit)?), rest),
        ["bad-crc", rest @ ..] => (WireFault::BadCheck, rest),
        ["garbage", rest @ ..] => (WireFault::Garbage, rest),
        ["cut", rest @ ..] => (WireFault::Cut, rest),
        ["twice", rest @ ..] => (WireFault::Twice, rest),
        ["drop", rest @ ..] => (WireFault::Drop, rest),
        ["exception", code, rest @ ..] => (WireFault::Exception(byte(code)?), rest),
        _ => {
            return Err("write: fault silent | late TIME | wrong-unit ID | bad-crc | garbage | cut | twice | drop | \
                 exception CODE, and a number of answers behind it if not for good"
                .to_owned());
        }
    };
    Ok(Line::Fault(fault, times(rest)?))
}

/// `on`, `off`, or a number.
///
/// # Errors
/// A sentence.
pub fn parse_value(text: &str) -> Result<Value, String> {
    match text {
        "on" | "true" => Ok(Value::Bool(true)),
        "off" | "false" => Ok(Value::Bool(false)),
        number => match (number.parse::<i64>(), number.parse::<f64>()) {
            (Ok(whole), _) => Ok(Value::Int(whole)),
            (Err(_), Ok(float)) if float.is_finite() => Ok(Value::Float(float)),
            (Err(_), Ok(_) | Err(_)) => Err(format!("`{text}` is neither on, off nor a number")),
        },
    }
}

fn parse_table(text: &str) -> Result<Table, String> {
    [Table::Coil, Table::Discrete, Table::Holding, Table::Input]
        .into_iter()
        .find(|table| table.word() == text)
        .ok_or_else(|| format!("`{text}` is none of: coil, discrete, holding, input"))
}

fn number(text: &str) -> Result<u16, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number from 0 to 65535"))
}

fn byte(text: &str) -> Result<u8, String> {
    text.parse().map_err(|_| format!("`{text}` is no number from 0 to 255"))
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("`{text}` is no time such as 300ms: {error}"))
}

/// Does what the line says to the device of `unit`, except waiting, which is the caller's.
///
/// # Errors
/// A sentence, when the device has no such point or cannot show the value.
pub fn apply(line: &Line, bench: &Bench, unit: u8) -> Result<(), String> {
    let at = |name: &str, change: &dyn Fn(&mut Model, usize) -> Result<(), String>| {
        let changed = bench.with(unit, |model| {
            let index = model.profile().point_index(name);
            index.ok_or_else(|| format!("the device has no point `{name}`")).and_then(|index| change(model, index))
        });
        changed.unwrap_or_else(|| Err(format!("there is no unit {unit}")))
    };
    match line {
        Line::Set(name, value) => at(name, &|model, index| model.set(index, value)),
        Line::Nan(name) => at(name, &|model, index| model.set_nan(index)),
        Line::Stick(name) => at(name, &|model, index| model.stick(index)),
        Line::Free => {
            bench.with(unit, Model::free);
            Ok(())
        }
        Line::Word(table, address, word) => {
            bench.with(unit, |model| model.put_word(*table, *address, *word));
            Ok(())
        }
        Line::Fault(fault, times) => {
            bench.put(unit, fault.clone(), *times);
            Ok(())
        }
        Line::Ok => {
            bench.clear(unit);
            Ok(())
        }
        Line::Wait(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_line_means_what_the_page_says() {
        let table = [
            ("set di3 on  # loop", Line::Set("di3".into(), Value::Bool(true))),
            ("set temperature 36.5", Line::Set("temperature".into(), Value::Float(36.5))),
            ("nan temperature", Line::Nan("temperature".into())),
            ("word holding 7 0x1F", Line::Word(Table::Holding, 7, 31)),
            ("fault late 300ms", Line::Fault(WireFault::Late(Duration::from_millis(300)), None)),
            ("fault silent 3", Line::Fault(WireFault::Silent, Some(3))),
            ("fault wrong-unit 5 1", Line::Fault(WireFault::WrongUnit(5), Some(1))),
            ("wait 2s", Line::Wait(Duration::from_secs(2))),
            ("ok", Line::Ok),
        ];
        for (text, line) in table {
            assert_eq!(parse(text), Ok(Some(line)), "{text}");
        }
        assert_eq!(parse("  # only a comment"), Ok(None));
        for wrong in ["st di3 on", "set di3", "fault", "fault late", "fault silent x", "fault silent 1 2", "word a 1 1"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused_where_frames_have_none() {
        let line = parse("fault bad-crc 2").unwrap();
        assert!(possible(line.clone(), Framing::Tcp).unwrap_err().contains("no checksum"));
        assert_eq!(possible(line.clone(), Framing::Rtu), Ok(line));
        assert!(possible(parse("fault silent").unwrap(), Framing::Tcp).is_ok());
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in ".*") {
            let _ = parse(&line);
        }
    }
}
