//! The calibration of material colours that a technician made with a step wedge, if there is one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Config;
use crate::image::material::{Patch, Table};

/// A wedge of all materials has some thirty steps; a file beyond this is none.
const BYTES_MAX: u64 = 1 << 20;

/// Where the steps of a device's wedge lie.
pub fn path(store: &Path, device: &str) -> PathBuf {
    store.join("calibration").join(format!("{device}.wedge"))
}

/// The classes of the station's X-ray machine; `None` where nobody calibrated them, and its images stay grey.
pub(super) fn table(config: &Config) -> Option<Arc<Table>> {
    let device = config.devices[config.station.xray?].id.shared();
    let path = path(&config.store.dir, &device);
    match read(&path) {
        Ok(table) => Some(Arc::new(table)),
        Err(None) => None,
        Err(Some(why)) => {
            tracing::error!(device = &*device, why, "images stay grey: calibrate the materials again (portside wedge)");
            None
        }
    }
}

fn read(path: &Path) -> Result<Table, Option<String>> {
    let said = |error: &dyn std::fmt::Display| Some(format!("{}: {error}", path.display()));
    let size = match std::fs::metadata(path) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(None),
        Err(error) => return Err(said(&error)),
    };
    if size > BYTES_MAX {
        return Err(said(&format!("{size} bytes are more than the steps of a wedge take")));
    }
    let text = std::fs::read(path).map_err(|error| said(&error))?;
    let patches: Vec<Patch> = serde_json::from_slice(&text).map_err(|error| said(&error))?;
    Table::calibrated(&patches).map_err(|error| said(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_without_a_wedge_is_grey_and_a_broken_one_is_said_to_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = path(dir.path(), "scanner");
        assert_eq!(read(&path), Err(None));
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "[").unwrap();
        assert!(read(&path).unwrap_err().unwrap().contains("scanner.wedge: EOF"));
        std::fs::write(&path, "[]").unwrap();
        assert!(read(&path).unwrap_err().unwrap().contains("usable steps of polyethylene"));
    }
}
