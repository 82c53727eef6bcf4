//! `portside journal export`: everything of one inspection as one ZIP file; and what such a file proves.
//!
//! The daemon is only asked for bytes. Decoding, DICOS and packing are done here, in the caller's process and as the
//! caller's user, so that no export ever costs the lane anything.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::door::{self, SocketArg};
use crate::bundle::{self, Checked, Manifest, Source, Told, Tolerance, Wanted};
use crate::control::call::{Call, Reply};
use crate::field::decoder::{Bytes, Decoder, Failure};
use crate::field::picture::{Picture, Unreadable};
use crate::journal::{EvidenceFiles, Offline, Record, Stored, record_belongs_to};

/// What to export, and where to.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "What is sealed for an agency never goes in. An export from the running daemon is on record there \
    (audit.exported).\n\nExamples:\n  portside journal export 0198c2b0-7b1c\n  \
    portside journal export 0198c2b0-7b1c -o case.zip /var/lib/portside\n  portside journal verify case.zip"
)]
pub struct ExportArgs {
    /// The inspection's id, or its beginning
    inspection: String,
    /// The journal's directory; without it the running daemon is asked
    dir: Option<PathBuf>,
    /// Where to; never over a file that is there [default: the inspection's id and .zip]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also when the inspection is not closed: what is not sealed of it
    #[arg(long)]
    open: bool,
    /// Also when evidence is missing or altered, or the journal damaged: the rest of it
    #[arg(long)]
    incomplete: bool,
    /// Print the manifest as JSON
    #[arg(long)]
    json: bool,
}

impl ExportArgs {
    pub(super) fn dir(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    const fn wanted(&self) -> Wanted {
        if self.open { Wanted::Open } else { Wanted::Closed }
    }

    fn told(&self, inspection: &str, records: &[Stored]) -> Result<Told, String> {
        Told::of(inspection, records, self.wanted()).map_err(|refusal| refusal.to_string())
    }
}

/// Exports from a store on disk, which a running daemon may have open.
pub(super) fn of_store(args: &ExportArgs, dir: &Path, out: &mut dyn Write) -> ExitCode {
    finish(from_store(args, dir), args.json, out)
}

/// Exports from the running daemon.
pub(super) fn of_daemon(args: &ExportArgs, socket: &SocketArg, out: &mut dyn Write) -> ExitCode {
    finish(from_daemon(args, socket), args.json, out)
}

fn from_store(args: &ExportArgs, dir: &Path) -> Result<(PathBuf, Manifest), String> {
    let (inspection, records, damage) = stored(dir, &args.inspection)?;
    let told = args.told(&inspection, &records)?.beside(damage);
    let files = EvidenceFiles::read_only(dir);
    let fetch = |sha256: &str| files.read(sha256).map_err(|error| error.to_string());
    pack(args, &inspection, &told, &mut Parts::new(fetch)?)
}

fn from_daemon(args: &ExportArgs, socket: &SocketArg) -> Result<(PathBuf, Manifest), String> {
    let call = Call::Export { inspection: args.inspection.clone(), open: args.open };
    let reply = door::ask(socket, &call)?;
    let Reply::Records { records } = reply else { return Err(otherwise(reply)) };
    let records: Vec<Stored> = records.iter().filter_map(|text| Stored::of_record(text.as_bytes())).collect();
    let inspection = records.first().and_then(belongs_to).ok_or("the daemon answered with no record")?;
    let told = args.told(&inspection, &records)?;
    pack(args, &inspection, &told, &mut Parts::new(|sha256: &str| fetched(socket, sha256))?)
}

/// The records of the one inspection whose id begins so, and the places of the journal that cannot be read.
fn stored(dir: &Path, begins: &str) -> Result<(String, Vec<Stored>, Vec<String>), String> {
    let journal = Offline::open(dir).map_err(|error| error.to_string())?;
    let (mut found, mut damage) = (BTreeMap::<String, Vec<Stored>>::new(), Vec::new());
    let mut take = |stored: Stored| {
        if let Some(id) = belongs_to(&stored).filter(|id| id.starts_with(begins)) {
            found.entry(id).or_default().push(stored);
        }
    };
    journal
        .each_or_damage(&mut take, &mut |place| damage.push(place.to_string()))
        .map_err(|error| error.to_string())?;
    if let Some(records) = found.remove(begins) {
        return Ok((begins.to_owned(), records, damage));
    }
    match (found.len(), found.pop_first()) {
        (1, Some((id, records))) => Ok((id, records, damage)),
        (0, _) | (_, None) => Err(format!("no inspection begins with `{begins}`; `portside journal list` names them")),
        (many, Some(_)) => Err(format!("{many} inspections begin with `{begins}`; write more of the id")),
    }
}

fn belongs_to(stored: &Stored) -> Option<String> {
    Some(record_belongs_to(&Record::parse(&stored.bytes).ok()?)?.into_owned())
}

/// What to say of an answer that is not the one that was asked for.
pub(super) fn otherwise(reply: Reply) -> String {
    if let Reply::Failed { message } = reply {
        return message;
    }
    format!("the daemon answered something else: {reply:?}")
}

/// One evidence file from the daemon, part by part, proved to have its hash.
pub(super) fn fetched(socket: &SocketArg, sha256: &str) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    loop {
        let call = Call::Evidence { sha256: sha256.to_owned(), from: whole.len() as u64 };
        let reply = door::ask(socket, &call)?;
        let Reply::Part { size, bytes } = reply else { return Err(otherwise(reply)) };
        let bytes = hex::decode(bytes).map_err(|error| error.to_string())?;
        whole.extend_from_slice(&bytes);
        if bytes.is_empty() || whole.len() as u64 >= size {
            break;
        }
    }
    let found = hex::encode(Sha256::digest(&whole));
    if found == sha256 {
        return Ok(whole);
    }
    Err(format!("evidence was altered: the file named {sha256} has hash {found}; it is not exported"))
}

