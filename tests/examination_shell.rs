//! A joint examination at the shell, from the doubt to the open arm: every verb that a person without a screen has.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod site;

use portside_devices::simulate::Manner;
use site::daemon::{Daemon, store};
use site::journal::{of_kind, proven, records};
use site::lane;

struct Shell<'a> {
    daemon: &'a Daemon,
    inspection: String,
}

impl Shell<'_> {
    fn says(&self, verb: &[&str], agency: &str, more: &[&str]) -> String {
        let person = ["--agency", agency, "--officer", if agency == "customs" { "100234" } else { "7731" }];
        self.daemon.done(&[verb, &[&*self.inspection], &person, more].concat())
    }

    /// Refused, with this code.
    fn refuses(&self, verb: &[&str], agency: &str, more: &[&str], code: &str) {
        let words = [verb, &[&*self.inspection, "--agency", agency, "--officer", "100234"], more].concat();
        let output = self.daemon.call(&words);
        let told = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && told.contains(code), "{words:?} was to be refused, {code}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lorry_is_called_out_opened_found_handed_over_and_let_go_by_the_words_of_the_shell() {
    let dir = tempfile::tempdir().unwrap();
    let gate = lane::gate().await;
    lane::write(dir.path(), gate.address(), "");
    let daemon = Daemon::start(dir.path());
    daemon
        .until("a free lane", |status| status["lane"]["step"] == "free" && status["lane"]["arm"]["state"] == "closed");
    gate.with(|gate, now| {
        gate.step(now);
        gate.send(Manner::Pass, 5.0, 6.0)
    });
    let status = daemon.step("unidentified");
    let inspection = status["lane"]["inspection"]["id"].as_str().unwrap().to_owned();
    daemon.done(&["identify", "粤B12345", "--agency", "customs", "--officer", "100234"]);
    daemon.step("reviewing");
    let shell = Shell { daemon: &daemon, inspection };
    for (agency, verdict) in [("customs", "alarm"), ("ciq", "clear")] {
        shell.says(&["verdict"], agency, &[verdict]);
    }
    daemon.step("held");

    shell.refuses(&["examination", "begin"], "ciq", &[], "no_doubt");
    assert!(shell.says(&["examination", "begin"], "customs", &["--with", "ciq", "--note", "the axle"]).contains("ciq"));
    assert!(shell.says(&["examination", "arrive"], "customs", &[]).contains("missing: ciq"));
    shell.refuses(&["examination", "open"], "customs", &[], "not_all_present");
    assert!(shell.says(&["examination", "arrive"], "ciq", &[]).contains("all are there"));
    shell.says(&["examination", "open"], "customs", &[]);
    shell.refuses(&["examination", "open"], "ciq", &[], "already_opened");
    shell.refuses(&["examination", "close"], "customs", &[], "no_finding");
    shell.says(&["examination", "finding"], "customs", &["other"]);
    shell.says(&["examination", "finding"], "customs", &["food", "--note", "under the axle"]);
    shell.says(&["examination", "finding"], "ciq", &["nothing"]);
    for agency in ["customs", "ciq"] {
        shell.says(&["examination", "close"], agency, &[]);
    }
    shell.says(&["disposition"], "customs", &["return"]);
    shell.says(&["disposition"], "customs", &["transfer", "--instead-of", "return"]);
    shell.says(&["case", "hand-over"], "customs", &["--to", "ciq"]);
    shell.refuses(&["hold", "lift"], "customs", &["--reason", "done"], "hand_over_pending");
    shell.refuses(&["case", "accept"], "customs", &["--from", "ciq"], "not_handed_over");
    shell.says(&["case", "accept"], "ciq", &["--from", "customs"]);
    shell.says(&["disposition"], "ciq", &["quarantine_treatment"]);
    shell.says(&["hold", "lift"], "customs", &["--reason", "handed over"]);
    assert_eq!(daemon.status().unwrap()["lane"]["step"], "held", "who accepted holds");
    shell.says(&["hold", "lift"], "ciq", &["--reason", "treated"]);
    daemon.step("released");

    let story = daemon.done(&["journal", "show", &shell.inspection]);
    for words in ["100234 (customs), found food, corrects finding 1", "disposition transfer, instead of return"] {
        assert!(story.contains(words), "{words:?}: {story}");
    }
    daemon.end();
    proven(&store(dir.path()));
    let records = records(&store(dir.path()));
    for (kind, count) in [
        ("inspection.examination.begun", 1),
        ("inspection.examination.arrived", 2),
        ("inspection.examination.opened", 1),
        ("inspection.examination.finding", 3),
        ("inspection.examination.closed", 2),
        ("inspection.disposition", 3),
        ("inspection.case.handed_over", 1),
        ("inspection.case.accepted", 1),
        ("inspection.hold_lifted", 2),
        ("inspection.released", 1),
    ] {
        assert_eq!(of_kind(&records, kind).len(), count, "{kind}");
    }
    let written = format!("{records:?}");
    assert!(!written.contains("axle"), "a note is its agency's own");
}
