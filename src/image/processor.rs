//! From a detector's lines to images: puts them in order, corrects them, and says where a subject begins and ends.
//!
//! The air that stands between subjects teaches the slow gain only when it fell out of the lines kept before a subject,
//! so that a subject's thin first edge never does.

use std::sync::Arc;

use super::air::Air;
use super::order::{Counts, Order, Ordered, RawLine, RawRow};
use super::segment::{Cell, Row, Segmentation, Segmenter};
use super::{AIR, Calibration, Format, Line, Outcome};

/// What came of a line. One image at a time; all views begin and end together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An image begins.
    Begin,
    /// Its next line of one view; for each index every view has one.
    Line(Line),
    /// It ended.
    End(Outcome),
}

/// A detector's lines, one machine for each detector.
#[derive(Clone, Debug)]
pub struct Processor {
    calibration: Calibration,
    order: Order,
    air: Air,
    segmenter: Segmenter,
    views: Vec<Last>,
    gap_max: u32,
    blank: Arc<[u16]>,
}

/// The last line that a view sent, and how many it owes since.
#[derive(Clone, Debug)]
struct Last {
    samples: Arc<[u16]>,
    owed: u32,
}

impl Processor {
    /// Takes lines of `format`.
    pub fn new(format: Format, calibration: Calibration, settings: Segmentation) -> Self {
        let blank: Arc<[u16]> = vec![AIR; format.samples()].into();
        let last = Last { samples: blank.clone(), owed: 0 };
        Self {
            calibration,
            order: Order::new(format.views, format.samples(), settings.patience()),
            air: Air::new(&format),
            gap_max: settings.gap_max,
            segmenter: Segmenter::new(&format, settings),
            views: vec![last; usize::from(format.views.max(1))],
            blank,
        }
    }

    /// Takes the next line that the detector said.
    pub fn line(&mut self, line: RawLine) -> Vec<Step> {
        let ordered = self.order.take(line);
        self.follow(ordered)
    }

    /// The source fell silent: an open image ends incomplete, and the next line may have any counter.
    pub fn silence(&mut self) -> Vec<Step> {
        let ordered = self.order.flush();
        let mut steps = self.follow(ordered);
        self.break_off(&mut steps);
        steps
    }

    /// What became of the lines so far.
    pub const fn counts(&self) -> Counts {
        self.order.counts()
    }

    /// How far the beam is from where it was calibrated: 0.02 is 2 % more gain than then. Beyond a tenth or so the
    /// detector should be calibrated again.
    pub fn drift(&self) -> f32 {
        self.air.drift()
    }

    fn follow(&mut self, ordered: Vec<Ordered>) -> Vec<Step> {
        let mut steps = Vec::new();
        for what in ordered {
            match what {
                Ordered::Row(row) => {
                    let row = self.corrected(row);
                    if let Some(air) = self.segmenter.take(row, &mut steps) {
                        self.learn(&air);
                    }
                }
                Ordered::Break => self.break_off(&mut steps),
            }
        }
        steps
    }

    fn break_off(&mut self, steps: &mut Vec<Step>) {
        self.segmenter.break_off(steps);
        for view in &mut self.views {
            *view = Last { samples: self.blank.clone(), owed: 0 };
        }
    }

    fn corrected(&mut self, row: RawRow) -> Row {
        let mut cells = Vec::with_capacity(row.len());
        for ((at, said), last) in row.into_iter().enumerate().zip(&mut self.views) {
            let filled = said.is_none();
            match said {
                Some(said) => {
                    let samples = self.calibration.correct(at, &said, self.air.of_view(at)).into();
                    *last = Last { samples, owed: 0 };
                }
                None => last.owed = last.owed.saturating_add(1),
            }
            cells.push(Cell { samples: last.samples.clone(), filled, unknown: last.owed > self.gap_max });
        }
        cells
    }

