//! Images that memory let go of, brought back from evidence; and pictures for the eye.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::{App, Visitor, reply};
use crate::field::decoder::{Bytes, Decoder};
use crate::image::feed::{Feed, Snapshot, Stored};
use crate::image::material::Table;
use crate::image::{self, Finished, Line, Scan, files, render};
use crate::journal::EvidenceFiles;

/// Files decoded at once: each may take a gigabyte for a moment.
const AT_ONCE: usize = 1;
/// Ids of images that pages may ask for.
const KNOWN: usize = 256;
/// Longest id.
const ID_MAX: usize = 64;

/// The ids of the station's last images: nothing else of the evidence may be asked for.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<VecDeque<Arc<str>>>);

impl Known {
    pub(super) fn add<'a>(&self, ids: impl IntoIterator<Item = &'a Arc<str>>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if !known.contains(id) {
                known.push_back(id.clone());
            }
        }
        let excess = known.len().saturating_sub(KNOWN);
        known.drain(..excess);
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|known| **known == *id)
    }
}

/// Where finished images lie.
#[derive(Debug)]
pub(super) struct Archive {
    evidence: EvidenceFiles,
    decoder: Decoder,
    places: Semaphore,
}

impl Archive {
    pub(super) fn new(evidence: EvidenceFiles, decoder: Decoder) -> Self {
        Self { evidence, decoder, places: Semaphore::new(AT_ONCE) }
    }

    /// Puts a finished file's image into `feed`; `false` when there is no such file, or nobody can read it.
    pub(super) async fn bring_back(&self, id: &Arc<str>, feed: &Feed) -> bool {
        let Some(finished) = self.finished(id).await else { return false };
        if feed.snapshot(id).is_some() {
            return true;
        }
        feed.begin(id.clone(), finished.format());
        let lines = finished.lines();
        lines.for_each(|line| feed.line(id, line));
        feed.end(id, &finished.outcome());
        true
    }

    async fn finished(&self, id: &str) -> Option<Finished> {
        // Only evidence has a hash for a name; the file's place is made of it.
        if id.len() != ID_MAX || !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let _place = self.places.acquire().await.ok()?;
        let (evidence, sha256) = (self.evidence.clone(), id.to_owned());
        let file = tokio::task::spawn_blocking(move || evidence.read(&sha256)).await.ok()?;
        let file = file.inspect_err(|error| tracing::warn!(id, %error, "an image cannot be read again")).ok()?;
        let picture = self.decoder.picture(Bytes { file: &file, sidecar: None }).await;
        let picture =
            picture.inspect_err(|failure| tracing::warn!(id, ?failure, "an image cannot be shown again")).ok()?;
        tokio::task::spawn_blocking(move || image::of_picture(&picture)).await.ok()
    }
}

/// The first view of an image as a person sees it.
pub(super) async fn presentation(State(app): State<Arc<App>>, visitor: Visitor, Path(id): Path<String>) -> Response {
    let absent = || reply::refused(StatusCode::NOT_FOUND, "no_such_image", "this station has no such image");
    if app.site.seat(&visitor.person.agency).is_none() {
        return reply::refused(StatusCode::FORBIDDEN, "not_your_desk", "your agency has no desk at this station");
    }
    if id.len() > ID_MAX {
        return absent();
    }
    let id: Arc<str> = id.into();
    let kept = app.feed.snapshot(&id).or_else(|| app.recalled.snapshot(&id));
    let scan = match kept {
        Some(kept) => scan(&kept),
        None if app.known.contains(&id) => match app.archive.finished(&id).await {
            Some(finished) => finished.scan,
            None => return absent(),
        },
        None => return absent(),
    };
    let materials = app.materials.clone();
    match tokio::task::spawn_blocking(move || picture(&scan, materials.as_deref())).await {
        Ok(Some(bytes)) => ([(header::CONTENT_TYPE, "image/png")], bytes).into_response(),
        Ok(None) | Err(_) => absent(),
    }
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
        known.add(&ids);
        known.add(&ids[KNOWN..]);
        assert!(!known.contains("0") && known.contains("1") && known.contains(&ids[KNOWN]));
    }
}
