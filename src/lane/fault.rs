//! The faults of the arm that latch until a person resumes.

/// What latched a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    DidNotLeave,
    DidNotArrive,
    CameBack,
    Forced,
    BothLimits,
    Astray,
    Operator,
}

impl Fault {
    /// Kind of the alarm record.
    pub(super) const fn alarm(self) -> &'static str {
        match self {
            Self::DidNotLeave => "alarm.arm_did_not_leave",
            Self::DidNotArrive => "alarm.arm_did_not_arrive",
            Self::CameBack => "alarm.arm_came_back",
            Self::Forced => "alarm.arm_forced",
            Self::BothLimits => "alarm.arm_both_limits",
            Self::Astray => "alarm.arm_astray",
            Self::Operator => "alarm.arm_fault",
        }
    }

    /// Code in the view.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::DidNotLeave => "arm_did_not_leave",
            Self::DidNotArrive => "arm_did_not_arrive",
            Self::CameBack => "arm_came_back",
            Self::Forced => "arm_forced",
            Self::BothLimits => "arm_both_limits",
            Self::Astray => "arm_astray",
            Self::Operator => "arm_fault",
        }
    }
}
