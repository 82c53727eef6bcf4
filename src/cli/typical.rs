//! `portside typical`: an image of an inspection, kept under a name as one that desks compare with.
//!
//! The daemon is only asked for bytes; the file is written here, as the caller's user.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;
use tempfile::NamedTempFile;

use super::door::{self, SocketArg};
use super::export::{fetched, otherwise};
use crate::config;
use crate::control::call::{Call, Reply};
use crate::journal::Record;

/// Letters of a name.
const NAME_MAX: usize = 60;

/// `portside typical`
#[derive(Args, Debug)]
pub(super) struct TypicalArgs {
    #[command(subcommand)]
    verb: TypicalVerb,
}

#[derive(Subcommand, Debug)]
enum TypicalVerb {
    /// Keep the last image of an inspection as a typical one
    #[command(after_help = "Example:\n  portside typical add 01a2001 \"01 空箱\" -c /etc/portside/B01.toml\n\n\
        Any X-ray file that the lane reads may be put into the folder by hand just as well; its name is what desks show.\n\
        To take one away, remove its file. The daemon looks at the folder at its start and on SIGHUP:\n  \
        systemctl reload portside@B01")]
    Add(AddArgs),
}

#[derive(Args, Debug)]
struct AddArgs {
    /// The inspection's id, or its beginning
    inspection: String,
    /// What desks call the image; they list typical images by name
    name: String,
    /// The lane file, which says where typical images lie
    #[arg(short, long, value_name = "FILE", default_value = "/etc/portside/lane.toml")]
    config: PathBuf,
    #[command(flatten)]
    socket: SocketArg,
}

/// Does what the verb says.
pub(super) fn run(args: &TypicalArgs) -> ExitCode {
    let TypicalVerb::Add(args) = &args.verb;
    if let Err(why) = fits(&args.name) {
        eprintln!("error: {why}");
        return ExitCode::from(door::WRONG);
    }
    let folder = match config::load(&args.config) {
        Ok(checked) => checked.config.typical(),
        Err(report) => {
            eprintln!("{}", report.render(config::Ink::Plain));
            return ExitCode::from(door::WRONG);
        }
    };
    match add(args, &folder) {
        Ok(path) => {
            let _ = writeln!(
                io::stdout(),
                "Kept {}. Desks compare with it once the daemon has looked at the folder: send it SIGHUP, as \
                 `systemctl reload` does.",
                path.display()
            );
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn add(args: &AddArgs, folder: &Path) -> Result<PathBuf, String> {
    let reply = door::ask(&args.socket, &Call::Inspection { inspection: args.inspection.clone() })?;
    let Reply::Records { records } = reply else { return Err(otherwise(reply)) };
    let picture = picture(&records).ok_or_else(|| format!("inspection {} has no image", args.inspection))?;
    if !picture["sidecar"].is_null() {
        let why = "its image is samples alone with a sidecar beside them, and a typical image is one file";
        return Err(format!("{why}; convert it to TIFF and put it into {}", folder.display()));
    }
    let sha256 = picture["sha256"].as_str().unwrap_or_default();
    let bytes = fetched(&args.socket, sha256)?;
    keep(folder, &args.name, &bytes)
}

/// The last image, as it is for processing where there is such a file of it.
fn picture(records: &[String]) -> Option<Value> {
    let data = |text: &String| {
        let record = Record::parse(text.as_bytes()).ok()?;
        (record.kind == "inspection.picture").then(|| record.value())
    };
    let pictures: Vec<Value> = records.iter().filter_map(data).collect();
    let last = pictures.last()?;
    let same = |picture: &&Value| !last["image"].is_null() && picture["image"] == last["image"];
    let raw = pictures.iter().filter(same).find(|picture| picture["form"] == "raw");
    Some(raw.unwrap_or(last).clone())
}

/// A name is a file's name too.
fn fits(name: &str) -> Result<(), String> {
    let foreign = |letter: char| letter.is_control() || letter == '/';
    if name.trim().is_empty() || name.starts_with('.') || name.contains(foreign) || name.chars().count() > NAME_MAX {
        return Err(format!(
            "\"{}\" cannot name an image: up to {NAME_MAX} letters, no slash, no dot at the beginning",
            name.escape_debug()
        ));
    }
    Ok(())
}

/// Never over a file that is there, and never half a file.
fn keep(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, String> {
    let extension = if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") { "tiff" } else { "image" };
    let path = folder.join(format!("{name}.{extension}"));
    let refused = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return format!("{} is there already; choose another name", path.display());
        }
        format!("{} cannot be written: {error}", path.display())
    };
    fs::create_dir_all(folder).map_err(refused)?;
    // Hidden until it is whole: the daemon leaves such files out.
    let mut file = NamedTempFile::with_prefix_in(".typical-", folder).map_err(refused)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(refused)?;
    // Read by the daemon's own user, which may be another one.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(refused)?;
    file.persist_noclobber(&path).map_err(|error| refused(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_short_line_and_leads_nowhere_else() {
        for name in ["01 空箱", "a.b", "x"] {
            assert_eq!(fits(name), Ok(()), "{name}");
        }
        for name in ["", " ", "../x", "a/b", ".hidden", "a\nb", &"箱".repeat(61)] {
            assert!(fits(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_image_is_kept_whole_and_never_in_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("typical");
        let path = keep(&folder, "01 空箱", b"II*\0 first").unwrap();
        assert_eq!(path, folder.join("01 空箱.tiff"));
        assert!(keep(&folder, "01 空箱", b"II*\0 second").is_err_and(|why| why.contains("already")));
        assert_eq!(fs::read(&path).unwrap(), b"II*\0 first");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing half is left behind");
    }
}
