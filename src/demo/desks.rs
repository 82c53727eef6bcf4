//! The desks of a demo's lane: where they are, who may log in, and who sits there at this moment.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::daemon::Paths;
use super::logins;
use super::show::{Line, Show};
use crate::control::call::{Call, Reply};
use crate::control::socket;
use crate::people::UserAct;

/// How often the demo looks who sits at the desks.
const LOOKS: Duration = Duration::from_secs(1);

/// Desks in browsers. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Desks {
    /// Where the pages are.
    pub(super) pages: SocketAddr,
    /// Agencies with somebody at the screen.
    taken: Arc<Mutex<BTreeSet<String>>>,
}

impl Desks {
    /// Desks at `port` of `listen`, or at any other port where that one is taken.
    ///
    /// # Errors
    /// When nothing can listen at that address.
    pub(super) fn at(listen: IpAddr, port: u16) -> std::io::Result<Self> {
        let free = |port| TcpListener::bind((listen, port)).and_then(|listener| listener.local_addr());
        let pages = free(port).or_else(|_| free(0))?;
        Ok(Self { pages, taken: Arc::default() })
    }

    /// Makes the logins, says what they are, and looks who comes, until `stop`.
    pub(super) async fn open(self, lane: &'static str, paths: Paths, show: Show, stop: CancellationToken) {
        let made = tokio::select! {
            () = stop.cancelled() => return,
            made = logins::make(&paths, self.pages) => made,
        };
        match made {
            Ok(logins) => {
                for login in logins {
                    show.important(format!(
                        "{lane} desk   https://{}/desk/xr1/{}   name {}   password {}",
                        self.pages, login.agency, login.name, login.password
                    ));
                }
            }
            Err(error) => show.line(Line::Words(format!("the {lane}'s desks have no logins: {error}"))),
        }
        while !stop.is_cancelled() {
            if let Ok(Reply::Users { users }) = socket::ask(&paths.socket(), &Call::User { act: UserAct::List }).await {
                let there = users.into_iter().filter(|user| user.at_a_screen).map(|user| user.agency).collect();
                self.note(lane, there, &show);
            }
            tokio::time::sleep(LOOKS).await;
        }
    }

    /// Whether a person sits at this agency's desk, whom nobody plays.
    pub(super) fn is_taken(&self, agency: &str) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).contains(agency)
    }

    /// Whether a person sits at any desk.
    pub(super) fn is_any_taken(&self) -> bool {
        !self.taken.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn note(&self, lane: &str, there: BTreeSet<String>, show: &Show) {
        let before = std::mem::replace(&mut *self.taken.lock().unwrap_or_else(PoisonError::into_inner), there.clone());
        for agency in there.difference(&before) {
            show.line(Line::Words(format!(
                "the desk of {agency} at the {lane} is yours: nobody plays it until you log out"
            )));
        }
        for agency in before.difference(&there) {
            show.line(Line::Words(format!("the desk of {agency} at the {lane} is played again")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_port_that_is_taken_is_left_alone() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        let desks = Desks::at(Ipv4Addr::LOCALHOST.into(), taken).unwrap();
        assert_ne!(desks.pages.port(), taken);
        drop(held);
        assert_eq!(Desks::at(Ipv4Addr::LOCALHOST.into(), taken).unwrap().pages.port(), taken);
    }
}
