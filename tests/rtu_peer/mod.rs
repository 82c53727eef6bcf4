//! Slaves on a pseudo-terminal that follow a script, byte by byte.
#![allow(dead_code)] // each test file uses its part

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portside::clock::Clock;
use portside::field::medium::{DataBits, Medium, Parity, Serial, StopBits};
use portside_devices::moment::Moment;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_serial::{SerialPort, SerialStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::modbus_peer::{Act, Asked};

/// Unit, function and data with their CRC, reckoned by long division and not as the link does it.
pub(crate) fn seal(telegram: &[u8]) -> Vec<u8> {
    let mut sum: u32 = 0xFFFF;
    for byte in telegram {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            let odd = sum % 2 == 1;
            sum /= 2;
            if odd {
                sum ^= 0xA001;
            }
        }
    }
    [telegram, &u16::try_from(sum).unwrap().to_le_bytes()].concat()
}

impl Asked {
    /// The telegram of an answer with this PDU.
    pub(crate) fn telegram(&self, pdu: &[u8]) -> Vec<u8> {
        seal(&[&[self.unit], pdu].concat())
    }

    /// The telegram of the right answer, as [`Asked::right`].
    pub(crate) fn right_telegram(&self) -> Vec<u8> {
        self.telegram(&self.right_pdu())
    }
}

/// What passed on the bus, in order.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) asked: Asked,
    /// When the request was there.
    pub(crate) at: Moment,
    /// When the last byte of what was sent for it had been sent.
    pub(crate) answered: Option<Moment>,
}

/// A bus on which every unit answers by `script`.
pub(crate) struct Bus {
    heard: Arc<Mutex<Vec<Heard>>>,
    _end: DropGuard,
}

impl Bus {
    /// Makes a bus and points `link` at it, as udev points a name by id at a port.
    pub(crate) fn start(link: &Path, script: impl Fn(&Asked) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let (mut master, slave) = SerialStream::pair().unwrap();
        let port = PathBuf::from(slave.name().unwrap());
        let _ = std::fs::remove_file(link);
        std::os::unix::fs::symlink(port, link).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (log, end, clock) = (heard.clone(), CancellationToken::new(), Clock::start());
        let cancelled = end.clone();
        tokio::spawn(async move {
            // Held open, so that the bus lives before the link has opened it.
            let _slave = slave;
            let serve = async {
                for number in 0.. {
                    let Some(asked) = request(&mut master, number).await else { return };
                    log.lock().unwrap().push(Heard { asked: asked.clone(), at: clock.moment(), answered: None });
                    for act in script(&asked) {
                        match act {
                            Act::Send(bytes) => {
                                if master.write_all(&bytes).await.is_err() {
                                    return;
                                }
                                log.lock().unwrap()[number].answered = Some(clock.moment());
                            }
                            Act::Wait(time) => tokio::time::sleep(time).await,
                            Act::Close => return,
                        }
                    }
                }
            };
            tokio::select! { () = serve => {}, () = cancelled.cancelled() => {} }
        });
        Self { heard, _end: end.drop_guard() }
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.heard().into_iter().map(|heard| heard.asked).collect()
    }
}

/// The next request on the bus; `None` once it is gone.
async fn request(bus: &mut SerialStream, number: usize) -> Option<Asked> {
    let mut head = [0; 8];
    bus.read_exact(&mut head[..7]).await.ok()?;
    let mut telegram = head[..7].to_vec();
    let more = if matches!(head[1], 15 | 16) { usize::from(head[6]) + 2 } else { 1 };
    let mut rest = vec![0; more];
    bus.read_exact(&mut rest).await.ok()?;
    telegram.extend(rest);
    let (data, _) = telegram.split_at(telegram.len() - 2);
    assert_eq!(seal(data), telegram, "the link's own checksum");
    Some(Asked { connection: 0, number, transaction: [0, 0], unit: data[0], pdu: data[1..].to_vec() })
}

/// The port at `path`: fast, so that tests wait for what they are about.
pub(crate) fn port(path: &Path, gap: Duration, quiet: Duration) -> Medium {
    Medium::Serial(Serial {
        path: path.to_owned(),
        baud: 115_200,
        data_bits: DataBits::Eight,
        parity: Parity::None,
        stop_bits: StopBits::One,
        gap,
        quiet,
    })
}
