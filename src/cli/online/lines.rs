//! A detector of X-ray lines, listened to for a while.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use portside_devices::lines::Idle;
use portside_devices::reading::Reading;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Found, What};
use crate::clock::Clock;
use crate::config::OnLines;
use crate::diagnose::Cause;
use crate::field::lines::{LinesEvent, LinesSpec, listen};
use crate::field::{FieldEvent, LinkState};

/// Long enough for a rate and for the reason why there is none.
const LISTEN: Duration = Duration::from_secs(3);

/// What the detector of device `id` says.
pub(super) async fn look(id: Arc<str>, on: &OnLines) -> Found {
    let at = on.medium.to_string();
    let Some(detector) = &on.profile.detector else {
        return Found { id, what: What::Stream(at, Vec::new()), causes: Vec::new() };
    };
    let (events, mut told) = mpsc::channel(256);
    let (lines, mut come) = mpsc::channel(16);
    let (stop, clock) = (CancellationToken::new(), Clock::start());
    let idle = detector.idle;
    let spec = LinesSpec { id: id.clone(), index: 0, medium: on.medium.clone(), detector: Arc::new(detector.clone()) };
    let link = listen(spec, clock, lines, events, stop.clone());
    let end = clock.moment() + LISTEN;
    let (mut said, mut down, mut any): (BTreeMap<Arc<str>, Reading>, Option<Arc<str>>, bool) = Default::default();
    loop {
        tokio::select! {
            () = tokio::time::sleep(clock.until(end)) => break,
            Some(event) = told.recv() => match event {
                FieldEvent::Batch { readings, .. } => {
                    said.extend(readings.into_iter().map(|reading| (reading.point.clone(), reading)));
                }
                FieldEvent::Link { state: LinkState::Down { reason }, .. } => down = Some(reason),
                FieldEvent::Link { state: LinkState::Up, .. } => down = None,
                FieldEvent::Unconfirmed { .. } => {}
            },
            Some(event) = come.recv() => any |= matches!(event, LinesEvent::Lines { .. }),
        }
    }
    stop.cancel();
    link.ended().await;
    let causes = match down {
        Some(reason) => vec![Cause::NoWay(reason.to_string())],
        None if !any && idle == Idle::Lines => {
            vec![Cause::NothingSaid { place: at.clone(), seconds: LISTEN.as_secs() }]
        }
        None => Vec::new(),
    };
    Found { id, what: What::Stream(at, said.into_values().collect()), causes }
}
