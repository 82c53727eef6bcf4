//! A watched folder with the real decoder: complete files arrive once, everything else is set aside, nothing is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use portside::clock::Clock;
use portside::field::decoder::Decoder;
use portside::field::folder::{Arrived, FolderEvent, TAKING, take, watch};
use portside::field::picture::{Decoded, Energy, Form, Format, Photometric, View};
use portside::simulate::phantom::files::{HABITS, Habit};
use portside::simulate::scanner::{Goods, SENDINGS, Scanner};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Longer than any machine needs; reached only where something hangs.
const HANGS: Duration = Duration::from_secs(120);
/// Long enough for several looks at the folder.
const SOME_LOOKS: Duration = Duration::from_millis(1500);

struct Watched {
    dir: tempfile::TempDir,
    events: mpsc::Receiver<FolderEvent>,
    _stop: DropGuard,
}

fn decoder() -> Decoder {
    Decoder::of(env!("CARGO_BIN_EXE_portside").into())
}

impl Watched {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), Clock::start())
    }

    fn start_in(dir: tempfile::TempDir, clock: Clock) -> Self {
        let (send, events) = mpsc::channel(4);
        let stop = CancellationToken::new();
        tokio::spawn(watch("scanner".into(), dir.path().into(), decoder(), clock, send, stop.clone()));
        Self { dir, events, _stop: stop.drop_guard() }
    }

    async fn next(&mut self) -> FolderEvent {
        loop {
            let event = tokio::time::timeout(HANGS, self.events.recv()).await.expect("an event").unwrap();
            if !matches!(event, FolderEvent::Link { .. }) {
                return event;
            }
        }
    }

    async fn arrived(&mut self) -> Arrived {
        match self.next().await {
            FolderEvent::Arrived(arrived) => arrived,
            other @ (FolderEvent::SetAside { .. } | FolderEvent::Link { .. }) => panic!("{other:?}"),
        }
    }

    async fn set_aside(&mut self) -> (String, String) {
        match self.next().await {
            FolderEvent::SetAside { name, reason, .. } => (name, reason),
            other @ (FolderEvent::Arrived(_) | FolderEvent::Link { .. }) => panic!("{other:?}"),
        }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn has(&self, name: &str) -> bool {
        self.dir.path().join(name).exists()
    }
}

fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    image::DynamicImage::new_luma16(64, 48).write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

const SIDECAR: &str =
    r#"{"width": 4, "height": 2, "bits_allocated": 16, "views": [{"energy": "low"}, {"energy": "high"}]}"#;

#[tokio::test]
async fn a_file_written_in_pieces_arrives_once_and_whole() {
    let mut watched = Watched::start();
    let whole = png();
    let (first, second) = whole.split_at(whole.len() / 2);
    let path = watched.write("scan-1.png", first);
    tokio::time::sleep(SOME_LOOKS).await;
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, second).unwrap();
    let arrived = watched.arrived().await;
    assert_eq!(arrived.bytes, whole);
    assert_eq!((arrived.decoded.width, arrived.decoded.height, arrived.decoded.bits), (64, 48, 16));
    assert_eq!(arrived.decoded.form, Form::Raw);
    take(&arrived.path).unwrap();
    assert!(watched.has("taken/scan-1.png"));
}

#[tokio::test]
async fn a_file_under_a_temporary_name_is_left_alone_until_it_is_renamed() {
    let mut watched = Watched::start();
    for name in ["scan.png.part", "~scan.png", "scan.filepart", ".scan.png.X8"] {
        watched.write(name, png());
    }
    watched.write("other.png", png());
    assert_eq!(watched.arrived().await.name, "other.png");
    fs::rename(watched.dir.path().join("scan.png.part"), watched.dir.path().join("scan.png")).unwrap();
    assert_eq!(watched.arrived().await.name, "scan.png");
    assert!(watched.has("~scan.png") && watched.has("scan.filepart") && watched.has(".scan.png.X8"));
}

