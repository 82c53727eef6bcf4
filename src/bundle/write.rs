//! Writing a bundle.

use std::collections::BTreeMap;
use std::io::{Seek, Write};

use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::manifest::{Entry, FORM, Made, Manifest, Missing, NAME, Run};
use super::objects::Image;
use super::told::{Pictured, Told};
use super::{Refusal, Source};
use crate::journal::{Record, Stored, hash};

/// What is to be done about evidence that is missing or altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// Nothing is written.
    Whole,
    /// The rest is written, and the manifest says what is missing.
    Incomplete,
}

/// Writes the bundle of an inspection to `out`.
///
/// # Errors
/// Why it is not whole; what was written to `out` is then no bundle.
pub fn write<W: Write + Seek>(
    told: &Told,
    source: &mut dyn Source,
    tolerance: Tolerance,
    out: W,
) -> Result<Manifest, Refusal> {
    if let (Tolerance::Whole, [first, ..]) = (tolerance, told.damage.as_slice()) {
        let count = told.damage.len();
        return Err(Refusal::Evidence(format!(
            "the journal is damaged in {count} places ({first}), and nobody can tell whether records of this inspection were there"
        )));
    }
    let mut pack = Pack { zip: ZipWriter::new(out), files: Vec::new() };
    pack.put("README.txt", readme(told).as_bytes())?;
    let mut streams = BTreeMap::new();
    for (stream, records) in &told.records {
        streams.insert(stream.to_string(), runs(records)?);
        let lines: Vec<u8> = records.iter().flat_map(|stored| stored.bytes.iter().copied().chain([b'\n'])).collect();
        pack.put(&format!("records/{stream}.jsonl"), &lines)?;
    }
    let mut missing = Vec::new();
    for (sha256, ending) in &told.evidence {
        match source.evidence(sha256) {
            Ok(bytes) => pack.put(&format!("evidence/{sha256}.{ending}"), &bytes)?,
            Err(why) if tolerance == Tolerance::Incomplete => missing.push(Missing { sha256: sha256.clone(), why }),
            Err(why) => return Err(Refusal::Evidence(why)),
        }
    }
    let dicos = pack.dicos(told, source)?;
    let manifest = Manifest {
        form: FORM.to_owned(),
        tool: format!("portside {}", env!("CARGO_PKG_VERSION")),
        inspection: told.id.clone(),
        lane: format!("/{}/{}", told.port, told.lane),
        epoch: told.epoch.clone(),
        closed: told.closed,
        files: std::mem::take(&mut pack.files),
        streams,
        held_back: told.held_back.clone(),
        missing,
        damage: told.damage.clone(),
        dicos,
    };
    let mut text = serde_json::to_vec_pretty(&manifest).map_err(failed)?;
    text.push(b'\n');
    pack.put(NAME, &text)?;
    pack.zip.finish().map_err(failed)?.flush().map_err(failed)?;
    Ok(manifest)
}

struct Pack<W: Write + Seek> {
    zip: ZipWriter<W>,
    files: Vec<Entry>,
}

impl<W: Write + Seek> Pack<W> {
    /// Stored as it is: what is worth packing is packed already, and nobody has to fear what unpacks to more.
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644);
        self.zip.start_file(path, options).map_err(failed)?;
        self.zip.write_all(bytes).map_err(failed)?;
        let sha256 = hex::encode(Sha256::digest(bytes));
        self.files.push(Entry { path: path.to_owned(), size: bytes.len() as u64, sha256 });
        Ok(())
    }

    /// Pictures one after the other, so that only one is in memory.
    fn dicos(&mut self, told: &Told, source: &mut dyn Source) -> Result<Vec<Made>, Refusal> {
        let (mut made, mut images) = (Vec::new(), Vec::new());
        for pictured in &told.pictures {
            let mut each = Made { of: pictured.sha256.clone(), files: Vec::new(), why: None };
            match self.images(told, pictured, source, &mut images)? {
                Ok(files) => each.files = files,
                Err(why) => each.why = Some(why),
            }
            made.push(each);
        }
        let (files, reports) = told.reports(&images).map_err(failed)?;
        for file in files {
            self.put(&file.path, &file.bytes)?;
        }
        made.push(reports);
        Ok(made)
    }

    fn images(
        &mut self,
        told: &Told,
        pictured: &Pictured,
        source: &mut dyn Source,
        images: &mut Vec<Image>,
    ) -> Result<Result<Vec<String>, String>, Refusal> {
        if !pictured.raw {
            return Ok(Err("it is rendered for screens, and stays evidence alone".to_owned()));
        }
        let files = picture(pictured, source).and_then(|picture| told.images(pictured, &picture, images));
        let files = match files {
            Ok(files) => files,
            Err(why) => return Ok(Err(why)),
        };
        let mut paths = Vec::new();
        for file in files {
            self.put(&file.path, &file.bytes)?;
            paths.push(file.path);
        }
        Ok(Ok(paths))
    }
}

fn picture(pictured: &Pictured, source: &mut dyn Source) -> Result<crate::field::picture::Picture, String> {
    let file = source.evidence(&pictured.sha256)?;
    let sidecar = pictured.sidecar.as_ref().map(|sidecar| source.evidence(sidecar)).transpose()?;
    source.picture(&file, sidecar.as_deref())
}

/// The pieces of a stream's chain that these records are.
fn runs(records: &[Stored]) -> Result<Vec<Run>, Refusal> {
    let mut runs: Vec<Run> = Vec::new();
    for stored in records {
        let record = Record::parse(&stored.bytes).map_err(|error| Refusal::Record(error.to_string()))?;
        let (prev, hash) = (hex::encode(record.prev), hex::encode(hash(&stored.bytes)));
        match runs.last_mut().filter(|run| run.to + 1 == stored.sequence) {
            Some(run) if run.hash != prev => {
                let what = format!("{} {} does not follow the one before it", stored.stream, stored.sequence);
                return Err(Refusal::Record(what));
            }
            Some(run) => (run.to, run.hash) = (stored.sequence, hash),
            None => runs.push(Run { from: stored.sequence, to: stored.sequence, prev, hash }),
        }
    }
    Ok(runs)
}

fn readme(told: &Told) -> String {
    let state = if told.closed {
        "It was closed when it was exported."
    } else {
        "IT WAS NOT CLOSED when it was exported: this is not all of it."
    };
    format!(
        "Inspection {id} of lane /{port}/{lane}\n{state}\n\n\
         records/    what the lane recorded, one record a line in its exact bytes (CloudEvents 1.0 in JSON)\n\
         evidence/   the files that records name, each under the SHA-256 of its bytes\n\
         dicos/      the same pictures and verdicts in the form of NEMA IIC 1: made from the two above, and no evidence\n\
         manifest.json   every file with its SHA-256, the runs of records, what is missing and what was held back\n\n\
         `portside journal verify FILE.zip` proves it; so can anything that knows ZIP, SHA-256 and JSON:\n\
         - each file has the hash that the manifest says; a file of evidence/ has the hash that is its name;\n\
         - `prev` of a record is the SHA-256 of the bytes of the line before it, where the sequences follow each other.\n\
         The bundle cannot prove that the lane left nothing out between two runs, nor that its journal was not written\n\
         anew as a whole: for that, compare the hash at the end of each run with the centre's copy of that record.\n\
         A `sealed` part of a record is encrypted under a key that was destroyed when the inspection was closed.\n\
         Records name officers. The threat reports of dicos/ do not.\n",
        id = told.id,
        port = told.port,
        lane = told.lane
    )
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal::Write(error.to_string())
}
