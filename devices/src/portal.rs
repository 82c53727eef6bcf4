//! Reduces what a radiation portal says to occupancies, each with a finding that a subject can be held on.
//!
//! ```text
//!            occupied off             occupied on                    occupied off
//!   Unknown ─────────────► Free ────────────────────► Occupied ─────────────────────► Free, an Occupancy
//!     │ ▲                   │                            │  alarm, doubt: kept until the end
//!     │ └── not heard ──────┘                            │
//!     └──── occupied on: begun unseen ───────────────────┘
//! ```
//! It works on readings of standard points, so it does not matter by which protocol they came. **Clear is said only of
//! what was seen from beginning to end with the detectors in order**: everything else is an alarm or unknown.

use crate::moment::Moment;
use crate::reading::{Quality, Reading, Value};

/// The points that it looks at; `speed` and the counts are best told on every record.
pub const POINTS: &[&str] = &[
    "occupied",
    "gamma_alarm",
    "neutron_alarm",
    "gamma_counts",
    "neutron_counts",
    "speed",
    "background_high",
    "background_low",
    "fault",
    "tamper",
];

/// What happened at a portal.
#[derive(Clone, Debug, PartialEq)]
pub enum PortalEvent {
    /// Something passes.
    Began {
        /// When.
        at: Moment,
    },
    /// The first alarm of its sort in an occupancy: told at once, whatever follows.
    Alarm {
        /// When.
        at: Moment,
        /// Of what.
        ray: Ray,
    },
    /// It has passed.
    Ended(Occupancy),
}

/// What a detector sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ray {
    /// Gamma radiation.
    Gamma,
    /// Neutrons.
    Neutron,
}

/// One passage through a portal.
#[derive(Clone, Debug, PartialEq)]
pub struct Occupancy {
    /// When it began, or was first seen.
    pub began: Moment,
    /// When it ended.
    pub ended: Moment,
    /// What the gamma detectors found.
    pub gamma: Finding,
    /// What the neutron detectors found.
    pub neutron: Finding,
    /// Highest gamma counts of one interval.
    pub gamma_max: Option<f64>,
    /// Highest neutron counts of one interval.
    pub neutron_max: Option<f64>,
    /// The slowest plausible speed: a presence sensor that bounces only makes things look faster.
    pub speed: Option<f64>,
}

impl Occupancy {
    /// The finding for the subject: an alarm if there was any, clear only if both say so or there is no neutron detector.
    pub fn finding(&self) -> Finding {
        match (self.gamma, self.neutron) {
            (Finding::Alarm, _) | (_, Finding::Alarm) => Finding::Alarm,
            (Finding::Unknown(doubt), _) => Finding::Unknown(doubt),
            (Finding::Clear, Finding::Clear | Finding::Unknown(Doubt::NotMeasured)) => Finding::Clear,
            (Finding::Clear, Finding::Unknown(doubt)) => Finding::Unknown(doubt),
        }
    }
}

/// What was found in one occupancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// No alarm, seen from beginning to end with the detectors in order.
    Clear,
    /// At least one alarm.
    Alarm,
    /// No alarm was seen, but one could have been missed.
    Unknown(Doubt),
}

/// Why an alarm could have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The portal was not heard for a part of it.
    NotHeard,
    /// It had begun before it was first seen.
    BegunUnseen,
    /// The background was too high to tell an alarm.
    BackgroundHigh,
    /// The background was too low: a detector is dead or shielded.
    BackgroundLow,
    /// The portal reported a fault.
    Fault,
    /// A cabinet of the portal was open.
    Tampered,
    /// The portal never said whether there is an alarm.
    NotMeasured,
}

impl Doubt {
    /// For people and records.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotHeard => "the portal was not heard for a part of the passage",
            Self::BegunUnseen => "the passage had begun before it was seen",
            Self::BackgroundHigh => "the background was too high to tell an alarm",
            Self::BackgroundLow => "the background was too low: a detector is dead or shielded",
            Self::Fault => "the portal reported a fault",
            Self::Tampered => "a cabinet of the portal was open",
            Self::NotMeasured => "the portal does not say whether there is an alarm",
        }
    }
}

