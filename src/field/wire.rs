//! One connection to a Modbus server or one serial bus, and what may count as an answer on it.
//!
//! tokio-modbus checks transaction, unit and function; the number of registers only in debug builds, by a panic, so
//! answers are taken raw and checked here. After anything unexpected a TCP connection is dropped with whatever may
//! still arrive on it: on a fresh one no late answer can be taken for the next. A bus cannot be left, so it has to be
//! quiet first: [`super::rtu`].

use std::fmt;
use std::time::Duration;

use portside_devices::codec::Write;
use portside_devices::moment::Moment;
use portside_devices::profile::Table;
use tokio_modbus::client::{Client, Context, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{ExceptionCode, Request, Response};

use super::medium::{self, Medium};
use super::rtu::Rtu;
use super::seen::Data;
use crate::clock::Clock;

/// What is asked of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Read { table: Table, start: u16, count: u16 },
    Write(Write),
}

/// What a device answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Got {
    Data(Data),
    Written,
    /// The device refused; the connection is good.
    Exception(Exception),
}

/// An exception, by what it says about the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Exception {
    /// The device answers, and will answer the same again.
    Illegal(String),
    /// The device answers, but not this and not now.
    Unable(String),
    /// The gateway answers for a device that does not.
    Absent(String),
}

/// Why nothing came that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The medium is gone, or what it carries can no longer be told apart: it has to be opened again.
    Gone(String),
    /// This request failed; the bus is good for the next once it has been quiet.
    Foul(String),
}

pub(super) enum Wire {
    Tcp(Context),
    Rtu(Rtu),
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(_) => f.debug_tuple("Tcp").finish_non_exhaustive(),
            Self::Rtu(rtu) => f.debug_tuple("Rtu").field(rtu).finish(),
        }
    }
}

impl Wire {
    pub(super) async fn connect(medium: &Medium, within: Duration, clock: Clock) -> Result<Self, String> {
        let stream = medium::open(medium, within).await?;
        Ok(match medium {
            Medium::Tcp { .. } => Self::Tcp(tcp::attach_slave(stream, Slave(1))),
            Medium::RtuOverTcp { .. } | Medium::Serial(_) => Self::Rtu(Rtu::new(stream, medium, clock)),
        })
    }

    /// One request and its answer. When the future is dropped before it ends, [`Wire::spoil`] has to be called.
    pub(super) async fn exchange(&mut self, unit: u8, ask: &Ask) -> Result<Got, Fault> {
        let answer = match self {
            Self::Tcp(context) => {
                context.set_slave(Slave(unit));
                // The kind of the error says nothing reliable (a closed peer shows as "operation in progress").
                context.call(request(ask)).await.map_err(|error| Fault::Gone(error.to_string()))?
            }
            Self::Rtu(rtu) => rtu.exchange(unit, request(ask)).await?,
        };
        match answer {
            Ok(response) => judge(ask, response).map_err(|why| match self {
                Self::Tcp(_) => Fault::Gone(why),
                Self::Rtu(_) => Fault::Foul(why),
            }),
            Err(code) => Ok(Got::Exception(exception(code))),
        }
    }

    /// A request was given up. `true`: the wire is good for the next once it has been quiet; `false`: its answer may
    /// still come and cannot be told apart, so the wire has to be opened again.
    pub(super) fn spoil(&mut self) -> bool {
        match self {
            Self::Tcp(_) => false,
            Self::Rtu(rtu) => {
                rtu.spoil();
                true
            }
        }
    }

    /// Before this moment only what protects may ask.
    pub(super) const fn not_before(&self) -> Moment {
        match self {
            Self::Tcp(_) => Moment::START,
            Self::Rtu(rtu) => rtu.not_before(),
        }
    }

    /// How long the telegrams of `ask` are on their way, which no time-out may forget.
    pub(super) fn transmission(&self, ask: &Ask) -> Duration {
        match self {
            Self::Tcp(_) => Duration::ZERO,
            Self::Rtu(rtu) => rtu.transmission(ask.characters()),
        }
    }

    /// Bytes that came when none were due, since the last call.
    pub(super) fn take_stray(&mut self) -> u64 {
        match self {
            Self::Tcp(_) => 0,
            Self::Rtu(rtu) => rtu.take_stray(),
        }
    }
}

