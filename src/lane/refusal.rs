//! Why an officer's act is refused: a closed list, in the officer's language.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::marks::ImageRef;

/// Why an act is refused. `Display` is what an English screen shows, [`Refusal::chinese`] a Chinese one, and
/// [`Refusal::code`] is what programs and records hold on to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refusal {
    /// There is no subject in the lane.
    NoSubject,
    /// The act speaks of an inspection that is not the one in the lane.
    OtherInspection {
        /// Inspection that the officer saw.
        asked: Arc<str>,
        /// Inspection in the lane.
        current: Arc<str>,
    },
    /// The agency is not one of this lane.
    UnknownAgency {
        /// As given.
        agency: Arc<str>,
    },
    /// The act carries no person's name.
    NamelessOfficer,
    /// The agency has no desk at this station.
    NoDesk {
        /// As given.
        agency: Arc<str>,
    },
    /// The step of the inspection does not allow the act.
    WrongStep {
        /// Step of the inspection.
        step: &'static str,
        /// What has to happen first, or is already over.
        because: &'static str,
    },
    /// The desk has given its verdict; a verdict is given once.
    AlreadyJudged {
        /// Agency of the desk.
        agency: Arc<str>,
    },
    /// The verdict speaks of an image that is not the newest one of this inspection.
    StaleImage {
        /// The image that the officer saw.
        asked: ImageRef,
        /// The newest one; `None` where there is none.
        newest: Option<ImageRef>,
    },
    /// More is marked and written than a sealed verdict holds.
    TooMuchMarked,
    /// The identity is blank.
    NoIdentity,
    /// The reason is blank, and this act needs one on record.
    NoReason,
    /// The agency holds the subject already.
    AlreadyHeld {
        /// Agency.
        agency: Arc<str>,
    },
    /// Nobody holds the subject.
    NoHold,
    /// The agency has no hold here; those that have are named.
    NotYourHold {
        /// Agency that asked.
        agency: Arc<str>,
        /// Agencies whose holds stand.
        owners: Vec<Arc<str>>,
    },
    /// The arm is not opened while a hold stands.
    HoldStands {
        /// Agencies whose holds stand.
        owners: Vec<Arc<str>>,
    },
    /// A sealed verdict waits to be opened: an override would pass over it unseen.
    VerdictSealed,
    /// A stop, an emergency opening or a fault is latched.
    Latched {
        /// What is latched.
        what: &'static str,
    },
    /// Nothing is latched that could be ended.
    NothingLatched,
    /// What latched is still there.
    StillThere {
        /// What is still there.
        what: &'static str,
    },
    /// A sensor at the arm does not show clear.
    NotClear {
        /// Names of the sensors, with what they say.
        sensors: Vec<Arc<str>>,
    },
    /// A released subject is on its way through.
    SubjectInPassage,
    /// There is nothing that waits for this confirmation.
    NothingToConfirm,
    /// No temperature is measured here.
    NotScreened,
    /// Another agency confirms temperatures.
    NotYourMeasurement {
        /// The agency that does.
        agency: Arc<str>,
    },
    /// The measurement does not say what it was made with.
    NoInstrument,
    /// No person has such a temperature: a slip of the hand.
    ImplausibleTemperature {
        /// Lowest, in tenths of a degree Celsius.
        low_tenths: i32,
        /// Highest, in tenths of a degree Celsius.
        high_tenths: i32,
    },
    /// The temperature has been confirmed, or its hold lifted; that ended it.
    AlreadyConfirmed,
    /// A measurement stands that an override would pass over unseen.
    MeasurementStands {
        /// The agency whose it is.
        agency: Arc<str>,
    },
    /// Several subjects are in the lane, and the act does not say which.
    WhichSubject {
        /// How many.
        open: usize,
    },
    /// No inspection that is open begins so.
    NotOpen {
        /// As given.
        asked: Arc<str>,
    },
    /// The lane has a belt, and no arm that the act could speak of.
    NoArm,
    /// The belt runs, or cannot be seen to stand.
    BeltRuns,
    /// The subject has been opened; that is done once.
    AlreadyOpened,
    /// Nobody has begun a joint examination.
    NoExamination,
    /// The agency neither holds the subject nor doubts it.
    NoDoubt {
        /// Agency that asked.
        agency: Arc<str>,
    },
    /// The agency is not called to the examination.
    NotCalled {
        /// Agency that asked.
        agency: Arc<str>,
        /// Agencies that are.
        called: Vec<Arc<str>>,
    },
    /// The agency is there already.
    AlreadyArrived {
        /// Agency.
        agency: Arc<str>,
    },
    /// Not every called agency is there.
    NotAllPresent {
        /// Agencies that are not there.
        missing: Vec<Arc<str>>,
    },
    /// The agency is not at the examination.
    NotPresent {
        /// Agency that asked.
        agency: Arc<str>,
    },
    /// The subject has not been opened.
    NotOpened,
    /// The agency has recorded no finding that this rests on.
    NoFinding {
        /// Agency that asked.
        agency: Arc<str>,
    },
    /// The agency has closed its part.
    PartClosed {
        /// Agency.
        agency: Arc<str>,
    },
    /// The agency is at an examination, and has not closed its part.
    ExaminationOpen {
        /// Agency.
        agency: Arc<str>,
    },
    /// The agency has recorded no such disposition.
    NothingToCorrect,
    /// The agency has recorded this disposition.
    AlreadyDisposed {
        /// Agency.
        agency: Arc<str>,
    },
    /// A finding is handed to another agency.
    HandOverToSelf,
    /// What was handed over has not been accepted.
    HandOverPending {
        /// The giver.
        agency: Arc<str>,
        /// Who has to accept.
        to: Arc<str>,
    },
    /// Nothing was handed to the agency.
    NotHandedOver {
        /// Agency that asked.
        agency: Arc<str>,
        /// Who should have handed it over.
        from: Arc<str>,
    },
    /// The agency has accepted this finding.
    AlreadyAccepted {
        /// Who accepted.
        agency: Arc<str>,
    },
}

