//! One desk's judgement among the papers of an inspection: shown, given, sealed, opened.
//!
//! What is opened is the verdict. What the desk marked and wrote stays its own until a joint examination begins.

use std::sync::Arc;

use portside_devices::moment::Moment;
use serde_json::{Value, json};

use super::case::{Case, Entry, text};
use super::lane::ms;
use super::marks::{self, ImageRef, Region};
use super::review::{self, Said, Standing};
use super::settings::DeskRole;
use super::view::role_word;
use super::{Memory, Officer, Refusal, SealedVerdict, Secret, Verdict};

/// What a desk says of a subject.
#[derive(Clone, Debug)]
pub(super) struct Opinion {
    pub(super) verdict: Verdict,
    pub(super) image: Option<ImageRef>,
    pub(super) regions: Vec<Region>,
    pub(super) note: Option<Arc<str>>,
}

impl Case {
    /// The newest image and how many there are; `None` before the first.
    pub(super) fn image(&self) -> Option<ImageRef> {
        let id = Arc::clone(self.images.last()?);
        Some(ImageRef { id, revision: u32::try_from(self.images.len()).unwrap_or(u32::MAX) })
    }

    /// A desk's screen has drawn an image: a record of the first one, nothing for those after it.
    pub(super) fn shown(&mut self, officer: &Officer, image: &ImageRef, now: Moment) -> Result<Option<Entry>, Refusal> {
        let agency = &officer.agency;
        if self.review.of(agency).is_none() {
            return Err(Refusal::NoDesk { agency: Arc::clone(agency) });
        }
        if !self.images.contains(&image.id) {
            return Err(Refusal::StaleImage { asked: image.clone(), newest: self.image() });
        }
        if self.shown.iter().any(|(desk, _)| desk == agency) {
            return Ok(None);
        }
        self.shown.push((Arc::clone(agency), Some(now)));
        let data = json!({ "agency": agency, "image": image });
        Ok(Some(Entry { kind: "inspection.shown", data, secret: None }))
    }

    /// Takes one desk's verdict, or says why not. `closed` is the word of the inspection's step while it does not review.
    pub(super) fn judge(
        &mut self,
        officer: &Officer,
        opinion: Opinion,
        blind: bool,
        closed: Option<&'static str>,
        now: Moment,
    ) -> Result<Entry, Refusal> {
        let agency = Arc::clone(&officer.agency);
        let role = self.review.iter().find(|(desk, _)| desk.agency == agency).map(|(desk, _)| desk.role);
        let (Some(role), Some(standing)) = (role, self.review.of(&agency)) else {
            return Err(Refusal::NoDesk { agency });
        };
        if matches!(standing, Standing::Given(_) | Standing::Opened(_)) {
            return Err(Refusal::AlreadyJudged { agency });
        }
        if let Some(step) = closed {
            return Err(Refusal::WrongStep { step, because: "verdicts are taken while the review is open" });
        }
        self.is_newest(opinion.image.as_ref())?;
        let after_ms = self.after_ms(&agency, now);
        let secret = sealed(officer, opinion)?;
        let said = Said::of(&secret, after_ms);
        self.review.give(&agency, said.clone(), blind);
        let (kind, data) = if blind {
            ("inspection.verdict.sealed", json!({ "agency": agency, "after_ms": after_ms }))
        } else {
            ("inspection.verdict.opened", opened(&agency, role, &Standing::Opened(said)))
        };
        Ok(Entry { kind, data, secret: Some(Secret::Verdict(secret)) })
    }

    /// A verdict speaks of what its officer saw: of the newest image, with every other one known to be there.
    fn is_newest(&self, asked: Option<&ImageRef>) -> Result<(), Refusal> {
        let newest = self.image();
        match asked {
            Some(asked) if newest.as_ref() != Some(asked) => Err(Refusal::StaleImage { asked: asked.clone(), newest }),
            Some(_) | None => Ok(()),
        }
    }

    /// From the first image on this desk's screen; `None` where none was shown since the start of the run.
    fn after_ms(&self, agency: &Arc<str>, now: Moment) -> Option<u64> {
        let (_, shown) = self.shown.iter().find(|(desk, _)| desk == agency)?;
        Some(ms(now.since((*shown)?)))
    }

