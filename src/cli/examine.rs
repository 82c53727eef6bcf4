//! What a person does about a held subject from the shell: `examination`, `disposition`, `case`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::act::{Person, send};
use crate::lane::{Act, Category, Disposition, Found};

const FINDING: &str = "Example:\n  portside examination finding 0198c2b0-7a51 --agency customs --officer 100234 drugs";

/// `portside examination`
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portside examination begin 0198c2b0-7a51 --agency customs --officer 100234 --with ciq\n\nThe subject is opened once, when every agency that holds it or was called has arrived; then each records what it\nfound, closes its part and lifts its own hold."
)]
pub(super) struct ExaminationArgs {
    #[command(subcommand)]
    act: ExaminationAct,
}

#[derive(Subcommand, Debug)]
enum ExaminationAct {
    /// Call the agencies; marked regions are shared from here on
    #[command(
        after_help = "Example:\n  portside examination begin 0198c2b0-7a51 --agency customs --officer 100234 --with ciq"
    )]
    Begin {
        #[command(flatten)]
        on: On,
        /// An agency to be there besides those that hold; may be given again
        #[arg(long, value_name = "AGENCY")]
        with: Vec<String>,
        #[command(flatten)]
        note: Note,
    },
    /// I am at the subject
    #[command(after_help = "Example:\n  portside examination arrive 0198c2b0-7a51 --agency ciq --officer 7731")]
    Arrive(On),
    /// Open the subject, with every called agency present
    #[command(after_help = "Example:\n  portside examination open 0198c2b0-7a51 --agency customs --officer 100234")]
    Open(On),
    /// Record what this agency found; said again, it corrects the finding before
    #[command(after_help = FINDING)]
    Finding {
        #[command(flatten)]
        on: On,
        /// `nothing`, or the category
        #[arg(value_parser = words(found_words()))]
        found: String,
        #[command(flatten)]
        note: Note,
    },
    /// This agency's part is over
    #[command(after_help = "Example:\n  portside examination close 0198c2b0-7a51 --agency ciq --officer 7731")]
    Close(On),
}

/// `portside disposition`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  portside disposition 0198c2b0-7a51 --agency customs --officer 100234 detain")]
pub(super) struct DispositionArgs {
    #[command(flatten)]
    on: On,
    /// What becomes of it
    #[arg(value_parser = words(disposition_words()))]
    disposition: String,
    /// The disposition that was recorded in error
    #[arg(long, value_name = "DISPOSITION", value_parser = words(disposition_words()))]
    instead_of: Option<String>,
    #[command(flatten)]
    note: Note,
}

/// `portside case`
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portside case hand-over 0198c2b0-7a51 --agency customs --officer 100234 --to ciq\n\nUntil the other agency has accepted, the giver holds the subject."
)]
pub(super) struct CaseArgs {
    #[command(subcommand)]
    act: CaseAct,
}

#[derive(Subcommand, Debug)]
enum CaseAct {
    /// Hand a finding to the agency whose business it is
    #[command(
        after_help = "Example:\n  portside case hand-over 0198c2b0-7a51 --agency customs --officer 100234 --to ciq"
    )]
    HandOver {
        #[command(flatten)]
        on: On,
        /// The agency whose business it is
        #[arg(long, value_name = "AGENCY")]
        to: String,
        #[command(flatten)]
        note: Note,
    },
    /// Accept what another agency handed over
    #[command(after_help = "Example:\n  portside case accept 0198c2b0-7a51 --agency ciq --officer 7731 --from customs")]
    Accept {
        #[command(flatten)]
        on: On,
        /// The agency that handed it over
        #[arg(long, value_name = "AGENCY")]
        from: String,
    },
}

#[derive(Args, Debug)]
struct On {
    /// Inspection id as `portside status` shows it, or its beginning
    inspection: String,
    #[command(flatten)]
    person: Person,
}

#[derive(Args, Debug)]
struct Note {
    /// A note of this agency's own; sealed on record
    #[arg(long)]
    note: Option<String>,
}

impl Note {
    fn text(self) -> Option<Arc<str>> {
        self.note.map(Arc::from)
    }
}

fn words(words: Vec<&'static str>) -> PossibleValuesParser {
    PossibleValuesParser::new(words)
}

fn found_words() -> Vec<&'static str> {
    std::iter::once(Found::Nothing.word()).chain(Category::ALL.map(Category::word)).collect()
}

fn disposition_words() -> Vec<&'static str> {
    Disposition::ALL.map(Disposition::word).to_vec()
}

/// Runs `portside examination`.
pub(super) fn examination(args: ExaminationArgs) -> ExitCode {
    match args.act {
        ExaminationAct::Begin { on, with, note } => {
            let with = with.into_iter().map(Arc::from).collect();
            send(on.person, Act::ExaminationBegin { inspection: on.inspection.into(), with, note: note.text() })
        }
        ExaminationAct::Arrive(on) => send(on.person, Act::ExaminationArrive { inspection: on.inspection.into() }),
        ExaminationAct::Open(on) => send(on.person, Act::ExaminationOpen { inspection: on.inspection.into() }),
        ExaminationAct::Finding { on, found, note } => {
            let Some(found) = Found::from_word(&found) else { return ExitCode::from(2) };
            send(on.person, Act::ExaminationFinding { inspection: on.inspection.into(), found, note: note.text() })
        }
        ExaminationAct::Close(on) => send(on.person, Act::ExaminationClose { inspection: on.inspection.into() }),
    }
}

/// Runs `portside disposition`.
pub(super) fn disposition(args: DispositionArgs) -> ExitCode {
    let DispositionArgs { on, disposition, instead_of, note } = args;
    let Some(disposition) = Disposition::from_word(&disposition) else { return ExitCode::from(2) };
    let instead_of = instead_of.as_deref().and_then(Disposition::from_word);
    let inspection = on.inspection.into();
    send(on.person, Act::Disposition { inspection, disposition, instead_of, note: note.text() })
}

/// Runs `portside case`.
pub(super) fn case(args: CaseArgs) -> ExitCode {
    match args.act {
        CaseAct::HandOver { on, to, note } => {
            send(on.person, Act::HandOver { inspection: on.inspection.into(), to: to.into(), note: note.text() })
        }
        CaseAct::Accept { on, from } => {
            send(on.person, Act::Accept { inspection: on.inspection.into(), from: from.into() })
        }
    }
}
