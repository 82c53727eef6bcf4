//! What a person does from the shell: `verdict`, `identify`, `hold`, `temperature`, `barrier`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueEnum};

use super::door::{self, DoorArgs};
use crate::control::call::Call;
use crate::lane::{Act, Officer, Verdict};

/// Who acts.
#[derive(Args, Debug)]
pub(super) struct Person {
    /// Agency that the officer acts for, as the lane file names it
    #[arg(long, value_name = "AGENCY")]
    agency: String,
    /// The officer's name or number as it stands in the record
    #[arg(long, value_name = "NAME", env = "USER", default_value = "local")]
    officer: String,
    #[command(flatten)]
    door: DoorArgs,
}

/// The three judgements.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Judgement {
    /// Nothing suspicious
    Clear,
    /// Something suspicious: the subject is held
    Alarm,
    /// Cannot be judged from the image: the subject is held
    Unknown,
}

impl From<Judgement> for Verdict {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Clear => Self::Clear,
            Judgement::Alarm => Self::Alarm,
            Judgement::Unknown => Self::Unknown,
        }
    }
}

/// `portside verdict`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  portside verdict 0198c2b0-7a51 --agency customs --officer 100234 clear")]
pub(super) struct VerdictArgs {
    /// Inspection id as `portside status` shows it, or its beginning
    inspection: String,
    #[command(flatten)]
    person: Person,
    /// The judgement
    #[arg(value_enum)]
    verdict: Judgement,
}

/// `portside identify`
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  portside identify 粤BA103N --agency customs --officer 100234")]
pub(super) struct IdentifyArgs {
    /// Licence plate or other number of the subject in the lane
    identity: String,
    /// Refuse when another inspection is in the lane
    #[arg(long, value_name = "ID")]
    inspection: Option<String>,
    #[command(flatten)]
    person: Person,
}

/// `portside hold`
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portside hold lift 0198c2b0-7a51 --agency ciq --officer 7731 --reason \"examined, nothing found\""
)]
pub(super) struct HoldArgs {
    #[command(subcommand)]
    act: HoldAct,
}

#[derive(Subcommand, Debug)]
enum HoldAct {
    /// Stop a subject
    #[command(
        after_help = "Example:\n  portside hold place 0198c2b0-7a51 --agency customs --officer 100234 --reason \"cargo differs\""
    )]
    Place(HoldOn),
    /// Lift this agency's own hold; no agency lifts another's
    #[command(
        after_help = "Example:\n  portside hold lift 0198c2b0-7a51 --agency customs --officer 100234 --reason \"examined, nothing found\""
    )]
    Lift(HoldOn),
}

#[derive(Args, Debug)]
struct HoldOn {
    /// Inspection id as `portside status` shows it, or its beginning
    inspection: String,
    #[command(flatten)]
    person: Person,
    /// Why, for the record
    #[arg(long)]
    reason: String,
}

/// `portside temperature`
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portside temperature 0198c2b0-7a51 36.6 --agency ciq --officer 7731 --instrument \"ear thermometer 12\"\n\nThe thermometer of a lane only indicates. What is not normal asks for this second measurement, which ends it: a\nnormal one ends the hold, with an elevated one the agency goes on holding until it lifts."
)]
pub(super) struct TemperatureArgs {
    /// Inspection id as `portside status` shows it, or its beginning
    inspection: String,
    /// What the instrument shows, in degrees Celsius
    #[arg(value_parser = celsius)]
    value: f64,
    #[command(flatten)]
    person: Person,
    /// Which instrument it was measured with, for the record
    #[arg(long)]
    instrument: String,
}

/// Degrees Celsius, with or without the unit; a comma where people write one.
fn celsius(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches(['C', '°', '℃']).trim().replace(',', ".");
    let celsius: f64 =
        number.parse().map_err(|_| format!("\"{text}\" is no temperature; expected one such as 36.6"))?;
    if celsius.is_finite() { Ok(celsius) } else { Err("expected a temperature such as 36.6".to_owned()) }
}