    /// Opens the next verdict that is still shut. Call until `None`.
    pub(super) fn open_next(&mut self) -> Option<Entry> {
        let (desk, standing) = self.review.open_next()?;
        let data = opened(&desk.agency, desk.role, standing);
        Some(Entry { kind: "inspection.verdict.opened", data, secret: None })
    }

    /// Every opened verdict; what is still sealed is not among them.
    pub(super) fn verdicts_data(&self) -> Value {
        let open = self.review.iter().filter(|(_, standing)| match standing {
            Standing::Opened(_) | Standing::NotReviewed => true,
            Standing::Waiting | Standing::Given(_) => false,
        });
        open.map(|(desk, standing)| opened(&desk.agency, desk.role, standing)).collect()
    }

    /// Takes in what one record of an earlier run says of a desk's judgement.
    pub(super) fn recall_judgement(&mut self, kind: &str, record: &Memory<'_>) {
        let Some(agency) = text(record.data, "agency").map(Arc::<str>::from) else { return };
        match kind {
            "inspection.shown" => self.shown.push((agency, None)),
            "inspection.verdict.sealed" => self.recall_sealed(&agency, record),
            "inspection.verdict.opened" => self.recall_opened(&agency, record),
            _ => {}
        }
    }

    fn recall_sealed(&mut self, agency: &Arc<str>, record: &Memory<'_>) {
        let after_ms = record.data.get("after_ms").and_then(Value::as_u64);
        // A verdict that was recorded and cannot be read any more holds: it must neither vanish nor be taken for clear.
        let said = secret(record).map_or_else(|| Said::bare("", Verdict::Unknown), |sealed| Said::of(sealed, after_ms));
        self.review.give(agency, said, true);
    }

    fn recall_opened(&mut self, agency: &str, record: &Memory<'_>) {
        let data = record.data;
        let Some(standing) = self.review.of(agency) else { return };
        let verdict = match text(data, "verdict") {
            Some("clear") => Verdict::Clear,
            Some("alarm") => Verdict::Alarm,
            Some("not_reviewed") => {
                *standing = Standing::NotReviewed;
                return;
            }
            _ => Verdict::Unknown,
        };
        let after_ms = data.get("after_ms").and_then(Value::as_u64);
        let marked = match &*standing {
            Standing::Given(said) => Some(said.clone()),
            Standing::Waiting | Standing::Opened(_) | Standing::NotReviewed => None,
        };
        let marked = marked.or_else(|| Some(Said::of(secret(record)?, after_ms)));
        let officer = text(data, "officer").unwrap_or("");
        let bare = Said::bare(officer, verdict);
        *standing = Standing::Opened(match marked {
            Some(marked) => Said { officer: bare.officer, verdict, ..marked },
            None => Said { after_ms, ..bare },
        });
    }
}

fn secret<'a>(record: &'a Memory<'_>) -> Option<&'a SealedVerdict> {
    match &record.secret {
        Some(Secret::Verdict(sealed)) => Some(sealed),
        Some(Secret::Measurement(_) | Secret::Remark(_)) | None => None,
    }
}

/// The opinion as it is sealed, if it is no longer than any other may be.
fn sealed(officer: &Officer, opinion: Opinion) -> Result<SealedVerdict, Refusal> {
    let Opinion { verdict, image, regions, note } = opinion;
    let note = note.map(|note| Arc::from(note.trim())).filter(|note: &Arc<str>| !note.is_empty());
    let bounded = marks::bounded(&regions).is_ok();
    let (agency, officer) = (Arc::clone(&officer.agency), Arc::clone(&officer.name));
    let sealed = SealedVerdict { agency, officer, verdict, image, regions, note };
    if bounded && sealed.fits() { Ok(sealed) } else { Err(Refusal::TooMuchMarked) }
}

/// One opened verdict as records carry it.
fn opened(agency: &str, role: DeskRole, standing: &Standing) -> Value {
    let mut data = json!({
        "agency": agency, "role": role_word(role), "verdict": review::word(standing), "officer": Value::Null,
    });
    if let Standing::Opened(said) = standing {
        data["officer"] = json!(said.officer);
        data["image"] = json!(said.image);
        data["after_ms"] = json!(said.after_ms);
    }
    data
}
