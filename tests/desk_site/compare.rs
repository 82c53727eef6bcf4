//! What a screen shows against what the detector said.

use super::{Officer, Said};

/// Places all over the first `lines` lines.
pub fn places(lines: usize, said: &Said) -> Vec<(usize, usize)> {
    let elements = (0..said.elements())
        .step_by(7)
        .filter(|element| said.measures(*element) && said.measures(*element + said.elements()));
    let elements: Vec<usize> = elements.collect();
    (0..lines).step_by(5).flat_map(|line| elements.iter().map(move |element| (line, *element))).collect()
}

/// By how much a picture differs from the raw lines when its first line is line `first` of them: mean and most.
pub fn difference(seen: &[[u16; 2]], places: &[(usize, usize)], said: &Said, first: usize) -> Option<(f64, f64)> {
    let mut differences = Vec::new();
    for (pair, (line, element)) in seen.iter().zip(places) {
        said.lines.get(first + line)?;
        for (energy, sample) in pair.iter().enumerate() {
            let truth = said.truth(first + line, energy * said.elements() + element).clamp(0.0, 65_535.0);
            differences.push((f64::from(*sample) - truth).abs());
        }
    }
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    Some((mean, differences.into_iter().fold(0.0, f64::max)))
}

/// Which raw line the picture begins with: the one with which it fits best.
pub fn first_line(seen: &[[u16; 2]], places: &[(usize, usize)], said: &Said) -> usize {
    let fits = (0..said.lines.len()).filter_map(|first| Some((first, difference(seen, places, said, first)?.0)));
    fits.min_by(|one, other| one.1.total_cmp(&other.1)).expect("lines were sent").0
}

/// Which raw line the picture on an officer's screen begins with.
pub fn first_line_of(said: &Said, officer: &Officer) -> usize {
    let places = places(60, said);
    first_line(&officer.pixels(&places), &places, said)
}