impl Refusal {
    /// The stable code, the same as in the serialised form.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSubject => "no_subject",
            Self::OtherInspection { .. } => "other_inspection",
            Self::UnknownAgency { .. } => "unknown_agency",
            Self::NamelessOfficer => "nameless_officer",
            Self::NoDesk { .. } => "no_desk",
            Self::WrongStep { .. } => "wrong_step",
            Self::AlreadyJudged { .. } => "already_judged",
            Self::StaleImage { .. } => "stale_image",
            Self::TooMuchMarked => "too_much_marked",
            Self::NoIdentity => "no_identity",
            Self::NoReason => "no_reason",
            Self::AlreadyHeld { .. } => "already_held",
            Self::NoHold => "no_hold",
            Self::NotYourHold { .. } => "not_your_hold",
            Self::HoldStands { .. } => "hold_stands",
            Self::VerdictSealed => "verdict_sealed",
            Self::Latched { .. } => "latched",
            Self::NothingLatched => "nothing_latched",
            Self::StillThere { .. } => "still_there",
            Self::NotClear { .. } => "not_clear",
            Self::SubjectInPassage => "subject_in_passage",
            Self::NothingToConfirm => "nothing_to_confirm",
            Self::NotScreened => "not_screened",
            Self::NotYourMeasurement { .. } => "not_your_measurement",
            Self::NoInstrument => "no_instrument",
            Self::ImplausibleTemperature { .. } => "implausible_temperature",
            Self::AlreadyConfirmed => "already_confirmed",
            Self::MeasurementStands { .. } => "measurement_stands",
            Self::WhichSubject { .. } => "which_subject",
            Self::NotOpen { .. } => "not_open",
            Self::NoArm => "no_arm",
            Self::BeltRuns => "belt_runs",
            Self::AlreadyOpened => "already_opened",
            Self::NoExamination => "no_examination",
            Self::NoDoubt { .. } => "no_doubt",
            Self::NotCalled { .. } => "not_called",
            Self::AlreadyArrived { .. } => "already_arrived",
            Self::NotAllPresent { .. } => "not_all_present",
            Self::NotPresent { .. } => "not_present",
            Self::NotOpened => "not_opened",
            Self::NoFinding { .. } => "no_finding",
            Self::PartClosed { .. } => "part_closed",
            Self::ExaminationOpen { .. } => "examination_open",
            Self::NothingToCorrect => "nothing_to_correct",
            Self::AlreadyDisposed { .. } => "already_disposed",
            Self::HandOverToSelf => "hand_over_to_self",
            Self::HandOverPending { .. } => "hand_over_pending",
            Self::NotHandedOver { .. } => "not_handed_over",
            Self::AlreadyAccepted { .. } => "already_accepted",
        }
    }

    /// What a Chinese screen shows.
    pub fn chinese(&self) -> String {
        match self {
            Self::NoSubject => "通道内没有查验对象".into(),
            Self::OtherInspection { asked, current } if asked.is_empty() => {
                format!("查验记录编号为空,请输入编号;当前对象为 {current}")
            }
            Self::OtherInspection { asked, current } if current.starts_with(&**asked) => {
                format!("编号“{asked}”太短,无法确定查验记录,请多输入几位;当前为 {current}")
            }
            Self::OtherInspection { current, .. } => {
                format!("您看到的查验记录已不是当前对象,当前为 {current};请刷新后重新判断")
            }
            Self::UnknownAgency { agency } => format!("本通道没有查验部门“{agency}”"),
            Self::NamelessOfficer => "缺少操作人员姓名,不予记录".into(),
            Self::NoDesk { agency } => format!("部门“{agency}”在本工位没有判图屏"),
            Self::WrongStep { step, .. } => format!("当前步骤({step})不能进行此操作"),
            Self::AlreadyJudged { agency } => format!("部门“{agency}”已给出判图结论,结论只能给一次"),
            Self::StaleImage { newest: Some(newest), .. } => {
                format!("图像已更新(第 {} 幅,{}),请查看后重新判断", newest.revision, newest.id)
            }
            Self::StaleImage { asked, newest: None } => format!("图像 {} 不属于该查验记录,该记录尚无图像", asked.id),
            Self::TooMuchMarked => "标记和备注过多,无法封存;请减少多边形的点数或缩短备注".into(),
            Self::NoIdentity => "请输入车牌或其他号码".into(),
            Self::NoReason => "请填写理由,理由将写入记录".into(),
            Self::AlreadyHeld { agency } => format!("部门“{agency}”已拦截该对象"),
            Self::NoHold => "该对象没有被拦截".into(),
            Self::NotYourHold { owners, .. } => format!("只有拦截部门可以解除拦截:{}", owners.join("、")),
            Self::HoldStands { owners } => format!("仍被拦截,不能开杆:{}", owners.join("、")),
            Self::VerdictSealed => "尚有未开封的判图结论,开封前不能人工放行".into(),
            Self::Latched { what } => format!("道闸已锁定({what}),请先恢复"),
            Self::NothingLatched => "没有需要恢复的锁定".into(),
            Self::StillThere { what } => format!("原因仍然存在({what}),不能恢复"),
            Self::NotClear { sensors } => format!("杆下传感器未显示空闲:{}", sensors.join("、")),
            Self::SubjectInPassage => "已放行对象正在通过".into(),
            Self::NothingToConfirm => "没有等待确认的事项".into(),
            Self::NotScreened => "本通道不测体温".into(),
            Self::NotYourMeasurement { agency } => format!("体温复测由部门“{agency}”负责"),
            Self::NoInstrument => "请填写复测所用的体温计".into(),
            Self::ImplausibleTemperature { low_tenths, high_tenths } => {
                format!("体温应在 {} 至 {} ℃ 之间,请核对输入", degrees(*low_tenths), degrees(*high_tenths))
            }
            Self::AlreadyConfirmed => "体温已复测确认,不能再次录入".into(),
            Self::MeasurementStands { agency } => format!("部门“{agency}”的体温复测尚未结束,不能人工放行"),
            Self::WhichSubject { open } => format!("通道内有 {open} 个查验对象,请指明查验记录"),
            Self::NotOpen { asked } if asked.is_empty() => "查验记录编号为空,请至少输入编号前 13 位".into(),
            Self::NotOpen { asked } => format!("没有以“{asked}”开头的未结查验记录,请至少输入编号前 13 位"),
            Self::NoArm => "本通道没有道闸,不能进行此操作".into(),
            Self::BeltRuns => "传送带未停止,请先停带再确认".into(),
            Self::AlreadyOpened => "该对象已开箱,开箱只进行一次".into(),
            Self::NoExamination => "尚未发起联合查验".into(),
            Self::NoDoubt { agency } => format!("部门“{agency}”既未拦截也未对图像存疑,不能发起联合查验"),
            Self::NotCalled { agency, called } => {
                format!("部门“{agency}”未被通知参加本次查验,参加部门:{}", called.join("、"))
            }
            Self::AlreadyArrived { agency } => format!("部门“{agency}”已到场"),
            Self::NotAllPresent { missing } => format!("尚有部门未到场,不能开箱:{}", missing.join("、")),
            Self::NotPresent { agency } => format!("部门“{agency}”未到场"),
            Self::NotOpened => "该对象尚未开箱".into(),
            Self::NoFinding { agency } => format!("部门“{agency}”尚未录入查验结果"),
            Self::PartClosed { agency } => format!("部门“{agency}”已结束本部门查验"),
            Self::ExaminationOpen { agency } => format!("部门“{agency}”的查验尚未结束,请先录入结果并结束查验"),
            Self::NothingToCorrect => "没有可更正的处置记录".into(),
            Self::AlreadyDisposed { agency } => format!("部门“{agency}”已录入该处置"),
            Self::HandOverToSelf => "不能移交给本部门".into(),
            Self::HandOverPending { agency, to } => format!("部门“{to}”尚未接收移交,“{agency}”不能解除拦截"),
            Self::NotHandedOver { agency, from } => format!("部门“{from}”没有待“{agency}”接收的移交"),
            Self::AlreadyAccepted { agency } => format!("部门“{agency}”已接收该移交"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSubject => f.write_str("there is no subject in the lane"),
            Self::OtherInspection { asked, current } if asked.is_empty() => {
                write!(f, "the inspection's id is empty; name it, {current} is in the lane")
            }
            Self::OtherInspection { asked, current } if current.starts_with(&**asked) => {
                write!(f, "\"{asked}\" is too short to mean one inspection alone; write more of the id: {current}")
            }
            Self::OtherInspection { asked, current } => {
                write!(f, "inspection {asked} is not in the lane, {current} is; look at it and decide again")
            }
            Self::UnknownAgency { agency } => write!(f, "this lane has no agency \"{agency}\""),
            Self::NamelessOfficer => f.write_str("nothing is recorded without a person's name; log in and try again"),
            Self::NoDesk { agency } => write!(f, "agency \"{agency}\" has no desk at this station"),
            Self::WrongStep { step, because } => write!(f, "not possible while the inspection is {step}: {because}"),
            Self::AlreadyJudged { agency } => {
                write!(
                    f,
                    "{agency} has given its verdict, and a verdict is given once; place a hold to stop the subject"
                )
            }
            Self::StaleImage { newest: Some(newest), .. } => write!(
                f,
                "there is another image since: {} (number {}); look at it and judge again",
                newest.id, newest.revision
            ),
            Self::StaleImage { asked, newest: None } => {
                write!(f, "image {} is none of this inspection, which has no image yet; look again", asked.id)
            }
            Self::TooMuchMarked => f.write_str(
                "more is marked and written than a sealed verdict holds; use fewer corners, or write a shorter note",
            ),
            Self::NoIdentity => f.write_str("the identity is empty; type the licence plate or other number"),
            Self::NoReason => f.write_str("a reason is needed, it goes on record"),
            Self::AlreadyHeld { agency } => write!(f, "{agency} holds this subject already"),
            Self::NoHold => f.write_str("nobody holds this subject"),
            Self::NotYourHold { agency, owners } => {
                write!(f, "{agency} has no hold here; only the holder lifts it: {}", owners.join(", "))
            }
            Self::HoldStands { owners } => {
                write!(f, "the arm stays closed while a hold stands; ask its owner to lift it: {}", owners.join(", "))
            }
            Self::VerdictSealed => {
                f.write_str("a sealed verdict has not been opened yet; wait for the end of the review")
            }
            Self::Latched { what } => write!(f, "the arm is latched ({what}); resume first"),
            Self::NothingLatched => f.write_str("nothing is latched"),
            Self::StillThere { what } => write!(f, "{what} is still there; end it first, then resume"),
            Self::NotClear { sensors } => write!(f, "the arm is not clear: {}", sensors.join(", ")),
            Self::SubjectInPassage => f.write_str("a released subject is on its way through"),
            Self::NothingToConfirm => f.write_str("nothing waits for this confirmation"),
            Self::NotScreened => f.write_str("this lane measures no temperature"),
            Self::NotYourMeasurement { agency } => write!(f, "temperatures are confirmed by {agency}"),
            Self::NoInstrument => f.write_str("name the instrument that was measured with, it goes on record"),
            Self::ImplausibleTemperature { low_tenths, high_tenths } => write!(
                f,
                "a person has {} to {} °C here; look at the instrument and type it again",
                degrees(*low_tenths),
                degrees(*high_tenths)
            ),
            Self::AlreadyConfirmed => {
                f.write_str("the temperature is confirmed and is not typed twice; place or lift a hold instead")
            }
            Self::MeasurementStands { agency } => {
                write!(f, "a measurement of {agency} is not settled; {agency} measures again or lifts its hold")
            }
            Self::WhichSubject { open } => {
                write!(f, "{open} subjects are in the lane; name the inspection, `portside status` shows them")
            }
            Self::NotOpen { asked } if asked.is_empty() => {
                f.write_str("the inspection's id is empty; name it, `portside status` shows them")
            }
            Self::NotOpen { asked } if asked.len() < 13 => {
                write!(
                    f,
                    "\"{asked}\" is too short to mean one inspection alone; write more of the id, at least 13 characters"
                )
            }
            Self::NotOpen { asked } => {
                write!(f, "no open inspection begins with {asked}; give at least 13 characters of its id")
            }
            Self::NoArm => f.write_str("this lane has a belt and no barrier"),
            Self::BeltRuns => f.write_str("the belt is not seen to stand still; stop it, look again, then confirm"),
            Self::AlreadyOpened => f.write_str("the subject has been opened, and is opened once"),
            Self::NoExamination => {
                f.write_str("no joint examination has been begun; an agency that holds the subject begins one")
            }
            Self::NoDoubt { agency } => {
                write!(f, "{agency} neither holds this subject nor doubts its image; place a hold first")
            }
            Self::NotCalled { agency, called } => {
                write!(f, "{agency} is not called to this examination; called are {}", called.join(", "))
            }
            Self::AlreadyArrived { agency } => write!(f, "{agency} is there already"),
            Self::NotAllPresent { missing } => {
                write!(f, "the subject is opened once, with everybody there; missing: {}", missing.join(", "))
            }
            Self::NotPresent { agency } => write!(f, "{agency} has not arrived at this examination"),
            Self::NotOpened => f.write_str("the subject has not been opened; a finding comes after the opening"),
            Self::NoFinding { agency } => {
                write!(f, "{agency} has recorded no finding that this rests on; record what was found first")
            }
            Self::PartClosed { agency } => write!(f, "{agency} has closed its part already"),
            Self::ExaminationOpen { agency } => {
                write!(f, "{agency} is at the examination; record the finding and close the part, then lift")
            }
            Self::NothingToCorrect => {
                f.write_str("this agency has recorded no such disposition that could be corrected")
            }
            Self::AlreadyDisposed { agency } => write!(f, "{agency} has recorded this disposition already"),
            Self::HandOverToSelf => {
                f.write_str("a finding is handed to another agency; name the one whose business it is")
            }
            Self::HandOverPending { agency, to } => {
                write!(f, "{to} has not accepted what {agency} handed over; until then {agency} holds")
            }
            Self::NotHandedOver { agency, from } => {
                write!(f, "{from} has handed nothing to {agency} that waits to be accepted")
            }
            Self::AlreadyAccepted { agency } => write!(f, "{agency} has accepted this finding already"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Tenths of a degree as a person writes them.
fn degrees(tenths: i32) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_empty_or_too_short_is_called_so() {
        let other =
            |asked: &str| Refusal::OtherInspection { asked: asked.into(), current: "0198c2b0-7b1c-7def".into() };
        let closed = |asked: &str| Refusal::NotOpen { asked: asked.into() };
        for said in [other("").to_string(), closed("").to_string()] {
            assert!(said.starts_with("the inspection's id is empty"), "{said}");
        }
        for said in [other("0198").to_string(), closed("0198").to_string()] {
            assert!(said.starts_with("\"0198\" is too short") && said.contains("write more of the id"), "{said}");
        }
        assert!(other("0197").to_string().starts_with("inspection 0197 is not in the lane"));
        assert!(closed("0198c2b0-7b1c-").to_string().starts_with("no open inspection begins with"));
    }

    #[test]
    fn a_refusal_names_the_owner_of_the_hold() {
        let refusal = Refusal::NotYourHold { agency: "ciq".into(), owners: vec!["customs".into()] };
        assert_eq!(refusal.to_string(), "ciq has no hold here; only the holder lifts it: customs");
        assert!(refusal.chinese().contains("customs"));
    }

    #[test]
    fn the_code_is_the_tag_of_the_serialised_form() {
        let refusal = Refusal::WrongStep { step: "held", because: "the review is over" };
        assert_eq!(serde_json::to_value(&refusal).unwrap()["code"], refusal.code());
    }
}
