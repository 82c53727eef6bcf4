//! What reaches the lane: what sensors say, what officers do, what became of an order.

use std::sync::Arc;

use portside_devices::moment::Moment;
use serde::{Deserialize, Serialize};

use super::finding::{Disposition, Found};
use super::marks::{ImageRef, Region};

/// What one presence sensor says. Unknown counts as present wherever the arm is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Nothing stands there.
    Clear,
    /// Something stands there.
    Present,
    /// Nobody can tell: bad, stale, link down, not yet read.
    Unknown,
}

/// What one contact of the barrier says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contact {
    /// Made.
    On,
    /// Not made.
    Off,
    /// Nobody can tell.
    Unknown,
}

/// Which contact of the barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArmContact {
    /// Limit switch: the arm is fully open.
    Opened,
    /// Limit switch: the arm is fully closed.
    Closed,
    /// The operator's own protection reports ready; required for closing where the profile has it.
    Protection,
    /// The operator reports a fault of its own.
    Fault,
    /// Somebody presses the emergency open button, which acts without this program.
    EmergencyOpen,
    /// Somebody presses the stop button, which acts without this program.
    StopPressed,
}

/// Who acts: a named person of an agency.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Officer {
    /// Agency id from the lane file.
    pub agency: Arc<str>,
    /// The person's name or number, as it stands in the record.
    pub name: Arc<str>,
}

/// One agency's judgement of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing suspicious.
    Clear,
    /// Something suspicious.
    Alarm,
    /// Cannot be judged from the image.
    Unknown,
}

/// Picture evidence that is already durable under its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Lower-case hex SHA-256 of the file's bytes.
    pub sha256: Arc<str>,
    /// What the screens call the image that this is the file of, where they have shown its lines already; several files
    /// may be of one image. `None`: the file is an image by itself, and its hash the image's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Arc<str>>,
    /// SHA-256 of the image as it was rendered for people (PNG), where this program made it of a detector's lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presentation: Option<Arc<str>>,
    /// How the image ended that was made of a detector's lines: how many there are, how many of them were lost and
    /// filled, what is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<crate::image::Outcome>,
    /// Media type: `image/png`, `image/jpeg`, `image/tiff`, `application/dicom`, or `application/octet-stream` for
    /// samples alone.
    pub media_type: Arc<str>,
    /// Bytes.
    pub size: u64,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bits of a sample that carry something.
    pub bits: u8,
    /// What its samples are for: `raw` for processing, `rendered` for presentation.
    pub form: Arc<str>,
    /// How many views, energies or frames it holds.
    pub views: usize,
    /// SHA-256 of the sidecar that came with samples alone.
    pub sidecar: Option<Arc<str>>,
    /// File name as it arrived.
    pub name: Arc<str>,
    /// Id of the device that made it.
    pub device: Arc<str>,
    /// Whether it can be of the subject in the lane.
    pub arrival: Arrival,
}

/// Whether a picture can be of the subject in the lane at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// It came as it was made.
    Fresh {
        /// When its file was last written.
        made: Moment,
    },
    /// It is evidence, and of nobody who stands here.
    Stale {
        /// Why, in a sentence.
        reason: Arc<str>,
    },
}

impl Arrival {
    /// True for what came as it was made.
    pub const fn is_fresh(&self) -> bool {
        match self {
            Self::Fresh { .. } => true,
            Self::Stale { .. } => false,
        }
    }
}

