//! The proof of a bundle from its file alone. Whatever the bytes are, the answer is what is proved and what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Seek};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::{CompressionMethod, ZipArchive};

use super::manifest::{Entry, FORM, Manifest, NAME, Run};
use crate::journal::{RECORD_LIMIT, Record, Stored, hash, record_belongs_to};

/// Longest manifest.
const MANIFEST_LIMIT: u64 = 16 << 20;
/// Most files.
const FILES_LIMIT: usize = 100_000;

/// What a bundle proves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Inspection id.
    pub inspection: String,
    /// `/port/lane`.
    pub lane: String,
    /// The journal's epoch.
    pub epoch: String,
    /// Whether the inspection was closed.
    pub closed: bool,
    /// Files that have the hash which the manifest says.
    pub files: u64,
    /// Of these, evidence whose hash is its name.
    pub evidence: u64,
    /// Records, each whole and of this inspection.
    pub records: u64,
    /// The pieces of each stream's chain that they are: to be compared with the centre's copy.
    pub streams: BTreeMap<String, Vec<Run>>,
    /// What no bundle can prove, and what this one says that it lacks.
    pub notes: Vec<String>,
    /// Empty when nothing in it was altered, added or removed.
    pub problems: Vec<String>,
}

impl Checked {
    /// True when nothing is wrong with it.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Proves a bundle.
///
/// # Errors
/// When the bytes are no bundle at all: no ZIP file, or one without a manifest of this form.
pub fn check<R: Read + Seek>(file: R) -> Result<Checked, String> {
    let mut zip = ZipArchive::new(file).map_err(|error| format!("it is no ZIP file: {error}"))?;
    if zip.len() > FILES_LIMIT {
        return Err(format!("it has {} files, more than the {FILES_LIMIT} of any bundle", zip.len()));
    }
    let manifest = manifest(&mut zip)?;
    let mut proof = Proof { checked: Checked::default(), named: BTreeSet::new() };
    proof.checked.inspection.clone_from(&manifest.inspection);
    proof.checked.lane.clone_from(&manifest.lane);
    proof.checked.epoch.clone_from(&manifest.epoch);
    proof.checked.closed = manifest.closed;
    proof.outside(&mut zip, &manifest);
    for entry in &manifest.files {
        proof.file(&mut zip, entry, &manifest);
    }
    proof.inside(&manifest);
    proof.notes(&manifest);
    Ok(proof.checked)
}

/// The records of a bundle in the order of their times, as far as they can be read: [`check`] proves them.
///
/// # Errors
/// As [`check`], and when the file cannot be read.
pub fn records<R: Read + Seek>(file: R) -> Result<Vec<Stored>, String> {
    let mut zip = ZipArchive::new(file).map_err(|error| format!("it is no ZIP file: {error}"))?;
    let manifest = manifest(&mut zip)?;
    let mut found = Vec::new();
    for entry in manifest.files.iter().filter(|entry| entry.path.starts_with("records/")) {
        let file = zip.by_name(&entry.path).map_err(|error| format!("{}: {error}", entry.path))?;
        for line in BufReader::new(file.take(entry.size)).split(b'\n') {
            let line = line.map_err(|error| format!("{}: {error}", entry.path))?;
            found.extend(Stored::of_record(&line));
        }
    }
    found.sort_by_cached_key(|stored| {
        let time = Record::parse(&stored.bytes).ok().map(|record| record.time);
        (time, stored.stream.clone(), stored.sequence)
    });
    Ok(found)
}

fn manifest<R: Read + Seek>(zip: &mut ZipArchive<R>) -> Result<Manifest, String> {
    let file = zip.by_name(NAME).map_err(|error| format!("it is no bundle of an inspection: {NAME}: {error}"))?;
    if file.compression() != CompressionMethod::Stored {
        return Err(packed(NAME));
    }
    let mut text = Vec::new();
    file.take(MANIFEST_LIMIT).read_to_end(&mut text).map_err(|error| format!("{NAME}: {error}"))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| format!("{NAME} is none of ours: {error}"))?;
    match manifest.form == FORM {
        true => Ok(manifest),
        false => Err(format!("its form is `{}`, and this program knows `{FORM}`", manifest.form)),
    }
}

