//! The detector's socket: it sends the lines of a tunnel to whoever is connected. What paces them is the belt.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use portside_devices::lines::{Detector, Frame, FrameKind};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// Frames that wait for a connection; what waits longer is lost, and its counter missing.
const WAITING: usize = 2_048;

/// A detector on a socket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LineSender {
    address: SocketAddr,
    detector: Arc<Detector>,
    counter: Arc<Mutex<u32>>,
    frames: broadcast::Sender<Arc<[u8]>>,
}

/// Dark lines and white ones, taken anew for each connection.
pub type Calibrate = Arc<dyn Fn() -> (Vec<Vec<u16>>, Vec<Vec<u16>>) + Send + Sync>;

impl LineSender {
    /// Listens on a free port of the loopback interface until `cancel`.
    ///
    /// # Errors
    /// When nothing can listen there.
    pub async fn serve(detector: Detector, calibrate: Calibrate, cancel: CancellationToken) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sender = Self {
            address: listener.local_addr()?,
            detector: Arc::new(detector),
            counter: Arc::default(),
            frames: broadcast::Sender::new(WAITING),
        };
        let serving = sender.clone();
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = cancel.cancelled() => return,
                    stream = listener.accept() => stream,
                };
                if let Ok((stream, _)) = stream {
                    tokio::spawn(serving.clone().speak(stream, calibrate.clone(), cancel.clone()));
                }
            }
        });
        Ok(sender)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one line of the first view. Without anybody connected it is said to nobody, as a detector does.
    pub fn send(&self, samples: Vec<u16>) {
        self.frame(FrameKind::Data, samples);
    }

    /// Counts lines that it does not send, as a detector whose buffer ran over does.
    pub fn lose(&self, lines: u32) {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        *counter = counter.wrapping_add(lines);
    }

    fn frame(&self, kind: FrameKind, samples: Vec<u16>) {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = self.detector.write(&Frame { kind, counter: *counter, view: 0, samples });
        *counter = counter.wrapping_add(1);
        // Nobody is connected: nobody hears it.
        let _ = self.frames.send(frame.into());
    }

    async fn speak(self, mut stream: TcpStream, calibrate: Calibrate, cancel: CancellationToken) {
        let Ok((dark, white)) = tokio::task::spawn_blocking(move || calibrate()).await else { return };
        let mut heard = self.frames.subscribe();
        let lines = dark.into_iter().map(|line| (FrameKind::Dark, line));
        for (kind, line) in lines.chain(white.into_iter().map(|line| (FrameKind::White, line))) {
            self.frame(kind, line);
        }
        loop {
            let frame = tokio::select! {
                () = cancel.cancelled() => return,
                frame = heard.recv() => frame,
            };
            match frame {
                Ok(frame) => {
                    if stream.write_all(&frame).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use portside_devices::lines::Splitter;
    use portside_devices::profile::Profile;
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn who_connects_hears_dark_lines_white_lines_and_then_what_is_sent_and_counters_tell_what_was_lost() {
        let text = include_str!("../../../devices/profiles/xray/generic-baggage-lines.toml");
        let detector = Profile::parse("xray/generic-baggage-lines", text).unwrap().detector.unwrap();
        let line = |sample| vec![sample; detector.samples()];
        let (dark, white) = (line(9), line(50_000));
        let calibrate: Calibrate = Arc::new(move || (vec![dark.clone(); 2], vec![white.clone(); 3]));
        let sender = LineSender::serve(detector.clone(), calibrate, CancellationToken::new()).await.unwrap();
        let mut stream = TcpStream::connect(sender.address()).await.unwrap();
        let (mut splitter, mut heard, mut sent) = (Splitter::default(), Vec::new(), false);
        let mut buffer = vec![0; 1 << 16];
        while heard.len() < 7 {
            let length = stream.read(&mut buffer).await.unwrap();
            splitter.push(&detector, &buffer[..length], |frame| heard.push(frame));
            if heard.len() == 5 && !sent {
                sent = true;
                sender.send(line(30_000));
                sender.lose(4);
                sender.send(line(30_001));
            }
        }
        let said: Vec<_> = heard.iter().map(|frame| (frame.kind, frame.counter, frame.samples[7])).collect();
        let (dark, white, data) = (FrameKind::Dark, FrameKind::White, FrameKind::Data);
        let expected = [(dark, 0, 9), (dark, 1, 9), (white, 2, 50_000), (white, 3, 50_000), (white, 4, 50_000)];
        assert_eq!(said[..5], expected);
        assert_eq!(said[5..], [(data, 5, 30_000), (data, 10, 30_001)]);
    }
}
