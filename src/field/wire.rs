//! One TCP connection to a Modbus server, and what may count as an answer on it.
//!
//! tokio-modbus checks transaction, unit and function; the number of registers only in debug builds, by a panic, so
//! answers are taken raw and checked here. After anything unexpected the connection is dropped with whatever may
//! still arrive on it: on a fresh one no late answer can be taken for the next.

use std::fmt;
use std::time::Duration;

use portside_devices::codec::Write;
use portside_devices::profile::Table;
use tokio_modbus::client::{Client, Context, rtu, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{ExceptionCode, Request, Response};

use super::medium::{self, Medium};
use super::seen::Data;

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

pub(super) struct Wire {
    context: Context,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) async fn connect(medium: &Medium, within: Duration) -> Result<Self, String> {
        let stream = medium::open(medium, within).await?;
        let context = match medium {
            Medium::Tcp { .. } => tcp::attach_slave(stream, Slave(1)),
            Medium::RtuOverTcp { .. } | Medium::Serial(_) => rtu::attach_slave(stream, Slave(1)),
        };
        Ok(Self { context })
    }

    /// One request and its answer. `Err`: nothing that counts came, and this connection must not be used again; the
    /// same holds when the future is dropped before it ends.
    pub(super) async fn exchange(&mut self, unit: u8, ask: &Ask) -> Result<Got, String> {
        self.context.set_slave(Slave(unit));
        match self.context.call(request(ask)).await {
            Ok(Ok(response)) => judge(ask, response),
            Ok(Err(code)) => Ok(Got::Exception(exception(code))),
            // The kind of the error says nothing reliable (a closed peer shows as "operation in progress").
            Err(error) => Err(error.to_string()),
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
