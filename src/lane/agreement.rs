//! How far the desks of a station agree with each other and with what was found, from closed inspections alone.
//!
//! For each pair of desks: raw agreement, and Cohen's kappa, κ = (p₀ − pₑ) / (1 − pₑ), with p₀ the part of inspections
//! in which both said the same and pₑ what chance would give from how often each says what (J. Cohen, "A coefficient of
//! agreement for nominal scales", Educational and Psychological Measurement 20 (1960) 37–46). The categories are `clear`,
//! `alarm` and `unknown`. `not_reviewed` is no judgement: an inspection in which either desk was silent counts for
//! neither figure and is counted apart, so that two desks that are silent together do not look as if they agreed.
//!
//! A desk is compared with what its own agency found: what is another agency's business it was not asked.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::case::text;

/// Inspections that are looked back on.
pub const WINDOW: usize = 1_000;
const WORDS: [&str; 3] = ["clear", "alarm", "unknown"];

/// What one desk did in one closed inspection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    agency: Arc<str>,
    /// Place in [`WORDS`]; `None`: it was not reviewed.
    said: Option<usize>,
    after_ms: Option<u64>,
    /// Whether its agency found something; `None`: it was not opened.
    found: Option<bool>,
}

/// The last closed inspections of one station, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    closed: VecDeque<Vec<Part>>,
}

/// The figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AgreementView {
    /// Closed inspections that were reviewed, of the last [`WINDOW`].
    pub inspections: usize,
    /// Each desk.
    pub desks: Vec<DeskFigures>,
    /// Each pair of desks.
    pub pairs: Vec<PairFigures>,
}

/// One desk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeskFigures {
    /// Agency id.
    pub agency: Arc<str>,
    /// Verdicts given.
    pub judged: usize,
    /// Inspections that it let pass in silence.
    pub not_reviewed: usize,
    /// Median time from the first image on its screen to its verdict, milliseconds; `None` where none is known.
    pub after_ms_median: Option<u64>,
    /// Nineteen of twenty verdicts took no longer.
    pub after_ms_p95: Option<u64>,
    /// Beside what its agency found at examinations.
    pub truth: TruthFigures,
}

/// Verdicts beside findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TruthFigures {
    /// Alarm, and something was found.
    pub alarm_found: usize,
    /// Alarm, and nothing was found.
    pub alarm_nothing: usize,
    /// Clear, and something was found.
    pub clear_found: usize,
    /// Clear, and nothing was found.
    pub clear_nothing: usize,
    /// Unknown, whatever was found.
    pub unknown: usize,
}

/// Two desks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairFigures {
    /// Agency ids.
    pub desks: (Arc<str>, Arc<str>),
    /// Inspections that both judged.
    pub both: usize,
    /// Inspections that one or both let pass in silence.
    pub not_reviewed: usize,
    /// Inspections in which both said the same.
    pub same: usize,
    /// Part of `both`; `None` where there is none.
    pub agreement: Option<f64>,
    /// Cohen's kappa; `None` where chance alone gives full agreement, as when both always say the same.
    pub kappa: Option<f64>,
}

impl Agreement {
    /// Takes in the data of an `inspection.closed` record, the newest so far. One that nobody reviewed says nothing.
    pub fn closed(&mut self, data: &Value) {
        self.closed.extend(parts(data));
        while self.closed.len() > WINDOW {
            self.closed.pop_front();
        }
    }

