//! What two officers do with a bag that one of them doubts, by page: holds, a joint examination, what becomes of it; and
//! what belongs to a desk and not to a bag: the shift's end, earlier images, the stop.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod browser;
mod desk_site;
mod site;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use browser::{Browser, Language, Pointer, SMALL, Turn};
use desk_site::{DeskSite, Officer, PASSWORD, PLAN, Plan, subjects};
use portside::simulate::phantom::luggage::Contents;
use portside_devices::simulate::belt::Away;
use serde_json::{Value, json};

/// Sensors that are read no more often than must be: browsers on the same machine take what they can get.
const SELDOM: Plan = Plan { poll: "150 ms", ..PLAN };
const NOTE: &str = "tablets under the lining";

/// An act as another program would post it, with this browser's session.
fn forges(officer: &Officer, act: Value) -> (u64, Value) {
    let key =
        format!("{:012x}", officer.browser.run("return Math.floor(Math.random() * 2 ** 47)", &[]).as_u64().unwrap());
    let body = json!({ "act": act, "idempotency": format!("0190f6a2-0000-4000-8000-{key}") });
    let (status, reply) = officer.calls("/api/act", Some(&body));
    (status, reply["code"].clone())
}

/// Presses what opens a dialog.
fn asks(page: &Browser, button: &str) {
    page.control("button", button).is_ready();
    page.control("button", button).press();
    page.until(&format!("the question of {button}"), "document.querySelector('dialog[open]') !== null");
}

/// Presses what sends a dialog's answers; the lane takes them.
fn gives(page: &Browser, button: &str) {
    page.control("button", button).press();
    let over = "!document.querySelector('dialog[open]') || document.querySelector('dialog[open] .refusal').textContent";
    let said = page.until(&format!("an answer to {button}"), over);
    assert_eq!(said, true, "{button} was refused");
}

/// Asks and gives at once: there is nothing to fill in, or nothing that must be.
fn does(page: &Browser, button: &str) {
    asks(page, button);
    gives(page, button);
}

fn reasons(page: &Browser, button: &str, reason: &str) {
    asks(page, button);
    page.control("textbox", "Reason (goes on record)").fill(reason);
    gives(page, button);
}

/// Waits until a section of the page shows `words`.
fn section_shows(page: &Browser, id: &str, words: &str) {
    page.until(
        &format!("{words:?} in {id}"),
        &format!("document.getElementById({}).innerText.includes({})", json!(id), json!(words)),
    );
}

fn held_by(page: &Browser, agencies: &[&str]) {
    let shown = "JSON.stringify([...document.querySelectorAll('#holds .chip')].map(chip => chip.innerText))";
    page.until(&format!("holds of {agencies:?}"), &format!("{shown} === {:?}", json!(agencies).to_string()));
}

/// A box over the middle of the picture, by pointer, and its category.
fn marks(page: &Browser, category: &str) {
    let place = page.run(
        "const r = document.getElementById('picture').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]",
        &[],
    );
    let [left, top, width, height] = [0, 1, 2, 3].map(|side| place[side].as_f64().unwrap());
    let at = |x: f64, y: f64| Pointer::To(left + width * x, top + height * y);
    page.run("document.getElementById('stage').focus()", &[]);
    page.key("B");
    page.pointer(&[at(0.45, 0.4), Pointer::Press, at(0.6, 0.6), Pointer::Lift]);
    page.control("combobox", "Category of mark 1").choose(category);
    page.run("document.getElementById('stage').focus()", &[]);
    page.key("P");
}

/// Screens of one moment in both languages, to be looked at.
fn pictured(officer: &Officer, name: &str) {
    officer.browser.is_laid_out();
    officer.browser.is_accessible();
    officer.browser.screenshot(name);
    officer.speaks(Language::Chinese);
    officer.browser.is_laid_out();
    officer.browser.screenshot(&format!("{name}-zh"));
    officer.speaks(Language::English);
}

