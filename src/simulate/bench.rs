//! Devices for a technician's bench: any profiles, on TCP or a pseudo-terminal, with faults on demand, down to the byte.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portside_devices::modbus::{self, Asked, Framing, Received};
use portside_devices::simulate::{ILLEGAL_FUNCTION, Model, Response, Sent, Simulator, WireFault, send};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_serial::{SerialPort, SerialStream};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// A frame that is not whole after this long is none.
const FRAME: Duration = Duration::from_millis(50);
/// How often a pseudo-terminal that nobody has open is looked at.
const REOPEN: Duration = Duration::from_millis(20);
/// Between the answers of two devices with one unit id.
const SECOND: Duration = Duration::from_millis(4);

/// Simulated devices that share a wire.
#[derive(Clone, Debug)]
pub struct Bench {
    site: Arc<Mutex<Site>>,
    clock: Clock,
}

#[derive(Debug)]
struct Site {
    devices: Vec<Model>,
    faults: BTreeMap<u8, (WireFault, Option<u32>)>,
    /// Answers exception 11 for units that are not there, as a gateway does.
    gateway: bool,
    /// What the devices on a serial line are set to; they understand nothing else.
    baud: Option<u32>,
}

impl Bench {
    /// Devices, each with its own unit id; two of one id answer both, as they would.
    pub fn new(devices: Vec<Model>, clock: Clock) -> Self {
        let site = Site { devices, faults: BTreeMap::new(), gateway: false, baud: None };
        Self { site: Arc::new(Mutex::new(site)), clock }
    }

    /// Makes the wire that of a gateway, which answers for units that are not there.
    #[must_use]
    pub fn behind_gateway(self) -> Self {
        self.lock().gateway = true;
        self
    }

    /// Makes the devices understand this baud rate alone.
    #[must_use]
    pub fn at_baud(self, baud: u32) -> Self {
        self.lock().baud = Some(baud);
        self
    }

    /// Looks at the device of this unit or changes it; `None` where there is none.
    pub fn with<R>(&self, unit: u8, change: impl FnOnce(&mut Model) -> R) -> Option<R> {
        self.lock().devices.iter_mut().find(|model| model.unit() == unit).map(change)
    }

    /// Puts a fault on a unit, for so many requests or for good.
    pub fn put(&self, unit: u8, fault: WireFault, times: Option<u32>) {
        self.lock().faults.insert(unit, (fault, times));
    }

    /// Takes the fault off a unit.
    pub fn clear(&self, unit: u8) {
        self.lock().faults.remove(&unit);
    }