impl Ask {
    /// Characters of request and answer on a serial bus.
    fn characters(&self) -> u32 {
        match self {
            Self::Read { table, count, .. } => {
                8 + 5 + if table.is_bits() { u32::from(count.div_ceil(8)) } else { u32::from(*count) * 2 }
            }
            Self::Write(Write::Coil { .. } | Write::Register { .. }) => 8 + 8,
            Self::Write(Write::Registers { words, .. }) => 9 + 8 + u32::try_from(words.len() * 2).unwrap_or(u32::MAX),
        }
    }
}

fn request(ask: &Ask) -> Request<'_> {
    match ask {
        Ask::Read { table, start, count } => match table {
            Table::Coil => Request::ReadCoils(*start, *count),
            Table::Discrete => Request::ReadDiscreteInputs(*start, *count),
            Table::Holding => Request::ReadHoldingRegisters(*start, *count),
            Table::Input => Request::ReadInputRegisters(*start, *count),
        },
        Ask::Write(Write::Coil { address, on }) => Request::WriteSingleCoil(*address, *on),
        Ask::Write(Write::Register { address, word }) => Request::WriteSingleRegister(*address, *word),
        Ask::Write(Write::Registers { address, words }) => {
            Request::WriteMultipleRegisters(*address, words.as_slice().into())
        }
    }
}

/// Holds the answer against the request: same table, same length, same echo.
fn judge(ask: &Ask, response: Response) -> Result<Got, String> {
    match (ask, response) {
        (Ask::Read { table: Table::Coil, count, .. }, Response::ReadCoils(bits))
        | (Ask::Read { table: Table::Discrete, count, .. }, Response::ReadDiscreteInputs(bits)) => {
            read_bits(bits, *count)
        }
        (Ask::Read { table: Table::Holding, count, .. }, Response::ReadHoldingRegisters(words))
        | (Ask::Read { table: Table::Input, count, .. }, Response::ReadInputRegisters(words)) => {
            if words.len() == usize::from(*count) {
                return Ok(Got::Data(Data::Words(words)));
            }
            Err(format!("{} registers came, {count} were asked for", words.len()))
        }
        (Ask::Write(Write::Coil { address, on }), Response::WriteSingleCoil(to, state))
            if *address == to && *on == state =>
        {
            Ok(Got::Written)
        }
        (Ask::Write(Write::Register { address, word }), Response::WriteSingleRegister(to, what))
            if *address == to && *word == what =>
        {
            Ok(Got::Written)
        }
        (Ask::Write(Write::Registers { address, words }), Response::WriteMultipleRegisters(to, count))
            if *address == to && words.len() == usize::from(count) =>
        {
            Ok(Got::Written)
        }
        (ask, other) => Err(format!("{other:?} is no answer to {ask:?}")),
    }
}

/// Bits come in whole bytes: what pads the last one is cut off.
fn read_bits(mut bits: Vec<bool>, count: u16) -> Result<Got, String> {
    let (came, wanted) = (bits.len().div_ceil(8), usize::from(count.div_ceil(8)));
    if came != wanted {
        return Err(format!("{came} bytes of bits came, {wanted} were asked for"));
    }
    bits.truncate(usize::from(count));
    Ok(Got::Data(Data::Bits(bits)))
}

fn exception(code: ExceptionCode) -> Exception {
    let text = format!("the device answers exception {}: {code}", u8::from(code));
    match code {
        ExceptionCode::IllegalFunction | ExceptionCode::IllegalDataAddress | ExceptionCode::IllegalDataValue => {
            Exception::Illegal(text)
        }
        ExceptionCode::GatewayPathUnavailable | ExceptionCode::GatewayTargetDevice => {
            Exception::Absent(format!("the gateway answers exception {}: {code}", u8::from(code)))
        }
        ExceptionCode::ServerDeviceFailure
        | ExceptionCode::Acknowledge
        | ExceptionCode::ServerDeviceBusy
        | ExceptionCode::MemoryParityError
        | ExceptionCode::Custom(_) => Exception::Unable(text),
    }
}