    /// Puts what an earlier run closed, oldest first, before what this one has.
    pub fn recall<'a>(&mut self, earlier: impl IntoIterator<Item = &'a Value>) {
        let mut all: VecDeque<_> = earlier.into_iter().filter_map(parts).collect();
        all.append(&mut self.closed);
        all.drain(..all.len().saturating_sub(WINDOW));
        self.closed = all;
    }

    /// The figures, desks in the order in which they are first met.
    pub fn view(&self) -> AgreementView {
        let mut agencies: Vec<Arc<str>> = Vec::new();
        for part in self.closed.iter().flatten() {
            if !agencies.contains(&part.agency) {
                agencies.push(Arc::clone(&part.agency));
            }
        }
        let later = |at: usize| agencies.iter().skip(at + 1);
        let pairs = agencies.iter().enumerate().flat_map(|(at, one)| later(at).map(move |other| (one, other)));
        AgreementView {
            inspections: self.closed.len(),
            desks: agencies.iter().map(|agency| self.desk(agency)).collect(),
            pairs: pairs.map(|(one, other)| self.pair(one, other)).collect(),
        }
    }

    fn desk(&self, agency: &Arc<str>) -> DeskFigures {
        let parts: Vec<_> = self.closed.iter().flatten().filter(|part| part.agency == *agency).collect();
        let mut times: Vec<u64> = parts.iter().filter_map(|part| part.after_ms).collect();
        times.sort_unstable();
        let judged = parts.iter().filter(|part| part.said.is_some()).count();
        DeskFigures {
            agency: Arc::clone(agency),
            judged,
            not_reviewed: parts.len() - judged,
            after_ms_median: rank(&times, 50),
            after_ms_p95: rank(&times, 95),
            truth: truth(&parts),
        }
    }

    fn pair(&self, one: &Arc<str>, other: &Arc<str>) -> PairFigures {
        let (mut table, mut silent) = ([[0_u32; WORDS.len()]; WORDS.len()], 0);
        for parts in &self.closed {
            let of = |agency: &Arc<str>| parts.iter().find(|part| part.agency == *agency);
            let (Some(one), Some(other)) = (of(one), of(other)) else { continue };
            match (one.said, other.said) {
                (Some(row), Some(column)) => table[row][column] += 1,
                (None, _) | (_, None) => silent += 1,
            }
        }
        let same: u32 = (0..WORDS.len()).map(|word| table[word][word]).sum();
        let both: u32 = table.iter().flatten().sum();
        PairFigures {
            desks: (Arc::clone(one), Arc::clone(other)),
            both: both as usize,
            not_reviewed: silent,
            same: same as usize,
            agreement: (both > 0).then(|| f64::from(same) / f64::from(both)),
            kappa: kappa(&table),
        }
    }
}

/// Cohen's kappa of a table of counts, rows one judge, columns the other.
pub fn kappa<const N: usize>(table: &[[u32; N]; N]) -> Option<f64> {
    let all = f64::from(table.iter().flatten().sum::<u32>());
    let same: u32 = (0..N).map(|word| table[word][word]).sum();
    let row = |word: usize| f64::from(table[word].iter().sum::<u32>());
    let column = |word: usize| f64::from(table.iter().map(|row| row[word]).sum::<u32>());
    let chance = (0..N).map(|word| row(word) * column(word)).sum::<f64>() / (all * all);
    (all > 0.0 && chance < 1.0).then(|| (f64::from(same) / all - chance) / (1.0 - chance))
}

/// The value below which `percent` of a hundred lie, by nearest rank.
fn rank(sorted: &[u64], percent: usize) -> Option<u64> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

fn truth(parts: &[&Part]) -> TruthFigures {
    let mut figures = TruthFigures::default();
    for part in parts {
        let count = match (part.said.map(|said| WORDS[said]), part.found) {
            (Some("alarm"), Some(true)) => &mut figures.alarm_found,
            (Some("alarm"), Some(false)) => &mut figures.alarm_nothing,
            (Some("clear"), Some(true)) => &mut figures.clear_found,
            (Some("clear"), Some(false)) => &mut figures.clear_nothing,
            (Some("unknown"), Some(_)) => &mut figures.unknown,
            (Some(_) | None, _) => continue,
        };
        *count += 1;
    }
    figures
}

