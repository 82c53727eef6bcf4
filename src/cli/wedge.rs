//! `portside wedge`: the steps of a scanned wedge make the calibration of material colours.

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;

use super::door::WRONG;
use crate::config::{self, Config};
use crate::field::decoder::{Bytes, Decoder, Failure};
use crate::field::picture::Unreadable;
use crate::image::material::{Patch, Reference, Table};
use crate::image::{Scan, of_picture};
use crate::run::materials;

/// Calibrates the colours of materials with a scanned step wedge.
#[derive(Args, Debug)]
#[command(after_help = "STEPS says where each step lies on the scan, its edges left out:\n\n  \
    [[step]]\n  material = \"polyethylene\"    # polyethylene, aluminium, iron: at least four steps of each\n  \
    thickness_cm = 2.0\n  lines = [22, 38]            # from, to: across the picture\n  \
    elements = [10, 60]         # from, to: down the picture\n\n\
    The scan is one that the lane kept (raw, both energies), as `portside journal export` hands it over. The daemon uses \
    the calibration from its next start on.\n\nExample:\n  portside wedge scan.tif steps.toml -c /etc/portside/lane.toml")]
pub(super) struct WedgeArgs {
    /// The raw scan of the wedge: TIFF, PNG or DICOM with both energies
    scan: PathBuf,
    /// What lies where on it
    steps: PathBuf,
    /// The lane file, which names the store and the X-ray machine
    #[arg(short, long, value_name = "FILE", default_value = "/etc/portside/lane.toml")]
    config: PathBuf,
    /// Say what it would calibrate, and keep nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Steps {
    step: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    material: Reference,
    thickness_cm: f64,
    lines: [usize; 2],
    elements: [usize; 2],
}

/// Runs the verb.
pub(super) fn run(args: &WedgeArgs) -> ExitCode {
    match calibrate(args) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("portside wedge: {why}");
            ExitCode::from(WRONG)
        }
    }
}

fn calibrate(args: &WedgeArgs) -> Result<String, String> {
    let file = args.config.display();
    let faulty = |_| format!("the lane file {file} is faulty or missing; `portside check -c {file}` says why");
    let config = config::load(&args.config).map_err(faulty)?.config;
    let device = machine(&config)?;
    let scan = scan(&args.scan)?;
    let patches = patches(&scan, &args.steps)?;
    Table::calibrated(&patches).map_err(|error| error.to_string())?;
    let path = materials::path(&config.store.dir, &device);
    let mut text = table(&patches);
    if args.dry_run {
        text.push_str("good; nothing was kept (--dry-run)\n");
        return Ok(text);
    }
    keep(&path, &patches).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    text.push_str(&format!("kept for {device} in {}; restart the lane to use it\n", path.display()));
    Ok(text)
}

fn machine(config: &Config) -> Result<std::sync::Arc<str>, String> {
    let xray =
        config.station.xray.ok_or("the station of this lane has no X-ray machine (`xray = …` in [[station]])")?;
    Ok(config.devices[xray].id.shared())
}

fn scan(path: &Path) -> Result<Scan, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let decoded = runtime.block_on(Decoder::default().picture(Bytes { file: &bytes, sidecar: None }));
    let picture = decoded.map_err(|failure| match failure {
        Failure::Unreadable(Unreadable::Incomplete(why) | Unreadable::Never(why)) | Failure::Unavailable(why) => {
            format!("{}: {why}", path.display())
        }
    })?;
    let finished = of_picture(&picture);
    let format = finished.format();
    if !format.dual() {
        let name = path.display();
        return Err(format!("{name} is no raw scan of two energies; take the one of form `raw` from the inspection"));
    }
    Ok(finished.scan)
}

fn patches(scan: &Scan, path: &Path) -> Result<Vec<Patch>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let steps: Steps = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let range = |[from, to]: [usize; 2]| -> Range<usize> { from..to };
    let each = steps.step.iter().map(|step| {
        let place = (range(step.lines), range(step.elements));
        Patch::on(scan, 0, place, (step.material, step.thickness_cm)).ok_or_else(|| {
            let (lines, elements, pixels) = (step.lines, step.elements, scan.format().pixels);
            format!(
                "{}: the step of {} cm lies at lines {lines:?}, elements {elements:?}, and the scan has {} lines of {pixels}",
                path.display(),
                step.thickness_cm,
                scan.lines()
            )
        })
    });
    each.collect()
}

fn table(patches: &[Patch]) -> String {
    let percent = |samples: f64| 100.0 * samples / f64::from(crate::image::AIR);
    let row = |patch: &Patch| {
        let (low, high) = (percent(patch.low), percent(patch.high));
        let material = format!("{:?}", patch.material).to_lowercase();
        format!("{material:<14}{:>8.2} cm   low {low:>6.2} %   high {high:>6.2} %\n", patch.thickness_cm)
    };
    patches.iter().map(row).collect()
}

/// What stands under the name is whole at any time, and readable for the lane's own user and group alone.
fn keep(path: &Path, patches: &[Patch]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, patches)?;
    file.flush()?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}
