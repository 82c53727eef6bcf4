//! A limit from the people themselves: whoever is far above those who passed of late stands out, whatever the season and
//! the draught make of everybody's skin.
//!
//! The middle is the median and the width the median distance from it (MAD), so that the few with a fever move neither.
//! 1.4826 MAD is one standard deviation of a normal distribution (Rousseeuw and Croux, J. Am. Stat. Assoc. 88, 1993).

use std::collections::VecDeque;
use std::time::Duration;

use portside_devices::moment::Moment;

/// What the lane file says of the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Standard deviations above the middle.
    pub deviations: f64,
    /// People that must have passed before there is a limit.
    pub least: usize,
    /// People that count at most, the latest ones.
    pub most: usize,
    /// How long each of them counts.
    pub within: Duration,
}

/// A MAD below this is taken as this, °C: where all agree by chance, a breath would be a fever.
const NARROWEST: f64 = 0.15;
/// See above.
const SIGMA: f64 = 1.4826;

/// Temperatures of those who passed, the latest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Population {
    seen: VecDeque<(Moment, f64)>,
}

impl Population {
    /// Takes one person's temperature.
    pub fn add(&mut self, now: Moment, celsius: f64, rules: &Rules) {
        self.seen.push_back((now, celsius));
        while self.seen.len() > rules.most {
            self.seen.pop_front();
        }
    }

    /// From here on a temperature stands out; `None` while too few have passed.
    pub fn limit(&self, now: Moment, rules: &Rules) -> Option<f64> {
        let recent = self.seen.iter().filter(|(at, _)| now <= *at + rules.within).map(|(_, celsius)| *celsius);
        let celsius: Vec<f64> = recent.collect();
        if celsius.len() < rules.least.max(1) {
            return None;
        }
        let middle = median(celsius.clone())?;
        let width = median(celsius.iter().map(|celsius| (celsius - middle).abs()).collect())?;
        Some(middle + rules.deviations * SIGMA * width.max(NARROWEST))
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { deviations: 3.0, least: 5, most: 8, within: Duration::from_secs(600) };

    fn at(seconds: u64) -> Moment {
        Moment::START + Duration::from_secs(seconds)
    }

    fn passed(celsius: &[f64]) -> Population {
        let mut population = Population::default();
        celsius.iter().for_each(|celsius| population.add(at(0), *celsius, &RULES));
        population
    }

    #[test]
    fn the_limit_follows_the_people_and_a_fever_among_them_does_not_move_it() {
        let cold = passed(&[33.8, 34.0, 34.2, 34.4, 34.0]).limit(at(0), &RULES).unwrap();
        let with_fever = passed(&[33.8, 34.0, 34.2, 34.4, 39.0]).limit(at(0), &RULES).unwrap();
        assert!((cold - (34.0 + 3.0 * SIGMA * 0.2)).abs() < 1e-9, "{cold}");
        assert!((with_fever - cold).abs() < 0.3, "{with_fever}");
    }

    #[test]
    fn too_few_people_or_too_long_ago_give_no_limit() {
        assert_eq!(passed(&[36.0; 4]).limit(at(0), &RULES), None);
        let population = passed(&[36.0; 5]);
        assert!(population.limit(at(600), &RULES).is_some());
        assert_eq!(population.limit(at(601), &RULES), None);
    }

    #[test]
    fn only_the_latest_count_and_agreement_by_chance_is_not_taken_at_its_word() {
        let mut population = passed(&[30.0; 20]);
        (0..8).for_each(|_| population.add(at(1), 36.0, &RULES));
        assert_eq!(population.limit(at(1), &RULES), Some(36.0 + 3.0 * SIGMA * NARROWEST));
    }
}
