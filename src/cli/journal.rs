//! `portside journal`: browse and prove the journal.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::door::{self, SocketArg};
use super::export::{self, ExportArgs};
use crate::control::call::{Call, Reply};
use crate::journal::{
    Detail, Offline, OpenError, Record, Report, Stored, Stream, line, record_belongs_to, story, verify,
};

/// `portside journal list|show|verify|export`
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  portside journal list --stream inspection\n  \
    portside journal show 0198c2b0-7b1c\n  portside journal verify /var/lib/portside")]
pub struct JournalArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: JournalVerb,
}

/// What to do with a journal. Without DIR the running daemon is asked.
#[derive(Subcommand, Clone, Debug)]
pub enum JournalVerb {
    /// List records
    #[command(after_help = "Examples:\n  portside journal list --limit 20\n  \
        portside journal list /var/lib/portside --stream inspection --json")]
    List {
        /// The journal's directory, or an exported file; without it the running daemon is asked
        dir: Option<PathBuf>,
        /// One record a line, exact bytes
        #[arg(long)]
        json: bool,
        /// Only this stream: alarm, inspection, device, telemetry, audit, agency-ID
        #[arg(long)]
        stream: Option<Stream>,
        /// Only what belongs to this inspection; the beginning of its id is enough
        #[arg(long)]
        inspection: Option<String>,
        /// Only the last N of them
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Tell the story of one inspection
    #[command(after_help = "Examples:\n  portside journal show 0198c2b0-7b1c\n  \
        portside journal show 0198c2b0-7b1c-7def-8123-456789abcdef /var/lib/portside --why")]
    Show {
        /// The inspection's id, or its beginning
        inspection: String,
        /// The journal's directory; without it the running daemon is asked
        dir: Option<PathBuf>,
        /// Every field of every record
        #[arg(long)]
        why: bool,
    },
    /// Write everything of one inspection into one ZIP file: records, evidence, DICOS files
    Export(ExportArgs),
    /// Prove that nothing is missing or altered: frames, records, chains, head file, evidence; or an exported file
    #[command(after_help = "Exit status 0: whole; 1: not.\n\nExamples:\n  portside journal verify\n  \
        portside journal verify /var/lib/portside --json\n  portside journal verify 0198c2b0-7b1c.zip")]
    Verify {
        /// The journal's directory, which a running daemon may have open, or an exported file
        dir: Option<PathBuf>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

impl JournalArgs {
    /// The directory named on the command line; `None` means the running daemon's journal.
    pub fn dir(&self) -> Option<&Path> {
        match &self.verb {
            JournalVerb::List { dir, .. } | JournalVerb::Show { dir, .. } | JournalVerb::Verify { dir, .. } => {
                dir.as_deref()
            }
            JournalVerb::Export(args) => args.dir(),
        }
    }
}

/// Carries the verb out on `dir` and writes to `out`; what went wrong goes to stderr.
pub fn run(args: &JournalArgs, dir: &Path, out: &mut dyn Write) -> ExitCode {
    let dir = &store_in(dir);
    let json = matches!(args.verb, JournalVerb::Verify { json: true, .. });
    let done = match &args.verb {
        JournalVerb::List { json, stream, inspection, limit, .. } => {
            inspection.as_deref().map(|begins| whole_id(dir, begins)).transpose().and_then(|inspection| {
                let filter = Filter { stream: stream.as_ref(), inspection: inspection.as_deref() };
                match limit {
                    Some(limit) => list_last(dir, &filter, *limit, *json, out),
                    None => list_all(dir, &filter, *json, out),
                }
            })
        }
        JournalVerb::Show { inspection, why, .. } => show(dir, inspection, *why, out),
        JournalVerb::Verify { .. } if dir.is_file() => return export::prove(dir, json, out),
        JournalVerb::Verify { .. } => prove(dir, json, out),
        JournalVerb::Export(args) => return export::of_store(args, dir, out),
    };
    match done {
        Ok(code) => code,
        // Whoever reads our output has enough: `portside journal list | head`.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => {
            eprintln!("error: writing the answer: {error}");
            ExitCode::FAILURE
        }
        Err(Failure::Journal(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        Err(Failure::Asked(words)) => {
            eprintln!("error: {words}");
            ExitCode::FAILURE
        }
    }
}

/// The journal that `dir` means: itself, or its `store` where it is the folder of a demo.
fn store_in(dir: &Path) -> PathBuf {
    let store = dir.join("store");
    if store.join("log").is_dir() && !dir.join("log").is_dir() { store } else { dir.to_owned() }
}

/// Carries the verb out on the journal of the running daemon.
pub(super) fn ask(args: &JournalArgs, socket: &SocketArg, out: &mut dyn Write) -> ExitCode {
    let call = match &args.verb {
        JournalVerb::Export(args) => return export::of_daemon(args, socket, out),
        JournalVerb::List { inspection: Some(inspection), .. } | JournalVerb::Show { inspection, .. } => {
            Call::Inspection { inspection: inspection.clone() }
        }
        JournalVerb::List { stream, limit, .. } => {
            Call::Recent { stream: stream.as_ref().map(ToString::to_string), limit: limit.unwrap_or(usize::MAX) }
        }
        JournalVerb::Verify { .. } => Call::Verify,
    };
    let printed = match (door::ask(socket, &call), &args.verb) {
        (Ok(Reply::Records { records }), verb) => print_answer(out, &records, verb),
        (Ok(Reply::Verified { report }), verb) => {
            let json = matches!(verb, JournalVerb::Verify { json: true, .. });
            print_report(out, &report, json).map(|()| report.is_clean())
        }
        (Ok(Reply::Failed { message }) | Err(message), _) => {
            eprintln!("error: {message}");
            Ok(false)
        }
        (Ok(other), _) => {
            eprintln!("error: the daemon answered something else: {other:?}");
            Ok(false)
        }
    };
    match printed {
        Ok(true) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn print_answer(out: &mut dyn Write, records: &[String], verb: &JournalVerb) -> io::Result<bool> {
    let stored: Vec<Stored> = records.iter().filter_map(|text| Stored::of_record(text.as_bytes())).collect();
    match verb {
        JournalVerb::List { json, .. } => print_records(out, &stored, *json)?,
        JournalVerb::Show { why, .. } => {
            let id = stored.first().and_then(|first| record_belongs_to(&Record::parse(&first.bytes).ok()?));
            let detail = if *why { Detail::Why } else { Detail::Brief };
            write!(out, "{}", story(&id.unwrap_or_default(), &stored, detail))?;
        }
        JournalVerb::Verify { .. } | JournalVerb::Export(_) => {}
    }
    out.flush()?;
    Ok(true)
}

#[derive(Debug)]
enum Failure {
    Journal(OpenError),
    /// No inspection, or more than one, is meant.
    Asked(String),
    Output(io::Error),
}

/// Which records are asked for.
#[derive(Clone, Copy, Debug)]
struct Filter<'a> {
    stream: Option<&'a Stream>,
    inspection: Option<&'a str>,
}

impl Filter<'_> {
    fn takes(&self, stored: &Stored) -> bool {
        self.stream.is_none_or(|stream| *stream == stored.stream)
            && self.inspection.is_none_or(|inspection| belongs(stored, inspection))
    }
}

fn belongs(stored: &Stored, inspection: &str) -> bool {
    Record::parse(&stored.bytes).is_ok_and(|record| record_belongs_to(&record).as_deref() == Some(inspection))
}

/// The one inspection whose id begins so, as the running daemon takes it too.
fn whole_id(dir: &Path, begins: &str) -> Result<String, Failure> {
    let mut known = BTreeSet::new();
    each(dir, &Filter { stream: None, inspection: None }, &mut |stored| {
        let record = Record::parse(&stored.bytes).ok();
        known.extend(
            record
                .and_then(|record| Some(record_belongs_to(&record)?.into_owned()))
                .filter(|id| id.starts_with(begins)),
        );
    })?;
    if known.contains(begins) {
        return Ok(begins.to_owned());
    }
    match known.len() {
        0 => Err(Failure::Asked(format!("no inspection begins with `{begins}`; `portside journal list` names them"))),
        1 => Ok(known.into_iter().collect()),
        many => Err(Failure::Asked(format!("{many} inspections begin with `{begins}`; write more of the id"))),
    }
}

fn each(dir: &Path, filter: &Filter<'_>, visit: &mut dyn FnMut(Stored)) -> Result<(), Failure> {
    if dir.is_file() {
        let records = export::records(dir).map_err(Failure::Asked)?;
        records.into_iter().filter(|stored| filter.takes(stored)).for_each(visit);
        return Ok(());
    }
    let journal = Offline::open(dir).map_err(Failure::Journal)?;
    let mut taken = |stored: Stored| {
        if filter.takes(&stored) {
            visit(stored);
        }
    };
    journal.each(&mut taken).map_err(Failure::Journal)
}

/// Prints while it reads: a journal may be larger than memory.
fn list_all(dir: &Path, filter: &Filter<'_>, json: bool, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let mut printed = Ok(());
    each(dir, filter, &mut |stored| {
        if printed.is_ok() {
            printed = print_records(out, std::slice::from_ref(&stored), json);
        }
    })?;
    printed.and_then(|()| out.flush()).map_err(Failure::Output)?;
    Ok(ExitCode::SUCCESS)
}

fn list_last(
    dir: &Path,
    filter: &Filter<'_>,
    limit: usize,
    json: bool,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let mut last = VecDeque::new();
    each(dir, filter, &mut |stored| {
        last.push_back(stored);
        if last.len() > limit {
            last.pop_front();
        }
    })?;
    print_records(out, last.make_contiguous(), json).and_then(|()| out.flush()).map_err(Failure::Output)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes records one a line: their exact bytes with `json`, else for people.
pub fn print_records(out: &mut dyn Write, records: &[Stored], json: bool) -> io::Result<()> {
    for stored in records {
        if json {
            out.write_all(&stored.bytes)?;
            out.write_all(b"\n")?;
        } else {
            writeln!(out, "{}", line(stored))?;
        }
    }
    Ok(())
}

fn show(dir: &Path, inspection: &str, why: bool, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let inspection = &whole_id(dir, inspection)?;
    let mut records = Vec::new();
    each(dir, &Filter { stream: None, inspection: Some(inspection) }, &mut |stored| records.push(stored))?;
    let detail = if why { Detail::Why } else { Detail::Brief };
    let told = write!(out, "{}", story(inspection, &records, detail)).and_then(|()| out.flush());
    told.map_err(Failure::Output)?;
    Ok(if records.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn prove(dir: &Path, json: bool, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let report = verify(dir).map_err(Failure::Journal)?;
    print_report(out, &report, json).map_err(Failure::Output)?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes what a proof found.
pub fn print_report(out: &mut dyn Write, report: &Report, json: bool) -> io::Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(report)?)?;
        return out.flush();
    }
    writeln!(out, "lane /{}/{}   epoch {}", report.port, report.lane, report.epoch)?;
    for (name, stream) in &report.streams {
        writeln!(out, "{name:<20} {:>9} records, newest {:>9}, sha256 {}", stream.records, stream.newest, stream.hash)?;
    }
    writeln!(out, "{:<20} {:>9} files", "evidence", report.evidence)?;
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    for problem in &report.problems {
        writeln!(out, "problem: {problem}")?;
    }
    match report.problems.len() {
        0 => writeln!(out, "whole: nothing is missing or altered")?,
        count => writeln!(out, "not whole: {count} problems")?,
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Draft, Identity, Journal, Options};

    #[tokio::test]
    async fn the_beginning_of_an_id_means_its_inspection_where_it_begins_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity { port: "CNTYN".into(), lane: "G03".into() };
        let (journal, _) = Journal::open(dir.path(), &identity, Options::default()).unwrap();
        let time = "2026-01-01T00:00:00Z".parse().unwrap();
        let opened = |id: &str| Draft::new(Stream::Inspection, "inspection.opened", id, time, serde_json::json!({}));
        journal.append(&[opened("0198-aa"), opened("0198-ab"), opened("01991-x")]).await.unwrap();
        journal.close().await;
        let asked = |begins: &str| match whole_id(dir.path(), begins) {
            Ok(id) => id,
            Err(Failure::Asked(words)) => words,
            Err(Failure::Journal(_) | Failure::Output(_)) => panic!("the journal cannot be read"),
        };
        assert_eq!((asked("01991"), asked("0198-aa")), ("01991-x".to_owned(), "0198-aa".to_owned()));
        assert!(asked("0198").starts_with("2 inspections begin with `0198`"), "{}", asked("0198"));
        assert!(asked("02").starts_with("no inspection begins with `02`"));
        let mut told = Vec::new();
        assert!(show(dir.path(), "01991", false, &mut told).is_ok());
        assert!(String::from_utf8(told).unwrap().starts_with("inspection 01991-x   lane /CNTYN/G03"));
    }

    #[test]
    fn the_folder_of_a_demo_means_the_journal_in_it_and_a_journal_means_itself() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(store_in(dir.path()), dir.path(), "an error names what was asked for");
        std::fs::create_dir_all(dir.path().join("store/log")).unwrap();
        assert_eq!(store_in(dir.path()), dir.path().join("store"));
        std::fs::create_dir(dir.path().join("log")).unwrap();
        assert_eq!(store_in(dir.path()), dir.path());
    }
}