fn packed(path: &str) -> String {
    format!("{path} is compressed, and bundles are not: the file was packed anew, look for the original")
}

struct Proof {
    checked: Checked,
    /// Evidence that records name.
    named: BTreeSet<String>,
}

impl Proof {
    fn wrong(&mut self, what: String) {
        self.checked.problems.push(what);
    }

    /// What lies in the ZIP file beside what the manifest lists.
    fn outside<R: Read + Seek>(&mut self, zip: &mut ZipArchive<R>, manifest: &Manifest) {
        if zip.has_duplicate_names() {
            self.wrong("two of its files have one name, so that programs may read different ones".to_owned());
        }
        let listed: BTreeSet<&str> = manifest.files.iter().map(|entry| entry.path.as_str()).collect();
        if listed.len() != manifest.files.len() {
            self.wrong(format!("{NAME} lists a file twice"));
        }
        let there: Vec<String> =
            zip.file_names().map(|name| name.map_or_else(|_| "(a name that is no text)".into(), Into::into)).collect();
        for name in there.iter().filter(|name| *name != NAME && !listed.contains(name.as_str())) {
            self.wrong(format!("{name} is not listed: it was added"));
        }
    }

    fn file<R: Read + Seek>(&mut self, zip: &mut ZipArchive<R>, entry: &Entry, manifest: &Manifest) {
        let path = &entry.path;
        let file = match zip.by_name(path) {
            Ok(file) => file,
            Err(error) => return self.wrong(format!("{path} is listed and cannot be read: {error}")),
        };
        if file.compression() != CompressionMethod::Stored {
            return self.wrong(packed(path));
        }
        let mut reader = BufReader::new(Hashed { inner: file, hasher: Sha256::new(), size: 0 });
        let stream = path.strip_prefix("records/").and_then(|name| name.strip_suffix(".jsonl"));
        let read = match stream {
            Some(stream) => self.records(&mut reader, stream, manifest),
            None => std::io::copy(&mut reader, &mut std::io::sink()).map(drop).map_err(|error| error.to_string()),
        };
        if let Err(error) = read {
            return self.wrong(format!("{path}: {error}"));
        }
        let Hashed { hasher, size, .. } = reader.into_inner();
        let found = hex::encode(hasher.finalize());
        if found != entry.sha256 || size != entry.size {
            return self.wrong(format!("{path} was altered: it has {size} bytes with SHA-256 {found}"));
        }
        self.checked.files += 1;
        if let Some(name) = path.strip_prefix("evidence/") {
            match name.split('.').next() == Some(&found) {
                true => self.checked.evidence += 1,
                false => self.wrong(format!("{path} is not the evidence that its name says: it has SHA-256 {found}")),
            }
        }
    }

