//! One daemon of the demo, and the centre that receives what it says.

use std::path::Path;
use std::time::Duration;

use portside_devices::moment::Moment;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::centre::{Centre, Received};
use super::daemon::{self, Ended, Paths};
use super::show::{Line, Show};
use super::{LOOK, Outcome, host_and_port};
use crate::clock::Clock;
use crate::control::call::{Call, Reply};
use crate::control::socket;

/// How long the centre may take for what the journal has at the end.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// A lane of the demo.
#[derive(Debug)]
pub(super) struct Attended {
    /// Where its daemon finds and leaves things.
    pub(super) paths: Paths,
    /// Who receives from it.
    pub(super) centre: Centre,
    stop: CancellationToken,
    daemon: JoinHandle<Ended>,
}

impl Attended {
    /// Starts the daemon, whose lane file is written, and a centre under topic `root`.
    pub(super) fn start(
        program: &Path,
        paths: &Paths,
        broker: &str,
        root: &str,
        until: &CancellationToken,
    ) -> Result<Self, String> {
        let centre = Centre::new(paths.store().exists());
        let (host, port) = host_and_port(broker)?;
        tokio::spawn(centre.clone().listen(host, port, root.to_owned(), until.clone()));
        let stop = CancellationToken::new();
        let daemon = tokio::spawn(daemon::supervise(program.to_owned(), paths.clone(), stop.clone()));
        Ok(Self { paths: paths.clone(), centre, stop, daemon })
    }

    /// Ends the daemon in order and looks at what is left.
    pub(super) async fn end(self, clock: Clock, show: &Show, outcome: &mut Outcome) {
        self.settle(clock, clock.moment() + SETTLES_WITHIN).await;
        self.stop.cancel();
        let name = self.paths.dir.display();
        if self.daemon.await.unwrap_or(Ended::Badly) == Ended::Badly {
            outcome.faults.push(format!("the daemon in {name} did not end in order"));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        let received = self.centre.received();
        outcome.faults.extend(received.faults.iter().cloned());
        check_journal(&self.paths, &received, outcome, show);
    }

    /// Waits until the centre has what the journal has, so that the last words of the demo are true.
    async fn settle(&self, clock: Clock, until: Moment) {
        while clock.moment() < until {
            if let Ok(Reply::Status { status }) = socket::ask(&self.paths.socket(), &Call::Status).await {
                let newest = status["journal"]["newest"]["inspection"].as_u64().unwrap_or(0);
                if self.centre.received().newest("inspection") >= newest {
                    return;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn check_journal(paths: &Paths, received: &Received, outcome: &mut Outcome, show: &Show) {
    match crate::journal::verify(&paths.store()) {
        Ok(report) => {
            show.line(Line::Words(format!(
                "journal: {} records, {}; the centre received {} of them, each in its place in the chain",
                report.streams.values().map(|stream| stream.records).sum::<u64>(),
                if report.problems.is_empty() { "every chain holds" } else { "DAMAGED" },
                received.records,
            )));
            outcome.faults.extend(report.problems.iter().map(ToString::to_string));
        }
        Err(error) => outcome.faults.push(format!("the journal cannot be verified: {error}")),
    }
}
