//! Files of other people's libraries, and real ones of the data folder, read as these libraries read them: every sample.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod site;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portside::field::decoder::{Bytes, Decoder, Failure};
use portside::field::picture::{Energy, Form, Picture, Unreadable};
use serde::Deserialize;

/// One line of `tests/peers/xray_files.py`.
#[derive(Debug, Deserialize)]
struct Said {
    file: PathBuf,
    sidecar: Option<PathBuf>,
    shape: Option<[u32; 4]>,
    bytes: Option<u8>,
    pixels: Option<PathBuf>,
    #[serde(default)]
    within: u8,
    refused: Option<String>,
}

fn decoder() -> Decoder {
    Decoder::of(env!("CARGO_BIN_EXE_portside").into())
}

fn data() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("PORTSIDE_DATA").map_or(beside, PathBuf::from).join("xray")
}

/// A file of the data folder; `None`, with a line that says so, where it is absent.
fn real(name: &str) -> Option<PathBuf> {
    let path = data().join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: there is no {} (set PORTSIDE_DATA)", path.display());
    None
}

async fn read(file: &Path, sidecar: Option<&Path>) -> Result<Picture, Failure> {
    let (file, sidecar) = (std::fs::read(file).unwrap(), sidecar.map(|path| std::fs::read(path).unwrap()));
    decoder().picture(Bytes { file: &file, sidecar: sidecar.as_deref() }).await
}

#[tokio::test]
async fn every_sample_is_what_pydicom_tifffile_and_pillow_read() {
    let Some(python) = site::python() else { return };
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/xray_files.py");
    let real: Vec<PathBuf> = ["RG3_J2KR.dcm", "dicos_dx_B0011.dcs"].iter().filter_map(|name| real(name)).collect();
    let output = Command::new(python).arg(script).arg(dir.path()).args(real).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the peer failed");
    let lines = String::from_utf8(output.stdout).unwrap();
    let said: Vec<Said> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(said.len() > 40, "only {} files", said.len());
    for said in said {
        let found = read(&said.file, said.sidecar.as_deref()).await;
        compare(&said, found);
    }
}

fn compare(said: &Said, found: Result<Picture, Failure>) {
    let name = said.file.display();
    if let Some(word) = &said.refused {
        let Err(Failure::Unreadable(Unreadable::Never(reason) | Unreadable::Incomplete(reason))) = found else {
            panic!("{name}: {found:?}");
        };
        assert!(reason.contains(word), "{name}: {reason}");
        return;
    }
    let picture = found.unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
    let header = &picture.header;
    let shape = [header.views.len() as u32, header.height, header.width, u32::from(header.photometric.channels())];
    assert_eq!((Some(shape), Some(header.sample_bytes)), (said.shape, said.bytes), "{name}");
    let expected = std::fs::read(said.pixels.as_ref().unwrap()).unwrap();
    assert_eq!(picture.samples.len(), expected.len(), "{name}");
    let apart = picture.samples.iter().zip(&expected).map(|(one, other)| one.abs_diff(*other)).max().unwrap();
    assert!(apart <= said.within, "{name}: samples are {apart} apart");
}

#[tokio::test]
async fn a_real_scanners_samples_are_read_by_their_sidecar() {
    let (Some(raw), Some(sidecar)) = (real("proscan_dx_16bit.raw"), real("proscan_dx_16bit.json")) else { return };
    let picture = read(&raw, Some(&sidecar)).await.unwrap();
    assert_eq!((picture.header.width, picture.header.height, picture.header.form), (640, 520, Form::Raw));
    assert_eq!(picture.header.modality.as_deref(), Some("DX"));
    let samples: Vec<u16> = picture.samples.chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
    // As its sidecar says.
    assert_eq!((samples.iter().min(), samples.iter().max()), (Some(&32_754), Some(&47_819)));
}

#[tokio::test]
async fn a_real_threat_report_is_no_picture() {
    let Some(report) = real("dicos_tdr_clear.dcs") else { return };
    let Err(Failure::Unreadable(Unreadable::Never(reason))) = read(&report, None).await else { panic!("read") };
    assert!(reason.contains("threat report"), "{reason}");
}

#[tokio::test]
async fn every_picture_of_the_data_folder_is_read_or_refused_in_words() {
    let Ok(entries) = std::fs::read_dir(data()) else {
        println!("skipped: there is no {} (set PORTSIDE_DATA)", data().display());
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let picture = ["png", "jpg"].iter().any(|end| path.extension().is_some_and(|found| found == *end));
        if picture {
            let header =
                read(&path, None).await.unwrap_or_else(|failure| panic!("{}: {failure:?}", path.display())).header;
            assert_eq!(header.form, Form::Rendered, "{}", path.display());
            assert!(header.views.iter().all(|view| view.energy != Some(Energy::Low)));
        }
    }
}