    fn learn(&mut self, row: &Row) {
        for (view, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.filled) {
            self.air.learn(view, &cell.samples);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIXELS: usize = 40;

    fn settings() -> Segmentation {
        Segmentation { lead_in: 5, lead_out: 8, lines_max: 60, gap_max: 10, ..Segmentation::default() }
    }

    fn format(views: u8) -> Format {
        Format { pixels: PIXELS as u32, energies: 1, views, pitch_um: 0, line_um: 0, live: true, raw: true }
    }

    fn processor(views: u8) -> Processor {
        Processor::new(format(views), Calibration::corrected(&format(views), AIR), settings())
    }

    /// A line with something that lets half through on `elements`.
    fn line(counter: u32, elements: std::ops::Range<usize>) -> RawLine {
        let sample = |at: usize| if elements.contains(&at) { AIR / 2 } else { AIR };
        RawLine { counter, view: 0, samples: (0..PIXELS).map(sample).collect() }
    }

    /// `~` is air, `#` a subject, `-` a line that never comes; others skip the counter: `>` by 1,000.
    fn play(processor: &mut Processor, lines: &str) -> Vec<Step> {
        let mut counter = 0u32;
        let mut steps = Vec::new();
        for what in lines.chars() {
            match what {
                '~' => steps.extend(processor.line(line(counter, 0..0))),
                '#' => steps.extend(processor.line(line(counter, 10..20))),
                '|' => steps.extend(processor.line(line(counter, 0..10))),
                '.' => steps.extend(processor.line(line(counter, 10..12))),
                '>' => counter += 1_000,
                '0' => steps.extend(processor.line(RawLine { samples: vec![3; PIXELS], ..line(counter, 0..0) })),
                _ => {}
            }
            counter += 1;
        }
        steps
    }

    /// `[` and `]` for begin and end, with the lines between and the flaws behind.
    fn told(steps: &[Step]) -> String {
        steps
            .iter()
            .map(|step| match step {
                Step::Begin => "[".to_owned(),
                Step::Line(line) => {
                    let absorbs = line.samples.iter().any(|sample| *sample < AIR);
                    let sign = if absorbs { '#' } else { '~' };
                    if line.filled { "-".to_owned() } else { sign.to_string() }
                }
                Step::End(outcome) => format!("] {}/{} {:?} ", outcome.filled, outcome.lines, outcome.flaws),
            })
            .collect::<String>()
            .trim_end()
            .to_owned()
    }

    fn lines(air: usize, subject: usize) -> String {
        "~".repeat(air) + &"#".repeat(subject) + &"~".repeat(air)
    }

    #[test]
    fn a_subject_comes_with_what_is_before_and_behind_it() {
        let steps = play(&mut processor(1), &lines(20, 12));
        assert_eq!(told(&steps), "[~~~~~############~~~~~~~~] 0/25 []");
        let indices: Vec<u32> =
            steps.iter().filter_map(|step| if let Step::Line(line) = step { Some(line.index) } else { None }).collect();
        assert_eq!(indices, (0..25).collect::<Vec<_>>());
    }

    #[test]
    fn lines_come_out_while_the_subject_is_still_in_the_beam() {
        let mut processor = processor(1);
        play(&mut processor, "~~~~~~~~####");
        let next = processor.line(line(12, 10..20));
        assert!(matches!(&next[..], [Step::Line(Line { index: 9, .. })]), "{next:?}");
    }

    #[test]
    fn specks_and_what_is_shorter_than_the_least_make_no_image() {
        assert_eq!(told(&play(&mut processor(1), "~~~~~~....................~~~###~~~###~~~~~")), "");
    }

    #[test]
    fn a_gap_within_a_subject_does_not_end_it_and_a_long_one_makes_two() {
        let steps = play(&mut processor(1), "~~~~~~~#####~~~~~~~#####~~~~~~~~~~~#####~~~~~~~~~~");
        assert_eq!(told(&steps), "[~~~~~#####~~~~~~~#####~~~~~~~~] 0/30 [] [~~~#####~~~~~~~~] 0/16 []");
    }

    #[test]
    fn few_lost_lines_are_filled_and_said_so() {
        let steps = play(&mut processor(1), "~~~~~~######--######~~~~~~~~~~~");
        assert_eq!(told(&steps), "[~~~~~######--######~~~~~~~~] 2/27 [Gaps]");
        let samples = |at: usize| match &steps[at] {
            Step::Line(line) => line.samples.clone(),
            Step::Begin | Step::End(_) => panic!("a line"),
        };
        assert_eq!(samples(12), samples(11), "its neighbour stands there");
    }

    #[test]
    fn more_lost_than_can_be_filled_ends_the_image_and_the_rest_is_incomplete_too() {
        let mut processor = processor(1);
        let steps = play(&mut processor, "~~~~~~######>######~~~~~~~~~~~");
        assert_eq!(told(&steps), "[~~~~~######] 0/11 [Incomplete] [######~~~~~~~~] 0/14 [Incomplete]");
        assert_eq!(processor.counts().breaks, 1);
    }

    #[test]
    fn silence_ends_an_open_image_and_nothing_else() {
        let mut processor = processor(1);
        assert_eq!(told(&processor.silence()), "");
        play(&mut processor, "~~~~~~######");
        assert_eq!(told(&processor.silence()), "] 0/11 [Incomplete]");
        assert_eq!(told(&processor.silence()), "");
        assert_eq!(told(&play(&mut processor, "######")), "[######", "in the middle of a subject");
        assert_eq!(told(&processor.silence()), "] 0/6 [Incomplete]");
    }

    #[test]
    fn a_beam_that_goes_off_is_no_subject_and_ends_one() {
        let mut processor = processor(1);
        assert_eq!(told(&play(&mut processor, "~~~~~0000000000000000000000")), "");
        processor.silence();
        let steps = play(&mut processor, "~~~~~~#######000000000000000~~~~~~~~~~~");
        assert_eq!(told(&steps), "[~~~~~###############] 0/20 [Incomplete]");
    }

    #[test]
    fn what_reaches_the_detectors_end_is_clipped() {
        let steps = play(&mut processor(1), "~~~~~~~||||||~~~~~~~~~~");
        assert_eq!(told(&steps), "[~~~~~######~~~~~~~~] 0/19 [Clipped]");
    }

    #[test]
    fn what_is_too_long_goes_on_in_the_next_image_without_losing_a_line() {
        let steps = play(&mut processor(1), &lines(10, 100));
        let expected =
            format!("[~~~~~{}] 0/60 [Oversize] [{}~~~~~~~~] 0/53 [Incomplete]", "#".repeat(55), "#".repeat(45));
        assert_eq!(told(&steps), expected);
        let ends_there = play(&mut processor(1), &lines(10, 52));
        assert_eq!(told(&ends_there), format!("[~~~~~{}~~~] 0/60 [Oversize]", "#".repeat(52)), "no image of nothing");
    }

    #[test]
    fn all_views_begin_and_end_together_and_a_lost_line_of_one_is_filled() {
        let mut processor = processor(2);
        let mut steps = Vec::new();
        for counter in 0..30u32 {
            let elements = if (10..18).contains(&counter) { 10..20 } else { 0..0 };
            if counter != 13 {
                steps.extend(processor.line(line(counter, elements)));
            }
            steps.extend(processor.line(RawLine { view: 1, ..line(counter, 0..0) }));
        }
        let ends = steps.iter().filter(|step| matches!(step, Step::End(_))).count();
        let of_view = |view: u8| {
            let of = move |step: &&Step| matches!(step, Step::Line(line) if line.view == view);
            steps.iter().filter(of).count()
        };
        assert_eq!((ends, of_view(0), of_view(1)), (1, 21, 21));
        assert_eq!(told(&steps[steps.len() - 1..]), "] 1/21 [Gaps]");
    }

    #[test]
    fn a_view_that_stays_away_makes_the_image_incomplete() {
        let mut processor = processor(2);
        for counter in 0..10 {
            processor.line(line(counter, 0..0));
            processor.line(RawLine { view: 1, ..line(counter, 0..0) });
        }
        let mut steps = Vec::new();
        for counter in 10..60 {
            steps.extend(processor.line(line(counter, if counter < 40 { 10..20 } else { 0..0 })));
        }
        let end = told(&steps[steps.len() - 1..]);
        assert!(end.ends_with("[Incomplete, Gaps]"), "{end}");
    }

    fn bright(counter: u32, by: f32, elements: std::ops::Range<usize>) -> RawLine {
        let mut line = line(counter, elements);
        for sample in &mut line.samples {
            *sample = (f32::from(*sample) * by) as u16;
        }
        line
    }

    #[test]
    fn air_between_subjects_follows_the_beam_and_a_subject_does_not() {
        let mut drifting = processor(1);
        for counter in 0..1_000 {
            assert!(drifting.line(bright(counter, 0.985, 0..0)).is_empty());
        }
        assert!((drifting.drift() - 0.0152).abs() < 0.001, "{}", drifting.drift());
        let before = drifting.drift();
        for counter in 1_000..1_050 {
            // One half of the detector sees something too thin to keep an image open, and the other half a subject.
            let mut line = bright(counter, 0.985, 25..40);
            line.samples[..20].fill(58_000);
            drifting.line(line);
        }
        assert_eq!(drifting.drift(), before);
    }

    #[test]
    fn the_first_thin_edge_of_a_subject_teaches_nothing() {
        let mut processor = processor(1);
        play(&mut processor, "~~~~~~~~~~");
        let before = processor.drift();
        for counter in 10..14 {
            // 2 % less: too little to open an image.
            processor.line(bright(counter, 0.98, 0..0));
        }
        for counter in 14..20 {
            processor.line(line(counter, 10..20));
        }
        assert_eq!(processor.drift(), before);
    }

    #[test]
    fn quiet_lines_before_a_subject_do_not_end_its_image() {
        let settings = Segmentation { lead_in: 12, ..settings() };
        let mut processor = Processor::new(format(1), Calibration::corrected(&format(1), AIR), settings);
        let steps = play(&mut processor, &lines(20, 12));
        assert_eq!(told(&steps), "[~~~~~~~~~~~~############~~~~~~~~] 0/32 []");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Under which settings ever it opens an image: a subject is one, or as many as `lines_max` cuts it into, and each
        /// shows something of it.
        #[test]
        fn a_subject_is_one_image_whatever_the_settings(
            (subject, air) in (1u32..80, 100usize..160),
            (open_permille, keep_permille) in (0u16..500, 0u16..=1_000),
            (speck, width_open, width_keep) in (0u32..=10, 0u32..=10, 0u32..60),
            (lines_min, lead_in, lead_out, lines_max) in (0u32..80, 0u32..120, 0u32..=100, 0u32..200),
        ) {
            let settings = Segmentation {
                open_permille, keep_permille, speck, width_open, width_keep, lead_in, lead_out, lines_max,
                lines_min: lines_min.min(subject), ..settings()
            };
            let mut processor = Processor::new(format(1), Calibration::corrected(&format(1), AIR), settings.clone());
            let mut steps = play(&mut processor, &lines(air, subject as usize));
            steps.extend(processor.silence());
            let all = told(&steps);
            let images: Vec<String> =
                steps.split_inclusive(|step| matches!(step, Step::End(_))).map(told).collect();
            let (last, cut) = images.split_last().expect("an image");
            prop_assert!(images.iter().all(|image| image.contains('#')), "{all}");
            prop_assert!(cut.iter().all(|image| image.contains("Oversize")), "{all}");
            let fits = lead_in + subject + lead_out.max(1) <= lines_max;
            prop_assert!(!fits || (cut.is_empty() && !last.contains("Oversize")), "{all}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever comes: begin and end alternate, indices count up from 0, every line has its length.
        #[test]
        fn any_noise_makes_whole_images(
            seed in any::<u64>(), lines in 0usize..400, wild in 0u32..30, rough in 1u16..=u16::MAX, quiet in 0u32..30,
        ) {
            let mut dice = fastrand::Rng::with_seed(seed);
            let mut processor = processor(2);
            let (mut counter, mut steps) = (dice.u32(..), Vec::new());
            for _ in 0..lines {
                counter = if dice.u32(0..100) < wild { dice.u32(..) } else { counter.wrapping_add(dice.u32(0..2)) };
                let length = if dice.u32(0..100) < wild { dice.usize(0..80) } else { PIXELS };
                let samples = (0..length).map(|_| AIR.saturating_sub(dice.u16(0..rough))).collect();
                steps.extend(processor.line(RawLine { counter, view: dice.u8(0..3), samples }));
                if dice.u32(0..100) < quiet {
                    steps.extend(processor.silence());
                }
            }
            steps.extend(processor.silence());
            let mut next: Option<Vec<u32>> = None;
            for step in steps {
                match step {
                    Step::Begin => prop_assert!(next.replace(vec![0, 0]).is_none()),
                    Step::Line(line) => {
                        let next = next.as_mut().expect("a line within an image");
                        prop_assert_eq!(line.index, next[usize::from(line.view)]);
                        prop_assert_eq!(line.samples.len(), PIXELS);
                        next[usize::from(line.view)] += 1;
                    }
                    Step::End(outcome) => {
                        let next = next.take().expect("an image that began");
                        prop_assert_eq!(next, vec![outcome.lines; 2]);
                        prop_assert!(outcome.lines <= 60 && outcome.filled <= outcome.lines);
                    }
                }
            }
            prop_assert!(next.is_none());
        }

        /// Elements that stop for a line and work again are no subject, however many lines come.
        #[test]
        fn specks_never_open_an_image(seed in any::<u64>()) {
            let mut dice = fastrand::Rng::with_seed(seed);
            let mut processor = processor(1);
            for counter in 0..600 {
                let sample = |_| if dice.u32(0..100) < 3 { dice.u16(..) } else { AIR - dice.u16(0..1_200) };
                let samples = (0..PIXELS).map(sample).collect();
                let steps = processor.line(RawLine { counter, view: 0, samples });
                prop_assert!(steps.is_empty());
            }
        }

        /// Each line carries its own number. No line is twice in images, none out of order, and each that absorbs, in a run
        /// long enough to be a subject, is in one.
        #[test]
        fn no_line_of_a_subject_is_lost_or_doubled(runs in prop::collection::vec((0usize..40, 1usize..150), 0..12)) {
            let mut processor = processor(1);
            let (mut subjects, mut seen, mut counter) = (Vec::new(), Vec::new(), 0u16);
            let mut feed = |processor: &mut Processor, absorbs: bool| {
                let mut line = line(counter.into(), if absorbs { 10..20 } else { 0..0 });
                // Elements that are dark but too narrow to count carry the number.
                line.samples[30] = counter;
                counter += 1;
                (counter - 1, processor.line(line))
            };
            let take = |steps: Vec<Step>, seen: &mut Vec<u16>| {
                seen.extend(steps.into_iter().filter_map(|step| match step {
                    Step::Line(line) => Some(line.samples[30]),
                    Step::Begin | Step::End(_) => None,
                }));
            };
            for (air, subject) in runs {
                for _ in 0..=air {
                    take(feed(&mut processor, false).1, &mut seen);
                }
                let mut of_run = Vec::new();
                for _ in 0..subject {
                    let (number, steps) = feed(&mut processor, true);
                    of_run.push(number);
                    take(steps, &mut seen);
                }
                if subject >= 4 {
                    subjects.extend(of_run);
                }
            }
            take(processor.silence(), &mut seen);
            prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", seen);
            for number in subjects {
                prop_assert!(seen.binary_search(&number).is_ok(), "line {} is in no image", number);
            }
        }
    }
}