fn parts(data: &Value) -> Option<Vec<Part>> {
    let list = |key| data.get(key).and_then(Value::as_array).into_iter().flatten();
    let found = |agency: &str| {
        let own = list("findings").find(|finding| text(finding, "agency") == Some(agency))?;
        Some(text(own, "found")? != "nothing")
    };
    let part = |verdict: &Value| {
        let agency = text(verdict, "agency")?;
        let said = text(verdict, "verdict")?;
        let said = WORDS.iter().position(|word| *word == said);
        let after_ms = verdict.get("after_ms").and_then(Value::as_u64);
        Some(Part { agency: agency.into(), said, after_ms, found: found(agency) })
    };
    let parts: Vec<_> = list("verdicts").filter_map(part).collect();
    (!parts.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn closed(customs: &str, ciq: &str) -> Value {
        json!({ "verdicts": [
            { "agency": "customs", "verdict": customs, "after_ms": 1_000 }, { "agency": "ciq", "verdict": ciq },
        ], "findings": [{ "agency": "customs", "found": "drugs" }] })
    }

    fn of(rows: &[(&str, &str, usize)]) -> AgreementView {
        let mut agreement = Agreement::default();
        for (customs, ciq, count) in rows {
            (0..*count).for_each(|_| agreement.closed(&closed(customs, ciq)));
        }
        agreement.view()
    }

    #[test]
    fn kappa_is_that_of_published_tables() {
        // 20, 5, 10, 15: p0 0.7, pe 0.5.
        assert!((kappa(&[[20, 5], [10, 15]]).unwrap() - 0.4).abs() < 1e-12);
        // Cohen 1960, table 1, of 200 cases: 88, 14, 18 / 10, 40, 10 / 2, 6, 12; p0 0.70, pe 0.41.
        assert!((kappa(&[[88, 14, 18], [10, 40, 10], [2, 6, 12]]).unwrap() - 0.29 / 0.59).abs() < 1e-12);
        assert_eq!(kappa(&[[5, 0], [0, 0]]), None, "both always say the same: chance explains it");
        assert_eq!(kappa(&[[0, 0], [0, 0]]), None);
        assert!((kappa(&[[0, 5], [5, 0]]).unwrap() + 1.0).abs() < 1e-12);
    }

    #[test]
    fn silence_is_counted_apart_and_makes_no_agreement() {
        let view = of(&[
            ("clear", "clear", 6),
            ("alarm", "alarm", 2),
            ("clear", "alarm", 2),
            ("not_reviewed", "not_reviewed", 9),
        ]);
        let pair = &view.pairs[0];
        assert_eq!((pair.both, pair.same, pair.not_reviewed, pair.agreement), (10, 8, 9, Some(0.8)));
        // pe = 0.8 × 0.6 + 0.2 × 0.4 = 0.56
        assert!((pair.kappa.unwrap() - 0.24 / 0.44).abs() < 1e-12);
        assert_eq!((view.desks[0].judged, view.desks[0].not_reviewed), (10, 9));
    }

    #[test]
    fn a_desk_is_compared_with_what_its_own_agency_found() {
        let view = of(&[("alarm", "clear", 3), ("clear", "alarm", 1), ("unknown", "clear", 1)]);
        let truth = TruthFigures { alarm_found: 3, clear_found: 1, unknown: 1, ..TruthFigures::default() };
        assert_eq!((view.desks[0].truth, view.desks[1].truth), (truth, TruthFigures::default()));
        assert_eq!((view.desks[0].after_ms_median, view.desks[1].after_ms_median), (Some(1_000), None));
    }

    #[test]
    fn the_window_keeps_the_youngest_and_a_recall_goes_before_them() {
        let (old, young) = (closed("clear", "clear"), closed("alarm", "clear"));
        let mut agreement = Agreement::default();
        agreement.closed(&young);
        agreement.recall(std::iter::repeat_n(&old, 2 * WINDOW));
        let view = agreement.view();
        assert_eq!((view.inspections, view.pairs[0].same), (WINDOW, WINDOW - 1));
        (0..WINDOW).for_each(|_| agreement.closed(&young));
        assert_eq!(agreement.view().pairs[0].same, 0);
        agreement.closed(&json!({ "outcome": "withdrawn", "verdicts": [] }));
        assert_eq!(agreement.view().inspections, WINDOW);
    }

    #[test]
    fn ranks_are_the_nearest() {
        assert_eq!((rank(&[], 50), rank(&[7], 50), rank(&[7], 95)), (None, Some(7), Some(7)));
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((rank(&hundred, 50), rank(&hundred, 95)), (Some(50), Some(95)));
    }
}
