//! Readers of every pace against a plain model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const PIXELS: usize = 4;

fn format(views: u8) -> Format {
    Format { pixels: PIXELS as u32, energies: 1, views, pitch_um: 0, line_um: 0, live: true, raw: true }
}

fn line(view: u8, index: u32) -> Line {
    let samples = (0..PIXELS as u16).map(|pixel| (index as u16) * 8 + pixel + u16::from(view) * 1000).collect();
    Line { index, view, filled: index % 7 == 3, samples }
}

fn feed(images: usize, behind: u32) -> Feed {
    let settings = Settings { images, bytes: 1 << 20, frame: 5 * PIXELS * 2, behind, ..Settings::default() };
    Feed::new(settings, Clock::start())
}

/// Everything a reader was told, checked as it comes.
#[derive(Default)]
struct Seen {
    lines: BTreeMap<(u32, u8, u32), Stored>,
    begun: BTreeMap<u32, Arc<str>>,
    ended: BTreeMap<u32, (Outcome, u64)>,
    gone: Vec<u32>,
    steps: Vec<u8>,
}

impl Seen {
    fn take(&mut self, news: News) {
        match news {
            News::Link { .. } => {}
            News::Begin { image, number, .. } => assert!(self.begun.insert(number, image).is_none(), "begun twice"),
            News::Lines(lines) => {
                assert!(self.begun.contains_key(&lines.number), "lines before the beginning");
                assert!(!self.gone.contains(&lines.number), "lines of an image that is gone");
                assert!(!lines.lines.is_empty() && lines.lines.len() <= 5, "a frame has its bounds");
                self.steps.push(lines.step);
                for (place, stored) in (0..).zip(lines.lines) {
                    let index = lines.first + place * u32::from(lines.step);
                    let told = line(lines.view, index);
                    assert_eq!((&stored.samples, stored.filled), (&told.samples, told.filled), "line {index}");
                    let before = self.lines.insert((lines.number, lines.view, index), stored);
                    assert!(before.is_none(), "line {index} of view {} came twice", lines.view);
                }
            }
            News::End { number, outcome, missing, .. } => {
                assert!(self.ended.insert(number, (outcome, missing)).is_none(), "ended twice");
            }
            News::Gone { number, .. } => self.gone.push(number),
        }
    }

    fn all(&mut self, watcher: &mut Watcher) {
        while let Some(news) = watcher.ready() {
            self.take(news);
        }
    }

    fn of(&self, number: u32, view: u8) -> Vec<u32> {
        self.lines.keys().filter(|(of, at, _)| (*of, *at) == (number, view)).map(|(.., index)| *index).collect()
    }
}

fn whole(feed: &Feed, image: &str, lines: u32) {
    feed.begin(image.into(), &format(1));
    for index in 0..lines {
        feed.line(image, line(0, index));
    }
    feed.end(image, &Outcome { lines, ..Outcome::default() });
}

#[test]
fn a_reader_who_keeps_up_gets_each_line_as_it_comes() {
    let feed = feed(2, 100);
    let (mut watcher, mut seen) = (feed.watch(), Seen::default());
    assert_eq!(watcher.ready(), Some(News::Link { up: false }));
    feed.begin("a".into(), &format(1));
    assert!(matches!(watcher.ready(), Some(News::Begin { number: 1, .. })));
    seen.begun.insert(1, "a".into());
    for index in 0..20 {
        feed.line("a", line(0, index));
        let Some(News::Lines(lines)) = watcher.ready() else { panic!("line {index} did not come") };
        assert_eq!((lines.first, lines.step, lines.lines.len()), (index, 1, 1));
        assert_eq!(watcher.ready(), None);
    }
    feed.link(true);
    assert_eq!(watcher.ready(), Some(News::Link { up: true }));
}

