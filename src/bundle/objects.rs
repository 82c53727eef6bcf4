//! The DICOS objects of an inspection: its images for processing, and what its desks decided.

use jiff::Timestamp;

use super::manifest::Made;
use super::told::{Desk, Pictured, Told};
use crate::dicos::{
    Abort, Decision, Energy, Inspection, Maker, NotWritten, Object, Operator, Projection, Reference, Report, Subject,
    Written, write_image, write_report,
};
use crate::field::picture::{self, Form, Photometric, Picture, View};

/// A file of the bundle.
pub(super) struct File {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

/// An image that was written, for the reports that are about it.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) reference: Reference,
    sha256: String,
    image: Option<String>,
    view: usize,
}

impl Told {
    fn inspection(&self) -> Inspection {
        Inspection {
            id: self.id.clone(),
            port: self.port.clone(),
            lane: self.lane.clone(),
            subject: self.subject,
            identity: self.identity.clone(),
            opened: self.opened,
        }
    }

    /// The images of one picture, numbered on from those there are. Only what was measured becomes one: a picture that
    /// somebody rendered, or in colour, is evidence and says nothing that a program should compute with.
    pub(super) fn images(
        &self,
        pictured: &Pictured,
        picture: &Picture,
        images: &mut Vec<Image>,
    ) -> Result<Vec<File>, String> {
        let header = &picture.header;
        if header.form != Form::Raw || header.photometric == Photometric::Rgb {
            return Err("it is rendered for screens, and stays evidence alone".to_owned());
        }
        if header.signed {
            return Err("its samples are signed, which a DX image cannot be; it stays evidence alone".to_owned());
        }
        let (Ok(width), Ok(height)) = (u16::try_from(header.width), u16::try_from(header.height)) else {
            return Err("it is larger than a DX image can be".to_owned());
        };
        let size = usize::from(width) * usize::from(height) * usize::from(header.sample_bytes);
        let mut files = Vec::new();
        let parts = header.views.iter().zip(picture.samples.chunks_exact(size.max(1)));
        for (place, (view, samples)) in parts.enumerate() {
            let number = u32::try_from(images.len() + 1).unwrap_or(u32::MAX);
            let energy = energy(view.energy.or_else(|| alone(&pictured.name, header.views.len())));
            let projection = Projection {
                number,
                source: &pictured.sha256,
                view: place,
                device: &pictured.device,
                at: pictured.at,
                first: self.pictures.first().map_or(pictured.at, |first| first.at),
                energy,
                width,
                height,
                bits: header.bits,
                sample_bytes: header.sample_bytes,
                inverse: header.photometric == Photometric::Monochrome1,
                spacing_um: pictured.spacing_um,
                samples,
            };
            let written = write_image(&self.inspection(), &projection).map_err(|error| error.to_string())?;
            files.push(File { path: format!("dicos/dx-{number}-{}.dcs", word(energy)), bytes: written.bytes });
            images.push(Image {
                reference: written.reference,
                sha256: pictured.sha256.clone(),
                image: pictured.image.clone(),
                view: looks(&header.views, place),
            });
        }
        Ok(files)
    }