/// The reducer of one portal.
#[derive(Clone, Debug, PartialEq)]
pub struct Portal {
    state: State,
    /// What the portal last said of itself, outside of occupancies too.
    known: Known,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    Unknown,
    Free,
    Occupied(Passage),
}

/// What is known of an alarm contact. A portal that never had one is not one that is not heard any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contact {
    Never,
    Is(bool),
    Lost,
}

impl Contact {
    const fn hear(&mut self, contact: Option<bool>) {
        *self = match contact {
            Some(on) => Self::Is(on),
            None => Self::Lost,
        };
    }

    /// What a passage that begins with it has seen. An alarm that stands from before is its own too: nothing said that
    /// it is over.
    fn begin(self, doubt: Option<Doubt>) -> Seen {
        match self {
            Self::Never => Seen { doubt, ..Seen::default() },
            Self::Is(on) => Seen { alarm: on, measured: true, doubt, ..Seen::default() },
            Self::Lost => Seen { measured: true, doubt: doubt.or(Some(Doubt::NotHeard)), ..Seen::default() },
        }
    }
}

/// The last word on each contact; `None` while it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    gamma_alarm: Contact,
    neutron_alarm: Contact,
    background_high: Option<bool>,
    background_low: Option<bool>,
    fault: Option<bool>,
    tamper: Option<bool>,
}

#[derive(Clone, Debug, PartialEq)]
struct Passage {
    began: Moment,
    gamma: Seen,
    neutron: Seen,
    speed: Option<f64>,
}

/// What one sort of detector has said in this passage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    alarm: bool,
    measured: bool,
    doubt: Option<Doubt>,
    most: Option<f64>,
}

impl Seen {
    const fn doubt(&mut self, doubt: Doubt) {
        if self.doubt.is_none() {
            self.doubt = Some(doubt);
        }
    }

    fn count(&mut self, counts: f64) {
        self.most = Some(self.most.map_or(counts, |most| most.max(counts)));
    }

    const fn finding(&self) -> Finding {
        match (self.alarm, self.doubt, self.measured) {
            (true, _, _) => Finding::Alarm,
            (false, _, false) => Finding::Unknown(Doubt::NotMeasured),
            (false, Some(doubt), true) => Finding::Unknown(doubt),
            (false, None, true) => Finding::Clear,
        }
    }
}

impl Default for Portal {
    fn default() -> Self {
        Self::new()
    }
}

impl Portal {
    /// A portal of which nothing is known.
    pub const fn new() -> Self {
        let known = Known {
            gamma_alarm: Contact::Never,
            neutron_alarm: Contact::Never,
            background_high: None,
            background_low: None,
            fault: None,
            tamper: None,
        };
        Self { state: State::Unknown, known }
    }

    /// True while something passes, as far as is known.
    pub const fn is_occupied(&self) -> bool {
        matches!(self.state, State::Occupied(_))
    }

    /// Takes the readings of one record in: what began, what alarmed, what ended, in this order.
    pub fn observe(&mut self, at: Moment, readings: &[Reading]) -> Vec<PortalEvent> {
        let mut events = Vec::new();
        let occupied = last(readings, "occupied");
        if let Some(Some(true)) = occupied.map(contact) {
            self.begin(at, &mut events);
        }
        for reading in readings {
            self.take(at, reading, &mut events);
        }
        self.doubts();
        match occupied.map(contact) {
            Some(Some(false)) => self.end(at, &mut events),
            Some(None) => self.unheard(),
            Some(Some(true)) | None => {}
        }
        events
    }

    fn begin(&mut self, at: Moment, events: &mut Vec<PortalEvent>) {
        let doubt = match self.state {
            State::Occupied(_) => return,
            State::Unknown => Some(Doubt::BegunUnseen),
            State::Free => None,
        };
        let (gamma, neutron) = (self.known.gamma_alarm.begin(doubt), self.known.neutron_alarm.begin(doubt));
        self.state = State::Occupied(Passage { began: at, gamma, neutron, speed: None });
        events.push(PortalEvent::Began { at });
        let standing = [(gamma, Ray::Gamma), (neutron, Ray::Neutron)].into_iter().filter(|(seen, _)| seen.alarm);
        events.extend(standing.map(|(_, ray)| PortalEvent::Alarm { at, ray }));
    }