/// `portside barrier`
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  portside barrier open --agency customs --officer 100234 --reason \"ambulance\"\n\nThere is no call that closes the barrier: it closes by itself after a full passage, or after `confirm-clear`."
)]
pub(super) struct BarrierArgs {
    #[command(subcommand)]
    act: BarrierAct,
}

#[derive(Subcommand, Debug)]
enum BarrierAct {
    /// Open without a release, as a recorded override; refused while any hold stands
    #[command(
        after_help = "Example:\n  portside barrier open --agency customs --officer 100234 --reason \"ambulance\""
    )]
    Open {
        #[command(flatten)]
        person: Person,
        /// Why, for the record
        #[arg(long)]
        reason: String,
    },
    /// Stop the arm at once; stays stopped until `resume`
    #[command(after_help = "Example:\n  portside barrier stop --agency customs --officer 100234")]
    Stop(Person),
    /// End a stop or a fault; moves nothing
    #[command(after_help = "Example:\n  portside barrier resume --agency customs --officer 100234")]
    Resume(Person),
    /// I looked at the lane: nothing stands under the arm
    #[command(after_help = "Example:\n  portside barrier confirm-clear --agency customs --officer 100234")]
    ConfirmClear(Person),
    /// I looked at the lane: after the restart it is still the same subject
    #[command(after_help = "Example:\n  portside barrier confirm-subject --agency customs --officer 100234")]
    ConfirmSubject(Person),
}

/// Runs `portside verdict`.
pub(super) fn verdict(args: VerdictArgs) -> ExitCode {
    let act = Act::judge(args.inspection, args.verdict.into());
    send(args.person, act)
}

/// Runs `portside identify`.
pub(super) fn identify(args: IdentifyArgs) -> ExitCode {
    let act = Act::Identify { inspection: args.inspection.map(Arc::from), identity: args.identity.into() };
    send(args.person, act)
}

/// Runs `portside hold`.
pub(super) fn hold(args: HoldArgs) -> ExitCode {
    match args.act {
        HoldAct::Place(on) => {
            send(on.person, Act::PlaceHold { inspection: on.inspection.into(), reason: on.reason.into() })
        }
        HoldAct::Lift(on) => {
            send(on.person, Act::LiftHold { inspection: on.inspection.into(), reason: on.reason.into() })
        }
    }
}

/// Runs `portside temperature`.
pub(super) fn temperature(args: TemperatureArgs) -> ExitCode {
    let (inspection, instrument) = (args.inspection.into(), args.instrument.into());
    send(args.person, Act::Temperature { inspection, celsius: args.value, instrument })
}

/// Runs `portside barrier`.
pub(super) fn barrier(args: BarrierArgs) -> ExitCode {
    match args.act {
        BarrierAct::Open { person, reason } => send(person, Act::Open { reason: reason.into() }),
        BarrierAct::Stop(person) => send(person, Act::Stop),
        BarrierAct::Resume(person) => send(person, Act::Resume),
        BarrierAct::ConfirmClear(person) => send(person, Act::ConfirmClear),
        BarrierAct::ConfirmSubject(person) => send(person, Act::ConfirmSubject),
    }
}

pub(super) fn send(person: Person, act: Act) -> ExitCode {
    let officer = Officer { agency: person.agency.into(), name: person.officer.into() };
    door::call(&person.door, &Call::Act { officer, act })
}

#[cfg(test)]
mod tests {
    use super::celsius;

    #[test]
    fn a_temperature_is_read_as_people_write_it() {
        for (text, number) in [("36.6", 36.6), ("36,6", 36.6), ("37 °C", 37.0), ("36.6℃", 36.6), ("36.6C", 36.6)] {
            assert_eq!(celsius(text), Ok(number), "{text}");
        }
        for text in ["", "warm", "NaN", "inf", "36.6 F", "3 6"] {
            assert!(celsius(text).is_err(), "{text}");
        }
    }
}