/// Kind, agency and officer of every record of an inspection.
fn told(site: &DeskSite, inspection: &str) -> Vec<(String, String, String)> {
    let text = site.daemon.done(&["journal", "list", "--stream", "inspection", "--json"]);
    let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    records
        .filter(|record| record["subject"] == inspection)
        .map(|record| {
            let (kind, data) = (word(&record["type"]), &record["data"]);
            let officer = if data["officer"].is_object() { &data["officer"]["name"] } else { &data["officer"] };
            (kind.trim_start_matches("portside.").to_owned(), word(&data["agency"]), word(officer))
        })
        .collect()
}

/// How often a play is begun again because the machine was too busy for the lane to read its sensors.
const ATTEMPTS: u32 = 3;

/// Plays it on a lane of its own; again where the lane was blind for a moment, for then it rightly doubts its bag.
async fn played(plan: Plan, play: fn(&Turn, &mut DeskSite)) {
    let Some(turn) = browser::turn() else { return };
    for attempt in 1..=ATTEMPTS {
        let dir = tempfile::tempdir().unwrap();
        let mut site = DeskSite::start(dir.path(), plan).await;
        let Err(why) = catch_unwind(AssertUnwindSafe(|| play(&turn, &mut site))) else { return };
        let records = site.daemon.done(&["journal", "list", "--stream", "inspection", "--json"]);
        if attempt == ATTEMPTS || !records.contains("portside.inspection.doubted") {
            resume_unwind(why);
        }
        println!("the lane was blind for a moment; once more");
    }
}

struct Scene<'a> {
    site: &'a mut DeskSite,
    customs: Officer,
    ciq: Officer,
    bag: u64,
    inspection: String,
}

fn scene<'a>(turn: &Turn, site: &'a mut DeskSite, contents: Contents) -> Scene<'a> {
    let customs = Officer::arrives(turn, site, "customs", "zhang.wei", SMALL);
    let ciq = Officer::arrives(turn, site, "ciq", "li.na", SMALL);
    let (bag, inspection) = site.scan(contents, 21);
    customs.sees_the_end();
    ciq.sees_the_end();
    Scene { site, customs, ciq, bag, inspection }
}

