//! Images that memory let go of, brought back from evidence; and pictures for the eye.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize as _;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::reply::Code;
use super::{App, Restore, Visitor, reply};
use crate::image::feed::{Feed, Snapshot, Stored};
use crate::image::material::Table;
use crate::image::{Finished, Line, Outcome, Scan, files, render};
use crate::journal::{EvidenceFiles, Reader, Record};

/// Files decoded at once: each may take a gigabyte for a moment.
const AT_ONCE: usize = 1;
/// Ids of images that pages may ask for.
const KNOWN: usize = 256;
/// Longest id.
const ID_MAX: usize = 64;

/// The ids of the station's last images, and whose they are as far as it is known: nothing else of the evidence may be
/// asked for.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<VecDeque<Owned>>);

/// An image's id, and its inspection.
type Owned = (Arc<str>, Option<Arc<str>>);

impl Known {
    /// An image of an inspection; a live one is known before it is of any.
    pub(super) fn add(&self, id: &Arc<str>, inspection: Option<&Arc<str>>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.iter_mut().find(|(known, _)| known == id) {
            Some((_, of)) => *of = inspection.or(of.as_ref()).cloned(),
            None => known.push_back((id.clone(), inspection.cloned())),
        }
        let excess = known.len().saturating_sub(KNOWN);
        known.drain(..excess);
    }

    /// Which image it is, if the station had it.
    pub(super) fn named(&self, id: &str) -> Option<Wanted> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (image, inspection) = known.iter().find(|(known, _)| **known == *id)?;
        Some(Wanted { image: image.clone(), inspection: inspection.clone() })
    }
}

/// An image that memory let go of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    image: Arc<str>,
    inspection: Option<Arc<str>>,
}

/// The file of an image, as its record tells.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    sha256: String,
    /// How the image ended; `None` for a file that came finished.
    outcome: Option<Outcome>,
}

/// Where finished images lie.
pub(super) struct Archive {
    evidence: EvidenceFiles,
    records: Reader,
    restore: Restore,
    places: Semaphore,
}

impl Archive {
    pub(super) fn new(evidence: EvidenceFiles, records: Reader, restore: Restore) -> Self {
        Self { evidence, records, restore, places: Semaphore::new(AT_ONCE) }
    }

    /// Puts an image into `feed` once more; `false` when there is no file of it, or nobody can read it.
    pub(super) async fn bring_back(&self, wanted: &Wanted, feed: &Feed) -> bool {
        let id = &wanted.image;
        let Some((finished, outcome)) = self.finished(wanted).await else { return false };
        show(feed, id, &finished, &outcome);
        true
    }

    /// What a file shows. Few are decoded at once; the others wait.
    pub(super) async fn decoded(&self, file: Vec<u8>) -> Result<Finished, String> {
        let _place = self.places.acquire().await.map_err(|closed| closed.to_string())?;
        (self.restore)(file).await
    }

    async fn finished(&self, wanted: &Wanted) -> Option<(Finished, Outcome)> {
        let id = wanted.image.clone();
        let Kept { sha256, outcome } = match is_hash(&id) {
            true => Kept { sha256: id.to_string(), outcome: None },
            false => self.on_record(wanted).await?,
        };
        let evidence = self.evidence.clone();
        let file = tokio::task::spawn_blocking(move || evidence.read(&sha256)).await.ok()?;
        let file = file.inspect_err(|error| tracing::warn!(%id, %error, "an image cannot be read again")).ok()?;
        let finished = self.decoded(file).await;
        let finished =
            finished.inspect_err(|failure| tracing::warn!(%id, failure, "an image cannot be shown again")).ok()?;
        let outcome = outcome.unwrap_or_else(|| finished.outcome());
        Some((finished, outcome))
    }

    /// A live image's file: the records of its inspection say which one it became.
    async fn on_record(&self, wanted: &Wanted) -> Option<Kept> {
        let Wanted { image, inspection } = wanted;
        let records = self.records.inspection(inspection.as_ref()?.to_string()).await;
        let records =
            records.inspect_err(|error| tracing::warn!(%image, %error, "nobody knows an image's file")).ok()?;
        let files: Vec<Value> = records.iter().filter_map(|stored| file_of(&stored.bytes, image)).collect();
        // What is for processing shows the same as the lines did; what is for presentation would be better than nothing.
        let file = files.iter().find(|data| data["form"] == "raw").or(files.first())?;
        let sha256 = file["sha256"].as_str().filter(|sha256| is_hash(sha256))?.to_owned();
        Some(Kept { sha256, outcome: Outcome::deserialize(file).ok() })
    }
}