/// What a person asks of the lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Act {
    /// Names the subject in the lane.
    Identify {
        /// Inspection the officer saw; `None` means the one in the lane.
        inspection: Option<Arc<str>>,
        /// Licence plate or other number as typed.
        identity: Arc<str>,
    },
    /// Judges the subject.
    Judge {
        /// Inspection that the officer judged.
        inspection: Arc<str>,
        /// The judgement.
        verdict: Verdict,
        /// The image that it rests on; `None` from the shell alone, which shows none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<ImageRef>,
        /// What is marked in it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        regions: Vec<Region>,
        /// What the officer wrote beside it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// A desk's screen has drawn an image of the subject; the first one of each desk goes on record.
    Shown {
        /// Inspection.
        inspection: Arc<str>,
        /// Which image.
        image: ImageRef,
    },
    /// Stops a subject.
    PlaceHold {
        /// Inspection to hold.
        inspection: Arc<str>,
        /// Why, for the record.
        reason: Arc<str>,
    },
    /// Calls the agencies to a joint examination of a held subject; said again before the opening, it calls others.
    ExaminationBegin {
        /// Inspection.
        inspection: Arc<str>,
        /// Agencies to be there besides those that hold.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        with: Vec<Arc<str>>,
        /// A note of the agency's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// The officer is at the subject for their agency, which holds it from here on.
    ExaminationArrive {
        /// Inspection.
        inspection: Arc<str>,
    },
    /// Opens the subject, once, with every called agency present.
    ExaminationOpen {
        /// Inspection.
        inspection: Arc<str>,
    },
    /// What this agency found; said again, it corrects the finding before.
    ExaminationFinding {
        /// Inspection.
        inspection: Arc<str>,
        /// `nothing`, or the category.
        found: Found,
        /// A note of the agency's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// This agency's part in the examination is over.
    ExaminationClose {
        /// Inspection.
        inspection: Arc<str>,
    },
    /// What this agency does after its finding.
    Disposition {
        /// Inspection.
        inspection: Arc<str>,
        /// What.
        disposition: Disposition,
        /// The disposition of this agency that was recorded in error.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<Disposition>,
        /// A note of the agency's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// Hands a finding to the agency whose business it is; until that has accepted, this agency holds the subject.
    HandOver {
        /// Inspection.
        inspection: Arc<str>,
        /// The agency whose business it is.
        to: Arc<str>,
        /// A note of the agency's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<Arc<str>>,
    },
    /// Accepts what another agency handed over.
    Accept {
        /// Inspection.
        inspection: Arc<str>,
        /// The agency that handed it over.
        from: Arc<str>,
    },
    /// Lifts this agency's hold, and no other's.
    LiftHold {
        /// Inspection whose hold is lifted.
        inspection: Arc<str>,
        /// Why, for the record.
        reason: Arc<str>,
    },
    /// Confirms the subject's temperature with an instrument of the officer's own.
    Temperature {
        /// Inspection of the person who was measured.
        inspection: Arc<str>,
        /// As the instrument shows it, degrees Celsius.
        celsius: f64,
        /// Which instrument, for the record.
        instrument: Arc<str>,
    },
    /// Opens without a release, as a recorded override. Refused while any hold stands.
    Open {
        /// Why, for the record.
        reason: Arc<str>,
    },
    /// Stops the arm at once and latches.
    Stop,
    /// Ends a latched stop or a fault; moves nothing.
    Resume,
    /// A person at the lane has looked: nothing stands under the arm, it may close when every sensor agrees.
    ConfirmClear,
    /// A person at the lane has looked: after a restart the subject in the lane is still the same one.
    ConfirmSubject,
}

/// What became of an order to the barrier, as the link saw it. Seen movement comes from the contacts alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderOutcome {
    /// The device acknowledged the write.
    Written,
    /// The device refused, or the link was down: nothing was written.
    NotWritten,
    /// The answer was lost: it may or may not have been written.
    Unknown,
}

/// One thing that reached the lane.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A presence sensor was read; sent for every poll, changed or not, so that silence shows.
    Sensor {
        /// Place in [`super::Settings::sensors`].
        sensor: usize,
        /// What it says.
        presence: Presence,
    },
    /// A contact of the arm was read; sent for every poll, changed or not.
    Arm {
        /// Which contact.
        contact: ArmContact,
        /// What it says.
        state: Contact,
    },
    /// A person acted. The answer goes back as [`super::Effect::Answer`] with the same ticket.
    Officer {
        /// Who.
        officer: Officer,
        /// What.
        act: Act,
        /// Names the waiting caller.
        ticket: u64,
    },
    /// The lane's thermometer was read.
    Gauge {
        /// Which of its values.
        gauge: super::temperature::Gauge,
        /// Degrees Celsius, metres, or 1 and 0 for on and off; `None` where it cannot be used.
        value: Option<f64>,
    },
    /// The radiation portal in the lane alarms, or something has passed it.
    Radiation(super::radiation::News),
    /// Durable picture evidence arrived.
    Picture(Picture),
    /// What became of an order.
    Ordered {
        /// The order as it was given.
        order: super::Order,
        /// What became of it.
        outcome: OrderOutcome,
    },
    /// The independent interlock refused an order that this machine gave.
    Refused {
        /// The order as it was given.
        order: super::Order,
        /// The rule that refused it.
        rule: &'static str,
    },
    /// Time has come to look at deadlines again.
    Tick,
}

impl Picture {
    /// The id of the image that this is a file of.
    pub fn image(&self) -> &Arc<str> {
        self.image.as_ref().unwrap_or(&self.sha256)
    }
}

impl Act {
    /// A verdict without an image or a mark, as the shell gives it.
    pub fn judge(inspection: impl Into<Arc<str>>, verdict: Verdict) -> Self {
        Self::Judge { inspection: inspection.into(), verdict, image: None, regions: Vec::new(), note: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::{Category, Shape};

    #[test]
    fn a_verdict_is_read_as_it_was_ever_written_and_with_what_is_marked() {
        let plain = r#"{"verb":"judge","inspection":"i-1","verdict":"clear"}"#;
        assert_eq!(serde_json::from_str::<Act>(plain).unwrap(), Act::judge("i-1", Verdict::Clear));
        assert_eq!(serde_json::to_string(&Act::judge("i-1", Verdict::Clear)).unwrap(), plain);
        let marked = r#"{"verb":"judge","inspection":"i-1","verdict":"alarm","image":{"id":"a","revision":2},"regions":[{"view":0,"shape":"polygon","points":[[1,2],[3,4],[5,0]],"category":"blade"}],"note":"n"}"#;
        let shape = Shape::Polygon { points: vec![(1, 2), (3, 4), (5, 0)] };
        let act = Act::Judge {
            inspection: "i-1".into(),
            verdict: Verdict::Alarm,
            image: Some(ImageRef { id: "a".into(), revision: 2 }),
            regions: vec![Region { view: 0, shape, category: Category::Blade }],
            note: Some("n".into()),
        };
        assert_eq!(serde_json::from_str::<Act>(marked).unwrap(), act);
        assert_eq!(serde_json::to_string(&act).unwrap(), marked);
    }
}
