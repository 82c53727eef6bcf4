//! X-ray lines made into images: what the detector said becomes what an officer judges.
//!
//! ```text
//!  field ──RawLine──► processor ──Step──► feed ──► screens (lines as they come)
//!                         └── End ──► scan ──► evidence (for processing, for presentation)
//! ```
//! A line is one reading of the whole detector, a column of the picture; the subject moves across it. Line 0 is the edge
//! that went through the beam first.
//!
//! ```text
//!  RawLine ──order──► rows of all views ──calibration, air──► corrected ──segment──► Begin, Line…, End
//!              └ lost lines filled            ▲                               │
//!                                             └───── air between subjects ◄───┘
//! ```

mod air;
pub mod calibration;
mod defect;
pub mod files;
mod finished;
pub mod material;
mod order;
mod processor;
pub mod render;
mod scan;
mod segment;

pub use calibration::{Calibration, CalibrationError};
pub use defect::{BadPixel, Defect};
pub use finished::{Finished, of_picture};
pub use order::{Counts, RawLine};
pub use processor::{Processor, Step};
pub use scan::{Plane, Scan};
pub use segment::Segmentation;

pub mod feed;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a corrected sample of 16 bits is where nothing stands in the beam; 0 is where nothing comes through. Above it
/// there is room for noise.
pub const AIR: u16 = 60_000;

/// What a source of images can do, and the shape of what it gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Detector elements in a line.
    pub pixels: u32,
    /// Planes of a line. Energies: 1, or 2 with the softer one first. 3 together with `raw = false`: red, green and blue of a
    /// picture that came coloured, which are no energies at all.
    pub energies: u8,
    /// Views: how many detectors look at the subject at once.
    pub views: u8,
    /// Width of a detector element in the plane of the belt, micrometres; 0 when nobody said.
    pub pitch_um: u32,
    /// Way of the subject between two lines, micrometres; 0 when nobody said.
    pub line_um: u32,
    /// Whether lines come while the subject moves, or only the finished picture.
    pub live: bool,
    /// `true`: samples are proportional to what comes through, [`AIR`] in air. `false`: somebody chose window or filter
    /// already, so nothing is computed from them.
    pub raw: bool,
}

impl Format {
    /// Whether its planes are red, green and blue as somebody rendered them.
    pub const fn coloured(&self) -> bool {
        self.energies == 3 && !self.raw
    }

    /// Whether it measures two energies, which alone tell materials apart.
    pub const fn dual(&self) -> bool {
        self.energies == 2 && self.raw
    }

    /// Samples of one line of one view, all energies or colours.
    pub fn samples(&self) -> usize {
        self.pixels as usize * usize::from(self.energies)
    }
}

/// One line of one view, corrected: `pixels` samples of the softer energy, then as many of the harder one, if there is one.
/// Of a coloured picture: red, then green, then blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Place in the image, from 0.
    pub index: u32,
    /// The view, from 0.
    pub view: u8,
    /// The source did not send it: its neighbour stands here instead.
    pub filled: bool,
    /// Samples.
    pub samples: Arc<[u16]>,
}

/// What is wrong with a finished image, for the person who judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The source fell silent, or the image began in the middle of a subject.
    Incomplete,
    /// The subject reaches past the detector's first or last element.
    Clipped,
    /// The subject is longer than an image may be; the rest is the next image.
    Oversize,
    /// Lines were lost and filled.
    Gaps,
}

/// How an image ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Lines in the image, of each view.
    pub lines: u32,
    /// Of these, lines that the source never sent.
    pub filled: u32,
    /// What is wrong with it; empty when nothing is.
    pub flaws: Vec<Flaw>,
}
