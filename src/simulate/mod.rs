//! Serves the devices' pure simulators on real sockets, so that the real driver talks to them over a real wire.

pub mod bench;
pub mod detector;
pub mod line;
pub mod phantom;
pub mod scanner;
pub mod script;
pub mod tape;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portside_devices::moment::Moment;
use portside_devices::profile::Table;
use portside_devices::simulate::{Faults, Request, Response, Simulator};
use tokio::net::{TcpListener, TcpStream};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, SlaveRequest};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// A simulated site that answers on a socket of its own.
#[derive(Debug)]
pub struct Served<S> {
    address: SocketAddr,
    clock: Clock,
    site: Arc<Mutex<Site<S>>>,
}

impl<S> Clone for Served<S> {
    fn clone(&self) -> Self {
        Self { address: self.address, clock: self.clock, site: self.site.clone() }
    }
}

#[derive(Debug)]
struct Site<S> {
    simulator: S,
    faults: Faults,
}

/// Puts `simulator` on a free port of the loopback interface, until `cancel`.
pub async fn serve<S: Simulator>(simulator: S, clock: Clock, cancel: CancellationToken) -> io::Result<Served<S>> {
    serve_at(simulator, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), clock, cancel).await
}

/// Puts `simulator` on `address`, until `cancel`.
pub async fn serve_at<S: Simulator>(
    simulator: S,
    address: SocketAddr,
    clock: Clock,
    cancel: CancellationToken,
) -> io::Result<Served<S>> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let site = Arc::new(Mutex::new(Site { simulator, faults: Faults::default() }));
    let served = Served { address, clock, site };
    let answers = served.clone();
    tokio::spawn(async move {
        let server = Server::new(listener);
        let accept = |stream: TcpStream, from: SocketAddr| {
            let answers = answers.clone();
            async move {
                stream.set_nodelay(true)?;
                accept_tcp_connection(stream, from, move |_| Ok(Some(answers.clone())))
            }
        };
        let lost = |error: io::Error| tracing::debug!(%error, "simulator lost a connection");
        if let Err(error) = server.serve_until(&accept, lost, cancel.cancelled_owned()).await {
            tracing::error!(%error, "simulator ended");
        }
    });
    Ok(served)
}

impl<S: Simulator> Served<S> {
    /// Where it answers.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Looks at the site or changes it, at this moment of its clock.
    pub fn with<R>(&self, look: impl FnOnce(&mut S, Moment) -> R) -> R {
        let now = self.clock.moment();
        look(&mut self.lock().simulator, now)
    }

    /// Puts faults on the link, or takes them off.
    pub fn faults<R>(&self, change: impl FnOnce(&mut Faults) -> R) -> R {
        change(&mut self.lock().faults)
    }

    /// A panic of one connection must not silence the others.
    fn lock(&self) -> MutexGuard<'_, Site<S>> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, unit: u8, request: &Request) -> Option<(Response, Duration)> {
        let now = self.clock.moment();
        let site = &mut *self.lock();
        site.faults.answer(&mut site.simulator, now, unit, request)
    }
}

type Answer = Result<Option<tokio_modbus::Response>, ExceptionCode>;

impl<S: Simulator> Service for Served<S> {
    type Request = SlaveRequest<'static>;
    type Response = Option<tokio_modbus::Response>;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn call(&self, asked: Self::Request) -> Self::Future {
        let Some(request) = understand(&asked.request) else {
            return Box::pin(async { Err(ExceptionCode::IllegalFunction) });
        };
        let Some((response, wait)) = self.answer(asked.slave, &request) else { return Box::pin(async { Ok(None) }) };
        let answer = word(&asked.request, response);
        Box::pin(async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            answer.map(Some)
        })
    }
}

fn understand(request: &tokio_modbus::Request<'_>) -> Option<Request> {
    use tokio_modbus::Request as Wire;
    let read = |table, start: &u16, count: &u16| Some(Request::Read { table, start: *start, count: *count });
    match request {
        Wire::ReadCoils(start, count) => read(Table::Coil, start, count),
        Wire::ReadDiscreteInputs(start, count) => read(Table::Discrete, start, count),
        Wire::ReadHoldingRegisters(start, count) => read(Table::Holding, start, count),
        Wire::ReadInputRegisters(start, count) => read(Table::Input, start, count),
        Wire::WriteSingleCoil(start, on) => Some(Request::WriteCoils { start: *start, bits: vec![*on] }),
        Wire::WriteMultipleCoils(start, bits) => Some(Request::WriteCoils { start: *start, bits: bits.to_vec() }),
        Wire::WriteSingleRegister(start, word) => Some(Request::WriteRegisters { start: *start, words: vec![*word] }),
        Wire::WriteMultipleRegisters(start, words) => {
            Some(Request::WriteRegisters { start: *start, words: words.to_vec() })
        }
        Wire::ReportServerId
        | Wire::MaskWriteRegister(..)
        | Wire::ReadWriteMultipleRegisters(..)
        | Wire::ReadDeviceIdentification(..)
        | Wire::Custom(..) => None,
    }
}

/// The simulator's response in the words of the request's function.
fn word(request: &tokio_modbus::Request<'_>, response: Response) -> Result<tokio_modbus::Response, ExceptionCode> {
    use tokio_modbus::{Request as Asked, Response as Wire};
    match (request, response) {
        (_, Response::Exception(code)) => Err(ExceptionCode::new(code)),
        (Asked::ReadCoils(..), Response::Bits(bits)) => Ok(Wire::ReadCoils(bits)),
        (Asked::ReadDiscreteInputs(..), Response::Bits(bits)) => Ok(Wire::ReadDiscreteInputs(bits)),
        (Asked::ReadHoldingRegisters(..), Response::Words(words)) => Ok(Wire::ReadHoldingRegisters(words)),
        (Asked::ReadInputRegisters(..), Response::Words(words)) => Ok(Wire::ReadInputRegisters(words)),
        (Asked::WriteSingleCoil(start, on), Response::Written) => Ok(Wire::WriteSingleCoil(*start, *on)),
        (Asked::WriteSingleRegister(start, word), Response::Written) => Ok(Wire::WriteSingleRegister(*start, *word)),
        (Asked::WriteMultipleCoils(start, bits), Response::Written) => {
            Ok(Wire::WriteMultipleCoils(*start, quantity(bits.len())))
        }
        (Asked::WriteMultipleRegisters(start, words), Response::Written) => {
            Ok(Wire::WriteMultipleRegisters(*start, quantity(words.len())))
        }
        (_, Response::Bits(_) | Response::Words(_) | Response::Written) => Err(ExceptionCode::ServerDeviceFailure),
    }
}

/// A count that came in a frame of at most 260 bytes.
fn quantity(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