impl Scene<'_> {
    /// An act of the agency without a desk, at the shell.
    fn border(&self, verb: &[&str], more: &[&str]) -> String {
        let person = ["--agency", "border", "--officer", "wang.fang"];
        self.site.daemon.done(&[verb, &[&*self.inspection], &person, more].concat())
    }

    fn act(&self, verb: &str) -> Value {
        json!({ "verb": verb, "inspection": self.inspection })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubtful_bag_is_held_opened_once_by_all_and_goes_when_each_has_lifted_its_own() {
    played(Plan { agencies: 3, ..SELDOM }, |turn, site| doubtful_bag(scene(turn, site, Contents::Firearm))).await;
}

fn doubtful_bag(mut scene: Scene<'_>) {
    identified(&scene);
    doubted(&scene);
    scene.site.start_belt();
    assert_eq!(scene.site.left(scene.bag), Away::Examine);
    held(&scene);
    called(&scene);
    examined(&scene);
    disposed(&scene);
    lifted(&scene);
    on_record(&scene);
    counted(&mut scene);
    scene.customs.browser.is_quiet_but(&["/api/act"]);
    scene.ciq.browser.is_quiet_but(&["/api/act"]);
}

/// One types the number and the other sees it; the other corrects it.
fn identified(scene: &Scene<'_>) {
    let (one, other) = (&scene.customs.browser, &scene.ciq.browser);
    asks(one, "Identify");
    one.control("textbox", "Plate or number").fill("CA 4511-20");
    gives(one, "Record");
    section_shows(other, "subject", "CA 4511-20");
    asks(other, "Correct");
    assert_eq!(other.control("textbox", "Plate or number").text(), "CA 4511-20");
    other.control("textbox", "Plate or number").fill("CA 4511-203");
    gives(other, "Record");
    section_shows(one, "subject", "CA 4511-203");
}

/// Customs marks, writes and alarms, quarantine finds it clear. What was marked is shared by an examination only, and
/// what was written never.
fn doubted(scene: &Scene<'_>) {
    let (one, other) = (&scene.customs.browser, &scene.ciq.browser);
    marks(one, "Drugs");
    one.control("textbox", "Note").fill(NOTE);
    let quiet = |when: &str| {
        let text = other.text();
        for secret in ["Marked by", "Drugs", NOTE] {
            assert!(!text.contains(secret), "{when} ciq reads {secret:?}: {text}");
        }
        assert!(!format!("{:?}", scene.ciq.frames()).contains(NOTE), "{when} ciq was told the note");
    };
    quiet("before the seal");
    scene.customs.says("Alarm");
    quiet("before the opening");
    scene.ciq.says("Clear");
    scene.site.step(&scene.inspection, "held");
    section_shows(other, "desks", "Alarm");
    section_shows(one, "desks", "Clear");
    quiet("after the opening");
    // Its own agency has what it said, from the lane and not from the page's memory.
    one.reload();
    scene.customs.is_at_the_desk();
    section_shows(one, "verdict", NOTE);
    section_shows(one, "marks", "Drugs");
}

/// A hold is its owner's; another is placed by hand; the subject is released when none is left.
fn held(scene: &Scene<'_>) {
    let (one, other) = (&scene.customs.browser, &scene.ciq.browser);
    held_by(other, &["海关"]);
    section_shows(other, "holds", "verdict: alarm");
    assert!(!other.has("button", "Lift"), "who does not hold lifts nothing");
    let lift = json!({ "verb": "lift_hold", "inspection": scene.inspection, "reason": "I say so" });
    assert_eq!(forges(&scene.ciq, lift.clone()), (409, json!("not_your_hold")));
    asks(other, "Hold");
    gives_nothing(other, "Hold", "Fill in: Reason (goes on record)");
    other.control("textbox", "Reason (goes on record)").fill("fruit on the edge");
    gives(other, "Hold");
    held_by(one, &["海关", "检验检疫"]);
    assert!(!other.has("button", "Hold"), "who holds does not hold again");
    pictured(&scene.ciq, "held");
    reasons(other, "Lift", "no fruit, it was paper");
    held_by(other, &["海关"]);
    assert_eq!(forges(&scene.ciq, lift), (409, json!("not_your_hold")));
    scene.site.step(&scene.inspection, "held");
}

/// The dialog stays and says why.
fn gives_nothing(page: &Browser, button: &str, why: &str) {
    page.control("button", button).press();
    page.until("a refusal", &format!("document.querySelector('dialog[open] .refusal').textContent === {}", json!(why)));
}

/// Customs calls quarantine; the border police hold too, and are waited for.
fn called(scene: &Scene<'_>) {
    let (one, other) = (&scene.customs.browser, &scene.ciq.browser);
    asks(one, "Call a joint examination");
    one.control("checkbox", "检验检疫").press();
    one.control("textbox", "Note (sealed to this agency)").fill("bring the dog");
    one.screenshot("examination-call");
    gives(one, "Call a joint examination");
    section_shows(other, "examination", "Called");
    section_shows(other, "marks", "Marked by 海关: Drugs");
    assert!(!other.text().contains(NOTE) && !other.text().contains("bring the dog"), "notes are nobody else's");
    scene.border(&["hold", "place"], &["--reason", "passenger is sought"]);
    does(one, "We are there");
    assert!(!one.has("button", "Open"), "two are missing");
    assert_eq!(forges(&scene.customs, scene.act("examination_open")), (409, json!("not_all_present")));
    does(other, "We are there");
    section_shows(one, "examination", "Not there yet");
    assert_eq!(forges(&scene.ciq, scene.act("examination_open")), (409, json!("not_all_present")));
    assert!(!other.has("button", "Open"), "one is missing");
    pictured(&scene.ciq, "examination-called");
    scene.border(&["examination", "arrive"], &[]);
}

fn examined(scene: &Scene<'_>) {
    let (one, other) = (&scene.customs.browser, &scene.ciq.browser);
    does(other, "Open");
    section_shows(one, "examination", "Opened");
    assert!(!one.has("button", "Open") && !one.has("button", "Close our part"));
    assert_eq!(forges(&scene.customs, scene.act("examination_open")), (409, json!("already_opened")));
    assert_eq!(forges(&scene.customs, scene.act("examination_close")), (409, json!("no_finding")));
    for (page, found, note) in [(one, "Drugs", "40 g"), (other, "Food", "two mangoes")] {
        asks(page, "Record the finding");
        page.control("combobox", "Found").choose(found);
        page.control("textbox", "Note (sealed to this agency)").fill(note);
        gives(page, "Record the finding");
    }
    section_shows(one, "examination", "Food");
    section_shows(other, "examination", "Drugs");
    pictured(&scene.customs, "examination-opened");
    does(one, "Close our part");
    does(other, "Close our part");
    scene.border(&["examination", "finding"], &["nothing"]);
    scene.border(&["examination", "close"], &[]);
    section_shows(one, "examination", "Ended");
}

/// Each does what is its own; what quarantine found is handed to customs, which accepts it.
fn disposed(scene: &Scene<'_>) {
    let (one, other) = (&scene.customs.browser, &scene.ciq.browser);
    for (page, disposition) in [(one, "Detain"), (other, "Return")] {
        asks(page, "Disposition");
        page.control("combobox", "Disposition").choose(disposition);
        gives(page, "Disposition");
        section_shows(page, "examination", disposition);
    }
    asks(other, "Hand over the finding");
    other.control("combobox", "To agency").choose("海关");
    gives(other, "Hand over the finding");
    section_shows(other, "examination", "Not accepted yet");
    asks(other, "Lift");
    other.control("textbox", "Reason (goes on record)").fill("done");
    other.control("button", "Lift").press();
    other.until("a refusal", "document.querySelector('dialog[open] .refusal').textContent !== ''");
    other.key("Escape");
    does(one, "Accept from 检验检疫");
    section_shows(other, "examination", "Accepted");
    pictured(&scene.customs, "examination-ended");
}

fn lifted(scene: &Scene<'_>) {
    let (one, other) = (&scene.customs.browser, &scene.ciq.browser);
    reasons(other, "Lift", "examined");
    held_by(one, &["海关", "边检"]);
    reasons(one, "Lift", "examined, drugs are kept");
    scene.site.step(&scene.inspection, "held");
    assert!(scene.site.records(&scene.inspection, "inspection.closed").is_empty(), "the border police still hold");
    scene.border(&["hold", "lift"], &["--reason", "passenger is known"]);
    scene.site.daemon.until("an end", |status| subjects(status).is_empty());
}

fn on_record(scene: &Scene<'_>) {
    let told = told(scene.site, &scene.inspection);
    let of = |kind: &str| -> Vec<(&str, &str)> {
        let records = told.iter().filter(|(of, _, _)| of == kind);
        records.map(|(_, agency, officer)| (&**agency, &**officer)).collect()
    };
    let (zhang, li, wang) = (("customs", "zhang.wei"), ("ciq", "li.na"), ("border", "wang.fang"));
    for (kind, by) in [
        ("inspection.verdict.opened", &[zhang, li][..]),
        ("inspection.hold_placed", &[li, wang]),
        ("inspection.examination.begun", &[zhang]),
        ("inspection.examination.arrived", &[zhang, li, wang]),
        ("inspection.examination.opened", &[li]),
        ("inspection.examination.finding", &[zhang, li, wang]),
        ("inspection.examination.closed", &[zhang, li, wang]),
        ("inspection.disposition", &[zhang, li]),
        ("inspection.case.handed_over", &[li]),
        ("inspection.case.accepted", &[zhang]),
        ("inspection.hold_lifted", &[li, li, zhang, wang]),
    ] {
        assert_eq!(of(kind), by, "{kind} of {told:#?}");
    }
    let story = scene.site.daemon.done(&["journal", "show", &scene.inspection, "--why"]);
    println!("{story}");
    for words in [
        "CA 4511-203",
        "examination opened",
        "li.na (ciq), present zhang.wei (customs), li.na (ciq), wang.fang (border)",
        "zhang.wei (customs), found drugs",
        "zhang.wei (customs), disposition detain",
        "li.na (ciq), found food, to customs",
        "zhang.wei (customs), found food, from ciq",
        "reason passenger is known",
        "outcome examined",
    ] {
        assert!(story.contains(words), "{words:?} is not told: {story}");
    }
    for secret in [NOTE, "bring the dog", "two mangoes"] {
        assert!(!story.contains(secret), "{secret:?} is sealed");
    }
    scene.site.daemon.done(&["journal", "verify"]);
}

/// Alarm and clear, then both clear. By hand: they agreed once in two, p0 = 1/2. Customs is clear in one of two,
/// quarantine in two of two, so that chance gives pe = 1/2 x 1 = 1/2, and kappa = (p0 - pe) / (1 - pe) = 0.
fn counted(scene: &mut Scene<'_>) {
    let (bag, inspection) = scene.site.scan(Contents::Harmless, 5);
    scene.customs.sees_the_end();
    scene.ciq.sees_the_end();
    scene.customs.says("Clear");
    scene.ciq.says("Clear");
    scene.site.step(&inspection, "released");
    scene.site.start_belt();
    assert_eq!(scene.site.left(bag), Away::Exit);
    scene.site.daemon.until("an end", |status| subjects(status).is_empty());
    let page = &scene.customs.browser;
    let closed =
        "JSON.parse(globalThis.__frames.map(frame => frame.text).filter(text => text.includes('\"state\"')).at(-1))";
    page.until("two closed inspections", &format!("{closed}.stats.inspections === 2"));
    page.key("Shift+T");
    page.shows("Of the last 2 closed inspections.");
    let rows = page.run(
        "return [...document.querySelectorAll('#stats tbody tr')].map(row => [...row.cells].map(cell => cell.innerText))",
        &[],
    );
    assert_eq!(rows[0], json!(["海关 – 检验检疫", "2", "50 %", "0.00", "slight"]), "{rows}");
    // Judged, not reviewed, (times), alarm and found, alarm and nothing, clear and found.
    let without_times = |row: &Value| -> Vec<Value> {
        row.as_array()
            .unwrap()
            .iter()
            .enumerate()
            .filter(|(at, _)| !(3..5).contains(at))
            .map(|(_, it)| it.clone())
            .collect()
    };
    assert_eq!(json!(without_times(&rows[1])), json!(["海关", "2", "0", "1", "0", "0"]), "{rows}");
    assert_eq!(json!(without_times(&rows[2])), json!(["检验检疫", "2", "0", "0", "0", "1"]), "{rows}");
    page.is_laid_out();
    page.screenshot("statistics");
    page.key("Escape");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "from a recalled image back to the subject's own: not yet seen to the end"]
async fn a_shift_ends_the_next_officer_goes_on_looks_back_and_stops_the_belt() {
    played(SELDOM, |turn, site| {
        // The next officer has a password from an earlier day, and has gone home.
        drop(Officer::arrives(turn, site, "customs", "chen.hao", SMALL));
        end_of_a_shift(scene(turn, site, Contents::Blade));
    })
    .await;
}

fn end_of_a_shift(mut scene: Scene<'_>) {
    let first = scene.customs.sees_the_end()["id"].clone();
    handed_to_the_next(&scene);
    looked_back(&mut scene, &first);
    stopped(&scene);
    scene.customs.browser.is_quiet_but(&["/api/act", "/api/hand-over", "/live"]);
    scene.ciq.browser.is_quiet();
}

/// What was marked and written stays with the case; what was about to be said does not.
fn handed_to_the_next(scene: &Scene<'_>) {
    let page = &scene.customs.browser;
    marks(page, "Blade");
    page.control("textbox", "Note").fill("look at the handle");
    page.control("radio", "Unknown").press();
    page.control("button", "Seal: Unknown").is_ready();
    let passes = |name: &str, password: &str| {
        page.control("textbox", "User name").fill(name);
        page.control("textbox", "Password").fill(password);
    };
    asks(page, "Hand over");
    passes("li.na", PASSWORD);
    page.control("button", "Take over").press();
    page.until("a refusal", "document.querySelector('dialog[open] .refusal').textContent !== ''");
    page.screenshot("hand-over");
    passes("chen.hao", PASSWORD);
    gives(page, "Take over");
    page.until("the next officer", "document.querySelector('.who').innerText === 'chen.hao'");
    scene.customs.is_live();
    assert_eq!(scene.customs.calls("/api/me", None).1["me"]["name"], "chen.hao");
    page.shows("Choose a verdict first");
    assert_eq!(page.control("radio", "Unknown").attribute("aria-checked").as_deref(), Some("false"));
    page.shows("Marks (1)");
    assert_eq!(page.control("textbox", "Note").text(), "look at the handle");
    let users: Value = serde_json::from_str(&scene.site.daemon.done(&["user", "list", "--json"])).unwrap();
    println!("{users}");
    scene.customs.says("Clear");
    scene.ciq.says("Clear");
    scene.site.step(&scene.inspection, "released");
    let opened = scene.site.records(&scene.inspection, "inspection.verdict.opened");
    let said: Vec<_> = opened.iter().map(|record| record["data"]["officer"].clone()).collect();
    assert_eq!(said, ["chen.hao", "li.na"]);
}

fn shows_image(officer: &Officer, id: &Value) {
    officer.browser.until("that image", &format!("window.portside.image && window.portside.image.id === {id}"));
}

/// Images of before, by key and from the strip, alone and beside the one that is judged; and none of them is judged.
fn looked_back(scene: &mut Scene<'_>, first: &Value) {
    scene.site.start_belt();
    assert_eq!(scene.site.left(scene.bag), Away::Exit);
    let (_, inspection) = scene.site.scan(Contents::Food, 9);
    let officer = &scene.customs;
    let page = &officer.browser;
    page.control("radio", "Alarm").is_ready();
    page.control("radio", "Alarm").press();
    let second = officer.sees_the_end()["id"].clone();
    assert_ne!(&second, first);
    page.run("document.getElementById('stage').focus()", &[]);
    page.key("PageUp");
    shows_image(officer, first);
    page.shows("Earlier image");
    page.shows("Look at this subject's image first.");
    for (role, name) in [("radio", "Clear"), ("button", "Seal: Alarm")] {
        assert!(!page.control(role, name).is_on(), "{name} of an image of another subject");
    }
    page.key("Control+Enter");
    let judge = json!({ "verb": "judge", "inspection": inspection, "verdict": "alarm",
        "image": { "id": first, "revision": 1 }, "regions": [], "note": null });
    assert_eq!(forges(officer, judge), (409, json!("stale_image")));
    assert!(scene.site.records(&inspection, "inspection.verdict.sealed").is_empty());
    pictured(officer, "recalled");
    page.key("PageDown");
    shows_image(officer, &second);
    page.control("button", "Seal: Alarm").is_ready();
    let strip = |id: &Value| format!("document.getElementById('image-' + {id})");
    let shown = |id: &Value| page.until("the strip", &format!("{}.getAttribute('aria-pressed') === 'true'", strip(id)));
    let strips = page.names("button").into_iter().filter(|name| name.starts_with("Show image")).collect::<Vec<_>>();
    assert_eq!(strips.len(), 2, "{strips:?}");
    page.control("button", strips.iter().find(|name| name.contains("Image 1")).unwrap()).press();
    shows_image(officer, first);
    page.control("button", "Back to current").press();
    shows_image(officer, &second);
    page.run("document.getElementById('stage').focus()", &[]);
    page.key("T");
    page.shows("Compared image");
    shown(first);
    shown(&second);
    page.control("button", "Seal: Alarm").is_ready();
    pictured(officer, "compared");
    page.control("button", "Compare").press();
    page.until("one image", &format!("{}.getAttribute('aria-pressed') === 'false'", strip(first)));
    page.control("button", "Seal: Alarm").press();
    officer.has_sealed();
    scene.site.sealed(&inspection, "customs");
}

/// The belt stands, and the record says by whose word.
fn stopped(scene: &Scene<'_>) {
    let page = &scene.customs.browser;
    scene.site.start_belt();
    page.shows("Belt runs");
    page.control("button", "Stop").press();
    site::until("a belt that stands", || scene.site.belt.with(|site, now| !site.at(now).runs()).then_some(()));
    page.shows("Belt stands");
    page.shows("Stop is ordered; look at the lane whether it stands.");
    pictured(&scene.customs, "stopped");
    let text = scene.site.daemon.done(&["journal", "list", "--stream", "device", "--json"]);
    let stops: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|record| record["type"] == "portside.belt.stopped" && record["data"]["officer"].is_object())
        .map(|record| record["data"]["officer"].clone())
        .collect();
    assert_eq!(stops, [json!({ "agency": "customs", "name": "chen.hao" })]);
}
