//! How one camera stands, from what its process says and from silence.
//!
//! ```text
//!               frame                 nothing new for too long, or frozen, or black
//!  Starting ───────────► Live ◄─────────────────────────────────────────────────────► Stale
//!     │  ▲ found           │ the source or its process is gone                          │
//!     ▼  │                 ▼                                                            │
//!  Unavailable           Lost ◄─────────────────────────────────────────────────────────┘
//!                          └── frame ──► Live
//! ```
//! A camera that was lost stays so until there is a frame: a process that starts again and again is no hope.

use std::sync::Arc;
use std::time::Duration;

use portside_devices::camera::Blemish;
use portside_devices::moment::Moment;
use serde::Serialize;

/// How one camera stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CameraState {
    /// There is no program to watch it with.
    Unavailable {
        /// Where it was looked for.
        reason: Arc<str>,
    },
    /// There was no frame yet, and no fault.
    Starting,
    /// Its newest frame shows the lane as it is.
    Live,
    /// Its newest frame cannot be relied on.
    Stale {
        /// Why not.
        why: Why,
    },
    /// It gives no frames, or its process ended.
    Lost {
        /// What a technician should look at.
        reason: Arc<str>,
    },
}

/// Why a picture cannot be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It does not change.
    Frozen,
    /// There is nothing on it.
    Black,
    /// It is old, and none came after it.
    NoFrames,
}

impl CameraState {
    /// The state in one sentence; `None` when there is nothing to complain of.
    pub fn complaint(&self) -> Option<Arc<str>> {
        match self {
            Self::Unavailable { reason } | Self::Lost { reason } => Some(reason.clone()),
            Self::Starting => Some("there was no frame yet".into()),
            Self::Stale { why } => Some(why.sentence().into()),
            Self::Live => None,
        }
    }

    /// The state in one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Stale { .. } => "stale",
            Self::Lost { .. } => "lost",
        }
    }
}

impl Why {
    /// For people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Frozen => "its picture is frozen",
            Self::Black => "its picture is black",
            Self::NoFrames => "it gives no new frames",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Absent(Arc<str>),
    Lost(Arc<str>),
    Seen { newest: Moment, blemish: Blemish },
}

/// What is known of one camera.
#[derive(Clone, Debug)]
pub(super) struct Health {
    phase: Phase,
    /// How old the newest frame may be.
    fresh_for: Duration,
}

impl Health {
    /// A camera of which nothing is known.
    pub(super) const fn new(fresh_for: Duration) -> Self {
        Self { phase: Phase::Starting, fresh_for }
    }

    /// A frame came that was made at `made`.
    pub(super) fn frame(&mut self, made: Moment, blemish: Blemish) {
        self.phase = Phase::Seen { newest: made, blemish };
    }

    /// The source or its process is gone.
    pub(super) fn lost(&mut self, reason: Arc<str>) {
        self.phase = Phase::Lost(reason);
    }

    /// There is no program.
    pub(super) fn absent(&mut self, reason: Arc<str>) {
        self.phase = Phase::Absent(reason);
    }

    /// A process was started.
    pub(super) fn started(&mut self) {
        if matches!(self.phase, Phase::Absent(_)) {
            self.phase = Phase::Starting;
        }
    }

    /// How it stands at `now`.
    pub(super) fn state(&self, now: Moment) -> CameraState {
        match &self.phase {
            Phase::Starting => CameraState::Starting,
            Phase::Absent(reason) => CameraState::Unavailable { reason: reason.clone() },
            Phase::Lost(reason) => CameraState::Lost { reason: reason.clone() },
            Phase::Seen { newest, .. } if now.since(*newest) > self.fresh_for => {
                CameraState::Stale { why: Why::NoFrames }
            }
            Phase::Seen { blemish: Blemish { frozen: true, .. }, .. } => CameraState::Stale { why: Why::Frozen },
            Phase::Seen { blemish: Blemish { black: true, .. }, .. } => CameraState::Stale { why: Why::Black },
            Phase::Seen { .. } => CameraState::Live,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Blemish = Blemish { frozen: false, black: false, covered: false, blurred: false, turned: false };
    const FROZEN: Blemish = Blemish { frozen: true, ..CLEAN };
    const BLACK: Blemish = Blemish { black: true, ..CLEAN };

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn lost(reason: &str) -> CameraState {
        CameraState::Lost { reason: reason.into() }
    }

    #[test]
    fn a_camera_is_live_while_its_frames_are_young_and_whole() {
        let mut health = Health::new(Duration::from_secs(2));
        assert_eq!(health.state(at(0)), CameraState::Starting);
        health.frame(at(1000), CLEAN);
        assert_eq!(health.state(at(3000)), CameraState::Live);
        assert_eq!(health.state(at(3001)), CameraState::Stale { why: Why::NoFrames });
        health.frame(at(3100), FROZEN);
        assert_eq!(health.state(at(3100)), CameraState::Stale { why: Why::Frozen });
        health.frame(at(3200), BLACK);
        assert_eq!(health.state(at(3200)), CameraState::Stale { why: Why::Black });
        // Old before frozen: what an old picture showed says nothing any more.
        assert_eq!(health.state(at(9000)), CameraState::Stale { why: Why::NoFrames });
    }

    #[test]
    fn a_doubt_about_the_eye_leaves_its_pictures_in_use() {
        let mut health = Health::new(Duration::from_secs(2));
        health.frame(at(1000), Blemish { covered: true, turned: true, ..CLEAN });
        assert_eq!(health.state(at(1000)), CameraState::Live);
    }

    #[test]
    fn a_lost_camera_stays_lost_until_there_is_a_frame() {
        let mut health = Health::new(Duration::from_secs(2));
        health.lost("no route".into());
        health.started();
        assert_eq!(health.state(at(60_000)), lost("no route"));
        health.frame(at(60_000), CLEAN);
        assert_eq!(health.state(at(60_000)), CameraState::Live);
    }

    #[test]
    fn a_program_that_is_found_later_ends_the_absence() {
        let mut health = Health::new(Duration::from_secs(2));
        health.absent("not installed".into());
        assert_eq!(health.state(at(0)), CameraState::Unavailable { reason: "not installed".into() });
        health.started();
        assert_eq!(health.state(at(0)), CameraState::Starting);
    }

    #[test]
    fn a_state_reads_as_one_flat_object() {
        let text = |state: &CameraState| serde_json::to_string(state).unwrap();
        assert_eq!(text(&CameraState::Live), r#"{"state":"live"}"#);
        assert_eq!(text(&CameraState::Stale { why: Why::NoFrames }), r#"{"state":"stale","why":"no_frames"}"#);
        assert_eq!(text(&lost("cable")), r#"{"state":"lost","reason":"cable"}"#);
    }
}
