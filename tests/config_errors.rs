//! Broken lane files and what `portside check` says of them, word for word. After a wording has been changed on
//! purpose: `BLESS=1 cargo test --test config_errors`, then read the difference as a technician would.
#![allow(clippy::unwrap_used)] // a test that cannot read its files has failed

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use portside::cli::check::{Args, Outcome, outcome};
use portside::config::{Ink, codes};

const FOLDER: &str = "tests/config_errors";

/// Codes that need a machine in a certain state, which the unit tests beside the code make.
const ELSEWHERE: &[&str] = &["W0106"];

fn check(config: PathBuf) -> Outcome {
    outcome(&Args { config, json: false, explain: None, online: Default::default() }, Ink::Plain)
}

/// The lane files of the folder, and one that is not there.
fn cases() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.push(Path::new(FOLDER).join("not-there.toml"));
    paths.sort();
    paths
}

#[test]
fn every_broken_file_is_answered_word_for_word() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 26, "{}", cases.len());
    for case in cases {
        let Outcome { text, status } = check(case.clone());
        let said = format!("{text}exit status {status}\n");
        let expected = case.with_extension("expected");
        if bless {
            std::fs::write(&expected, &said).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("---- {} says:\n{said}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fault_has_a_place_and_an_explanation() {
    for case in cases() {
        let Outcome { text, .. } =
            outcome(&Args { config: case.clone(), json: true, explain: None, online: Default::default() }, Ink::Plain);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        let faults = answer["faults"].as_array().unwrap();
        assert!(!faults.is_empty(), "{}", case.display());
        for fault in faults {
            assert!(codes::explain(fault["code"].as_str().unwrap()).is_ok(), "{fault}");
            assert!(fault["line"].as_u64().unwrap() >= 1 && fault["column"].as_u64().unwrap() >= 1, "{fault}");
            assert!(!fault["message"].as_str().unwrap().ends_with('.'), "{fault}");
        }
    }
}

#[test]
fn every_explained_code_is_met_by_a_broken_file() {
    let mut met: BTreeSet<String> = ELSEWHERE.iter().map(|code| (*code).to_owned()).collect();
    for case in cases() {
        let Outcome { text, .. } =
            outcome(&Args { config: case, json: true, explain: None, online: Default::default() }, Ink::Plain);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        met.extend(answer["faults"].as_array().unwrap().iter().map(|fault| fault["code"].as_str().unwrap().to_owned()));
    }
    // The codes of profiles (E03…) are met by the tests of their own reader.
    let explained = codes::all().map(|known| known.code).filter(|code| !code.starts_with("E03"));
    let never: Vec<_> = explained.filter(|code| !met.contains(*code)).collect();
    assert!(never.is_empty(), "no broken file shows {never:?}");
}

#[test]
fn one_run_reports_faults_of_many_sorts() {
    let Outcome { text, .. } = outcome(
        &Args {
            config: Path::new(FOLDER).join("many-at-once.toml"),
            json: true,
            explain: None,
            online: Default::default(),
        },
        Ink::Plain,
    );
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let codes: BTreeSet<_> =
        answer["faults"].as_array().unwrap().iter().map(|fault| fault["code"].to_string()).collect();
    assert!(codes.len() >= 5, "{codes:?}");
}

#[test]
fn chinese_before_a_fault_does_not_shift_its_column() {
    let config = Path::new(FOLDER).join("chinese-before-the-fault.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let line = text.lines().position(|line| line.contains("monitor")).unwrap();
    let column = text
        .lines()
        .nth(line)
        .unwrap()
        .chars()
        .collect::<Vec<_>>()
        .windows(9)
        .position(|chars| chars.iter().collect::<String>() == "\"monitor\"");
    let Outcome { text: answer, .. } =
        outcome(&Args { config, json: true, explain: None, online: Default::default() }, Ink::Plain);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["faults"][0]["line"], line + 1);
    assert_eq!(answer["faults"][0]["column"], column.unwrap() + 1);
    assert_eq!(answer["faults"][0]["text"], "\"monitor\"");
}
