//! What a page is told, and when it is told anew.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::control::status::LaneWords;
use crate::lane::{DeskView, Sight, belt};

fn site() -> Site {
    let seat = |agency: &str, role| crate::screens::Seat { agency: agency.into(), role };
    Site {
        port: "CNTYN".into(),
        lane: "B1".into(),
        name: "行李".into(),
        station: "xr1".into(),
        xray: None,
        seats: vec![seat("customs", "required"), seat("ciq", "required")],
        agencies: vec![("customs".into(), "海关".into())],
        timeout: Duration::from_secs(90),
    }
}

fn sight(until: Moment) -> Sight {
    let desk = |agency: &str, standing| DeskView { agency: agency.into(), role: "required", standing };
    let subject = |id: &str| SubjectSight {
        id: id.into(),
        step: "reviewing",
        at: Some("scan"),
        identity: Some("粤Z1234港".into()),
        image: Some(ImageRef { id: "a".into(), revision: 1 }),
        images: vec!["a".into()],
        desks: vec![desk("customs", "given"), desk("ciq", "hidden")],
        mine: None,
        holds: Vec::new(),
        examination: None,
        until: Some(until),
    };
    Sight {
        step: "busy",
        subjects: vec![subject("i-2"), subject("i-1")],
        beam: Some("on"),
        motion: Some("running"),
        faults: vec!["belt_unknown".to_owned()],
        next: Vec::new(),
    }
}

fn status(generation: u64, until: Moment) -> Status {
    let view = belt::View {
        step: "busy",
        belt: Vec::new(),
        aside: Vec::new(),
        motion: "running",
        stopping: false,
        diverter: None,
        beam: None,
        sensors: Vec::new(),
        faults: Vec::new(),
        next: Vec::new(),
    };
    let words = LaneWords {
        port: "CNTYN".into(),
        id: "B1".into(),
        name: "行李".into(),
        version: "0",
        pid: 1,
        config_hash: "".into(),
        mode: "normal".into(),
    };
    let sights = Arc::new(BTreeMap::from([(Arc::from("customs"), sight(until))]));
    let (devices, portals, agreement) = (Vec::new(), Vec::new(), Arc::default());
    Status { generation, words, at: Moment::START, lane: LaneView::Belt(view), sights, devices, portals, agreement }
}

#[test]
fn a_page_is_told_its_desks_sight_with_names_and_the_time_that_is_left() {
    let state = compose(&site(), &status(7, Moment::from_millis(60_000)), "customs").unwrap();
    let told: Value =
        serde_json::from_str(&message(&state, 3, Moment::from_millis(1_500), "2026-11-22T04:00:00.000Z")).unwrap();
    assert_eq!((&told["type"], &told["generation"], &told["lane"]), (&"state".into(), &3.into(), &"busy".into()));
    let subject = &told["subjects"][0];
    assert_eq!((&subject["left_ms"], &subject["timeout_ms"]), (&58_500.into(), &90_000.into()));
    assert_eq!(subject["desks"][0], json!({"agency":"customs","name":"海关","role":"required","standing":"given"}));
    assert_eq!(subject["desks"][1], json!({"agency":"ciq","name":"ciq","role":"required","standing":"hidden"}));
    assert_eq!((&subject["image"], &subject["mine"]), (&json!({"id":"a","revision":1}), &Value::Null));
    assert_eq!(told["subjects"].as_array().unwrap().len(), 2);
    assert!(told["faults"].as_array().unwrap().contains(&"belt_unknown".into()));
}

#[test]
fn a_step_of_the_lane_that_changes_nothing_for_the_desk_is_no_news_and_another_deadline_is() {
    let at = |generation, until| compose(&site(), &status(generation, Moment::from_millis(until)), "customs");
    assert_eq!(at(1, 60_000), at(2, 60_000));
    assert_ne!(at(1, 60_000), at(1, 60_001));
}

#[test]
fn a_device_that_does_not_answer_is_a_fault_of_its_station() {
    let site = Site { xray: Some("scanner".into()), ..site() };
    let state = compose(&site, &status(1, Moment::START), "customs").unwrap();
    assert_eq!(state.faults, ["belt_unknown", "xray_unreachable"]);
}

#[test]
fn an_agency_that_the_lane_does_not_have_is_told_nothing() {
    assert_eq!(compose(&site(), &status(1, Moment::START), "nobody"), None);
}