#[tokio::test]
async fn a_tiff_whose_size_was_reserved_and_is_filled_later_arrives_filled() {
    let mut watched = Watched::start();
    let mut whole = Cursor::new(Vec::new());
    let samples = [4000u16; 64 * 48];
    tiff::encoder::TiffEncoder::new(&mut whole)
        .unwrap()
        .write_image::<tiff::encoder::colortype::Gray16>(64, 48, &samples)
        .unwrap();
    let whole = whole.into_inner();
    let mut reserved = whole.clone();
    let first = whole.windows(2).position(|two| two == 4000u16.to_le_bytes()).unwrap();
    reserved[first..first + 2 * samples.len()].fill(0);
    let path = watched.write("scan.tif", &reserved);
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fs::write(&path, &reserved).unwrap();
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(watched.arrived().await.bytes, whole);
}

#[tokio::test]
async fn samples_and_their_sidecar_arrive_together_in_either_order() {
    for order in [["a.raw", "a.json"], ["a.json", "a.raw"]] {
        let mut watched = Watched::start();
        let bytes = |name: &str| if name == "a.raw" { vec![7; 32] } else { SIDECAR.as_bytes().to_vec() };
        watched.write(order[0], bytes(order[0]));
        tokio::time::sleep(SOME_LOOKS).await;
        watched.write(order[1], bytes(order[1]));
        let arrived = watched.arrived().await;
        assert_eq!((arrived.name.as_str(), arrived.bytes.len()), ("a.raw", 32));
        assert_eq!(arrived.sidecar.as_ref().unwrap().bytes, SIDECAR.as_bytes());
        let energies: Vec<_> = arrived.decoded.views.iter().map(|view| view.energy).collect();
        assert_eq!(energies, [Some(Energy::Low), Some(Energy::High)]);
        take(&arrived.path).unwrap();
        assert!(watched.has("taken/a.raw") && watched.has("taken/a.json"));
    }
}

/// Every form in every way of writing: one picture arrives for each, whole, and nothing is set aside.
#[tokio::test]
async fn what_a_machine_writes_arrives_whole_however_it_writes() {
    let mut watched = Watched::start();
    let mut scanner = Scanner::new(watched.dir.path().into(), (60, 40), 9);
    for habit in HABITS {
        for sending in SENDINGS {
            let names = scanner.scan(Goods::Parcel, habit, sending).await.unwrap();
            let pictures = names.iter().filter(|name| !name.ends_with(".json")).count();
            for _ in 0..pictures {
                let arrived = watched.arrived().await;
                assert!(names.contains(&arrived.name), "{habit:?} {sending:?}: {}", arrived.name);
                assert_eq!((arrived.decoded.width, arrived.decoded.height), (60, 40));
                assert_eq!(arrived.sidecar.is_some(), habit == Habit::Raw);
                take(&arrived.path).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_pair_that_a_kill_tore_apart_is_found_together_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(TAKING)).unwrap();
    fs::write(dir.path().join("taking/a.json"), SIDECAR).unwrap();
    fs::write(dir.path().join("a.raw"), [7; 32]).unwrap();
    let mut watched = Watched::start_in(dir, Clock::start());
    let arrived = watched.arrived().await;
    assert!(arrived.path.ends_with("taking/a.raw"), "{:?}", arrived.path);
    take(&arrived.path).unwrap();
    assert!(watched.has("taken/a.raw") && watched.has("taken/a.json"));
}

#[tokio::test]
async fn samples_without_a_sidecar_and_with_a_lying_one_are_set_aside_with_it() {
    let mut watched = Watched::start();
    watched.write("alone.raw", [7; 32]);
    watched.write("lying.raw", [7; 40]);
    watched.write("lying.json", SIDECAR);
    let mut reasons = [watched.set_aside().await, watched.set_aside().await];
    reasons.sort();
    assert!(reasons[0].1.contains("no NAME.json"), "{reasons:?}");
    assert!(reasons[1].1.contains("32 bytes of samples, and it holds 40"), "{reasons:?}");
    assert!(watched.has("set-aside/lying.raw") && watched.has("set-aside/lying.json"));
    assert!(watched.has("set-aside/lying.raw.reason.txt"));
}

#[tokio::test]
async fn a_picture_that_is_never_taken_is_offered_once_and_holds_up_no_other() {
    let mut watched = Watched::start();
    watched.write("a.png", png());
    let first = watched.arrived().await;
    assert!(!first.left_over);
    watched.write("b.png", png());
    let second = watched.arrived().await;
    assert!(first.path.ends_with("taking/a.png") && second.path.ends_with("taking/b.png"));
    assert!(second.made(false, Clock::start()).is_err(), "written before this clock began");
}

#[tokio::test]
async fn what_an_earlier_run_held_is_offered_as_stale() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(TAKING)).unwrap();
    let clock = Clock::start();
    fs::write(dir.path().join("taking/old.png"), png()).unwrap();
    let mut watched = Watched::start_in(dir, clock);
    let arrived = watched.arrived().await;
    assert!(arrived.made(false, clock).unwrap_err().contains("earlier run"));
    take(&arrived.path).unwrap();
    assert!(watched.has("taken/old.png"));
}

