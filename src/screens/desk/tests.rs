//! What a desk is told, and that a sealed verdict changes nothing in it.

use proptest::prelude::*;

use super::*;
use crate::control::status::LaneWords;
use crate::lane::{ArmView, DeskView, Presence, SensorView, Todo as LaneTodo, View};

fn site() -> Site {
    let agency = |id: &str, name: &str| (Arc::from(id), Arc::from(name));
    let seat = |agency: &str, role| crate::screens::Seat { agency: agency.into(), role };
    Site {
        port: "CNTYN".into(),
        lane: "B1".into(),
        name: "行李".into(),
        station: "xr1".into(),
        xray: None,
        seats: vec![seat("customs", "required"), seat("ciq", "required"), seat("security", "advisory")],
        agencies: vec![agency("customs", "海关"), agency("ciq", "检验检疫")],
        timeout: Duration::from_secs(90),
    }
}

fn words() -> LaneWords {
    LaneWords {
        port: "CNTYN".into(),
        id: "B1".into(),
        name: "行李".into(),
        version: "0",
        pid: 1,
        config_hash: "".into(),
        mode: "normal".into(),
    }
}

fn status(lane: LaneView) -> Status {
    Status { generation: 1, words: words(), at: Moment::START, lane, devices: Vec::new(), portals: Vec::new() }
}

fn desks(standing: [&'static str; 3]) -> Vec<DeskView> {
    let each = site().seats.into_iter().zip(standing);
    each.map(|(seat, standing)| DeskView { agency: seat.agency, role: seat.role, standing }).collect()
}

fn judges(standing: [&'static str; 3]) -> Vec<LaneTodo> {
    let waiting = desks(standing).into_iter().filter(|desk| desk.standing == "waiting");
    let agencies = waiting.map(|desk| desk.agency).collect();
    vec![LaneTodo { code: "judge", agencies, text: "Judge the subject.".to_owned() }]
}

fn gate(standing: [&'static str; 3]) -> Status {
    let inspection = InspectionView {
        id: "i-1".into(),
        reason: "approach",
        identity: Some("粤Z1234港".into()),
        pictures: vec!["a".into()],
        image: Some(ImageRef { id: "a".into(), revision: 1 }),
        images: vec!["a".into()],
        desks: desks(standing),
        temperature: None,
        radiation: None,
        holds: Vec::new(),
        left_ms: Some(60_000),
        needs_confirmation: false,
    };
    let sensor = SensorView { name: "under".into(), place: "under", presence: Presence::Clear, for_ms: 1 };
    status(LaneView::Gate(View {
        step: "reviewing",
        inspection: Some(inspection),
        arm: ArmView { asked: None, seen: "closed", state: "closed", waits_for: None },
        sensors: vec![sensor],
        faults: Vec::new(),
        next: judges(standing),
    }))
}

fn belt(standing: [&'static str; 3]) -> Status {
    let subject = |id: &str| belt::SubjectView {
        id: id.into(),
        step: "reviewing",
        at: "scan",
        since_mm: 10,
        bound: None,
        doubts: Vec::new(),
        identity: None,
        pictures: Vec::new(),
        image: Some(ImageRef { id: "b".into(), revision: 2 }),
        images: vec!["a".into(), "b".into()],
        desks: desks(standing),
        holds: Vec::new(),
        left_ms: Some(60_000),
    };
    status(LaneView::Belt(belt::View {
        step: "busy",
        belt: vec![subject("i-2"), subject("i-1")],
        aside: vec![subject("i-0")],
        motion: "running",
        stopping: false,
        diverter: Some("exit"),
        beam: Some("on"),
        sensors: Vec::new(),
        faults: vec!["belt_unknown".to_owned()],
        next: judges(standing),
    }))
}

fn told(status: &Status, agency: &str) -> serde_json::Value {
    serde_json::to_value(compose(&site(), status, agency, Moment::from_millis(1_500))).unwrap()
}

#[test]
fn a_desk_sees_its_own_standing_and_of_the_others_only_that_they_are_there() {
    let told = told(&gate(["given", "given", "waiting"]), "customs");
    let subject = &told["subjects"][0];
    let standing: Vec<_> = subject["desks"].as_array().unwrap().iter().map(|desk| desk["standing"].clone()).collect();
    assert_eq!(standing, ["given", "hidden", "hidden"]);
    assert_eq!((&subject["desks"][0]["name"], &subject["desks"][2]["name"]), (&"海关".into(), &"security".into()));
    assert_eq!((&subject["left_ms"], &subject["timeout_ms"]), (&58_500.into(), &90_000.into()));
    assert_eq!((&subject["image"]["id"], &subject["image"]["revision"]), (&"a".into(), &1.into()));
    assert_eq!(
        (&told["lane"], &subject["step"], &subject["at"]),
        (&"reviewing".into(), &"reviewing".into(), &().into())
    );
}

#[test]
fn what_was_opened_is_shown_to_all() {
    let told = told(&gate(["clear", "alarm", "not_reviewed"]), "customs");
    let desks = told["subjects"][0]["desks"].as_array().unwrap();
    let standing: Vec<_> = desks.iter().map(|desk| desk["standing"].as_str().unwrap()).collect();
    assert_eq!(standing, ["clear", "alarm", "not_reviewed"]);
}

#[test]
fn only_the_desk_that_has_to_judge_is_told_so() {
    let of = |agency: &str, standing| told(&gate(standing), agency)["next"].clone();
    assert_eq!(of("customs", ["waiting", "given", "given"])[0]["agencies"], serde_json::json!(["customs"]));
    assert_eq!(of("customs", ["given", "waiting", "waiting"]), serde_json::json!([]));
}

#[test]
fn a_belt_has_several_subjects_and_those_at_the_examination_come_last() {
    let told = told(&belt(["waiting"; 3]), "ciq");
    let ids: Vec<_> = told["subjects"].as_array().unwrap().iter().map(|subject| subject["id"].clone()).collect();
    assert_eq!(ids, ["i-2", "i-1", "i-0"]);
    assert_eq!(
        (&told["beam"], &told["motion"], &told["faults"][0]),
        (&"on".into(), &"running".into(), &"belt_unknown".into())
    );
}

#[test]
fn a_device_that_does_not_answer_is_a_fault_of_its_station() {
    let site = Site { xray: Some("scanner".into()), ..site() };
    let state = compose(&site, &gate(["waiting"; 3]), "ciq", Moment::START);
    assert_eq!(state.faults, ["xray_unreachable"]);
}

#[test]
fn time_that_runs_is_no_change_and_time_that_begins_is() {
    assert_eq!(Left(Some(1)), Left(Some(2)));
    assert_ne!(Left(Some(1)), Left(None));
}

fn standing() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("waiting"), Just("given")]
}

proptest! {
    #[test]
    fn no_byte_of_what_a_desk_is_told_depends_on_another_desks_sealed_verdict(
        own in standing(), one in [standing(), standing()], other in [standing(), standing()], mine in 0usize..3,
    ) {
        let mix = |others: [&'static str; 2]| {
            let mut all = vec![others[0], others[1]];
            all.insert(mine, own);
            [all[0], all[1], all[2]]
        };
        let agency = site().seats[mine].agency.clone();
        for view in [gate, belt] {
            prop_assert_eq!(told(&view(mix(one)), &agency).to_string(), told(&view(mix(other)), &agency).to_string());
        }
    }
}