    /// A panic of one connection must not silence the others.
    fn lock(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self, framing: Framing, asked: &Asked) -> Vec<Sent> {
        let now = self.clock.moment();
        let site = &mut *self.lock();
        let unit = asked.unit;
        let mut responses: Vec<Response> =
            site.devices.iter_mut().filter_map(|model| model.answer(now, unit, &asked.request)).collect();
        if responses.is_empty() && site.gateway {
            responses.push(Response::Exception(11));
        }
        if responses.is_empty() {
            return Vec::new();
        }
        let fault = site.faults.get(&unit).map(|(fault, _)| fault.clone());
        if let Some((_, Some(left))) = site.faults.get_mut(&unit) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                site.faults.remove(&unit);
            }
        }
        responses.iter().map(|response| send(fault.as_ref(), framing, asked, response)).collect()
    }

    /// Answers on `listener` until `cancel`.
    pub async fn serve_tcp(self, listener: TcpListener, framing: Framing, cancel: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            let (bench, cancel) = (self.clone(), cancel.clone());
            tokio::spawn(async move {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "simulator");
                }
                tokio::select! {
                    () = cancel.cancelled() => {}
                    ended = bench.talk(stream, framing, |_| None) => tracing::debug!(?ended, "simulator"),
                }
            });
        }
    }

    /// Answers on the pseudo-terminal until `cancel`.
    pub async fn serve_pty(self, mut pty: Pty, cancel: CancellationToken) {
        loop {
            let ended = tokio::select! {
                () = cancel.cancelled() => return,
                ended = self.talk(&mut pty.near, Framing::Rtu, |near| near.baud_rate().ok()) => ended,
            };
            // Nobody has the other end open; that is no fault.
            tracing::trace!(?ended, "simulator");
            tokio::time::sleep(REOPEN).await;
        }
    }

    async fn talk<W: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut wire: W,
        framing: Framing,
        baud: impl Fn(&W) -> Option<u32>,
    ) -> io::Result<()> {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 512]);
        loop {
            let reading = wire.read(&mut buffer);
            let count = match bytes.is_empty() {
                true => reading.await?,
                false => match tokio::time::timeout(FRAME, reading).await {
                    Ok(read) => read?,
                    Err(_) => {
                        bytes.clear();
                        continue;
                    }
                },
            };
            if count == 0 {
                return Ok(());
            }
            let set = self.lock().baud;
            if set.is_some() && baud(&wire).is_some_and(|came| Some(came) != set) {
                // At another rate a device sees no frame, and says nothing.
                continue;
            }
            bytes.extend_from_slice(&buffer[..count]);
            while let Some((asked, length)) = next(framing, &mut bytes) {
                bytes.drain(..length);
                match asked {
                    Ok(asked) => self.reply(&mut wire, framing, &asked).await?,
                    Err(asked) => {
                        let refusal = modbus::answer(framing, &asked, &Response::Exception(ILLEGAL_FUNCTION));
                        wire.write_all(&refusal).await?;
                    }
                }
            }
        }
    }

    async fn reply<W: AsyncWrite + Unpin>(&self, wire: &mut W, framing: Framing, asked: &Asked) -> io::Result<()> {
        for (place, sent) in self.answers(framing, asked).into_iter().enumerate() {
            if place > 0 {
                tokio::time::sleep(SECOND).await;
            }
            match sent {
                Sent::Nothing => {}
                Sent::Bytes(after, bytes) => {
                    tokio::time::sleep(after).await;
                    wire.write_all(&bytes).await?;
                }
                Sent::End => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        Ok(())
    }
}

/// The first request of `bytes` and its length; what cannot become one is thrown away.
fn next(framing: Framing, bytes: &mut Vec<u8>) -> Option<(Result<Asked, Asked>, usize)> {
    match modbus::receive(framing, bytes) {
        Received::Part => None,
        Received::Asked(asked, length) => Some((Ok(asked), length)),
        Received::Unknown { asked, length } => Some((Err(asked), length)),
        Received::Foreign => {
            bytes.clear();
            None
        }
    }
}

/// A pseudo-terminal under a name of one's own.
#[derive(Debug)]
pub struct Pty {
    near: SerialStream,
    link: PathBuf,
}

impl Pty {
    /// Makes a pseudo-terminal that programs open as `link`, in place of a link left there by an earlier one.
    ///
    /// # Errors
    /// When the system has none left, or something else than a link lies there.
    pub fn make(link: &Path) -> io::Result<Self> {
        let (near, far) = SerialStream::pair().map_err(io::Error::from)?;
        let name = far.name().ok_or_else(|| io::Error::other("the pseudo-terminal has no name"))?;
        if link.symlink_metadata().is_ok_and(|meta| meta.file_type().is_symlink()) {
            std::fs::remove_file(link)?;
        }
        std::os::unix::fs::symlink(&name, link)?;
        // Whoever opens the far end wants it for himself.
        drop(far);
        Ok(Self { near, link: link.to_owned() })
    }

    /// The near end, for programs that talk another way.
    pub const fn near(&mut self) -> &mut SerialStream {
        &mut self.near
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.link);
    }
}

#[cfg(test)]
mod tests {
    use portside_devices::library::Library;
    use portside_devices::plan;
    use portside_devices::profile::Table;
    use portside_devices::reading::Value;