#[test]
fn only_a_picture_as_new_as_its_file_is_fresh() {
    let clock = Clock::start();
    let decoded = Decoded {
        format: Format::Png,
        width: 1,
        height: 1,
        bits: 8,
        sample_bytes: 1,
        signed: false,
        photometric: Photometric::Monochrome2,
        form: Form::Rendered,
        modality: None,
        views: vec![View::default()],
    };
    let at = |written: Timestamp| Arrived {
        device: "scanner".into(),
        name: "scan.png".to_owned(),
        path: PathBuf::new(),
        bytes: Vec::new(),
        sidecar: None,
        decoded: decoded.clone(),
        written,
        left_over: false,
    };
    let seconds = jiff::SignedDuration::from_secs;
    let new = at(clock.wall());
    assert!(new.made(false, clock).is_ok());
    assert!(new.made(true, clock).unwrap_err().contains("evidence already"));
    for (apart, says) in [(5, "before the program started"), (90, "s off this clock"), (-90, "s off this clock")] {
        let reason = at(clock.wall() - seconds(apart)).made(false, clock).unwrap_err();
        assert!(reason.contains(says), "{reason}");
    }
}

#[tokio::test]
async fn half_a_file_is_set_aside_with_its_reason_and_the_next_one_still_arrives() {
    let mut watched = Watched::start();
    let whole = png();
    watched.write("half.png", &whole[..whole.len() - 20]);
    let (name, reason) = watched.set_aside().await;
    assert_eq!(name, "half.png");
    assert!(reason.contains("breaks off"), "{reason}");
    let note = watched.dir.path().join("set-aside/half.png.reason.txt");
    assert!(fs::read_to_string(note).unwrap().contains("breaks off"));
    watched.write("good.png", &whole);
    assert_eq!(watched.arrived().await.name, "good.png");
}

#[tokio::test]
async fn an_empty_file_a_bomb_and_a_link_out_of_the_folder_are_set_aside() {
    let mut watched = Watched::start();
    std::os::unix::fs::symlink("/etc/passwd", watched.dir.path().join("link.png")).unwrap();
    assert!(watched.set_aside().await.1.contains("not a regular file"));
    watched.write("empty.png", b"");
    assert!(watched.set_aside().await.1.contains("it is empty"));
    let mut bomb = png();
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    watched.write("bomb.png", bomb);
    assert_eq!(watched.set_aside().await.0, "bomb.png");
}

#[tokio::test]
async fn a_decoder_that_cannot_be_started_is_a_link_that_is_down_and_costs_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let (send, mut events) = mpsc::channel(4);
    let stop = CancellationToken::new();
    fs::write(dir.path().join("scan.png"), png()).unwrap();
    let absent = Decoder::of(dir.path().join("absent"));
    tokio::spawn(watch("scanner".into(), dir.path().into(), absent, Clock::start(), send, stop.clone()));
    let down = tokio::time::timeout(HANGS, events.recv()).await.unwrap();
    let Some(FolderEvent::Link { down: Some(reason), .. }) = down else { panic!("{down:?}") };
    assert!(reason.contains("cannot be started"), "{reason}");
    assert!(dir.path().join("scan.png").exists());
    stop.cancel();
}

#[tokio::test]
async fn a_missing_folder_is_a_link_that_is_down_until_it_appears() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("share");
    let (send, mut events) = mpsc::channel(4);
    let stop = CancellationToken::new();
    tokio::spawn(watch("scanner".into(), dir.clone(), decoder(), Clock::start(), send, stop.clone()));
    assert!(matches!(events.recv().await, Some(FolderEvent::Link { down: Some(_), .. })));
    fs::create_dir(&dir).unwrap();
    let up = tokio::time::timeout(HANGS, events.recv()).await.unwrap();
    assert!(matches!(up, Some(FolderEvent::Link { down: None, .. })));
    stop.cancel();
}
