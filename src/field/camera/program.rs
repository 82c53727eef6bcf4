//! Where the program lies that watches cameras. It is a package of its own, because of what OpenCV brings along.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const NAME: &str = "portside-vision";

/// Names the program; a site may keep it anywhere.
pub const VARIABLE: &str = "PORTSIDE_VISION";

/// The program as this process would start it: at [`VARIABLE`], else beside this binary, else in libexec.
///
/// # Errors
/// Where it was looked for.
pub fn find() -> Result<PathBuf, String> {
    let exe = std::env::current_exe().unwrap_or_default();
    let places = places(std::env::var_os(VARIABLE), &exe);
    match places.iter().find(|place| place.is_file()) {
        Some(found) => Ok(found.clone()),
        None => {
            let names: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
            Err(format!("{NAME} is not installed: looked for {}", names.join(", ")))
        }
    }
}

/// Where it may be, in this order. Who names a place means that one and no other.
fn places(named: Option<OsString>, exe: &Path) -> Vec<PathBuf> {
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        return vec![named.into()];
    }
    let beside = exe.parent().unwrap_or(Path::new("/"));
    let libexec = beside.parent().unwrap_or(beside).join("libexec/portside");
    vec![beside.join(NAME), libexec.join(NAME)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_a_place_means_that_one_and_otherwise_it_lies_beside_or_in_libexec() {
        let exe = Path::new("/usr/bin/portside");
        assert_eq!(places(Some("/opt/eyes".into()), exe), [Path::new("/opt/eyes")]);
        let usual = [Path::new("/usr/bin/portside-vision"), Path::new("/usr/libexec/portside/portside-vision")];
        assert_eq!(places(None, exe), usual);
        assert_eq!(places(Some("".into()), exe), usual);
    }
}