#[test]
fn who_comes_late_gets_the_image_so_far_and_then_the_stream() {
    let feed = feed(4, 1000);
    whole(&feed, "earlier", 5);
    feed.begin("now".into(), &format(1));
    (0..12).for_each(|index| feed.line("now", line(0, index)));
    let (mut watcher, mut seen) = (feed.watch(), Seen::default());
    seen.all(&mut watcher);
    assert_eq!(seen.begun.keys().copied().collect::<Vec<_>>(), [2], "older images only come when they are asked for");
    assert_eq!(seen.of(2, 0), (0..12).collect::<Vec<_>>());
    feed.line("now", line(0, 12));
    seen.all(&mut watcher);
    assert_eq!(seen.of(2, 0).last(), Some(&12));
    assert!(watcher.want("earlier") && !watcher.want("never"));
    seen.all(&mut watcher);
    assert_eq!(seen.of(1, 0), (0..5).collect::<Vec<_>>());
    assert_eq!(seen.ended[&1], (Outcome { lines: 5, ..Outcome::default() }, 0));
}

#[test]
fn who_only_asks_gets_what_it_asks_for_and_numbers_of_its_own() {
    let feed = Feed::new(Settings { numbers_after: 100, ..Settings::default() }, Clock::start());
    let (mut watcher, mut seen) = (feed.watch_wanted(), Seen::default());
    whole(&feed, "a", 5);
    whole(&feed, "b", 5);
    seen.all(&mut watcher);
    assert!(seen.begun.is_empty());
    assert!(watcher.want("a"));
    seen.all(&mut watcher);
    assert_eq!((seen.begun.keys().copied().collect::<Vec<_>>(), seen.of(101, 0).len()), (vec![101], 5));
}

#[test]
fn who_is_far_behind_gets_every_nth_line_up_to_the_newest_and_then_the_rest() {
    let feed = feed(2, 10);
    whole(&feed, "a", 80);
    let (mut watcher, mut seen) = (feed.watch(), Seen::default());
    while seen.ended.is_empty() {
        seen.take(watcher.ready().unwrap());
    }
    assert_eq!(seen.of(1, 0), (0..80).step_by(8).collect::<Vec<_>>());
    assert!(seen.steps.iter().all(|step| *step == 8));
    seen.take(watcher.ready().unwrap());
    assert!(seen.of(1, 0).contains(&4), "the middle between two lines comes first: {:?}", seen.of(1, 0));
    seen.all(&mut watcher);
    assert_eq!(seen.of(1, 0), (0..80).collect::<Vec<_>>());
}

#[test]
fn a_slow_reader_delays_neither_the_writer_nor_another_reader() {
    let feed = feed(2, 10);
    let (mut slow, mut slow_seen) = (feed.watch(), Seen::default());
    let (mut fast, mut fast_seen) = (feed.watch(), Seen::default());
    feed.begin("a".into(), &format(1));
    for index in 0..500 {
        feed.line("a", line(0, index));
        fast_seen.all(&mut fast);
        assert_eq!(fast_seen.of(1, 0).len() as u32, index + 1);
    }
    feed.end("a", &Outcome { lines: 500, ..Outcome::default() });
    assert!(fast_seen.steps.iter().all(|step| *step == 1), "nobody thins who keeps up");
    slow_seen.all(&mut slow);
    assert_eq!(slow_seen.of(1, 0).len(), 500);
    assert!(slow_seen.steps.iter().any(|step| *step > 1));
}

