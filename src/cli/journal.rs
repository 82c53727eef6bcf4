//! `portside journal`: browse and prove the journal.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::journal::{
    Detail, Offline, OpenError, Record, Report, Stored, Stream, line, record_belongs_to, story, verify,
};

/// `portside journal list|show|verify`
#[derive(Args, Clone, Debug)]
pub struct JournalArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: JournalVerb,
}

/// What to do with a journal. Without DIR the running daemon is asked.
#[derive(Subcommand, Clone, Debug)]
pub enum JournalVerb {
    /// List records
    #[command(after_help = "Example: portside journal list /var/lib/portside --stream inspection --limit 20")]
    List {
        /// The journal's directory; without it the running daemon is asked
        dir: Option<PathBuf>,
        /// One record a line, exact bytes
        #[arg(long)]
        json: bool,
        /// Only this stream: alarm, inspection, device, telemetry, audit, agency-ID
        #[arg(long)]
        stream: Option<Stream>,
        /// Only what belongs to this inspection
        #[arg(long)]
        inspection: Option<String>,
        /// Only the last N of them
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Tell the story of one inspection
    #[command(after_help = "Example: portside journal show 0198c2b0-7b1c-7def-8123-456789abcdef --why")]
    Show {
        /// The inspection's id
        inspection: String,
        /// The journal's directory; without it the running daemon is asked
        dir: Option<PathBuf>,
        /// Every field of every record
        #[arg(long)]
        why: bool,
    },
    /// Prove that nothing is missing or altered: frames, records, chains, head file, evidence
    #[command(after_help = "Exit status 0: whole; 1: not. Example: portside journal verify /var/lib/portside")]
    Verify {
        /// The journal's directory; a running daemon may have it open
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
        }
    }
}

/// Carries the verb out on `dir` and writes to `out`; what went wrong goes to stderr.
pub fn run(args: &JournalArgs, dir: &Path, out: &mut dyn Write) -> ExitCode {
    let done = match &args.verb {
        JournalVerb::List { json, stream, inspection, limit, .. } => {
            let filter = Filter { stream: stream.as_ref(), inspection: inspection.as_deref() };
            match limit {
                Some(limit) => list_last(dir, &filter, *limit, *json, out),
                None => list_all(dir, &filter, *json, out),
            }
        }
        JournalVerb::Show { inspection, why, .. } => show(dir, inspection, *why, out),
        JournalVerb::Verify { json, .. } => prove(dir, *json, out),
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
    }
}

enum Failure {
    Journal(OpenError),
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

fn each(dir: &Path, filter: &Filter<'_>, visit: &mut dyn FnMut(Stored)) -> Result<(), Failure> {
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