    /// Records of one stream: each whole, of this inspection, in order, and chained where they follow each other.
    fn records(&mut self, lines: &mut impl BufRead, stream: &str, manifest: &Manifest) -> Result<(), String> {
        let mut runs: Vec<Run> = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = RECORD_LIMIT as u64 + 1;
            lines.by_ref().take(limit).read_until(b'\n', &mut line).map_err(|error| error.to_string())?;
            let Some((b'\n', bytes)) = line.split_last() else { break };
            let record = Record::parse(bytes).map_err(|error| format!("a line is no record: {error}"))?;
            if let Some(what) = foreign(&record, stream, manifest) {
                self.wrong(format!("{stream} {}: {what}", record.sequence));
            }
            self.follow(&mut runs, stream, &record, bytes);
            self.name(&record.value());
            self.checked.records += 1;
        }
        if !line.is_empty() {
            return Err("a line breaks off or is longer than any record".to_owned());
        }
        self.checked.streams.insert(stream.to_owned(), runs);
        Ok(())
    }

    fn follow(&mut self, runs: &mut Vec<Run>, stream: &str, record: &Record<'_>, bytes: &[u8]) {
        let (prev, hash) = (hex::encode(record.prev), hex::encode(hash(bytes)));
        let sequence = record.sequence;
        let last = runs.last().map_or(0, |run| run.to);
        if sequence <= last {
            return self.wrong(format!("{stream} {sequence}: it stands after record {last}"));
        }
        match runs.last_mut().filter(|run| run.to.checked_add(1) == Some(sequence)) {
            Some(run) => {
                let follows = run.hash == prev;
                (run.to, run.hash) = (sequence, hash);
                if !follows {
                    let what = format!("`prev` is not the hash of record {last}: one of the two was altered");
                    self.wrong(format!("{stream} {sequence}: {what}"));
                }
            }
            None => runs.push(Run { from: sequence, to: sequence, prev, hash }),
        }
    }

    fn name(&mut self, data: &Value) {
        match data {
            Value::Object(fields) => {
                let named = ["sha256", "sidecar"].into_iter().filter_map(|key| fields.get(key)?.as_str());
                self.named.extend(named.map(str::to_owned));
                fields.values().for_each(|value| self.name(value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.name(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// What the manifest says against what the records say.
    fn inside(&mut self, manifest: &Manifest) {
        if self.checked.streams != manifest.streams {
            self.wrong(format!("its records are not the runs that {NAME} says: some were removed or added"));
        }
        let there: BTreeSet<&str> = manifest
            .files
            .iter()
            .filter_map(|entry| entry.path.strip_prefix("evidence/")?.split('.').next())
            .chain(manifest.missing.iter().map(|missing| missing.sha256.as_str()))
            .collect();
        let lacking: Vec<String> = self.named.iter().filter(|name| !there.contains(name.as_str())).cloned().collect();
        for sha256 in lacking {
            self.wrong(format!("a record names evidence {sha256}, and it is neither here nor said to be missing"));
        }
    }

    fn notes(&mut self, manifest: &Manifest) {
        let notes = &mut self.checked.notes;
        notes.push(
            "not provable here: that the lane left nothing out between runs, and that its journal is the one it first \
                    wrote; compare the last hash of each run with the centre's copy"
                .to_owned(),
        );
        notes
            .push("not provable here: that dicos/ says what records and evidence say; it is made from them".to_owned());
        if !manifest.closed {
            notes.push("the inspection was not closed when this was exported: it is not all of it".to_owned());
        }
        for (stream, count) in &manifest.held_back {
            notes.push(format!("{count} records of {stream} were held back because they are sealed"));
        }
        for damage in &manifest.damage {
            notes
                .push(format!("the journal was damaged when this was exported, and may have had more of it: {damage}"));
        }
        for missing in &manifest.missing {
            notes.push(format!("evidence {} is not in it: {}", missing.sha256, missing.why));
        }
    }
}

/// Why a record does not belong in this file of this bundle.
fn foreign(record: &Record<'_>, stream: &str, manifest: &Manifest) -> Option<String> {
    if record.stream.to_string() != stream {
        return Some(format!("it is of the stream {}", record.stream));
    }
    if record.source != format!("{}/{stream}", manifest.lane) || record.epoch.to_string() != manifest.epoch {
        return Some(format!("it belongs to {} {}", record.source, record.epoch));
    }
    match record_belongs_to(record) {
        Some(inspection) if inspection == manifest.inspection => None,
        Some(inspection) => Some(format!("it is of {inspection}")),
        None => Some("it is of no inspection".to_owned()),
    }
}

/// Hashes what is read through it.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
    size: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.size += count as u64;
        Ok(count)
    }
}