#[test]
fn an_image_that_memory_lets_go_is_said_to_be_gone_and_one_never_heard_of_is_a_gap_in_the_numbers() {
    let feed = feed(2, 10);
    let (mut watcher, mut seen) = (feed.watch(), Seen::default());
    feed.begin("a".into(), &format(1));
    feed.line("a", line(0, 0));
    seen.all(&mut watcher);
    for image in ["b", "c", "d"] {
        whole(&feed, image, 3);
    }
    feed.line("a", line(0, 1));
    seen.all(&mut watcher);
    assert_eq!((seen.gone.as_slice(), seen.of(1, 0)), (&[1][..], vec![0]));
    assert_eq!(seen.begun.keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
}

#[test]
fn lines_that_were_never_handed_over_are_counted_at_the_end() {
    let feed = feed(2, 1000);
    let (mut watcher, mut seen) = (feed.watch(), Seen::default());
    feed.begin("a".into(), &format(2));
    for index in [0, 1, 5, 6] {
        feed.line("a", line(0, index));
    }
    feed.line("a", line(1, 2));
    feed.end("a", &Outcome { lines: 8, ..Outcome::default() });
    seen.all(&mut watcher);
    assert_eq!((seen.of(1, 0), seen.of(1, 1)), (vec![0, 1, 5, 6], vec![2]));
    assert_eq!(seen.ended[&1].1, 16 - 5);
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_a_line_and_loses_nothing_when_it_stops_waiting() {
    let feed = feed(2, 10);
    feed.begin("a".into(), &format(1));
    let mut watcher = feed.watch();
    assert!(matches!(watcher.next().await, News::Link { .. }));
    assert!(matches!(watcher.next().await, News::Begin { .. }));
    tokio::select! {
        biased;
        news = watcher.next() => panic!("{news:?}"),
        () = tokio::task::yield_now() => {}
    }
    let waiting = tokio::spawn(async move { watcher.next().await });
    tokio::task::yield_now().await;
    feed.line("a", line(0, 0));
    assert!(matches!(waiting.await.unwrap(), News::Lines(lines) if lines.first == 0));
}

/// What happens, in any order.
#[derive(Clone, Debug)]
enum Step {
    Write { lines: u32, leave_out: u32 },
    Next { end: bool },
    Read { reader: usize, most: usize },
    Want { reader: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u32..40, 0u32..3).prop_map(|(lines, leave_out)| Step::Write { lines, leave_out }),
        1 => any::<bool>().prop_map(|end| Step::Next { end }),
        4 => (0usize..3, 0usize..12).prop_map(|(reader, most)| Step::Read { reader, most }),
        1 => (0usize..3).prop_map(|reader| Step::Want { reader }),
    ];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn whatever_the_pace_every_line_comes_exactly_once_or_is_known_to_be_missing(
        steps in steps(), behind in 1u32..30, images in 1usize..4, views in 1u8..3,
    ) {
        let feed = feed(images, behind);
        let mut readers: Vec<_> = (0..3).map(|_| (feed.watch(), Seen::default())).collect();
        let mut written: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let (mut number, mut next) = (1, 0);
        feed.begin("1".into(), &format(views));
        written.insert(1, Vec::new());
        for step in steps {
            match step {
                Step::Write { lines, leave_out } => {
                    next += leave_out;
                    for _ in 0..lines {
                        for view in 0..views {
                            feed.line(&number.to_string(), line(view, next));
                        }
                        written.entry(number).or_default().push(next);
                        next += 1;
                    }
                }
                Step::Next { end } => {
                    if end {
                        feed.end(&number.to_string(), &Outcome { lines: next, ..Outcome::default() });
                    }
                    (number, next) = (number + 1, 0);
                    feed.begin(number.to_string().into(), &format(views));
                    written.insert(number, Vec::new());
                }
                Step::Read { reader, most } => {
                    let (watcher, seen) = &mut readers[reader];
                    for news in (0..most).map_while(|_| watcher.ready()).collect::<Vec<_>>() {
                        seen.take(news);
                    }
                }
                Step::Want { reader } => {
                    let (watcher, seen) = &mut readers[reader];
                    seen.all(watcher);
                    if watcher.want(&number.to_string()) && seen.ended.contains_key(&number) {
                        // It is sent once more: what came before no longer counts.
                        seen.lines.retain(|(of, ..), _| *of != number);
                        seen.begun.remove(&number);
                        seen.ended.remove(&number);
                    }
                }
            }
            prop_assert!(feed.shelf().bytes() <= 1 << 20);
            prop_assert!(feed.images().len() <= images);
        }
        let last = Outcome { lines: next, ..Outcome::default() };
        feed.end(&number.to_string(), &last);
        let kept: Vec<u32> = feed.images().iter().map(|image| image.number).collect();
        for (watcher, seen) in &mut readers {
            seen.all(watcher);
            for (number, lines) in &written {
                for view in 0..views {
                    let got = seen.of(*number, view);
                    prop_assert!(got.iter().all(|index| lines.contains(index)));
                    if kept.contains(number) {
                        prop_assert_eq!(&got, lines, "image {}", number);
                    } else {
                        prop_assert!(!seen.begun.contains_key(number) || seen.gone.contains(number));
                    }
                }
            }
            let (outcome, missing) = &seen.ended[&number];
            prop_assert_eq!(outcome, &last);
            let left_out = next - written[&number].len() as u32;
            prop_assert_eq!(*missing, u64::from(left_out * u32::from(views)));
        }
    }
}