    /// One report a desk, and one of all desks together; none of a vehicle, and none before the desks' time.
    pub(super) fn reports(&self, images: &[Image]) -> Result<(Vec<File>, Made), NotWritten> {
        let mut made = Made { of: "reports".to_owned(), files: Vec::new(), why: None };
        made.why = match (self.subject, self.asked) {
            (Subject::Cargo, _) => Some("threat reports have no form for vehicles and cargo"),
            (Subject::Baggage, None) => Some("no desk was asked"),
            (Subject::Baggage, Some(_)) if !self.closed => Some("the inspection is not closed"),
            (Subject::Baggage, Some(_)) if self.desks.is_empty() => Some("no desk's verdict is on record"),
            (Subject::Baggage, Some(_)) => None,
        }
        .map(str::to_owned);
        let (None, Some((asked, _))) = (&made.why, self.asked) else { return Ok((Vec::new(), made)) };
        let mut files = Vec::new();
        let mut number = 0;
        let mut put = |name: String, written: Written| {
            files.push(File { path: format!("dicos/{name}"), bytes: written.bytes });
        };
        let references: Vec<_> = images.iter().map(|image| image.reference.clone()).collect();
        let report = |number, maker, decision, decided, abort, objects| Report {
            number,
            maker,
            decision,
            decided,
            asked,
            abort,
            objects,
            images: references.clone(),
        };
        for desk in &self.desks {
            number += 1;
            let maker =
                Maker::Operator(Operator { agency: desk.agency.clone(), number: desk.officer.as_ref().map(|_| 1) });
            let decision = desk.verdict.unwrap_or(Decision::Unknown);
            let objects = objects(desk, images);
            let written = write_report(
                &self.inspection(),
                &report(number, maker, decision, desk.decided, self.abort(desk), objects),
            )?;
            put(format!("tdr-operator-{}.dcs", desk.agency), written);
        }
        let (decision, abort) = self.all_together();
        let decided = self.desks.iter().map(|desk| desk.decided).max().unwrap_or(asked);
        let all = self.desks.iter().flat_map(|desk| objects(desk, images)).collect();
        let together = report(number + 1, Maker::Aggregate, decision, decided, abort, all);
        put("tdr-aggregate.dcs".to_owned(), write_report(&self.inspection(), &together)?);
        made.files = files.iter().map(|file| file.path.clone()).collect();
        Ok((files, made))
    }

    /// Why a desk has no verdict: its time was up, or the subject went or the others were opened before.
    fn abort(&self, desk: &Desk) -> Option<Abort> {
        if desk.verdict.is_some() {
            return None;
        }
        let up = |(asked, timeout): (Timestamp, i64)| desk.decided.duration_since(asked).as_millis() >= timeout.into();
        Some(if self.asked.is_some_and(up) { Abort::Timeout } else { Abort::NotReviewed })
    }

    /// As the lane itself reckons: one alarm is an alarm; without it every required desk must have said clear.
    fn all_together(&self) -> (Decision, Option<Abort>) {
        if self.desks.iter().any(|desk| desk.verdict == Some(Decision::Alarm)) {
            return (Decision::Alarm, None);
        }
        let required = || self.desks.iter().filter(|desk| desk.required);
        let abort = required().filter_map(|desk| self.abort(desk)).max_by_key(|abort| *abort == Abort::Timeout);
        let clear = required().next().is_some() && required().all(|desk| desk.verdict == Some(Decision::Clear));
        (if clear { Decision::Clear } else { Decision::Unknown }, abort)
    }
}

/// The shared marks of a desk that lie in an image of the bundle.
fn objects(desk: &Desk, images: &[Image]) -> Vec<Object> {
    let judged = |image: &Image| {
        desk.image.as_ref().is_none_or(|judged| image.sha256 == *judged || image.image.as_ref() == Some(judged))
    };
    let object = |mark: &super::told::Mark| {
        let image = images.iter().position(|image| judged(image) && image.view == mark.view)?;
        Some(Object { category: mark.category(), words: mark.category.clone(), image, shape: mark.shape.clone() })
    };
    desk.marks.iter().filter_map(object).collect()
}

/// Which view of the subject a part of a file is: energies of one view share its number.
fn looks(views: &[View], place: usize) -> usize {
    let of = views.get(place).map(|view| view.energy);
    views.iter().take(place).filter(|view| Some(view.energy) == of).count()
}

/// The energy that a machine says in the name of a file of one view, where it writes each energy into its own.
fn alone(name: &str, views: usize) -> Option<picture::Energy> {
    picture::Energy::named(name).filter(|_| views == 1)
}

const fn energy(energy: Option<picture::Energy>) -> Energy {
    match energy {
        Some(picture::Energy::Low) => Energy::Low,
        Some(picture::Energy::High) => Energy::High,
        None => Energy::Whole,
    }
}

const fn word(energy: Energy) -> &'static str {
    match energy {
        Energy::Whole => "whole",
        Energy::Low => "low",
        Energy::High => "high",
    }
}