/// Evidence from wherever it is, decoded by a child process that can do nothing else.
struct Parts<F> {
    fetch: F,
    runtime: tokio::runtime::Runtime,
    decoder: Decoder,
}

impl<F: FnMut(&str) -> Result<Vec<u8>, String>> Parts<F> {
    fn new(fetch: F) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { fetch, runtime: runtime.map_err(|error| error.to_string())?, decoder: Decoder::default() })
    }
}

impl<F: FnMut(&str) -> Result<Vec<u8>, String>> Source for Parts<F> {
    fn evidence(&mut self, sha256: &str) -> Result<Vec<u8>, String> {
        (self.fetch)(sha256)
    }

    fn picture(&mut self, file: &[u8], sidecar: Option<&[u8]>) -> Result<Picture, String> {
        let decoded = self.runtime.block_on(self.decoder.picture(Bytes { file, sidecar }));
        decoded.map_err(|failure| match failure {
            Failure::Unreadable(Unreadable::Incomplete(why) | Unreadable::Never(why)) | Failure::Unavailable(why) => {
                why
            }
        })
    }
}

/// Writes beside its place and names it when it is whole and on disk: there is never half a bundle.
fn pack(
    args: &ExportArgs,
    inspection: &str,
    told: &Told,
    source: &mut dyn Source,
) -> Result<(PathBuf, Manifest), String> {
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.zip", file_name(inspection))));
    let there = || format!("{} is there already, and is not written over; name another file with -o", path.display());
    if path.symlink_metadata().is_ok() {
        return Err(there());
    }
    let refused = |error: io::Error| format!("{} cannot be written: {error}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = NamedTempFile::new_in(folder).map_err(refused)?;
    let tolerance = if args.incomplete { Tolerance::Incomplete } else { Tolerance::Whole };
    let manifest = bundle::write(told, source, tolerance, BufWriter::new(temporary.as_file()))
        .map_err(|refusal| refusal.to_string())?;
    temporary.as_file().sync_all().map_err(refused)?;
    temporary.persist_noclobber(&path).map_err(|error| {
        if error.error.kind() == io::ErrorKind::AlreadyExists { there() } else { refused(error.error) }
    })?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)?;
    Ok((path, manifest))
}

/// An id is a UUID where a lane made it; a journal from elsewhere may hold any text.
fn file_name(inspection: &str) -> String {
    inspection.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).take(64).collect()
}

fn finish(done: Result<(PathBuf, Manifest), String>, json: bool, out: &mut dyn Write) -> ExitCode {
    let (path, manifest) = match done {
        Ok(done) => done,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::FAILURE;
        }
    };
    match print(&path, &manifest, json, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: writing the answer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(path: &Path, manifest: &Manifest, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(manifest)?)?;
        return out.flush();
    }
    let count = |folder: &str| manifest.files.iter().filter(|file| file.path.starts_with(folder)).count();
    let records: u64 = manifest.streams.values().flatten().map(|run| run.to - run.from + 1).sum();
    writeln!(
        out,
        "{}: {records} records, {} files of evidence, {} DICOS files",
        path.display(),
        count("evidence/"),
        count("dicos/")
    )?;
    for made in manifest.dicos.iter() {
        if let Some(why) = &made.why {
            writeln!(out, "no DICOS of {}: {why}", made.of)?;
        }
    }
    for (stream, count) in &manifest.held_back {
        writeln!(out, "held back: {count} records of {stream}")?;
    }
    for missing in &manifest.missing {
        writeln!(out, "missing: {}", missing.why)?;
    }
    writeln!(out, "prove it with `portside journal verify {}`", path.display())?;
    out.flush()
}

/// The records of an exported file.
pub(super) fn records(path: &Path) -> Result<Vec<Stored>, String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    bundle::records(BufReader::new(file)).map_err(|error| format!("{}: {error}", path.display()))
}

/// Proves an exported file.
pub(super) fn prove(path: &Path, json: bool, out: &mut dyn Write) -> ExitCode {
    let opened = File::open(path).map_err(|error| error.to_string());
    let checked = match opened.and_then(|file| bundle::check(BufReader::new(file))) {
        Ok(checked) => checked,
        Err(why) => {
            eprintln!("error: {}: {why}", path.display());
            return ExitCode::FAILURE;
        }
    };
    match print_checked(&checked, json, out) {
        Ok(()) if checked.is_clean() => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Ok(()) | Err(_) => ExitCode::FAILURE,
    }
}

fn print_checked(checked: &Checked, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(checked)?)?;
        return out.flush();
    }
    writeln!(out, "inspection {}   lane {}   epoch {}", checked.inspection, checked.lane, checked.epoch)?;
    for (stream, runs) in &checked.streams {
        for run in runs {
            writeln!(out, "{stream:<20} {:>9} to {:>9}, sha256 {}", run.from, run.to, run.hash)?;
        }
    }
    writeln!(
        out,
        "{} files as the manifest says, {} of them evidence; {} records",
        checked.files, checked.evidence, checked.records
    )?;
    for note in &checked.notes {
        writeln!(out, "note: {note}")?;
    }
    for problem in &checked.problems {
        writeln!(out, "problem: {problem}")?;
    }
    match checked.problems.len() {
        0 => writeln!(out, "whole: nothing in it was altered, added or removed")?,
        count => writeln!(out, "not whole: {count} problems")?,
    }
    out.flush()
}