    fn take(&mut self, at: Moment, reading: &Reading, events: &mut Vec<PortalEvent>) {
        let contact = contact(reading);
        match &*reading.point {
            "gamma_alarm" => self.alarm(at, Ray::Gamma, contact, events),
            "neutron_alarm" => self.alarm(at, Ray::Neutron, contact, events),
            "background_high" => self.known.background_high = contact,
            "background_low" => self.known.background_low = contact,
            "fault" => self.known.fault = contact,
            "tamper" => self.known.tamper = contact,
            "gamma_counts" => self.measure(reading, |passage, counts| passage.gamma.count(counts)),
            "neutron_counts" => self.measure(reading, |passage, counts| passage.neutron.count(counts)),
            "speed" => self.measure(reading, |passage, speed| {
                passage.speed = Some(passage.speed.map_or(speed, |slowest| slowest.min(speed)));
            }),
            _ => {}
        }
    }

    fn measure(&mut self, reading: &Reading, keep: impl FnOnce(&mut Passage, f64)) {
        let size = reading.value.as_ref().and_then(Value::as_f64).filter(|_| reading.quality.is_good());
        if let (State::Occupied(passage), Some(size)) = (&mut self.state, size) {
            keep(passage, size);
        }
    }

    fn alarm(&mut self, at: Moment, ray: Ray, contact: Option<bool>, events: &mut Vec<PortalEvent>) {
        let known = match ray {
            Ray::Gamma => &mut self.known.gamma_alarm,
            Ray::Neutron => &mut self.known.neutron_alarm,
        };
        let stood = *known == Contact::Is(true);
        known.hear(contact);
        let State::Occupied(passage) = &mut self.state else {
            // A portal that alarms while nothing seems to pass is believed, and told once.
            if contact == Some(true) && !stood {
                events.push(PortalEvent::Alarm { at, ray });
            }
            return;
        };
        let seen = match ray {
            Ray::Gamma => &mut passage.gamma,
            Ray::Neutron => &mut passage.neutron,
        };
        seen.measured = true;
        match contact {
            Some(true) if !seen.alarm => {
                seen.alarm = true;
                events.push(PortalEvent::Alarm { at, ray });
            }
            Some(true | false) => {}
            None => seen.doubt(Doubt::NotHeard),
        }
    }

    /// What the portal says of itself casts doubt on the passage under way.
    fn doubts(&mut self) {
        let known = self.known;
        let State::Occupied(Passage { gamma, neutron, .. }) = &mut self.state else { return };
        for (is, doubt) in
            [(known.background_high, Doubt::BackgroundHigh), (known.background_low, Doubt::BackgroundLow)]
        {
            if is == Some(true) {
                gamma.doubt(doubt);
            }
        }
        for (is, doubt) in [(known.fault, Doubt::Fault), (known.tamper, Doubt::Tampered)] {
            if is == Some(true) {
                gamma.doubt(doubt);
                neutron.doubt(doubt);
            }
        }
    }

    fn end(&mut self, at: Moment, events: &mut Vec<PortalEvent>) {
        if let State::Occupied(Passage { began, gamma, neutron, speed }) =
            std::mem::replace(&mut self.state, State::Free)
        {
            events.push(PortalEvent::Ended(Occupancy {
                began,
                ended: at,
                gamma: gamma.finding(),
                neutron: neutron.finding(),
                gamma_max: gamma.most,
                neutron_max: neutron.most,
                speed,
            }));
        }
    }

    /// The portal is not heard: what passes may end and begin unseen.
    fn unheard(&mut self) {
        match &mut self.state {
            State::Occupied(Passage { gamma, neutron, .. }) => {
                gamma.doubt(Doubt::NotHeard);
                neutron.doubt(Doubt::NotHeard);
            }
            State::Unknown | State::Free => self.state = State::Unknown,
        }
    }
}

fn last<'r>(readings: &'r [Reading], point: &str) -> Option<&'r Reading> {
    readings.iter().rfind(|reading| &*reading.point == point)
}