    use super::*;
    use crate::field::medium::{DataBits, Medium, Parity, Serial, StopBits};
    use crate::field::touch::{Outcome, Touch};

    const LIMIT: Duration = Duration::from_secs(5);

    fn model(unit: u8) -> Model {
        Model::new(Library::shipped().get("io/waveshare-8ch").unwrap().unwrap(), unit)
    }

    fn serial(path: &Path, baud: u32) -> Medium {
        let gap = plan::silence(baud, plan::character(baud, 11));
        Medium::Serial(Serial {
            path: path.to_owned(),
            baud,
            data_bits: DataBits::Eight,
            parity: Parity::None,
            stop_bits: StopBits::One,
            gap,
            quiet: gap,
        })
    }

    #[tokio::test]
    async fn a_bench_device_on_tcp_answers_and_fails_as_it_is_told() {
        let bench = Bench::new(vec![model(1)], Clock::start());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let medium = Medium::tcp("127.0.0.1", listener.local_addr().unwrap().port());
        tokio::spawn(bench.clone().serve_tcp(listener, Framing::Tcp, CancellationToken::new()));
        let mut touch = Touch::open(&medium, LIMIT).await.unwrap();
        bench
            .with(1, |model| model.set(model.profile().point_index("di3").unwrap(), &Value::Bool(true)))
            .unwrap()
            .unwrap();
        let read = touch.read(1, Table::Discrete, 0, 8, LIMIT).await;
        let Outcome::Answer(Response::Bits(bits)) = read.outcome else { panic!("{read:?}") };
        assert_eq!(bits.iter().filter(|bit| **bit).count(), 1);
        bench.put(1, WireFault::WrongUnit(9), Some(1));
        assert_eq!(touch.read(1, Table::Discrete, 0, 8, LIMIT).await.outcome, Outcome::OtherUnit(9));
        assert!(touch.read(1, Table::Discrete, 0, 8, LIMIT).await.is_data(), "once was asked for");
    }

    #[tokio::test]
    async fn a_bench_device_on_a_pty_is_heard_at_its_own_baud_rate_alone() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("bus");
        let bench = Bench::new(vec![model(3), model(4), model(4)], Clock::start()).at_baud(19_200);
        let pty = Pty::make(&link).unwrap();
        tokio::spawn(bench.serve_pty(pty, CancellationToken::new()));
        let mut touch = Touch::open(&serial(&link, 9_600), LIMIT).await.unwrap();
        let short = Duration::from_millis(200);
        assert_eq!(touch.read(3, Table::Discrete, 0, 8, short).await.outcome, Outcome::Silence);
        touch.close();
        let mut touch = Touch::open(&serial(&link, 19_200), LIMIT).await.unwrap();
        assert!(touch.read(3, Table::Discrete, 0, 8, LIMIT).await.is_data());
        let twice = touch.read(4, Table::Discrete, 0, 8, LIMIT).await;
        assert!(matches!(twice.outcome, Outcome::Twice(Response::Bits(_), 6)), "{twice:?}");
    }

    #[tokio::test]
    async fn a_late_answer_on_a_bus_is_nobody_elses_and_tells_who_was_late() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("bus");
        let bench = Bench::new(vec![model(3), model(4)], Clock::start());
        bench.put(3, WireFault::Late(Duration::from_millis(120)), Some(1));
        tokio::spawn(bench.serve_pty(Pty::make(&link).unwrap(), CancellationToken::new()));
        let mut touch = Touch::open(&serial(&link, 9_600), LIMIT).await.unwrap();
        let given_up = touch.read(3, Table::Discrete, 0, 8, Duration::from_millis(40)).await;
        assert_eq!(given_up.outcome, Outcome::Silence);
        let next = touch.read(4, Table::Discrete, 0, 8, LIMIT).await;
        assert!(next.is_data() && next.bytes[0] == 4, "{next:?}");
        assert_eq!((touch.late(), touch.late()), (Some(3), None));
    }
}