/// Puts an image into `feed`, unless somebody else did meanwhile.
pub(super) fn show(feed: &Feed, id: &Arc<str>, finished: &Finished, outcome: &Outcome) {
    if feed.snapshot(id).is_some() {
        return;
    }
    feed.begin(id.clone(), finished.format());
    finished.lines().for_each(|line| feed.line(id, line));
    feed.end(id, outcome);
}

/// The data of a record that says which file an image became.
fn file_of(record: &[u8], image: &str) -> Option<Value> {
    let record = Record::parse(record).ok()?;
    let data = (record.kind == "inspection.picture").then(|| record.value())?;
    (data["image"] == image).then_some(data)
}

/// Evidence has a hash for a name, and the file's place is made of it.
fn is_hash(id: &str) -> bool {
    id.len() == ID_MAX && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The first view of an image as a person sees it.
pub(super) async fn presentation(State(app): State<Arc<App>>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let absent = || reply::refused(StatusCode::NOT_FOUND, Code::NoSuchImage, "this station has no such image");
    if app.site.seat(&visitor.person.agency).is_none() {
        return reply::refused(StatusCode::FORBIDDEN, Code::NotYourDesk, "your agency has no desk at this station");
    }
    if id.len() > ID_MAX {
        return absent();
    }
    let id: Arc<str> = id.into();
    let kept = app.feed.snapshot(&id).or_else(|| app.recalled.snapshot(&id));
    let scan = match kept {
        Some(kept) => scan(&kept),
        None => match gone(&app, &id).await {
            Some(scan) => scan,
            None => return absent(),
        },
    };
    let materials = app.materials.clone();
    match tokio::task::spawn_blocking(move || picture(&scan, materials.as_deref())).await {
        Ok(Some(bytes)) => ([(header::CONTENT_TYPE, "image/png")], bytes).into_response(),
        Ok(None) | Err(_) => absent(),
    }
}

async fn gone(app: &App, id: &str) -> Option<Scan> {
    let wanted = app.known.named(id)?;
    let (finished, _) = app.archive.finished(&wanted).await?;
    Some(finished.scan)
}

fn picture(scan: &Scan, materials: Option<&Table>) -> Option<Vec<u8>> {
    let rendered = render::render(scan, 0, materials)?;
    files::presentation_png(&rendered).ok()
}

/// The image so far. A line that nobody handed over stands as the one before it.
fn scan(kept: &Snapshot) -> Scan {
    let mut scan = Scan::new((*kept.format).clone());
    for (view, lines) in (0u8..).zip(&kept.views) {
        let mut last: Option<&Stored> = lines.iter().flatten().next();
        for (index, stored) in (0u32..).zip(lines) {
            last = stored.as_ref().or(last);
            if let Some(Stored { samples, filled }) = last {
                scan.add(&Line { index, view, filled: *filled, samples: samples.clone() });
            }
        }
    }
    scan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_images_of_the_station_may_be_asked_for() {
        let known = Known::default();
        let ids: Vec<Arc<str>> = (0..KNOWN + 1).map(|number| number.to_string().into()).collect();
        ids.iter().for_each(|id| known.add(id, None));
        known.add(&ids[KNOWN], None);
        assert_eq!(known.named("0"), None);
        assert!(known.named("1").is_some() && known.named(&ids[KNOWN]).is_some());
    }

    #[test]
    fn whose_an_image_is_stays_known() {
        let (known, image, inspection): (_, Arc<str>, Arc<str>) = (Known::default(), "img".into(), "i-1".into());
        known.add(&image, None);
        assert_eq!(known.named("img"), Some(Wanted { image: image.clone(), inspection: None }));
        known.add(&image, Some(&inspection));
        known.add(&image, None);
        assert_eq!(known.named("img"), Some(Wanted { image, inspection: Some(inspection) }));
    }
}