/// On or off, as far as the reading can be trusted.
const fn contact(reading: &Reading) -> Option<bool> {
    match (&reading.value, &reading.quality) {
        (Some(value), Quality::Good) => value.as_bool(),
        (Some(_) | None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn on(point: &str, on: bool) -> Reading {
        Reading { point: point.into(), value: Some(Value::Bool(on)), quality: Quality::Good, at: Moment::START }
    }

    fn number(point: &str, size: f64) -> Reading {
        Reading { value: Some(Value::Float(size)), ..on(point, true) }
    }

    fn stale(point: &str) -> Reading {
        Reading { quality: Quality::Stale, ..on(point, false) }
    }

    /// A portal that is free and in order.
    fn free() -> Portal {
        let mut portal = Portal::new();
        let rest = [on("occupied", false), on("gamma_alarm", false), on("neutron_alarm", false)];
        assert!(portal.observe(Moment::START, &rest).is_empty());
        portal
    }

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    /// The occupancy that ends when these records have come.
    fn passage(portal: &mut Portal, records: &[&[Reading]]) -> Option<Occupancy> {
        let mut events: Vec<PortalEvent> = Vec::new();
        for (index, record) in records.iter().enumerate() {
            events.extend(portal.observe(at(index as u64 * 200), record));
        }
        events.into_iter().find_map(|event| match event {
            PortalEvent::Ended(occupancy) => Some(occupancy),
            PortalEvent::Began { .. } | PortalEvent::Alarm { .. } => None,
        })
    }

    #[test]
    fn a_passage_without_an_alarm_is_clear_and_keeps_its_figures() {
        let end = [on("occupied", false), on("gamma_alarm", false)];
        let found = passage(
            &mut free(),
            &[
                &[on("occupied", true), number("gamma_counts", 290.0)],
                &[number("gamma_counts", 310.0), number("neutron_counts", 4.0)],
                &[number("speed", 2.28)],
                &[number("speed", 26.05)],
                &end,
            ],
        );
        let expected = Occupancy {
            began: at(0),
            ended: at(800),
            gamma: Finding::Clear,
            neutron: Finding::Clear,
            gamma_max: Some(310.0),
            neutron_max: Some(4.0),
            speed: Some(2.28),
        };
        assert_eq!(found.as_ref(), Some(&expected));
        assert_eq!(expected.finding(), Finding::Clear);
    }

    #[test]
    fn an_alarm_is_told_at_once_and_kept_until_the_end_although_the_portal_takes_it_back() {
        let mut portal = free();
        portal.observe(at(0), &[on("occupied", true)]);
        let alarm = portal.observe(at(200), &[on("gamma_alarm", true)]);
        assert_eq!(alarm, [PortalEvent::Alarm { at: at(200), ray: Ray::Gamma }]);
        assert!(portal.observe(at(400), &[on("gamma_alarm", true)]).is_empty(), "once an occupancy");
        portal.observe(at(600), &[on("gamma_alarm", false)]);
        let found = passage(&mut portal, &[&[on("occupied", false)]]).unwrap();
        assert_eq!((found.gamma, found.neutron, found.finding()), (Finding::Alarm, Finding::Clear, Finding::Alarm));
        let next = passage(&mut portal, &[&[on("occupied", true)], &[on("occupied", false)]]).unwrap();
        assert_eq!(next.finding(), Finding::Clear, "the next one begins anew");
    }

    #[test]
    fn a_record_that_begins_and_alarms_or_ends_and_clears_at_once_is_read_in_the_right_order() {
        let mut portal = free();
        let events = portal.observe(at(0), &[on("neutron_alarm", true), on("occupied", true)]);
        assert_eq!(events.len(), 2, "{events:?}");
        let found = passage(&mut portal, &[&[on("neutron_alarm", false), on("occupied", false)]]).unwrap();
        assert_eq!(found.neutron, Finding::Alarm);
    }

    #[test]
    fn what_was_not_seen_whole_with_detectors_in_order_is_never_clear() {
        let through = |portal: &mut Portal, within: &[Reading]| {
            passage(portal, &[&[on("occupied", true)], within, &[on("occupied", false)]]).unwrap().finding()
        };
        let unknown = Finding::Unknown;
        assert_eq!(through(&mut free(), &[stale("occupied")]), unknown(Doubt::NotHeard));
        assert_eq!(through(&mut free(), &[stale("gamma_alarm")]), unknown(Doubt::NotHeard));
        assert_eq!(through(&mut free(), &[on("background_high", true)]), unknown(Doubt::BackgroundHigh));
        assert_eq!(through(&mut free(), &[on("background_low", true)]), unknown(Doubt::BackgroundLow));
        assert_eq!(through(&mut free(), &[on("fault", true)]), unknown(Doubt::Fault));
        assert_eq!(through(&mut free(), &[on("tamper", true)]), unknown(Doubt::Tampered));
        assert_eq!(through(&mut free(), &[on("fault", true), on("gamma_alarm", true)]), Finding::Alarm);
        let mut before = free();
        before.observe(at(0), &[on("background_high", true)]);
        assert_eq!(through(&mut before, &[]), unknown(Doubt::BackgroundHigh), "it stands from before");
        let mut begun = Portal::new();
        begun.observe(at(0), &[on("gamma_alarm", false), on("neutron_alarm", false)]);
        assert_eq!(through(&mut begun, &[]), unknown(Doubt::BegunUnseen));
        let mut lost = free();
        lost.observe(at(0), &[stale("occupied")]);
        assert_eq!(through(&mut lost, &[]), unknown(Doubt::BegunUnseen), "it may have begun while nobody listened");
    }

    #[test]
    fn a_portal_without_neutron_detectors_is_clear_by_gamma_alone_and_one_without_gamma_never() {
        let mut gamma = Portal::new();
        gamma.observe(at(0), &[on("occupied", false), on("gamma_alarm", false)]);
        let found = passage(&mut gamma, &[&[on("occupied", true)], &[on("occupied", false)]]).unwrap();
        assert_eq!((found.neutron, found.finding()), (Finding::Unknown(Doubt::NotMeasured), Finding::Clear));
        let mut bare = Portal::new();
        bare.observe(at(0), &[on("occupied", false)]);
        let found = passage(&mut bare, &[&[on("occupied", true)], &[on("occupied", false)]]).unwrap();
        assert_eq!(found.finding(), Finding::Unknown(Doubt::NotMeasured));
    }

    #[test]
    fn a_detector_that_is_not_heard_any_more_is_not_taken_for_one_that_never_was() {
        let mut portal = free();
        portal.observe(at(0), &[stale("neutron_alarm")]);
        let found = passage(&mut portal, &[&[on("occupied", true)], &[on("occupied", false)]]).unwrap();
        assert_eq!(found.finding(), Finding::Unknown(Doubt::NotHeard));
    }

    #[test]
    fn an_alarm_while_nothing_seems_to_pass_is_told() {
        let events = free().observe(at(0), &[on("gamma_alarm", true)]);
        assert_eq!(events, [PortalEvent::Alarm { at: at(0), ray: Ray::Gamma }]);
    }

    proptest! {
        /// Against a plain model: between an occupied-on and an occupied-off, did anything but good news come?
        #[test]
        fn clear_is_said_only_after_a_whole_passage_of_good_news(
            steps in proptest::collection::vec((0_usize..POINTS.len(), any::<bool>(), any::<bool>()), 0..80),
        ) {
            let (mut portal, mut clean, mut occupied) = (free(), true, false);
            let mut bad = [false; 10];
            for (place, value, good) in steps {
                let point = POINTS[place];
                let reading = if good { on(point, value) } else { stale(point) };
                let events = portal.observe(Moment::START, std::slice::from_ref(&reading));
                let troubling = !matches!(point, "gamma_counts" | "neutron_counts" | "speed" | "occupied");
                if troubling {
                    // Of a fault that is not heard any more the portal has said nothing; of an alarm it must.
                    bad[place] = if point.ends_with("alarm") { value || !good } else { value && good };
                }
                match (point, good, value) {
                    ("occupied", true, true) if !occupied => (occupied, clean) = (true, clean && !bad.contains(&true)),
                    ("occupied", true, false) => {
                        for event in events {
                            if let PortalEvent::Ended(found) = event {
                                prop_assert!(found.finding() != Finding::Clear || clean);
                            }
                        }
                        (occupied, clean) = (false, true);
                    }
                    ("occupied", false, _) => clean = false,
                    _ => clean &= !(occupied && bad.contains(&true)),
                }
            }
        }
    }
}
